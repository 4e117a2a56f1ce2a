import assert from 'node:assert/strict';
import test from 'node:test';
import { sequence } from '../src/model/sequence.ts';
import { event } from './make.ts';

const record = (seq: number, src: string | null) => ({ ...event(seq, null).r, src });
const seqs = (list: readonly { readonly seq: number }[]) => list.map((r) => r.seq);

const LATE = record(9, '2026-11-24T10:00:00.000100Z');
const FIRST = record(8, '2026-11-24T10:00:00.000200Z');
const SAME = record(7, '2026-11-24T10:00:00.000200Z');

test('the sequence of events is by the time at the source, to the microsecond, then as it was told', () => {
  assert.deepEqual(seqs(sequence([LATE, FIRST, SAME], 'src')), [8, 7, 9]);
});

test('the order of arrival is the journal, as the server gives it', () => {
  assert.deepEqual(seqs(sequence([LATE, FIRST, SAME], 'at')), [9, 8, 7]);
});

test('what has no source time comes last', () => {
  assert.deepEqual(seqs(sequence([record(3, null), LATE], 'src')), [9, 3]);
});
