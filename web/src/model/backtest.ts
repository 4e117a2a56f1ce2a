/** What a changed setting would have done to the last weeks: the question, and the answer as it is shown. */

export interface BacktestItem {
  readonly kind: string;
  readonly name: string;
  /** null: it would not be there. */
  readonly body: Readonly<Record<string, unknown>> | null;
}

export interface BacktestRequest {
  readonly from: string;
  readonly to: string;
  readonly items: readonly BacktestItem[];
  /** The alarm whose delays and deadband are to be searched for better ones. */
  readonly suggest?: string;
}

export interface Flood {
  readonly from: string;
  readonly to: string;
  readonly n: number;
  readonly peak: number;
  readonly position: string;
}

export interface Outcome {
  readonly n: number;
  readonly per_day: readonly number[];
  readonly longest_flood: Flood | null;
  /** Where most rang within ten minutes. */
  readonly worst_position: { readonly position: string; readonly n: number; readonly peak: number };
}

export interface Occurrence {
  readonly alarm: string;
  readonly src: string | null;
  readonly at: string | null;
  /** When it was over; null: not within the period. */
  readonly until: string | null;
  /** Of one that would be gone: another occurrence tells of the same time. */
  readonly covered: boolean;
}

/** Settings that were tried together. */
export interface Candidate {
  readonly on_delay_s: number;
  readonly off_delay_s: number;
  readonly deadband: number;
  /** Annunciations it would have left. */
  readonly n: number;
  /** Annunciations whose time no other one would have told of. */
  readonly missed: number;
  /** How much later the latest of those would have come. */
  readonly latest_s: number;
}

export interface Suggestion {
  readonly alarm: string;
  /** In one sentence, in English. */
  readonly text: string;
  /** The best of the rows; 0: none is better than the present one. */
  readonly best: number;
  /** The first is the present setting. */
  readonly rows: readonly Candidate[];
}

export interface AlarmOutcome {
  readonly alarm: string;
  readonly now: number;
  readonly then: number;
  readonly added: number;
  readonly removed: number;
  readonly missed: number;
  readonly changed: number;
  readonly latest_s: number;
  readonly earliest_s: number;
}

export interface BacktestReport {
  readonly from: string;
  readonly to: string;
  readonly samples: number;
  readonly alarms_judged: number;
  readonly alarms_not_judged: number;
  /** What was taken for granted, in sentences. */
  readonly assumptions: readonly string[];
  readonly now: Outcome;
  readonly then: Outcome;
  readonly n_added: number;
  readonly n_removed: number;
  /** Of those removed: nothing else would have told of them. */
  readonly missed: number;
  /** Occurrences that are in both, but at another time or of another priority. */
  readonly changed: number;
  readonly latest_s: number;
  readonly added: readonly Occurrence[];
  readonly removed: readonly Occurrence[];
  readonly per_alarm: readonly AlarmOutcome[];
  /** The lists are longer than what is given. */
  readonly truncated: boolean;
  readonly suggestion: Suggestion | null;
}

export type BacktestState = 'waiting' | 'running' | 'done' | 'cancelled' | 'failed';

/** It will change by itself. */
export const isUnderWay = (state: BacktestState): boolean => state === 'waiting' || state === 'running';

/** One of the list; `report` is only in the answer that is about one. */
export interface Backtest {
  readonly id: number;
  readonly state: BacktestState;
  readonly progress: number;
  readonly created: string | null;
  readonly finished: string | null;
  readonly from: string;
  readonly to: string;
  readonly by: string;
  /** How many settings were changed. */
  readonly items: number;
  readonly suggest: string | null;
  /** Of the first change. */
  readonly name: string | null;
  readonly error: string | null;
  readonly report?: BacktestReport | null;
}

export const BACKTEST_DAYS = 30;
const DAY_MS = 86_400_000;

/** The last 30 days up to now, with one item changed. */
export function backtestOf(
  name: string,
  body: Readonly<Record<string, unknown>> | null,
  nowMs: number,
): BacktestRequest {
  return {
    from: new Date(nowMs - BACKTEST_DAYS * DAY_MS).toISOString(),
    to: new Date(nowMs).toISOString(),
    items: [{ kind: 'alarm', name, body }],
  };
}

export function suggestionOf(name: string, nowMs: number): BacktestRequest {
  return { ...backtestOf(name, null, nowMs), items: [], suggest: name };
}

export interface DayBar {
  readonly fromMs: number;
  readonly now: number;
  readonly then: number;
  /** Of the highest bar. */
  readonly nowShare: number;
  readonly thenShare: number;
}

/** Per day of the period, now beside then. */
export function dayBars(report: BacktestReport, fromMs: number): readonly DayBar[] {
  const days = Math.max(report.now.per_day.length, report.then.per_day.length);
  const highest = Math.max(1, ...report.now.per_day, ...report.then.per_day);
  return Array.from({ length: days }, (_, i) => {
    const now = report.now.per_day[i] ?? 0;
    const then = report.then.per_day[i] ?? 0;
    return { fromMs: fromMs + i * DAY_MS, now, then, nowShare: now / highest, thenShare: then / highest };
  });
}

export interface ListedOccurrence extends Occurrence {
  readonly change: 'added' | 'removed';
}

/** Both lists as one, in the order in which it happened. */
export function listed(report: BacktestReport): readonly ListedOccurrence[] {
  const all: ListedOccurrence[] = [
    ...report.added.map((o) => ({ ...o, change: 'added' as const })),
    ...report.removed.map((o) => ({ ...o, change: 'removed' as const })),
  ];
  const time = (o: Occurrence): number => Date.parse(o.src ?? o.at ?? '') || 0;
  return all.sort((a, b) => time(a) - time(b) || (a.alarm < b.alarm ? -1 : 1));
}

export interface RankedCandidate extends Candidate {
  readonly is: 'best' | 'present' | 'other';
}

/** The server's best first, then the present setting to compare with, then what else cuts most. */
export function ranked({ rows, best }: Suggestion): readonly RankedCandidate[] {
  const all = rows.map(
    (row, i): RankedCandidate => ({ ...row, is: i === 0 ? 'present' : i === best ? 'best' : 'other' }),
  );
  const place = { best: 0, present: 1, other: 2 } as const;
  return all.sort((a, b) => place[a.is] - place[b.is] || a.missed - b.missed || a.n - b.n || a.latest_s - b.latest_s);
}
