/**
 * The figures of how well the alarm system serves its operators, as they are shown: each with its target. The server counts; here
 * is only what a figure is compared with. A figure that the server does not give is not shown.
 */
import type { Text } from './types.ts';

export interface AckTime {
  readonly n: number;
  readonly p50_s: number | null;
  readonly p95_s: number | null;
}

export interface HeldTime {
  readonly now: number;
  readonly n: number;
  readonly total_s: number;
  readonly longest_s: number;
}

export interface Flood {
  readonly from: string;
  readonly to: string;
  readonly n: number;
  readonly peak: number;
}

export interface KpiReport {
  readonly from: string;
  readonly to: string;
  readonly position: string | null;
  /** What was counted, in words. */
  readonly definition?: Text | string;
  /** How each figure is computed, by its name in this report. */
  readonly definitions?: Readonly<Record<string, Text | string>>;
  readonly n: number;
  /** All, then by priority 1 to 4. */
  readonly n_priority?: readonly number[];
  /** As configured, alike. */
  readonly configured_priority?: readonly number[];
  readonly mean_10min?: number;
  readonly mean_hour?: number;
  readonly mean_day?: number;
  readonly peak?: number;
  readonly bins?: number;
  readonly bins_over?: number;
  readonly floods?: readonly Flood[];
  readonly flood_s?: number;
  readonly n_top?: number;
  readonly chattering?: number;
  readonly fleeting?: number;
  readonly stale?: number;
  readonly stale_worst?: number;
  readonly standing?: number;
  readonly standing_mean?: number;
  /** All, then by priority 1 to 4. */
  readonly ack_time?: readonly AckTime[];
  readonly returned?: number;
  readonly returned_unacked?: number;
  readonly acks?: number;
  readonly stamps?: number;
  readonly held?: Readonly<Record<HeldKind, HeldTime>>;
  readonly reannounced?: number;
  readonly escalated?: number;
  readonly priority_raised?: number;
  readonly came_back?: number;
  readonly changes?: number;
  readonly changes_unreasoned?: number;
  readonly blind_pct?: number;
  readonly rationalised?: number;
  readonly n_alarms?: number;
}

export const HELD_KINDS = ['shelved', 'suppressed', 'out_of_service', 'disabled'] as const;
export type HeldKind = (typeof HELD_KINDS)[number];

export const FIGURES = [
  'n',
  'mean_10min',
  'mean_hour',
  'mean_day',
  'peak',
  'bins_over',
  'flood_share',
  'n_top',
  'chattering',
  'fleeting',
  'stale',
  'stale_worst',
  'standing',
  'standing_mean',
  'ack_p50',
  'ack_p95',
  'returned_unacked',
  'stamps',
  'reannounced',
  'escalated',
  'priority_raised',
  'came_back',
  'changes_unreasoned',
  'blind',
  'rationalised',
] as const;
export type FigureId = (typeof FIGURES)[number];

export type FigureUnit = '' | '%' | 's';
/** good: within the target; fair: within what can be managed; poor: beyond; none: no target, or too short a time. */
export type Grade = 'good' | 'fair' | 'poor' | 'none';

export interface Figure {
  readonly id: FigureId;
  readonly value: number;
  readonly unit: FigureUnit;
  readonly decimals: number;
  readonly grade: Grade;
  /** As a text without words: "≤ 1"; '' for none. */
  readonly target: string;
}

interface Rule {
  readonly of: (r: KpiReport) => number | null | undefined;
  readonly unit?: FigureUnit;
  readonly decimals?: number;
  /** Up to here (or from here on) it is good, and fair. */
  readonly good?: number;
  readonly fair?: number;
  /** More is better. */
  readonly rising?: boolean;
}

/** Part of whole in percent; undefined where one is not given, 0 where there is no whole. */
export function percent(part: number | undefined, whole: number | undefined): number | undefined {
  if (part === undefined || whole === undefined) return undefined;
  return whole === 0 ? 0 : (100 * part) / whole;
}

export const lengthS = (r: { readonly from: string; readonly to: string }): number =>
  Math.max(0, (Date.parse(r.to) - Date.parse(r.from)) / 1000);

const RULES: Readonly<Record<FigureId, Rule>> = {
  n: { of: (r) => r.n },
  mean_10min: { of: (r) => r.mean_10min, decimals: 2, good: 1, fair: 2 },
  mean_hour: { of: (r) => r.mean_hour, decimals: 1, good: 6, fair: 12 },
  mean_day: { of: (r) => r.mean_day, decimals: 0, good: 150, fair: 300 },
  peak: { of: (r) => r.peak, good: 10 },
  bins_over: { of: (r) => percent(r.bins_over, r.bins), unit: '%', decimals: 2, good: 1 },
  flood_share: { of: (r) => percent(r.flood_s, lengthS(r)), unit: '%', decimals: 2, good: 1 },
  n_top: { of: (r) => percent(r.n_top, r.n), unit: '%', decimals: 1, good: 5 },
  chattering: { of: (r) => r.chattering, good: 0 },
  fleeting: { of: (r) => r.fleeting, good: 0 },
  stale: { of: (r) => r.stale, good: 4 },
  stale_worst: { of: (r) => r.stale_worst, good: 4 },
  standing: { of: (r) => r.standing, good: 9 },
  standing_mean: { of: (r) => r.standing_mean, decimals: 1, good: 9 },
  ack_p50: { of: (r) => r.ack_time?.[0]?.p50_s, unit: 's' },
  ack_p95: { of: (r) => r.ack_time?.[0]?.p95_s, unit: 's' },
  returned_unacked: { of: (r) => percent(r.returned_unacked, r.returned), unit: '%', decimals: 1 },
  stamps: { of: (r) => percent(r.stamps, r.acks), unit: '%', decimals: 1 },
  reannounced: { of: (r) => r.reannounced },
  escalated: { of: (r) => r.escalated },
  priority_raised: { of: (r) => r.priority_raised },
  came_back: { of: (r) => r.came_back },
  changes_unreasoned: { of: (r) => r.changes_unreasoned, good: 0 },
  blind: { of: (r) => r.blind_pct, unit: '%', decimals: 2 },
  rationalised: {
    of: (r) => percent(r.rationalised, r.n_alarms),
    unit: '%',
    decimals: 0,
    good: 100,
    fair: 90,
    rising: true,
  },
};

export const JUDGE_S = 30 * 86_400;

function gradeOf(value: number, { good, fair, rising = false }: Rule): Grade {
  if (good === undefined) return 'none';
  const within = (bound: number): boolean => (rising ? value >= bound : value <= bound);
  if (within(good)) return 'good';
  return fair !== undefined && within(fair) ? 'fair' : 'poor';
}

/** The figures of a report in their order. Figures over less than 30 days are shown, but not judged. */
export function figures(r: KpiReport): readonly Figure[] {
  const judged = lengthS(r) >= JUDGE_S - 3600;
  const out: Figure[] = [];
  for (const id of FIGURES) {
    const rule = RULES[id];
    const value = rule.of(r);
    if (value === undefined || value === null || !Number.isFinite(value)) continue;
    const { good, rising = false } = rule;
    out.push({
      id,
      value,
      unit: rule.unit ?? '',
      decimals: rule.decimals ?? 0,
      grade: judged ? gradeOf(value, rule) : 'none',
      target: good === undefined ? '' : `${rising ? '≥' : '≤'} ${good}${rule.unit === '%' ? ' %' : ''}`,
    });
  }
  return out;
}

/** Shares by priority beside what is usual: about 80, 15, 5 and less than 1 percent, from low to critical. */
export const USUAL_SHARES: readonly string[] = ['', '< 1 %', '~ 5 %', '~ 15 %', '~ 80 %'];

export interface BadActor {
  readonly alarm: string;
  readonly n: number;
  readonly chatters?: number;
  readonly psi?: number;
  readonly fleeting?: number;
  readonly mean_active_s?: number;
  readonly returned?: number;
  readonly returned_unacked?: number;
  readonly standing?: boolean;
  readonly stale?: boolean;
}

export interface ParetoLine extends BadActor {
  /** Of all annunciations, and together with those above it, in percent. */
  readonly share: number;
  readonly sum: number;
}

/** The most frequent first; ties by name. `all` is the number of annunciations of all alarms, listed or not. */
export function pareto(actors: readonly BadActor[], all: number): readonly ParetoLine[] {
  const sorted = [...actors].sort((a, b) => b.n - a.n || (a.alarm < b.alarm ? -1 : 1));
  const whole = Math.max(
    all,
    sorted.reduce((sum, a) => sum + a.n, 0),
  );
  let before = 0;
  return sorted.map((a) => {
    before += a.n;
    return { ...a, share: percent(a.n, whole) ?? 0, sum: percent(before, whole) ?? 0 };
  });
}
