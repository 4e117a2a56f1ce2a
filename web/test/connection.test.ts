import assert from 'node:assert/strict';
import test from 'node:test';
import { Connection, type LiveValue, type Sink } from '../src/model/connection.ts';

/** A connection with everything around it written down, and time by hand. */
class Rig {
  now = 1000;
  random = 0;
  opens = 0;
  closes = 0;
  sent: string[] = [];
  said: string[] = [];
  values = new Map<string, LiveValue>();
  position: { epoch: string; n: number } | null = null;

  private readonly sink: Sink = {
    hello: () => undefined,
    status: (s) => this.said.push(`status ${s.store}`),
    values: (list) => {
      for (const [name, value] of list) this.values.set(name, value);
    },
    alarm: (e) => this.said.push(`alarm ${e.n}`),
    alarmsSent: (n) => this.said.push(`sent ${n}`),
    alarmsLost: (why) => this.said.push(`lost ${why}`),
    alarmPosition: () => this.position,
    counts: (c) => this.said.push(`counts ${c.shelved}`),
    silenced: (position) => this.said.push(`silenced ${position ?? 'all'}`),
    stored: (seq) => this.said.push(`stored ${seq}`),
    configChanged: () => this.said.push('config'),
    serverTime: () => undefined,
    liveChanged: (live) => this.said.push(live ? 'live' : 'not live'),
    refused: () => this.said.push('refused'),
    bye: (why) => this.said.push(`bye ${why}`),
    protocolError: (text) => this.said.push(`error ${text}`),
  };

  readonly connection = new Connection(
    {
      open: () => {
        this.opens += 1;
      },
      send: (text) => this.sent.push(text),
      close: () => {
        this.closes += 1;
      },
    },
    this.sink,
    () => this.now,
    () => this.random,
    1000,
  );

  wait(ms: number): this {
    const end = this.now + ms;
    while (this.now < end) {
      this.now = Math.min(end, this.now + 250);
      this.connection.tick();
    }
    return this;
  }

  frame(frame: object): this {
    this.connection.received(JSON.stringify(frame));
    return this;
  }

  hello(e = 'e1', n = 10): this {
    this.connection.opened();
    return this.frame({ op: 'hello', e, n, T: 1, build: 'b', user: 'u', role: 'viewer' });
  }

  ops(): string[] {
    return this.sent.map((text) => (JSON.parse(text) as { op: string }).op);
  }
}

const started = (): Rig => {
  const rig = new Rig();
  rig.connection.start();
  return rig;
};

const beat = (values: number, alarms: number) => ({ op: 'hb', T: 1, n: [values, alarms] });

test('it is live with the first frame, and not live after 3 s of silence', () => {
  const rig = started();
  rig.connection.opened();
  assert.equal(rig.connection.live, false, 'an open socket alone proves nothing');
  rig.hello().wait(2750);
  assert.equal(rig.connection.live, true);
  rig.wait(250);
  assert.equal(rig.connection.live, false);
  rig.frame(beat(0, 10));
  assert.equal(rig.connection.live, true);
});

test('a heartbeat keeps it live although no value moves', () => {
  const rig = started().hello();
  for (let i = 0; i < 20; i++) rig.wait(1000).frame(beat(0, 10));
  assert.equal(rig.connection.live, true);
  assert.equal(rig.opens, 1);
});

test('a socket that says nothing for long is given up and opened anew', () => {
  const rig = started().hello().wait(8000);
  assert.equal(rig.closes, 1);
  rig.wait(1000);
  assert.equal(rig.opens, 2);
});

test('a socket that never opens is given up', () => {
  const rig = started().wait(9000);
  assert.ok(rig.opens >= 2);
});

test('waiting between tries grows to 8 s and no further', () => {
  const rig = started();
  rig.random = 1;
  const waits: number[] = [];
  for (let i = 0; i < 8; i++) {
    rig.connection.closed();
    const before = rig.now;
    const opens = rig.opens;
    while (rig.opens === opens) rig.wait(250);
    waits.push(rig.now - before);
  }
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 8000, 8000, 8000, 8000]);
});

test('the shortest wait is half a second, so that a server that refuses is not flooded', () => {
  const rig = started();
  for (let i = 0; i < 5; i++) {
    rig.connection.closed();
    rig.wait(250);
    assert.equal(rig.opens, i + 1);
    rig.wait(250);
    assert.equal(rig.opens, i + 2);
  }
});

test('a connection that held makes the next wait short again', () => {
  const rig = started();
  rig.random = 1;
  for (let i = 0; i < 5; i++) {
    rig.connection.closed();
    rig.wait(8000);
  }
  rig.hello();
  for (let i = 0; i < 6; i++) rig.wait(1000).frame(beat(0, 10));
  rig.connection.closed();
  const opens = rig.opens;
  rig.wait(500);
  assert.equal(rig.opens, opens + 1);
});

test('views are asked for once there is a hello, and again after each reconnection', () => {
  const rig = started();
  const id = rig.connection.subscribe({ view: 'overview' });
  assert.deepEqual(rig.sent, []);
  rig.hello();
  assert.deepEqual(rig.ops(), ['sub']);
  rig.connection.closed();
  rig.wait(500).hello();
  assert.deepEqual(rig.ops(), ['sub', 'sub']);
  rig.connection.unsubscribe(id);
  assert.deepEqual(rig.ops(), ['sub', 'sub', 'unsub']);
});

test('values carry the source time, and a quality change alone is a change', () => {
  const rig = started().hello();
  rig.frame({ op: 'snap', id: 1, n: 1, T: 5000, tags: [[4, 'S1/A']], v: [[4, 1.5, 0, 200]] });
  assert.deepEqual(rig.values.get('S1/A'), { value: 1.5, quality: 0, at: 4800 });
  rig.frame({ op: 'd', n: 2, T: 6000, v: [[4, 1.5, 0x87, 1200]] });
  assert.deepEqual(rig.values.get('S1/A'), { value: 1.5, quality: 0x87, at: 4800 });
  rig.frame({ op: 'd', n: 3, T: 7000, v: [[4, null, 0xac, null]] });
  assert.deepEqual(rig.values.get('S1/A'), { value: null, quality: 0xac, at: null });
});

test('a handle that no snapshot has named is ignored', () => {
  const rig = started().hello();
  rig.frame({ op: 'd', n: 1, T: 1, v: [[9, 1, 0, 0]] });
  assert.equal(rig.values.size, 0);
});

test('handles of an old connection do not name values of the new one', () => {
  const rig = started().hello();
  rig.frame({ op: 'snap', id: 1, n: 1, T: 1, tags: [[4, 'S1/A']], v: [[4, 1, 0, 0]] });
  rig.connection.closed();
  rig.wait(500).hello();
  rig.frame({ op: 'd', n: 1, T: 1, v: [[4, 99, 0, 0]] });
  assert.equal(rig.values.get('S1/A')?.value, 1);
});

test('a value frame that is missing makes it ask for all views again', () => {
  const rig = started();
  rig.connection.subscribe({ view: 'overview' });
  rig.hello().frame({ op: 'snap', id: 1, n: 1, T: 1, tags: [[4, 'S1/A']], v: [[4, 1, 0, 0]] });
  rig.frame({ op: 'd', n: 3, T: 1, v: [[4, 2, 0, 0]] });
  assert.deepEqual(rig.ops(), ['sub', 'sub']);
  rig.frame(beat(5, 10));
  assert.deepEqual(rig.ops(), ['sub', 'sub', 'sub']);
});

test('the alarm list is loaded at the start, resumed after a cut, and loaded again in another epoch', () => {
  const rig = started().hello('e1', 10);
  assert.ok(rig.said.includes('lost start'));
  rig.position = { epoch: 'e1', n: 10 };
  rig.connection.closed();
  rig.wait(500).hello('e1', 14);
  assert.deepEqual(rig.sent, ['{"op":"resume","e":"e1","n":10}']);
  rig.connection.closed();
  rig.wait(2000).hello('e2', 14);
  assert.ok(rig.said.includes('lost epoch'));
});

test('nothing is asked where nothing was missed', () => {
  const rig = started();
  rig.position = { epoch: 'e1', n: 10 };
  rig.hello('e1', 10);
  assert.deepEqual(rig.sent, []);
});

test('after a new configuration it subscribes again and has the plant and the alarms loaded', () => {
  const rig = started();
  rig.connection.subscribe({ view: 'site/S1' });
  rig.hello().frame({ op: 'resync', why: 'config' });
  assert.deepEqual(rig.ops(), ['sub', 'sub']);
  assert.ok(rig.said.includes('config') && rig.said.includes('lost config'));
});

test('an overflow reloads the alarms, but not the plant', () => {
  const rig = started().hello().frame({ op: 'resync', why: 'overflow' });
  assert.ok(rig.said.includes('lost overflow'));
  assert.ok(!rig.said.includes('config'));
});

test('the end of the session ends it: it does not knock again', () => {
  const rig = started().hello().frame({ op: 'bye', why: 'session' });
  assert.ok(rig.said.includes('bye session'));
  rig.connection.closed();
  rig.wait(20_000);
  assert.equal(rig.opens, 1);
  assert.equal(rig.connection.live, false);
});

test('a server that shuts down is asked again', () => {
  const rig = started().hello().frame({ op: 'bye', why: 'shutdown' });
  rig.connection.closed();
  rig.wait(1000);
  assert.equal(rig.opens, 2);
});

test('a refusal before the hello is told, since the session may have ended', () => {
  const rig = started();
  rig.connection.closed();
  assert.deepEqual(rig.said, ['refused']);
});

test('a hidden page asks for fewer values', () => {
  const rig = started();
  rig.connection.subscribe({ view: 'overview' });
  rig.hello();
  rig.connection.setPeriod(5000);
  rig.connection.setPeriod(5000);
  assert.deepEqual(
    rig.sent.map((text) => (JSON.parse(text) as { ms: number }).ms),
    [1000, 5000],
  );
});

test('what is not of this protocol is reported, and the link stays', () => {
  const rig = started().hello();
  rig.connection.received('{"op":"??"}');
  assert.ok(rig.said.some((text) => text.startsWith('error ')));
  assert.equal(rig.connection.live, true);
});

test('counts, silence and how far the journal is stored are passed on', () => {
  const rig = new Rig();
  rig.connection.start();
  rig.connection.opened();
  rig.frame({ op: 'hello', e: 'e', n: 0, T: 1, build: 'b', user: 'u', role: 'operator' });
  rig.said.length = 0;
  rig.frame({ op: 'hb', T: 1, n: [0, 0], j: 41 });
  rig.frame({ op: 'silence', position: null });
  rig.frame({ op: 'silence', position: 'main' });
  const none = { active: 0, suppressed: 0, oos: 0, disabled: 0, untrusted: 0, flood: 0 };
  rig.frame({ op: 'counts', unacked: [0, 0, 0, 0, 0], shelved: 2, flooded: false, ...none });
  assert.deepEqual(rig.said, ['stored 41', 'sent 0', 'silenced all', 'silenced main', 'counts 2']);
});
