import assert from 'node:assert/strict';
import test from 'node:test';
import { fraction, labelPlaces, limitsByTag, normalBand } from '../src/model/scale.ts';
import type { AlarmSetting } from '../src/model/types.ts';

const setting = (part: Partial<AlarmSetting>): AlarmSetting => ({
  name: 'S1/L.high',
  kind: 'high',
  tag: 'S1/L',
  limit: 5,
  priority: 2,
  revision: 1,
  ...part,
});

test('a value beyond its range is drawn at the end of the bar', () => {
  assert.equal(fraction(-1, 0, 10), 0);
  assert.equal(fraction(5, 0, 10), 0.5);
  assert.equal(fraction(99, 0, 10), 1);
  assert.equal(fraction(5, 10, 10), 0);
});

test('only limits in force are drawn', () => {
  const limits = limitsByTag([
    setting({}),
    setting({ name: 'S1/L.off', enabled: false }),
    setting({ name: 'S1/L.stale', kind: 'stale' }),
    setting({ name: 'S1/L.unit', limit: '420 cm' }),
    setting({ name: 'S1/L.low', kind: 'low', limit: 1 }),
  ]);
  assert.deepEqual(
    limits.get('S1/L')?.map((l) => l.alarm),
    ['S1/L.high', 'S1/L.low'],
  );
});

test('the normal band lies between the innermost limits', () => {
  const limits = limitsByTag([
    setting({ limit: 9 }),
    setting({ name: 'h', limit: 8 }),
    setting({ name: 'l', kind: 'low', limit: 1 }),
    setting({ name: 'll', kind: 'low', limit: 0.5 }),
  ]);
  assert.deepEqual(normalBand(limits.get('S1/L') ?? [], 0, 10), [1, 8]);
  assert.deepEqual(normalBand([], 0, 10), [0, 10]);
});

test('labels of limits lie within the plot and over no other', () => {
  const at = (y: number, above: boolean) => ({ y, above });
  const places = (...of: Parameters<typeof labelPlaces>) =>
    labelPlaces(...of).map(({ above, column }) => `${above ? 'above' : 'below'} ${column}`);
  assert.deepEqual(places([at(50, true), at(80, false)], 0, 100, 16), ['above 0', 'below 0'], 'as they want to');
  assert.deepEqual(places([at(5, true), at(95, false)], 0, 100, 16), ['below 0', 'above 0'], 'within the plot');
  assert.deepEqual(places([at(70, false), at(95, false)], 0, 100, 16), ['above 0', 'above 0'], 'no choice: first');
  assert.deepEqual(places([at(50, true), at(50, true)], 0, 100, 16), ['above 0', 'below 0']);
  assert.deepEqual(places([at(3, true), at(11, true)], 0, 100, 16), ['below 0', 'below 1'], 'beside each other');
  assert.deepEqual(places([at(5, true)], 0, 10, 16), ['above 0'], 'no room at all');
});
