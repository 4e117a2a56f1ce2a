/** What the server's REST interface says, as its OpenAPI document describes it. Times are RFC 3339 texts. */

export type Role = 'viewer' | 'operator' | 'engineer' | 'admin';

export interface Text {
  readonly en: string;
  readonly zh: string;
}

export interface Session {
  readonly user: string;
  readonly title: string;
  readonly role: Role;
  readonly must_change_password: boolean;
  readonly expires: string | null;
}

export interface Site {
  readonly name: string;
  readonly title: Text;
  readonly area: string;
  readonly kind: string;
  readonly gateways: readonly string[];
  readonly tags: number;
  readonly revision: number;
}

export interface Gateway {
  readonly name: string;
  readonly site: string;
  readonly title: Text;
  readonly enabled: boolean;
  readonly up: boolean;
  readonly since: string | null;
  readonly peer: string;
  readonly software: string;
  readonly records: number;
  readonly duplicates: number;
  readonly quarantined: number;
  readonly unknown_tags: number;
  readonly backlog_bytes: number;
  readonly oldest_sample: string | null;
  readonly dropped_total: number;
  readonly clock_offset_ms: number | null;
  readonly last_seen: string | null;
  readonly fault: string;
  readonly revision: number;
}

export type TagType = 'float' | 'int' | 'bool';
export type TagRole = '' | 'level' | 'flow' | 'power' | 'run' | 'suction_pressure' | 'discharge_pressure';

export interface Tag {
  readonly name: string;
  readonly site: string;
  readonly gateway: string;
  readonly title: Text;
  readonly type: TagType;
  readonly unit: string;
  readonly low: number;
  readonly high: number;
  readonly deadband: number;
  readonly stale_s: number;
  readonly decimals: number;
  readonly equipment: string;
  readonly role: TagRole;
  readonly value: number | null;
  readonly quality: number;
  readonly time: string | null;
}

export type AlarmKind = 'high' | 'low' | 'stale' | 'comm';
export type AlarmLetter = 'A' | 'B' | 'C' | 'D' | 'Z';
export type Priority = 1 | 2 | 3 | 4;

export interface Alarm {
  readonly name: string;
  readonly site: string;
  readonly tag: string | null;
  readonly gateway: string;
  readonly kind: AlarmKind;
  readonly priority: Priority;
  readonly letter: AlarmLetter;
  readonly occ: number;
  readonly call: number;
  readonly raised: string | null;
  readonly changed: string | null;
  readonly value: number | null;
  readonly limit: number | null;
  readonly unit: string;
  readonly message: Text;
  readonly acked_by: string | null;
  readonly acked_at: string | null;
  readonly untrusted: boolean;
}

export type AlarmRecordKind = 'raise' | 'reraise' | 'rtn' | 'ack' | 'disable' | 'enable' | 'remove';

export interface AlarmRecord {
  readonly seq: number;
  readonly n: number;
  readonly alarm: string | null;
  readonly kind: AlarmRecordKind;
  readonly from: string;
  readonly to: string;
  readonly occ: number;
  readonly call: number;
  readonly priority: Priority;
  readonly src: string | null;
  readonly at: string | null;
  readonly value: number | null;
  readonly limit: number | null;
  readonly quality: number;
  readonly actor: string | null;
  readonly comment: string;
}

export type AckOutcome = 'ok' | 'already' | 'stale_call' | 'bad_call' | 'not_found' | 'not_active';

export interface AckResult {
  readonly alarm: string;
  readonly result: AckOutcome;
  readonly call: number;
  readonly acked_by: string | null;
  readonly acked_at: string | null;
}

/** An alarm's setting as it is stored; what is left out has the server's default. */
export interface AlarmSetting {
  readonly name: string;
  readonly kind: AlarmKind;
  readonly tag?: string;
  readonly gateway?: string;
  readonly limit?: number;
  readonly deadband?: number;
  readonly on_delay_s?: number;
  readonly off_delay_s?: number;
  readonly priority: Priority;
  readonly message?: Text | { readonly en: string } | string;
  readonly enabled?: boolean;
  readonly revision: number;
}

export interface RevisionItem {
  readonly kind: string;
  readonly name: string;
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
}

export interface Revision {
  readonly revision: number;
  readonly at: string | null;
  readonly actor: string;
  readonly reason: string;
  readonly items: readonly RevisionItem[];
}

/** [first_us, last_us, first, min, max, last, count, bad, quality]; the values are null when all of it was bad. */
export type SamplePoint = readonly [
  first_us: number,
  last_us: number,
  first: number | null,
  min: number | null,
  max: number | null,
  last: number | null,
  count: number,
  bad: number,
  quality: number,
];

export interface Samples {
  readonly tag: string;
  readonly from: number;
  readonly to: number;
  readonly raw: boolean;
  readonly before: SamplePoint | null;
  readonly points: readonly SamplePoint[];
}

export interface Fault {
  readonly pointer: string;
  readonly detail: string;
}

export interface ProblemBody {
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly errors?: readonly Fault[];
}

const RANKS: Readonly<Record<Role, number>> = { viewer: 0, operator: 1, engineer: 2, admin: 3 };

/** Whether a role may do what asks for another. */
export function roleAtLeast(role: Role, wanted: Role): boolean {
  return RANKS[role] >= RANKS[wanted];
}
