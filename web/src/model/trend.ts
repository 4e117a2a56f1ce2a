/** From samples to what a chart draws: lines with gaps where nothing is known, and the periods that were bad or silent. */
import { isUsable } from './quality.ts';
import type { SamplePoint, Samples, Tag } from './types.ts';

/** Times in seconds, as the chart wants them; null breaks the line. */
export interface Pen {
  readonly xs: number[];
  readonly ys: (number | null)[];
  readonly holes: Hole[];
  /** Seconds that it may say nothing. */
  readonly limit: number;
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
  const pen: Pen = { xs: [], ys: [], holes: [], limit };
  const points = samples.before === null ? samples.points : [samples.before, ...samples.points];
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

/** A live value behind the last one; older or equal times are ignored, since history has them. */
export function appendLive(pen: Pen, at_s: number, value: number | null, usable: boolean): boolean {
  const last = pen.xs.at(-1);
  if (last !== undefined && at_s <= last) return false;
  const y = usable ? value : null;
  if (y === null && last !== undefined) pushHole(pen, pen.holes.at(-1)?.to === last ? last : at_s, at_s + 1, 'bad');
  pushValue(pen, at_s, y);
  return true;
}

/** One list of times for all pens. undefined: this pen says nothing at that time; null: it is within one of its gaps. */
export function joinPens(pens: readonly Pen[]): [number[], ...(number | null | undefined)[][]] {
  const xs = [...new Set(pens.flatMap((pen) => pen.xs))].sort((a, b) => a - b);
  return [xs, ...pens.map((pen) => columnOf(pen, xs))];
}

function columnOf(pen: Pen, xs: readonly number[]): (number | null | undefined)[] {
  let i = 0;
  let gap = false;
  return xs.map((x) => {
    let y: number | null | undefined = gap ? null : undefined;
    // Of two at the same time the later one counts.
    for (; pen.xs[i] === x; i++) {
      y = pen.ys[i] ?? null;
      gap = y === null;
    }
    return y;
  });
}

/** What a pen said last at or before a time: null if that was nothing usable, undefined if it had not yet said anything. */
export function valueAt(pen: Pen, x: number): number | null | undefined {
  let low = 0;
  let high = pen.xs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((pen.xs[middle] ?? 0) <= x) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? undefined : (pen.ys[low - 1] ?? null);
}

export interface Extent {
  readonly min: number;
  readonly max: number;
}

/** Lowest and highest usable value within times; null if there is none. */
export function extentOf(pen: Pen, from: number, to: number): Extent | null {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  pen.xs.forEach((x, i) => {
    const y = pen.ys[i] ?? null;
    if (y === null || x < from || x > to) return;
    min = Math.min(min, y);
    max = Math.max(max, y);
  });
  return min <= max ? { min, max } : null;
}

/**
 * A pen up to the right edge. `holds`: what was last said is still so, as the link is up and the value good, and the line is carried on;
 * otherwise the end is marked once it has been silent for too long.
 */
export function withEnd(pen: Pen, end_s: number, holds: boolean): Pen {
  const last = pen.xs.at(-1);
  if (last === undefined || end_s <= last) return pen;
  const y = pen.ys.at(-1) ?? null;
  if (holds && y !== null) return { ...pen, xs: [...pen.xs, end_s], ys: [...pen.ys, y] };
  if (holds || end_s - last <= pen.limit) return pen;
  return { ...pen, holes: [...pen.holes, { from: last, to: end_s, why: 'silent' }] };
}
