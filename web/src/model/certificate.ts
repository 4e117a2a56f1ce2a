import { parseTime } from './format.ts';

/** Whole days from now (ms) until then; negative when it is over; null if there is no time. */
export function daysUntil(until: string, now: number): number | null {
  const ms = parseTime(until);
  return ms === null ? null : Math.floor((ms - now) / 86_400_000);
}
