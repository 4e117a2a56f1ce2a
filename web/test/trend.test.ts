import assert from 'node:assert/strict';
import test from 'node:test';
import type { Run } from '../src/model/tiles.ts';
import {
  averageOf,
  extentOf,
  lineAt,
  type Pen,
  penOf,
  penOfRuns,
  readAt,
  saidBetween,
  shifted,
  strokesOf,
  withEnd,
  withLive,
} from '../src/model/trend.ts';
import type { SamplePoint } from '../src/model/types.ts';
import { raw } from './make.ts';

const STALE_60 = { stale_s: 60 };

test('raw samples become a line', () => {
  const samples = raw([0, 1], [10, 2], [20, 3]);
  const pen = penOf(samples, STALE_60, false);
  assert.deepEqual(pen, { xs: [0, 10, 20], ys: [1, 2, 3], holes: [], limit: 60, points: samples.points });
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

/** One point for each value; null is bad. */
const pen = (xs: number[], ys: (number | null)[]): Pen => ({
  xs,
  ys,
  holes: [],
  limit: 60,
  points: xs.map((x, i) => point(x, ys[i] ?? null)),
});

function point(s: number, v: number | null, quality = v === null ? 0x82 : 0): SamplePoint {
  return [s * 1e6, s * 1e6, v, v, v, v, 1, v === null ? 1 : 0, quality];
}

test('no line is drawn across a gap; what stands alone is a dot', () => {
  const strokes = strokesOf(pen([1, 2, 3, 4, 5, 6], [10, 20, null, 40, null, 60]), false);
  assert.deepEqual(
    strokes.map(({ xs, ys }) => [xs, ys]),
    [
      [
        [1, 2],
        [10, 20],
      ],
      [[4], [40]],
      [[6], [60]],
    ],
  );
});

test('steps are level up to the next value, and up to where a gap begins', () => {
  const [first, last] = strokesOf(pen([1, 2, 3, 5], [10, 20, null, 40]), true);
  assert.deepEqual(first, { uncertain: false, xs: [1, 2, 2, 3], ys: [10, 10, 20, 20] });
  assert.deepEqual(last?.xs, [5]);
});

test('what was uncertain is a stroke of its own that begins where the certain one ends', () => {
  const p = penOf(raw([0, 1], [10, 2], [20, 3, 0x43], [30, 4, 0x43], [40, 5], [50, 6]), STALE_60, false);
  assert.deepEqual(
    strokesOf(p, false).map(({ uncertain, xs }) => [uncertain, xs]),
    [
      [false, [0, 10, 20]],
      [true, [20, 30, 40]],
      [false, [40, 50]],
    ],
  );
});

test('between two samples the line is where it is drawn, and nowhere in a gap or beyond its ends', () => {
  const p = pen([1, 3, 5, 7], [10, 30, null, 70]);
  assert.equal(lineAt(p, 2, false), 20);
  assert.equal(lineAt(p, 2, true), 10);
  assert.equal(lineAt(p, 4, false), null, 'a line ends at its last sample');
  assert.equal(lineAt(p, 4, true), 30, 'a step holds until the gap begins');
  assert.equal(lineAt(p, 6, true), null);
  assert.equal(lineAt(p, 0, false), null);
  assert.equal(lineAt(p, 8, false), null);
});

test('live values go behind history, never before it, and silence between them is a gap', () => {
  const p = withLive(pen([1, 2], [10, 20]), [point(2, 99), point(3, 30), point(4, null), point(5, 50)]);
  assert.deepEqual(p.ys, [10, 20, 30, null, 50]);
  assert.deepEqual(p.holes, [{ from: 4, to: 5, why: 'bad' }]);
  const late = withLive(pen([1, 2], [10, 20]), [point(100, 30)]);
  assert.deepEqual(late.ys, [10, 20, null, 30]);
  assert.deepEqual(late.holes, [{ from: 2, to: 100, why: 'silent' }]);
  assert.deepEqual(withLive(pen([], []), [point(100, 30)]).ys, [30], 'the first value of all');
});

test('the line is carried to the present only while the last value holds', () => {
  const p = pen([1, 2], [10, 20]);
  assert.deepEqual(withEnd(p, 9, true).ys, [10, 20, 20]);
  assert.deepEqual(withEnd(p, 9, false), p);
  assert.deepEqual(p.xs, [1, 2], 'the pen itself is not touched');
});

test('an end that was silent for too long is marked, and one that was bad or uncertain stays so', () => {
  assert.deepEqual(withEnd(pen([1, 2], [10, 20]), 100, false).holes, [{ from: 2, to: 100, why: 'silent' }]);
  assert.deepEqual(withEnd(pen([1, 2], [10, 20]), 100, true).holes, []);
  assert.deepEqual(withEnd(pen([1, 2], [10, null]), 9, true).holes, [{ from: 2, to: 9, why: 'bad' }]);
  const doubtful = penOf(raw([0, 1], [10, 2, 0x43]), STALE_60, false);
  assert.deepEqual(withEnd(doubtful, 15, true).holes, [{ from: 10, to: 15, why: 'uncertain' }]);
});

test('the time before the first sample is marked, and all of it where there is none', () => {
  const early = penOf({ ...raw([500, 1], [510, 2]), from: 100e6, to: 520e6 }, STALE_60, false);
  assert.deepEqual(early.holes, [{ from: 100, to: 500, why: 'silent' }]);
  const none = penOf({ ...raw(), from: 100e6, to: 520e6 }, STALE_60, false);
  assert.deepEqual(none.holes, [{ from: 100, to: 520, why: 'silent' }]);
});

test('the cursor reads the last sample, how good it was, and what stands behind it', () => {
  const p = penOf(raw([1, 10], [2, null, 0x82], [4, 40, 0x43], [300, 5]), STALE_60, false);
  assert.equal(readAt(p, 0.5), null);
  assert.deepEqual(readAt(p, 1.9), { value: 10, why: 'good', quality: 0, min: 10, max: 10 });
  assert.deepEqual(readAt(p, 3), { value: null, why: 'bad', quality: 0x82, min: null, max: null });
  assert.equal(readAt(p, 4)?.why, 'uncertain');
  assert.equal(readAt(p, 200)?.why, 'silent');
  assert.equal(readAt(p, 999)?.value, 5);
  const bucket = penOf({ ...raw(), raw: false, points: [[0, 30e6, 2, 1, 9, 3, 12, 4, 0x82]] }, STALE_60, false);
  assert.deepEqual(readAt(bucket, 15), { value: 3, why: 'partly', quality: 0x82, min: 1, max: 9 });
});

test('least and greatest count only what is in sight, where the line enters and leaves included', () => {
  const p = pen([1, 2, 3, 4], [100, 2, 5, null]);
  assert.deepEqual(extentOf(p, 2, 9), { min: 2, max: 5 });
  assert.deepEqual(extentOf(p, 2.25, 2.75), { min: 2.75, max: 4.25 }, 'no sample, but a line');
  assert.deepEqual(extentOf(p, 2.25, 2.75, true), { min: 2, max: 2 });
  assert.equal(extentOf(p, 10, 20), null);
});

test('least and greatest of a table are what was said, not what lies between', () => {
  const p = pen([1, 2, 3, 4], [100, 2, 5, null]);
  assert.deepEqual(saidBetween(p, 1.5, 9, false), { min: 2, max: 5 });
  assert.deepEqual(saidBetween(p, 1.5, 9, true), { min: 2, max: 100 }, 'a step still says what it said before');
  assert.deepEqual(saidBetween(p, 2.25, 2.75, false), { min: 2.75, max: 4.25 }, 'there is nothing else');
  assert.equal(saidBetween(p, 10, 20, false), null);
});

test('the mean is weighted by time, over the time in which there is a line', () => {
  const p = pen([0, 10, 20, 30, 40], [0, 10, null, 50, 50]);
  assert.equal(averageOf(p, 0, 10, false), 5);
  assert.equal(averageOf(p, 5, 10, false), 7.5);
  assert.equal(averageOf(p, 0, 40, false), (5 * 10 + 50 * 10) / 20);
  assert.equal(averageOf(p, 0, 40, true), (0 * 10 + 10 * 10 + 50 * 10) / 30);
  assert.equal(averageOf(p, 22, 28, false), null);
});

test('what is laid over is the same at another time', () => {
  const p = shifted(penOf(raw([0, 1], [10, 7, 0x43], [20, 3]), STALE_60, false), 86_400);
  assert.deepEqual(p.xs, [86_400, 86_410, 86_420]);
  assert.deepEqual(p.holes, [{ from: 86_410, to: 86_420, why: 'uncertain' }]);
  assert.equal(readAt(p, 86_405)?.value, 1);
});

test('stretches that are not loaded are gaps that say nothing, and nothing is drawn across them', () => {
  const run = (from: number, ...points: (readonly [number, number | null])[]): Run => ({
    samples: { ...raw(...points), from: from * 1e6, to: (from + 100) * 1e6 },
    knownUs: (from + 100) * 1e6,
    stamp: 0,
  });
  const p = penOfRuns([run(0, [50, 1], [90, 2]), run(200, [210, 3], [250, 4])], STALE_60, false);
  assert.deepEqual(p.ys, [1, 2, null, 3, 4]);
  assert.deepEqual(p.holes, []);
  assert.equal(lineAt(p, 150, false), null);
  assert.equal(readAt(p, 150), null);
  assert.equal(p.points.length, 4);
});
