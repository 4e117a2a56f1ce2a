import assert from 'node:assert/strict';
import test from 'node:test';
import { StoredMarks } from '../src/model/stored.ts';

test('nothing is marked as long as no server says how far it has stored', () => {
  const marks = new StoredMarks();
  assert.equal(marks.seen('a', 5, 0), false);
  assert.equal(marks.oldestMs, null);
});

test('what is beyond the stored part of the journal is marked until it is stored', () => {
  const marks = new StoredMarks();
  marks.storedUpTo(10);
  assert.equal(marks.seen('a', 10, 100), false);
  assert.equal(marks.seen('a', 11, 100), true);
  assert.equal(marks.seen('b', 12, 200), true);
  assert.deepEqual([...marks.names], ['a', 'b']);
  assert.equal(marks.storedUpTo(11), true);
  assert.deepEqual([...marks.names], ['b']);
  assert.equal(marks.storedUpTo(11), false);
});

test('the oldest waits since its first record, and a newer one of the same alarm keeps the mark', () => {
  const marks = new StoredMarks();
  marks.storedUpTo(0);
  marks.seen('a', 1, 100);
  marks.seen('a', 2, 900);
  assert.equal(marks.oldestMs, 100);
  marks.storedUpTo(1);
  assert.deepEqual([...marks.names], ['a']);
});

test('another epoch begins anew', () => {
  const marks = new StoredMarks();
  marks.storedUpTo(10);
  marks.seen('a', 11, 0);
  marks.clear();
  assert.equal(marks.names.size, 0);
  assert.equal(marks.seen('a', 12, 0), false);
});
