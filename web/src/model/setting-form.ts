/** An alarm's setting as a form: texts in fields, and back. The server is the one that checks; its faults find their field here. */
import type { AlarmKind, AlarmSetting, Fault, Text } from './types.ts';

type FieldForm = 'text' | 'number' | 'quantity' | 'tag' | 'rule' | 'list' | readonly string[];

const FLAG = ['true', 'false'] as const;

/** What only some kinds have, and what not every alarm says: how each is written. */
export const EXTRA = {
  limit_tag: 'tag',
  inclusive: FLAG,
  setpoint: 'tag',
  command: 'tag',
  feedback: 'tag',
  states: 'list',
  after_s: 'number',
  over_s: 'number',
  expr: 'rule',
  per: ['s', 'min', 'h'],
  target: 'quantity',
  k: 'quantity',
  h: 'quantity',
  every_s: 'number',
  class: 'text',
  groups: 'list',
  ack: ['manual', 'auto', 'none'],
  latch: FLAG,
  confirm: FLAG,
  comment: FLAG,
  shelvable: FLAG,
  suppress_when: 'rule',
  hidden_by: 'text',
  severity: ['minor', 'moderate', 'major', 'severe'],
  time_to_act_s: 'number',
  cause: 'text',
  consequence: 'text',
  action: 'text',
} as const satisfies Readonly<Record<string, FieldForm>>;
export type ExtraField = keyof typeof EXTRA;

export const EXTRA_FIELDS = Object.keys(EXTRA) as readonly ExtraField[];

/** What each kind of alarm is made of, beside what all of them have. */
export const KIND_FIELDS: Readonly<Record<AlarmKind, readonly ExtraField[]>> = {
  high: ['limit_tag', 'inclusive'],
  low: ['limit_tag', 'inclusive'],
  dev: ['setpoint', 'limit_tag'],
  roc: ['over_s'],
  state: ['states'],
  change: [],
  stale: ['after_s'],
  quality: [],
  comm: ['after_s'],
  clock: [],
  certificate: [],
  duplicate: [],
  server: [],
  disc: ['command', 'feedback'],
  expr: ['expr'],
  runtime: [],
  total: ['per'],
  cusum: ['target', 'k', 'h', 'every_s'],
  cusum_low: ['target', 'k', 'h', 'every_s'],
};

/** What every alarm may say, and most leave to their class. */
export const COMMON_FIELDS = [
  'class',
  'groups',
  'severity',
  'time_to_act_s',
  'cause',
  'consequence',
  'action',
  'ack',
  'latch',
  'confirm',
  'comment',
  'shelvable',
  'suppress_when',
  'hidden_by',
] as const satisfies readonly ExtraField[];

const GATEWAY_KINDS: ReadonlySet<AlarmKind> = new Set(['comm', 'clock', 'certificate', 'duplicate', 'server']);

/** Each gateway has exactly one of these (the server, too, of the third, and only the server of the last): nobody makes another one. */
export const ofGateway = (kind: AlarmKind): boolean => GATEWAY_KINDS.has(kind);

/** The tag or gateway whose alarm it is; these name theirs in other fields, or have none. */
export const hasSource = (kind: AlarmKind): boolean => kind !== 'expr' && kind !== 'disc' && kind !== 'server';

export interface SettingForm {
  readonly name: string;
  readonly kind: AlarmKind;
  /** Of the tag, or of the gateway for a comm alarm. */
  readonly source: string;
  readonly limit: string;
  readonly deadband: string;
  readonly on_delay_s: string;
  readonly off_delay_s: string;
  readonly priority: string;
  readonly enabled: boolean;
  readonly message_en: string;
  readonly message_zh: string;
  /** '' says nothing: the class or the server's default does. */
  readonly extra: Readonly<Record<ExtraField, string>>;
}

export type SettingField = Exclude<keyof SettingForm, 'extra'> | ExtraField;

const LIMITED: ReadonlySet<AlarmKind> = new Set(['high', 'low', 'dev', 'roc', 'runtime', 'total']);
const BANDED: ReadonlySet<AlarmKind> = new Set(['high', 'low', 'dev', 'roc']);
export const hasLimit = (kind: AlarmKind): boolean => LIMITED.has(kind);
export const hasDeadband = (kind: AlarmKind): boolean => BANDED.has(kind);

function messageOf(message: AlarmSetting['message']): Text {
  if (message === undefined) return { en: '', zh: '' };
  if (typeof message === 'string') return { en: message, zh: '' };
  return { en: message.en, zh: 'zh' in message ? message.zh : '' };
}

const text = (n: number | string | undefined, fallback: number): string => String(n ?? fallback);

const BLANK = Object.fromEntries(EXTRA_FIELDS.map((field) => [field, ''])) as Record<ExtraField, string>;

const isObject = (v: unknown): v is Readonly<Record<string, unknown>> =>
  typeof v === 'object' && v !== null && !Array.isArray(v);

function extraText(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return value.join(', ');
  // A text in several languages: the form has the English one.
  if (isObject(value)) return typeof value['en'] === 'string' ? value['en'] : '';
  return String(value);
}

function extraOf(s: AlarmSetting): Readonly<Record<ExtraField, string>> {
  const stored: Readonly<Record<string, unknown>> = { ...s };
  const extra = { ...BLANK };
  for (const field of EXTRA_FIELDS) extra[field] = extraText(stored[field]);
  return extra;
}

/** What a field's text means; undefined: nothing is said. */
function extraValue(field: ExtraField, entered: string, stored: unknown): unknown {
  const form: FieldForm = EXTRA[field];
  const trimmed = entered.trim();
  if (trimmed === '') return undefined;
  if (form === 'number' || form === 'quantity') return numberOf(trimmed);
  if (form === FLAG) return trimmed === 'true';
  if (form === 'list') {
    const parts = trimmed.split(',').map((part) => part.trim());
    return parts.filter((part) => part !== '').map((part) => (field === 'states' ? numberOf(part) : part));
  }
  return isObject(stored) ? { ...stored, en: trimmed } : trimmed;
}

/** Fields that the kind does not have are left as they were: the server says whether they may stay. */
function putExtra(body: Record<string, unknown>, form: SettingForm): void {
  for (const field of [...KIND_FIELDS[form.kind], ...COMMON_FIELDS]) {
    if (form.extra[field] === extraText(body[field])) continue;
    const value = extraValue(field, form.extra[field], body[field]);
    if (value === undefined) delete body[field];
    else body[field] = value;
  }
}

export function formOf(s: AlarmSetting): SettingForm {
  const message = messageOf(s.message);
  return {
    name: s.name,
    kind: s.kind,
    source: s.tag ?? s.gateway ?? '',
    limit: s.limit === undefined ? '' : String(s.limit),
    deadband: text(s.deadband, 0),
    on_delay_s: text(s.on_delay_s, 0),
    off_delay_s: text(s.off_delay_s, 0),
    priority: s.priority === undefined ? '' : String(s.priority),
    enabled: s.enabled ?? true,
    message_en: message.en,
    message_zh: message.zh,
    extra: extraOf(s),
  };
}

function mergeFields<T extends object>(typed: T, was: T, now: T): T {
  const fields = (Object.keys(typed) as (keyof T)[]).map((key) => [
    key,
    typed[key] === was[key] ? now[key] : typed[key],
  ]);
  return Object.fromEntries(fields) as T;
}

/** The form after somebody else has changed the setting: what was typed stays, and nothing else is written over. */
export function rebased(form: SettingForm, before: AlarmSetting, now: AlarmSetting): SettingForm {
  const [was, is] = [formOf(before), formOf(now)];
  return { ...mergeFields(form, was, is), extra: mergeFields(form.extra, was.extra, is.extra) };
}

export function emptyForm(tag: string): SettingForm {
  return {
    name: tag === '' ? '' : `${tag}.high`,
    kind: 'high',
    source: tag,
    limit: '',
    deadband: '0',
    on_delay_s: '0',
    off_delay_s: '0',
    priority: '3',
    enabled: true,
    message_en: '',
    message_zh: '',
    extra: BLANK,
  };
}

/** A number if it is one; otherwise the text itself, so that the server can say at which field it is wrong. */
function numberOf(field: string): number | string {
  const trimmed = field.trim();
  const n = Number(trimmed);
  return trimmed === '' || Number.isNaN(n) ? trimmed : n;
}

/** What is stored of a setting: all of it but its revision, which is not a part of it. */
export function storedBody(s: AlarmSetting): Record<string, unknown> {
  const { revision, ...body } = s;
  return body;
}

/** The setting that the form describes. Fields that the form does not show stay as they were stored. */
export function bodyOf(form: SettingForm, stored?: AlarmSetting): Record<string, unknown> {
  const body: Record<string, unknown> = stored === undefined ? {} : storedBody(stored);
  body['name'] = form.name;
  body['kind'] = form.kind;
  if (hasSource(form.kind) && (stored === undefined || form.source !== ''))
    body[ofGateway(form.kind) ? 'gateway' : 'tag'] = form.source;
  /** What was left out and is as it was stays out: it comes from the alarm's class. */
  const put = (field: string, value: unknown, fallback: unknown): void => {
    if (stored === undefined || field in body || value !== fallback) body[field] = value;
  };
  put('on_delay_s', numberOf(form.on_delay_s), 0);
  put('off_delay_s', numberOf(form.off_delay_s), 0);
  put('enabled', form.enabled, true);
  if (form.priority === '') delete body['priority'];
  else body['priority'] = numberOf(form.priority);
  if (hasLimit(form.kind)) {
    // Without a limit of its own the limit may be another tag.
    if (form.limit.trim() !== '' || form.extra.limit_tag === '') body['limit'] = numberOf(form.limit);
    else delete body['limit'];
    if (hasDeadband(form.kind)) put('deadband', numberOf(form.deadband), 0);
  }
  putExtra(body, form);
  if (form.message_en !== '' || form.message_zh !== '') {
    body['message'] = form.message_zh === '' ? { en: form.message_en } : { en: form.message_en, zh: form.message_zh };
  }
  return body;
}

const FIELDS: Readonly<Record<string, SettingField>> = {
  ...Object.fromEntries(EXTRA_FIELDS.map((field) => [field, field])),
  name: 'name',
  kind: 'kind',
  tag: 'source',
  gateway: 'source',
  limit: 'limit',
  deadband: 'deadband',
  on_delay_s: 'on_delay_s',
  off_delay_s: 'off_delay_s',
  priority: 'priority',
  enabled: 'enabled',
  message: 'message_en',
};

export type FaultField = SettingField | 'reason' | '';

/** The field that a JSON Pointer into the request's body means ("/value/limit", "/reason"); '' for the form as a whole. */
export function fieldOf(pointer: string): FaultField {
  const [root, field, part] = pointer.split('/').filter((p) => p !== '');
  if (root === 'reason' || pointer === '?reason') return 'reason';
  if (root !== 'value') return '';
  if (field === 'message' && part === 'zh') return 'message_zh';
  return FIELDS[field ?? ''] ?? '';
}

export function faultsByField(faults: readonly Fault[]): ReadonlyMap<FaultField, string> {
  const map = new Map<FaultField, string>();
  for (const f of faults) {
    const field = fieldOf(f.pointer);
    const before = map.get(field);
    const detail = field === '' && f.pointer !== '' ? `${f.pointer}: ${f.detail}` : f.detail;
    map.set(field, before === undefined ? detail : `${before}; ${detail}`);
  }
  return map;
}

export interface FieldChange {
  readonly field: string;
  readonly before: string | null;
  readonly after: string | null;
}

const shown = (v: unknown): string | null => (v === undefined ? null : typeof v === 'string' ? v : JSON.stringify(v));

/** What differs between two bodies of one item; all of it where one is missing. */
export function difference(
  before: Readonly<Record<string, unknown>> | null,
  after: Readonly<Record<string, unknown>> | null,
): readonly FieldChange[] {
  const keys = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].sort();
  return keys
    .map((field) => ({ field, before: shown(before?.[field]), after: shown(after?.[field]) }))
    .filter((change) => change.before !== change.after);
}
