/** Who sits here. Everything else starts when somebody is logged in and stops when not. */
import { batch, type Signal, signal } from '@preact/signals';
import type { Role, Session } from '../model/types.ts';
import { roleAtLeast } from '../model/types.ts';
import { ask, forgetAskers, get, Problem, whenSessionEnds } from './http.ts';

export type Login =
  | { readonly state: 'asking' }
  | { readonly state: 'unreachable' }
  | { readonly state: 'store_away' }
  | { readonly state: 'out'; readonly ended: boolean }
  | { readonly state: 'in'; readonly session: Session };

export const login = signal<Login>({ state: 'asking' });

/** Who was here when that was last known; null: nobody. */
let person: string | null = null;
const partings: (() => void)[] = [];

/** Told when the person changes: at a logout, when the session has ended, when the browser's session is somebody else's by now. */
export function whenPersonLeaves(then: () => void): void {
  partings.push(then);
}

/** A signal for what is one person's alone, like a form that is half filled in. The next one finds it as it was at first. */
export function personal<T>(first: T): Signal<T> {
  const state = signal(first);
  whenPersonLeaves(() => {
    state.value = first;
  });
  return state;
}

/** The form to change one's own password is open. */
export const changingPassword = personal(false);

const RETRY_MS = 2_000;

function take(next: Login): void {
  // As long as nobody can tell who this is, it is the same person.
  const now = next.state === 'in' ? next.session.user : next.state === 'out' ? null : person;
  batch(() => {
    if (now !== person) {
      person = now;
      forgetAskers();
      for (const part of partings) part();
    }
    login.value = next;
  });
}

export function may(role: Role): boolean {
  return login.value.state === 'in' && roleAtLeast(login.value.session.role, role);
}

export function sessionEnded(): void {
  if (login.peek().state === 'in') take({ state: 'out', ended: true });
}

whenSessionEnds(sessionEnded);

/** Asks who this is; as long as nobody can tell, asks again by itself. */
export async function findSession(): Promise<void> {
  try {
    take({ state: 'in', session: await get<Session>('/session') });
  } catch (error) {
    const status = error instanceof Problem ? error.status : 0;
    if (status === 401) {
      const was = login.peek();
      take({ state: 'out', ended: was.state === 'in' || (was.state === 'out' && was.ended) });
      return;
    }
    take({ state: status === 503 ? 'store_away' : 'unreachable' });
    setTimeout(() => void findSession(), RETRY_MS);
  }
}

/** The socket was refused: the session may have ended, or the server may just be away. */
export async function checkSession(): Promise<void> {
  try {
    await get<Session>('/session');
  } catch (error) {
    if (error instanceof Problem && error.status === 401) sessionEnded();
  }
}

export async function logIn(user: string, password: string): Promise<void> {
  const answer = await ask<Session>('POST', '/session', { body: { user, password } });
  take({ state: 'in', session: answer.body });
}

export async function logOut(): Promise<void> {
  try {
    await ask<undefined>('DELETE', '/session');
  } catch (error) {
    // Without an answer the cookie may still be good: then this workstation is not logged out, and must not look so.
    if (!(error instanceof Problem) || error.status !== 401) throw error;
  }
  take({ state: 'out', ended: false });
}

export async function setPassword(current: string, next: string): Promise<void> {
  await ask<undefined>('PUT', '/session/password', { body: current === '' ? { new: next } : { current, new: next } });
  changingPassword.value = false;
  await findSession();
}

/** May this person change what is configured, or decide about gateways? */
export function mayChange(): boolean {
  const who = login.value;
  return who.state === 'in' && (who.session.role === 'engineer' || who.session.role === 'admin');
}
