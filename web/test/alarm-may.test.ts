import assert from 'node:assert/strict';
import test from 'node:test';
import { wantsText, whyNot } from '../src/model/alarm-may.ts';
import type { Alarm, AlarmDo, Role } from '../src/model/types.ts';
import { alarm } from './make.ts';

const shelf = { until: null, one_shot: true, since: null, by: 'a', reason: 'b' };
const out = { since: null, by: 'a', reason: 'b' };

const CASES: readonly (readonly [AlarmDo, Partial<Alarm>, Role, ReturnType<typeof whyNot>])[] = [
  ['ack', { letter: 'B' }, 'operator', null],
  ['ack', { letter: 'B' }, 'viewer', 'operator'],
  ['ack', { letter: 'C' }, 'operator', 'acked'],
  ['ack', { letter: 'G', base: 'B' }, 'operator', null],
  ['confirm', { letter: 'C', confirm_due: true }, 'operator', null],
  ['confirm', { letter: 'B', confirm_due: true }, 'operator', 'notAcked'],
  ['confirm', { letter: 'C' }, 'operator', 'notDue'],
  ['reset', { letter: 'F', latched: true }, 'operator', null],
  ['reset', { letter: 'F', latched: true, confirm_due: true }, 'operator', 'notConfirmed'],
  ['reset', { letter: 'E', latched: true }, 'operator', 'notAcked'],
  ['reset', { letter: 'C', latched: true }, 'operator', 'active'],
  ['reset', { letter: 'D' }, 'operator', 'notLatched'],
  ['shelve', { letter: 'B' }, 'operator', null],
  ['shelve', { letter: 'G', base: 'B', shelved: shelf }, 'operator', null],
  ['shelve', { letter: 'B', shelvable: false }, 'operator', 'notShelvable'],
  ['shelve', { letter: 'I', out_of_service: out }, 'operator', 'outOfService'],
  ['unshelve', { letter: 'G', shelved: shelf }, 'operator', null],
  ['unshelve', { letter: 'B' }, 'operator', 'notShelved'],
  ['suppress', { letter: 'B' }, 'operator', 'engineer'],
  ['suppress', { letter: 'B' }, 'engineer', null],
  ['unsuppress', { letter: 'H', suppressed_by: ['rule'] }, 'engineer', null],
  ['unsuppress', { letter: 'B' }, 'engineer', 'notSuppressed'],
  ['oos', { letter: 'B' }, 'engineer', null],
  ['oos', { letter: 'I', out_of_service: out }, 'engineer', 'outOfService'],
  ['in_service', { letter: 'I', out_of_service: out }, 'engineer', null],
  ['in_service', { letter: 'B' }, 'engineer', 'inService'],
  ['comment', { letter: 'Z' }, 'operator', null],
  ['shelve', { letter: 'Z' }, 'operator', 'disabled'],
  ['enable', { letter: 'Z' }, 'engineer', null],
  ['enable', { letter: 'B' }, 'engineer', 'enabled'],
  ['zero', { letter: 'B', accumulated: 12 }, 'engineer', null],
  ['zero', { letter: 'B' }, 'engineer', 'noAccumulator'],
];

for (const [what, part, role, expected] of CASES) {
  test(`${role} asks ${what} of ${JSON.stringify(part)}: ${expected ?? 'yes'}`, () => {
    assert.equal(whyNot(what, alarm('S1/a', part), role), expected);
  });
}

test('a reason or a comment is asked for before it is sent, not after it was refused', () => {
  assert.equal(wantsText('ack', alarm('a')), null);
  assert.equal(wantsText('ack', alarm('a', { comment_required: true })), 'comment');
  assert.equal(wantsText('shelve', alarm('a')), 'reason');
  assert.equal(wantsText('reset', alarm('a')), null);
});
