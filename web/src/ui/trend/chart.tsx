import { useEffect, useMemo, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Limit } from '../../model/scale.ts';
import { extentOf, joinPens, type Pen } from '../../model/trend.ts';
import type { Tag } from '../../model/types.ts';
import { t, theme } from '../../state/prefs.ts';
import { DASHES, drawHoles, drawLimits, type Palette, readPalette, timeLabels } from './chart-draw.ts';

export interface DrawnPen {
  readonly tag: Tag;
  readonly pen: Pen;
}

interface Props {
  readonly pens: readonly DrawnPen[];
  /** Seconds. */
  readonly from: number;
  readonly to: number;
  /** Shown where there is one pen. */
  readonly limits: readonly Limit[];
  /** The whole range of the instrument instead of what there is to see. */
  readonly wholeRange: boolean;
  readonly onCursor?: (at_s: number | null) => void;
  readonly testid: string;
}

/** Tags of one kind and unit share a scale; a state has a lane of its own at the foot. */
function scaleOf(tag: Tag): string {
  if (tag.type === 'bool') return `lane ${tag.name}`;
  return `y ${tag.unit === '' ? tag.name : `${tag.role} ${tag.unit}`}`;
}

const AXES_MAX = 3;
const SPARE = 0.06;
/** Of the range of the instrument. */
const LEAST = 0.02;
const LANE = 0.07;

/** Off and on of the n-th lane, counted from the foot: above the others, never over the lines' whole height. */
function laneRange(lane: number): [number, number] {
  const high = 1 / (LANE * 0.7);
  const low = -(lane * LANE + 0.06) * high;
  return [low, low + high];
}

/** Low and high end of a scale. */
function rangeOf(props: Props, scale: string): [number, number] {
  const lanes = props.pens.filter((p) => p.tag.type === 'bool').map((p) => scaleOf(p.tag));
  if (lanes.includes(scale)) return props.pens.length === 1 ? [-0.1, 1.1] : laneRange(lanes.indexOf(scale));
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  const mine = props.pens.filter((p) => scaleOf(p.tag) === scale);
  const [first] = mine;
  for (const { tag, pen } of mine) {
    const extent = props.wholeRange ? { min: tag.low, max: tag.high } : extentOf(pen, props.from, props.to);
    if (extent === null) continue;
    low = Math.min(low, extent.min);
    high = Math.max(high, extent.max);
  }
  if (low > high) return [0, 1];
  [low, high] = atLeast(low, high, first === undefined ? 0 : (first.tag.high - first.tag.low) * LEAST);
  if (props.pens.length === 1 && !props.wholeRange) [low, high] = withNearLimits(props, low, high);
  const spare = Math.max((high - low) * SPARE, Math.abs(high) * 1e-4, 1e-6);
  return [low - spare, high + spare];
}

/** What hardly moves is not blown up to look like an event. */
function atLeast(low: number, high: number, span: number): [number, number] {
  const missing = Math.max(0, span - (high - low)) / 2;
  return [low - missing, high + missing];
}

/** A limit close by belongs into the picture; a far one would flatten the line. */
function withNearLimits({ pens, limits }: Props, low: number, high: number): [number, number] {
  const near = Math.max((high - low) * 0.5, (pens[0]?.tag.high ?? 0) * 0.02);
  const values = limits.map((limit) => limit.value);
  return [
    Math.min(low, ...values.filter((value) => low - value < near)),
    Math.max(high, ...values.filter((value) => value - high < near)),
  ];
}

function axesOf(scales: readonly string[], pens: readonly DrawnPen[], palette: Palette): uPlot.Axis[] {
  const line = { stroke: palette.grid, width: 1 };
  const x: uPlot.Axis = {
    stroke: palette.text,
    font: palette.font,
    grid: line,
    ticks: { ...line, size: 4 },
    space: 70,
    values: (_u, splits, _axis, _space, increment) => timeLabels(splits, increment),
  };
  const lines = scales.filter((scale) => scale.startsWith('y '));
  const ys = lines.slice(0, AXES_MAX).map((scale, i): uPlot.Axis => {
    const mine = pens.filter((p) => scaleOf(p.tag) === scale);
    const [first] = mine;
    // An axis of one pen has its colour.
    const color =
      lines.length > 1 && mine.length === 1 && first !== undefined ? palette.pens[pens.indexOf(first)] : undefined;
    return {
      scale,
      side: i === 0 ? 3 : 1,
      stroke: color ?? palette.text,
      font: palette.font,
      size: 56,
      label: first?.tag.unit ?? '',
      labelFont: palette.font,
      labelSize: 16,
      labelGap: 0,
      grid: { ...line, show: i === 0 },
      ticks: { ...line, size: 4 },
    };
  });
  return [x, ...ys];
}

function seriesOf(pens: readonly DrawnPen[], palette: Palette): uPlot.Series[] {
  const stepped = uPlot.paths.stepped?.({ align: 1 });
  const lines = pens.map(
    ({ tag }, i): uPlot.Series => ({
      label: tag.name,
      scale: scaleOf(tag),
      stroke: palette.pens[i] ?? palette.text,
      width: 1.75,
      dash: [...(DASHES[i] ?? [])],
      points: { show: false },
      ...(tag.type === 'bool' && stepped !== undefined ? { paths: stepped } : {}),
    }),
  );
  return [{}, ...lines];
}

/** A canvas that draws pens over time. What changes every second goes in without building it anew. */
export function Chart(props: Props) {
  const root = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const now = useRef(props);
  now.current = props;
  const shape = `${props.pens.map((p) => p.tag.name).join()} ${theme.value} ${t('state.on')}`;
  const data = useMemo(() => joinPens(props.pens.map((p) => p.pen)), [props.pens]);

  useEffect(() => {
    const element = root.current;
    if (element === null) return undefined;
    const palette = readPalette();
    const { pens } = now.current;
    const scales = [...new Set(pens.map((p) => scaleOf(p.tag)))];
    const u = new uPlot(
      {
        width: Math.max(element.clientWidth, 100),
        height: Math.max(element.clientHeight, 80),
        legend: { show: false },
        cursor: { drag: { x: false, y: false }, points: { size: 7 } },
        scales: {
          x: { time: true, range: () => [now.current.from, now.current.to] },
          ...Object.fromEntries(scales.map((s) => [s, { range: (): [number, number] => rangeOf(now.current, s) }])),
        },
        axes: axesOf(scales, pens, palette),
        series: seriesOf(pens, palette),
        hooks: {
          drawAxes: [
            (self) =>
              drawHoles(
                self,
                now.current.pens.map((p) => p.pen.holes),
                palette,
              ),
          ],
          draw: [
            (self) => {
              const only = now.current.pens.length === 1 ? now.current.pens[0]?.tag : undefined;
              if (only !== undefined) drawLimits(self, now.current.limits, scaleOf(only), only.decimals, palette);
            },
          ],
          setCursor: [
            (self) => {
              const left = self.cursor.left ?? -1;
              now.current.onCursor?.(left < 0 ? null : self.posToVal(left, 'x'));
            },
          ],
        },
      },
      joinPens(pens.map((p) => p.pen)) as uPlot.AlignedData,
      element,
    );
    chart.current = u;
    const watcher = new ResizeObserver(() => {
      if (element.clientWidth > 0 && element.clientHeight > 0)
        u.setSize({ width: element.clientWidth, height: element.clientHeight });
    });
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      chart.current = null;
      u.destroy();
    };
  }, [shape]);

  useEffect(() => {
    chart.current?.setData(data as uPlot.AlignedData);
  }, [data, props.from, props.to, props.wholeRange, props.limits]);

  const names = props.pens.map((p) => p.tag.name).join(', ');
  return (
    <div
      ref={root}
      class="chart"
      role="img"
      aria-label={t('trend.chart', { tags: names })}
      data-testid={props.testid}
    />
  );
}
