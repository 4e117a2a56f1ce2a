// Upgrades: from every earlier schema with data in it, that was written with the SQL of its time (schemas/); killed at any statement; two
// at once; while a server runs.
import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { Penstock, password, root, until } from '../lib/penstock.mjs';
import { random } from '../faults/kill.mjs';

const files = readdirSync(join(root, 'migrations')).filter((f) => f.endsWith('.sql')).sort();
const last = files.length;

/** What was there at a schema, and must be there ever after: [since, what, statement, rows]. */
const intact = [
  [1, 'configuration', `select kind, name, body ->> 'title' as title from config_now where kind in ('site', 'gateway', 'tag', 'alarm') and name <> 'S2' order by kind, name`,
    [['alarm', 'S1/L_T1.high', null], ['alarm', 'S1/gw-s1.comm', null], ['gateway', 'gw-s1', null], ['site', 'S1', 'Station 1'], ['tag', 'S1/L_T1', null]]],
  [1, 'revisions', `select actor, reason from config_revision where revision <= 2 order by revision`, [['ann', 'first configuration'], ['ann', 'one tag less']]],
  [1, 'what was removed has its key still', `select count(*)::int from config_key where name = 'S1/gone'`, [[1]]],
  [1, 'accounts', `select name, title, role, password_hash, disabled from app_user order by user_id`, [['ann', 'Ann', 'engineer', '$argon2id$x', false], ['bob', '', 'operator', null, true]]],
  [1, 'sessions and codes', `select (select count(*)::int from app_session), (select count(*)::int from login_code)`, [[1, 1]]],
  [1, 'audit', `select actor, object, detail from audit where action = 'user.add'`, [['ann', 'bob', 'operator']]],
  [2, 'records', `select seq::int, type::int, encode(body, 'hex') from ingest_batch where epoch = -7 order by seq`, [[0, 16, '0102'], [1, 17, '0102'], [2, 17, '0102'], [4, 17, '0102']]],
  [2, 'ranges', `select ranges::text from gateway_epoch where epoch = -7`, [['{[0,3),[4,5)}']]],
  [2, 'dictionaries', `select encode(body, 'hex') from gateway_dict`, [['010203']]],
  [2, 'quarantine', `select seq::int, code, reason from quarantine`, [[4, 8, 'no such alias']]],
  [2, 'samples, by the view', `select s.t_us::text, float8send(s.value)::text, s.quality::int from sample s join config_key k on k.key = s.tag_key where k.name = 'S1/L_T1' and t_us <= 1764000002000000 order by 1`,
    [['1764000000000000', '\\x400a000000000000', 0], ['1764000001000000', null, 128], ['1764000002000000', '\\x0000000000000001', 70], ['946684800000000', '\\x8000000000000000', 0]]],
  [2, 'samples, by the function', `select extract(epoch from t)::int, value, quality::int from sample('S1/L_T1', timestamptz '2025-11-24T16:00:00Z', timestamptz '2025-11-24T16:00:01Z')`, [[1764000000, 3.25, 0]]],
  [2, 'the ledger balances', `select what from ledger_check(true)`, []],
  [3, 'the alarm journal', `select seq::int, kind, to_letter, actor from alarm_journal where seq <= 3 order by seq`, [[1, 'raise', 'B', ''], [2, 'ack', 'C', 'ann'], [3, 'rtn', 'A', '']]],
  [3, 'the state of a moment', `select letter, acked_by from alarm_state_at(1764000000000002)`, [['C', 'ann']]],
  [4, 'the newest record', `select kind, to_letter, facts from alarm_journal where at_us = 1764000010000000`, [['raise', 'B', 3]]],
  [4, 'accumulators', `select amount from alarm_accumulator`, [[12.5]]],
  [6, 'the second person', `select actor, second_actor from config_revision where reason = 'by two'`, [['ann', 'bob']]],
  [7, 'the account', `select produced::int, stored::int, quarantined::int, dropped::int, waiting::int, lost::int, balanced from ledger_now('gw-s1')`, [[7, 3, 1, 1, 2, 0, true]]],
  [7, 'what people made of the quarantine', `select actor, outcome, detail from quarantine_replay`, [['ann', 'refused', 'still no such alias']]],
  [8, 'revoked certificates', `select revoked_by, reason from gateway_revocation where fingerprint = sha256('one')`, [['ann', 'stolen']]],
  [8, 'a used token', `select count(*)::int from gateway_token_use`, [[1]]],
  [9, 'clocks', `select kind, from_us::text from gateway_clock where gateway = 'gw-s1' order by kind`, [['session', '1764000000000000'], ['unsynced', '1764000000000000']]],
  [11, 'figures of the disk', `select disk_free::text from store_figure where at_us = 1764000000000000`, [['10000000']]],
  [12, 'the chain', `select (select count(*) > 5 from chain), (select bool_and(c.prev = b.hash) from chain c join chain b on b.pos = c.pos - 1)`, [[true, true]]],
  [13, 'hours', `select n, average from sample_hour where hour_us = 1764000000000000`, [[3, 3.25]]],
  [13, 'what came too late', `select n::int from sample_expired`, [[4]]],
  [10, 'classes', `select c.name, c.keep_days from tag_class t join retention_class c using (class)`, [['long', 3650]]],
];

describe('migrations', { concurrency: false }, () => {
  const p = new Penstock({ config: null });
  const dirs = [];
  /** A directory with the files up to one schema. */
  const upTo = (n) => {
    if (!dirs[n]) {
      dirs[n] = mkdtempSync(join(p.dir, `schema-${n}-`));
      for (const f of files.slice(0, n)) copyFileSync(join(root, 'migrations', f), join(dirs[n], f));
    }
    return dirs[n];
  };
  const conninfo = (db) => `${p.conninfo} dbname=${db}`;
  const query = async (db, text, values) => {
    const client = new pg.Client({ host: join(p.dir, 'pg/socket'), user: 'penstock', database: db });
    await client.connect();
    try {
      return (await client.query({ text, values, rowMode: 'array' })).rows;
    } finally {
      await client.end();
    }
  };
  const make = async (db, template) => p.sql(`create database ${db} ${template ? `template ${template}` : ''}`);
  const migrate = (db, n = last) => spawnSync(join(p.bin, 'penstock'), ['--db', conninfo(db), 'migrate', '--dir', upTo(n)], { encoding: 'utf8' });
  const migrated = (db, n = last) => {
    const r = migrate(db, n);
    assert.equal(r.status, 0, r.stderr);
    return r.stdout;
  };
  /** All that migrations make, as text: tables with columns, constraints and triggers, functions with their bodies, rights. */
  const catalogue = async (db) => (await query(db, `
    select md5(string_agg(x, E'\\n' order by x collate "C")) from (
      select format('%s %s %s %s %s %s', c.relname, a.attnum, a.attname, a.atttypid::regtype, a.attnotnull, c.relacl) as x
        from pg_class c join pg_attribute a on a.attrelid = c.oid where c.relnamespace = 'public'::regnamespace and a.attnum > 0
      union all select format('%s %s', conname, pg_get_constraintdef(oid)) from pg_constraint where connamespace = 'public'::regnamespace
      union all select pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
      union all select format('%s %s %s', p.oid::regprocedure, md5(p.prosrc), p.proacl) from pg_proc p where p.pronamespace = 'public'::regnamespace
      union all select format('migration %s %s', version, name) from schema_migration) t`))[0][0];

  /** Databases ladder1, ladder2 …: each schema with the data of its time and of all before it; and what their catalogues are. */
  const catalogues = {};
  before(async () => {
    await p.startDatabase();
    await p.sql('alter system set fsync = off'); // no power is cut here
    await p.sql('select pg_reload_conf()');
    for (let n = 1; n < last; n++) {
      await make(`ladder${n}`, n > 1 ? `ladder${n - 1}` : '');
      migrated(`ladder${n}`, n);
      const fixture = join(root, 'tests/integration/schemas', files[n - 1].slice(5));
      assert.ok(existsSync(fixture), `${fixture} is missing: what somebody has in a database of ${files[n - 1]}, written with the SQL of that schema`);
      await query(`ladder${n}`, readFileSync(fixture, 'utf8'));
      catalogues[n] = await catalogue(`ladder${n}`);
    }
    await make('fresh');
    migrated('fresh');
    catalogues[last] = await catalogue('fresh');
  });
  after(() => p.stop());

  for (let n = 1; n < last; n++) {
    test(`a database of ${files[n - 1].slice(0, -4)} becomes today's, with all that was in it, and the server starts on it`, async () => {
      const db = `from${n}`;
      await make(db, `ladder${n}`);
      assert.equal(migrated(db).trim().split('\n').length, last - n);
      assert.equal(await catalogue(db), catalogues[last], 'it is the schema that an empty database gets');
      for (const [since, what, sql, rows] of intact) {
        if (since <= n) assert.deepEqual(await query(db, sql), rows, what);
      }
      const q = new Penstock({ config: null });
      try {
        Object.assign(q, { conninfo: conninfo(db), dir: q.dir });
        for (const name of ['ca', 'server link', 'server web']) q.pki(...(name === 'ca' ? ['ca', 'x'] : [...name.split(' '), 'IP:127.0.0.1,DNS:localhost', name.split(' ')[1]]));
        q.setPassword('ann', password('ann'));
        await q.startServer();
        const ann = await q.login('ann');
        assert.deepEqual((await ann.get('/api/sites')).json.sites.map((s) => s.name).filter((name) => !name.startsWith('_')), n >= 6 ? ['S1', 'S2'] : ['S1']);
        const samples = (await ann.get('/api/tags/S1/L_T1/samples?from=2025-11-24T15:59:00Z&to=2025-11-24T16:00:01Z')).json;
        assert.equal(/3\.25/.test(JSON.stringify(samples)), n >= 2, JSON.stringify(samples));
        if (n >= 4) assert.match(JSON.stringify((await ann.get('/api/alarms')).json), /S1\/L_T1\.high/);
        if (n >= 7) assert.equal((await ann.get('/api/gateways/gw-s1/ledger')).json.all.balanced, true);
      } finally {
        q.conninfo = undefined; // the cluster is ours
        await q.stop();
      }
    });
  }

  /** Each DDL statement counts in a sequence, which no rollback takes back; at number `at` the statement does `what`. */
  const arm = async (db, at, what) => query(db, `
    create schema if not exists hook;
    drop event trigger if exists hook; drop sequence if exists hook.n;
    create sequence hook.n;
    create or replace function hook.count() returns event_trigger language plpgsql as $$
    begin
      if nextval('hook.n') = ${at} then ${what} end if;
    end $$;
    create event trigger hook on ddl_command_end execute function hook.count()`);
  const disarm = (db) => query(db, 'drop event trigger hook');
  const wholeOrNothing = async (db) => {
    const n = Number((await query(db, 'select count(*) from schema_migration'))[0][0]);
    assert.equal(n === 0 || (await catalogue(db)) === catalogues[n], true, `schema ${n} is not what its files make: something of a broken migration has stayed`);
    return n;
  };

  /** Each DDL statement of each file but the first, as [schema before it, number in its file]. */
  const allStatements = async () => {
    const all = [];
    for (let n = 1; n < last; n++) {
      const db = `counted${n}`;
      await make(db, `ladder${n}`);
      await arm(db, 0, 'null;');
      migrated(db, n + 1);
      const [[statements]] = await query(db, 'select last_value from hook.n');
      for (let at = 1; at <= Number(statements); at++) all.push([n, at]);
      await p.sql(`drop database ${db}`);
    }
    return all;
  };

  test('whatever statement PostgreSQL ends the connection in, nothing of its file stays, and the next run completes it', async () => {
    const statements = await allStatements();
    assert.ok(statements.length > 100, `only ${statements.length} statements were counted`);
    const seed = Number(process.env.SEED ?? 3);
    const next = random(seed);
    const kills = process.env.PENSTOCK_FAULTS === 'all' ? statements : Array.from({ length: 16 }, () => statements[next(statements.length)]);
    console.log(`SEED=${seed}: ${kills.length} of ${statements.length} statements`);
    for (let n = 1; n < last; n++) {
      const ats = kills.filter(([before]) => before === n).map(([, at]) => at);
      if (ats.length === 0) continue;
      await make('struck', `ladder${n}`);
      for (const at of ats) {
        await arm('struck', at, 'perform pg_terminate_backend(pg_backend_pid());');
        const r = migrate('struck');
        const where = `statement ${at} of ${files[n]}`;
        assert.equal(r.status, 1, `not struck at ${where}`);
        assert.match(r.stderr, /terminat|closed the connection/);
        await disarm('struck');
        assert.equal(await wholeOrNothing('struck'), n, where);
      }
      migrated('struck');
      assert.equal(await wholeOrNothing('struck'), last);
      for (const [since, what, sql, rows] of intact) if (since <= n) assert.deepEqual(await query('struck', sql), rows, `${what}, after ${files[n]} was struck`);
      await p.sql('drop database struck');
    }
  });

  test('whenever penstock migrate itself is killed, too', async () => {
    const next = random(Number(process.env.SEED ?? 4));
    for (let i = 0; i < 4; i++) {
      const db = `killed${i}`;
      await make(db, 'ladder1');
      await arm(db, 1 + next(100), 'perform pg_advisory_xact_lock(1);');
      const holder = new pg.Client({ host: join(p.dir, 'pg/socket'), user: 'penstock', database: db });
      await holder.connect();
      await holder.query('select pg_advisory_lock(1)');
      const child = spawn(join(p.bin, 'penstock'), ['--db', conninfo(db), 'migrate', '--dir', upTo(last)], { stdio: 'ignore' });
      const ended = new Promise((done) => child.on('close', done));
      await until('it waits in a statement', async () => (await query(db, `select 1 from pg_locks l where l.locktype = 'advisory' and not l.granted and l.database = (select oid from pg_database where datname = current_database())`)).length > 0);
      child.kill('SIGKILL');
      await ended;
      await holder.end();
      await until('its connection has ended', async () => (await query(db, `select 1 from pg_stat_activity where application_name = 'penstock migrate' and datname = current_database()`)).length === 0);
      await disarm(db);
      await wholeOrNothing(db);
      migrated(db);
      assert.equal(await wholeOrNothing(db), last);
    }
  });

  test('of two that run at once one waits for the other, and both end well', async () => {
    await make('twice');
    const run = () => new Promise((done) => execFile(join(p.bin, 'penstock'), ['--db', conninfo('twice'), 'migrate', '--dir', upTo(last)], (error, out, err) => done({ code: error?.code ?? 0, out, err })));
    const both = await Promise.all([run(), run()]);
    assert.deepEqual(both.map((r) => r.code), [0, 0], JSON.stringify(both));
    assert.equal(both.filter((r) => /up to date/.test(r.out)).length, 1);
    assert.equal(await wholeOrNothing('twice'), last);
  });

  test('one that waits too long for another says so, and a server that runs is not migrated under its feet', async () => {
    await make('busy', 'ladder1');
    const holder = new pg.Client({ host: join(p.dir, 'pg/socket'), user: 'penstock', database: 'busy' });
    await holder.connect();
    await holder.query('select pg_advisory_lock(1346719315, 2)');
    const waits = migrate('busy');
    assert.equal(waits.status, 1);
    assert.match(waits.stderr, /another penstock migrate .* run this again/);
    await holder.query('select pg_advisory_unlock_all(), pg_advisory_lock(1346719315, 1)'); // as a server does
    const runs = migrate('busy');
    assert.equal(runs.status, 1);
    assert.match(runs.stderr, /penstockd .* stop it first/);
    assert.equal(await wholeOrNothing('busy'), 1);
    await holder.end();
    migrated('busy');
    // Where there is nothing to do, a server does not mind.
    const again = new pg.Client({ host: join(p.dir, 'pg/socket'), user: 'penstock', database: 'busy' });
    await again.connect();
    await again.query('select pg_advisory_lock(1346719315, 1)');
    assert.match(migrated('busy'), /up to date/);
    await again.end();
  });
});
