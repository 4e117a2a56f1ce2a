import assert from 'node:assert/strict';
import test from 'node:test';
import {
  ackItem,
  bulkAck,
  bySite,
  chunks,
  countAlarms,
  hiddenMarks,
  holdRows,
  isListed,
  isUnacked,
  sortAlarms,
  worst,
} from '../src/model/alarm-list.ts';
import type { AlarmLetter } from '../src/model/types.ts';
import { alarm } from './make.ts';

const at = (minute: number): string => `2026-11-24T10:${String(minute).padStart(2, '0')}:00.000000Z`;

const ACKED_1 = alarm('S1/acked1', { letter: 'C', priority: 1, raised: at(9) });
const OLD_2 = alarm('S1/old2', { letter: 'B', priority: 2, raised: at(1) });
const NEW_2 = alarm('S2/new2', { letter: 'B', priority: 2, raised: at(5) });
const BACK_3 = alarm('S2/back3', { letter: 'D', priority: 3, raised: at(7) });
const ALL = [ACKED_1, OLD_2, NEW_2, BACK_3];

test('unacknowledged come first, then by priority, then the newest', () => {
  assert.deepEqual(sortAlarms(ALL, 'urgency'), [NEW_2, OLD_2, BACK_3, ACKED_1]);
});

test('the other order is by time alone', () => {
  assert.deepEqual(sortAlarms(ALL, 'time'), [ACKED_1, BACK_3, NEW_2, OLD_2]);
});

test('the worst of a site is the most urgent, and of none there is none', () => {
  assert.equal(worst(ALL), NEW_2);
  assert.equal(worst([]), undefined);
});

test('counts tell what waits from what stands', () => {
  const counts = countAlarms(ALL);
  assert.deepEqual(counts.unacked, { 1: 0, 2: 2, 3: 1, 4: 0 });
  assert.deepEqual(counts.standing, { 1: 1, 2: 2, 3: 1, 4: 0 });
});

test('alarms are grouped by site', () => {
  assert.deepEqual([...bySite(ALL).keys()], ['S1', 'S2']);
});

test('a list that is not held shows the sorted alarms', () => {
  const held = holdRows([{ alarm: ACKED_1, gone: false }], [OLD_2], false);
  assert.deepEqual(held.rows, [{ alarm: OLD_2, gone: false }]);
  assert.equal(held.fresh, 0);
});

test('a held list keeps every row at its place: new ones wait, gone ones stay as ghosts, states move', () => {
  const before = holdRows([], [NEW_2, OLD_2, BACK_3], false).rows;
  const acked = { ...OLD_2, letter: 'C' as const };
  const urgent = alarm('S3/urgent', { priority: 1 });
  const held = holdRows(before, [urgent, NEW_2, acked], true);
  assert.deepEqual(held.rows, [
    { alarm: NEW_2, gone: false },
    { alarm: acked, gone: false },
    { alarm: BACK_3, gone: true },
  ]);
  assert.equal(held.fresh, 1);
});

test('an empty list is never held: the first alarm is shown at once', () => {
  assert.equal(holdRows([], [NEW_2], true).rows.length, 1);
});

test('acknowledging many leaves critical ones apart, and those that do not wait out', () => {
  const critical = alarm('S1/critical', { priority: 1, call: 4 });
  const bulk = bulkAck([...ALL, critical]);
  assert.deepEqual(bulk.items.map(ackItem), [
    { alarm: 'S1/old2', call: 1 },
    { alarm: 'S2/new2', call: 1 },
    { alarm: 'S2/back3', call: 1 },
  ]);
  assert.deepEqual(bulk.critical.map(ackItem), [{ alarm: 'S1/critical', call: 4 }]);
});

test('long lists go in parts', () => {
  assert.deepEqual(chunks([1, 2, 3, 4, 5], 2), [[1, 2], [3, 4], [5]]);
  assert.deepEqual(chunks([], 2), []);
});

test('latched alarms that nobody acknowledged wait as well; hidden ones do not, whatever is beneath', () => {
  const waits = (letter: AlarmLetter) => isUnacked(alarm('a', { letter, base: 'B' }));
  assert.deepEqual(
    [...'ABCDEFGHIZ']
      .map((l) => waits(l as AlarmLetter))
      .map(Number)
      .join(''),
    '0101100000',
  );
  const listed = (letter: AlarmLetter) => isListed(alarm('a', { letter, base: 'B' }));
  assert.deepEqual(
    [...'ABCDEFGHIZ']
      .map((l) => listed(l as AlarmLetter))
      .map(Number)
      .join(''),
    '0111110000',
  );
});

test('hidden alarms are neither counted nor the worst of a site, but are marked', () => {
  const shelved = alarm('S1/shelved', { letter: 'G', base: 'B', priority: 1 });
  const off = alarm('S1/off', { letter: 'Z', priority: 1 });
  assert.equal(worst([shelved, BACK_3, off]), BACK_3);
  assert.equal(countAlarms([shelved, off]).standing[1], 0);
  assert.deepEqual(hiddenMarks([off, BACK_3, shelved]), [
    ['G', [shelved]],
    ['Z', [off]],
  ]);
});
