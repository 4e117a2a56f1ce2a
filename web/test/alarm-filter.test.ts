import assert from 'node:assert/strict';
import test from 'node:test';
import { choices, countPriority, countState, inTab, LIST_TABS, NO_FILTER, passes } from '../src/model/alarm-filter.ts';
import { alarm } from './make.ts';

const ALL = [
  alarm('S1/a', { area: 'North', position: 'main', priority: 1, letter: 'B' }),
  alarm('S1/b', { area: 'North', position: 'main', priority: 2, letter: 'E', chatter: true }),
  alarm('S2/c', { area: 'South', position: 'heat', priority: 2, letter: 'F', untrusted: true }),
  alarm('S10/d', { area: 'South', position: 'heat', priority: 3, letter: 'C' }),
];
const names = (filter: Partial<typeof NO_FILTER>) =>
  ALL.filter((a) => passes(a, { ...NO_FILTER, ...filter })).map((a) => a.name);

test('each facet narrows, and they go together', () => {
  assert.equal(names({}).length, 4);
  assert.deepEqual(names({ area: 'South' }), ['S2/c', 'S10/d']);
  assert.deepEqual(names({ area: 'South', priority: 2 }), ['S2/c']);
  assert.deepEqual(names({ position: 'main', site: 'S1', state: 'B' }), ['S1/a']);
  assert.deepEqual(names({ state: 'latched' }), ['S1/b', 'S2/c']);
  assert.deepEqual(names({ state: 'untrusted' }), ['S2/c']);
  assert.deepEqual(names({ state: 'chatter' }), ['S1/b']);
  assert.deepEqual(names({ q: 's1 B' }), ['S1/b']);
});

test('a chip counts what pressing it would show: all other facets apply, its own does not', () => {
  const filter = { ...NO_FILTER, area: 'South', priority: 1 };
  assert.equal(countPriority(ALL, filter, 2), 1);
  assert.equal(countPriority(ALL, filter, 1), 0);
  assert.equal(countState(ALL, { ...NO_FILTER, state: 'B' }, 'latched'), 2);
});

test('the choices of a facet are those that occur, in the order of numbers', () => {
  assert.deepEqual(
    [...choices(ALL, NO_FILTER, 'site')],
    [
      ['S1', 2],
      ['S2', 1],
      ['S10', 1],
    ],
  );
  assert.deepEqual([...choices([alarm('S1/x')], NO_FILTER, 'position')], []);
});

test('every alarm that is kept is in a list of its own', () => {
  const tabs = (part: Parameters<typeof alarm>[1]) => LIST_TABS.filter((tab) => inTab(alarm('S1/a', part), tab));
  assert.deepEqual(tabs({ letter: 'B' }), ['active', 'unacked']);
  assert.deepEqual(tabs({ letter: 'F' }), ['active']);
  assert.deepEqual(tabs({ letter: 'A', confirm_due: true }), ['confirm']);
  assert.deepEqual(tabs({ letter: 'C', confirm_due: true }), ['active', 'confirm']);
  assert.deepEqual(tabs({ letter: 'G', base: 'B' }), ['shelved']);
  assert.deepEqual(tabs({ letter: 'H' }), ['suppressed']);
  assert.deepEqual(tabs({ letter: 'I' }), ['oos']);
  assert.deepEqual(tabs({ letter: 'Z' }), ['disabled']);
});
