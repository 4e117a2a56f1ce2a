// What one gateway may cost: limits as settings, who sends too much is slowed down, who breaks the protocol is kept out and can be let in again.
// Covers: link_limits.c, pace.c, session_pace.c, guard.c, listener.c, door.c
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, afterEach, before, describe, test } from 'node:test';
import { ledgerBreaches } from '../lib/invariants.mjs';
import { counted, data, dict, frame, hello, i64, peer, randomEpoch, varint, welcomed } from '../lib/link.mjs';
import { Penstock, sleep, until } from '../lib/penstock.mjs';

const config = {
  sites: [{ name: 'S1', title: 'Station 1' }], gateways: [{ name: 'gw-a', site: 'S1' }, { name: 'gw-b', site: 'S1' }, { name: 'gw-c', site: 'S1', certificate_of: 'gw-a', tags_max: 2 }],
  tags: [{ name: 'S1/A', gateway: 'gw-a', low: 0, high: 1e9 }, { name: 'S1/B', gateway: 'gw-b', low: 0, high: 1e9 }], alarms: [],
};
const limits = { breaches: 2, samples_per_s: 20, samples_burst_s: 2, backlog_bytes_per_s: 100000, frame_samples: 50, name_bytes: 20, bytes_per_s: 1e9, frames_per_s: 1e9 };

describe('containment', { concurrency: false }, () => {
  const p = new Penstock({ config });
  let engineer;
  before(async () => {
    await p.prepare({ gateways: ['gw-a', 'gw-b'] });
    await p.startServer({ link: { limits, backlog_rate: 80000 } });
    engineer = await p.login('engineer');
  });
  after(() => p.stop());

  /** What a WINDOW says. */
  const told = (f) => {
    let at = 0;
    const read = () => { let v = 0n, shift = 0n, b; do { b = f.body[at++]; v |= BigInt(b & 0x7f) << shift; shift += 7n; } while (b & 0x80); return Number(v); };
    return { bytes: read(), frames: read(), rate: read() };
  };
  const row = async (name) => (await engineer.get('/api/gateways')).json.gateways.find((g) => g.name === name);
  const t0 = BigInt(Date.now()) * 1000n;

  test('a limit that is none is refused at the start, with its place', async () => {
    const other = new Penstock({ config });
    try {
      await other.prepare({ gateways: [] });
      await other.startServer({ link: { limits: { samples_per_s: 0 } } }, { wait: false }).then(() => assert.fail('it started'), (e) => assert.match(String(e.message), /\/link\/limits\/samples_per_s.*from 1 to/));
    } finally {
      await other.stop();
    }
  });

  test('a gateway that breaks the protocol is kept out, shown with the reason, and let in by an engineer', async () => {
    for (let i = 0; i < limits.breaches; i++) {
      const g = peer(p, 'gw-b');
      await g.connected;
      g.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
      await g.ended();
    }
    const shown = await until('it is shown as suspended', async () => (await row('gw-b')).suspended);
    assert.match(shown.reason, /bad_frame/);
    assert.ok(Date.parse(shown.until) > Date.now());
    const late = peer(p, 'gw-b');
    await late.connected;
    late.send(hello({ gateway: 'gw-b', epochs: [{ epoch: randomEpoch() }] }));
    await late.frame('ERROR');
    await late.ended();
    assert.equal((await row('gw-b')).suspended.reason, shown.reason, 'being refused is not the reason');
    const viewer = await p.login('viewer');
    assert.equal((await viewer.post('/api/gateways/gw-b/release')).status, 403);
    assert.equal((await engineer.post('/api/gateways/nobody/release')).status, 404);
    assert.equal((await engineer.post('/api/gateways/gw-b/release')).status, 204);
    assert.equal((await row('gw-b')).suspended, null);
    (await welcomed(p, 'gw-b')).end();
    await until('the audit has it', async () => (await p.sql(`select 1 from audit where action = 'gateway.release' and object = 'gw-b' and actor = 'engineer'`)).length === 1);
  });

  test('a gateway that sends too many samples is slowed down and loses none', async () => {
    const g = await welcomed(p, 'gw-a', { answers: true });
    g.send(dict({ seq: 0, entries: [[1, 'A']] }));
    const n = 100;
    for (let i = 0; i < n; i++) g.send(data({ seq: i + 1, samples: [[1, t0 + BigInt(i), i]] }));
    const narrow = await g.frame('WINDOW');
    assert.ok(narrow.body.length > 0);
    await g.acked(n);
    assert.match((await row('gw-a')).fault, /slowed down/);
    await until('the audit has it, once', async () => (await p.sql(`select count(*) as n from audit where action = 'link.too_many_samples' and object = 'gw-a'`))[0].n === 1n);
    assert.equal((await p.sql(`select count(*) as n from sample s join config_key k on k.key = s.tag_key where k.name = 'S1/A'`))[0].n, BigInt(n));
    g.end();
  });

  test('what is over a limit goes to quarantine as such', async () => {
    const g = await welcomed(p, 'gw-a', { answers: true });
    const many = limits.frame_samples + 1;
    g.send(
      dict({ seq: 0, entries: Array.from({ length: many }, (_, i) => [i + 1, i === 0 ? 'A' : `other ${i}`]) }),
      data({ seq: 1, samples: Array.from({ length: many }, (_, i) => [i + 1, t0, i]) }),
      dict({ seq: 2, dict: 2, entries: [[1, 'a name that is longer than twenty bytes']] }),
    );
    await g.acked(2);
    const { records } = (await engineer.get('/api/quarantine?gateway=gw-a&code=10')).json;
    assert.deepEqual(records.map((r) => [r.type, r.code_name]), [['DICT', 'quota'], ['DATA', 'quota']]);
    assert.match(records[0].reason, /20 bytes/);
    assert.match(records[1].reason, /50 samples/);
    g.end();
  });

  test('the budget of backlogs is divided among the gateways that have one', async () => {
    const waiting = () => ({ next: 0, others: [{ epoch: randomEpoch(), oldest: 0, next: 5 }], answers: true });
    // While the database is slow there is less to divide, so the shares are known by what they are at most.
    const whole = async () => {
      const g = await welcomed(p, 'gw-a', waiting());
      if (Number(g.welcome.window.rate) === 80000) return g;
      g.end();
      await sleep(1000); // it changes once a second
      return null;
    };
    const a = await until('all of the budget is for one', whole);
    const b = await welcomed(p, 'gw-b', waiting());
    assert.ok(Number(b.welcome.window.rate) <= 80000);
    const smaller = await a.find('the smaller share', (f) => f.name === 'WINDOW' && told(f).rate <= 50000);
    b.end();
    await a.find('its share is bigger again', (f) => f.name === 'WINDOW' && told(f).rate > 50000 && a.frames.indexOf(f) > a.frames.indexOf(smaller));
    a.end();
  });

  test('a certificate speaks for a second gateway that names it, whose tags are counted, and for no other', async () => {
    const g = await welcomed(p, 'gw-a', { as: 'gw-c', answers: true });
    const beside = await welcomed(p, 'gw-a');
    g.send(dict({ seq: 0, entries: [[1, 'A'], [2, 'B']] }), dict({ seq: 1, dict: 2, entries: [[1, 'A'], [2, 'B'], [3, 'C']] }));
    await g.acked(1);
    const told = await g.frame('ERROR');
    assert.deepEqual([told.code, told.fatal, Number(told.seq)], [10, false, 1]);
    assert.match(told.text, /more than 2 tags in a dictionary \(tags_max of the gateway\)/);
    assert.equal((await row('gw-c')).up && (await row('gw-a')).up, true);
    const other = peer(p, 'gw-a');
    await other.connected;
    other.send(hello({ gateway: 'gw-b', epochs: [{ epoch: randomEpoch() }] }));
    assert.match((await other.frame('ERROR')).text, /the configuration of "gw-b" does not name that in certificate_of/);
    await other.ended();
    beside.end();
    g.end();
  });

  test('a gateway that floods its line does not keep another one waiting', async () => {
    const flood = await welcomed(p, 'gw-a', { answers: true });
    const junk = frame(0x70, 0, Buffer.alloc(60000));
    let stop = false, sent = 0;
    const pump = () => {
      sent++;
      if (!stop) flood.socket.write(junk, pump);
    };
    pump();
    const g = await welcomed(p, 'gw-b', { answers: true });
    g.send(dict({ seq: 0, entries: [[1, 'B']] }));
    for (let seq = 1; seq <= 20; seq++) {
      const before = sent;
      g.send(data({ seq, samples: [[1, t0 + BigInt(seq), seq]] }));
      await g.acked(seq);
      await until('the flood goes on', () => sent > before);
    }
    stop = true;
    assert.equal(flood.closed, false, 'it broke no rule');
    flood.end();
    g.end();
  });

  const standing = new Set();
  afterEach(() => { for (const s of standing) { clearInterval(s.timer); s.destroy(); } });

  /** Connections of strangers, each from an address of loopback of its own unless one is given. */
  const strangers = async (n, { from = (i) => `127.0.${1 + (i >> 7)}.${2 + (i & 127)}`, then = () => {} } = {}) => Promise.all(Array.from({ length: n }, (_, i) => new Promise((done, failed) => {
    const s = net.connect({ host: '127.0.0.1', port: p.ports.link, localAddress: from(i) }, () => { then(s); done(s); });
    s.on('error', failed).on('data', () => {}).on('close', () => { s.over = true; standing.delete(s); });
    standing.add(s);
  })));

  /** The bytes with which a client of TLS begins. */
  const clientHello = async () => {
    const server = net.createServer();
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    const bytes = new Promise((done) => server.on('connection', (s) => s.once('data', (d) => { done(d); s.destroy(); })));
    peer({ ...p, ports: { link: server.address().port }, pkiFile: (f) => p.pkiFile(f) }, 'gw-a');
    return bytes.finally(() => server.close());
  };

  test('a gateway comes in past those who say nothing, who trickle and who begin TLS and stop, and none of them had to go for it', async () => {
    await p.restartServer({ link: { limits: { handshake_ms: 600000 } } });
    const begin = await clientHello();
    const silent = await strangers(740);
    const trickling = await strangers(200, { then: (s) => { let i = 0; s.timer = setInterval(() => s.write(begin.subarray(i, ++i)), 500); } });
    const stopped = await strangers(60, { from: () => '127.0.9.9', then: (s) => s.write(begin) });
    const all = [...silent, ...trickling, ...stopped];
    (await welcomed(p, 'gw-a')).end();
    assert.deepEqual(all.filter((s) => s.over).length, 0, 'all of them stand there still');
  });

  test('when there is no room at the door, the address that stands there most gives way', async () => {
    await p.restartServer({ link: { limits: { handshake_ms: 600000, half_open: 16, handshakes: 4 } } });
    const few = await strangers(3);
    const many = await strangers(20, { from: () => '127.0.9.9' });
    await until('those beyond the limit have gone', () => many.filter((s) => s.over).length === 7);
    const begin = await clientHello();
    const shaking = await strangers(4, { from: () => '127.0.9.8', then: (s) => s.write(begin) });
    await until('the server has answered all of them', () => shaking.every((s) => s.bytesRead > 0));
    (await welcomed(p, 'gw-a')).end();
    await until('one gave way', () => shaking.some((s) => s.over));
    assert.equal(shaking.filter((s) => s.over).length, 1);
    assert.equal(few.filter((s) => s.over).length, 0);
  });

  test('who opens and closes connections without end uses up nobody\'s handshakes', async () => {
    await p.restartServer({ link: { limits: { handshakes_per_s: 1 } } }); // were they charged, a gateway would wait for five minutes
    let stop = false, made = 0, gateway;
    const flood = Array.from({ length: 4 }, async () => {
      while (!stop) {
        const [s] = await strangers(1, { from: () => '127.0.9.9' });
        made++;
        s.destroy();
      }
    });
    try {
      await until('the flood runs', () => made > 300);
      welcomed(p, 'gw-a').then((g) => { gateway = g; }, () => {});
      await until('the gateway is in', () => gateway);
    } finally {
      stop = true;
      await Promise.all(flood);
      gateway?.end();
    }
  });

  test('those who come together wait to be let in, all get in, and the log says how many wait', async () => {
    await p.restartServer({ link: { limits: { handshakes_per_s: 2, hello_ms: 600000 } } }); // the first ones wait for the last
    const together = Array.from({ length: 8 }, () => peer(p, 'gw-a'));
    await Promise.all(together.map((g) => g.connected));
    const [, waiting] = await p.says('penstockd', /link\.crowded waiting=(\d+) handshakes_per_s=2 /);
    assert.ok(waiting >= 2 && waiting <= 7, `${waiting} wait`);
    assert.ok(together.every((g) => g.frames.length === 0), 'nothing is said to them');
    for (const g of together) g.end();
  });

  const restart = async (options) => {
    await p.restartServer(options);
    await until('it stores', async () => (await p.get('/api/health').catch(() => null))?.json?.store?.state === 'ok');
  };
  /** Sends one record after the other, each when the one before is acknowledged, until its window is narrow, as it is for who sends too much. */
  const until_held = async (g, record) => {
    const narrow = (f) => f.name === 'WINDOW' && told(f).frames < Number(g.welcome.window.frames);
    let seq = 0;
    for (; !g.closed && seq < 1000 && !g.frames.some(narrow); seq++) {
      g.send(record(seq));
      await g.acked(seq);
    }
    assert.ok(g.frames.some(narrow), 'it is slowed down');
    return seq;
  };
  const audited = (action) => until(`${action} in the audit`, async () => (await p.sql('select detail from audit where action = $1 and object = $2', [action, 'gw-b']))[0]);

  test('what is no sample has a rate as well, across connections', async () => {
    await restart({ link: { limits: { ...limits, bytes_per_s: 100000, samples_per_s: 5000 } } });
    const event = (seq) => frame(0x12, 1, Buffer.concat([varint(0), varint(seq), varint(0), Buffer.from([99, 0, 0]), i64(t0), counted('x'), counted('y'.repeat(500))]));
    const g = await welcomed(p, 'gw-b', { answers: true });
    const junk = Array.from({ length: 4 }, () => frame(0x70, 0, Buffer.alloc(50000)));
    await until_held(g, (seq) => Buffer.concat([event(seq), ...junk]));
    assert.match((await row('gw-b')).fault, /more than 100000 bytes a second/);
    await audited('link.too_many_bytes');
    g.end();
  });

  test('a backlog is held to the rate that was told', async () => {
    await restart({ link: { backlog_rate: 65536, limits: { samples_per_s: 5000 } } });
    const g = await welcomed(p, 'gw-b', { answers: true, next: 100000 });
    const begin = performance.now();
    const n = await until_held(g, (seq) => frame(0x6f, 3, Buffer.concat([varint(0), varint(seq), varint(0), Buffer.alloc(240000, 7)])));
    assert.ok((n - 1) * 240000 < 2_000_000 + (performance.now() - begin) * 100, `${n} records`);
    await until('it is told to who looks at the gateway', async () => /of its backlog a second/.test((await row('gw-b')).fault));
    g.end();
  });

  test('a gateway that fills the quarantine is kept out, shown with the reason, and can be let in', async () => {
    await restart({ link: { limits: { quarantine_bytes_per_day: 100000 } } });
    const g = await welcomed(p, 'gw-b', { answers: true });
    g.send(...[0, 1].map((seq) => frame(0x6f, 1, Buffer.concat([varint(0), varint(seq), varint(0), Buffer.alloc(80000, 7)]))));
    await g.ended();
    const shown = await until('it is shown as suspended', async () => (await row('gw-b')).suspended);
    assert.match(shown.reason, /more than 100000 bytes of records in a day that cannot be used/);
    await audited('link.suspended');
    await until('what it sent is kept', async () => (await p.sql('select 1 from quarantine where epoch = $1', [BigInt.asIntN(64, g.epoch)])).length === 2);
    assert.equal((await engineer.post('/api/gateways/gw-b/release')).status, 204);
    (await welcomed(p, 'gw-b')).end();
  });

  test('a gateway that connects again and again is asked to wait, and gets in then', async () => {
    await restart({ link: { limits: { sessions_per_min: 6 } } });
    const began = performance.now();
    // Six at once, and one more for each ten seconds that this takes.
    let let_in = 0;
    let first;
    while (first?.name !== 'BYE') {
      const g = peer(p, 'gw-b');
      await g.connected;
      g.send(hello({ gateway: 'gw-b', epochs: [{ epoch: randomEpoch() }] }));
      first = await g.find('an answer', (f) => f.name === 'BYE' || f.name === 'WELCOME');
      if (first.name === 'WELCOME') {
        let_in++;
        g.send(frame(4, 0, Buffer.concat([Buffer.from([0, 0, 0, 0, 0]), counted('')])));
        await g.ended();
      }
      assert.ok(let_in <= 6 + (performance.now() - began) / 10_000, `${let_in} were let in`);
    }
    assert.ok(let_in >= 6, `${let_in} were let in`);
    assert.match(first.text, /more than 6 sessions a minute/);
    assert.ok(first.after <= 10001, `${first.after} ms`);
    await audited('link.too_many_sessions');
    await new Promise((done) => setTimeout(done, first.after));
    (await welcomed(p, 'gw-b')).end();
  });

  test('the books balance after all that', async () => assert.deepEqual(await ledgerBreaches(p), []));
});
