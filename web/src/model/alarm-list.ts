/** Order, counts and choice of alarms: the rules of the alarm list and of the banner, without a screen. */
import type { Alarm, AlarmLetter, BaseLetter, Priority } from './types.ts';

export const PRIORITIES: readonly Priority[] = [1, 2, 3, 4];

/** Waits for an acknowledgement, and is shown. */
export const isUnacked = (a: Alarm): boolean => a.letter === 'B' || a.letter === 'D' || a.letter === 'E';
/** Shelved, suppressed, out of service or disabled. */
export const isHidden = (a: Alarm): boolean => a.letter >= 'G';
/** In the alarm list: B to F. */
export const isListed = (a: Alarm): boolean => a.letter !== 'A' && !isHidden(a);
export const isActive = (base: BaseLetter): boolean => base === 'B' || base === 'C';
export const isBaseUnacked = (base: BaseLetter): boolean => base === 'B' || base === 'D' || base === 'E';

/** Sorting asks for the same time again and again; alarms are never changed, only replaced. */
const times = new WeakMap<Alarm, number>();

function raisedMs(a: Alarm): number {
  let ms = times.get(a);
  if (ms === undefined) {
    ms = a.raised === null ? 0 : Date.parse(a.raised);
    times.set(a, ms);
  }
  return ms;
}

const byName = (a: Alarm, b: Alarm): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
const byNewest = (a: Alarm, b: Alarm): number => raisedMs(b) - raisedMs(a) || byName(a, b);

/** Unacknowledged first, then priority, then newest. */
export function byUrgency(a: Alarm, b: Alarm): number {
  return Number(isUnacked(b)) - Number(isUnacked(a)) || a.priority - b.priority || byNewest(a, b);
}

export type AlarmOrder = 'urgency' | 'time';

export function sortAlarms(alarms: readonly Alarm[], order: AlarmOrder): readonly Alarm[] {
  return [...alarms].sort(order === 'urgency' ? byUrgency : byNewest);
}

export interface Counts {
  readonly unacked: Readonly<Record<Priority, number>>;
  readonly standing: Readonly<Record<Priority, number>>;
}

export function countAlarms(alarms: Iterable<Alarm>): Counts {
  const unacked = { 1: 0, 2: 0, 3: 0, 4: 0 };
  const standing = { 1: 0, 2: 0, 3: 0, 4: 0 };
  for (const a of alarms) {
    if (!isListed(a)) continue;
    standing[a.priority] += 1;
    if (isUnacked(a)) unacked[a.priority] += 1;
  }
  return { unacked, standing };
}

/** The one alarm that a tile shows: the most urgent of those in the list. */
export function worst(alarms: readonly Alarm[]): Alarm | undefined {
  return alarms
    .filter(isListed)
    .reduce<Alarm | undefined>((w, a) => (w === undefined || byUrgency(a, w) < 0 ? a : w), undefined);
}

export type HiddenLetter = Extract<AlarmLetter, 'G' | 'H' | 'I' | 'Z'>;
const HIDDEN: readonly HiddenLetter[] = ['G', 'H', 'I', 'Z'];

/** How many are hidden, each way, for the small marks. Ways without any are left out. */
export function hiddenMarks(alarms: readonly Alarm[]): readonly (readonly [HiddenLetter, readonly Alarm[]])[] {
  return HIDDEN.map((letter) => [letter, alarms.filter((a) => a.letter === letter)] as const).filter(
    ([, list]) => list.length > 0,
  );
}

export function bySite(alarms: readonly Alarm[]): ReadonlyMap<string, readonly Alarm[]> {
  const sites = new Map<string, Alarm[]>();
  for (const a of alarms) {
    const list = sites.get(a.site);
    if (list === undefined) sites.set(a.site, [a]);
    else list.push(a);
  }
  return sites;
}

/** A row as it is drawn. Gone: it has left the list but its place is kept while the list is held. */
export interface Row {
  readonly alarm: Alarm;
  readonly gone: boolean;
}

export interface Held {
  readonly rows: readonly Row[];
  /** How many alarms wait behind the "n new" bar. */
  readonly fresh: number;
}

/**
 * What to draw when the list must hold still: every row stays where it was, with its present state; what has left stays as a
 * ghost; what is new waits. Otherwise just the sorted list.
 */
export function holdRows(before: readonly Row[], sorted: readonly Alarm[], held: boolean): Held {
  if (!held || before.length === 0) return { rows: sorted.map((alarm) => ({ alarm, gone: false })), fresh: 0 };
  const present = new Map(sorted.map((a) => [a.name, a]));
  const rows = before.map((row): Row => {
    const alarm = present.get(row.alarm.name);
    return alarm === undefined ? { alarm: row.alarm, gone: true } : { alarm, gone: false };
  });
  const shown = new Set(before.map((row) => row.alarm.name));
  return { rows, fresh: sorted.filter((a) => !shown.has(a.name)).length };
}

/** An annunciation that somebody saw: what an acknowledgement names. */
export interface AckItem {
  readonly alarm: string;
  readonly call: number;
}

export const ackItem = (a: Alarm): AckItem => ({ alarm: a.name, call: a.call });

export interface BulkAck {
  readonly items: readonly Alarm[];
  /** Critical ones among those asked for: left out until a second step confirms them. */
  readonly critical: readonly Alarm[];
}

/** What acknowledging several at once means: only those that wait, critical ones apart. */
export function bulkAck(alarms: readonly Alarm[]): BulkAck {
  const waiting = alarms.filter(isUnacked);
  return {
    items: waiting.filter((a) => a.priority !== 1),
    critical: waiting.filter((a) => a.priority === 1),
  };
}

/** The server takes this many in one request. */
export const REQUESTS_MAX = 500;

export function chunks<T>(items: readonly T[], max: number): readonly (readonly T[])[] {
  const out: T[][] = [];
  for (let i = 0; i < items.length; i += max) out.push(items.slice(i, i + max));
  return out;
}
