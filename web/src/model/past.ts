/** How an alarm stood at a moment of the past, as the journal alone tells it. */
import type { AlarmLetter, OutOfService, Priority, Shelf } from './types.ts';

export interface PastAlarm {
  readonly seq: number;
  /** null if it is no longer in the configuration. */
  readonly name: string | null;
  readonly position: string | null;
  readonly letter: AlarmLetter;
  /** null in records of before it was kept. */
  readonly base: AlarmLetter | null;
  readonly occ: number;
  readonly call: number;
  readonly priority: Priority;
  readonly raised: string | null;
  readonly changed: string | null;
  readonly value: number | null;
  readonly limit: number | null;
  readonly unit: string;
  readonly acked_by: string | null;
  readonly acked_at: string | null;
  readonly untrusted: boolean;
  readonly shelved: Shelf | null;
  readonly out_of_service: OutOfService | null;
  readonly suppressed_by: readonly string[];
}

export interface PastPage {
  readonly at: string;
  readonly alarms: readonly PastAlarm[];
  /** Where the next page begins; null: there is none. */
  readonly next: number | null;
}

/** Unacknowledged, active, latched, hidden, normal. */
const PLACE: Readonly<Record<AlarmLetter, number>> = {
  B: 0,
  C: 1,
  D: 0,
  E: 0,
  F: 1,
  G: 2,
  H: 2,
  I: 2,
  Z: 3,
  A: 4,
};

/** What waited for somebody first; then by priority, the newest first. */
export function sortPast(list: readonly PastAlarm[]): readonly PastAlarm[] {
  const time = (a: PastAlarm): number => Date.parse(a.raised ?? a.changed ?? '') || 0;
  return [...list].sort(
    (a, b) => PLACE[a.letter] - PLACE[b.letter] || a.priority - b.priority || time(b) - time(a) || a.seq - b.seq,
  );
}
