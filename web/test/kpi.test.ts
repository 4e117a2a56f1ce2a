import assert from 'node:assert/strict';
import test from 'node:test';
import { figures, type KpiReport, pareto, percent } from '../src/model/kpi.ts';

const report = (days: number, part: Partial<KpiReport> = {}): KpiReport => ({
  from: '2026-10-01T00:00:00Z',
  to: new Date(Date.UTC(2026, 9, 1) + days * 86_400_000).toISOString(),
  position: null,
  n: 4320,
  ...part,
});
const grade = (r: KpiReport, id: string) => figures(r).find((f) => f.id === id)?.grade;

test('figures are held against their targets', () => {
  const r = report(30, {
    mean_10min: 1,
    mean_hour: 12.1,
    mean_day: 280,
    peak: 11,
    stale: 4,
    rationalised: 95,
    n_alarms: 100,
  });
  assert.equal(grade(r, 'mean_10min'), 'good');
  assert.equal(grade(r, 'mean_hour'), 'poor');
  assert.equal(grade(r, 'mean_day'), 'fair');
  assert.equal(grade(r, 'peak'), 'poor');
  assert.equal(grade(r, 'stale'), 'good');
  assert.equal(grade(r, 'rationalised'), 'fair');
  assert.equal(grade(r, 'n'), 'none');
});

test('less than 30 days are shown without a judgement', () => {
  assert.equal(grade(report(7, { peak: 40 }), 'peak'), 'none');
});

test('what the server does not give is not shown, and is never a zero', () => {
  assert.deepEqual(
    figures(report(30)).map((f) => f.id),
    ['n'],
  );
  assert.equal(percent(1, undefined), undefined);
  assert.equal(percent(0, 0), 0);
});

test('the share of time in floods is of the whole period', () => {
  const r = report(30, { flood_s: 25_920 });
  assert.equal(figures(r).find((f) => f.id === 'flood_share')?.value, 1);
});

test('bad actors come most frequent first, ties by name, with the running sum of their share', () => {
  const lines = pareto(
    [
      { alarm: 'b', n: 10 },
      { alarm: 'c', n: 70 },
      { alarm: 'a', n: 10 },
    ],
    100,
  );
  assert.deepEqual(
    lines.map((l) => [l.alarm, l.share, l.sum]),
    [
      ['c', 70, 70],
      ['a', 10, 80],
      ['b', 10, 90],
    ],
  );
  assert.equal(pareto([{ alarm: 'a', n: 5 }], 0)[0]?.sum, 100);
});
