import assert from 'node:assert/strict';
import test from 'node:test';
import { parseFrame, resumeMessage, subMessage, unsubMessage } from '../src/model/protocol.ts';
import { alarm, event } from './make.ts';

const GOOD: readonly object[] = [
  { op: 'hello', e: '9f3c', n: 12, T: 1, build: '1.0', user: 'a', role: 'operator' },
  { op: 'status', T: 1, store: 'ok', text: '', gateways: [['gw-s1', true, 5]] },
  { op: 'snap', id: 7, n: 1, T: 1, tags: [[1, 'S1/L_T1']], v: [[1, null, 0xac, null]] },
  { op: 'd', n: 2, T: 1, v: [[1, 3.4, 0, -40]] },
  { op: 'hb', T: 1, n: [2, 12] },
  { op: 'hb', T: 1, n: [2, 12], j: 40 },
  { op: 'silence', position: 'main' },
  { op: 'silence', position: null },
  {
    op: 'counts',
    unacked: [3, 1, 2, 0, 0],
    active: 4,
    shelved: 1,
    suppressed: 0,
    oos: 0,
    disabled: 2,
    untrusted: 0,
    flood: 3,
    flooded: false,
  },
  { op: 'error', id: 7, text: 'no' },
  { op: 'resync', why: 'config' },
  { op: 'bye', why: 'session' },
  event(3, alarm('S1/L_T1.high')),
  event(3, null),
];

const BAD: readonly (readonly [string, string])[] = [
  ['', 'no JSON'],
  ['null', 'no object'],
  ['[]', 'a list'],
  ['{"op":"new"}', 'an unknown frame'],
  ['{"op":"constructor"}', 'a name that objects have by birth'],
  ['{"op":"d","n":1,"T":1,"v":[[1,"3.4",0,0]]}', 'a text as value'],
  ['{"op":"d","n":1,"T":1,"v":[[1,3.4,0]]}', 'a value without age'],
  ['{"op":"snap","id":1,"n":1,"T":1,"tags":[["a",1]],"v":[]}', 'handle and name swapped'],
  ['{"op":"alarm","n":1,"a":{},"r":{}}', 'an empty alarm'],
  ['{"op":"hb","T":1,"n":[1,2],"j":"9"}', 'a text as number of the journal'],
  ['{"op":"silence"}', 'a silence of nowhere'],
  ['{"op":"counts","unacked":[0]}', 'counts that leave out most'],
  ['{"op":"hb","T":1}', 'a heartbeat without counts'],
];

for (const frame of GOOD) {
  test(`a frame as in the contract is taken: ${JSON.stringify(frame).slice(0, 40)}`, () => {
    assert.deepEqual(parseFrame(JSON.stringify(frame)), frame);
  });
}

for (const [text, why] of BAD) {
  test(`what is not in the contract is refused: ${why}`, () => {
    assert.equal(parseFrame(text), null);
  });
}

test('messages to the server are as in the contract', () => {
  assert.equal(subMessage(7, { view: 'overview' }, 500), '{"op":"sub","id":7,"view":"overview","ms":500}');
  assert.equal(
    subMessage(8, { view: 'tags', tags: ['S1/L_T1'] }, 1000),
    '{"op":"sub","id":8,"view":"tags","tags":["S1/L_T1"],"ms":1000}',
  );
  assert.equal(unsubMessage(8), '{"op":"unsub","id":8}');
  assert.equal(resumeMessage('9f3c', 12), '{"op":"resume","e":"9f3c","n":12}');
});
