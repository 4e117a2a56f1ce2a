import assert from 'node:assert/strict';
import test from 'node:test';
import { scrollTo, visibleRows, windowOf } from '../src/model/virtual.ts';

test('of ten thousand rows only those in sight and some around are drawn, and the rest keeps its room', () => {
  const w = windowOf(10_000, 30, 3000, 600);
  assert.ok(w.first <= 100 && w.end >= 120);
  assert.ok(w.end - w.first < 50);
  assert.equal(w.above + (w.end - w.first) * 30 + w.below, 300_000);
});

test('a list that has become shorter than its scroll position still shows its end', () => {
  const w = windowOf(10, 30, 3000, 90);
  assert.equal(w.end, 10);
  assert.ok(w.first <= 7);
});

test('an empty list has an empty window', () => {
  assert.deepEqual(windowOf(0, 30, 0, 600), { first: 0, end: 0, above: 0, below: 0 });
});

test('the visible page has the rows that are more than half in sight, and no others', () => {
  assert.deepEqual(visibleRows(100, 30, 0, 90), [0, 3]);
  assert.deepEqual(visibleRows(100, 30, 10, 90), [0, 3]);
  assert.deepEqual(visibleRows(100, 30, 20, 90), [1, 4]);
  assert.deepEqual(visibleRows(2, 30, 0, 90), [0, 2]);
  assert.deepEqual(visibleRows(0, 30, 0, 90), [0, 0]);
});

test('a row is brought into sight by the shortest way', () => {
  assert.equal(scrollTo(5, 30, 0, 300), 0);
  assert.equal(scrollTo(10, 30, 0, 300), 30);
  assert.equal(scrollTo(2, 30, 90, 300), 60);
});
