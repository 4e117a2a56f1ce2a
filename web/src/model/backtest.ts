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

export interface Span {
  readonly from: string;
  readonly to: string;
  readonly n: number;
}

export interface Outcome {
  readonly n: number;
  readonly per_day: readonly number[];
  readonly longest_flood: Span | null;
  readonly worst_position: { readonly position: string; readonly n: number } | null;
}

export interface Occurrence {
  readonly alarm: string;
  readonly src: string;
  readonly at: string;
}

/** One setting that was tried. */
export interface Candidate {
  readonly field: string;
  readonly value: number;
  /** Annunciations it would have left. */
  readonly then: number;
  /** How much later the latest of those would have come. */
  readonly later_s: number;
  /** Annunciations that lasted, but would have been missed. */
  readonly missed?: number;
}

export interface Suggestion {
  readonly alarm: string;
  readonly now: number;
  readonly candidates: readonly Candidate[];
}

export interface BacktestReport {
  readonly now: Outcome;
  readonly then: Outcome;
  readonly added: readonly Occurrence[];
  readonly removed: readonly Occurrence[];
  /** Occurrences that are in both, but at another time or of another priority. */
  readonly changed: number;
  readonly per_alarm: readonly { readonly alarm: string; readonly now: number; readonly then: number }[];
  /** The lists are longer than what is given. */
  readonly truncated: boolean;
  readonly suggestion?: Suggestion;
}

export type BacktestState = 'running' | 'done' | 'cancelled' | 'failed';

export interface Backtest {
  readonly id: string;
  readonly state: BacktestState;
  readonly progress: number;
  readonly report?: BacktestReport;
  readonly error?: string;
  readonly by?: string;
  readonly from?: string;
  readonly to?: string;
  readonly items?: readonly BacktestItem[];
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
  return all.sort((a, b) => Date.parse(a.src) - Date.parse(b.src) || (a.alarm < b.alarm ? -1 : 1));
}

/** A suggestion is worth as much as it cuts; what would miss alarms or come late counts less. Best first. */
export function bestFirst(s: Suggestion): readonly Candidate[] {
  const cost = (c: Candidate): number => c.then + 1000 * (c.missed ?? 0) + c.later_s / 60;
  return [...s.candidates].sort((a, b) => cost(a) - cost(b) || a.value - b.value);
}
