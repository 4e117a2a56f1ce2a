/** What alarms did, as marks over a trend: when each was raised, acknowledged and over, and for how long it was on. Seconds. */
import { parseTime } from './format.ts';
import type { AlarmRecord, AlarmRecordKind, Priority } from './types.ts';

export interface Mark {
  readonly at: number;
  readonly kind: 'raise' | 'ack' | 'rtn';
  readonly priority: Priority;
  readonly record: AlarmRecord;
}

/** While an alarm was on. */
export interface Standing {
  readonly alarm: string;
  readonly priority: Priority;
  /** null: since before what is known. */
  readonly from: number | null;
  /** null: it still is. */
  readonly to: number | null;
}

const KINDS: Readonly<Partial<Record<AlarmRecordKind, Mark['kind']>>> = {
  raise: 'raise',
  reraise: 'raise',
  hist_raise: 'raise',
  ack: 'ack',
  rtn: 'rtn',
  hist_rtn: 'rtn',
};

/** What to ask the history for. */
export const MARK_KINDS = Object.keys(KINDS).join(',');

/** When it happened at the source, which is where it stands beside its samples. */
const timeOf = (record: AlarmRecord): number | null => parseTime(record.src ?? record.at);

/** In the order of time. */
export function marksOf(records: readonly AlarmRecord[]): readonly Mark[] {
  const marks: Mark[] = [];
  for (const record of records) {
    const kind = KINDS[record.kind];
    const ms = timeOf(record);
    if (kind !== undefined && ms !== null) marks.push({ at: ms / 1000, kind, priority: record.priority, record });
  }
  return marks.sort((a, b) => a.at - b.at || a.record.seq - b.record.seq);
}

/** `marks` in the order of time. */
export function standingsOf(marks: readonly Mark[]): readonly Standing[] {
  const open = new Map<string, Mark>();
  const standings: Standing[] = [];
  for (const mark of marks) {
    const alarm = mark.record.alarm ?? '';
    const begun = open.get(alarm);
    if (mark.kind === 'raise' && begun === undefined) open.set(alarm, mark);
    if (mark.kind !== 'rtn') continue;
    open.delete(alarm);
    standings.push({ alarm, priority: mark.priority, from: begun?.at ?? null, to: mark.at });
  }
  for (const [alarm, { priority, at }] of open) standings.push({ alarm, priority, from: at, to: null });
  return standings;
}

/** Marks too close to each other to be told apart. */
export interface Cluster {
  readonly at: number;
  /** The most urgent one of them; of these, what was raised before what was not. */
  readonly mark: Mark;
  readonly n: number;
}

const WEIGHT: Readonly<Record<Mark['kind'], number>> = { raise: 0, ack: 1, rtn: 2 };

const before = (a: Mark, b: Mark): boolean =>
  a.priority === b.priority ? WEIGHT[a.kind] < WEIGHT[b.kind] : a.priority < b.priority;

/** `apart`: seconds that marks need beside each other. */
export function clustersOf(marks: readonly Mark[], apart: number): readonly Cluster[] {
  const clusters: Cluster[] = [];
  for (const mark of marks) {
    const last = clusters.at(-1);
    if (last === undefined || mark.at - last.at >= apart) clusters.push({ at: mark.at, mark, n: 1 });
    else
      clusters[clusters.length - 1] = { at: last.at, mark: before(mark, last.mark) ? mark : last.mark, n: last.n + 1 };
  }
  return clusters;
}

/** Those near a time. */
export function marksNear(marks: readonly Mark[], at: number, within: number): readonly Mark[] {
  return marks.filter((mark) => Math.abs(mark.at - at) <= within);
}

/** Those from one time to another; no `to`: to the present, however late the clock of the right edge ticks. */
export function marksWithin(marks: readonly Mark[], from: number, to: number | null): readonly Mark[] {
  return marks.filter((mark) => mark.at >= from && (to === null || mark.at <= to));
}
