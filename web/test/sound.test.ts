import assert from 'node:assert/strict';
import test from 'node:test';
import { beepsWithin, PATTERNS, silence, soundingPriority, testTones } from '../src/model/sound.ts';
import { alarm } from './make.ts';

const LOW = alarm('S1/low', { priority: 4, ring: true, position: 'main' });
const CRITICAL = alarm('S2/critical', { priority: 1, ring: true, position: 'heat' });
const QUIET = alarm('S3/quiet', { priority: 1, ring: false, position: 'main' });
const ALL = [LOW, CRITICAL, QUIET];
const NONE = new Map<string, number>();

test('the highest priority that rings at the position sounds, and only that', () => {
  assert.equal(soundingPriority(ALL, '', NONE), 1);
  assert.equal(soundingPriority(ALL, 'main', NONE), 4);
  assert.equal(soundingPriority(ALL, 'heat', NONE), 1);
  assert.equal(soundingPriority(ALL, 'other', NONE), null);
  assert.equal(soundingPriority([QUIET], '', NONE), null);
});

test('an alarm whose position is not said rings everywhere', () => {
  assert.equal(soundingPriority([alarm('a', { ring: true, priority: 3 })], 'main', NONE), 3);
});

test('silence holds for the calls that rang, at that position; the next call sounds again', () => {
  const main = silence(ALL, 'main', NONE);
  assert.equal(soundingPriority(ALL, 'main', main), null);
  assert.equal(soundingPriority(ALL, '', main), 1);
  const all = silence(ALL, null, NONE);
  assert.equal(soundingPriority(ALL, '', all), null);
  assert.equal(soundingPriority([{ ...LOW, call: LOW.call + 1 }], 'main', all), 4);
});

test('a higher priority breaks through a silence', () => {
  const silenced = silence([LOW], 'main', NONE);
  assert.equal(soundingPriority([LOW, alarm('x', { priority: 2, ring: true })], 'main', silenced), 2);
});

test('each priority has a rhythm of its own, and every beep ends before its period does', () => {
  const rhythms = Object.values(PATTERNS).map((p) => `${p.periodMs} ${p.beeps.length}`);
  assert.equal(new Set(rhythms).size, 4);
  for (const { periodMs, beeps } of Object.values(PATTERNS))
    for (const beep of beeps) assert.ok(beep.atMs + beep.ms <= periodMs);
});

test('parts of a pattern asked for one after the other are the pattern: nothing twice, nothing missed', () => {
  const whole = beepsWithin(2, 0, 10_000);
  const parts = Array.from({ length: 40 }, (_, i) => beepsWithin(2, i * 250, (i + 1) * 250)).flat();
  assert.deepEqual(parts, whole);
  assert.equal(whole.length, 3 * 6);
});

test('the test plays all four, one after the other', () => {
  const tones = testTones();
  const count = Object.values(PATTERNS).reduce((n, p) => n + p.beeps.length, 0);
  assert.equal(tones.length, count);
  for (let i = 1; i < tones.length; i++) {
    const before = tones[i - 1];
    const beep = tones[i];
    assert.ok(before !== undefined && beep !== undefined && beep.atMs >= before.atMs + before.ms);
  }
});
