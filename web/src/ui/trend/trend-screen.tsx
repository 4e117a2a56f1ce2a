import { useMemo, useState } from 'preact/hooks';
import { formatDateTime } from '../../model/format.ts';
import { PENS_MAX, SPANS, spanMs, type TrendRoute } from '../../model/route.ts';
import type { Limit } from '../../model/scale.ts';
import type { Tag } from '../../model/types.ts';
import { serverNow } from '../../state/clock.ts';
import { limits, plantLoaded, tags } from '../../state/plant.ts';
import { t } from '../../state/prefs.ts';
import { navigate } from '../../state/router.ts';
import { Icon } from '../icons.tsx';
import { Chart } from './chart.tsx';
import { PenTable } from './pen-table.tsx';
import { TagSearch } from './tag-search.tsx';
import { usePens } from './use-pens.ts';

const NO_LIMITS: readonly Limit[] = [];

function Controls({ at }: { readonly at: TrendRoute }) {
  const step = (direction: -1 | 1) => {
    const until = (at.until ?? serverNow()) + (direction * spanMs(at.span)) / 2;
    navigate({ ...at, until: until >= serverNow() ? null : until }, 'replace');
  };
  return (
    <>
      <fieldset class="segments">
        <legend class="hidden">{t('trend.span')}</legend>
        {SPANS.map((span) => (
          <button
            key={span}
            type="button"
            aria-pressed={at.span === span}
            data-testid={`span-${span}`}
            onClick={() => navigate({ ...at, span }, 'replace')}
          >
            {t(`trend.span.${span}`)}
          </button>
        ))}
      </fieldset>
      <fieldset class="segments">
        <legend class="hidden">{t('trend.live')}</legend>
        <button
          type="button"
          data-testid="trend-back"
          aria-label={t('trend.back')}
          title={t('trend.back')}
          onClick={() => step(-1)}
        >
          <Icon name="back" size={16} />
        </button>
        <button
          type="button"
          aria-pressed={at.until !== null}
          data-testid="trend-hold"
          onClick={() => navigate({ ...at, until: at.until ?? serverNow() }, 'replace')}
        >
          {t('trend.hold')}
        </button>
        <button
          type="button"
          aria-pressed={at.until === null}
          data-testid="trend-live"
          onClick={() => navigate({ ...at, until: null }, 'replace')}
        >
          {t('trend.live')}
        </button>
        <button
          type="button"
          data-testid="trend-forward"
          aria-label={t('trend.forward')}
          title={t('trend.forward')}
          disabled={at.until === null}
          onClick={() => step(1)}
        >
          <Icon name="forward" size={16} />
        </button>
      </fieldset>
    </>
  );
}

function Plot({ at, list }: { readonly at: TrendRoute; readonly list: readonly Tag[] }) {
  const [cursor, setCursor] = useState<number | null>(null);
  const [wholeRange, setWholeRange] = useState(false);
  const pens = usePens(list, spanMs(at.span), at.until);
  const [only] = list;
  const its = list.length === 1 && only !== undefined ? (limits.value.get(only.name) ?? NO_LIMITS) : NO_LIMITS;
  const end = cursor ?? pens.to;
  return (
    <>
      <div class="toolbar">
        <span class="num" data-testid="trend-time">
          {cursor === null
            ? `${formatDateTime(pens.from * 1000)} – ${formatDateTime(end * 1000)}`
            : formatDateTime(cursor * 1000)}
        </span>
        <span class="key">
          <span class="key-hatch" /> {`${t('trend.bad')}, ${t('trend.silent')}`}
        </span>
        <span class="key">
          <span class="key-hatch key-hatch-wide" /> {t('trend.uncertain')}
        </span>
        <span class="spread" />
        <label class="inline">
          {t('trend.scale')}
          <select
            data-testid="trend-scale"
            value={wholeRange ? 'range' : 'auto'}
            onChange={(event) => setWholeRange(event.currentTarget.value === 'range')}
          >
            <option value="auto">{t('trend.scaleAuto')}</option>
            <option value="range">{t('trend.scaleRange')}</option>
          </select>
        </label>
      </div>
      <div class={pens.loading ? 'trend-plot trend-loading' : 'trend-plot'} aria-busy={pens.loading}>
        <Chart
          pens={pens.pens}
          from={pens.from}
          to={pens.to}
          limits={its}
          wholeRange={wholeRange}
          onCursor={setCursor}
          testid="trend-canvas"
        />
      </div>
      <PenTable
        pens={pens}
        cursor={cursor}
        onRemove={(name) => navigate({ ...at, tags: at.tags.filter((other) => other !== name) }, 'replace')}
      />
    </>
  );
}

/** The address says it all: tags, span, and the right edge where it is held. */
export function TrendScreen({ at }: { readonly at: TrendRoute }) {
  const known = tags.value;
  const key = at.tags.join();
  const list = useMemo(
    () => at.tags.map((name) => known.get(name)).filter((tag): tag is Tag => tag !== undefined),
    [key, known],
  );
  return (
    <div class="page page-full">
      <header class="page-head">
        <h1>{t('trend.title')}</h1>
        <TagSearch
          taken={at.tags}
          full={at.tags.length >= PENS_MAX}
          onPick={(name) => navigate({ ...at, tags: [...at.tags, name] }, 'replace')}
        />
        <Controls at={at} />
      </header>
      <section class="panel trend">
        {list.length > 0 ? (
          <Plot at={at} list={list} />
        ) : (
          <p class="page-note">{t(plantLoaded.value ? 'trend.none' : 'app.loading')}</p>
        )}
      </section>
    </div>
  );
}
