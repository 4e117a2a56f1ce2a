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

/** Tags of one unit share a scale; so do those of none, each by itself. */
const scaleOf = (tag: Tag): string => `y ${tag.type === 'bool' ? 'bool' : tag.unit === '' ? tag.name : tag.unit}`;

const AXES_MAX = 3;
const SPARE = 0.06;

/** Low and high end of a scale. */
function rangeOf(props: Props, scale: string): [number, number] {
  const mine = props.pens.filter((p) => scaleOf(p.tag) === scale);
  if (mine.every((p) => p.tag.type === 'bool')) return [-0.1, 1.1];
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const { tag, pen } of mine) {
    const extent = props.wholeRange ? { min: tag.low, max: tag.high } : extentOf(pen, props.from, props.to);
    if (extent === null) continue;
    low = Math.min(low, extent.min);
    high = Math.max(high, extent.max);
  }
  if (low > high) return [0, 1];
  if (props.pens.length === 1 && !props.wholeRange) {
    // A limit close by belongs into the picture; a far one would flatten the line.
    const near = Math.max((high - low) * 0.5, (mine[0]?.tag.high ?? 0) * 0.02);
    for (const { value } of props.limits) {
      if (value > high && value - high < near) high = value;
      if (value < low && low - value < near) low = value;
    }
  }
  const spare = Math.max((high - low) * SPARE, Math.abs(high) * 1e-4, 1e-6);
  return [low - spare, high + spare];
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
  const ys = scales.slice(0, AXES_MAX).map((scale, i): uPlot.Axis => {
    const tag = pens.find((p) => scaleOf(p.tag) === scale)?.tag;
    const isBool = tag?.type === 'bool';
    return {
      scale,
      side: i === 0 ? 3 : 1,
      stroke: palette.text,
      font: palette.font,
      size: 58,
      label: isBool ? '' : (tag?.unit ?? ''),
      labelFont: palette.font,
      labelSize: 16,
      grid: { ...line, show: i === 0 },
      ticks: { ...line, size: 4 },
      ...(isBool ? { splits: () => [0, 1], values: () => [t('state.off'), t('state.on')] } : {}),
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

  // biome-ignore lint/correctness/useExhaustiveDependencies: built anew only when pens, theme or language change
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
          drawAxes: [(self) => drawHoles(self, now.current.pens.map((p) => p.pen.holes), palette)],
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
      if (element.clientWidth > 0 && element.clientHeight > 0) u.setSize({ width: element.clientWidth, height: element.clientHeight });
    });
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      chart.current = null;
      u.destroy();
    };
  }, [shape]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the range is read through `now` while it draws
  useEffect(() => {
    chart.current?.setData(data as uPlot.AlignedData);
  }, [data, props.from, props.to, props.wholeRange, props.limits]);

  const names = props.pens.map((p) => p.tag.name).join(', ');
  return <div ref={root} class="chart" role="img" aria-label={t('trend.chart', { tags: names })} data-testid={props.testid} />;
}
