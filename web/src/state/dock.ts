/** The panel at the right: one alarm in full. It stays while one goes from screen to screen. */
import { personal } from './session.ts';

/** Name of the alarm; null: closed. */
export const detailOf = personal<string | null>(null);
/** The keys are shown over everything. */
export const helpOpen = personal(false);

export function openDetail(name: string): void {
  detailOf.value = name;
}
