import assert from 'node:assert/strict';
import test from 'node:test';
import {
  formatSets,
  type NamedSet,
  parseSets,
  putSet,
  SET_NAME_MAX,
  SETS_MAX,
  withoutSet,
} from '../src/model/my-sets.ts';
import { trendOf } from '../src/model/route.ts';

const put = (sets: readonly NamedSet[], name: string, tag: string): readonly NamedSet[] => {
  const next = putSet(sets, name, { ...trendOf([tag]), until: 1_764_000_000_000, focus: tag, hide: ['alarms'] });
  assert.ok(next !== null);
  return next;
};
const names = (sets: readonly NamedSet[] | null): string => (sets ?? []).map((set) => set.name).join();

test('a set is found again by its name, as of the present', () => {
  const sets = put(put([], ' Tanks, north ', 'S1/L'), 'Pumps', 'S1/P');
  assert.deepEqual(parseSets(formatSets(sets)), sets);
  assert.equal(names(sets), 'Pumps,Tanks, north');
  const [pumps] = sets;
  assert.equal(pumps?.route.until, null);
  assert.equal(pumps?.route.focus, '');
  assert.deepEqual(pumps?.route.hide, ['alarms']);
});

test('the same name takes the place of the set before; a set can be forgotten', () => {
  const sets = put(put([], 'a', 'S1/L'), 'a', 'S1/P');
  assert.equal(sets.length, 1);
  assert.equal(sets[0]?.route.panes[0]?.pens[0]?.tag, 'S1/P');
  assert.equal(withoutSet(sets, 'b').length, 1);
  assert.equal(withoutSet(sets, 'a').length, 0);
});

test('without a name, and beyond the most, none is added', () => {
  assert.equal(putSet([], '  ', trendOf(['S1/L'])), null);
  let sets: readonly NamedSet[] = [];
  for (let i = 0; i < SETS_MAX; i++) sets = put(sets, `set ${i}`, 'S1/L');
  assert.equal(putSet(sets, 'one more', trendOf(['S1/L'])), null);
  assert.equal(put(sets, 'set 7', 'S1/P').length, SETS_MAX);
  assert.equal(put([], 'x'.repeat(200), 'S1/L')[0]?.name.length, SET_NAME_MAX);
});

test('what is kept and makes no sense is left out', () => {
  for (const text of ['', '{', '[]', 'null', '7', '"x"']) assert.deepEqual(parseSets(text), []);
  const kept = {
    good: '/trend?tags=S1/L&span=1h',
    '': '/trend?tags=S1/L',
    bad: 7,
    away: '/alarms',
    empty: '/trend?span=1h',
    out: 'https://example.org/?tags=S1/L',
  };
  assert.equal(names(parseSets(JSON.stringify(kept))), 'good');
});
