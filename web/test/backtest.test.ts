import assert from 'node:assert/strict';
import test from 'node:test';
import { type BacktestReport, backtestOf, bestFirst, dayBars, listed, suggestionOf } from '../src/model/backtest.ts';

const outcome = (per_day: readonly number[]) => ({
  n: per_day.reduce((a, b) => a + b, 0),
  per_day,
  longest_flood: null,
  worst_position: null,
});
const REPORT: BacktestReport = {
  now: outcome([10, 0, 4]),
  then: outcome([2, 1]),
  added: [{ alarm: 'b', src: '2026-11-02T00:00:00Z', at: '2026-11-02T00:00:00Z' }],
  removed: [{ alarm: 'a', src: '2026-11-01T00:00:00Z', at: '2026-11-01T00:00:01Z' }],
  changed: 0,
  per_alarm: [],
  truncated: false,
};

test('the question is the last 30 days with the one item changed', () => {
  const now = Date.UTC(2026, 10, 30);
  const q = backtestOf('S1/a', { limit: 5 }, now);
  assert.equal(q.from, '2026-10-31T00:00:00.000Z');
  assert.equal(q.to, '2026-11-30T00:00:00.000Z');
  assert.deepEqual(q.items, [{ kind: 'alarm', name: 'S1/a', body: { limit: 5 } }]);
  assert.deepEqual(suggestionOf('S1/a', now), { from: q.from, to: q.to, items: [], suggest: 'S1/a' });
});

test('days stand beside each other, on one scale, also where one side is shorter', () => {
  const bars = dayBars(REPORT, 0);
  assert.deepEqual(
    bars.map((b) => [b.now, b.then]),
    [
      [10, 2],
      [0, 1],
      [4, 0],
    ],
  );
  assert.equal(bars[0]?.nowShare, 1);
  assert.equal(bars[1]?.fromMs, 86_400_000);
  assert.deepEqual(dayBars({ ...REPORT, now: outcome([]), then: outcome([]) }, 0), []);
});

test('what would be new and what would be gone is one list in the order of time', () => {
  assert.deepEqual(
    listed(REPORT).map((o) => `${o.change} ${o.alarm}`),
    ['removed a', 'added b'],
  );
});

test('the best suggestion cuts most, misses nothing and is not late', () => {
  const c = (value: number, then: number, later_s: number, missed = 0) => ({
    field: 'off_delay_s',
    value,
    then,
    later_s,
    missed,
  });
  const best = bestFirst({
    alarm: 'a',
    now: 412,
    candidates: [c(5, 100, 0), c(20, 9, 0), c(60, 2, 0, 3), c(30, 9, 0)],
  });
  assert.deepEqual(
    best.map((x) => x.value),
    [20, 30, 5, 60],
  );
});
