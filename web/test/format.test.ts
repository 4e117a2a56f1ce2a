import assert from 'node:assert/strict';
import test from 'node:test';
import {
  formatAge,
  formatBytes,
  formatClock,
  formatCount,
  formatDateTime,
  formatNumber,
  formatShort,
  formatSince,
  NONE,
  parseLocal,
  parseTime,
} from '../src/model/format.ts';

test('a number keeps its decimals, so that digits stay in their columns', () => {
  assert.equal(formatNumber(3.4, 2), '3.40');
  assert.equal(formatNumber(-3.456, 1), '-3.5');
  assert.equal(formatNumber(1e15, 2), '1.000e+15');
});

test('what rounds to zero has no minus', () => {
  assert.equal(formatNumber(-0.001, 2), '0.00');
  assert.equal(formatNumber(-0.4, 0), '0');
  assert.equal(formatNumber(-0.006, 2), '-0.01');
});

test('what is no number is a dash', () => {
  for (const value of [null, Number.NaN, Number.POSITIVE_INFINITY]) assert.equal(formatNumber(value, 2), NONE);
});

test('an age has one unit, rounded down, and is never negative', () => {
  assert.equal(formatAge(-5000, 'en'), '0 s');
  assert.equal(formatAge(59_999, 'en'), '59 s');
  assert.equal(formatAge(60_000, 'en'), '1 min');
  assert.equal(formatAge(7_199_000, 'en'), '1 h');
  assert.equal(formatAge(200_000_000, 'zh'), '2 天');
});

test('a time of today has no date, one of another day has it', () => {
  const now = new Date(2026, 10, 24, 14, 2, 31).getTime();
  assert.equal(formatClock(now), '14:02:31');
  assert.equal(formatShort(now, now), '14:02:31');
  assert.equal(formatSince(now, now), '14:02');
  assert.equal(formatShort(now - 86_400_000, now), '11-23 14:02:31');
});

test('bytes and counts are written for people', () => {
  assert.equal(formatBytes(0), '0 B');
  assert.equal(formatBytes(1536), '1.5 KiB');
  assert.equal(formatCount(1_234_567), '1\u202f234\u202f567');
});

test('a typed time is read as it is written elsewhere on the screen, and nonsense is refused', () => {
  const ms = parseLocal('2026-11-24 14:05');
  assert.ok(ms !== null);
  assert.equal(formatDateTime(ms), '2026-11-24 14:05:00');
  assert.equal(parseLocal('2026-11-24'), new Date(2026, 10, 24).getTime());
  for (const text of ['', '14:05', '2026-13-01', '2026-02-30', '2026-11-24 25:00', '2026-11-24 10:61', 'soon']) {
    assert.equal(parseLocal(text), null, text);
  }
});

test('a time of the server with microseconds is read', () => {
  assert.equal(parseTime('2026-11-24T10:15:00.123456Z'), Date.UTC(2026, 10, 24, 10, 15, 0, 123));
  assert.equal(parseTime(null), null);
  assert.equal(parseTime('x'), null);
});
