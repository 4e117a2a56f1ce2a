import assert from 'node:assert/strict';
import test from 'node:test';
import { authors, faultOfSecond, type Refused, secondRefusal, touchedIn } from '../src/model/second.ts';

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

test('the alarms are read out of the sentence that names them, however many they are', () => {
  const sentence = (names: string) =>
    `this touches highly managed alarms (${names}): a second person must agree, with name and password in "second"`;
  assert.deepEqual(touchedIn(sentence('S1/A')), { names: 'S1/A', more: 0 });
  assert.deepEqual(touchedIn(sentence('S1/A, S1/B')), { names: 'S1/A, S1/B', more: 0 });
  assert.deepEqual(touchedIn(sentence('S1/A, S1/B and 12 more')), { names: 'S1/A, S1/B', more: 12 });
  assert.equal(touchedIn('a second person must agree'), null);
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
