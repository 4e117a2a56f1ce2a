/**
 * The second person of a change that touches highly managed alarms. The server says when one is wanted, and repeats nothing by
 * itself: the same request is sent again, with the name and the password of somebody else who may change the configuration.
 */
import type { Fault, Touched } from './types.ts';

export interface Second {
  readonly name: string;
  readonly password: string;
}

/** Of one item in a list of requests, where there is no status of its own. */
export const E_SECOND = 'E_SECOND';

export type SecondRefusal =
  | { readonly kind: 'needed' }
  /** Name, password or role: the server's sentence knows which. */
  | { readonly kind: 'refused' }
  | { readonly kind: 'tooOften'; readonly s: number }
  /** What was typed cannot be a second person at all. */
  | { readonly kind: 'fault'; readonly detail: string };

export interface Refused {
  readonly status: number;
  readonly code: string;
  readonly faults: readonly Fault[];
  readonly retryAfterS: number;
}

const isOfSecond = (f: Fault): boolean => f.pointer === '/second' || f.pointer.startsWith('/second/');

/** null: it was refused for something else. */
export function secondRefusal({ status, code, faults, retryAfterS }: Refused): SecondRefusal | null {
  if (status === 403 && code === 'second_needed') return { kind: 'needed' };
  if (status === 403 && code === 'second_refused') return { kind: 'refused' };
  if (status === 429 && code === 'too_often') return { kind: 'tooOften', s: Math.max(1, retryAfterS) };
  if (status === 422 && faults.length > 0 && faults.every(isOfSecond))
    return { kind: 'fault', detail: faults.map((f) => f.detail).join('; ') };
  return null;
}

/** So many are read before somebody agrees; of more it matters how many. */
const NAMED_MAX = 12;

export interface Named {
  readonly names: string;
  /** How many are not named. */
  readonly more: number;
}

/** Which alarms a second person agrees to; null: that was not said. */
export function namedIn(touched: Touched | undefined): Named | null {
  if (touched === undefined || touched.alarms.length === 0) return null;
  const names = touched.alarms.slice(0, NAMED_MAX);
  return { names: names.join(', '), more: Math.max(0, touched.n - names.length) };
}

/** What is to be said before anything is sent; null: it may be sent. */
export function faultOfSecond(second: Second, first: string): 'name' | 'self' | 'password' | null {
  if (second.name === '') return 'name';
  if (second.name === first) return 'self';
  return second.password === '' ? 'password' : null;
}

/** Who made a change, both of them where there were two. */
export function authors({ actor, second }: { readonly actor: string; readonly second?: string }): readonly string[] {
  return second === undefined || second === '' ? [actor] : [actor, second];
}
