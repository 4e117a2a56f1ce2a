import assert from 'node:assert/strict';
import test from 'node:test';
import { AlarmBook } from '../src/model/alarm-book.ts';
import type { AlarmEvent } from '../src/model/protocol.ts';
import type { Alarm, AlarmLetter } from '../src/model/types.ts';
import { alarm, event } from './make.ts';

const names = (book: AlarmBook): string[] => book.all.map((a) => `${a.name} ${a.letter}`).sort();

function loaded(n = 10, ...alarms: readonly Alarm[]): AlarmBook {
  const book = new AlarmBook();
  book.load({ epoch: 'e1', n, alarms });
  return book;
}

test('a new book is stale until it is loaded', () => {
  const book = new AlarmBook();
  assert.equal(book.isStale, true);
  assert.equal(book.at, null);
  book.load({ epoch: 'e1', n: 3, alarms: [] });
  assert.equal(book.isStale, false);
  assert.deepEqual(book.at, { epoch: 'e1', n: 3 });
});

test('events in order move the list', () => {
  const book = loaded(10);
  book.apply(event(11, alarm('S1/a', { letter: 'B' })));
  book.apply(event(12, alarm('S1/b', { letter: 'B' })));
  book.apply(event(13, alarm('S1/a', { letter: 'C' })));
  assert.deepEqual(names(book), ['S1/a C', 'S1/b B']);
  book.apply(event(14, alarm('S1/a', { letter: 'A' })));
  assert.deepEqual(names(book), ['S1/b B']);
});

test('a disabled alarm is kept as such, and one that left the configuration leaves', () => {
  const book = loaded(10, alarm('S1/a'), alarm('S1/b'));
  book.apply(event(11, alarm('S1/a', { letter: 'Z' })));
  book.apply(event(12, null, 'S1/b'));
  assert.deepEqual(names(book), ['S1/a Z']);
});

test('what the snapshot already has is not applied again', () => {
  const book = loaded(10, alarm('S1/a', { letter: 'C' }));
  book.apply(event(10, alarm('S1/a', { letter: 'B' })));
  assert.deepEqual(names(book), ['S1/a C']);
  assert.equal(book.isStale, false);
});

test('a gap makes it stale, and what came after the gap is not lost with the next load', () => {
  const book = loaded(10);
  book.apply(event(12, alarm('S1/late')));
  assert.equal(book.isStale, true);
  book.apply(event(13, alarm('S1/later')));
  book.load({ epoch: 'e1', n: 12, alarms: [alarm('S1/missed'), alarm('S1/late')] });
  assert.deepEqual(names(book), ['S1/late B', 'S1/later B', 'S1/missed B']);
  assert.equal(book.isStale, false);
  assert.equal(book.at?.n, 13);
});

test('events during a load are applied after it', () => {
  const book = loaded(10);
  book.lost();
  book.apply(event(11, alarm('S1/a')));
  book.apply(event(12, alarm('S1/b')));
  book.load({ epoch: 'e1', n: 11, alarms: [alarm('S1/a', { letter: 'C' })] });
  assert.deepEqual(names(book), ['S1/a C', 'S1/b B']);
});

test('a load that is older than a kept event asks for another one', () => {
  const book = loaded(10);
  book.lost();
  book.apply(event(13, alarm('S1/c')));
  book.load({ epoch: 'e1', n: 11, alarms: [] });
  assert.equal(book.isStale, true);
});

test('a normal alarm that waits for a confirmation is kept', () => {
  const book = loaded(10, alarm('S1/a', { letter: 'A', confirm_due: true }), alarm('S1/b', { letter: 'A' }));
  assert.deepEqual(names(book), ['S1/a A']);
});

test('a load in parts stands at the earliest of them, and the events since bring it to one moment', () => {
  const book = loaded(10);
  book.lost();
  book.apply(event(11, alarm('S1/a', { letter: 'G' })));
  book.apply(event(12, alarm('S1/b', { letter: 'A' })));
  // The list was answered before event 11, the shelf after 12.
  book.load(
    { epoch: 'e1', n: 10, alarms: [alarm('S1/a'), alarm('S1/b')] },
    { epoch: 'e1', n: 12, alarms: [alarm('S1/a', { letter: 'G' })] },
  );
  assert.deepEqual(names(book), ['S1/a G']);
  assert.deepEqual(book.at, { epoch: 'e1', n: 12 });
});

test('parts from before and after a restart are no list', () => {
  const book = new AlarmBook();
  book.load({ epoch: 'e1', n: 10, alarms: [] }, { epoch: 'e2', n: 1, alarms: [] });
  assert.equal(book.isStale, true);
});

test('the heartbeat tells of events that never came', () => {
  const book = loaded(10);
  book.sent(10);
  assert.equal(book.isStale, false);
  book.sent(11);
  assert.equal(book.isStale, true);
});

/** A generator that can be repeated from its seed. */
function random(seed: number): () => number {
  let s = seed;
  return () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s / 2 ** 32;
  };
}

test('any interleaving of events, losses and loads ends in the state of the server', () => {
  const first = Number(process.env['SEED'] ?? 1);
  for (let seed = first; seed < first + 300; seed++) {
    const next = random(seed);
    const server = new Map<string, Alarm>();
    let n = 0;
    const book = new AlarmBook();
    const load = () => book.load({ epoch: 'e', n, alarms: [...server.values()] });
    load();
    for (let i = 0; i < 200; i++) {
      const name = `S1/${Math.floor(next() * 8)}`;
      const letter = 'ABCDZ'[Math.floor(next() * 5)] as AlarmLetter;
      const a = alarm(name, { letter });
      server.set(name, a);
      n += 1;
      const e: AlarmEvent = event(n, a);
      if (next() > 0.1) book.apply(e);
      if (next() < 0.1) book.apply(e);
      if (book.isStale && next() < 0.3) load();
    }
    book.sent(n);
    if (book.isStale) load();
    const standing = [...server.values()].filter((a) => a.letter !== 'A');
    assert.deepEqual(names(book), standing.map((a) => `${a.name} ${a.letter}`).sort(), `SEED=${seed}`);
  }
});
