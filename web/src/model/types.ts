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
  readonly position?: string;
  readonly tz?: string;
}

export type ClockSource = 'none' | 'ntp' | 'ptp' | 'gnss';

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
  /** By how much the offset may be wrong. */
  readonly clock_error_ms: number | null;
  readonly clock_source: ClockSource | null;
  readonly clock_said_error_ms: number | null;
  readonly clock_synchronised: boolean | null;
  readonly clock_off: boolean;
  readonly last_seen: string | null;
  /** What its last session has shown. */
  readonly certificate: { readonly fingerprint: string; readonly until: string } | null;
  readonly fault: string;
  /** Kept out: for breaches of the protocol, or for what it put into quarantine. */
  readonly suspended: Until | null;
  /** Two devices show its certificate; the present connection is kept. */
  readonly duplicate: Until | null;
  readonly health: GatewayHealth | null;
  readonly revision: number;
}

/** What a gateway tells of itself; null: it does not know. */
export interface GatewayHealth {
  readonly at: string;
  readonly link: boolean | null;
  readonly buffer_records: number | null;
  readonly buffer_bytes: number | null;
  readonly oldest_s: number | null;
  readonly lost: number | null;
  readonly clock_offset_ms: number | null;
  readonly certificate_days: number | null;
  readonly devices: readonly { readonly name: string; readonly up: boolean }[];
}

export interface Until {
  readonly until: string | null;
  readonly reason: string;
}

/** What became of the records of some days. */
export interface LedgerCounts {
  readonly produced: number;
  readonly stored: number;
  readonly quarantined: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly dropped: number;
  readonly dropped_samples: number;
  readonly samples: number;
}

/** All records that a gateway ever numbered: produced = stored + quarantined + dropped + waiting + lost. */
export interface LedgerBalance {
  readonly produced: number;
  readonly stored: number;
  readonly quarantined: number;
  readonly replayed: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly dropped: number;
  readonly waiting: number;
  readonly lost: number;
  readonly balanced: boolean;
}

export interface LedgerRow {
  readonly gateway: string;
  readonly period: LedgerCounts;
  readonly all: LedgerBalance;
}

/** Numbers from first up to, but not including, end that are not stored; of a restore of the database only the time is known. */
export interface LedgerGap {
  readonly state: 'restored' | 'lost' | 'waiting' | 'dropped';
  readonly epoch: string | null;
  readonly first: number | null;
  readonly end: number | null;
  readonly samples: number | null;
  readonly from: string | null;
  readonly to: string | null;
}

/** Times that a gateway does not vouch for, a step of its clock, or what a session measured. */
export interface LedgerClock {
  readonly kind: 'unsynced' | 'step' | 'session';
  readonly from: string;
  readonly to: string;
  readonly epoch: string | null;
  readonly first: number | null;
  readonly last: number | null;
  readonly offset_ms: number | null;
  readonly error_ms: number | null;
  readonly source: ClockSource | null;
  readonly off: boolean | null;
}

export interface GatewayLedger {
  readonly gateway: string;
  readonly days: readonly (LedgerCounts & { readonly day: string })[];
  readonly all: LedgerBalance;
  readonly gaps: readonly LedgerGap[];
  readonly clock: readonly LedgerClock[];
  readonly more: boolean;
}

/** A record that could not be used. */
export interface QuarantineRow {
  readonly id: number;
  readonly received: string | null;
  readonly gateway: string;
  readonly epoch: string;
  readonly seq: number;
  readonly type: string;
  readonly code: number;
  readonly code_name: string;
  readonly reason: string;
  readonly size: number;
  /** The attempt that succeeded, else the last. */
  readonly replay: {
    readonly at: string | null;
    readonly actor: string;
    readonly outcome: 'done' | 'refused';
    readonly detail: string;
    readonly samples: number;
  } | null;
}

export interface QuarantineRecord extends QuarantineRow {
  /** Hexadecimal. */
  readonly body: string;
  readonly says: string;
  readonly usable: boolean;
  readonly fault: string;
}

export interface QuarantineReplay {
  readonly outcome: 'done' | 'refused';
  readonly samples: number;
  readonly detail: string;
}

export type TagType = 'float' | 'int' | 'bool';
export type TagRole = '' | 'level' | 'flow' | 'power' | 'run' | 'suction_pressure' | 'discharge_pressure';

export interface Tag {
  readonly name: string;
  readonly site: string;
  /** null: calculated. */
  readonly gateway: string | null;
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

export const ALARM_KINDS = [
  'high',
  'low',
  'dev',
  'roc',
  'state',
  'change',
  'stale',
  'quality',
  'comm',
  'clock',
  'certificate',
  'duplicate',
  'server',
  'disc',
  'expr',
  'runtime',
  'total',
  'cusum',
  'cusum_low',
] as const;
export type AlarmKind = (typeof ALARM_KINDS)[number];

/** The alarm is on while the value is below its limit (of a certificate: the days that it has left). */
export const isBelow = (kind: AlarmKind): boolean => kind === 'low' || kind === 'cusum_low' || kind === 'certificate';

const DERIVED: ReadonlySet<AlarmKind> = new Set([
  'dev',
  'roc',
  'disc',
  'expr',
  'runtime',
  'total',
  'cusum',
  'cusum_low',
]);
/** What it judges is the tag's value itself, and not something that is made of it: both may stand beside each other. */
export const isOfValue = (kind: AlarmKind): boolean => !DERIVED.has(kind);

/**
 * The standard's states: A normal, B unacknowledged, C acknowledged, D returned unacknowledged, E and F latched (unacknowledged,
 * acknowledged), G shelved, H suppressed by design, I out of service; Z disabled.
 */
export type AlarmLetter = 'A' | 'B' | 'C' | 'D' | 'E' | 'F' | 'G' | 'H' | 'I' | 'Z';
/** What would be shown if nothing hid the alarm. */
export type BaseLetter = 'A' | 'B' | 'C' | 'D' | 'E' | 'F';
export type Priority = 1 | 2 | 3 | 4;

export interface Shelf {
  readonly until: string | null;
  /** It ends with the return to normal, too. */
  readonly one_shot: boolean;
  readonly since: string | null;
  /** null: the server did not remember; the journal does. */
  readonly by: string | null;
  readonly reason: string;
  /** How often it was shelved in the last 7 days, where the server says it. */
  readonly n_7d?: number;
}

export interface OutOfService {
  readonly since: string | null;
  /** null: the server did not remember; the journal does. */
  readonly by: string | null;
  readonly reason: string;
}

export interface Alarm {
  readonly name: string;
  readonly site: string;
  readonly area: string;
  /** The operators' position that it belongs to; '' if it is not said. */
  readonly position: string;
  readonly tag: string | null;
  readonly gateway: string | null;
  readonly kind: AlarmKind;
  readonly class: string;
  readonly priority: Priority;
  readonly letter: AlarmLetter;
  readonly base: BaseLetter;
  readonly occ: number;
  readonly call: number;
  /** Occurrences since the newest acknowledgement. */
  readonly since_ack: number;
  readonly raised: string | null;
  readonly changed: string | null;
  readonly value: number | null;
  readonly limit: number | null;
  readonly unit: string;
  readonly message: Text;
  readonly acked_by: string | null;
  readonly acked_at: string | null;
  /** An input is unknown: bad, its link down, or not seen yet. */
  readonly untrusted: boolean;
  readonly untrusted_since: string | null;
  /** It sounds at its position, and nobody there has silenced it. */
  readonly ring: boolean;
  readonly confirm_due: boolean;
  readonly latched: boolean;
  /** First of its group. */
  readonly first: boolean;
  readonly chatter: boolean;
  readonly retain: boolean;
  /** An on-delay or an off-delay runs. */
  readonly pending: boolean;
  /** The source's time was not believed. */
  readonly suspect: boolean;
  readonly shelved: Shelf | null;
  readonly out_of_service: OutOfService | null;
  readonly suppressed_by: readonly string[];
  readonly accumulated: number | null;
  readonly shelvable: boolean;
  readonly max_shelve_s: number;
  readonly comment_required: boolean;
}

export const RECORD_KINDS = [
  'raise',
  'reraise',
  'rtn',
  'ack',
  'confirm',
  'reset',
  'shelve',
  'unshelve',
  'suppress',
  'unsuppress',
  'oos_on',
  'oos_off',
  'disable',
  'enable',
  'remove',
  'prio',
  'escalate',
  'reannounce',
  'hist_raise',
  'hist_rtn',
  'hist_skipped',
  'quality',
  'comment',
  'zero',
] as const;
export type AlarmRecordKind = (typeof RECORD_KINDS)[number];

/** One line of the journal. What is optional came later; older servers leave it out. */
export interface AlarmRecord {
  readonly seq: number;
  readonly n: number;
  readonly alarm: string | null;
  readonly kind: AlarmRecordKind;
  readonly from: string;
  readonly to: string;
  readonly base?: string;
  readonly occ: number;
  readonly call: number;
  readonly priority: Priority;
  readonly ring?: boolean;
  readonly chatter?: boolean;
  readonly first?: boolean;
  readonly auto?: boolean;
  readonly suspect?: boolean;
  readonly hidden?: boolean;
  /** An input was not known then. */
  readonly untrusted?: boolean;
  readonly cause?: string;
  readonly reason?: string;
  readonly src: string | null;
  readonly at: string | null;
  readonly until?: string | null;
  readonly value: number | null;
  readonly limit: number | null;
  readonly unit?: string;
  readonly quality: number;
  readonly actor: string | null;
  readonly desk?: string;
  readonly source?: string;
  readonly comment: string;
}

export type AlarmDo =
  | 'ack'
  | 'confirm'
  | 'reset'
  | 'shelve'
  | 'unshelve'
  | 'suppress'
  | 'unsuppress'
  | 'oos'
  | 'in_service'
  | 'disable'
  | 'enable'
  | 'comment'
  | 'zero';

/** What is asked of one alarm. */
export interface AlarmRequest {
  readonly alarm: string;
  readonly do: AlarmDo;
  readonly call?: number;
  readonly comment?: string;
  readonly reason?: string;
  readonly duration_s?: number;
  readonly one_shot?: boolean;
  readonly source?: string;
}

export interface AlarmReply {
  readonly alarm: string;
  /** "OK", "ALREADY", "STALE_CALL", "E_…" */
  readonly result: string;
  readonly text?: string;
  readonly call: number;
  readonly letter?: string;
  readonly acked_by: string | null;
  readonly acked_at: string | null;
}

/** One alarm with its setting and what it did last. */
export interface AlarmDetail extends Alarm {
  readonly config: Readonly<Record<string, unknown>>;
  readonly journal: readonly AlarmRecord[];
  readonly cost: number | null;
}

/** A subexpression of a rule, with its value now. */
export interface WhyPart {
  readonly pos: number;
  readonly len: number;
  readonly depth: number;
  readonly text: string;
  readonly type: string;
  readonly value: number | boolean | null;
  readonly known: boolean;
  readonly uncertain: boolean;
  readonly unit: string;
}

export interface Why {
  readonly source: string;
  readonly parts: readonly WhyPart[];
  readonly letter: string;
  /** null: not known. */
  readonly condition: boolean | null;
}

/** How many alarms are in each state, all positions together. */
export interface StateCounts {
  /** All, then by priority 1 to 4. */
  readonly unacked: readonly number[];
  readonly active: number;
  readonly shelved: number;
  readonly suppressed: number;
  readonly oos: number;
  readonly disabled: number;
  readonly untrusted: number;
  /** Annunciations in the last ten minutes. */
  readonly flood: number;
  readonly flooded: boolean;
}

/** An alarm's setting as it is stored; what is left out has the server's default. */
export interface AlarmSetting {
  readonly name: string;
  readonly kind: AlarmKind;
  readonly tag?: string;
  readonly gateway?: string;
  /** A number in the tag's unit, or with a unit of its own: "4.2 m". */
  readonly limit?: number | string;
  readonly deadband?: number | string;
  readonly on_delay_s?: number;
  readonly off_delay_s?: number;
  /** Where it is not said, it comes from the class or from the matrix. */
  readonly priority?: Priority;
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
  /** Who agreed, where highly managed alarms were touched; else empty. */
  readonly second?: string;
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
  readonly code?: string;
  readonly detail: string;
}

export interface ProblemBody {
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly errors?: readonly Fault[];
  readonly touched?: Touched;
}

/** The highly managed alarms that a change touches, for which a second person must agree. */
export interface Touched {
  /** Not more than the server names. */
  readonly alarms: readonly string[];
  readonly n: number;
}

const RANKS: Readonly<Record<Role, number>> = { viewer: 0, operator: 1, engineer: 2, admin: 3 };

/** Whether a role may do what asks for another. */
export function roleAtLeast(role: Role, wanted: Role): boolean {
  return RANKS[role] >= RANKS[wanted];
}

/** Something about the alarms' settings that a review would ask about. */
export interface Finding {
  readonly code: string;
  /** null: about all of them. */
  readonly alarm: string | null;
  readonly other: string | null;
  readonly text: string;
}

export interface Findings {
  readonly at: string;
  /** False: the journal could not be asked, so only the configuration was looked at. */
  readonly history: boolean;
  readonly findings: readonly Finding[];
}
