// The no-loss ledger: whatever happens to records, it says so, and its books balance.
// Covers: rest_ledger.c, rest_quarantine.c, app/quarantine.c
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ledgerBreaches } from '../lib/invariants.mjs';
import { FLAG, TYPE, counted, data, dict, frame, i64, randomEpoch, tlv, u16, u64, varint, welcomed } from '../lib/link.mjs';
import { Penstock, until } from '../lib/penstock.mjs';

const gateways = ['gw-a', 'gw-b', 'gw-c', 'gw-d'];
const config = {
  sites: [{ name: 'S1', title: 'Station 1' }], gateways: gateways.map((name) => ({ name, site: 'S1' })),
  tags: gateways.map((gateway) => ({ name: `S1/${gateway}`, gateway, low: 0, high: 10000 })), alarms: [],
};

const tombstone = ({ ep = 0, seq, epoch, first, end, samples = 5, from = 1764000000000000n, to = 1764000001000000n, flags = FLAG.J }) => frame(TYPE.EVENT, flags, Buffer.concat([
  varint(ep), varint(seq), varint(0), u16(5), Buffer.from([2]), i64(to), counted(''), counted('journal full'),
  tlv(1, u64(epoch)), tlv(2, varint(first)), tlv(3, varint(end)), tlv(4, varint(samples)), tlv(5, i64(from)), tlv(6, i64(to)),
]));

describe('the ledger', { concurrency: false }, () => {
  const p = new Penstock({ config });
  let viewer;
  before(async () => {
    await p.prepare({ gateways });
    await p.startServer();
    viewer = await p.login('viewer');
  });
  after(() => p.stop());

  const ledger = async (name) => {
    const answer = await viewer.get(`/api/gateways/${name}/ledger`);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  };
  const balanced = async () => assert.deepEqual(await ledgerBreaches(p), []);

  test('what a gateway numbered is stored, in quarantine, told to be gone, waiting or lost', async () => {
    const today = () => new Date().toISOString().slice(0, 10);
    const begun = today();
    const [old, epoch] = [randomEpoch(), randomEpoch()];
    let g = await welcomed(p, 'gw-a', { epoch, next: 2, others: [{ epoch: old, oldest: 0, next: 10 }] });
    g.send(dict({ seq: 2, entries: [[1, 'gw-a']] }), data({ seq: 3, samples: [[1, 1764000000000000n, 1.5]] }), data({ seq: 4, samples: [[9, 1764000000000000n, 1]] }));
    await g.acked(4);
    g.send(data({ seq: 3, samples: [[1, 1764000000000000n, 1.5]] }), tombstone({ seq: 5, epoch: old, first: 3, end: 8 }));
    await g.acked(5);
    const hex = (e) => e.toString(16).padStart(16, '0');
    const all = { produced: 16, stored: 3, quarantined: 1, replayed: 0, duplicates: 1, conflicts: 0, dropped: 5, waiting: 7, lost: 0, balanced: true };
    await until('the duplicate is counted', async () => (await ledger('gw-a')).all.duplicates === 1);
    const first = await ledger('gw-a');
    assert.deepEqual(first.all, all);
    assert.deepEqual(first.gaps.filter((x) => x.epoch === hex(old)), [
      { state: 'waiting', epoch: hex(old), first: 0, end: 3, samples: null, from: null, to: null },
      { state: 'waiting', epoch: hex(old), first: 8, end: 10, samples: null, from: null, to: null },
      { state: 'dropped', epoch: hex(old), first: 3, end: 8, samples: 5, from: '2025-11-24T16:00:00Z', to: '2025-11-24T16:00:01Z' },
    ]);
    // A day may have ended meanwhile: together the days have all of it.
    assert.ok(first.days.length > 0 && first.days.every(({ day }) => begun <= day && day <= today()), JSON.stringify(first.days));
    const sums = {};
    for (const { day, ...counts } of first.days) for (const [what, n] of Object.entries(counts)) sums[what] = (sums[what] ?? 0) + n;
    assert.deepEqual(sums, { produced: 16, stored: 3, quarantined: 1, duplicates: 1, conflicts: 0, dropped: 5, dropped_samples: 5, samples: 1 });
    g.end();
    g = await welcomed(p, 'gw-a', { epoch: randomEpoch(), next: 0, others: [{ epoch: old, oldest: 9, next: 10 }] });
    await until('the new HELLO is noted', async () => (await ledger('gw-a')).all.lost === 6);
    assert.deepEqual((await ledger('gw-a')).all, { ...all, waiting: 1, lost: 6 });
    await balanced();
    g.end();
  });

  test('all gateways are told together, and the span must be one', async () => {
    const { gateways: rows } = (await viewer.get('/api/ledger')).json;
    assert.deepEqual(rows.map((r) => r.gateway), gateways);
    assert.equal(rows[0].all.stored, 3);
    assert.equal(rows[0].period.stored, 3);
    assert.equal((await viewer.get('/api/ledger?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z')).json.gateways[0].period.stored, 0);
    for (const query of ['from=2020-01-02T00:00:00Z&to=2020-01-01T00:00:00Z', 'from=x', 'from=2020-01-01T00:00:00Z&to=2022-01-01T00:00:00Z']) {
      assert.equal((await viewer.get(`/api/ledger?${query}`)).status, 400, query);
    }
    assert.equal((await viewer.get('/api/gateways/nobody/ledger')).status, 404);
    assert.equal((await p.get('/api/ledger')).status, 401);
  });

  test('what is in quarantine is listed, shown, taken away and replayed after a fix, once', async () => {
    const engineer = await p.login('engineer');
    const g = await welcomed(p, 'gw-a', { answers: true });
    const lost = data({ seq: 0, dict: 2, samples: [[1, 1764000000000000n, 42.5], [7, 1764000000000000n, 1]] });
    g.send(lost, data({ seq: 1, dict: 9, samples: [[1, 1764000000000000n, 1]] }));
    await g.acked(1);
    const { records } = (await viewer.get('/api/quarantine?gateway=gw-a&code=9')).json;
    assert.deepEqual(records.map((r) => [r.gateway, r.seq, r.type, r.code_name, r.replay]), [['gw-a', 1, 'DATA', 'unknown_dict', null], ['gw-a', 0, 'DATA', 'unknown_dict', null]]);
    const { id } = records[1];
    assert.equal((await viewer.get(`/api/quarantine?before=${id}&limit=1`)).json.records[0].code_name, 'unknown_alias', 'of the first test');
    for (const query of ['gateway=nobody', 'code=x', 'limit=0']) assert.equal((await viewer.get(`/api/quarantine?${query}`)).status, 400, query);
    const one = (await viewer.get(`/api/quarantine/${id}`)).json;
    assert.equal(one.body, lost.subarray(8).toString('hex'));
    assert.equal(one.usable, false);
    assert.match(one.fault, /dictionary 2 is not stored/);
    const hex = await viewer.get(`/api/quarantine/${id}/record`);
    assert.match(hex.headers['content-disposition'], /quarantine-\d+\.hex/);
    assert.equal(hex.text.replace(/#.*\n/, '').replace(/\s/g, ''), lost.toString('hex'));
    assert.equal((await viewer.get(`/api/quarantine/${id}/record?format=bin`)).headers['content-length'], String(lost.length));
    assert.equal((await viewer.post(`/api/quarantine/${id}/replay`)).status, 403);
    const before = await p.tag(engineer, 'S1/gw-a');
    const refused = await engineer.post(`/api/quarantine/${id}/replay`);
    assert.deepEqual([refused.status, refused.json.outcome, refused.json.samples], [200, 'refused', 0], refused.text);
    // The fix: the dictionary comes after all.
    g.send(dict({ seq: 2, dict: 2, entries: [[1, 'gw-a'], [7, 'nobody knows it']] }));
    await g.acked(2);
    const stored = async () => (await p.sql(`select s.value from sample s join config_key k on k.key = s.tag_key where k.name = 'S1/gw-a' and s.value = 42.5`)).length;
    assert.equal(await stored(), 0);
    await p.forgetHistory(); // the first test has samples of the same moment
    const done = await engineer.post(`/api/quarantine/${id}/replay`);
    assert.deepEqual(done.json, { outcome: 'done', samples: 1, detail: '1 samples of tags that are not in the configuration were left out' });
    assert.equal(await stored(), 1);
    assert.equal((await engineer.post(`/api/quarantine/${id}/replay`)).status, 409, 'once');
    assert.equal((await engineer.post('/api/quarantine/99999/replay')).status, 404);
    const after = (await viewer.get(`/api/quarantine/${id}`)).json;
    assert.deepEqual([after.usable, after.replay.actor, after.replay.outcome, after.replay.samples], [true, 'engineer', 'done', 1]);
    assert.match(after.says, /S1|gw-a \(alias 1\) = 42\.5/);
    const live = await p.tag(engineer, 'S1/gw-a');
    assert.deepEqual([live.value, live.time, live.quality], [before.value, before.time, before.quality], 'the live value did not move');
    assert.equal((await p.sql(`select count(*) as n from audit where action = 'quarantine.replay' and actor = 'engineer'`))[0].n, 2n);
    assert.equal((await ledger('gw-a')).all.replayed, 1);
    await balanced();
    g.end();
  });

  /** A recording of n rows, one each 10 ms, with so many columns; the server knows the first. */
  test('what a gateway told and could not be used is told after all when it is replayed, and counts in the ledger', async () => {
    const engineer = await p.login('engineer');
    const [old, epoch] = [randomEpoch(), randomEpoch()];
    const g = await welcomed(p, 'gw-d', { epoch, next: 0, others: [{ epoch: old, oldest: 10, next: 10 }], answers: true });
    const bad = FLAG.J | FLAG.S; // what is stored cannot be a snapshot
    g.send(tombstone({ seq: 0, epoch: old, first: 4, end: 10, flags: bad }));
    g.send(frame(TYPE.CFG_RESULT, bad, Buffer.concat([varint(0), varint(1), varint(0), u64(7), Buffer.from([1]), i64(1764000000000000n), counted('line 3')])));
    g.send(frame(0x70, FLAG.J, Buffer.concat([varint(0), varint(2), varint(0)])));
    await g.acked(2);
    assert.deepEqual(await ledger('gw-d').then(({ all }) => [all.produced, all.quarantined, all.dropped, all.lost]), [13, 3, 0, 10]);
    const { records } = (await viewer.get('/api/quarantine?gateway=gw-d')).json;
    const [unknown, result, event] = records;
    const replayed = async ({ id }) => (await engineer.post(`/api/quarantine/${id}/replay`)).json;
    assert.equal((await viewer.get(`/api/quarantine/${event.id}`)).json.usable, true);
    assert.deepEqual(await replayed(event), { outcome: 'done', samples: 0, detail: '' });
    assert.deepEqual(await replayed(result), { outcome: 'done', samples: 0, detail: '' });
    assert.deepEqual(await replayed(unknown), { outcome: 'refused', samples: 0, detail: 'this server does not know type 0x70' });
    assert.equal((await engineer.post(`/api/quarantine/${event.id}/replay`)).status, 409, 'once');
    const told = await p.sql(`select action, object, detail from audit where actor = 'engineer' and detail like 'from quarantine%' order by audit_id`);
    assert.deepEqual(told.map((a) => [a.action, a.object]), [['gateway.samples_lost', 'gw-d'], ['link.unasked', 'gw-d']]);
    assert.match(told[0].detail, /records 4 to 9: journal full$/);
    assert.match(told[1].detail, /version 7 at 2025-11-24T16:00:00Z: refused \(1\): line 3$/);
    const { all, gaps } = await ledger('gw-d');
    assert.deepEqual([all.produced, all.quarantined, all.replayed, all.dropped, all.lost], [13, 3, 2, 6, 4]);
    assert.ok(gaps.some((x) => x.state === 'dropped' && x.first === 4 && x.end === 10));
    await balanced();
    g.end();
  });

  const replay = (name, n, { columns = 1, speed = 1, ...overrides } = {}) => {
    const dir = join(p.dir, `recording-${name}`);
    mkdirSync(dir, { recursive: true });
    const csv = join(dir, 'a.csv');
    const names = Array.from({ length: columns }, (_, i) => (i === 0 ? name : `${name}-${i}`));
    writeFileSync(csv, `t_s,${names}\n${Array.from({ length: n }, (_, i) => `${(i / 100).toFixed(2)},${names.map((_, c) => i * 1.1 + c)}`).join('\n')}\n`);
    const base = p.gatewayConfig(name);
    return {
      ...base, flush_ms: 20, exit_when_done: true, ...overrides, journal: { ...base.journal, ...overrides.journal },
      sources: [{ kind: 'replay', file: csv, time_column: 't_s', speed, loop: false, tags: names.map((column) => ({ column, name: column, type: 'f64' })) }],
    };
  };

  test('kill -9 of the server and of PostgreSQL leaves it balanced, and in the end all that was produced is stored', async () => {
    const child = p.startGateway('gw-b', { config: replay('gw-b', 1500) });
    let ended = false;
    child.ended.then(() => (ended = true));
    for (const victim of ['server', 'database', 'server']) {
      const before = Number((await p.sql(`select stored from ledger_now('gw-b')`))[0].stored);
      await until('it goes on', async () => ended || Number((await p.sql(`select stored from ledger_now('gw-b')`))[0].stored) > before + 10);
      if (victim === 'server') {
        await p.kill(p.server);
        await balanced();
        await p.startServer({}, { wait: false });
      } else {
        await p.stopDatabase('immediate');
        await p.startDatabase();
        await balanced();
      }
    }
    assert.deepEqual(await child.ended, { code: 0, signal: null });
    await balanced();
    const [now] = await p.sql(`select * from ledger_now('gw-b')`);
    assert.ok(now.produced > 30n, `${now.produced} records`); // a slow machine has fewer, larger ones
    assert.equal(now.stored, now.produced);
    const [{ n }] = await p.sql(`select sum(samples)::bigint as n from ledger('2000-01-01', '9999-01-01', 'gw-b')`);
    assert.ok(n >= 1500n, `${n} samples`);
  });

  test('a journal that runs full at the site shows as what is missing, not as if nothing had been there', async () => {
    await p.kill(p.server, 'SIGTERM');
    const produced = join(p.dir, 'gw-c.produced');
    const config = replay('gw-c', 3000, { columns: 100, speed: 20, ledger: produced, journal: { capacity_mib: 1, segment_kib: 64 } });
    const child = p.startGateway('gw-c', { config });
    await until('all of it was recorded', () => (readFileSync(produced, { encoding: 'utf8', flag: 'a+' }).match(/ gw-c /g) ?? []).length === 3000, 180);
    await p.startServer();
    assert.deepEqual(await child.ended, { code: 0, signal: null });
    await balanced();
    viewer = await p.login('viewer');
    const { all } = await ledger('gw-c');
    assert.equal(all.produced, all.stored + all.dropped + all.waiting + all.lost);
    assert.ok(all.balanced);
    assert.ok(all.dropped + all.lost + all.waiting > 0, JSON.stringify(all));
  });
});
