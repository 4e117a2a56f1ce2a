import assert from 'node:assert/strict';
import test from 'node:test';
import { authors, faultOfSecond, namedIn, type Refused, secondRefusal } from '../src/model/second.ts';

const refused = (part: Partial<Refused>): Refused => ({ status: 403, code: '', faults: [], retryAfterS: 0, ...part });

test('a refusal says whether a second person is wanted, or was not accepted, or must wait', () => {
  assert.deepEqual(secondRefusal(refused({ code: 'second_needed' })), { kind: 'needed' });
  assert.deepEqual(secondRefusal(refused({ code: 'second_refused' })), { kind: 'refused' });
  assert.deepEqual(secondRefusal(refused({ status: 429, code: 'too_often', retryAfterS: 7 })), {
    kind: 'tooOften',
    s: 7,
  });
  assert.deepEqual(secondRefusal(refused({ status: 429, code: 'too_often' })), { kind: 'tooOften', s: 1 });
});

test('faults of the second person are told from those of the change', () => {
  const faults = [
    { pointer: '/second/name', detail: 'is you' },
    { pointer: '/second/password', detail: 'a text is needed' },
  ];
  assert.deepEqual(secondRefusal(refused({ status: 422, faults })), {
    kind: 'fault',
    detail: 'is you; a text is needed',
  });
  const limit = { pointer: '/value/limit', detail: 'must be a number' };
  assert.equal(secondRefusal(refused({ status: 422, faults: [limit] })), null);
  assert.equal(secondRefusal(refused({ status: 422, faults: [...faults, limit] })), null);
  assert.equal(secondRefusal(refused({ status: 422, faults: [{ pointer: '/secondary', detail: '' }] })), null);
  assert.equal(secondRefusal(refused({ status: 422 })), null);
});

test('any other refusal is none of the second person', () => {
  assert.equal(secondRefusal(refused({ code: 'denied' })), null);
  assert.equal(secondRefusal(refused({ status: 429, code: 'busy' })), null);
  assert.equal(secondRefusal(refused({ status: 503, code: 'store_away' })), null);
});

test('the alarms are named as far as they are read, and the others are counted', () => {
  assert.deepEqual(namedIn({ alarms: ['S1/A'], n: 1 }), { names: 'S1/A', more: 0 });
  assert.deepEqual(namedIn({ alarms: ['S1/A', 'S1/B'], n: 14 }), { names: 'S1/A, S1/B', more: 12 });
  const many = Array.from({ length: 100 }, (_, i) => `S1/${i}`);
  assert.deepEqual(namedIn({ alarms: many, n: 130 }), { names: many.slice(0, 12).join(', '), more: 118 });
  assert.equal(namedIn(undefined), null);
  assert.equal(namedIn({ alarms: [], n: 0 }), null);
});

test('the first person cannot be the second, and both a name and a password are wanted', () => {
  assert.equal(faultOfSecond({ name: 'admin', password: 'x' }, 'engineer'), null);
  assert.equal(faultOfSecond({ name: 'engineer', password: 'x' }, 'engineer'), 'self');
  assert.equal(faultOfSecond({ name: '', password: 'x' }, 'engineer'), 'name');
  assert.equal(faultOfSecond({ name: 'admin', password: '' }, 'engineer'), 'password');
});

test('a change names all who made it', () => {
  assert.deepEqual(authors({ actor: 'engineer', second: 'admin' }), ['engineer', 'admin']);
  assert.deepEqual(authors({ actor: 'engineer', second: '' }), ['engineer']);
  assert.deepEqual(authors({ actor: 'engineer' }), ['engineer']);
});
