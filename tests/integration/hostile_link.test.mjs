// Gateways that lie, stumble or attack: a clear refusal with its reason, nothing lost, nobody else disturbed.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { random } from '../faults/kill.mjs';
import { CODE, FLAG, TYPE, data, dict, frame, hello, peer, ping, randomEpoch, varint, welcomed } from '../lib/link.mjs';
import { Penstock, until } from '../lib/penstock.mjs';

const seed = Number(process.env.SEED ?? 5);
const config = {
  sites: [{ name: 'S1', title: 'Station 1' }, { name: 'S2', title: 'Station 2' }, { name: 'S3', title: 'Station 3' }],
  gateways: [{ name: 'gw-s1', site: 'S1' }, { name: 'gw-s2', site: 'S2' }, { name: 'gw-off', site: 'S3', enabled: false }, { name: 'gw-s3', site: 'S3' }],
  tags: ['S1', 'S2', 'S3'].flatMap((s, i) => [
    { name: `${s}/L`, gateway: `gw-s${i + 1}`, low: 0, high: 10, unit: 'm' },
    { name: `${s}/F`, gateway: `gw-s${i + 1}`, low: 0, high: 100, unit: 'L/s' },
  ]),
  alarms: [{ name: 'S1/L.high', tag: 'S1/L', kind: 'high', limit: 8, priority: 1 }],
};
const entries = [[1, 'L'], [2, 'F']];
const us = () => BigInt(Date.now()) * 1000n;

describe('hostile gateways', { concurrency: false }, () => {
  const p = new Penstock({ config });
  let admin, good;
  let seq = 0;
  before(async () => {
    await p.prepare({ gateways: ['gw-s1', 'gw-s2', 'gw-s3', 'gw-off', 'gw-nobody'] });
    await p.startServer({ link: { limits: { dictionary_parts: 2000 } } });
    admin = await p.login('admin');
    good = await welcomed(p, 'gw-s1', { answers: true }); // else it could not stay through a test that takes half a minute
    good.send(dict({ seq: seq++, entries }));
    await good.acked(0);
  });
  after(() => p.stop());

  /** The good gateway still delivers, and what it delivers is stored. */
  const undisturbed = async (after) => {
    assert.ok(!good.closed, `the good gateway was cut off after ${after}`);
    const n = seq++;
    good.send(data({ seq: n, samples: [[1, us(), 3 + (n % 100) / 100]] }));
    await good.acked(n);
  };
  const stored = async (gateway, epoch) =>
    p.sql(`select b.seq, b.type from ingest_batch b join config_key k on k.key = b.gateway_key and k.kind = 'gateway' where k.name = $1 and b.epoch = $2 order by seq`, [gateway, BigInt.asIntN(64, epoch)]);
  const quarantined = async (epoch) => p.sql('select seq, code, reason from quarantine where epoch = $1 order by seq', [BigInt.asIntN(64, epoch)]);
  const audited = (action, pattern) =>
    until(`an audit row ${action} like ${pattern}`, async () => (await p.sql('select action, object, detail, peer from audit where action = $1 order by audit_id desc limit 50', [action])).find((r) => pattern.test(`${r.object} ${r.detail}`)));

  test('a record is acknowledged when it is stored, once, however often it comes', async () => {
    const g = await welcomed(p, 'gw-s2');
    const t = us();
    const record = data({ seq: 1, samples: [[1, t, 4.5], [2, t, 20]] });
    g.send(dict({ seq: 0, entries }), record, record, record);
    await g.acked(1);
    g.send(record);
    await until('four acknowledgements or one for all', () => g.frames.filter((f) => f.name === 'ACK').length > 0);
    assert.deepEqual((await stored('gw-s2', g.epoch)).map((r) => r.seq), [0n, 1n]);
    g.end();
    const again = await welcomed(p, 'gw-s2', { epoch: g.epoch, next: 2 });
    assert.deepEqual(again.welcome.committed.find((c) => c.epoch === g.epoch).ranges, [[0n, 2n]]);
    again.send(record);
    await again.acked(1);
    assert.equal((await stored('gw-s2', g.epoch)).length, 2);
    const rows = await p.sql('select value from sample where t_us = $1 order by value', [t]);
    assert.deepEqual(rows.map((r) => r.value), [4.5, 20]);
    again.end();
  });

  test('a dictionary of more than a thousand parts is whole again in the next session', async () => {
    const g = await welcomed(p, 'gw-s2');
    const parts = 1100;
    for (let i = 1; i <= parts; i++) {
      g.send(dict({ seq: i - 1, entries: [[i, i === 1 ? 'L' : `x${i}`]], more: i < parts }));
      if (i % 100 === 0) await g.acked(i - 1);
    }
    g.end();
    const again = await welcomed(p, 'gw-s2', { epoch: g.epoch, next: parts });
    again.send(data({ seq: parts, samples: [[1, us(), 4]] }));
    await again.acked(parts);
    assert.deepEqual(await quarantined(g.epoch), []);
    again.end();
  });

  test('what was stored while the line was down goes to history and rings nothing', async () => {
    const shown = async () => (await admin.get('/api/alarms?site=S1&state=all')).json.alarms.map((a) => [a.name, a.letter, a.occ, a.call, a.ring]);
    const before = await shown();
    const [{ seq: newest }] = await p.sql('select coalesce(max(seq), 0) as seq from alarm_journal');
    const t = us() - 3600_000_000n;
    const n = seq++;
    good.send(data({ seq: n, flags: FLAG.J | FLAG.H, samples: [[1, t, 9.9]] }));
    await good.acked(n);
    assert.equal((await p.sql('select value from sample where t_us = $1', [t]))[0].value, 9.9);
    const records = await until('the alarm of the past', async () => {
      const rows = await p.sql(`select j.kind, from_letter = to_letter as same, src_us, flags & 128 as ring from alarm_journal j join config_key k on k.key = j.alarm_key
        where j.seq > $1 and k.name = 'S1/L.high'`, [newest]);
      return rows.length > 0 && rows;
    });
    assert.deepEqual(records, [{ kind: 'hist_raise', same: true, src_us: t, ring: 0 }]);
    assert.deepEqual(await shown(), before);
    assert.notEqual((await p.tag(admin, 'S1/L')).value, 9.9);
    await undisturbed('a backlog');
  });

  const forks = (gateway, epoch) => until('the conflict is in the ledger, the quarantine and the audit', async () => {
    const [ledger] = await p.sql('select conflicts, duplicates, balanced from ledger_now($1)', [gateway]);
    const rows = await quarantined(epoch);
    const told = await p.sql(`select detail from audit where action = 'link.journal_fork' and object = $1`, [gateway]);
    return rows.length > 0 && told.length > 0 && ledger.conflicts > 0n && { ledger, rows, told };
  });

  test('another content under a committed number is a fork: in the same session and in a later one', async () => {
    const g = await welcomed(p, 'gw-s2');
    const t = us();
    const record = data({ seq: 1, samples: [[1, t, 3]] });
    g.send(dict({ seq: 0, entries }), record);
    await g.acked(1);
    // Beside records of others, one that comes again as it was, and new ones: those are acknowledged before the error.
    good.send(data({ seq: seq++, samples: [[1, us(), 3]] }));
    g.send(record, data({ seq: 2, samples: [[1, t + 1n, 4]] }), data({ seq: 1, samples: [[1, t, 7]] }), data({ seq: 3, samples: [[1, t + 2n, 5]] }));
    await g.ended();
    const error = g.frames.find((f) => f.name === 'ERROR');
    assert.deepEqual([error.code, error.fatal, error.ep, error.seq], [CODE.SEQ_CONFLICT, true, 0n, 1n]);
    const acked = g.frames.filter((f) => f.name === 'ACK').at(-1).ranges.at(-1)[1];
    assert.equal(acked, BigInt((await stored('gw-s2', g.epoch)).length), 'what is stored is acknowledged before the session ends');
    const first = await forks('gw-s2', g.epoch);
    assert.deepEqual(first.rows.map((r) => [Number(r.seq), Number(r.code)]), [[1, CODE.SEQ_CONFLICT]]);
    assert.ok(first.ledger.balanced);
    assert.deepEqual((await p.sql('select value from sample where t_us = $1', [t])).map((r) => r.value), [3], 'what stands stays');
    const again = await welcomed(p, 'gw-s2', { epoch: g.epoch, next: Number(acked) });
    again.send(data({ seq: 1, samples: [[1, t, 8]] }));
    await again.ended();
    assert.equal(again.frames.find((f) => f.name === 'ERROR').code, CODE.SEQ_CONFLICT);
    await until('it is in quarantine, too', async () => (await quarantined(g.epoch)).length === 2);
    assert.deepEqual(await p.sql(`select detail from audit where action = 'link.journal_fork' and object = 'gw-s1'`), [], 'nobody else is blamed');
    await undisturbed('a fork');
  });

  test('a journal that was set back is noticed behind a hundred holes, and who has as many is asked for order', async () => {
    const g = await welcomed(p, 'gw-s2');
    g.send(dict({ seq: 0, entries }));
    for (let k = 1; k <= 100; k++) g.send(data({ seq: 2 * k, flags: FLAG.J | FLAG.H, samples: [[1, us() + BigInt(k), 3]] }));
    await g.acked(200);
    const asked = await g.frame('ERROR');
    assert.deepEqual([asked.code, asked.fatal], [CODE.FLOW, false]);
    g.end();
    const back = peer(p, 'gw-s2');
    await back.connected;
    back.send(hello({ gateway: 'gw-s2', epochs: [{ epoch: g.epoch, next: 150 }] }));
    assert.equal((await back.frame('ERROR')).code, CODE.EPOCH_ROLLBACK);
    const sound = await welcomed(p, 'gw-s2', { epoch: g.epoch, next: 201 });
    assert.equal(sound.welcome.committed[0].ranges.length, 64);
    sound.send(data({ seq: 180, flags: FLAG.J | FLAG.H, samples: [[1, us(), 9]] })); // not told by WELCOME, and stored
    await sound.ended();
    assert.ok(sound.frames.some((f) => f.name === 'ERROR' && f.code === CODE.SEQ_CONFLICT && f.seq === 180n));
    await undisturbed('holes');
  });

  test('a snapshot moves the live picture and is not stored', async () => {
    const t = us();
    good.send(data({ flags: FLAG.S, samples: [[2, t, 77]] }));
    await until('the live value', async () => (await p.tag(admin, 'S1/F')).value === 77);
    assert.equal((await p.sql('select 1 from sample where t_us = $1', [t])).length, 0);
  });

  test('records that cannot be used are kept in quarantine, acknowledged and reported', async () => {
    const g = await welcomed(p, 'gw-s2');
    const now = us();
    const bad = [
      [data({ seq: 1, samples: [[9, now, 1]] }), CODE.UNKNOWN_ALIAS],
      [data({ seq: 2, dict: 7, samples: [[1, now, 1]] }), CODE.UNKNOWN_DICT],
      [data({ seq: 3, samples: [[1, now, NaN]] }), CODE.BAD_RECORD],
      [data({ seq: 4, samples: [[1, now, Infinity]] }), CODE.BAD_RECORD],
      [frame(TYPE.DATA, FLAG.J, Buffer.concat([varint(0), varint(5), varint(1), Buffer.from('nonsense')])), CODE.BAD_RECORD],
      [frame(0x42, FLAG.J, Buffer.concat([varint(0), varint(6), varint(1), Buffer.from('of a later version')])), null],
    ];
    g.send(dict({ seq: 0, entries }), ...bad.map(([f]) => f), data({ seq: 7, samples: [[1, now, 5]] }));
    await g.acked(7);
    const rows = await quarantined(g.epoch);
    assert.deepEqual(rows.map((r) => Number(r.seq)), [1, 2, 3, 4, 5, 6], JSON.stringify(rows, (k, v) => (typeof v === 'bigint' ? Number(v) : v)));
    for (const [i, [, code]] of bad.entries()) {
      if (code) assert.equal(rows[i].code, code, rows[i].reason);
      assert.ok(rows[i].reason.length > 10, 'it says why');
    }
    const errors = g.frames.filter((f) => f.name === 'ERROR');
    assert.ok(errors.length > 0 && errors.every((e) => !e.fatal), 'told, and the session goes on');
    assert.equal((await p.sql('select value from sample where t_us = $1 and value = 5', [now])).length, 1);
    g.end();
    await undisturbed('bad records');
  });

  test('times in 2099 and 1970 are stored as not believed and do not become the live time', async () => {
    const far = 4070908800000000n; // 2099
    const n = seq++;
    good.send(data({ seq: n, samples: [[1, 5n, 1.25]] }));
    const m = seq++;
    good.send(data({ seq: m, samples: [[1, far, 1.5]] }));
    await good.acked(m);
    const rows = await p.sql(`select s.t_us, s.value, s.quality from sample s join config_key k on k.key = s.tag_key and k.name = 'S1/L' where s.value in (1.25, 1.5)`);
    assert.equal(rows.length, 2);
    for (const r of rows) {
      assert.ok(r.t_us > us() - 60_000_000n && r.t_us < us() + 60_000_000n, `stored at the time of receipt, not ${r.t_us}`);
      assert.notEqual(r.quality & 0xc0, 0, 'marked');
    }
    assert.ok(new Date((await p.tag(admin, 'S1/L')).time).getTime() < Date.now() + 10000);
    await undisturbed('wrong clocks');
    await until('the tag follows later samples', async () => (await p.tag(admin, 'S1/L')).value >= 3);
  });

  test('a clock that was set back does not freeze the picture: the gateway is asked for what is true now', async () => {
    const n = seq++;
    good.send(data({ seq: n, samples: [[1, us(), 3]] }));
    await good.acked(n);
    const back = us() - 3600_000_000n;
    const m = seq++;
    good.send(data({ seq: m, samples: [[1, back, 9.5]] }));
    await good.acked(m);
    await good.frame('REFRESH'); // at most one in ten seconds: it may have come for the wrong clocks before
    good.send(data({ flags: FLAG.S, samples: [[1, back + 1n, 9.5]] }));
    await until('the value is shown', async () => (await p.tag(admin, 'S1/L')).value === 9.5);
    await until('and rings', async () => (await admin.get('/api/alarms?site=S1')).json.alarms.some((a) => a.name === 'S1/L.high' && a.letter === 'B'));
    const o = seq++;
    good.send(data({ seq: o, samples: [[1, back + 2n, 2.5]] }));
    await good.acked(o);
    await until('later ones by that clock count', async () => (await p.tag(admin, 'S1/L')).value === 2.5);
    await undisturbed('a clock set back');
  });

  test('certificates that are not good enough are refused, each with its reason in the audit', async () => {
    const attempt = async (options) => {
      const g = peer(p, 'gw-s2', options);
      await g.connected.catch(() => {});
      if (!g.closed) g.send(hello({ gateway: 'gw-s2', epochs: [{ epoch: randomEpoch() }] }));
      await g.ended();
      assert.ok(!g.frames.some((f) => f.name === 'WELCOME'));
      return g;
    };
    p.pki('gateway', 'gw-old', '--expired');
    const pem = (dir, name) => ({ cert: readFileSync(p.pkiFile(`${dir}gateways/${name}.pem`)), key: readFileSync(p.pkiFile(`${dir}gateways/${name}.key`)) });
    await attempt({ cert: undefined, key: undefined });
    await attempt({ cert: readFileSync(p.pkiFile('link.pem')), key: readFileSync(p.pkiFile('link.key')) });
    await attempt(pem('', 'gw-old'));
    await audited('link.refused', /expired/i);
    await attempt({ alpn: ['http/1.1'] });
    await attempt({ max: 'TLSv1.2', min: 'TLSv1.2' });
    const nobody = peer(p, 'gw-nobody');
    await nobody.connected;
    nobody.send(hello({ gateway: 'gw-nobody', epochs: [{ epoch: randomEpoch() }] }));
    assert.ok([CODE.IDENTITY, CODE.NOT_ALLOWED].includes((await nobody.frame('ERROR')).code));
    await audited('link.refused', /gw-nobody/);
    const off = peer(p, 'gw-off');
    await off.connected;
    off.send(hello({ gateway: 'gw-off', epochs: [{ epoch: randomEpoch() }] }));
    assert.ok([CODE.IDENTITY, CODE.NOT_ALLOWED].includes((await off.frame('ERROR')).code));
    const other = peer(p, 'gw-s2');
    await other.connected;
    other.send(hello({ gateway: 'gw-s1', epochs: [{ epoch: randomEpoch() }] }));
    assert.equal((await other.frame('ERROR')).code, CODE.IDENTITY);
    await undisturbed('wrong certificates');
  });

  test('a version that is none of ours is refused and both ranges are named', async () => {
    const g = peer(p, 'gw-s2');
    await g.connected;
    g.send(hello({ gateway: 'gw-s2', epochs: [{ epoch: randomEpoch() }], versions: [7, 9] }));
    const error = await g.frame('ERROR');
    assert.equal(error.code, CODE.VERSION);
    assert.match(error.text, /7.*9/);
    await g.ended();
  });

  test('an epoch that goes back is refused', async () => {
    const g = await welcomed(p, 'gw-s2');
    g.send(dict({ seq: 0, entries }), data({ seq: 1, samples: [[1, us(), 1]] }));
    await g.acked(1);
    g.end();
    const back = peer(p, 'gw-s2');
    await back.connected;
    back.send(hello({ gateway: 'gw-s2', epochs: [{ epoch: g.epoch, next: 1 }] }));
    assert.equal((await back.frame('ERROR')).code, CODE.EPOCH_ROLLBACK);
    back.end();
  });

  test('framing that is broken, in every state, ends that connection only', async () => {
    const cases = [
      ['no magic', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
      ['a critical flag', frame(TYPE.PING, 0x10, Buffer.alloc(16))],
      ['an unknown critical type', frame(0xf0, 0)],
      ['an announced gigabyte', Buffer.from([0xb7, TYPE.DATA, 1, 0, 0xff, 0xff, 0xff, 0x3f])],
    ];
    for (const [what, bytes] of cases) {
      const early = peer(p, 'gw-s3');
      await early.connected;
      early.send(bytes);
      await early.ended();
      assert.ok(early.frames.some((f) => f.name === 'ERROR' && f.fatal), `${what} before HELLO is told`);
    }
    const late = await welcomed(p, 'gw-s2');
    late.send(cases[0][1]);
    await late.ended();
    assert.ok(late.frames.some((f) => f.name === 'ERROR' && f.fatal));
    await undisturbed('broken frames');
  });

  test('unknown types are skipped, and a ping is answered', async () => {
    const n = good.frames.length;
    good.send(frame(0x7f, 0, Buffer.from('later')), ping(42));
    await good.find('a PONG', (f) => f.name === 'PONG' && f.body.readBigUInt64LE() === 42n && good.frames.indexOf(f) >= n);
    await undisturbed('an unknown type');
  });

  test(`random bytes before and after the greeting, SEED=${seed}`, async () => {
    const next = random(seed);
    for (let i = 0; i < 40; i++) {
      const gateway = 'gw-s3';
      const g = peer(p, gateway);
      await g.connected.catch(() => {});
      if (g.closed) continue;
      if (next(2)) g.send(hello({ gateway, epochs: [{ epoch: randomEpoch() }] }));
      let bytes = Buffer.from(Array.from({ length: 1 + next(500) }, () => next(256)));
      if (next(2)) bytes = Buffer.concat([Buffer.from([0xb7, next(0x20), next(16), 0, bytes.length & 255, bytes.length >> 8, 0, 0]), bytes]);
      g.send(bytes);
      await new Promise((done) => setTimeout(done, 20));
      g.end();
      if (i % 10 === 9) await undisturbed(`random bytes ${i}`);
    }
  });

  test('a time ahead of the server is believed as far as the clock is known to be, and no further than twice the limit', async () => {
    const engineer = await p.login('engineer');
    const offset = async () => (await engineer.get('/api/gateways')).json.gateways.find((g) => g.name === 'gw-s2').clock_offset_ms;
    for (const [ahead, believed, not] of [[0n, 55n, 80n], [30n, 85n, 110n], [3600n, 115n, 140n]]) {
      const g = await welcomed(p, 'gw-s2', { answers: true, offset: ahead * 1000000n });
      await until('its clock was measured', async () => Math.abs((await offset()) - Number(ahead) * 1000) < 2000);
      g.send(dict({ seq: 0, entries }));
      const now = us();
      g.send(data({ seq: 1, samples: [[1, now + believed * 1000000n, 1], [2, now + not * 1000000n, 2]] }));
      await g.acked(1);
      const rows = await p.sql('select t_us, quality from sample where t_us >= $1 order by t_us desc limit 2', [now]);
      assert.deepEqual(rows[0], { t_us: now + believed * 1000000n, quality: 0 }, `ahead by ${ahead} s`);
      assert.ok(rows[1].t_us < now + 20000000n, `ahead by ${ahead} s`);
      assert.equal(rows[1].quality & 0x1f, 6, 'clock');
      g.end();
      await g.ended();
      await p.forgetHistory();
    }
  });

  test('a gateway that breaks the protocol again and again is suspended, the others are not', async () => {
    for (let i = 0; i < 12; i++) {
      const g = peer(p, 'gw-s3');
      await g.connected.catch(() => {});
      if (!g.closed) g.send(hello({ gateway: 'gw-s3', epochs: [{ epoch: randomEpoch() }] }), Buffer.from('rubbish rubbish rubbish'));
      await g.ended().catch(() => {});
    }
    const g = peer(p, 'gw-s3');
    await g.connected.catch(() => {});
    if (!g.closed) g.send(hello({ gateway: 'gw-s3', epochs: [{ epoch: randomEpoch() }] }));
    await until('suspended', () => g.closed || g.frames.some((f) => f.code === CODE.SUSPENDED));
    assert.ok(g.frames.some((f) => f.name === 'ERROR' && f.code === CODE.SUSPENDED), g.frames.map((f) => `${f.name} ${f.text ?? ''}`).join('; '));
    g.end();
    await undisturbed('a suspension');
  });

  test('connections that never speak do not keep gateways out', async () => {
    const silent = Array.from({ length: 60 }, () => net.connect(p.ports.link, '127.0.0.1').on('error', () => {}));
    await undisturbed('silent connections');
    for (const s of silent) s.destroy();
    const g = await welcomed(p, 'gw-s2');
    g.end();
  });

  test('the books balance after all of it', async () => {
    await undisturbed('everything');
    const rows = await p.sql(`select g.gateway_key, g.epoch, g.ranges::text,
        (select count(*) from ingest_batch b where b.gateway_key = g.gateway_key and b.epoch = g.epoch) as records,
        (select sum(upper(r) - lower(r)) from unnest(g.ranges) r) as covered from gateway_epoch g`);
    assert.ok(rows.length > 0);
    for (const r of rows) assert.equal(BigInt(r.records), BigInt(r.covered), `${r.gateway_key} ${r.epoch} ${r.ranges}`);
  });
});
