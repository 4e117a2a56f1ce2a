import assert from 'node:assert/strict';
import test from 'node:test';
import { formatSets, putSet, withoutSet } from '../src/model/my-sets.ts';
import { trendOf } from '../src/model/route.ts';

/** What the workstation keeps, for all of its windows; this one is never told of the others. */
const kept = new Map<string, string>();
Object.assign(globalThis, {
  localStorage: {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, text: string) => kept.set(key, text),
  },
  addEventListener: () => undefined,
});
globalThis.fetch = async () => new Response(JSON.stringify({ user: 'olaf', title: 'olaf', role: 'operator' }));

const { logIn } = await import('../src/state/session.ts');
const { changeSets, mySets } = await import('../src/state/my-sets.ts');

const at = trendOf(['S1/L']);
const names = () => mySets.value.map((set) => set.name);

test('what another window has kept is not undone before its word of that has come', async () => {
  await logIn('olaf', 'password');
  assert.deepEqual(names(), []);
  kept.set('penstock.sets.olaf', formatSets(putSet([], 'Of the other', at) ?? []));
  assert.deepEqual(names(), [], 'this window has not heard of it');
  assert.equal(
    changeSets((sets) => putSet(sets, 'Of this', at)),
    'kept',
  );
  assert.deepEqual(names(), ['Of the other', 'Of this']);
  assert.equal(
    changeSets((sets) => withoutSet(sets, 'Of this')),
    'kept',
  );
  assert.deepEqual(names(), ['Of the other']);
});

test('that there is no room, or that nothing is kept here, is told', () => {
  assert.equal(
    changeSets(() => null),
    'full',
  );
  localStorage.setItem = () => {
    throw new Error('the store of this browser is full');
  };
  assert.equal(
    changeSets((sets) => putSet(sets, 'Of this', at)),
    'refused',
  );
});
