/** An alarm's setting as a form: texts in fields, and back. The server is the one that checks; its faults find their field here. */
import type { AlarmKind, AlarmSetting, Fault, Text } from './types.ts';

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
}

export type SettingField = keyof SettingForm;

export const hasLimit = (kind: AlarmKind): boolean => kind === 'high' || kind === 'low';

function messageOf(message: AlarmSetting['message']): Text {
  if (message === undefined) return { en: '', zh: '' };
  if (typeof message === 'string') return { en: message, zh: '' };
  return { en: message.en, zh: 'zh' in message ? message.zh : '' };
}

const text = (n: number | string | undefined, fallback: number): string => String(n ?? fallback);

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
  };
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
  if (stored === undefined || form.source !== '') body[form.kind === 'comm' ? 'gateway' : 'tag'] = form.source;
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
    if (form.limit.trim() !== '' || body['limit_tag'] === undefined) body['limit'] = numberOf(form.limit);
    put('deadband', numberOf(form.deadband), 0);
  }
  if (form.message_en !== '' || form.message_zh !== '') {
    body['message'] = form.message_zh === '' ? { en: form.message_en } : { en: form.message_en, zh: form.message_zh };
  }
  return body;
}

const FIELDS: Readonly<Record<string, SettingField>> = {
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
