import type { ReadonlySignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { type AxisPen, axesOf, axisOf, endsOf, tickLabels } from '../../model/axes.ts';
import type { Mark, Standing } from '../../model/marks.ts';
import type { Limit } from '../../model/scale.ts';
import type { Tag } from '../../model/types.ts';
import { lang, theme } from '../../state/prefs.ts';
import {
  drawAlarms,
  drawBands,
  drawHoles,
  drawLimits,
  drawPen,
  MARKS_PX,
  type Palette,
  readPalette,
  timeLabels,
} from './chart-draw.ts';
import { attachHands, type Hands } from './chart-hands.ts';
import { w } from './words.ts';

/** The limits of one pen, which are drawn on its axis. */
export interface ChartLimits {
  readonly tag: string;
  readonly list: readonly Limit[];
}

export interface ChartAlarms {
  readonly marks: readonly Mark[];
  readonly standings: readonly Standing[];
  /** Up to where an alarm that is on is drawn, seconds. */
  readonly now: number;
}

interface Props {
  readonly pens: readonly AxisPen[];
  readonly oneAxis: boolean;
  /** Seconds. */
  readonly from: number;
  readonly to: number;
  readonly limits: ChartLimits | null;
  readonly alarms: ChartAlarms | null;
  /** The pen that stands out; '' for none. */
  readonly focus: string;
  /** Axes that the widest of the charts above each other has, so that all of them begin and end at the same place. */
  readonly slots: number;
  /** The times stand below it. */
  readonly times: boolean;
  readonly cursor?: ReadonlySignal<number | null>;
  readonly hands?: Hands;
  readonly testid: string;
}

export const AXES_MAX = 4;
const AXIS_PX = 52;
const LABEL_PX = 16;
const TIMES_PX = 44;
const FOOT_PX = 10;
const SPARE_PX = 10;
const LOW_PX = 120;

/** Those of lines; lanes have no axis. */
const lineAxes = (axes: readonly string[]): readonly string[] => axes.filter((axis) => axis.startsWith('y '));

/** How many axes a pane has at its sides. */
export function slotsOf(pens: readonly Pick<AxisPen, 'tag' | 'set'>[], oneAxis: boolean): number {
  return Math.min(AXES_MAX, Math.max(1, lineAxes(axesOf(pens, oneAxis)).length));
}

function timeAxis({ times }: Props, palette: Palette): uPlot.Axis {
  const line = { stroke: palette.grid, width: 1 };
  return {
    stroke: palette.text,
    font: palette.font,
    grid: line,
    ticks: { ...line, size: 4 },
    space: 74,
    size: times ? TIMES_PX : FOOT_PX,
    values: (_u, splits, _axis, _space, increment) => (times ? timeLabels(splits, increment) : splits.map(() => '')),
  };
}

function valueAxis(props: Props, palette: Palette, axis: string, i: number, alone: boolean): uPlot.Axis {
  const line = { stroke: palette.grid, width: 1 };
  const mine = props.pens.filter((pen) => axisOf(pen, props.oneAxis) === axis);
  const [only] = mine;
  // An axis of one pen has its colour.
  const color = !alone && mine.length === 1 && only !== undefined ? palette.pens[props.pens.indexOf(only)] : undefined;
  const units = new Set(mine.map((pen) => pen.tag.unit));
  return {
    scale: axis,
    side: i === 0 ? 3 : 1,
    stroke: color ?? palette.text,
    font: palette.font,
    size: AXIS_PX,
    // An axis without a unit is as wide as one with: the plots stand above each other.
    label: units.size === 1 ? only?.tag.unit || ' ' : ' ',
    labelFont: palette.font,
    labelSize: LABEL_PX,
    labelGap: 0,
    // In a low pane closer to each other: one number alone is no scale.
    space: (_u, _axis, _low, _high, height) => (height < LOW_PX ? 15 : 24),
    grid: { ...line, show: i === 0 },
    ticks: { ...line, size: 4 },
    values: (_u, splits, _axis, _space, increment) => tickLabels(splits, increment),
  };
}

function axesFor(props: Props, palette: Palette): uPlot.Axis[] {
  const axes = lineAxes(axesOf(props.pens, props.oneAxis)).slice(0, AXES_MAX);
  const none: uPlot.Axis = {
    scale: 'none',
    side: 3,
    size: AXIS_PX,
    label: ' ',
    labelSize: LABEL_PX,
    labelGap: 0,
    values: () => [],
    grid: { show: false },
    ticks: { show: false },
  };
  const values = axes.map((axis, i) => valueAxis(props, palette, axis, i, axes.length === 1));
  return [timeAxis(props, palette), ...(values.length === 0 ? [none] : values)];
}

/** Right of the plot: axes that others have, or a little air. */
function paddingOf({ pens, oneAxis, slots, alarms }: Props): [number, number, number, number] {
  const missing = slots - slotsOf(pens, oneAxis);
  return [
    alarms === null ? SPARE_PX : MARKS_PX,
    missing * (AXIS_PX + LABEL_PX) + (slots === 1 ? SPARE_PX * 2 : SPARE_PX),
    0,
    0,
  ];
}

function limitsOn(props: Props, axis: string): readonly number[] {
  const pen = props.pens.find((p) => p.tag.name === props.limits?.tag);
  if (pen === undefined || props.limits === null || axisOf(pen, props.oneAxis) !== axis) return [];
  return props.limits.list.map((limit) => limit.value);
}

/** Beneath the lines. */
function drawGround(u: uPlot, props: Props, palette: Palette): void {
  const focus = props.pens.find((p) => p.tag.name === props.limits?.tag);
  if (focus !== undefined && props.limits !== null)
    drawBands(u, props.limits.list, axisOf(focus, props.oneAxis), palette);
  drawHoles(
    u,
    props.pens.map((p) => p.pen.holes),
    palette,
  );
}

function drawLines(u: uPlot, props: Props, palette: Palette): void {
  for (const pale of [true, false]) {
    props.pens.forEach((p, place) => {
      const pen = pale ? p.overlay : p.pen;
      const color = palette.pens[place] ?? palette.text;
      const strong = props.focus === p.tag.name && props.pens.length > 1;
      if (pen !== null) drawPen(u, pen, { color, place, scale: axisOf(p, props.oneAxis), step: p.step, strong, pale });
    });
  }
  const focus = props.pens.find((p) => p.tag.name === props.limits?.tag);
  if (focus !== undefined && props.limits !== null)
    drawLimits(u, props.limits.list, axisOf(focus, props.oneAxis), decimalsOf(focus.tag), palette);
  if (props.alarms !== null) drawAlarms(u, props.alarms.marks, props.alarms.standings, props.alarms.now, palette);
}

const decimalsOf = (tag: Tag): number => (tag.type === 'float' ? tag.decimals : 0);

/** The chart draws axes and grid; lines are ours, so uPlot is given no more data than the two ends of its time. */
function dataOf(props: Props, axes: readonly string[]): uPlot.AlignedData {
  return [[props.from, props.to], ...axes.map(() => [null, null])];
}

function makeChart(element: HTMLElement, drawn: { readonly current: Props }): uPlot {
  const palette = readPalette();
  const axes = axesOf(drawn.current.pens, drawn.current.oneAxis);
  const scales = axes.map((axis) => [axis, { range: (): [number, number] => rangeOf(drawn.current, axis) }] as const);
  return new uPlot(
    {
      width: Math.max(element.clientWidth, 100),
      height: Math.max(element.clientHeight, 80),
      padding: paddingOf(drawn.current),
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: true, range: () => [drawn.current.from, drawn.current.to] },
        none: { range: () => [0, 1] },
        ...Object.fromEntries(scales),
      },
      axes: axesFor(drawn.current, palette),
      series: [{}, ...axes.map((axis): uPlot.Series => ({ scale: axis, paths: () => null, points: { show: false } }))],
      hooks: {
        drawAxes: [(u) => drawGround(u, drawn.current, palette)],
        draw: [(u) => drawLines(u, drawn.current, palette)],
      },
    },
    dataOf(drawn.current, axes),
    element,
  );
}

function rangeOf(props: Props, axis: string): [number, number] {
  const { pens, from, to, oneAxis } = props;
  return endsOf(pens, axis, { from, to, oneAxis, limits: limitsOn(props, axis) });
}

/** A canvas that draws pens over time. What changes every second goes in without building it anew. */
export function Chart(props: Props) {
  const root = useRef<HTMLDivElement>(null);
  const line = useRef<HTMLElement | null>(null);
  const chart = useRef<uPlot | null>(null);
  const now = useRef(props);
  now.current = props;
  // What the chart draws: it may draw at any time, and must not meet pens that it was not yet built for.
  const drawn = useRef(props);
  const { pens, oneAxis, cursor } = props;
  const axes = axesOf(pens, oneAxis);
  const shape = JSON.stringify([
    axes,
    pens.map((p) => p.tag.name),
    paddingOf(props),
    props.times,
    theme.value,
    lang.value,
  ]);

  useEffect(() => {
    const element = root.current;
    if (element === null) return undefined;
    drawn.current = now.current;
    const u = makeChart(element, drawn);
    chart.current = u;
    line.current = addTo(u.over, 'chart-cursor');
    const watcher = new ResizeObserver(() => {
      if (element.clientWidth > 0 && element.clientHeight > 0)
        u.setSize({ width: element.clientWidth, height: element.clientHeight });
    });
    watcher.observe(element);
    const letGo =
      now.current.hands === undefined ? undefined : attachHands(u.over, addTo(u.over, 'chart-box'), handsOf(now));
    return () => {
      letGo?.();
      watcher.disconnect();
      chart.current = null;
      line.current = null;
      u.destroy();
    };
  }, [shape]);

  useEffect(() => {
    drawn.current = now.current;
    chart.current?.setData(dataOf(now.current, axes));
  }, [pens, props.from, props.to, props.limits, props.alarms, props.focus]);

  useEffect(() => {
    const show = (at: number | null | undefined) => {
      if (line.current === null) return;
      const part = at === null || at === undefined ? -1 : (at - now.current.from) / (now.current.to - now.current.from);
      line.current.hidden = !(part >= 0 && part <= 1);
      line.current.style.left = `${part * 100}%`;
    };
    if (cursor === undefined) {
      show(null);
      return undefined;
    }
    return cursor.subscribe(show);
  }, [cursor, props.from, props.to, shape]);

  const names = pens.map((p) => p.tag.name).join(', ');
  return (
    <div ref={root} class="chart" role="img" aria-label={w('chart', { tags: names })} data-testid={props.testid} />
  );
}

function addTo(over: HTMLElement, name: string): HTMLElement {
  const element = document.createElement('div');
  element.className = name;
  element.hidden = true;
  over.append(element);
  return element;
}

/** Always the present ones: a chart outlives the render that it was built in. */
function handsOf(now: { readonly current: Props }): Hands {
  return {
    point: (at) => now.current.hands?.point(at),
    pin: (at) => now.current.hands?.pin(at),
    drag: (by) => now.current.hands?.drag(by),
    drop: () => now.current.hands?.drop(),
    turn: (steps, at) => now.current.hands?.turn(steps, at),
    roll: (by) => now.current.hands?.roll(by),
    mark: (from, to) => now.current.hands?.mark(from, to),
  };
}
