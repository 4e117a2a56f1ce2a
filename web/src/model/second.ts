/**
 * The second person of a change that touches highly managed alarms. The server says when one is wanted, and repeats nothing by
 * itself: the same request is sent again, with the name and the password of somebody else who may change the configuration.
 */
import type { Fault } from './types.ts';

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

export interface Touched {
  readonly names: string;
  /** How many are not named. */
  readonly more: number;
}

/** The alarms in "… (S1/A, S1/B and 3 more): …"; null where the sentence is another. */
export function touchedIn(detail: string): Touched | null {
  const found = /\(([^()]+?)(?: and (\d+) more)?\):/.exec(detail);
  return found?.[1] === undefined ? null : { names: found[1], more: Number(found[2] ?? 0) };
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
