/** Samples of trends, tile by tile, kept for as long as there is room: what was seen a moment ago is not asked for again. */
import { type Answer, partTiles, type Range, TILE_POINTS, type Tile, type Wanted } from '../model/tiles.ts';
import type { Samples } from '../model/types.ts';
import { serverNow } from './clock.ts';
import { get } from './http.ts';

/** In tiles of one tag: some views of the largest set. */
const KEPT_MAX = 400;

interface SamplesOfMany {
  /** null: nothing is known to be complete. */
  readonly complete_until: number | null;
  readonly tags: readonly Pick<Samples, 'tag' | 'raw' | 'before' | 'points'>[];
}

/** What was used last is last. */
const kept = new Map<string, Tile>();

const keyOf = (tag: string, length: number, i: number): string => `${tag} ${length} ${i}`;

export function tileAt(tag: string, length: number, i: number): Tile | undefined {
  return kept.get(keyOf(tag, length, i));
}

/** Marks what is in sight as used: it is the last to be forgotten. */
export function useTiles(tags: readonly string[], length: number, range: Range): void {
  for (const tag of tags) {
    for (let i = range.first; i < range.end; i++) {
      const key = keyOf(tag, length, i);
      const tile = kept.get(key);
      if (tile === undefined) continue;
      kept.delete(key);
      kept.set(key, tile);
    }
  }
}

function keep(tag: string, length: number, i: number, tile: Tile): void {
  kept.delete(keyOf(tag, length, i));
  kept.set(keyOf(tag, length, i), tile);
  if (kept.size <= KEPT_MAX) return;
  for (const oldest of kept.keys()) {
    kept.delete(oldest);
    break;
  }
}

function queryOf({ tags, range }: Wanted, length: number): string {
  const query = new URLSearchParams(tags.map((tag) => ['tag', tag]));
  query.set('from', String(range.first * length));
  query.set('to', String(range.end * length));
  query.set('points', String((range.end - range.first) * TILE_POINTS));
  return query.toString();
}

/** Fetches what is wanted and keeps it. */
export async function loadTiles(wanted: Wanted, length: number, signal: AbortSignal): Promise<void> {
  const askedUs = serverNow() * 1000;
  const loadedMs = performance.now();
  const body = await get<SamplesOfMany>(`/samples?${queryOf(wanted, length)}`, signal);
  for (const { tag, before, points } of body.tags) {
    const answer: Answer = { before, points, completeUs: body.complete_until ?? 0, askedUs, loadedMs };
    for (const [n, tile] of partTiles(answer, wanted.range, length).entries())
      keep(tag, length, wanted.range.first + n, tile);
  }
}

/** Where the samples between two times are as they were stored, for a table of one's own. */
export function csvAddress(tags: readonly string[], fromMs: number, toMs: number): string {
  const query = new URLSearchParams(tags.map((tag) => ['tag', tag]));
  query.set('from', String(Math.floor(fromMs * 1000)));
  query.set('to', String(Math.ceil(toMs * 1000)));
  query.set('format', 'csv');
  return `/api/samples/raw?${query}`;
}
