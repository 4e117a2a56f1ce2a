import assert from 'node:assert/strict';
import test from 'node:test';
import {
  type BacktestReport,
  backtestOf,
  dayBars,
  isUnderWay,
  listed,
  ranked,
  suggestionOf,
} from '../src/model/backtest.ts';

const outcome = (per_day: readonly number[]) => ({
  n: per_day.reduce((a, b) => a + b, 0),
  per_day,
  longest_flood: null,
  worst_position: { position: 'main', n: 0, peak: 0 },
});
const occurrence = (alarm: string, src: string | null, at: string | null) => ({
  alarm,
  src,
  at,
  until: null,
  covered: false,
});
const REPORT: BacktestReport = {
  from: '2026-11-01T00:00:00Z',
  to: '2026-11-04T00:00:00Z',
  samples: 1000,
  alarms_judged: 2,
  alarms_not_judged: 0,
  assumptions: [],
  now: outcome([10, 0, 4]),
  then: outcome([2, 1]),
  n_added: 1,
  n_removed: 1,
  missed: 1,
  changed: 0,
  latest_s: 0,
  added: [occurrence('b', null, '2026-11-02T00:00:00Z')],
  removed: [occurrence('a', '2026-11-01T00:00:00Z', '2026-11-01T00:00:01Z')],
  per_alarm: [],
  truncated: false,
  suggestion: null,
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

test('the suggested setting stands first, then the present one, then those that miss least and cut most', () => {
  const row = (off_delay_s: number, n: number, missed = 0, latest_s = 0) => ({
    on_delay_s: 0,
    off_delay_s,
    deadband: 0.1,
    n,
    missed,
    latest_s,
  });
  const rows = [row(0, 412), row(5, 100), row(60, 2, 3), row(20, 9), row(30, 9, 0, 12)];
  const order = ranked({ alarm: 'a', text: '', best: 3, rows });
  assert.deepEqual(
    order.map((x) => x.off_delay_s),
    [20, 0, 30, 5, 60],
  );
  assert.deepEqual(
    order.map((x) => x.is),
    ['best', 'present', 'other', 'other', 'other'],
  );
  // None was better: the present setting is not suggested to itself.
  assert.equal(ranked({ alarm: 'a', text: '', best: 0, rows })[0]?.is, 'present');
});

test('a trial that waits for another one is asked about until it is over', () => {
  assert.deepEqual((['waiting', 'running', 'done', 'cancelled', 'failed'] as const).map(isUnderWay), [
    true,
    true,
    false,
    false,
    false,
  ]);
});
