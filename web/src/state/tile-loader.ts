/** Brings the tiles of a view that moves: asks for what is missing, and lets go of what was asked for a view that was left. */
import { type Range, type Tile, type Wanted, wantedOf } from '../model/tiles.ts';
import { wordsOf } from './action.ts';
import { isAbort, Problem } from './http.ts';
import { loadTiles, tileAt, useTiles } from './samples.ts';

export interface Need {
  readonly tags: readonly string[];
  readonly length: number;
  /** What is in sight, and the same of another time where that is drawn too. */
  readonly ranges: readonly Range[];
  /** Right edge of what is in sight. */
  readonly untilUs: number;
  /** The present is drawn from live values. */
  readonly live: boolean;
  /** By the page's clock: since when live values came without a break. */
  readonly liveSinceMs: number;
}

interface Flight {
  readonly wanted: Wanted;
  readonly length: number;
  readonly abort: AbortController;
}

/** While a hand moves the view, it asks no oftener. */
const CALM_MS = 80;
const CHECK_MS = 10_000;
const RETRY_MS = 5_000;
/** Late samples may have come. */
const REFRESH_MS = 60_000;
const REFRESH_COMPLETE_MS = 600_000;
const CATCH_UP_MS = 2_000;

export class TileLoader {
  private need: Need | null = null;
  private flights = new Set<Flight>();
  private plan: ReturnType<typeof setTimeout> | undefined;
  private plannedMs = 0;
  private retryMs = 0;
  private readonly check: ReturnType<typeof setInterval>;
  /** Why the newest request failed; '' if it did not. */
  failed = '';

  constructor(private readonly changed: () => void) {
    this.check = setInterval(() => this.run(), CHECK_MS);
  }

  want(need: Need): void {
    this.need = need;
    if (this.plan !== undefined) return;
    const calm = this.plannedMs + CALM_MS - performance.now();
    this.plan = setTimeout(() => this.run(), Math.max(0, calm));
  }

  retry(): void {
    this.retryMs = 0;
    this.run();
  }

  stop(): void {
    clearTimeout(this.plan);
    clearInterval(this.check);
    this.need = null;
    for (const flight of this.flights) flight.abort.abort();
    this.flights.clear();
  }

  private run(): void {
    clearTimeout(this.plan);
    this.plan = undefined;
    this.plannedMs = performance.now();
    const { need } = this;
    if (need === null) return;
    this.letGo(need);
    for (const range of need.ranges) useTiles(need.tags, need.length, range);
    if (this.plannedMs < this.retryMs) return;
    for (const range of need.ranges) {
      const wanted = wantedOf(need.tags, range, (tag, i) => this.isMissing(need, tag, i));
      for (const one of wanted) void this.fly(one, need.length);
    }
    this.changed();
  }

  /** What no longer is of use is not waited for: neither here nor in the database. */
  private letGo(need: Need): void {
    for (const flight of this.flights) {
      const { tags, range } = flight.wanted;
      const used =
        flight.length === need.length &&
        need.ranges.some((other) => range.first < other.end && other.first < range.end) &&
        tags.some((tag) => need.tags.includes(tag));
      if (used) continue;
      flight.abort.abort();
      this.flights.delete(flight);
    }
  }

  private isMissing(need: Need, tag: string, i: number): boolean {
    const tile = tileAt(tag, need.length, i);
    if (tile !== undefined && !isOld(need, tile, (i + 1) * need.length)) return false;
    for (const { wanted } of this.flights) {
      if (wanted.range.first <= i && i < wanted.range.end && wanted.tags.includes(tag)) return false;
    }
    return true;
  }

  private async fly(wanted: Wanted, length: number): Promise<void> {
    const flight: Flight = { wanted, length, abort: new AbortController() };
    this.flights.add(flight);
    try {
      await loadTiles(wanted, length, flight.abort.signal);
      this.failed = '';
    } catch (error) {
      if (isAbort(error) || flight.abort.signal.aborted) return;
      // More than one answer may gather, as while a long backlog of these tags waits to be packed: the half of it may do.
      if (error instanceof Problem && error.code === 'busy' && wanted.tags.length > 1) {
        for (const half of halvesOf(wanted)) void this.fly(half, length);
        return;
      }
      this.failed = wordsOf(error);
      this.retryMs = performance.now() + RETRY_MS;
    } finally {
      this.flights.delete(flight);
    }
    if (this.need !== null) this.changed();
  }
}

function halvesOf({ tags, range }: Wanted): readonly Wanted[] {
  const half = Math.ceil(tags.length / 2);
  return [tags.slice(0, half), tags.slice(half)].map((some) => ({ tags: some, range }));
}

function isOld(need: Need, tile: Tile, endUs: number): boolean {
  const age = performance.now() - tile.loadedMs;
  if (tile.complete) return age > REFRESH_COMPLETE_MS;
  if (age > Math.max(REFRESH_MS, need.length / 50_000)) return true;
  if (need.live) return tile.loadedMs < need.liveSinceMs;
  return tile.knownUs < Math.min(endUs, need.untilUs) && age > CATCH_UP_MS;
}
