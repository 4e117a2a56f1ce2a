import assert from 'node:assert/strict';
import test from 'node:test';
import {
  bodyOf,
  difference,
  type ExtraField,
  emptyForm,
  faultsByField,
  fieldOf,
  formOf,
  rebased,
  type SettingForm,
  storedBody,
} from '../src/model/setting-form.ts';
import { ALARM_KINDS, type AlarmKind, type AlarmSetting } from '../src/model/types.ts';

const SETTING: AlarmSetting = {
  name: 'S1/L.high',
  kind: 'high',
  tag: 'S1/L',
  limit: 5.5,
  deadband: 0.1,
  on_delay_s: 5,
  off_delay_s: 10,
  priority: 1,
  enabled: false,
  message: { en: 'high', zh: '高' },
  revision: 3,
};

test('a setting goes through the form unchanged', () => {
  const { revision: _revision, ...body } = SETTING;
  assert.deepEqual(bodyOf(formOf(SETTING)), body);
});

test('after a change by somebody else what was typed stays, and nothing else is written over', () => {
  const before = { ...SETTING, cause: 'inflow', class: 'tanks' } as AlarmSetting;
  const now = { ...before, limit: 5.8, deadband: 0.2, enabled: true, cause: 'outflow', revision: 4 } as AlarmSetting;
  const was = formOf(before);
  const typed = { ...was, limit: '5.4', extra: { ...was.extra, class: 'basins' } };
  assert.deepEqual(bodyOf(rebased(typed, before, now), now), { ...storedBody(now), limit: 5.4, class: 'basins' });
  assert.deepEqual(rebased(was, before, now), formOf(now));
});

test('fields that the form does not show stay, and what came from the class is not written', () => {
  const stored = { ...SETTING, cause: { en: 'inflow', zh: '' }, class: 'tanks' } as AlarmSetting;
  assert.deepEqual(bodyOf({ ...formOf(stored), limit: '5.4' }, stored), { ...storedBody(stored), limit: 5.4 });
  const bare: AlarmSetting = { name: 'S1/L.dev', kind: 'dev', tag: 'S1/L', limit: '4.2 m', revision: 2 };
  assert.deepEqual(bodyOf(formOf(bare), bare), storedBody(bare));
  assert.equal(bodyOf({ ...formOf(bare), off_delay_s: '20' }, bare)['off_delay_s'], 20);
  const rule: AlarmSetting = { name: 'S1/x', kind: 'expr', priority: 2, revision: 2 };
  assert.equal('tag' in bodyOf(formOf(rule), rule), false);
});

test('a limit that is another tag stays one', () => {
  const stored = { name: 'S1/L.high', kind: 'high', tag: 'S1/L', limit_tag: 'S1/LIM', revision: 1 } as AlarmSetting;
  assert.deepEqual(bodyOf(formOf(stored), stored), storedBody(stored));
});

test('what is left out has the default in the form', () => {
  const form = formOf({ name: 'a', kind: 'comm', gateway: 'gw', priority: 2, revision: 1, message: 'plain' });
  assert.equal(form.on_delay_s, '0');
  assert.equal(form.enabled, true);
  assert.equal(form.source, 'gw');
  assert.deepEqual(bodyOf(form)['message'], { en: 'plain' });
});

test('a comm or stale alarm has no limit', () => {
  const form = { ...emptyForm('S1/L'), kind: 'stale' as const, limit: '3' };
  assert.equal('limit' in bodyOf(form), false);
});

test('what is not a number is sent as it was typed, so that the server can say where it is wrong', () => {
  assert.equal(bodyOf({ ...emptyForm('S1/L'), limit: '5,5' })['limit'], '5,5');
  assert.equal(bodyOf({ ...emptyForm('S1/L'), limit: '' })['limit'], '');
  assert.equal(bodyOf({ ...emptyForm('S1/L'), limit: ' 5.5 ' })['limit'], 5.5);
});

test('a pointer of the server finds its field', () => {
  assert.equal(fieldOf('/value/limit'), 'limit');
  assert.equal(fieldOf('/value/tag'), 'source');
  assert.equal(fieldOf('/value/every_s'), 'every_s');
  assert.equal(fieldOf('/value/message/zh'), 'message_zh');
  assert.equal(fieldOf('/value/message'), 'message_en');
  assert.equal(fieldOf('/reason'), 'reason');
  assert.equal(fieldOf('?reason'), 'reason');
  assert.equal(fieldOf('/alarm/S1~1L.low/limit'), '');
  assert.equal(fieldOf('/value/surprise'), '');
});

test('faults of one field are said together; those of no field name their place', () => {
  const faults = faultsByField([
    { pointer: '/value/limit', detail: 'a' },
    { pointer: '/value/limit', detail: 'b' },
    { pointer: '/alarm/x/limit', detail: 'c' },
  ]);
  assert.equal(faults.get('limit'), 'a; b');
  assert.equal(faults.get(''), '/alarm/x/limit: c');
});

test('the difference of two revisions names what changed, and nothing else', () => {
  assert.deepEqual(difference({ a: 1, b: 'x', c: true }, { a: 2, b: 'x', d: [1] }), [
    { field: 'a', before: '1', after: '2' },
    { field: 'c', before: 'true', after: null },
    { field: 'd', before: null, after: '[1]' },
  ]);
  assert.deepEqual(difference(null, { a: 1 }), [{ field: 'a', before: null, after: '1' }]);
});

test('each kind is made of its own fields, in the form that the server takes', () => {
  const make = (kind: AlarmKind, extra: Partial<Record<ExtraField, string>>, part: Partial<SettingForm> = {}) => {
    const empty = emptyForm('S1/L');
    return bodyOf({ ...empty, ...part, kind, name: 'S1/x', extra: { ...empty.extra, ...extra } });
  };
  assert.deepEqual(make('cusum', { target: '27', k: '3', h: '600', every_s: '5' }), {
    name: 'S1/x',
    kind: 'cusum',
    tag: 'S1/L',
    on_delay_s: 0,
    off_delay_s: 0,
    enabled: true,
    priority: 3,
    target: 27,
    k: 3,
    h: 600,
    every_s: 5,
  });
  const rule = make('expr', { expr: 'L_T1 > 4 m', class: 'process', latch: 'true', cause: 'inflow' });
  assert.equal('tag' in rule || 'limit' in rule, false);
  assert.deepEqual(
    [rule['expr'], rule['class'], rule['latch'], rule['cause']],
    ['L_T1 > 4 m', 'process', true, 'inflow'],
  );
  const disc = make('disc', { command: 'S1/RUN', feedback: 'S1/FLOWS' });
  assert.deepEqual([disc['command'], disc['feedback'], 'tag' in disc], ['S1/RUN', 'S1/FLOWS', false]);
  assert.deepEqual(make('state', { states: '1, fault' })['states'], [1, 'fault']);
  assert.equal(make('runtime', {}, { limit: '500 h' })['limit'], '500 h');
  assert.equal('deadband' in make('runtime', {}, { limit: '500 h' }), false);
  const other = make('high', { limit_tag: 'S1/LIM' });
  assert.deepEqual([other['limit_tag'], 'limit' in other], ['S1/LIM', false]);
  for (const kind of ALARM_KINDS) assert.equal(make(kind, {})['kind'], kind);
});

test('an emptied field is taken away, and a text in two languages keeps the other one', () => {
  const stored = {
    ...SETTING,
    class: 'tanks',
    cause: { en: 'inflow', zh: '进水' },
    groups: ['a', 'b'],
  } as AlarmSetting;
  const form = formOf(stored);
  assert.equal(form.extra.groups, 'a, b');
  const changed = bodyOf({ ...form, extra: { ...form.extra, class: '', cause: 'too much inflow' } }, stored);
  assert.equal('class' in changed, false);
  assert.deepEqual(changed['cause'], { en: 'too much inflow', zh: '进水' });
  assert.deepEqual(changed['groups'], ['a', 'b']);
});
