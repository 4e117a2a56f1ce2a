/** Samples for small pictures: asked for a few at a time, kept for a while, so that a screen full of them asks once. */
import { type Pen, penOf } from '../model/trend.ts';
import type { Samples, Tag } from '../model/types.ts';
import { serverNow } from './clock.ts';
import { get, itemPath } from './http.ts';

const AT_ONCE = 2;
const KEEP_MS = 5 * 60_000;

interface Kept {
  readonly at: number;
  readonly pen: Promise<Pen>;
}

const kept = new Map<string, Kept>();
const queue: (() => void)[] = [];
let running = 0;

function runNext(): void {
  if (running >= AT_ONCE) return;
  const next = queue.shift();
  if (next === undefined) return;
  running += 1;
  next();
}

/** Many rows ask for something of their own: not all at once. */
export function whenFree<T>(job: () => Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    queue.push(() => {
      job()
        .then(resolve, reject)
        .finally(() => {
          running -= 1;
          runNext();
        });
    });
    runNext();
  });
}

export function loadSamples(
  name: string,
  fromMs: number,
  toMs: number,
  points: number,
  signal?: AbortSignal,
): Promise<Samples> {
  const query = `from=${Math.floor(fromMs * 1000)}&to=${Math.ceil(toMs * 1000)}&points=${points}`;
  return get<Samples>(`${itemPath('tags', name)}/samples?${query}`, signal);
}

/** The last `spanMs` of a tag, coarsely. */
export function recentPen(tag: Tag, spanMs: number, points: number): Promise<Pen> {
  const key = `${tag.name} ${spanMs} ${points}`;
  const known = kept.get(key);
  if (known !== undefined && performance.now() - known.at < KEEP_MS) return known.pen;
  const pen = whenFree(async () => {
    const now = serverNow();
    return penOf(await loadSamples(tag.name, now - spanMs, now, points), tag, tag.type === 'bool');
  });
  kept.set(key, { at: performance.now(), pen });
  pen.catch(() => kept.delete(key));
  return pen;
}
