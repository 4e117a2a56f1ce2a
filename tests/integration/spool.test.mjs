// The operators' safety net: what a person does while the database is away is confirmed when it is on the server's disk, and is in the
// journal afterwards, whatever happened in between.
// Covers: app/requests.c, app/reload.c, app/spool_watch.c
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Disk, SmallDisk, whyNoDisk, whyNoMount } from '../faults/disk.mjs';
import { children, killAll } from '../faults/kill.mjs';
import { alarmJournalBreaches } from '../lib/invariants.mjs';
import { data, dict, welcomed } from '../lib/link.mjs';
import { Penstock, until } from '../lib/penstock.mjs';

const config = {
  sites: [{ name: 'S1', title: 'Station 1' }],
  gateways: [{ name: 'gw-s1', site: 'S1' }],
  tags: [{ name: 'S1/L', gateway: 'gw-s1', low: 0, high: 10, unit: 'm' }, { name: 'S1/F', gateway: 'gw-s1', low: 0, high: 100, unit: 'L/s' }],
  alarms: [
    { name: 'S1/L.high', tag: 'S1/L', kind: 'high', limit: 8, priority: 1 },
    { name: 'S1/F.high', tag: 'S1/F', kind: 'high', limit: 80, priority: 2 },
  ],
};
const us = () => BigInt(Date.now()) * 1000n;

describe('the spool', { concurrency: false }, () => {
  const p = new Penstock({ config });
  const spool = join(p.dir, 'spool');
  let operator, gateway;
  let seq = 0;
  before(async () => {
    p.settings = { spool };
    await p.prepare({ gateways: ['gw-s1'] });
    await p.startServer();
    operator = await p.login('operator');
    gateway = await welcomed(p, 'gw-s1', { answers: true });
    gateway.send(dict({ seq: seq++, entries: [[1, 'L'], [2, 'F']] }));
    await gateway.acked(0);
    await stores();
  });
  after(() => p.stop());

  const store = async () => (await p.get('/api/health')).json.store.state;
  /** All connections are made, and the journal has what happened before: only what is done from now on can come into the spool. */
  const stores = () => until('the server stores', async () => {
    const { store: { state }, journal } = (await p.get('/api/health')).json;
    return state === 'ok' && journal.durable === journal.seq;
  });
  /** The server, and somebody who works with it. */
  const enter = async (settings) => {
    await p.startServer(settings);
    await stores();
    operator = await p.login('operator');
  };
  const alarm = async (name) => (await operator.get('/api/alarms?state=all')).json.alarms.find((a) => a.name === name);
  const ringing = (name) => until(`${name} rings`, async () => {
    const a = await alarm(name);
    return a.letter === 'B' && a;
  });
  const acknowledge = async (name) => {
    const { call } = await alarm(name);
    const answer = await operator.post('/api/alarms/ack', { body: { items: [{ alarm: name, call }], comment: `seen ${name}` } });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.results[0].result, 'OK');
  };
  const acks = async () => (await p.sql(`select comment, actor from alarm_journal where kind = 'ack' order by seq`)).map((r) => `${r.actor}: ${r.comment}`);
  const sample = (tag, value) => gateway.send(data({ seq: seq++, samples: [[tag, us(), value]] }));

  test('while the database is there nothing is written to it', async () => {
    sample(1, 9);
    await ringing('S1/L.high');
    await acknowledge('S1/L.high');
    assert.equal(statSync(spool).size, 0);
    assert.deepEqual(await acks(), ['operator: seen S1/L.high']);
  });

  test('an acknowledgement while the database is away is confirmed from the disk, and stored when it is back', async () => {
    await p.stopDatabase();
    await until('the server notices', async () => (await store()) === 'away');
    sample(2, 90);
    await ringing('S1/F.high');
    await acknowledge('S1/F.high');
    assert.match(readFileSync(spool, 'utf8'), /seen S1\/F\.high/);
    await p.startDatabase();
    await until('the spool is drained', () => statSync(spool).size === 0);
    await stores();
    assert.deepEqual(await acks(), ['operator: seen S1/L.high', 'operator: seen S1/F.high']);
  });

  test('a crash before the database is back loses neither the alarm nor its acknowledgement', async () => {
    sample(2, 10);
    await until('it returns', async () => (await alarm('S1/F.high')).letter === 'A');
    await p.stopDatabase();
    await until('the server notices', async () => (await store()) === 'away');
    sample(2, 95);
    const { occ, call } = await ringing('S1/F.high');
    await acknowledge('S1/F.high');
    await p.kill(p.server, 'SIGKILL');
    await p.startDatabase();
    assert.equal((await acks()).length, 2, 'the database has nothing of it yet');
    await p.startServer();
    operator = await p.login('operator');
    const now = await alarm('S1/F.high');
    assert.equal(now.letter, 'C');
    assert.deepEqual([now.occ, now.call, now.acked_by], [occ, call, 'operator']);
    await until('it is in the journal', async () => (await acks()).length === 3);
    await until('the spool is drained', () => statSync(spool).size === 0);
    assert.deepEqual(await alarmJournalBreaches(p), []);
  });

  const requests = async (...items) => {
    const answer = await operator.post('/api/alarms/requests', { body: { items } });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.json.results.map((r) => r.result), items.map(() => 'OK'));
  };
  const away = async () => {
    await stores();
    await p.stopDatabase();
    await until('the server notices', async () => (await store()) === 'away');
  };

  test('shelving and notes are kept like acknowledgements, and a line that a crash tore was promised to nobody', async () => {
    await away();
    await requests({ alarm: 'S1/L.high', do: 'shelve', duration_s: 3600, reason: 'its sensor is being cleaned' });
    await requests({ alarm: 'S1/L.high', do: 'comment', comment: 'ask Anna' });
    assert.match(readFileSync(spool, 'utf8'), /ask Anna/);
    await p.kill(p.server, 'SIGKILL');
    appendFileSync(spool, '0badc0de {"kind":3,"cause":');
    await p.startDatabase();
    await p.startServer();
    operator = await p.login('operator');
    const now = await alarm('S1/L.high');
    assert.deepEqual([now.letter, now.shelved?.by ?? now.shelved_by, (now.shelved?.reason ?? now.shelved_reason)], ['G', 'operator', 'its sensor is being cleaned']);
    await until('it is in the journal', async () => (await p.sql(`select 1 from alarm_journal where kind = 'comment' and comment = 'ask Anna'`)).length === 1);
    await until('the spool is drained', () => statSync(spool).size === 0);
    assert.doesNotMatch(p.log('penstockd'), /spool\.aside/);
    await stores();
    await requests({ alarm: 'S1/L.high', do: 'unshelve' });
    assert.deepEqual(await alarmJournalBreaches(p), []);
  });

  // Killed at its n-th message to PostgreSQL, again and again: before, among and after the statements that drain the spool.
  test('a server that is killed while it drains brings each action into the journal once, in order', async () => {
    const before = (await acks()).length;
    await away();
    const said = [];
    for (let i = 0; i < 40; i++) {
      said.push(`note ${i}`);
      await requests({ alarm: 'S1/F.high', do: 'comment', comment: said.at(-1) });
    }
    await p.kill(p.server, 'SIGKILL');
    await p.startDatabase();
    let struck = 0;
    for (let n = 6; statSync(spool).size > 0; n += 2, struck++) {
      const file = join(p.dir, 'penstockd.json');
      const tracer = p.spawn('strace', 'strace', ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=sendto', '-e', `inject=sendto:signal=KILL:when=${n}`, join(p.bin, 'penstockd'), '--config', file]);
      let ended;
      tracer.ended.then(() => (ended = true));
      await until('the kill, or that all is drained', () => ended || statSync(spool).size === 0);
      if (!ended) killAll(children(tracer.pid));
      await tracer.ended;
    }
    assert.ok(struck > 5, `it was killed only ${struck} times`);
    await p.startServer();
    operator = await p.login('operator');
    await until('the spool is drained', () => statSync(spool).size === 0);
    assert.deepEqual((await p.sql(`select comment from alarm_journal where kind = 'comment' and comment like 'note %' order by seq`)).map((r) => r.comment), said);
    assert.equal((await acks()).length, before);
    assert.deepEqual(await alarmJournalBreaches(p), []);
  });

  // The spool is emptied after the commit. Who is killed between the two finds at its start what the journal has already: the start asks
  // the journal what it has under these very numbers, or all of it would pass for another life's and be put aside.
  test('what a killed server had stored already is known again, and the rest goes on from there', async () => {
    const notes = (like) => p.sql(`select comment from alarm_journal where kind = 'comment' and comment like $1 order by seq`, [like]).then((r) => r.map((x) => x.comment));
    const said = ['stored 1', 'stored 2', 'left 3'];
    await away();
    for (const comment of said) await requests({ alarm: 'S1/F.high', do: 'comment', comment });
    await p.kill(p.server, 'SIGKILL');
    const kept = readFileSync(spool, 'utf8');
    const lines = kept.split('\n');
    assert.equal(lines.length, 4, kept);
    const unstored = async () => Number((await p.sql(`select count(*) as n from audit where action like 'spool.%'`))[0].n);
    await p.startDatabase();
    const before = await unstored();
    for (const [content, stored] of [[lines.slice(0, 2).join('\n') + '\n', 2], [kept, 3], [kept, 3]]) {
      writeFileSync(spool, content);
      await p.startServer();
      await until('the spool is drained', () => statSync(spool).size === 0);
      assert.deepEqual([...(await notes('stored _')), ...(await notes('left _'))], said.slice(0, stored));
      assert.equal(existsSync(`${spool}.aside`), false, 'nothing of it is another life of the database');
      assert.equal(await unstored(), before);
      await p.kill(p.server, 'SIGTERM');
    }
    await p.startServer();
    operator = await p.login('operator');
    assert.deepEqual(await alarmJournalBreaches(p), []);
  });

  test('what does not follow the journal is put aside, and the server runs', async () => {
    await p.kill(p.server, 'SIGTERM');
    writeFileSync(spool, 'not a spool\nat all\n');
    await p.startServer();
    assert.equal(readFileSync(`${spool}.aside`, 'utf8'), 'not a spool\nat all\n');
    await until('its log tells it', () => /spool\.aside/.test(p.log('penstockd')));
    assert.equal(statSync(spool).size, 0);
    const health = async () => (await p.get('/api/health')).json.spool_aside;
    assert.equal(await health(), 1);
    operator = await p.login('operator');
    assert.equal((await operator.get('/api/store')).json.spool.aside, 1);
    await until('it rings', async () => (await alarm('_server/spool.aside'))?.letter === 'B');
    rmSync(`${spool}.aside`);
    assert.equal(await health(), 0);
    await until('it has returned, and waits to be acknowledged', async () => (await alarm('_server/spool.aside')).letter === 'D');
  });

  const newest = async () => Number((await p.sql('select max(seq) as seq from alarm_journal'))[0].seq);
  const note = (alarm, comment) => requests({ alarm, do: 'comment', comment });
  /** The database lives on without what is in the spool: another server writes these notes. */
  const another = async (notes) => {
    await enter({ spool: join(p.dir, 'another spool') });
    for (const [alarm, comment] of notes) await note(alarm, comment);
    await p.kill(p.server, 'SIGKILL');
  };
  /** The first server comes back: what it confirmed is nowhere in the journal, and not gone without a trace. */
  const expectTraces = async (file, kept, actions) => {
    await enter();
    assert.equal(readFileSync(file, 'utf8'), kept);
    assert.equal(statSync(spool).size, 0);
    assert.equal((await p.get('/api/health')).json.spool_aside, file.endsWith('.2') ? 2 : 1);
    const told = () => p.sql(`select actor, object, detail from audit where action = 'spool.unstored' and position($1 in detail || ':') > 0 order by audit_id`, [`${file}:`]);
    const rows = await until('the audit has it', async () => {
      const r = await told();
      return r.length >= actions.length && r;
    });
    assert.deepEqual(rows.map((r) => [r.actor, r.object, r.detail.split(' ')[0], r.detail.split(`${file}: `)[1]]), actions);
    const [row] = await p.sql(`select actor, detail from audit where action = 'spool.aside' and object = $1 order by audit_id desc limit 1`, [file]);
    assert.equal(row.actor, 'penstockd');
    assert.deepEqual(await alarmJournalBreaches(p), []);
    return row.detail;
  };

  test('numbers that another server gave to other records meanwhile: what was confirmed is kept aside and in the audit', async () => {
    await away();
    await note('S1/F.high', 'seen by night');
    await requests({ alarm: 'S1/F.high', do: 'shelve', duration_s: 3600, reason: 'pump is out' });
    await p.kill(p.server, 'SIGKILL');
    const kept = readFileSync(spool, 'utf8');
    await p.startDatabase();
    await another([['S1/L.high', 'one'], ['S1/F.high', 'two'], ['S1/L.high', 'three']]);
    const detail = await expectTraces(`${spool}.aside`, kept, [
      ['operator', 'S1/F.high', 'comment', 'seen by night'],
      ['operator', 'S1/F.high', 'shelve', 'pump is out'],
    ]);
    assert.match(detail, /other records under its numbers.*; 2 records of it are not in the journal/);
    assert.equal((await alarm('S1/F.high')).letter === 'G', false);
    await note('S1/F.high', 'and it goes on');
    assert.equal((await p.sql(`select 1 from alarm_journal where comment in ('two', 'and it goes on')`)).length, 2);
  });

  test('a database that was set back and came to the same number by another way: likewise', async () => {
    const pg = join(p.dir, 'pg');
    await p.kill(p.server, 'SIGTERM');
    await p.stopDatabase('fast');
    execFileSync('cp', ['-a', pg, `${pg}.before`]); // PostgreSQL's owner and rights, too
    await p.startDatabase();
    await enter();
    await note('S1/F.high', 'of the former life');
    const last = await newest();
    await away();
    await note('S1/F.high', 'seen at dawn');
    await p.kill(p.server, 'SIGKILL');
    const kept = readFileSync(spool, 'utf8');
    rmSync(pg, { recursive: true });
    execFileSync('cp', ['-a', `${pg}.before`, pg]);
    await p.startDatabase();
    writeFileSync(join(p.dir, 'another spool.aside'), ''); // the alarm of what was put aside before stands there, too
    await another([['S1/L.high', 'of this life']]);
    assert.equal(await newest(), last);
    const detail = await expectTraces(`${spool}.aside.2`, kept, [['operator', 'S1/F.high', 'comment', 'seen at dawn']]);
    assert.match(detail, /does not go on from what the journal says/);
    assert.ok(existsSync(`${spool}.aside`));
  });
});

describe('the spool on a full disk', { concurrency: false, skip: whyNoMount() }, () => {
  test('an action that cannot be kept is refused with the reason, and nothing is done', async () => {
    const disk = new SmallDisk(1);
    const p = new Penstock({ config });
    try {
      p.settings = { spool: join(disk.path, 'spool') };
      await p.prepare({ gateways: ['gw-s1'] });
      await p.startServer();
      const operator = await p.login('operator');
      const gateway = await welcomed(p, 'gw-s1', { answers: true });
      gateway.send(dict({ seq: 0, entries: [[1, 'L']] }));
      await gateway.acked(0);
      const alarm = async () => (await operator.get('/api/alarms?state=all')).json.alarms.find((a) => a.name === 'S1/L.high');
      await p.stopDatabase();
      await until('the server notices', async () => (await p.get('/api/health')).json.store.state === 'away');
      gateway.send(data({ seq: 1, samples: [[1, us(), 9]] }));
      await until('it rings', async () => (await alarm()).letter === 'B');
      const { call } = await alarm();
      const acknowledge = () => operator.post('/api/alarms/ack', { body: { items: [{ alarm: 'S1/L.high', call }], comment: 'seen' } });
      disk.fill();
      const refused = await acknowledge();
      assert.equal(refused.status, 507, refused.text);
      assert.match(refused.json.detail, /own disk is full.*Nothing was changed/);
      assert.equal((await alarm()).letter, 'B');
      disk.makeRoom();
      const done = await acknowledge();
      assert.equal(done.json.results[0].result, 'OK', done.text);
      assert.match(readFileSync(join(disk.path, 'spool'), 'utf8'), /"seen"/);
      await p.startDatabase();
      await until('it is in the journal, once', async () => (await p.sql(`select 1 from alarm_journal where kind = 'ack'`)).length === 1);
      assert.deepEqual(await alarmJournalBreaches(p), []);
    } finally {
      await p.stop();
      disk.close();
    }
  });

  const small = { what: 'in memory', make: async () => new SmallDisk(48), why: false };
  const ext4 = { what: 'ext4', make: () => new Disk().start({ mib: 96 }), why: whyNoDisk() };
  for (const { what, make, why } of [small, ext4]) test(`what is kept for it is enough to confirm actions all the same, and they survive a crash (${what})`, { skip: why }, async () => {
    const disk = await make();
    const p = new Penstock({ config });
    try {
      p.settings = { spool: join(disk.path, 'spool') };
      await p.prepare({ gateways: ['gw-s1'] });
      await p.startServer();
      const operator = await p.login('operator');
      await until('room is kept', async () => (await p.get('/api/health')).json.spool_room >= 16 * 1024 * 1024);
      assert.equal((await operator.get('/api/store')).json.spool.aside, 0);
      await p.stopDatabase();
      await until('the server notices', async () => (await p.get('/api/health')).json.store.state === 'away');
      disk.fill();
      for (const words of ['one', 'two']) {
        const done = await operator.post('/api/alarms/requests', { body: { items: [{ alarm: 'S1/L.high', do: 'comment', comment: words }] } });
        assert.equal(done.json.results?.[0].result, 'OK', done.text);
      }
      await p.kill(p.server, 'SIGKILL');
      assert.match(readFileSync(join(disk.path, 'spool'), 'utf8'), /"one".*\n.*"two"/);
      await p.startDatabase();
      await p.startServer();
      await until('they are in the journal', async () => (await p.sql(`select comment from alarm_journal where comment in ('one', 'two') order by seq`)).length === 2);
      await until('room is kept again, on a disk that is full', async () => (await p.get('/api/health')).json.spool_room >= 8 * 1024 * 1024); // ext4 keeps some for itself
      assert.deepEqual(await alarmJournalBreaches(p), []);
    } finally {
      await p.stop();
      disk.close();
    }
  });
});
