/** Which alarm sounds here, and how: a pattern of its own for each priority. The tones themselves are made in state/sound.ts. */
import { PRIORITIES } from './alarm-list.ts';
import type { Alarm, Priority } from './types.ts';

/** '' hears every position. */
export type Position = string;

export type Silenced = ReadonlyMap<string, number>;

const isHere = (a: Alarm, position: Position): boolean =>
  position === '' || a.position === '' || a.position === position;

/** The priority whose pattern plays; null: quiet. Follows the state, so a page that is opened late rings as well. */
export function soundingPriority(alarms: Iterable<Alarm>, position: Position, silenced: Silenced): Priority | null {
  let highest: Priority | null = null;
  for (const a of alarms) {
    if (!a.ring || !isHere(a, position) || silenced.get(a.name) === a.call) continue;
    if (highest === null || a.priority < highest) highest = a.priority;
  }
  return highest;
}

/** Silences what sounds now at a position; null: at all. The next call of the same alarm sounds again. */
export function silence(alarms: Iterable<Alarm>, position: Position | null, before: Silenced): Silenced {
  const after = new Map(before);
  for (const a of alarms) if (a.ring && isHere(a, position ?? '')) after.set(a.name, a.call);
  return after;
}

export interface Beep {
  readonly atMs: number;
  readonly ms: number;
  readonly hz: number;
}

export interface Pattern {
  readonly periodMs: number;
  readonly beeps: readonly Beep[];
}

const beeps = (hz: number, n: number, ms: number, gapMs: number): readonly Beep[] =>
  Array.from({ length: n }, (_, i) => ({ atMs: i * (ms + gapMs), ms, hz }));

/** More urgent is higher, faster and closer together: told apart by rhythm alone, where a pitch is not heard well. */
export const PATTERNS: Readonly<Record<Priority, Pattern>> = {
  1: {
    periodMs: 800,
    beeps: [0, 200, 400, 600].map((atMs, i) => ({ atMs, ms: 190, hz: i % 2 === 0 ? 988 : 740 })),
  },
  2: { periodMs: 1_800, beeps: beeps(784, 3, 160, 110) },
  3: { periodMs: 3_500, beeps: beeps(587, 2, 220, 160) },
  4: { periodMs: 7_000, beeps: beeps(440, 1, 350, 0) },
};

/** Beeps that begin within [from, to) of a pattern that has played since 0, at their own times. */
export function beepsWithin(priority: Priority, fromMs: number, toMs: number): readonly Beep[] {
  const { periodMs, beeps: list } = PATTERNS[priority];
  const out: Beep[] = [];
  for (let start = Math.floor(fromMs / periodMs) * periodMs; start < toMs; start += periodMs) {
    for (const beep of list) {
      const atMs = start + beep.atMs;
      if (atMs >= fromMs && atMs < toMs) out.push({ ...beep, atMs });
    }
  }
  return out;
}

/** The test plays all four, the least urgent first. */
export function testTones(): readonly Beep[] {
  let start = 0;
  const out: Beep[] = [];
  for (const p of [...PRIORITIES].reverse()) {
    const { beeps: list } = PATTERNS[p];
    for (const beep of list) out.push({ ...beep, atMs: start + beep.atMs });
    const last = list.at(-1);
    start += (last === undefined ? 0 : last.atMs + last.ms) + 500;
  }
  return out;
}
