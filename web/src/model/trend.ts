/** From samples to what a chart draws: lines with gaps where nothing is known, and the periods that were bad or silent. */
import { isUsable } from './quality.ts';
import type { Run } from './tiles.ts';
import type { SamplePoint, Samples, Tag } from './types.ts';

/** Times in seconds, as the chart wants them; null breaks the line. */
export interface Pen {
  readonly xs: number[];
  readonly ys: (number | null)[];
  readonly holes: Hole[];
  /** Seconds that it may say nothing. */
  readonly limit: number;
  /** What was drawn from, in microseconds. */
  readonly points: SamplePoint[];
}

/** Nothing usable is known between these times (seconds). */
export interface Hole {
  readonly from: number;
  readonly to: number;
  readonly why: 'bad' | 'uncertain' | 'silent';
}

const SECOND_US = 1_000_000;
const SILENT_MIN_S = 300;
/** A break stands just behind the last value. */
const GAP_S = 0.001;

const median = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length / 2)] ?? 0;

/**
 * How long a tag may say nothing before the line breaks: its own staleness if it has one; otherwise many times its usual spacing, since
 * a tag that is sent on change alone may rest for long.
 */
export function silenceLimit(samples: Samples, tag: Pick<Tag, 'stale_s'> | undefined): number {
  const spacings: number[] = [];
  for (let i = 1; i < samples.points.length; i++) {
    const [at] = samples.points[i] ?? [0];
    const before = samples.points[i - 1]?.[1] ?? at;
    spacings.push((at - before) / SECOND_US);
  }
  const usual = median(spacings.sort((a, b) => a - b));
  const own = tag === undefined ? 0 : tag.stale_s;
  return own > 0 ? Math.max(own, usual * 3) : Math.max(SILENT_MIN_S, usual * 20);
}

function pushValue(pen: Pen, x: number, y: number | null): void {
  pen.xs.push(x);
  pen.ys.push(y);
}

/** The order of extremes within a bucket is not known; the line visits both between its first and its last value. */
function pushBucket(pen: Pen, point: SamplePoint): void {
  const [firstUs, lastUs, first, min, max, last, count] = point;
  const from = firstUs / SECOND_US;
  const span = lastUs / SECOND_US - from;
  pushValue(pen, from, first);
  if (count > 2 && span > 0) {
    const rising = (first ?? 0) <= (last ?? 0);
    pushValue(pen, from + span / 3, rising ? min : max);
    pushValue(pen, from + (span * 2) / 3, rising ? max : min);
  }
  if (span > 0) pushValue(pen, from + span, last);
}

function pushHole(pen: Pen, from: number, to: number, why: Hole['why']): void {
  const before = pen.holes.at(-1);
  if (before !== undefined && before.why === why && from <= before.to) {
    pen.holes[pen.holes.length - 1] = { from: before.from, to: Math.max(to, before.to), why };
  } else if (to > from) {
    pen.holes.push({ from, to, why });
  }
}

const isLost = (p: SamplePoint): boolean => p[5] === null || (p[6] <= 1 && !isUsable(p[8]));
const isUncertain = (p: SamplePoint): boolean => (p[8] & 0xc0) === 0x40;

/** `step` keeps a value until the next one, as for a state or for one that is sent on change. */
export function penOf(samples: Samples, tag: Pick<Tag, 'stale_s'> | undefined, step: boolean): Pen {
  const limit = silenceLimit(samples, tag);
  const points = samples.before === null ? [...samples.points] : [samples.before, ...samples.points];
  const pen: Pen = { xs: [], ys: [], holes: [], limit, points };
  const [first] = points;
  const begin = samples.from / SECOND_US;
  const known = first === undefined ? samples.to / SECOND_US : first[0] / SECOND_US;
  if (known - begin > limit) pushHole(pen, begin, known, 'silent');
  points.forEach((point, i) => {
    const to = point[1] / SECOND_US;
    const next = points[i + 1];
    const nextAt = next === undefined ? to : next[0] / SECOND_US;
    const silent = nextAt - to > limit;
    pushPoint(pen, point, silent ? to : nextAt);
    if (!silent) return;
    // A state that is sent on change holds until it is overdue.
    const from = step && !isLost(point) ? to + limit : to;
    if (from > to) pushValue(pen, from, point[5]);
    pushValue(pen, Math.min(from + GAP_S, nextAt), null);
    pushHole(pen, from, nextAt, 'silent');
  });
  return pen;
}

/** One sample or bucket, and what is wrong with it until the next one. */
function pushPoint(pen: Pen, point: SamplePoint, until: number): void {
  const from = point[0] / SECOND_US;
  if (isLost(point)) {
    pushValue(pen, from, null);
    pushHole(pen, from, until, 'bad');
    return;
  }
  pushBucket(pen, point);
  if (point[7] > 0) pushHole(pen, from, Math.max(until, point[1] / SECOND_US), 'bad');
  else if (isUncertain(point)) pushHole(pen, from, until, 'uncertain');
}

/** Index of the last time at or before `x`; -1: all are later. */
function lastAt(xs: readonly number[], x: number): number {
  let low = 0;
  let high = xs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((xs[middle] ?? 0) <= x) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Where the drawn line is at a time; null within a gap and beyond its ends. */
export function lineAt(pen: Pen, x: number, step: boolean): number | null {
  const i = lastAt(pen.xs, x);
  const y = pen.ys[i] ?? null;
  const from = pen.xs[i];
  if (from === undefined || y === null || from === x) return y;
  const to = pen.xs[i + 1];
  if (to === undefined || step) return to === undefined ? null : y;
  const next = pen.ys[i + 1] ?? null;
  return next === null ? null : y + ((next - y) * (x - from)) / (to - from);
}

/** A piece of line without a gap; a single time is a dot. */
export interface Stroke {
  readonly uncertain: boolean;
  readonly xs: number[];
  readonly ys: number[];
}

/** What there is to draw: never across a gap, and what was uncertain by itself. */
export function strokesOf(pen: Pen, step: boolean): readonly Stroke[] {
  const soft = pen.holes.filter((hole) => hole.why === 'uncertain');
  const strokes: Stroke[] = [];
  let at = 0;
  let stroke: Stroke | null = null;
  pen.xs.forEach((x, i) => {
    const y = pen.ys[i] ?? null;
    while (at < soft.length && (soft[at]?.to ?? 0) <= x) at += 1;
    const uncertain = (soft[at]?.from ?? Number.POSITIVE_INFINITY) <= x;
    if (stroke !== null && (y !== null || step)) pushVertex(stroke, x, y, step);
    if (y === null) {
      stroke = null;
    } else if (stroke === null || stroke.uncertain !== uncertain) {
      stroke = { uncertain, xs: [x], ys: [y] };
      strokes.push(stroke);
    }
  });
  return strokes;
}

/** A value that is kept goes on, level, to where the next one or a gap begins. */
function pushVertex(stroke: Stroke, x: number, y: number | null, step: boolean): void {
  const last = stroke.ys.at(-1) ?? 0;
  if (step && y !== last) {
    stroke.xs.push(x);
    stroke.ys.push(last);
  }
  if (y === null) return;
  stroke.xs.push(x);
  stroke.ys.push(y);
}

export interface Extent {
  readonly min: number;
  readonly max: number;
}

/** Grows by what is taken. */
class Span {
  private min = Number.POSITIVE_INFINITY;
  private max = Number.NEGATIVE_INFINITY;

  take(y: number | null): void {
    if (y === null) return;
    this.min = Math.min(this.min, y);
    this.max = Math.max(this.max, y);
  }

  takeWithin(pen: Pen, from: number, to: number): void {
    for (let i = lastAt(pen.xs, from); i < pen.xs.length && (pen.xs[i] ?? to) <= to; i++)
      if ((pen.xs[i] ?? from) >= from) this.take(pen.ys[i] ?? null);
  }

  get extent(): Extent | null {
    return this.min <= this.max ? { min: this.min, max: this.max } : null;
  }
}

/** Lowest and highest of the line within times, where it enters and leaves included; null if there is none. */
export function extentOf(pen: Pen, from: number, to: number, step = false): Extent | null {
  const span = new Span();
  span.take(lineAt(pen, from, step));
  span.take(lineAt(pen, to, step));
  span.takeWithin(pen, from, to);
  return span.extent;
}

/** Least and greatest that was said within times: no value that lies between two samples, unless there is nothing else. */
export function saidBetween(pen: Pen, from: number, to: number, step: boolean): Extent | null {
  const span = new Span();
  if (step) span.take(lineAt(pen, from, step));
  span.takeWithin(pen, from, to);
  return span.extent ?? extentOf(pen, from, to, step);
}

/** Mean of the line over the time in which there is one; null if there is none. */
export function averageOf(pen: Pen, from: number, to: number, step: boolean): number | null {
  let area = 0;
  let time = 0;
  for (let i = Math.max(lastAt(pen.xs, from), 0); i + 1 < pen.xs.length; i++) {
    const x0 = pen.xs[i] ?? 0;
    const x1 = pen.xs[i + 1] ?? x0;
    const y0 = pen.ys[i] ?? null;
    const y1 = step ? y0 : (pen.ys[i + 1] ?? null);
    if (x0 >= to) break;
    const a = Math.max(x0, from);
    const b = Math.min(x1, to);
    if (y0 === null || y1 === null || b <= a) continue;
    const middle = y0 + (y1 - y0) * (((a + b) / 2 - x0) / (x1 - x0));
    area += middle * (b - a);
    time += b - a;
  }
  return time > 0 ? area / time : lineAt(pen, from, step);
}

/** What was said at a time, and how good it was. */
export interface Reading {
  /** null: nothing usable. */
  readonly value: number | null;
  readonly why: 'good' | 'partly' | Hole['why'];
  readonly quality: number;
  /** The least and greatest of the samples that stand behind it. */
  readonly min: number | null;
  readonly max: number | null;
}

/** The last one said at or before a time; null if nothing was said yet. */
export function readAt(pen: Pen, x: number): Reading | null {
  const point = pen.points[lastPointAt(pen.points, x * SECOND_US)];
  if (point === undefined) return null;
  const quality = point[8];
  const silent = pen.holes.some((h) => h.why === 'silent' && h.from < x && x < h.to);
  if (silent) return { value: null, why: 'silent', quality, min: null, max: null };
  if (isLost(point)) return { value: null, why: 'bad', quality, min: null, max: null };
  // Behind it is something that is not loaded yet.
  if ((pen.ys[lastAt(pen.xs, x)] ?? null) === null) return null;
  const why = point[7] > 0 ? 'partly' : isUncertain(point) ? 'uncertain' : 'good';
  return { value: point[5], why, quality, min: point[3], max: point[4] };
}

function lastPointAt(points: readonly SamplePoint[], us: number): number {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((points[middle]?.[0] ?? 0) <= us) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The same at another time, so that yesterday lies over today. */
export function shifted(pen: Pen, by_s: number): Pen {
  return {
    ...pen,
    xs: pen.xs.map((x) => x + by_s),
    holes: pen.holes.map((hole) => ({ ...hole, from: hole.from + by_s, to: hole.to + by_s })),
    points: pen.points.map(([first, last, ...rest]) => [first + by_s * SECOND_US, last + by_s * SECOND_US, ...rest]),
  };
}

/**
 * Stretches that are loaded, as one pen; between them, where nothing is loaded yet, is a gap that says nothing. The end of the last one
 * stays open: who knows whether the present holds closes it.
 */
export function penOfRuns(runs: readonly Run[], tag: Pick<Tag, 'stale_s'> | undefined, step: boolean): Pen {
  const whole: Pen = { xs: [], ys: [], holes: [], limit: 0, points: [] };
  let limit = 0;
  runs.forEach(({ samples, knownUs }, n) => {
    const open = penOf({ ...samples, to: Math.min(samples.to, knownUs) }, tag, step);
    const pen = n === runs.length - 1 ? open : withEnd(open, knownUs / SECOND_US, false);
    const last = whole.xs.at(-1);
    if (last !== undefined) pushValue(whole, Math.min(last + GAP_S, pen.xs[0] ?? last + GAP_S), null);
    // One by one: a call takes only so many arguments.
    pen.xs.forEach((x, i) => {
      if (last === undefined || x > last) pushValue(whole, x, pen.ys[i] ?? null);
    });
    for (const hole of pen.holes) whole.holes.push(hole);
    for (const point of pen.points) whole.points.push(point);
    limit = Math.max(limit, pen.limit);
  });
  return { ...whole, limit };
}

/** What came live behind what is loaded; where too much time lies between, the line does not bridge it. */
export function withLive(pen: Pen, live: readonly SamplePoint[]): Pen {
  const end = pen.xs.at(-1) ?? Number.NEGATIVE_INFINITY;
  const more = live.filter((point) => point[0] / SECOND_US > end);
  if (more.length === 0) return pen;
  const whole: Pen = {
    ...pen,
    xs: [...pen.xs],
    ys: [...pen.ys],
    holes: [...pen.holes],
    points: [...pen.points, ...more],
  };
  more.forEach((point, i) => {
    const at = point[0] / SECOND_US;
    const last = whole.xs.at(-1) ?? at;
    if (at - last > pen.limit) {
      pushValue(whole, last + GAP_S, null);
      pushHole(whole, last, at, 'silent');
    }
    pushPoint(whole, point, (more[i + 1]?.[0] ?? point[0] + SECOND_US) / SECOND_US);
  });
  return whole;
}

/**
 * A pen up to the right edge. `holds`: what was last said is still so, as the link is up and the value good, and the line is carried on;
 * otherwise the end is marked once it has been silent for too long. What was bad or uncertain last stays so up to there.
 */
export function withEnd(pen: Pen, end_s: number, holds: boolean): Pen {
  const last = pen.xs.at(-1);
  const point = pen.points.at(-1);
  if (last === undefined || point === undefined || end_s <= last) return pen;
  const ended: Pen = { ...pen, holes: [...pen.holes] };
  if (isLost(point)) {
    pushHole(ended, last, end_s, 'bad');
    return ended;
  }
  const silent = !holds && end_s - last > pen.limit;
  if (silent) {
    pushHole(ended, last, end_s, 'silent');
    return ended;
  }
  if (isUncertain(point)) pushHole(ended, last, end_s, 'uncertain');
  return holds ? { ...ended, xs: [...pen.xs, end_s], ys: [...pen.ys, point[5]] } : ended;
}
