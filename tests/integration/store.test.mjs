// How the store is (GET /api/store): for everybody who may look, also while the database is away. Alarms that come before its disk is full.
// Covers: api/rest_store.c, store/store_sql.c, app/disk.c, app/shown.c
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { SmallDisk, whyNoMount } from '../faults/disk.mjs';
import { data, dict, welcomed } from '../lib/link.mjs';
import { Penstock, until } from '../lib/penstock.mjs';

const config = {
  sites: [{ name: 'S1', title: 'Station 1' }],
  gateways: [{ name: 'gw-s1', site: 'S1' }],
  tags: [{ name: 'S1/L', gateway: 'gw-s1', low: 0, high: 10, unit: 'm' }],
};

describe('the store tells how it is', { concurrency: false }, () => {
  const p = new Penstock({ config });
  let viewer;
  before(async () => {
    await p.prepare({ gateways: ['gw-s1'] });
    // A history of the disk: 1 GiB a day, for a day.
    await p.sql(`insert into store_figure (at_us, database_bytes, disk_bytes, disk_free)
                 select n - i * 900000000::bigint, 5, 1::bigint << 50, (1::bigint << 49) + i * (1::bigint << 30) / 96
                   from generate_series(1, 96) i, (select (extract(epoch from now()) * 1e6)::bigint as n) x`);
    await p.startServer();
    viewer = await p.login('viewer');
    const gateway = await welcomed(p, 'gw-s1');
    gateway.send(dict({ seq: 0, entries: [[1, 'L']] }), data({ seq: 1, samples: [[1, BigInt(Date.now()) * 1000n, 3]] }));
    await gateway.acked(1);
  });
  after(() => p.stop());
  const store = async () => {
    const answer = await viewer.get('/api/store');
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  };

  test('what waits, the disk, the tables, and what is kept how long', async () => {
    const s = await until('the figures are there', async () => {
      const one = await store();
      return one.disk && one.disk.grow_bytes_day !== null && one.state === 'ok' && one;
    });
    assert.deepEqual([s.state, s.text, s.pending], ['ok', '', { records: 0, bytes: 0 }]);
    assert.ok(s.disk.path.startsWith('/') && s.disk.bytes > s.disk.free && s.disk.free > 0, JSON.stringify(s.disk));
    assert.ok(s.disk.grow_bytes_day > 0.9 * 2 ** 30 && s.disk.grow_bytes_day < 1.1 * 2 ** 30, String(s.disk.grow_bytes_day));
    assert.ok(s.disk.full_at_us > Date.now() * 1000);
    for (const name of ['ingest_batch', 'alarm_journal', 'audit', 'sample_chunk', 'sample_hot']) {
      const table = s.tables.find((t) => t.name === name);
      assert.ok(table && table.bytes >= 0 && table.rows >= 0, name);
    }
    assert.ok(!s.tables.some((t) => /^sample_chunk_/.test(t.name)), 'parts count with their table');
    await until('rows of a table that was never analysed are counted', async () => (await store()).tables.find((t) => t.name === 'config_key').rows > 0);
    assert.deepEqual(s.retention[0], { class: 1, name: 'standard', keep_days: null, from_us: s.retention[0].from_us, bytes: s.retention[0].bytes, dropped_before_us: null, expired_samples: 0 });
    assert.ok(s.packer.hot_rows >= 0 && s.packer.lag_us >= 0);
    assert.ok(s.history.chunks >= 0 && s.history.samples >= 0);
    const sealed = await until('the chain has come to the end of the journal', async () => {
      const { audit } = await store();
      return audit.sealed > 0 && audit.behind === 0 && audit;
    });
    assert.ok(sealed.checkpoint_us === null || sealed.checkpoint_us > 0);
  });

  test('chunks are counted, and a class tells since when it has some', async () => {
    await p.sql('select sample_chunk_prepare(1::smallint, 1700000000000000)');
    await p.sql(`insert into sample_chunk (class, tag_key, from_us, to_us, n, usable, bad, worst, data)
                 values (1, 4711, 1700000000000000, 1700000000000001, 77, 77, 0, 0, '\\x00')`);
    await p.sql('analyze sample_chunk');
    const s = await store();
    assert.equal(s.history.from_us, 1700000000000000);
    assert.equal(s.history.chunks, 1);
    assert.equal(s.history.samples, 77);
    assert.ok(s.history.bytes > 0 && s.retention[0].bytes > 0);
    assert.equal(s.retention[0].from_us, Number((await p.sql('select sample_period(1700000000000000) as t'))[0].t));
    await p.sql('delete from sample_chunk');
  });

  test('whoever is not logged in learns nothing', async () => {
    assert.equal((await p.get('/api/store')).status, 401);
  });

  test('while the database is away it tells what the server knows itself', async () => {
    await p.stopDatabase();
    const s = await until('it is away', async () => {
      const one = await store();
      return one.state === 'away' && one.history === null && one;
    });
    assert.match(s.text, /does not answer/);
    assert.ok(s.disk.free > 0);
    assert.deepEqual([s.tables, s.retention, s.packer, s.audit], [[], null, null, null]);
    await p.startDatabase();
    await until('it is there again', async () => (await store()).history !== null);
  });
});

describe('before the disk is full', { concurrency: false, skip: whyNoMount() }, () => {
  const p = new Penstock({ config });
  let disk, operator;
  before(async () => {
    disk = new SmallDisk(100);
    await p.prepare({ gateways: ['gw-s1'] });
    // 10 MiB a day, for a day, up to what is used now.
    await p.sql(`insert into store_figure (at_us, database_bytes, disk_bytes, disk_free)
                 select n - i * 900000000::bigint, 5, 100 << 20, (90 << 20) + i * (10 << 20) / 96
                   from generate_series(1, 96) i, (select (extract(epoch from now()) * 1e6)::bigint as n) x`);
    await p.startServer({ store_path: disk.path });
    operator = await p.login('operator');
    // What is free now is a figure of its history: from now on it does not look for a quarter of an hour.
    await until('its growth is known', async () => (await operator.get('/api/store')).json.disk?.grow_bytes_day > 0);
  });
  after(async () => {
    await p.stop();
    disk?.close();
  });

  const fill = (mib) => execFileSync('fallocate', ['-l', `${mib}MiB`, join(disk.path, 'filler')]);
  const alarm = (name, letter, priority) => until(`${name} is ${letter}, of priority ${priority}`, async () => {
    const a = (await operator.get('/api/alarms?state=all')).json.alarms.find((x) => x.name === `_server/${name}`);
    return a?.letter === letter && a.priority === priority && a;
  });

  test('a week and a day before it an alarm says so, the second one more urgent', async () => {
    await alarm('disk.forecast', 'A', 3);
    fill(60);
    const week = await alarm('disk.forecast', 'B', 3);
    assert.deepEqual([week.kind, week.limit, week.unit], ['server', 7, 'd']);
    assert.ok(week.value > 3 && week.value < 5, `${week.value} days`);
    await alarm('disk.free', 'A', 3);
    fill(94);
    const day = await alarm('disk.forecast', 'B', 2);
    assert.equal(day.limit, 1);
  });

  test('little room is an alarm of its own, and returns when there is room', async () => {
    const little = await alarm('disk.free', 'B', 3);
    assert.deepEqual([little.kind, little.limit, little.unit, Math.round(little.value)], ['server', 10, '%', 6]);
    fill(97);
    const less = await alarm('disk.free', 'B', 2);
    assert.equal(less.limit, 5);
    await until('all is stored', async () => (await operator.get('/api/store')).json.state === 'ok');
    rmSync(join(disk.path, 'filler'));
    await alarm('disk.free', 'D', 2);
    await alarm('disk.forecast', 'D', 2);
  });
});
