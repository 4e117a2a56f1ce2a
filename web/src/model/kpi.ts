/**
 * The figures of how well the alarm system serves its operators, as they are shown: each with its target. The server counts and says
 * how; here is only what a figure is compared with, and what of it makes a table. A figure that the server does not give is not shown.
 */

export interface WireFigure {
  readonly name: string;
  readonly value: number | null;
  /** Names of alarms, or rows of a list; null where there is nothing to name. */
  readonly detail: unknown;
  /** How it is computed, in English. */
  readonly definition: string;
}

/** The answer of both reports: key figures by name, or one figure for each alarm that did something. */
export interface FigureReport {
  readonly from: string;
  readonly to: string;
  readonly position: string | null;
  readonly figures: readonly WireFigure[];
}

export const FIGURES = [
  'n',
  'mean10',
  'mean_hour',
  'mean_day',
  'peak10',
  'pct_bins_gt10',
  'floods',
  'flood_pct',
  'flood_alarms',
  'top10_pct',
  'chattering',
  'psi_over',
  'fleeting',
  'stale',
  'stale_worst',
  'standing',
  'standing_mean',
  'tta_p50',
  'tta_p95',
  'rtn_unacked_pct',
  'rubber_stamp_pct',
  'reannounced',
  'escalated',
  'prio_raised',
  'came_back',
  'changes_unreasoned',
  'configured',
  'rationalised_pct',
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
  /** In the server's words. */
  readonly definition: string;
  /** The alarms that it counts, where there are few to name. */
  readonly names: readonly string[];
}

interface Rule {
  readonly unit?: FigureUnit;
  readonly decimals?: number;
  /** Up to here (or from here on) it is good, and fair. */
  readonly good?: number;
  readonly fair?: number;
  /** More is better. */
  readonly rising?: boolean;
  /** Its detail names the alarms. */
  readonly named?: boolean;
}

type Row = Readonly<Record<string, unknown>>;

const isRow = (v: unknown): v is Row => typeof v === 'object' && v !== null && !Array.isArray(v);
const number = (v: unknown): number => (typeof v === 'number' && Number.isFinite(v) ? v : 0);
const numberOrNull = (v: unknown): number | null => (typeof v === 'number' && Number.isFinite(v) ? v : null);
const text = (v: unknown): string => (typeof v === 'string' ? v : '');

const find = (r: FigureReport, name: string): WireFigure | undefined => r.figures.find((f) => f.name === name);
export const figureValue = (r: FigureReport, name: string): number | null => numberOrNull(find(r, name)?.value);

function rowsOf(r: FigureReport, name: string): readonly Row[] {
  const detail = find(r, name)?.detail;
  return Array.isArray(detail) ? detail.filter(isRow) : [];
}

export const lengthS = (r: { readonly from: string; readonly to: string }): number =>
  Math.max(0, (Date.parse(r.to) - Date.parse(r.from)) / 1000);

const RULES: Readonly<Record<FigureId, Rule>> = {
  n: {},
  mean10: { decimals: 3, good: 1, fair: 2 },
  mean_hour: { decimals: 2, good: 6, fair: 12 },
  mean_day: { decimals: 1, good: 150, fair: 300 },
  peak10: { good: 10 },
  pct_bins_gt10: { unit: '%', decimals: 2, good: 1 },
  floods: {},
  flood_pct: { unit: '%', decimals: 2, good: 1 },
  flood_alarms: {},
  top10_pct: { unit: '%', decimals: 1, good: 5 },
  chattering: { good: 0, named: true },
  psi_over: { named: true },
  fleeting: { good: 0, named: true },
  stale: { good: 4, named: true },
  stale_worst: { good: 4 },
  standing: { good: 9, named: true },
  standing_mean: { decimals: 1, good: 9 },
  tta_p50: { unit: 's' },
  tta_p95: { unit: 's' },
  rtn_unacked_pct: { unit: '%', decimals: 1 },
  rubber_stamp_pct: { unit: '%', decimals: 1 },
  reannounced: {},
  escalated: {},
  prio_raised: {},
  came_back: {},
  changes_unreasoned: { good: 0 },
  configured: {},
  rationalised_pct: { unit: '%', decimals: 0, good: 100, fair: 90, rising: true },
};

export const JUDGE_S = 30 * 86_400;

function gradeOf(value: number, { good, fair, rising = false }: Rule): Grade {
  if (good === undefined) return 'none';
  const within = (bound: number): boolean => (rising ? value >= bound : value <= bound);
  if (within(good)) return 'good';
  return fair !== undefined && within(fair) ? 'fair' : 'poor';
}

function wireOf(r: FigureReport, id: FigureId): WireFigure | undefined {
  if (id !== 'changes_unreasoned') return find(r, id);
  const list = find(r, 'change_list');
  return list && { ...list, value: changes(r).filter((c) => !c.rationalised).length };
}

/** The figures of a report in their order. Figures over less than 30 days are shown, but not judged. */
export function figures(r: FigureReport): readonly Figure[] {
  const judged = lengthS(r) >= JUDGE_S - 3600;
  const out: Figure[] = [];
  for (const id of FIGURES) {
    const rule = RULES[id];
    const wire = wireOf(r, id);
    const value = numberOrNull(wire?.value);
    if (wire === undefined || value === null) continue;
    const { good, rising = false, named = false } = rule;
    out.push({
      id,
      value,
      unit: rule.unit ?? '',
      decimals: rule.decimals ?? 0,
      grade: judged ? gradeOf(value, rule) : 'none',
      target: good === undefined ? '' : `${rising ? '≥' : '≤'} ${good}${rule.unit === '%' ? ' %' : ''}`,
      definition: wire.definition,
      names: named && Array.isArray(wire.detail) ? wire.detail.map(text).filter((name) => name !== '') : [],
    });
  }
  return out;
}

// --- Tables of the report

const PRIORITY_NAMES = ['critical', 'high', 'medium', 'low'] as const;

/** Shares by priority beside what is usual: about 80, 15, 5 and less than 1 percent, from low to critical. */
const USUAL_SHARES = ['< 1 %', '~ 5 %', '~ 15 %', '~ 80 %'] as const;

export interface PriorityLine {
  readonly priority: 1 | 2 | 3 | 4;
  /** How many rang. */
  readonly n: number;
  readonly share: number | null;
  readonly usual: string;
  /** Of the enabled alarms. */
  readonly configured: number | null;
  readonly ack50S: number | null;
  readonly ack95S: number | null;
}

export function priorities(r: FigureReport): readonly PriorityLine[] {
  const n = figureValue(r, 'n') ?? 0;
  return PRIORITY_NAMES.map((name, i) => {
    const share = figureValue(r, `prio_${name}`);
    return {
      priority: (i + 1) as 1 | 2 | 3 | 4,
      n: Math.round((n * (share ?? 0)) / 100),
      share,
      usual: USUAL_SHARES[i] ?? '',
      configured: figureValue(r, `configured_${name}`),
      ack50S: figureValue(r, `tta_p50_${name}`),
      ack95S: figureValue(r, `tta_p95_${name}`),
    };
  });
}

export interface Flood {
  readonly fromMs: number;
  readonly ms: number;
  readonly n: number;
  readonly peak: number;
}

export function floods(r: FigureReport): readonly Flood[] {
  return rowsOf(r, 'flood_list').map((row) => ({
    fromMs: number(row['from_us']) / 1000,
    ms: (number(row['to_us']) - number(row['from_us'])) / 1000,
    n: number(row['n']),
    peak: number(row['peak']),
  }));
}

export const HELD_KINDS = ['shelved', 'suppressed', 'oos', 'disabled'] as const;
export type HeldKind = (typeof HELD_KINDS)[number];
const isHeld = (v: unknown): v is HeldKind => HELD_KINDS.some((kind) => kind === v);

export interface HeldSum {
  readonly kind: HeldKind;
  readonly now: number;
  readonly n: number;
  readonly hours: number;
  readonly longestH: number;
}

export const heldSums = (r: FigureReport): readonly HeldSum[] =>
  HELD_KINDS.map((kind) => ({
    kind,
    now: figureValue(r, kind) ?? 0,
    n: figureValue(r, `${kind}_n`) ?? 0,
    hours: figureValue(r, `${kind}_hours`) ?? 0,
    longestH: figureValue(r, `${kind}_longest_h`) ?? 0,
  }));

export interface HeldAlarm {
  readonly kind: HeldKind;
  readonly alarm: string;
  readonly now: boolean;
  readonly ms: number;
  readonly by: string;
  readonly reason: string;
}

export function heldAlarms(r: FigureReport): readonly HeldAlarm[] {
  const out: HeldAlarm[] = [];
  for (const row of rowsOf(r, 'held_list')) {
    const { fact } = row;
    if (!isHeld(fact)) continue;
    out.push({
      kind: fact,
      alarm: text(row['name']),
      now: row['now'] === true,
      ms: number(row['total_us']) / 1000,
      by: text(row['actor']),
      reason: text(row['reason']),
    });
  }
  return out;
}

export interface Change {
  readonly alarm: string;
  readonly atMs: number;
  readonly field: string;
  readonly before: string;
  readonly after: string;
  readonly by: string;
  readonly rationalised: boolean;
}

const shown = (v: unknown): string =>
  v === null || v === undefined ? '' : typeof v === 'string' ? v : JSON.stringify(v);

/** Changes of what decides when an alarm rings. */
export function changes(r: FigureReport): readonly Change[] {
  return rowsOf(r, 'change_list').map((row) => ({
    alarm: text(row['name']),
    atMs: number(row['at_us']) / 1000,
    field: text(row['field']),
    before: shown(row['before']),
    after: shown(row['after']),
    by: text(row['actor']),
    rationalised: row['rationalised'] === true,
  }));
}

// --- Bad actors

export interface BadActor {
  readonly alarm: string;
  readonly n: number;
  readonly chatters: number;
  readonly psi: number;
  readonly fleeting: number;
  /** null: none ended. */
  readonly activeMs: number | null;
  readonly unackedPct: number | null;
  readonly standing: boolean;
  readonly stale: boolean;
}

export interface ParetoLine extends BadActor {
  /** Of all annunciations, and together with those above it, in percent. */
  readonly share: number;
  readonly sum: number;
}

function actorOf({ name, value, detail }: WireFigure): BadActor {
  const row = isRow(detail) ? detail : {};
  const active = numberOrNull(row['mean_active_s']);
  return {
    alarm: name,
    n: value ?? 0,
    chatters: number(row['chatters']),
    psi: number(row['psi']),
    fleeting: number(row['fleeting']),
    activeMs: active === null ? null : active * 1000,
    unackedPct: number(row['returned']) === 0 ? null : numberOrNull(row['returned_unacked_pct']),
    standing: row['standing'] === true,
    stale: row['stale'] === true,
  };
}

/** The most frequent first; ties by name. The server lists every alarm that did something, so their sum is the whole. */
export function pareto(r: FigureReport): readonly ParetoLine[] {
  const sorted = r.figures.map(actorOf).sort((a, b) => b.n - a.n || (a.alarm < b.alarm ? -1 : 1));
  const whole = sorted.reduce((sum, a) => sum + a.n, 0);
  const percent = (part: number): number => (whole === 0 ? 0 : (100 * part) / whole);
  let before = 0;
  return sorted.map((a) => {
    before += a.n;
    return { ...a, share: percent(a.n), sum: percent(before) };
  });
}
