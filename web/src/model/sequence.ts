/** The sequence of events: what happened in which order, which is not the order in which the room knew. */
import type { AlarmRecord } from './types.ts';

const ms = (text: string | null): number => (text === null ? 0 : Date.parse(text));
const micros = (text: string | null): number => Number(/\.\d{3}(\d{3})/.exec(text ?? '')?.[1] ?? 0);

/**
 * Newest first. By source time to the microsecond; where that is the same, as the journal has them, which is the order in which one
 * gateway told them. In order of arrival nothing is touched: the server's order is the journal's.
 */
export function sequence(records: readonly AlarmRecord[], order: 'at' | 'src'): readonly AlarmRecord[] {
  if (order === 'at') return records;
  return [...records].sort((a, b) => ms(b.src) - ms(a.src) || micros(b.src) - micros(a.src) || b.seq - a.seq);
}
