/** The live socket's frames, penstock.v1: what comes is checked here once and typed from then on. */
import type { Alarm, AlarmRecord, Role, StateCounts } from './types.ts';

export const SUBPROTOCOL = 'penstock.v1';

/** handle, value, quality, age: how long before the frame's T its source time was; null if it was never seen. */
export type WireValue = readonly [handle: number, value: number | null, quality: number, age_ms: number | null];

export type StoreState = 'ok' | 'slow' | 'away';

export interface Hello {
  readonly op: 'hello';
  readonly e: string;
  readonly n: number;
  readonly T: number;
  readonly build: string;
  readonly user: string;
  readonly role: Role;
}
export interface Status {
  readonly op: 'status';
  readonly T: number;
  readonly store: StoreState;
  readonly text: string;
  readonly gateways: readonly (readonly [name: string, up: boolean, since_ms: number])[];
}
export interface Snapshot {
  readonly op: 'snap';
  readonly id: number;
  readonly n: number;
  readonly T: number;
  readonly tags: readonly (readonly [handle: number, name: string])[];
  readonly v: readonly WireValue[];
}
export interface Delta {
  readonly op: 'd';
  readonly n: number;
  readonly T: number;
  readonly v: readonly WireValue[];
}
export interface AlarmEvent {
  readonly op: 'alarm';
  readonly n: number;
  /** null if the alarm is no longer in the configuration. */
  readonly a: Alarm | null;
  readonly r: AlarmRecord;
}
export interface Heartbeat {
  readonly op: 'hb';
  readonly T: number;
  readonly n: readonly [values: number, alarms: number];
  /** Highest number of the journal that is stored. */
  readonly j?: number;
}
/** Somebody silenced a position; null: all of them. */
export interface Silence {
  readonly op: 'silence';
  readonly position: string | null;
}
export interface Counts extends StateCounts {
  readonly op: 'counts';
}
export interface Refusal {
  readonly op: 'error';
  readonly id: number;
  readonly text: string;
}
export interface Resync {
  readonly op: 'resync';
  readonly why: string;
}
export interface Bye {
  readonly op: 'bye';
  readonly why: string;
}
export type Frame =
  | Hello
  | Status
  | Snapshot
  | Delta
  | AlarmEvent
  | Silence
  | Counts
  | Heartbeat
  | Refusal
  | Resync
  | Bye;

export type View = 'overview' | `site/${string}` | 'tags';

export interface Subscription {
  readonly view: View;
  readonly tags?: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

const isNumber = (v: unknown): v is number => typeof v === 'number';
const isText = (v: unknown): v is string => typeof v === 'string';
const isFields = (v: unknown): v is Fields => typeof v === 'object' && v !== null && !Array.isArray(v);

function isValue(v: unknown): boolean {
  return (
    Array.isArray(v) &&
    isNumber(v[0]) &&
    (v[1] === null || isNumber(v[1])) &&
    isNumber(v[2]) &&
    (v[3] === null || isNumber(v[3]))
  );
}

function isAlarm(v: unknown): boolean {
  return (
    isFields(v) &&
    isText(v['name']) &&
    isText(v['letter']) &&
    isNumber(v['call']) &&
    isNumber(v['priority']) &&
    isFields(v['message'])
  );
}

const isPair = (v: unknown): boolean => Array.isArray(v) && isNumber(v[0]) && isText(v[1]);
const isGateway = (v: unknown): boolean => Array.isArray(v) && isText(v[0]) && typeof v[1] === 'boolean';
const isList = (v: unknown, of: (x: unknown) => boolean): boolean => Array.isArray(v) && v.every(of);

const COUNTED = ['active', 'shelved', 'suppressed', 'oos', 'disabled', 'untrusted', 'flood'] as const;

const CHECKS: Readonly<Record<string, (f: Fields) => boolean>> = {
  hello: (f) => isText(f['e']) && isNumber(f['n']) && isNumber(f['T']),
  status: (f) => isNumber(f['T']) && isText(f['store']) && isList(f['gateways'], isGateway),
  snap: (f) =>
    isNumber(f['id']) && isNumber(f['n']) && isNumber(f['T']) && isList(f['tags'], isPair) && isList(f['v'], isValue),
  d: (f) => isNumber(f['n']) && isNumber(f['T']) && isList(f['v'], isValue),
  alarm: (f) => isNumber(f['n']) && (f['a'] === null || isAlarm(f['a'])) && isFields(f['r']),
  silence: (f) => f['position'] === null || isText(f['position']),
  counts: (f) =>
    isList(f['unacked'], isNumber) && COUNTED.every((field) => isNumber(f[field])) && typeof f['flooded'] === 'boolean',
  hb: (f) => isNumber(f['T']) && isList(f['n'], isNumber) && (f['j'] === undefined || isNumber(f['j'])),
  error: (f) => isNumber(f['id']) && isText(f['text']),
  resync: (f) => isText(f['why']),
  bye: (f) => isText(f['why']),
};

/** null: not a frame of this protocol. */
export function parseFrame(text: string): Frame | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isFields(json) || !isText(json['op'])) return null;
  const check = CHECKS[json['op']];
  return check?.(json) === true ? (json as unknown as Frame) : null;
}

export function subMessage(id: number, sub: Subscription, ms: number): string {
  return JSON.stringify({ op: 'sub', id, view: sub.view, ...(sub.tags ? { tags: sub.tags } : {}), ms });
}

export function unsubMessage(id: number): string {
  return JSON.stringify({ op: 'unsub', id });
}

export function resumeMessage(epoch: string, n: number): string {
  return JSON.stringify({ op: 'resume', e: epoch, n });
}
