import assert from 'node:assert/strict';
import test from 'node:test';
import { isUsable, LOOKS, type QualityState, reasonOf, stateOf } from '../src/model/quality.ts';

const CASES: readonly (readonly [number, QualityState, boolean, string])[] = [
  [0x00, 'good', true, 'good'],
  [0x43, 'uncertain', true, 'uncertain: beyond the range'],
  [0x46, 'uncertain', true, 'uncertain: clock'],
  [0x80, 'bad', false, 'bad without a reason'],
  [0x82, 'bad', false, 'bad: sensor'],
  [0xa2, 'bad', false, 'bad: sensor, no value'],
  [0x81, 'cut', false, 'bad: comms'],
  [0x87, 'stale', false, 'bad: stale'],
  [0xac, 'initial', false, 'bad: initial, no value'],
  [0x04, 'substituted', true, 'good, but set by hand'],
  [0x44, 'substituted', true, 'uncertain and set by hand'],
  [0x89, 'service', false, 'bad: out of service'],
  [0x85, 'test', false, 'bad: test'],
  [0x05, 'test', true, 'good: test'],
  [0xc0, 'bad', false, 'a class of a later version is bad'],
  [0x20, 'good', false, 'good without a value is not usable'],
];

for (const [quality, state, usable, name] of CASES) {
  test(`quality 0x${quality.toString(16)} (${name}) is shown as ${state}`, () => {
    assert.equal(stateOf(quality), state);
    assert.equal(isUsable(quality), usable);
  });
}

test('every byte has a state with a look', () => {
  for (let q = 0; q < 256; q++) assert.ok(LOOKS[stateOf(q)]);
});

test('no state that is not good looks like good', () => {
  const good = JSON.stringify(LOOKS.good);
  for (const [state, look] of Object.entries(LOOKS)) {
    if (state !== 'good') assert.notEqual(JSON.stringify(look), good, state);
  }
});

test('a reason of a later version is "reserved"', () => {
  assert.equal(reasonOf(0x9f), 'reserved');
});
