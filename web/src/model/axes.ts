/** Which pens of a pane share an axis, and from where to where it goes. */
import { formatNumber } from './format.ts';
import { extentOf, type Pen } from './trend.ts';
import type { SetPen } from './trend-set.ts';
import type { Tag } from './types.ts';

export interface AxisPen {
  readonly tag: Tag;
  readonly set: SetPen;
  readonly pen: Pen;
  /** The same of another time. */
  readonly overlay: Pen | null;
  readonly step: boolean;
}

export const isLane = (tag: Pick<Tag, 'type'>): boolean => tag.type === 'bool';

/** A state or a count keeps its value until the next one; what is measured goes on in between. */
export function drawsSteps(tag: Pick<Tag, 'type'>, set: Pick<SetPen, 'draw'>): boolean {
  return set.draw === 'tag' ? tag.type !== 'float' : set.draw === 'step';
}

/**
 * Tags of one kind and unit share an axis while they have the same scale; with one axis for all, they all do. A state has a lane of its
 * own at the foot.
 */
export function axisOf({ tag, set }: Pick<AxisPen, 'tag' | 'set'>, oneAxis: boolean): string {
  if (isLane(tag)) return `lane ${tag.name}`;
  if (oneAxis) return 'y one';
  if (set.scale === 'own') return `y own ${tag.name}`;
  const kind = tag.unit === '' ? tag.name : `${tag.role} ${tag.unit}`;
  if (set.scale === 'range') return `y range ${kind}`;
  if (set.scale === 'auto') return `y auto ${kind}`;
  return `y ${set.scale.low}..${set.scale.high} ${kind}`;
}

export function axesOf(pens: readonly Pick<AxisPen, 'tag' | 'set'>[], oneAxis: boolean): readonly string[] {
  return [...new Set(pens.map((pen) => axisOf(pen, oneAxis)))];
}

export type Ends = [low: number, high: number];

const SPARE = 0.06;
/** Of the range of the instrument. */
const LEAST = 0.02;
const LANE = 0.07;

/**
 * Off and on of the n-th lane, counted from the foot: above the others. Beside lines they stay below them; where there are only lanes, they
 * share the whole height.
 */
function laneEnds(lane: number, lanes: number, alone: boolean): Ends {
  const height = alone ? 1 / lanes : LANE;
  const high = 1 / (height * (alone ? 0.8 : 0.7));
  const low = -(lane * height + (alone ? height * 0.1 : 0.06)) * high;
  return [low, low + high];
}

/** What hardly moves is not blown up to look like an event. */
function atLeast(low: number, high: number, span: number): Ends {
  const missing = Math.max(0, span - (high - low)) / 2;
  return [low - missing, high + missing];
}

/** A limit close by belongs into the picture; a far one would flatten the line. */
function withNear(limits: readonly number[], low: number, high: number, top: number): Ends {
  const near = Math.max((high - low) * 0.5, top * 0.02);
  return [
    Math.min(low, ...limits.filter((value) => low - value < near)),
    Math.max(high, ...limits.filter((value) => value - high < near)),
  ];
}

interface Shown {
  readonly from: number;
  readonly to: number;
  readonly oneAxis: boolean;
  /** That are drawn on this axis. */
  readonly limits: readonly number[];
}

/** All there is to see of the pens of an axis. */
function seen(mine: readonly AxisPen[], { from, to }: Shown): Ends | null {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const { pen, overlay, step } of mine) {
    for (const line of overlay === null ? [pen] : [pen, overlay]) {
      const extent = extentOf(line, from, to, step);
      if (extent === null) continue;
      low = Math.min(low, extent.min);
      high = Math.max(high, extent.max);
    }
  }
  return low <= high ? [low, high] : null;
}

/** Low and high end of an axis. */
export function endsOf(pens: readonly AxisPen[], axis: string, shown: Shown): Ends {
  const mine = pens.filter((pen) => axisOf(pen, shown.oneAxis) === axis);
  const [first] = mine;
  if (first === undefined) return [0, 1];
  if (isLane(first.tag)) {
    const lanes = axesOf(pens, shown.oneAxis).filter((other) => other.startsWith('lane '));
    return laneEnds(
      lanes.indexOf(axis),
      lanes.length,
      pens.every((pen) => isLane(pen.tag)),
    );
  }
  const scale = mine.map((pen) => pen.set.scale).find((s) => s === 'range' || typeof s === 'object');
  if (typeof scale === 'object') return [scale.low, scale.high];
  if (scale === 'range')
    return spared(Math.min(...mine.map((p) => p.tag.low)), Math.max(...mine.map((p) => p.tag.high)));
  const ends = seen(mine, shown);
  if (ends === null) return [0, 1];
  const [low, high] = atLeast(...ends, (first.tag.high - first.tag.low) * LEAST);
  return spared(...withNear(shown.limits, low, high, first.tag.high));
}

const DECIMALS_MAX = 10;

/** The numbers at an axis, all with as many decimals as its steps need. */
export function tickLabels(ticks: readonly number[], step: number): string[] {
  let decimals = 0;
  for (let units = step; decimals < DECIMALS_MAX && Math.abs(units - Math.round(units)) > 1e-6 * units; units *= 10)
    decimals++;
  return ticks.map((tick) => formatNumber(tick, decimals));
}

function spared(low: number, high: number): Ends {
  const spare = Math.max((high - low) * SPARE, Math.abs(high) * 1e-4, 1e-6);
  return [low - spare, high + spare];
}

/** What an empty chart says: a calculated tag's past is nowhere, however far back one looks. */
export function nothingOf(pens: readonly { readonly tag: { readonly stored: boolean } }[]): 'nothing' | 'notStored' {
  return pens.length > 0 && pens.every((pen) => !pen.tag.stored) ? 'notStored' : 'nothing';
}
