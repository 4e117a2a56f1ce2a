import assert from 'node:assert/strict';
import test from 'node:test';
import { type AxisPen, axesOf, drawsSteps, endsOf, nothingOf, tickLabels } from '../src/model/axes.ts';
import type { Pen } from '../src/model/trend.ts';
import { penOfTag, type SetPen } from '../src/model/trend-set.ts';
import type { Tag } from '../src/model/types.ts';
import { tag } from './make.ts';

const penWith = (...ys: number[]): Pen => ({ xs: ys.map((_, i) => i), ys, holes: [], limit: 60, points: [] });

function pen(name: string, part: Partial<Tag> = {}, set: Partial<SetPen> = {}, ys: number[] = [1, 2]): AxisPen {
  const of = tag(name, part);
  return {
    tag: of,
    set: { ...penOfTag(name), ...set },
    pen: penWith(...ys),
    overlay: null,
    step: drawsSteps(of, { draw: 'tag' }),
  };
}

const SHOWN = { from: 0, to: 9, oneAxis: false, limits: [] };

function only(pens: readonly AxisPen[], shown = SHOWN): readonly [number, number] {
  const [axis = ''] = axesOf(pens, shown.oneAxis);
  return endsOf(pens, axis, shown);
}

test('pens of one kind and unit share an axis; a scale of its own parts them', () => {
  const level = { role: 'level', unit: 'm' } as const;
  assert.equal(axesOf([pen('S/a', level), pen('S/b', level)], false).length, 1);
  assert.equal(axesOf([pen('S/a', level), pen('S/b', { role: 'flow', unit: 'L/s' })], false).length, 2);
  assert.equal(axesOf([pen('S/a', level), pen('S/b', level, { scale: 'own' })], false).length, 2);
  assert.equal(axesOf([pen('S/a', level), pen('S/b', level, { scale: { low: 0, high: 1 } })], false).length, 2);
});

test('with one axis to a pane neither unit nor scale parts them; the scale that one of them has is that of all', () => {
  const pens = [
    pen('S/a', { unit: 'm' }),
    pen('S/b', { unit: 'kW' }, { scale: { low: 0, high: 250 } }),
    pen('S/run', { type: 'bool' }),
  ];
  assert.deepEqual(axesOf(pens, true), ['y one', 'lane S/run']);
  assert.deepEqual(endsOf(pens, 'y one', { ...SHOWN, oneAxis: true }), [0, 250]);
});

test('an axis shows all that is seen of its pens, and what is laid over them', () => {
  const [low, high] = only([pen('S/a', {}, {}, [2, 4]), { ...pen('S/b', {}, {}, [3, 6]), overlay: penWith(1, 8) }]);
  assert.ok(low < 1 && low > 0 && high > 8 && high < 9, `${low} to ${high}`);
});

test('fixed ends are what they are, the range of the instrument is all of it', () => {
  assert.deepEqual(only([pen('S/a', {}, { scale: { low: -3, high: 3 } }, [99])]), [-3, 3]);
  const [low, high] = only([pen('S/a', { low: 0, high: 50 }, { scale: 'range' })]);
  assert.ok(low < 0 && high > 50);
});

test('what hardly moves is not blown up, and a limit close by belongs into the picture', () => {
  const [low, high] = only([pen('S/a', { low: 0, high: 100 }, {}, [50, 50.001])]);
  assert.ok(high - low >= 2, `${low} to ${high}`);
  const near = only([pen('S/a', {}, {}, [2, 4])], { ...SHOWN, limits: [4.5, 9] as never });
  assert.ok(near[1] > 4.5 && near[1] < 9, `${near}`);
});

test('an axis of nothing is from 0 to 1, and states have lanes at the foot', () => {
  assert.deepEqual(only([pen('S/a', {}, {}, [])]), [0, 1]);
  const pens = [pen('S/a'), pen('S/r', { type: 'bool' }), pen('S/q', { type: 'bool' })];
  const r = endsOf(pens, 'lane S/r', SHOWN);
  const q = endsOf(pens, 'lane S/q', SHOWN);
  const place = ([low, high]: readonly [number, number]) => (1 - low) / (high - low);
  assert.ok(place(r) < place(q) && place(q) < 0.25, 'one above the other, below the lines');
});

test('where there are only states, their lanes share the whole height', () => {
  const pens = [pen('S/r', { type: 'bool' }), pen('S/q', { type: 'bool' })];
  const spanOf = (axis: string): readonly [number, number] => {
    const [low, high] = endsOf(pens, axis, SHOWN);
    return [-low / (high - low), (1 - low) / (high - low)];
  };
  const [r, q] = [spanOf('lane S/r'), spanOf('lane S/q')];
  assert.ok(r[0] > 0 && r[1] < 0.5 && r[1] - r[0] > 0.3, `${r}`);
  assert.ok(q[0] > 0.5 && q[1] < 1, `${q}`);
});

test('the numbers of an axis have as many decimals as its steps', () => {
  assert.deepEqual(tickLabels([2.9, 2.92, 3], 0.02), ['2.90', '2.92', '3.00']);
  assert.deepEqual(tickLabels([0, 0.25, 0.5], 0.25), ['0.00', '0.25', '0.50']);
  assert.deepEqual(tickLabels([0, 50, 100], 50), ['0', '50', '100']);
  assert.deepEqual(tickLabels([0.1, 0.2, 0.30000000000000004], 0.1), ['0.1', '0.2', '0.3']);
});

test('states and counts are drawn as steps, measured values are not, unless somebody chose', () => {
  assert.equal(drawsSteps({ type: 'bool' }, { draw: 'tag' }), true);
  assert.equal(drawsSteps({ type: 'int' }, { draw: 'tag' }), true);
  assert.equal(drawsSteps({ type: 'float' }, { draw: 'tag' }), false);
  assert.equal(drawsSteps({ type: 'float' }, { draw: 'step' }), true);
  assert.equal(drawsSteps({ type: 'bool' }, { draw: 'line' }), false);
});

test('an empty chart says when its past is nowhere', () => {
  const stored = { tag: { stored: true } };
  const calculated = { tag: { stored: false } };
  assert.equal(nothingOf([]), 'nothing');
  assert.equal(nothingOf([stored, calculated]), 'nothing');
  assert.equal(nothingOf([calculated, calculated]), 'notStored');
});
