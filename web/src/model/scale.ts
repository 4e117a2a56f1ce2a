/** Where a value stands within its range, and the limits beside it. */
import type { AlarmKind, AlarmSetting, Priority } from './types.ts';

/** 0 at the low end, 1 at the high end, never beyond. */
export function fraction(value: number, low: number, high: number): number {
  if (!(high > low)) return 0;
  return Math.min(1, Math.max(0, (value - low) / (high - low)));
}

export interface Limit {
  readonly kind: Extract<AlarmKind, 'high' | 'low'>;
  readonly value: number;
  /** undefined: it comes from the alarm's class. */
  readonly priority: Priority | undefined;
  readonly alarm: string;
}

export type LimitsByTag = ReadonlyMap<string, readonly Limit[]>;

export function limitsByTag(settings: readonly AlarmSetting[]): LimitsByTag {
  const limits = new Map<string, Limit[]>();
  for (const s of settings) {
    if ((s.kind !== 'high' && s.kind !== 'low') || s.tag === undefined || s.enabled === false) continue;
    // A limit in a unit of its own, or one that is another tag, is the server's to convert: no tick rather than a wrong one.
    if (typeof s.limit !== 'number') continue;
    const limit: Limit = { kind: s.kind, value: s.limit, priority: s.priority, alarm: s.name };
    const list = limits.get(s.tag);
    if (list === undefined) limits.set(s.tag, [limit]);
    else list.push(limit);
  }
  return limits;
}

/** The band between the innermost low and high limit; the range where there is none. */
export function normalBand(limits: readonly Limit[], low: number, high: number): readonly [number, number] {
  const lows = limits.filter((l) => l.kind === 'low').map((l) => l.value);
  const highs = limits.filter((l) => l.kind === 'high').map((l) => l.value);
  return [lows.length > 0 ? Math.max(...lows) : low, highs.length > 0 ? Math.min(...highs) : high];
}
