import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { isUsable } from '../../model/quality.ts';
import { otherLengths, type Range, type Run, runsLoaded, tileLength, tilesOf } from '../../model/tiles.ts';
import { type Pen, penOfRuns, shifted, withEnd, withLive } from '../../model/trend.ts';
import { type Overlay, overlayShift, type View } from '../../model/trend-view.ts';
import type { SamplePoint, Tag } from '../../model/types.ts';
import { second } from '../../state/clock.ts';
import { link, liveValue, useView } from '../../state/live.ts';
import { tileAt } from '../../state/samples.ts';
import { TileLoader } from '../../state/tile-loader.ts';

/** An hour of live values, which is longer than history takes to have them. */
const LIVE_MAX = 3600;
const NOTHING: Pen = { xs: [], ys: [], holes: [], limit: 0, points: [] };

export interface PenWish {
  readonly tag: Tag;
  readonly step: boolean;
}

export interface TrendData {
  penOf(wish: PenWish): Pen;
  /** null where none is drawn. */
  overlayOf(wish: PenWish): Pen | null;
  /** Seconds. */
  readonly from: number;
  readonly to: number;
  readonly loading: boolean;
  readonly failed: string;
  readonly retry: () => void;
}

/** Live values, in the order in which they came. */
class LiveTail {
  private readonly points = new Map<string, SamplePoint[]>();

  take(name: string): void {
    const { at, value, quality } = liveValue(name).peek();
    if (at === null) return;
    const list = this.of(name);
    const us = at * 1000;
    if (us <= (list.at(-1)?.[0] ?? Number.NEGATIVE_INFINITY)) return;
    const usable = isUsable(quality);
    const y = usable ? value : null;
    list.push([us, us, y, y, y, y, 1, usable ? 0 : 1, quality]);
    if (list.length > LIVE_MAX) list.shift();
  }

  of(name: string): SamplePoint[] {
    const list = this.points.get(name) ?? [];
    this.points.set(name, list);
    return list;
  }

  clear(): void {
    this.points.clear();
  }
}

/** The tiles of a tag within times; of another length as long as those say more. */
function bestRuns(name: string, fromUs: number, toUs: number, length: number): readonly Run[] {
  let best: readonly Run[] = [];
  let bestShare = 0;
  for (const one of [length, ...otherLengths(length)]) {
    const runs = runsLoaded(name, tilesOf(fromUs, toUs, one), one, (i) => tileAt(name, one, i));
    const covered = runs.reduce(
      (sum, { samples }) => sum + Math.min(samples.to, toUs) - Math.max(samples.from, fromUs),
      0,
    );
    const share = covered / (toUs - fromUs);
    if (share > bestShare + 1e-9) [best, bestShare] = [runs, share];
    if (bestShare > 1 - 1e-9) break;
  }
  return best;
}

const isMissing = (names: readonly string[], length: number, { first, end }: Range): boolean =>
  names.some((name) => {
    for (let i = first; i < end; i++) if (tileAt(name, length, i) === undefined) return true;
    return false;
  });

interface Cached {
  readonly key: string;
  readonly pen: Pen;
}

/** Pens are made anew only when what they are made of has changed. */
class PenCache {
  private readonly pens = new Map<string, Cached>();

  get(id: string, runs: readonly Run[], make: () => Pen): Pen {
    const key = runs.map(({ samples, stamp }) => `${samples.from} ${samples.to} ${stamp}`).join();
    const known = this.pens.get(id);
    if (known?.key === key) return known.pen;
    const pen = make();
    this.pens.set(id, { key, pen });
    return pen;
  }
}

/**
 * What some tags said within a view, and the present behind it while the view follows it. Parts that are not loaded stay empty until
 * they are; a coarser or finer picture stands in where there is one. `pixels`: how wide it is drawn; 0: not known yet, nothing is asked.
 */
export function useTrend(wishes: readonly PenWish[], view: View, overlay: Overlay | '', pixels: number): TrendData {
  const names = useMemo(() => [...new Set(wishes.map((wish) => wish.tag.name))], [wishes]);
  const [version, setVersion] = useState(0);
  const loader = useRef<TileLoader | null>(null);
  const tail = useRef(new LiveTail());
  const cache = useRef(new PenCache());
  const liveSince = useRef(0);
  useView('tags', names);
  useEffect(() => {
    const mine = new TileLoader(() => setVersion((v) => v + 1));
    loader.current = mine;
    setVersion((v) => v + 1);
    return () => {
      loader.current = null;
      mine.stop();
    };
  }, []);

  const follows = view.until === null;
  const now = view.until ?? second.value;
  const live = follows && link.value.state === 'live';
  useEffect(() => {
    if (!live) return;
    // What was missed meanwhile is in history alone.
    tail.current.clear();
    liveSince.current = performance.now();
  }, [live]);
  if (live) for (const name of names) tail.current.take(name);

  const toUs = now * 1000;
  const fromUs = toUs - view.spanMs * 1000;
  const length = tileLength(view.spanMs * 1000, pixels);
  const shiftUs = overlay === '' ? 0 : overlayShift(overlay, now) * 1000;
  const ranges: readonly Range[] = [
    tilesOf(fromUs, toUs, length),
    ...(overlay === '' ? [] : [tilesOf(fromUs - shiftUs, toUs - shiftUs, length)]),
  ];
  const wantedKey = `${pixels === 0} ${names.join()} ${length} ${JSON.stringify(ranges)} ${live} ${version === 0}`;
  useEffect(() => {
    if (pixels === 0) return;
    loader.current?.want({ tags: names, length, ranges, untilUs: toUs, live, liveSinceMs: liveSince.current });
  }, [wantedKey]);

  const made = useMemo(() => {
    const pens = new Map<string, Pen>();
    const overlays = new Map<string, Pen>();
    for (const { tag, step } of wishes) {
      const id = `${tag.name} ${step}`;
      if (pens.has(id)) continue;
      const runs = bestRuns(tag.name, fromUs, toUs, length);
      const base = cache.current.get(id, runs, () => penOfRuns(runs, tag, step));
      const knownS = Math.min(toUs, live ? toUs : (runs.at(-1)?.knownUs ?? toUs)) / 1e6;
      const holds = live && isUsable(liveValue(tag.name).peek().quality);
      pens.set(id, withEnd(live ? withLive(base, tail.current.of(tag.name)) : base, knownS, holds));
      if (overlay === '') continue;
      const past = bestRuns(tag.name, fromUs - shiftUs, toUs - shiftUs, length);
      const pen = cache.current.get(`${id} ${shiftUs}`, past, () => shifted(penOfRuns(past, tag, step), shiftUs / 1e6));
      overlays.set(id, pen);
    }
    return { pens, overlays };
  }, [wishes, version, fromUs, toUs, length, live, shiftUs]);

  return {
    penOf: ({ tag, step }) => made.pens.get(`${tag.name} ${step}`) ?? NOTHING,
    overlayOf: ({ tag, step }) => made.overlays.get(`${tag.name} ${step}`) ?? null,
    from: fromUs / 1e6,
    to: toUs / 1e6,
    loading: pixels === 0 || ranges.some((range) => isMissing(names, length, range)),
    failed: loader.current?.failed ?? '',
    retry: () => loader.current?.retry(),
  };
}
