/** What is said about the second person of a change. */
import { faultOfSecond, namedIn, type Second, secondRefusal } from '../model/second.ts';
import type { Touched } from '../model/types.ts';
import { Problem } from './http.ts';
import { lang, t } from './prefs.ts';
import { login } from './session.ts';

export const isSecondNeeded = (error: unknown): error is Problem =>
  error instanceof Problem && secondRefusal(error)?.kind === 'needed';

/** The server's own sentence is English and knows more; the catalogue's is in the operator's language. */
export const inServersWords = (words: string, otherwise: string): string =>
  lang.peek() === 'en' && words !== '' ? words : otherwise;

/** Which alarms want a second person. */
export function wordsOfTouched(touched: Touched | undefined): string {
  const named = namedIn(touched);
  if (named === null) return t('second.touchesSome');
  const more = named.more === 0 ? '' : ` ${t('second.more', { n: named.more })}`;
  return t('second.touches', { alarms: `${named.names}${more}` });
}

/** Why the second person did not count; null: something else went wrong. */
export function wordsOfSecond(error: unknown): string | null {
  if (!(error instanceof Problem)) return null;
  const refusal = secondRefusal(error);
  switch (refusal?.kind) {
    case undefined:
      return null;
    case 'needed':
      return t('second.needed');
    case 'refused':
      return inServersWords(error.message, t('second.refused'));
    case 'tooOften':
      return t('second.tooOften', { s: refusal.s });
    case 'fault':
      return inServersWords(refusal.detail, t('second.fault'));
  }
}

/** What can be said here already; '': it may be sent. */
export function wordsBefore(second: Second): string {
  const state = login.peek();
  const fault = faultOfSecond(second, state.state === 'in' ? state.session.user : '');
  return fault === null ? '' : t(`second.${fault}Fault`);
}
