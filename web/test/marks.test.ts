import assert from 'node:assert/strict';
import test from 'node:test';
import { clustersOf, MARK_KINDS, marksNear, marksOf, marksWithin, standingsOf } from '../src/model/marks.ts';
import type { AlarmRecord, AlarmRecordKind, Priority } from '../src/model/types.ts';

let seq = 0;

function record(alarm: string, kind: AlarmRecordKind, s: number, priority: Priority = 2): AlarmRecord {
  seq += 1;
  const at = new Date(s * 1000).toISOString();
  return {
    seq,
    n: 1,
    alarm,
    kind,
    from: 'A',
    to: 'B',
    occ: 1,
    call: 1,
    priority,
    src: at,
    at: new Date(s * 1000 + 500).toISOString(),
    value: null,
    limit: null,
    quality: 0,
    actor: null,
    comment: '',
  };
}

test('marks stand where it happened, in the order of time; what is no event of the alarm itself is none', () => {
  const marks = marksOf([
    record('b', 'rtn', 30),
    record('b', 'ack', 20),
    record('b', 'raise', 10),
    record('b', 'comment', 5),
  ]);
  assert.deepEqual(
    marks.map((mark) => [mark.at, mark.kind]),
    [
      [10, 'raise'],
      [20, 'ack'],
      [30, 'rtn'],
    ],
  );
  assert.equal(MARK_KINDS, 'raise,reraise,hist_raise,ack,rtn,hist_rtn');
});

test('an alarm stands from its raise to its return, from before or up to now where one of them is missing', () => {
  const marks = marksOf([
    record('a', 'rtn', 10),
    record('b', 'raise', 20),
    record('b', 'rtn', 25),
    record('c', 'raise', 30),
  ]);
  assert.deepEqual(standingsOf(marks), [
    { alarm: 'a', priority: 2, from: null, to: 10 },
    { alarm: 'b', priority: 2, from: 20, to: 25 },
    { alarm: 'c', priority: 2, from: 30, to: null },
  ]);
});

test('marks that cannot be told apart are one, with the most urgent of them', () => {
  const marks = marksOf([
    record('a', 'raise', 10, 3),
    record('b', 'rtn', 11, 1),
    record('b', 'raise', 12, 1),
    record('c', 'raise', 50, 4),
  ]);
  assert.deepEqual(
    clustersOf(marks, 5).map(({ at, mark, n }) => [at, mark.record.alarm, mark.kind, n]),
    [
      [10, 'b', 'raise', 3],
      [50, 'c', 'raise', 1],
    ],
  );
  assert.deepEqual(
    marksNear(marks, 11.5, 1).map((mark) => mark.at),
    [11, 12],
  );
});

test('a view that follows the present hides nothing behind a right edge that ticks later', () => {
  const marks = marksOf([record('a', 'raise', 5), record('a', 'rtn', 10.4)]);
  const within = (from: number, to: number | null) => marksWithin(marks, from, to).map((mark) => mark.at);
  assert.deepEqual(within(0, 10), [5]);
  assert.deepEqual(within(0, null), [5, 10.4]);
  assert.deepEqual(within(6, null), [10.4]);
});
