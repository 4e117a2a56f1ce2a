// Samples on their way into chunks, seen from outside: the real server, a gateway, SQL.
// Covers: app/packing.c, packer.c
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Penstock, until } from '../lib/penstock.mjs';
import { data, dict, welcomed } from '../lib/link.mjs';

/** Microseconds since 1970, now. */
const us = () => BigInt(Date.now()) * 1000n;

const config = {
  sites: [{ name: 'S1', title: 'Station 1' }],
  gateways: [{ name: 'gw-s1', site: 'S1' }],
  tags: [{ name: 'S1/L', gateway: 'gw-s1', low: 0, high: 10, unit: 'm' }],
};

describe('the packer', { concurrency: false }, () => {
  const p = new Penstock({ config });
  let operator, gateway, seq = 1;
  before(async () => {
    await p.prepare({ gateways: ['gw-s1'] });
    await p.startServer({ pack_after_s: 0 });
    operator = await p.login('operator');
    gateway = await welcomed(p, 'gw-s1', { answers: true });
    gateway.send(dict({ seq: 0, entries: [[1, 'L']] }));
    await gateway.acked(0);
  });
  after(() => p.stop());

  const packing = async () => (await p.get('/api/health')).json.packing;
  const letter = (wanted) => until(`the alarm is ${wanted}`, async () => {
    const a = (await operator.get('/api/alarms?state=all')).json.alarms.find((x) => x.name === '_server/history.late');
    return a?.letter === wanted && a;
  });
  /** The database takes no chunks, or takes them again. */
  const refuse = async () => {
    await p.sql(`create or replace function refuse() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$`);
    await p.sql('create trigger refuse before delete on sample_hot for each statement execute function refuse()');
  };
  const allow = () => p.sql('drop trigger refuse on sample_hot');
  const send = async (value) => {
    gateway.send(data({ seq, samples: [[1, us(), value]] }));
    await gateway.acked(seq++);
  };

  test('what a gateway sent is soon in a chunk, and reads the same', async () => {
    await send(1.5);
    await until('it is packed', async () => (await packing()).samples === 1);
    assert.equal((await p.sql('select count(*) as n from sample_hot'))[0].n, 0n);
    assert.deepEqual(await p.sql('select n, usable, first, last from sample_chunk'), [{ n: 1, usable: 1, first: 1.5, last: 1.5 }]);
    assert.deepEqual(await p.sql('select value, quality from sample'), [{ value: 1.5, quality: 0 }]);
    const { text, damaged, lag_s: lag } = await packing();
    assert.deepEqual([text, damaged], ['', 0]);
    assert.ok(lag < 60);
  });

  test('samples that wait for twenty minutes are an alarm, until they are packed', async () => {
    await letter('A');
    await refuse();
    await send(2.5);
    await p.sql('update sample_hot set received_us = received_us - 1260000000');
    const a = await letter('B');
    assert.deepEqual([a.kind, a.priority, a.limit, a.unit, a.site], ['server', 3, 20, 'min', '_server']);
    assert.ok(a.value >= 21 && a.value < 25, `${a.value} minutes`);
    const told = await packing();
    assert.match(told.text, /cannot be packed/);
    assert.ok(told.lag_s >= 1260 && told.rows === 1);
    await allow();
    await letter('D');
    assert.deepEqual((await p.sql('select value from sample order by t_us')).map((r) => r.value), [1.5, 2.5]);
    assert.equal((await packing()).text, '');
  });

  test('what is damaged is put aside and told in the audit', async () => {
    await refuse();
    await send(3.5);
    await p.sql(`update sample_hot set data = '\\x7f'`);
    await allow();
    await until('it is put aside', async () => (await packing()).damaged === 1);
    const rows = await until('it is in the audit', async () => {
      const found = await p.sql(`select actor, detail from audit where action = 'history.damaged'`);
      return found.length > 0 && found;
    });
    assert.equal(rows.length, 1);
    assert.equal(rows[0].actor, 'penstockd');
    assert.match(rows[0].detail, /gateway key/);
    assert.equal((await p.sql(`select data from sample_damaged where source = 'hot'`))[0].data.toString('hex'), '7f');
    await send(4.5);
    await until('the rest goes on', async () => (await p.sql('select 1 from sample where value = 4.5')).length === 1 && (await packing()).rows === 0);
  });

  test('the books balance when old records are gone', async () => {
    await p.kill(p.server, 'SIGTERM');
    await p.sql('update ingest_batch set received_us = 5');
    await p.startServer({ pack_after_s: 0, keep_raw_h: 0 });
    await until('they are gone', async () => (await p.sql('select count(*) as n from ingest_batch'))[0].n === 0n);
    assert.deepEqual(await p.sql('select * from ledger_check(true)'), []);
    await until('they are counted', async () => (await packing()).pruned === 5); // after the commit
  });
});
