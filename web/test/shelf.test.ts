import assert from 'node:assert/strict';
import test from 'node:test';
import { formatRest, parseLength, restS, SHIFT_ENDS_H, shelfChoices, shiftRestS } from '../src/model/shelf.ts';

const at = (h: number, min = 0): number => new Date(2026, 10, 24, h, min).getTime();

test('the shift that runs ends at the next of its hours, over midnight too', () => {
  assert.deepEqual(SHIFT_ENDS_H, [6, 14, 22]);
  assert.equal(shiftRestS(at(13, 30)), 1800);
  assert.equal(shiftRestS(at(14)), 8 * 3600);
  assert.equal(shiftRestS(at(23)), 7 * 3600);
});

test('no choice is longer than the alarm allows, and it is said which one was cut', () => {
  assert.deepEqual(shelfChoices(at(13, 30), 3600), [
    { preset: '15min', s: 900, cut: false },
    { preset: '1h', s: 3600, cut: false },
    { preset: 'shift', s: 1800, cut: false },
  ]);
  assert.deepEqual(shelfChoices(at(15), 1200), [
    { preset: '15min', s: 900, cut: false },
    { preset: '1h', s: 1200, cut: true },
    { preset: 'shift', s: 1200, cut: true },
  ]);
});

test('a length is read in minutes unless a unit is said', () => {
  assert.equal(parseLength('90'), 5400);
  assert.equal(parseLength('1.5 h'), 5400);
  assert.equal(parseLength('1,5h'), 5400);
  assert.equal(parseLength('45 min'), 2700);
  assert.equal(parseLength('30s'), 30);
  for (const text of ['', '0', 'h', '-5', '5 weeks']) assert.equal(parseLength(text), null, text);
});

test('what is left is rounded up, and never negative', () => {
  assert.equal(restS('2026-11-24T10:00:00Z', Date.UTC(2026, 10, 24, 9, 59)), 60);
  assert.equal(restS('2026-11-24T10:00:00Z', Date.UTC(2026, 10, 24, 11)), 0);
  assert.equal(restS(null, 0), null);
  const units = { s: ' s', min: ' min', h: ' h' };
  assert.equal(formatRest(40, units), '40 s');
  assert.equal(formatRest(61, units), '2 min');
  assert.equal(formatRest(3900, units), '1 h 05 min');
});
