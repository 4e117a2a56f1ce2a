import assert from 'node:assert/strict';
import test from 'node:test';
import { type PastAlarm, sortPast } from '../src/model/past.ts';

const past = (name: string, letter: PastAlarm['letter'], priority: PastAlarm['priority'], raised: string | null) =>
  ({ seq: 1, name, letter, priority, raised, changed: null }) as PastAlarm;

test('the past is read by what waited for somebody, then by priority, the newest first', () => {
  const list = [
    past('normal', 'A', 1, null),
    past('shelved', 'G', 1, '2026-11-01T00:00:00Z'),
    past('acked', 'C', 1, '2026-11-01T00:00:00Z'),
    past('low', 'B', 4, '2026-11-01T00:00:00Z'),
    past('older', 'B', 1, '2026-11-01T00:00:00Z'),
    past('newer', 'D', 1, '2026-11-01T00:00:09Z'),
  ];
  assert.deepEqual(
    sortPast(list).map((a) => a.name),
    ['newer', 'older', 'low', 'acked', 'shelved', 'normal'],
  );
});
