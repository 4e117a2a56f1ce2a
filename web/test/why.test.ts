import assert from 'node:assert/strict';
import test from 'node:test';
import { whyLine } from '../src/model/why.ts';

const words = { yes: 'true', no: 'false', unknown: 'not known' };
const part = {
  pos: 0,
  len: 1,
  depth: 1,
  text: 'x',
  type: 'number',
  value: 4.25,
  known: true,
  uncertain: false,
  unit: 'm',
};

test('numbers are shown with their unit and without empty zeros', () => {
  assert.deepEqual(whyLine(part, words), { text: 'x', depth: 1, value: '4.25 m', state: 'number', uncertain: false });
  assert.equal(whyLine({ ...part, value: 100, unit: '' }, words).value, '100');
  assert.equal(whyLine({ ...part, value: 0.00001, unit: '' }, words).value, '0');
});

test('conditions are words, whether they come as a number or as a truth', () => {
  assert.equal(whyLine({ ...part, type: 'bool', value: 1 }, words).state, 'true');
  assert.equal(whyLine({ ...part, type: 'bool', value: false }, words).value, 'false');
});

test('what is not known is never shown as a number', () => {
  assert.equal(whyLine({ ...part, known: false }, words).value, 'not known');
  assert.equal(whyLine({ ...part, value: null }, words).state, 'unknown');
});
