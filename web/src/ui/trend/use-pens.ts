import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { isUsable } from '../../model/quality.ts';
import { appendLive, type Pen, penOf, withEnd } from '../../model/trend.ts';
import type { Tag } from '../../model/types.ts';
import { wordsOf } from '../../state/action.ts';
import { second, serverNow } from '../../state/clock.ts';
import { loadSamples } from '../../state/history.ts';
import { isAbort } from '../../state/http.ts';
import { link, liveValue, useView } from '../../state/live.ts';
import type { DrawnPen } from './chart.tsx';

const POINTS = 1200;
const EMPTY: Pen = { xs: [], ys: [], holes: [], limit: 0 };
const REFRESH_MIN_MS = 60_000;

export interface Pens {
  readonly pens: readonly DrawnPen[];
  /** Seconds. */
  readonly from: number;
  readonly to: number;
  readonly loading: boolean;
  readonly failures: ReadonlyMap<string, string>;
}

/**
 * History of some tags, and the present behind it while `until` is null. Live values are appended as they come; the history is
 * fetched again now and then, since late samples may have filled gaps.
 */
export function usePens(tags: readonly Tag[], spanMs: number, until: number | null): Pens {
  const names = tags.map((tag) => tag.name);
  const key = names.join();
  const store = useRef(new Map<string, Pen>());
  const [version, setVersion] = useState(0);
  const [loading, setLoading] = useState(true);
  const [failures, setFailures] = useState<ReadonlyMap<string, string>>(new Map());
  useView('tags', names);

  useEffect(() => {
    const gone = new AbortController();
    const failed = new Map<string, string>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const loadOne = async (tag: Tag, from: number, to: number) => {
      try {
        const samples = await loadSamples(tag.name, from, to, POINTS, gone.signal);
        store.current.set(tag.name, penOf(samples, tag, tag.type === 'bool'));
        failed.delete(tag.name);
      } catch (error) {
        if (!isAbort(error)) failed.set(tag.name, wordsOf(error));
      }
      if (!gone.signal.aborted) setVersion((v) => v + 1);
    };
    const loadAll = async () => {
      const to = until ?? serverNow();
      await Promise.all(tags.map((tag) => loadOne(tag, to - spanMs, to)));
      if (gone.signal.aborted) return;
      setFailures(new Map(failed));
      setLoading(false);
      if (until === null) timer = setTimeout(() => void loadAll(), Math.max(REFRESH_MIN_MS, spanMs / 50));
    };
    setLoading(true);
    void loadAll();
    return () => {
      gone.abort();
      clearTimeout(timer);
    };
  }, [key, spanMs, until]);

  const now = until === null ? second.value : until;
  const live = until === null && link.value.state === 'live';
  if (live) {
    for (const tag of tags) {
      const value = liveValue(tag.name).peek();
      const pen = store.current.get(tag.name);
      if (pen !== undefined && value.at !== null)
        appendLive(pen, value.at / 1000, value.value, isUsable(value.quality));
    }
  }
  const pens = useMemo(
    () =>
      tags.map((tag): DrawnPen => {
        const pen = store.current.get(tag.name) ?? EMPTY;
        return { tag, pen: withEnd(pen, now / 1000, live && isUsable(liveValue(tag.name).peek().quality)) };
      }),
    [key, version, now, live],
  );
  return { pens, from: (now - spanMs) / 1000, to: now / 1000, loading, failures };
}
