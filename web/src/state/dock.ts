/** The panel at the right: one alarm in full. It stays while one goes from screen to screen. */
import { signal } from '@preact/signals';

/** Name of the alarm; null: closed. */
export const detailOf = signal<string | null>(null);
/** The keys are shown over everything. */
export const helpOpen = signal(false);

export function openDetail(name: string): void {
  detailOf.value = name;
}
