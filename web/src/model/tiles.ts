/**
 * What of a trend's time is loaded. Time is parted into tiles of a power of two, each asked for with the same number of points, so that
 * a view that moves finds again what it had: only the tiles that came into sight are asked for. All times in microseconds.
 */
import type { SamplePoint, Samples } from './types.ts';

export const TILE_POINTS = 512;
const TILE_MIN_US = 8_000_000;
const TILE_MAX_LEVEL = 24;
/** In one request, and points of all its tags together: more is refused. */
export const TAGS_MAX = 32;
export const POINTS_MAX = 64_000;

const lengthOf = (level: number): number => TILE_MIN_US * 2 ** level;

/** The shortest tiles that have no more points in sight than there are pixels. */
export function tileLength(spanUs: number, pixels: number): number {
  let level = 0;
  while (level < TILE_MAX_LEVEL && lengthOf(level) / TILE_POINTS < spanUs / Math.max(pixels, 1)) level += 1;
  return lengthOf(level);
}

/** Other lengths that may stand in until the right one is here, the nearest first. */
export function otherLengths(length: number): readonly number[] {
  return [2, 0.5, 4, 0.25, 8, 0.125].map((k) => length * k).filter((other) => other >= TILE_MIN_US);
}

export interface Range {
  readonly first: number;
  /** Behind the last. */
  readonly end: number;
}

export function tilesOf(fromUs: number, toUs: number, length: number): Range {
  return {
    first: Math.floor(fromUs / length),
    end: Math.max(Math.ceil(toUs / length), Math.floor(fromUs / length) + 1),
  };
}

/** What one tag said within one tile. */
export interface Tile {
  readonly before: SamplePoint | null;
  readonly points: readonly SamplePoint[];
  /** Up to when it tells: its end, or when it was asked for if that is still to come. */
  readonly knownUs: number;
  /** Nothing is on its way that belongs into it. */
  readonly complete: boolean;
  /** A clock of this page. */
  readonly loadedMs: number;
}

export interface Wanted {
  readonly tags: readonly string[];
  readonly range: Range;
}

/** Runs of neighbours. */
function runsOf(sorted: readonly number[]): readonly Range[] {
  const runs: Range[] = [];
  for (const i of sorted) {
    const last = runs.at(-1);
    if (last !== undefined && last.end === i) runs[runs.length - 1] = { first: last.first, end: i + 1 };
    else runs.push({ first: i, end: i + 1 });
  }
  return runs;
}

/** As few requests as bring what is missing: tags that miss the same tiles go together. */
export function wantedOf(
  tags: readonly string[],
  range: Range,
  isMissing: (tag: string, tile: number) => boolean,
): readonly Wanted[] {
  const groups = new Map<string, { readonly tags: string[]; readonly missing: readonly number[] }>();
  for (const tag of tags) {
    const missing: number[] = [];
    for (let i = range.first; i < range.end; i++) if (isMissing(tag, i)) missing.push(i);
    if (missing.length === 0) continue;
    const key = missing.join();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { tags: [tag], missing });
    else group.tags.push(tag);
  }
  return [...groups.values()].flatMap((group) => runsOf(group.missing).flatMap((run) => parted(group.tags, run)));
}

function parted(tags: readonly string[], range: Range): readonly Wanted[] {
  const parts: Wanted[] = [];
  const fit = Math.floor(POINTS_MAX / ((range.end - range.first) * TILE_POINTS));
  const most = Math.max(1, Math.min(TAGS_MAX, fit));
  for (let i = 0; i < tags.length; i += most) parts.push({ tags: tags.slice(i, i + most), range });
  return parts;
}

export interface Answer {
  readonly before: SamplePoint | null;
  readonly points: readonly SamplePoint[];
  readonly completeUs: number;
  readonly askedUs: number;
  readonly loadedMs: number;
}

/** An answer over several tiles, tile by tile. A point belongs to the tile in which it begins. */
export function partTiles(answer: Answer, range: Range, length: number): readonly Tile[] {
  const tiles: Tile[] = [];
  let { before } = answer;
  let at = 0;
  for (let i = range.first; i < range.end; i++) {
    const endUs = (i + 1) * length;
    const begin = at;
    while (at < answer.points.length && (i === range.end - 1 || (answer.points[at]?.[0] ?? 0) < endUs)) at += 1;
    const points = answer.points.slice(begin, at);
    const knownUs = Math.min(endUs, Math.max(answer.askedUs, i * length));
    tiles.push({ before, points, knownUs, complete: endUs <= answer.completeUs, loadedMs: answer.loadedMs });
    before = points.at(-1) ?? before;
  }
  return tiles;
}

/** Neighbouring tiles as one. */
export interface Run {
  readonly samples: Samples;
  readonly knownUs: number;
  /** Another one where any of its tiles was loaded anew. */
  readonly stamp: number;
}

/** What is loaded of a range: a run for each stretch without a missing tile. */
export function runsLoaded(
  tag: string,
  range: Range,
  length: number,
  tileAt: (i: number) => Tile | undefined,
): readonly Run[] {
  const runs: Run[] = [];
  for (let i = range.first; i < range.end; i++) {
    const tile = tileAt(i);
    if (tile === undefined) continue;
    const last = runs.at(-1);
    if (last !== undefined && last.samples.to === i * length)
      runs[runs.length - 1] = grown(last, tile, (i + 1) * length);
    else {
      const samples = samplesOf(tag, i * length, (i + 1) * length, tile);
      runs.push({ samples, knownUs: tile.knownUs, stamp: tile.loadedMs });
    }
  }
  return runs;
}

const isRaw = (points: readonly SamplePoint[]): boolean => points.every((point) => point[6] <= 1);

function samplesOf(tag: string, from: number, to: number, { before, points }: Tile): Samples {
  return { tag, from, to, raw: isRaw(points), before, points };
}

function grown({ samples, stamp }: Run, tile: Tile, to: number): Run {
  const last = samples.points.at(-1)?.[1] ?? samples.before?.[1] ?? Number.NEGATIVE_INFINITY;
  const more = tile.points.filter((point) => point[0] > last);
  return {
    samples: { ...samples, to, raw: samples.raw && isRaw(more), points: [...samples.points, ...more] },
    knownUs: tile.knownUs,
    stamp: stamp + tile.loadedMs,
  };
}
