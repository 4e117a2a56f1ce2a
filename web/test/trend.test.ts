import assert from 'node:assert/strict';
import test from 'node:test';
import { appendLive, extentOf, joinPens, type Pen, penOf, valueAt, withEnd } from '../src/model/trend.ts';
import { raw } from './make.ts';

const STALE_60 = { stale_s: 60 };

test('raw samples become a line', () => {
  const pen = penOf(raw([0, 1], [10, 2], [20, 3]), STALE_60, false);
  assert.deepEqual(pen, { xs: [0, 10, 20], ys: [1, 2, 3], holes: [], limit: 60 });
});

test('a bucket is drawn through its first, least, greatest and last value', () => {
  const pen = penOf({ ...raw(), raw: false, points: [[0, 30e6, 2, 1, 9, 3, 12, 0, 0]] }, STALE_60, false);
  assert.deepEqual(pen.ys, [2, 1, 9, 3]);
  assert.deepEqual(pen.xs, [0, 10, 20, 30]);
});

test('a bad sample breaks the line until the next good one, and is marked', () => {
  const pen = penOf(raw([0, 1], [10, 2], [20, null, 0xa2], [30, 4]), STALE_60, false);
  assert.deepEqual(pen.ys, [1, 2, null, 4]);
  assert.deepEqual(pen.holes, [{ from: 20, to: 30, why: 'bad' }]);
});

test('a bad sample with a value is not drawn as if it were good', () => {
  const pen = penOf(raw([0, 1], [10, 7, 0x82], [20, 3]), STALE_60, false);
  assert.deepEqual(pen.ys, [1, null, 3]);
});

test('an uncertain sample is drawn and marked', () => {
  const pen = penOf(raw([0, 1], [10, 7, 0x43], [20, 3]), STALE_60, false);
  assert.deepEqual(pen.ys, [1, 7, 3]);
  assert.deepEqual(pen.holes, [{ from: 10, to: 20, why: 'uncertain' }]);
});

test('silence longer than the tag may be silent breaks the line and is marked', () => {
  const pen = penOf(raw([0, 1], [10, 2], [20, 3], [500, 4]), STALE_60, false);
  assert.deepEqual(pen.ys, [1, 2, 3, null, 4]);
  assert.deepEqual(pen.holes, [{ from: 20, to: 500, why: 'silent' }]);
});

test('a state holds until it is overdue', () => {
  const pen = penOf(raw([0, 1], [10, 0], [20, 0], [500, 1]), STALE_60, true);
  assert.deepEqual(pen.ys, [1, 0, 0, 0, null, 1]);
  assert.deepEqual(pen.holes, [{ from: pen.xs[3], to: 500, why: 'silent' }]);
});

test('a tag that is sent on change alone may rest for some minutes', () => {
  assert.deepEqual(penOf(raw([0, 1], [250, 2]), { stale_s: 0 }, false).holes, []);
});

test('neighbouring holes of one kind are one', () => {
  const pen = penOf(raw([0, null, 0xa2], [10, null, 0xa2], [20, 1]), STALE_60, false);
  assert.deepEqual(pen.holes, [{ from: 0, to: 20, why: 'bad' }]);
});

test('a bucket that was partly bad is drawn and marked', () => {
  const pen = penOf({ ...raw(), points: [[0, 30e6, 2, 1, 9, 3, 12, 4, 0x82]] }, STALE_60, false);
  assert.equal(pen.holes.length, 1);
  assert.equal(pen.ys.length, 4);
});

const pen = (xs: number[], ys: (number | null)[]): Pen => ({ xs, ys, holes: [], limit: 60 });

test('pens are joined over all their times; a gap stays a gap where only another pen has times', () => {
  const joined = joinPens([pen([1, 3, 7], [10, null, 70]), pen([2, 5], [20, 50])]);
  assert.deepEqual(joined, [
    [1, 2, 3, 5, 7],
    [10, undefined, null, null, 70],
    [undefined, 20, undefined, 50, undefined],
  ]);
});

test('a live value goes behind history, never before it', () => {
  const p = pen([1, 2], [10, 20]);
  assert.equal(appendLive(p, 2, 99, true), false);
  assert.equal(appendLive(p, 3, 30, true), true);
  assert.equal(appendLive(p, 4, 40, false), true);
  assert.deepEqual(p.ys, [10, 20, 30, null]);
  assert.equal(p.holes.length, 1);
});

test('the line is carried to the present only while the last value holds', () => {
  const p = pen([1, 2], [10, 20]);
  assert.deepEqual(withEnd(p, 9, true).ys, [10, 20, 20]);
  assert.deepEqual(withEnd(p, 9, false), p);
  assert.deepEqual(withEnd(pen([1], [null]), 9, true).ys, [null]);
  assert.deepEqual(p.xs, [1, 2], 'the pen itself is not touched');
});

test('an end that was silent for too long is marked', () => {
  assert.deepEqual(withEnd(pen([1, 2], [10, 20]), 100, false).holes, [{ from: 2, to: 100, why: 'silent' }]);
  assert.deepEqual(withEnd(pen([1, 2], [10, 20]), 100, true).holes, []);
});

test('the time before the first sample is marked, and all of it where there is none', () => {
  const early = penOf({ ...raw([500, 1], [510, 2]), from: 100e6, to: 520e6 }, STALE_60, false);
  assert.deepEqual(early.holes, [{ from: 100, to: 500, why: 'silent' }]);
  const none = penOf({ ...raw(), from: 100e6, to: 520e6 }, STALE_60, false);
  assert.deepEqual(none.holes, [{ from: 100, to: 520, why: 'silent' }]);
});

test('the value at the cursor is the last one said', () => {
  const p = pen([1, 2, 4], [10, null, 40]);
  assert.equal(valueAt(p, 0.5), undefined);
  assert.equal(valueAt(p, 1.9), 10);
  assert.equal(valueAt(p, 3), null);
  assert.equal(valueAt(p, 99), 40);
});

test('least and greatest count only what is in sight', () => {
  const p = pen([1, 2, 3, 4], [100, 2, 5, null]);
  assert.deepEqual(extentOf(p, 2, 9), { min: 2, max: 5 });
  assert.equal(extentOf(p, 10, 20), null);
});
