import type { ReadonlySignal } from '@preact/signals';
import { useState } from 'preact/hooks';
import { formatDateTime, parseLocal } from '../../model/format.ts';
import { type Mark, marksNear } from '../../model/marks.ts';
import { TREND_LAYERS, type TrendRoute } from '../../model/route.ts';
import { changeAxes, tagsOf } from '../../model/trend-set.ts';
import { OVERLAYS, pan, SPANS, spanMs, type View, viewOf, zoom } from '../../model/trend-view.ts';
import { serverNow } from '../../state/clock.ts';
import { tags } from '../../state/plant.ts';
import { t } from '../../state/prefs.ts';
import { csvAddress } from '../../state/samples.ts';
import { Icon } from '../icons.tsx';
import { fileName } from './picture.ts';
import { w } from './words.ts';

interface MoveProps {
  readonly at: TrendRoute;
  readonly view: View;
  readonly go: (view: View) => void;
}

/** How long, and up to when. */
export function Moves({ at, view, go }: MoveProps) {
  return (
    <>
      <fieldset class="segments">
        <legend class="hidden">{w('span')}</legend>
        {SPANS.map((span) => (
          <button
            key={span}
            type="button"
            aria-pressed={view.spanMs === spanMs(span)}
            data-testid={`span-${span}`}
            onClick={() => go({ ...view, spanMs: spanMs(span) })}
          >
            {w(`span.${span}`)}
          </button>
        ))}
      </fieldset>
      <fieldset class="segments">
        <legend class="hidden">{w('live')}</legend>
        <StepButton name="back" to={() => pan(view, -0.5, serverNow())} go={go} />
        <button
          type="button"
          aria-pressed={at.until !== null}
          data-testid="trend-hold"
          onClick={() => go({ ...view, until: view.until ?? Math.floor(serverNow()) })}
        >
          {w('hold')}
        </button>
        <button
          type="button"
          aria-pressed={at.until === null}
          data-testid="trend-live"
          onClick={() => go({ ...view, until: null })}
        >
          {w('live')}
        </button>
        <StepButton name="forward" to={() => pan(view, 0.5, serverNow())} go={go} disabled={view.until === null} />
        <StepButton name="closer" to={() => zoom(view, 0.5, view.until === null ? 1 : 0.5, serverNow())} go={go} />
        <StepButton name="wider" to={() => zoom(view, 2, view.until === null ? 1 : 0.5, serverNow())} go={go} />
      </fieldset>
    </>
  );
}

interface StepProps {
  readonly name: 'back' | 'forward' | 'closer' | 'wider';
  readonly to: () => View;
  readonly go: (view: View) => void;
  readonly disabled?: boolean;
}

function StepButton({ name, to, go, disabled = false }: StepProps) {
  return (
    <button
      type="button"
      data-testid={`trend-${name}`}
      aria-label={w(name)}
      title={w(name)}
      disabled={disabled}
      onClick={() => go(to())}
    >
      {name === 'back' || name === 'forward' ? <Icon name={name} size={16} /> : name === 'closer' ? '+' : '−'}
    </button>
  );
}

interface FieldProps {
  readonly name: 'from' | 'to';
  readonly ms: number;
  readonly onTime: (ms: number) => void;
}

/** Shows a time, and takes another one. What is being written is not overwritten by the present that moves on. */
function EdgeField({ name, ms, onTime }: FieldProps) {
  const [draft, setDraft] = useState<string | null>(null);
  const wrong = draft !== null && parseLocal(draft) === null;
  const commit = () => {
    const time = draft === null ? null : parseLocal(draft);
    if (time !== null && draft !== formatDateTime(ms)) onTime(time);
    setDraft(null);
  };
  return (
    <label class="inline">
      {w(name)}
      <input
        class="num time-field trend-edge"
        data-testid={`trend-${name}`}
        title={wrong ? t('history.timeWrong') : undefined}
        placeholder={t('history.timeFormat')}
        aria-invalid={wrong}
        value={draft ?? formatDateTime(ms)}
        onInput={(event) => setDraft(event.currentTarget.value)}
        onBlur={commit}
        onKeyDown={(event) => {
          if (event.key === 'Enter') commit();
          else if (event.key === 'Escape') setDraft(null);
        }}
      />
    </label>
  );
}

interface ToolsProps {
  readonly at: TrendRoute;
  /** Seconds. */
  readonly from: number;
  readonly to: number;
  readonly cursor: ReadonlySignal<number | null>;
  readonly marks: readonly Mark[];
  readonly change: (part: Partial<TrendRoute>) => void;
  readonly go: (view: View) => void;
  readonly onPicture: () => void;
}

/** Of the span, to either side of the cursor. */
const NEAR = 0.005;
const NEAR_MAX = 2;

/** Where the cursor stands, and what alarms did there. */
function CursorTime({ cursor, marks, from, to }: Pick<ToolsProps, 'cursor' | 'marks' | 'from' | 'to'>) {
  const at = cursor.value;
  const near = at === null ? [] : marksNear(marks, at, (to - from) * NEAR).slice(-NEAR_MAX);
  const words = near.map((mark) => `${mark.record.alarm ?? ''} ${w(`mark.${mark.kind}`)}`);
  const text = at === null ? '' : [`${w('atCursor')} ${formatDateTime(at * 1000)}`, ...words].join(' · ');
  return (
    <span class="num trend-time" title={text} data-testid="trend-time" aria-live="polite">
      {text}
    </span>
  );
}

function Key() {
  return (
    <>
      <span class="trend-key">
        <span class="trend-hatch" /> {`${w('bad')}, ${w('silent')}`}
      </span>
      <span class="trend-key">
        <span class="trend-hatch trend-hatch-wide" /> {w('uncertain')}
      </span>
    </>
  );
}

/** For each pane with several pens of its own: whether they share one axis. */
function OneAxis({ at, change }: Pick<ToolsProps, 'at' | 'change'>) {
  const measured = (tag: string) => tags.value.get(tag)?.type !== 'bool';
  const several = at.panes.map((pane) => pane.pens.filter((pen) => measured(pen.tag)).length > 1);
  if (!several.includes(true)) return null;
  return (
    <fieldset class="segments trend-one" title={w('oneAxisTitle')}>
      <legend class="hidden">{w('oneAxis')}</legend>
      <span aria-hidden="true">{w('oneAxis')}</span>
      {at.panes.map((pane, i) =>
        several[i] === true ? (
          <button
            key={i}
            type="button"
            aria-label={`${w('oneAxis')}: ${w('paneN', { n: i + 1 })}`}
            aria-pressed={pane.oneAxis}
            data-testid={`pane-one-${i + 1}`}
            onClick={() => change({ panes: changeAxes(at.panes, i, !pane.oneAxis) })}
          >
            {i + 1}
          </button>
        ) : null,
      )}
    </fieldset>
  );
}

/** The other time that is laid over. */
function Overlay({ at, change }: Pick<ToolsProps, 'at' | 'change'>) {
  return (
    <label class="inline">
      {w('over')}
      <select
        data-testid="trend-over"
        value={at.overlay}
        onChange={(event) =>
          change({ overlay: OVERLAYS.find((overlay) => overlay === event.currentTarget.value) ?? '' })
        }
      >
        <option value="">{w('over.none')}</option>
        {OVERLAYS.map((overlay) => (
          <option key={overlay} value={overlay}>
            {w(`over.${overlay}`)}
          </option>
        ))}
      </select>
    </label>
  );
}

/** What is drawn beside the pens, and what can be taken away. */
export function Tools({ at, from, to, cursor, marks, change, go, onPicture }: ToolsProps) {
  const edge = (a: number, b: number) => go(viewOf(a, b, serverNow()));
  return (
    <div class="toolbar">
      <EdgeField name="from" ms={from * 1000} onTime={(ms) => edge(ms, to * 1000)} />
      <EdgeField name="to" ms={to * 1000} onTime={(ms) => edge(from * 1000, ms)} />
      <CursorTime cursor={cursor} marks={marks} from={from} to={to} />
      <div class="trend-does">
        <Key />
        <Overlay at={at} change={change} />
        <OneAxis at={at} change={change} />
        {TREND_LAYERS.map((layer) => (
          <label key={layer} class="inline">
            <input
              type="checkbox"
              data-testid={`trend-show-${layer}`}
              checked={!at.hide.includes(layer)}
              onChange={() => change({ hide: TREND_LAYERS.filter((l) => at.hide.includes(l) !== (l === layer)) })}
            />
            {w(layer)}
          </label>
        ))}
        <a
          class="button"
          href={csvAddress(tagsOf(at.panes), from * 1000, to * 1000)}
          download={`${fileName(to)}.csv`}
          title={w('csvTitle')}
          data-testid="trend-csv"
        >
          {w('csv')}
        </a>
        <button type="button" title={w('pngTitle')} data-testid="trend-png" onClick={onPicture}>
          {w('png')}
        </button>
      </div>
    </div>
  );
}
