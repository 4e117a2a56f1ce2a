/** For how long an alarm is shelved. */

/** Hours of the workstation's clock at which a shift ends. */
export const SHIFT_ENDS_H: readonly number[] = [6, 14, 22];

/** Seconds until the shift that runs at `nowMs` ends. */
export function shiftRestS(nowMs: number): number {
  const ends = SHIFT_ENDS_H.map((hour) => {
    const end = new Date(nowMs);
    end.setHours(hour, 0, 0, 0);
    if (end.getTime() <= nowMs) end.setDate(end.getDate() + 1);
    return end.getTime();
  });
  return Math.round((Math.min(...ends) - nowMs) / 1000);
}

export type Preset = '15min' | '1h' | 'shift';

export interface ShelfChoice {
  readonly preset: Preset;
  readonly s: number;
  /** It would be longer, but the alarm may not be shelved for longer than this. */
  readonly cut: boolean;
}

/** The usual lengths, none beyond what the alarm allows. */
export function shelfChoices(nowMs: number, maxS: number): readonly ShelfChoice[] {
  const wanted: readonly (readonly [Preset, number])[] = [
    ['15min', 900],
    ['1h', 3600],
    ['shift', shiftRestS(nowMs)],
  ];
  return wanted.map(([preset, s]) => ({ preset, s: Math.min(s, maxS), cut: s > maxS }));
}

/** "90", "1.5 h", "45 min" as seconds; minutes where no unit is said. null if it is no length of time. */
export function parseLength(text: string): number | null {
  const match = /^(\d+(?:[.,]\d+)?)\s*(s|min|m|h|d)?$/i.exec(text.trim());
  if (match === null) return null;
  const unit = { s: 1, min: 60, m: 60, h: 3600, d: 86_400 }[(match[2] ?? 'min').toLowerCase()] ?? 60;
  const s = Math.round(Number((match[1] ?? '').replace(',', '.')) * unit);
  return s > 0 ? s : null;
}

/** Seconds until the end of a shelf, never negative. */
export function restS(until: string | null, nowMs: number): number | null {
  const end = until === null ? Number.NaN : Date.parse(until);
  return Number.isNaN(end) ? null : Math.max(0, Math.round((end - nowMs) / 1000));
}

/** "1 h 05 min", "12 min", "40 s": what is left, in two units at most, rounded up so that it never says too little. */
export function formatRest(s: number, units: { readonly s: string; readonly min: string; readonly h: string }): string {
  if (s < 60) return `${s}${units.s}`;
  const minutes = Math.ceil(s / 60);
  if (minutes < 60) return `${minutes}${units.min}`;
  return `${Math.floor(minutes / 60)}${units.h} ${String(minutes % 60).padStart(2, '0')}${units.min}`;
}
