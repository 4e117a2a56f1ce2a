// The operators' safety net: what a person does while the database is away is confirmed when it is on the server's disk, and is in the
// journal afterwards, whatever happened in between.
// Covers: app/requests.c, app/reload.c
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
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
    gateway = await welcomed(p, 'gw-s1');
    gateway.send(dict({ seq: seq++, entries: [[1, 'L'], [2, 'F']] }));
    await gateway.acked(0);
  });
  after(() => p.stop());

  const store = async () => (await p.get('/api/health')).json.store.state;
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
    await until('the server stores again', async () => (await store()) === 'ok');
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

  test('what does not follow the journal is put aside, and the server runs', async () => {
    await p.kill(p.server, 'SIGTERM');
    writeFileSync(spool, 'not a spool\nat all\n');
    await p.startServer();
    assert.equal(readFileSync(`${spool}.aside`, 'utf8'), 'not a spool\nat all\n');
    assert.match(p.log('penstockd'), /spool\.aside/);
    assert.equal(statSync(spool).size, 0);
  });
});
