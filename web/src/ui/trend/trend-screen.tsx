import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type AxisPen, drawsSteps, nothingOf } from '../../model/axes.ts';
import { formatDateTime } from '../../model/format.ts';
import type { TrendRoute } from '../../model/route.ts';
import type { Limit } from '../../model/scale.ts';
import { tileLength, tilesOf } from '../../model/tiles.ts';
import { addPen, hasRoom, PANES_MAX, penOfTag, type SetPane, tagsOf } from '../../model/trend-set.ts';
import type { Overlay, View } from '../../model/trend-view.ts';
import type { Tag } from '../../model/types.ts';
import { say } from '../../state/action.ts';
import { serverNow } from '../../state/clock.ts';
import { limits, plantLoaded, settings, tags } from '../../state/plant.ts';
import { t, tt } from '../../state/prefs.ts';
import { navigate } from '../../state/router.ts';
import { Chart, type ChartAlarms, type ChartLimits, slotsOf } from './chart.tsx';
import { EventList } from './event-list.tsx';
import { MySets } from './my-sets.tsx';
import { type PenRow, PenTable } from './pen-table.tsx';
import { drawPicture, fileName, savePicture } from './picture.ts';
import { TagSearch } from './tag-search.tsx';
import { Moves, Tools } from './toolbar.tsx';
import { useAlarmMarks } from './use-alarm-marks.ts';
import { useMoves } from './use-moves.ts';
import { type PenWish, useTrend } from './use-trend.ts';
import { w } from './words.ts';
import './trend.css';

const NO_LIMITS: readonly Limit[] = [];
/** Widths that differ by less are asked for alike. */
const PIXEL_STEP = 128;

/** Where the next pen goes: the pane that was chosen last, while it has room. */
function PaneChoice({ at, pane, onPane }: { at: TrendRoute; pane: number; onPane: (pane: number) => void }) {
  if (at.panes.length === 0) return null;
  const choices = at.panes.length < PANES_MAX ? at.panes.length + 1 : PANES_MAX;
  return (
    <fieldset class="segments">
      <legend class="hidden">{w('into')}</legend>
      {Array.from({ length: choices }, (_, i) => (
        <button
          key={i}
          type="button"
          aria-pressed={pane === i}
          data-testid={`trend-into-${i + 1}`}
          onClick={() => onPane(i)}
        >
          {i === at.panes.length ? `${w('pane')}: ${w('newPane')}` : w('paneN', { n: i + 1 })}
        </button>
      ))}
    </fieldset>
  );
}

/** The width of an element in steps; 0 before it is known. */
function usePixels(element: { readonly current: HTMLElement | null }): number {
  const [pixels, setPixels] = useState(0);
  useEffect(() => {
    if (element.current === null) return undefined;
    const watcher = new ResizeObserver(([entry]) => {
      const width = entry?.contentRect.width ?? 0;
      if (width > 0) setPixels(Math.ceil(width / PIXEL_STEP) * PIXEL_STEP);
    });
    watcher.observe(element.current);
    return () => watcher.disconnect();
  }, []);
  return pixels;
}

/** Pens whose tags are known, as they are drawn. */
function wishesOf(panes: readonly SetPane[], known: ReadonlyMap<string, Tag>): readonly PenWish[] {
  const wishes = new Map<string, PenWish>();
  for (const set of panes.flatMap((pane) => pane.pens)) {
    const tag = known.get(set.tag);
    if (tag === undefined) continue;
    const step = drawsSteps(tag, set);
    wishes.set(`${tag.name} ${step}`, { tag, step });
  }
  return [...wishes.values()];
}

/** The one pen of a pane whose limits are drawn: the chosen one, or the only one. */
function limitsOf(pens: readonly AxisPen[], focus: string): ChartLimits | null {
  const measured = pens.filter((pen) => pen.tag.type !== 'bool');
  const [only] = measured.length === 1 ? measured : [];
  const pen = pens.find((p) => p.tag.name === focus) ?? only;
  return pen === undefined ? null : { tag: pen.tag.name, list: limits.value.get(pen.tag.name) ?? NO_LIMITS };
}

interface PaneProps {
  readonly pens: readonly AxisPen[];
  readonly pane: SetPane;
  readonly n: number;
  readonly panes: number;
  readonly slots: number;
  readonly from: number;
  readonly to: number;
  readonly loading: boolean;
  readonly at: TrendRoute;
  readonly alarms: ChartAlarms | null;
  readonly cursor: Signal<number | null>;
  readonly hands: ReturnType<typeof useMoves>['hands'];
}

function Pane({ pens, pane, n, panes, at, ...props }: PaneProps) {
  const its = at.hide.includes('limits') ? null : limitsOf(pens, at.focus);
  const empty = !props.loading && pens.every((pen) => pen.pen.xs.length === 0);
  return (
    <section class="trend-pane" aria-label={w('paneN', { n: n + 1 })} data-testid={`pane-${n + 1}`}>
      {panes > 1 ? <b class="trend-pane-name">{w('paneN', { n: n + 1 })}</b> : null}
      <div class="trend-plot">
        <Chart
          pens={pens}
          oneAxis={pane.oneAxis}
          from={props.from}
          to={props.to}
          limits={its}
          alarms={props.alarms}
          focus={at.focus}
          slots={props.slots}
          times={n === panes - 1}
          cursor={props.cursor}
          hands={props.hands}
          testid={n === 0 ? 'trend-canvas' : `trend-canvas-${n + 1}`}
        />
        {empty ? (
          <p class="trend-nothing">
            <span>{w(nothingOf(pens))}</span>
          </p>
        ) : null}
      </div>
    </section>
  );
}

/** Marks of the alarms of a pane's tags alone. */
function alarmsOf(all: ChartAlarms, pens: readonly AxisPen[]): ChartAlarms {
  const names = new Set(pens.map((pen) => pen.tag.name));
  const mine = new Set(settings.value.filter((s) => names.has(s.tag ?? '')).map((s) => s.name));
  return {
    marks: all.marks.filter((mark) => mine.has(mark.record.alarm ?? '')),
    standings: all.standings.filter((standing) => mine.has(standing.alarm)),
    now: all.now,
  };
}

/** Pens that the address names and the configuration does not. */
function Unknown({ at, change }: { at: TrendRoute; change: (panes: readonly SetPane[]) => void }) {
  const gone = tagsOf(at.panes).filter((name) => !tags.value.has(name));
  if (!plantLoaded.value || gone.length === 0) return null;
  const drop = () =>
    change(
      at.panes
        .map((pane) => ({ ...pane, pens: pane.pens.filter((pen) => !gone.includes(pen.tag)) }))
        .filter((pane) => pane.pens.length > 0),
    );
  return (
    <p class="trend-fault" data-testid="trend-unknown">
      {w('unknown', { tags: gone.join(', ') })}
      <button type="button" onClick={drop}>
        {w('unknownDrop')}
      </button>
    </p>
  );
}

interface BenchProps {
  readonly at: TrendRoute;
  readonly change: (part: Partial<TrendRoute>) => void;
  readonly moves: ReturnType<typeof useMoves>;
  readonly cursor: Signal<number | null>;
  readonly go: (view: View) => void;
}

function Bench({ at, change, moves, cursor, go }: BenchProps) {
  const charts = useRef<HTMLDivElement>(null);
  const pixels = usePixels(charts);
  const known = tags.value;
  const wishes = useMemo(() => wishesOf(at.panes, known), [at.panes, known]);
  const data = useTrend(wishes, moves.view, at.overlay, pixels);
  const { from, to } = data;
  const length = tileLength(moves.view.spanMs * 1000, pixels);
  const names = at.hide.includes('alarms') ? [] : wishes.map((wish) => wish.tag.name);
  const marks = useAlarmMarks(names, settings.value, tilesOf(from * 1e6, to * 1e6, length), length);
  const panes = at.panes.map((pane) =>
    pane.pens.flatMap((set): AxisPen[] => {
      const tag = known.get(set.tag);
      if (tag === undefined) return [];
      const wish = { tag, step: drawsSteps(tag, set) };
      return [{ ...wish, set, pen: data.penOf(wish), overlay: data.overlayOf(wish) }];
    }),
  );
  const rows = panes.flatMap((pens, pane) => pens.map((pen, place): PenRow => ({ ...pen, pane, place })));
  const slots = Math.max(...panes.map((pens, i) => slotsOf(pens, at.panes[i]?.oneAxis ?? false)));
  const alarms: ChartAlarms | null = at.hide.includes('alarms')
    ? null
    : { ...marks, now: Math.min(to, serverNow() / 1000) };
  const setPanes = (next: readonly SetPane[]) => change({ panes: next });
  const onPicture = () => void takePicture(charts.current, panes, { from, to, overlay: at.overlay });
  return (
    <section class="panel trend" aria-busy={data.loading}>
      <Tools
        at={at}
        from={from}
        to={to}
        cursor={cursor}
        marks={names.length === 0 ? [] : marks.marks}
        change={change}
        go={go}
        onPicture={onPicture}
      />
      <Unknown at={at} change={setPanes} />
      {data.failed === '' ? null : (
        <p class="trend-fault" role="alert" data-testid="trend-failed">
          {w('failed', { why: data.failed })}
          <button type="button" onClick={data.retry}>
            {w('retry')}
          </button>
        </p>
      )}
      <div
        ref={charts}
        class="trend-charts"
        role="group"
        aria-label={w('area')}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: its keys move cursor and view
        tabIndex={0}
        data-testid="trend-charts"
        data-loading={data.loading}
        onKeyDown={moves.onKey}
      >
        {panes.map((pens, i) => (
          <Pane
            key={i}
            pens={pens}
            pane={at.panes[i] ?? { pens: [], oneAxis: false }}
            n={i}
            panes={panes.length}
            slots={slots}
            from={from}
            to={to}
            loading={data.loading}
            at={at}
            alarms={alarms === null ? null : alarmsOf(alarms, pens)}
            cursor={cursor}
            hands={moves.hands}
          />
        ))}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
      <div class="trend-below scroll" tabIndex={0} role="group" aria-label={w('pens')}>
        <PenTable
          rows={rows}
          panes={at.panes}
          from={from}
          to={to}
          cursor={cursor}
          focus={at.focus}
          overlaid={at.overlay === '' ? '' : w(`over.${at.overlay}`)}
          change={setPanes}
          onFocus={(focus) => change({ focus })}
        />
        {alarms === null ? null : (
          <EventList alarms={marks} from={from} to={moves.view.until === null ? null : to} onPick={moves.pointAt} />
        )}
      </div>
    </section>
  );
}

async function takePicture(
  charts: HTMLElement | null,
  panes: readonly (readonly AxisPen[])[],
  { from, to, overlay }: { readonly from: number; readonly to: number; readonly overlay: Overlay | '' },
): Promise<void> {
  const canvases = [...(charts?.querySelectorAll('canvas') ?? [])];
  const drawn = canvases.map((canvas, i) => ({
    canvas,
    lines: (panes[i] ?? []).map(({ tag }, place) => ({
      text: [tag.name, tt(tag.title), tag.unit === '' ? '' : `[${tag.unit}]`].filter((text) => text !== '').join('  '),
      place,
    })),
  }));
  const title = `${t('app.name')} · ${w('title')}`;
  const span = `${formatDateTime(from * 1000)} – ${formatDateTime(to * 1000)}`;
  const time = overlay === '' ? span : `${span}  (${w('pale', { over: w(`over.${overlay}`) })})`;
  const saved = await savePicture(drawPicture(title, time, drawn), `${fileName(to)}.png`).catch(() => false);
  if (!saved) say('bad', w('pngFailed'));
}

/** The address says it all: panes, pens, span, what is laid over, and the right edge where it is held. */
export function TrendScreen({ at }: { readonly at: TrendRoute }) {
  const cursor = useSignal<number | null>(null);
  const [chosen, setChosen] = useState(0);
  const into = Math.min(chosen, at.panes.length);
  const go = (view: View) => {
    if (view.spanMs !== at.spanMs || view.until !== at.until) navigate({ ...at, ...view });
  };
  const moves = useMoves(at, cursor, go);
  const change = (part: Partial<TrendRoute>) =>
    navigate({ ...at, spanMs: moves.view.spanMs, until: moves.view.until, ...part });
  const taken = (at.panes[into]?.pens ?? []).map((pen) => pen.tag);
  return (
    <div class="page page-full">
      <header class="page-head">
        <h1>{w('title')}</h1>
        <TagSearch
          taken={taken}
          full={!hasRoom(at.panes, into)}
          onPick={(name) => change({ panes: addPen(at.panes, into, penOfTag(name)) })}
        />
        <PaneChoice at={at} pane={into} onPane={setChosen} />
        <MySets at={{ ...at, spanMs: moves.view.spanMs }} />
        <Moves at={at} view={moves.view} go={go} />
      </header>
      {at.panes.length > 0 && plantLoaded.value ? (
        <Bench at={at} change={change} moves={moves} cursor={cursor} go={go} />
      ) : (
        <section class="panel trend">
          <p class="page-note">{plantLoaded.value || at.panes.length === 0 ? w('none') : w('loading')}</p>
        </section>
      )}
    </div>
  );
}
