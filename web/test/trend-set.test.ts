import assert from 'node:assert/strict';
import test from 'node:test';
import {
  addPen,
  changeAxes,
  changePen,
  changeScale,
  fixedScale,
  formatPanes,
  hasRoom,
  movePen,
  PANES_MAX,
  PENS_MAX,
  parsePanes,
  penOfTag,
  removePen,
  type SetPane,
  tagsOf,
} from '../src/model/trend-set.ts';

const panesOf = (...lists: readonly (readonly string[])[]): readonly SetPane[] =>
  lists.map((tags) => ({ pens: tags.map(penOfTag), oneAxis: false }));

const names = (panes: readonly SetPane[]): string => formatPanes(panes).tags;

test('panes, pens, scales and steps are a text, and the text is them', () => {
  const text = 'S1/A,S1/B~own;S2/C~-5..2.5~step,S2/D~range~line';
  const panes = parsePanes(text, '2');
  assert.deepEqual(formatPanes(panes), { tags: text, one: '2' });
  assert.deepEqual(panes[1]?.pens[0], { tag: 'S2/C', scale: { low: -5, high: 2.5 }, draw: 'step' });
  assert.deepEqual(
    panes.map((pane) => pane.oneAxis),
    [false, true],
  );
});

test('what is wrong in the text is left out, and nothing of it is more than can be shown', () => {
  assert.equal(names(parsePanes('a~5..1,b~x..2,c~1..2..3,d~..2,e~what', '')), 'a,b,c,d,e');
  assert.equal(names(parsePanes(';;a,a,;b;', '')), 'a;b');
  assert.equal(parsePanes('a;b;c;d;e;f', '').length, PANES_MAX);
  const many = Array.from({ length: 20 }, (_, i) => `t${i}`).join(',');
  assert.equal(parsePanes(many, '')[0]?.pens.length, PENS_MAX);
});

test('a pen goes into its pane, or into a new one behind the last', () => {
  const panes = panesOf(['a']);
  assert.equal(names(addPen(panes, 0, penOfTag('b'))), 'a,b');
  assert.equal(names(addPen(panes, 1, penOfTag('b'))), 'a;b');
  assert.equal(names(addPen([], 0, penOfTag('b'))), 'b');
  assert.equal(addPen(panes, 0, penOfTag('a')), panes, 'it is there already');
});

test('there is room for 8 pens in each of 4 panes', () => {
  const full = panesOf(Array.from({ length: PENS_MAX }, (_, i) => `t${i}`));
  assert.equal(hasRoom(full, 0), false);
  assert.equal(hasRoom(full, 1), true);
  assert.equal(addPen(full, 0, penOfTag('x')), full);
  const four = panesOf(['a'], ['b'], ['c'], ['d']);
  assert.equal(hasRoom(four, PANES_MAX), false);
  assert.equal(addPen(four, PANES_MAX, penOfTag('x')), four);
});

test('a pane without pens is gone', () => {
  const panes = panesOf(['a'], ['b', 'c']);
  assert.equal(names(removePen(panes, 0, 'a')), 'b,c');
  assert.equal(names(movePen(panes, 0, 'a', 1)), 'b,c,a');
  assert.equal(names(movePen(panes, 1, 'b', 2)), 'a;c;b');
  assert.equal(movePen(panes, 0, 'x', 1), panes, 'a pen that is not there');
});

test('a pen keeps its scale when it is moved, and stays where there is no room for it', () => {
  const panes = changePen(panesOf(['a'], ['b']), 0, 'a', { scale: 'range' });
  assert.equal(names(movePen(panes, 0, 'a', 1)), 'b,a~range');
  const full = panesOf(
    ['a'],
    Array.from({ length: PENS_MAX }, (_, i) => `t${i}`),
  );
  assert.equal(movePen(full, 0, 'a', 1), full);
});

test('ends of a scale are two numbers, the lower one first', () => {
  assert.deepEqual(fixedScale(-1, 1), { low: -1, high: 1 });
  for (const [low, high] of [
    [1, 1],
    [2, 1],
    [Number.NaN, 1],
    [0, Number.POSITIVE_INFINITY],
  ] as const)
    assert.equal(fixedScale(low, high), null);
});

test('the scale of one pen is that of all where they share one axis', () => {
  const panes = changeAxes(panesOf(['a', 'b'], ['c']), 0, true);
  assert.equal(names(changeScale(panes, 0, 'b', 'range')), 'a~range,b~range;c');
  assert.equal(names(changeScale(panes, 1, 'c', { low: 0, high: 2 })), 'a,b;c~0..2');
});

test('one axis belongs to a pane, and each tag is asked for once', () => {
  const panes = changeAxes(panesOf(['a', 'b'], ['b']), 1, true);
  assert.equal(formatPanes(panes).one, '2');
  assert.deepEqual(tagsOf(panes), ['a', 'b']);
});
