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

export interface LabelWish {
  /** Where its line is; downwards is more. */
  readonly y: number;
  /** On which side of it the label is wanted. */
  readonly above: boolean;
}

export interface LabelPlace {
  readonly above: boolean;
  /** 0 at the edge, 1 beside it, where lines are too close to each other. */
  readonly column: number;
}

const COLUMNS = [0, 1, 2];

/** Where the label of each line goes, so that it is within the plot and over no other; those without a choice come first. */
export function labelPlaces(
  wishes: readonly LabelWish[],
  top: number,
  bottom: number,
  size: number,
): readonly LabelPlace[] {
  const spanOf = (y: number, above: boolean) => (above ? [y - size, y] : [y, y + size]) as [number, number];
  const within = ([from, to]: [number, number]) => from >= top && to <= bottom;
  const sidesOf = ({ y, above }: LabelWish) => [above, !above].filter((side) => within(spanOf(y, side)));
  const order = wishes
    .map((wish, i) => ({ wish, i, sides: sidesOf(wish) }))
    .sort((a, b) => a.sides.length - b.sides.length);
  const taken: { readonly column: number; readonly span: [number, number] }[] = [];
  const chosen: LabelPlace[] = wishes.map(({ above }) => ({ above, column: 0 }));
  for (const { wish, i, sides } of order) {
    const places = COLUMNS.flatMap((column) => sides.map((above) => ({ above, column })));
    const free = places.find(({ above, column }) => {
      const [from, to] = spanOf(wish.y, above);
      return taken.every((other) => other.column !== column || to <= other.span[0] || from >= other.span[1]);
    });
    const place = free ?? places[0] ?? { above: wish.above, column: 0 };
    chosen[i] = place;
    taken.push({ column: place.column, span: spanOf(wish.y, place.above) });
  }
  return chosen;
}

/** The band between the innermost low and high limit; the range where there is none. */
export function normalBand(limits: readonly Limit[], low: number, high: number): readonly [number, number] {
  const lows = limits.filter((l) => l.kind === 'low').map((l) => l.value);
  const highs = limits.filter((l) => l.kind === 'high').map((l) => l.value);
  return [lows.length > 0 ? Math.max(...lows) : low, highs.length > 0 ? Math.min(...highs) : high];
}
