/** The line at the bottom: what was last done here, and what became of it. */
import type { Key } from '../i18n/en.ts';
import { Problem } from './http.ts';
import { t } from './prefs.ts';
import { personal } from './session.ts';

export type Tone = 'plain' | 'busy' | 'good' | 'bad';

export interface Action {
  readonly text: string;
  readonly tone: Tone;
  /** Wall time of this workstation. */
  readonly at: number;
}

export const lastAction = personal<Action | null>(null);

export function say(tone: Tone, text: string): void {
  lastAction.value = { text, tone, at: Date.now() };
}

const KNOWN: Readonly<Record<string, Key>> = {
  network: 'error.network',
  no_session: 'error.session',
  denied: 'error.denied',
  store_away: 'error.storeAway',
  store_full: 'error.storeFull',
  unreadable: 'error.unknown',
  changed: 'error.changed',
  conflict: 'error.changed',
  second_needed: 'second.needed',
  second_refused: 'second.refused',
};

/** What went wrong, in the operator's language where it is known, else in the server's words. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Problem)) return t('error.unknown');
  const key = KNOWN[error.code];
  if (key !== undefined) return t(key);
  if (error.status === 403) return t('error.denied');
  return error.message;
}
