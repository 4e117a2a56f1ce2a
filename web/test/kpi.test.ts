import assert from 'node:assert/strict';
import test from 'node:test';
import {
  changes,
  type FigureReport,
  figures,
  floods,
  heldAlarms,
  heldSums,
  pareto,
  priorities,
  type WireFigure,
} from '../src/model/kpi.ts';

const figure = (name: string, value: number | null, detail: unknown = null): WireFigure => ({
  name,
  value,
  detail,
  definition: `how ${name} is counted`,
});
const report = (days: number, ...list: readonly WireFigure[]): FigureReport => ({
  from: '2026-10-01T00:00:00Z',
  to: new Date(Date.UTC(2026, 9, 1) + days * 86_400_000).toISOString(),
  position: null,
  figures: [figure('n', 4320), ...list],
});
const grade = (r: FigureReport, id: string) => figures(r).find((f) => f.id === id)?.grade;

test('figures are held against their targets', () => {
  const r = report(
    30,
    figure('mean10', 1),
    figure('mean_hour', 12.1),
    figure('mean_day', 280),
    figure('peak10', 11),
    figure('stale', 4),
    figure('rationalised_pct', 95),
  );
  assert.equal(grade(r, 'mean10'), 'good');
  assert.equal(grade(r, 'mean_hour'), 'poor');
  assert.equal(grade(r, 'mean_day'), 'fair');
  assert.equal(grade(r, 'peak10'), 'poor');
  assert.equal(grade(r, 'stale'), 'good');
  assert.equal(grade(r, 'rationalised_pct'), 'fair');
  assert.equal(grade(r, 'n'), 'none');
});

test('less than 30 days are shown without a judgement', () => {
  assert.equal(grade(report(7, figure('peak10', 40)), 'peak10'), 'none');
});

test('what the server does not give is not shown, and is never a zero', () => {
  const shown = (r: FigureReport) => figures(r).map((f) => f.id);
  assert.deepEqual(shown(report(30)), ['n']);
  assert.deepEqual(shown(report(30, figure('tta_p50', null), figure('something_else', 1))), ['n']);
});

test('a figure says how it is counted, and names its alarms where there are few', () => {
  const [, stale] = figures(report(30, figure('stale', 2, ['S1/a', 'S1/b'])));
  assert.equal(stale?.definition, 'how stale is counted');
  assert.deepEqual(stale?.names, ['S1/a', 'S1/b']);
});

test('by priority: how many rang, shares as configured, times to acknowledge', () => {
  const [first, , third] = priorities(
    report(
      30,
      figure('prio_critical', 1.25),
      figure('configured_critical', 5),
      figure('tta_p50_critical', 12),
      figure('tta_p95_critical', 80),
    ),
  );
  assert.deepEqual([first?.n, first?.share, first?.configured, first?.ack50S, first?.ack95S], [54, 1.25, 5, 12, 80]);
  assert.deepEqual([third?.n, third?.share, third?.ack50S], [0, null, null]);
});

test('floods, what was held back, and changes are lists of their own', () => {
  const at = 1_790_000_000_000_000;
  const r = report(
    30,
    figure('flood_list', 1, [{ flood: 1, from_us: at, to_us: at + 1_200_000_000, n: 71, peak: 24 }]),
    figure('oos', 1),
    figure('oos_n', 2),
    figure('oos_hours', 30),
    figure('oos_longest_h', 29),
    figure('held_list', 2, [
      { fact: 'oos', name: 'S1/a', now: true, total_us: 3_600_000_000, actor: 'li', reason: 'order 7' },
      { fact: 'something', name: 'S1/b' },
    ]),
    figure('change_list', 2, [
      { name: 'S1/a', at_us: at, field: 'limit', before: 5, after: '4.2 m', actor: 'li', rationalised: false },
      { name: 'S1/a', at_us: at, field: 'priority', before: null, after: 1, actor: 'li', rationalised: true },
    ]),
  );
  assert.deepEqual(floods(r), [{ fromMs: at / 1000, ms: 1_200_000, n: 71, peak: 24 }]);
  assert.deepEqual(heldSums(r)[2], { kind: 'oos', now: 1, n: 2, hours: 30, longestH: 29 });
  assert.deepEqual(heldAlarms(r), [
    { kind: 'oos', alarm: 'S1/a', now: true, ms: 3_600_000, by: 'li', reason: 'order 7' },
  ]);
  assert.deepEqual(
    changes(r).map((c) => [c.field, c.before, c.after, c.rationalised]),
    [
      ['limit', '5', '4.2 m', false],
      ['priority', '', '1', true],
    ],
  );
  assert.equal(figures(r).find((f) => f.id === 'changes_unreasoned')?.value, 1);
});

test('bad actors come most frequent first, ties by name, with the running sum of their share', () => {
  const actors: FigureReport = {
    ...report(30),
    figures: [
      figure('b', 10, { returned: 4, returned_unacked: 1, returned_unacked_pct: 25, mean_active_s: 12.5, stale: true }),
      figure('c', 70, { chatters: 3, psi: 0.06, returned: 0, mean_active_s: null }),
      figure('a', 10),
      figure('d', 0, { standing: true }),
    ],
  };
  const lines = pareto(actors);
  assert.deepEqual(
    lines.map((l) => [l.alarm, Math.round(l.share), Math.round(l.sum)]),
    [
      ['c', 78, 78],
      ['a', 11, 89],
      ['b', 11, 100],
      ['d', 0, 100],
    ],
  );
  assert.deepEqual([lines[2]?.activeMs, lines[2]?.unackedPct, lines[2]?.stale], [12_500, 25, true]);
  assert.deepEqual([lines[0]?.activeMs, lines[0]?.unackedPct, lines[0]?.chatters], [null, null, 3]);
});
