// kill -9 of the server while it seals the audit and signs checkpoints: whatever was under way, the chain is whole afterwards, each row has
// one place in it, what follows is signed, and the export has each place. SEED=n repeats the random kills.
// Covers: app/audit_seal.c, app/audit_export.c
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { Penstock, pgOptions, sleep, until } from '../lib/penstock.mjs';
import { random } from './kill.mjs';

describe('the chain of the audit, when the server is killed', { concurrency: false }, () => {
  const p = new Penstock();
  const key = join(p.dir, 'audit.key');
  const file = join(p.dir, 'export', 'audit.jsonl');
  before(async () => {
    await p.prepare();
    p.penstock('audit', 'key', key);
    mkdirSync(join(p.dir, 'export'));
    p.settings = { audit_key: key, audit_file: file };
    await p.startServer();
  });
  after(() => p.stop());

  const number = async (sql) => Number((await p.sql(`select (${sql}) as n`))[0].n);
  const sealed = () => number('select coalesce(max(pos), 0) from chain');
  const signed = () => number('select coalesce(max(pos), 0) from chain_checkpoint');
  const rows = () => number('(select count(*) from audit) + (select count(*) from alarm_journal) + (select count(*) from config_revision)');
  const addRows = (n) => p.sql(`insert into audit (actor, action, detail) select 'test', 'test', 'row ' || i from generate_series(1, ${n}) i`);
  const verify = () => p.penstock('audit', 'verify', '--key', `${key}.pub`);
  const allSealed = () => until('all rows are sealed', async () => (await sealed()) === (await rows()));
  const exported = () => readFileSync(file, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line)).filter((l) => l.pos).map((l) => l.pos); // the last one may be half written
  const working = (name) => number(`select count(*) from pg_stat_activity where application_name = '${name}'`);

  /** What the server's sealing thread waits for as long as the body runs: nobody else can write into this table. */
  const withLocked = async (table, body) => {
    const other = new pg.Client(pgOptions(p.conninfo));
    await other.connect();
    try {
      await other.query('begin');
      await other.query(`lock table ${table} in share mode`);
      await body(() => until(`something waits to write into ${table}`, async () => (await number(`select count(*) from pg_locks where relation = '${table}'::regclass and not granted`)) > 0));
    } finally {
      await other.end(); // its transaction ends with it
    }
  };
  /** The end of the database's side of what the server that was killed had begun, whichever it was. */
  const restart = async () => {
    await until('its connections have ended', async () => (await working('penstock seal')) + (await working('penstock export')) === 0);
    await p.startServer();
  };
  /** Every row once, in one chain, signed; and outside, too. */
  const expectWhole = async () => {
    await allSealed();
    // The server may add rows of its own at any time: what is there at a moment is whole.
    const [{ n, places }] = await p.sql('select coalesce(max(pos), 0)::integer as n, count(distinct (source, row_id))::integer as places from chain');
    assert.equal(places, n);
    assert.ok(Number(/positions 1 to (\d+) are as they were sealed/.exec(verify())?.[1]) >= n, verify());
    await until('the export has it', () => new Set(exported()).size >= n);
    const outside = [...new Set(exported())];
    assert.deepEqual(outside, outside.map((_, i) => i + 1), 'in order');
    assert.doesNotMatch(p.log('penstockd'), /audit\.broken/);
  };

  test('between sealing and the checkpoint of what was sealed', async () => {
    await allSealed();
    await until('a first checkpoint', async () => (await signed()) > 0);
    const first = await signed();
    await addRows(1000);
    await until('a checkpoint, so that none is due by its age', async () => (await signed()) > first);
    await withLocked('chain_checkpoint', async (somethingWaits) => {
      const before = await signed();
      const n = (await rows()) + 1500; // enough for a checkpoint at once
      await addRows(1500);
      await somethingWaits();
      await p.kill(p.server);
      assert.ok((await sealed()) >= n, 'they are sealed');
      assert.equal(await signed(), before, 'and not signed');
      assert.match(verify(), /are as they were sealed/);
    });
    await restart();
    await expectWhole();
    await addRows(1000);
    await allSealed();
    await until('what follows is signed', async () => (await signed()) > (await sealed()) - 1000);
    await expectWhole();
  });

  test('in the middle of sealing', async () => {
    await withLocked('chain', async (somethingWaits) => {
      await addRows(20);
      await somethingWaits();
      await p.kill(p.server);
      assert.match(verify(), /are as they were sealed/);
    });
    await restart();
    await expectWhole();
  });

  test('at any moment', async () => {
    const next = random(Number(process.env.SEED ?? 5));
    for (let round = 0; round < 8; round++) {
      await addRows(500 + next(3000));
      await sleep(next(1500));
      await p.kill(p.server);
      assert.match(verify(), /are as they were sealed/);
      await p.startServer();
    }
    await expectWhole();
  });
});
