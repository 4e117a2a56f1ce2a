/** Requests to the server. Whatever goes wrong is a Problem, with what the server said about it. */
import type { Fault, ProblemBody, Touched } from '../model/types.ts';

export class Problem extends Error {
  constructor(
    /** 0: no answer at all. */
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly faults: readonly Fault[] = [],
    readonly retryAfterS: number = 0,
    readonly touched?: Touched,
  ) {
    super(detail);
  }
}

export interface Answer<T> {
  readonly body: T;
  readonly etag: string;
}

export interface Options {
  readonly body?: unknown;
  /** Revision that was seen: the change is refused if it is another by now. */
  readonly ifMatch?: number;
  /** It must not be there yet. */
  readonly create?: boolean;
  readonly signal?: AbortSignal;
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

let onSessionEnded: () => void = () => undefined;

/** Told whenever an answer says that there is no session. */
export function whenSessionEnds(then: () => void): void {
  onSessionEnded = then;
}

function headersOf(method: Method, options: Options): Record<string, string> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (method !== 'GET') headers['X-Penstock'] = '1';
  if (options.body !== undefined) headers['Content-Type'] = 'application/json';
  if (options.ifMatch !== undefined) headers['If-Match'] = `"${options.ifMatch}"`;
  if (options.create === true) headers['If-None-Match'] = '*';
  return headers;
}

async function problemOf(response: Response): Promise<Problem> {
  const retry = Number(response.headers.get('Retry-After') ?? 0);
  try {
    const body = (await response.json()) as Partial<ProblemBody>;
    const detail = body.detail ?? body.title ?? response.statusText;
    return new Problem(response.status, body.code ?? '', detail, body.errors ?? [], retry, body.touched);
  } catch {
    return new Problem(response.status, '', `HTTP ${response.status}`, [], retry);
  }
}

let askers = 0;

/** Who asked until now has gone. */
export function forgetAskers(): void {
  askers += 1;
}

async function exchange<T>(method: Method, path: string, options: Options): Promise<Answer<T>> {
  let response: Response;
  try {
    response = await fetch(`/api${path}`, {
      method,
      headers: headersOf(method, options),
      credentials: 'same-origin',
      cache: 'no-store',
      redirect: 'error',
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  } catch (cause) {
    if (options.signal?.aborted === true) throw cause;
    throw new Problem(0, 'network', 'the server does not answer');
  }
  if (!response.ok) {
    const problem = await problemOf(response);
    if (problem.status === 401 && path !== '/session') onSessionEnded();
    throw problem;
  }
  const text = response.status === 204 ? '' : await response.text();
  try {
    return { body: (text === '' ? undefined : JSON.parse(text)) as T, etag: response.headers.get('ETag') ?? '' };
  } catch {
    throw new Problem(response.status, 'unreadable', 'the answer could not be read');
  }
}

/**
 * The caller names the type: the server's document promises it, and both are tested together. What became of a change is told to
 * who asked for it: once that person has gone, nothing that waits for the answer goes on, under the name of the next.
 */
export async function ask<T>(method: Method, path: string, options: Options = {}): Promise<Answer<T>> {
  const asker = askers;
  const [answer] = await Promise.allSettled([exchange<T>(method, path, options)]);
  if (method !== 'GET' && path !== '/session' && asker !== askers) return new Promise<never>(() => undefined);
  if (answer.status === 'rejected') throw answer.reason;
  return answer.value;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await ask<T>('GET', path, signal === undefined ? {} : { signal })).body;
}

/** "S1/L_T1" as two segments of a path. */
export function itemPath(kind: 'tags' | 'alarm-settings', name: string): string {
  return `/${kind}/${name.split('/').map(encodeURIComponent).join('/')}`;
}

export const isAbort = (e: unknown): boolean => e instanceof DOMException && e.name === 'AbortError';
