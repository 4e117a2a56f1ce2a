import assert from 'node:assert/strict';
import test from 'node:test';
import { completeAlarm } from '../src/model/alarm-complete.ts';

const LEAST = { name: 'S1/L_T1.high', call: 3, priority: 2, message: { en: 'high', zh: '' } } as const;

test('an alarm of an older server is whole: it rings while active and unacknowledged, and is its own base', () => {
  const a = completeAlarm({ ...LEAST, letter: 'B' });
  assert.equal(a.site, 'S1');
  assert.equal(a.base, 'B');
  assert.equal(a.ring, true);
  assert.equal(a.shelved, null);
  assert.equal(completeAlarm({ ...LEAST, letter: 'C' }).ring, false);
});

test('what the server says stands', () => {
  const a = completeAlarm({ ...LEAST, letter: 'G', base: 'B', ring: false, max_shelve_s: 60 });
  assert.equal(a.base, 'B');
  assert.equal(a.max_shelve_s, 60);
});

test('a hidden alarm without a base is taken as normal beneath', () => {
  assert.equal(completeAlarm({ ...LEAST, letter: 'G' }).base, 'A');
});

test('a disabled alarm is normal beneath, and no class is said with nothing', () => {
  const a = completeAlarm({ ...LEAST, letter: 'Z', base: 'Z', class: null });
  assert.equal(a.base, 'A');
  assert.equal(a.class, '');
});
