// Backups and restores as an operator makes them, by the command line: what is wrong is said, nothing that is there is overwritten.
// Covers: app/cli/backup_cmd.c
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync, openSync, readSync, writeSync, closeSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Penstock, root, sleep, until } from '../lib/penstock.mjs';

describe('backup and restore', { concurrency: false }, () => {
  const p = new Penstock({ config: null });
  let dir;
  let follow;
  const run = (...args) => {
    const r = spawnSync(join(p.bin, 'penstock'), args, { encoding: 'utf8', env: { ...process.env, PENSTOCK_DB: p.conninfo } });
    assert.doesNotMatch(r.stderr, /AddressSanitizer|runtime error/);
    return { code: r.status, out: r.stdout, err: r.stderr };
  };
  const done = (...args) => {
    const r = run(...args);
    assert.equal(r.code, 0, r.out + r.err);
    return r.out;
  };
  const fails = (args, ...texts) => {
    const r = run(...args);
    assert.equal(r.code, 1, r.out);
    for (const text of texts) assert.match(r.err, text);
  };
  const backups = (d = dir) => readdirSync(join(d, 'base')).sort();
  const now = async () => (await p.sql(`select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as t`))[0].t;
  // As an hour ago, and no server was running since that would have sealed it into the chain.
  const note = (text) => p.sql(`insert into audit (at, action, object) values (clock_timestamp() - interval '1 hour', $1, $2)`, ['test', text]);
  /** Starts PostgreSQL on a restored directory, runs the body, stops it. */
  const on = async (data, body) => {
    const cluster = `${data}.cluster`;
    mkdirSync(cluster);
    execFileSync('mv', [data, join(cluster, 'data')]);
    if (process.getuid() === 0) execFileSync('chown', ['postgres:', cluster]);
    const q = new Penstock({ config: null });
    try {
      q.conninfo = execFileSync(join(root, 'deploy/cluster'), ['start', cluster], { encoding: 'utf8' }).trim().split('\n').at(-1);
      await body(q);
    } finally {
      await q.closeSql();
      execFileSync(join(root, 'deploy/cluster'), ['stop', cluster, 'immediate']);
      rmSync(q.dir, { recursive: true });
    }
  };
  /** The arguments of a process, which may have ended. */
  const words = (pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      return '';
    }
  };
  const noted = (q) => q.sql(`select object from audit where action = 'test' order by audit_id`).then((r) => r.map((x) => x.object));

  before(async () => {
    await p.startDatabase();
    // It commits when it likes, and so moves the last moment that can be restored.
    await p.sql('alter system set autovacuum = off');
    await p.sql('select pg_reload_conf()');
    await until('nothing is vacuumed', async () => (await p.sql(`select from pg_stat_activity where backend_type like 'autovacuum %'`)).length === 0);
    p.penstock('migrate', '--dir', join(root, 'migrations'));
    dir = join(p.dir, 'backups');
  });
  after(() => p.stop());

  test('what a backup needs is checked and said; without the WAL there is none, unless it is asked for', () => {
    const check = run('backup', 'check', dir);
    assert.equal(check.code, 1);
    assert.match(check.out, /^ok +wal_level is replica/m);
    assert.match(check.out, /^WANTS nobody follows the WAL.*\n +run 'penstock backup follow/m);
    fails(['backup', dir], /no backup was made/, /nobody follows the WAL/, /--without-wal/);
    assert.deepEqual(backups(), []);
    const alone = join(p.dir, 'alone');
    assert.match(done('backup', alone, '--without-wal'), /verified; schema \d+, PostgreSQL \d+/);
    assert.match(done('backup', 'list', alone), /no WAL came/);
  });

  test('wrong words are refused before anything is done', () => {
    fails(['backup', dir, '--keep', '0'], /--keep must be a number of backups from 1 to 99999, not '0'/);
    fails(['backup', 'list', join(p.dir, 'nothing')], /is not there/);
    mkdirSync(join(p.dir, 'other'));
    writeFileSync(join(p.dir, 'other/file'), '');
    fails(['backup', join(p.dir, 'other')], /no directory of backups/);
    fails(['restore', join(p.dir, 'other'), join(p.dir, 'r')], /no directory of backups/);
    fails(['restore', dir, join(p.dir, 'r')], /has no backup/);
    const nobody = spawnSync(join(p.bin, 'penstock'), ['backup', dir], { encoding: 'utf8', env: { ...process.env, PENSTOCK_DB: '' } });
    assert.equal(nobody.status, 2);
    fails(['--db', 'host=/nowhere dbname=x', 'backup', dir], /cannot be asked/);
  });

  test('no secret of a connection string is in arguments, nor in what is said', async () => {
    const fake = join(p.dir, 'fake');
    const record = join(fake, 'record');
    mkdirSync(fake, { mode: 0o755 });
    writeFileSync(join(fake, 'psql'), `#!/bin/sh\ntr '\\0' ' ' </proc/$$/cmdline >>${record}\necho "PGPASSWORD=$PGPASSWORD" >>${record}\nexit 2\n`, { mode: 0o755 });
    writeFileSync(record, '', { mode: 0o666 });
    execFileSync('chmod', ['0666', record]);
    execFileSync('chmod', ['0755', p.dir]);
    const env = (db) => ({ ...process.env, PATH: `${fake}:${process.env.PATH}`, PENSTOCK_DB: db });
    const penstock = (db, ...args) => spawnSync(join(p.bin, 'penstock'), args, { encoding: 'utf8', env: env(db) });
    const script = (db) => spawnSync(join(root, 'deploy/backup'), ['check', join(p.dir, 'none')], { encoding: 'utf8', env: env(db) });
    const recorded = () => readFileSync(record, 'utf8');

    penstock("host=/nowhere dbname=x password='hunter2 and 3'", 'backup', 'check', join(p.dir, 'none'));
    assert.match(recorded(), /psql .*-d dbname='x' host='\/nowhere' +PGPASSWORD=hunter2 and 3\n/);
    assert.doesNotMatch(recorded().replace('PGPASSWORD=hunter2 and 3', ''), /hunter2/);
    writeFileSync(record, '');
    for (const db of ['host=/nowhere password=two hunter2', 'host=/nowhere password=two hunter2=x', "host=/nowhere password='hunter2", 'host=/nowhere pasword=hunter2', 'postgresql://ann:p@hunter2@/x', 'host=/nowhere sslpassword=hunter2']) {
      const commands = [['backup', 'check', join(p.dir, 'none')], ['backup', join(p.dir, 'none')], ['backup', 'follow', join(p.dir, 'none')]];
      if (!db.includes('sslpassword')) commands.push(['audit', 'verify'], ['user', 'list'], ['migrate']);
      for (const command of commands) {
        const r = penstock(db, ...command);
        assert.equal(r.status, 1, r.stdout);
        assert.match(r.stderr, /^penstock: database: (is no connection string|sslpassword would be shown)/);
        assert.doesNotMatch(r.stdout + r.stderr, /hunter2/);
      }
    }
    for (const db of ['host=/nowhere password=hunter2', 'postgresql://ann:hunter2@localhost/x', 'postgresql://localhost/x?sslpassword=hunter2']) {
      const r = script(db);
      assert.equal(r.status, 1);
      assert.match(r.stderr, /PENSTOCK_DB has a password in it/);
      assert.doesNotMatch(r.stdout + r.stderr, /hunter2/);
    }
    assert.equal(recorded(), '', 'nothing was started');
  });

  test('--db is not shown in the list of processes', async () => {
    const server = net.createServer().listen(0, '127.0.0.1'); // that never answers
    await once(server, 'listening');
    const child = spawn(join(p.bin, 'penstock'), ['--db', `host=127.0.0.1 port=${server.address().port} dbname=x password=hunter2`, 'user', 'list'], { stdio: 'ignore' });
    try {
      const [socket] = await once(server, 'connection');
      assert.match(words(child.pid), /penstock\0--db\0\*+\0user\0list\0/);
      socket.destroy();
    } finally {
      child.kill('SIGKILL');
      server.close();
    }
  });

  test('a role that may not replicate is told what it lacks', async () => {
    await p.sql('create role clerk login');
    fails(['--db', `${p.conninfo} user=clerk`, 'backup', join(p.dir, 'clerk')], /may not replicate\n +alter role/);
  });

  test('a backup is made while the WAL is followed, with what is to be known about it', async () => {
    const secret = "not '\\shown";
    const conninfo = `${p.conninfo} password='not \\'\\\\shown'`;
    follow = p.spawn('follow', join(p.bin, 'penstock'), ['backup', 'follow', dir], { env: { PENSTOCK_DB: conninfo } });
    await until('all that a backup needs is there', () => run('backup', 'check', dir).code === 0);
    const shown = readdirSync('/proc').filter((d) => /^\d+$/.test(d)).map((d) => ({ d, text: words(d) })).filter(({ text }) => text.includes(`\0${dir}/wal\0`));
    assert.equal(shown.length, 1, 'pg_receivewal runs');
    assert.doesNotMatch(shown[0].text, /shown/, 'what is an argument is seen by everybody on the machine');
    assert.ok(readFileSync(`/proc/${shown[0].d}/environ`, 'utf8').split('\0').includes(`PGPASSWORD=${secret}`));
    const killed = join(dir, 'base/.20260101T000000Z.part');
    mkdirSync(killed);
    writeFileSync(join(killed, 'data'), 'half');
    if (process.getuid() === 0) execFileSync('chown', ['-R', 'postgres:', killed]);
    const taking = spawnSync('flock', ['-n', join(dir, 'base'), join(p.bin, 'penstock'), 'backup', dir], { encoding: 'utf8', env: { ...process.env, PENSTOCK_DB: p.conninfo } });
    assert.match(taking.stderr, /another backup into .* is under way/);
    assert.equal(existsSync(killed), true);
    done('backup', dir);
    assert.deepEqual(backups().length, 1, 'nothing is left of a backup that was killed');
    const [name] = backups();
    const manifest = JSON.parse(readFileSync(join(dir, 'base', name, 'manifest.json'), 'utf8'));
    assert.equal(manifest.name, name);
    assert.equal(manifest.schema, readdirSync(join(root, 'migrations')).filter((f) => f.endsWith('.sql')).length);
    assert.ok(manifest.began < manifest.ended && manifest.ended < await now());
    assert.match(manifest.server_version, /^\d+\.\d+/);
    assert.equal(manifest.wal_followed, true);
    assert.match(done('backup', 'list', dir), new RegExp(`^${name} .*${manifest.ended}`, 'm'));
  });

  test('any moment between the backup and the end of its WAL is restored, exactly', async () => {
    await note('one');
    await sleep(20);
    const at = await now();
    await sleep(20);
    await note('two');
    // What came last is in DIR a moment later.
    const [{ lsn }] = await p.sql('select pg_current_wal_flush_lsn()::text as lsn');
    await until('the WAL has arrived', async () => (await p.sql('select bool_or(flush_lsn >= $1::pg_lsn) as here from pg_stat_replication', [lsn]))[0].here);
    const sessions = (await p.sql('select last_value from gateway_session'))[0].last_value;
    const then = join(p.dir, 'then');
    const said = done('restore', dir, then, '--to', at);
    assert.match(said, /as of .*\nNext:/);
    assert.match(said, /^note: audit \d+: has had no place in the chain since .*no server was running that could seal it/m);
    await on(then, async (q) => {
      assert.deepEqual(await noted(q), ['one']);
      const [restore] = await q.sql('select to_at <= $1 as before, actor, backup from store_restore', [at]);
      assert.equal(restore.before, true);
      assert.equal(restore.backup, backups()[0]);
      assert.ok((await q.sql('select last_value from gateway_session'))[0].last_value >= sessions + 1000000000n, 'numbers of sessions go on beyond those that were given out');
      assert.equal((await q.sql(`select count(*) as n from audit where action = 'store.restored'`))[0].n, 1n);
      assert.deepEqual(await q.sql(`select from pg_extension where extname = 'amcheck'`), [], 'nothing is left of the look for damage');
    });
    const end = join(p.dir, 'end');
    mkdirSync(end); // empty: as good as none
    done('restore', dir, end);
    await on(end, async (q) => assert.deepEqual(await noted(q), ['one', 'two']));
  });

  test('moments that cannot be restored are refused, with those that can be', async () => {
    const [name] = backups();
    const { began, ended } = JSON.parse(readFileSync(join(dir, 'base', name, 'manifest.json'), 'utf8'));
    const r = join(p.dir, 'r');
    fails(['restore', dir, r, '--to', 'yesterday'], /'yesterday' is no time\n.*2026-01-02T03:04:05Z/);
    fails(['restore', dir, r, '--to', '2999-01-01T00:00:00Z'], /has not come yet/);
    fails(['restore', dir, r, '--to', began], /no backup of .* had ended/, new RegExp(`earliest moment that can be restored is ${ended}`));
    fails(['restore', dir, r, '--to', began, '--backup', name], /ended after/);
    fails(['restore', dir, r, '--backup', 'x'], /has no backup 'x'/);
    const late = await now(); // nothing was stored since, so nothing says that the WAL goes up to here
    fails(['restore', dir, r, '--to', late], /ends before .*the last transaction in it is of \d{4}-.*Z\n +leave --to out/);
    assert.ok(!existsSync(r) && !existsSync(`${r}.restoring`), 'nothing is left behind');
  });

  test('nothing that is there is overwritten', async () => {
    fails(['restore', dir, join(p.dir, 'pg/data')], /data directory of a running PostgreSQL/);
    const stopped = join(p.dir, 'stopped');
    mkdirSync(stopped);
    writeFileSync(join(stopped, 'PG_VERSION'), '15\n');
    fails(['restore', dir, stopped], /has a cluster, which is never overwritten/);
    fails(['restore', dir, join(p.dir, 'other')], /is not empty/);
    fails(['restore', dir, join(p.dir, 'other/file')], /is no directory/);
    fails(['restore', dir, join(p.dir, 'no/where')], /is not there/);
  });

  test('a damaged backup and one of another version are refused by name', () => {
    const [name] = backups();
    const r = join(p.dir, 'r');
    const bad = join(p.dir, 'bad');
    execFileSync('cp', ['-a', dir, bad]);
    const file = join(bad, 'base', name, 'data/global/pg_control');
    const fd = openSync(file, 'r+');
    const byte = Buffer.alloc(1);
    readSync(fd, byte, 0, 1, 100);
    writeSync(fd, Buffer.from([byte[0] ^ 1]), 0, 1, 100);
    closeSync(fd);
    fails(['restore', bad, r], /is damaged: it is not what was backed up\n.*pg_control/);
    copyFileSync(join(dir, 'base', name, 'data/global/pg_control'), file);
    writeFileSync(join(bad, 'base', name, 'data/PG_VERSION'), '9\n');
    fails(['restore', bad, r], /PostgreSQL 9 is needed .*\n +install the package 'postgresql-9'/);
    rmSync(join(bad, 'base', name, 'data/PG_VERSION'));
    fails(['restore', bad, r], /damaged: it has no data\/PG_VERSION/);
    assert.ok(!existsSync(r));
  });

  // As after a change of the rules by which texts are sorted: each page is whole, so the backup is what was backed up.
  test('an index that was out of order when it was backed up is found by the restore, and named', async () => {
    const order = (sql) => p.sql(`create or replace function in_order(integer, integer) returns integer immutable language sql as '${sql}'`);
    await order('select btint4cmp($1, $2)');
    await p.sql(`create operator class in_order_ops for type integer using btree as
      operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >, function 1 in_order(integer, integer)`);
    await p.sql('create table spoilt as select x from generate_series(1, 1000) x');
    await p.sql('create index spoilt_idx on spoilt (x in_order_ops)');
    const sound = join(p.dir, 'sound');
    const spoilt = join(p.dir, 'spoilt');
    done('backup', sound, '--without-wal');
    await order('select btint4cmp($2, $1)');
    assert.match(done('backup', spoilt, '--without-wal'), /verified/);
    await p.sql('drop table spoilt');
    const r = join(p.dir, 'spoilt-then');
    fails(['restore', spoilt, r], /pg_amcheck found damage in what was restored; nothing was kept\n[^]*spoilt_idx[^]*--no-amcheck/);
    assert.ok(!existsSync(r) && !existsSync(`${r}.restoring`), 'nothing is left behind');
    assert.match(done('restore', spoilt, r, '--no-amcheck'), /the tables were not looked through \(--no-amcheck\)/);
    done('restore', sound, join(p.dir, 'sound-then'));
  });

  test('what ALTER SYSTEM set is put back, and does not count while it is restored', async () => {
    const alone = join(p.dir, 'altered');
    const archived = join(p.dir, 'archived');
    await p.sql(`alter system set synchronous_standby_names = 'nobody'`);
    await p.sql(`alter system set archive_mode = 'on'`);
    await p.sql(`alter system set archive_command = 'touch ${archived}'`);
    done('backup', alone, '--without-wal');
    await p.sql('alter system reset all');
    const r = join(p.dir, 'altered-then');
    const ended = spawnSync(join(p.bin, 'penstock'), ['restore', alone, r], { encoding: 'utf8', timeout: 60000, env: { ...process.env, PENSTOCK_DB: p.conninfo } });
    assert.equal(ended.status, 0, `${ended.signal} ${ended.stdout}${ended.stderr}`);
    assert.match(readFileSync(join(r, 'postgresql.auto.conf'), 'utf8'), /synchronous_standby_names = 'nobody'/);
    assert.equal(existsSync(archived), false, 'no WAL of the private recovery goes into the archive of the cluster that lives');
  });

  test('a backup of an earlier schema is restored by the programs of today: it is the way back from an upgrade', async () => {
    const migrations = join(p.dir, 'earlier');
    mkdirSync(migrations);
    const sums = readFileSync(join(root, 'migrations/CHECKSUMS'), 'utf8').split('\n').slice(0, 9);
    for (const file of sums.map((line) => line.split('  ')[1])) copyFileSync(join(root, 'migrations', file), join(migrations, file));
    writeFileSync(join(migrations, 'CHECKSUMS'), `${sums.join('\n')}\n`);
    await p.sql('create database earlier');
    const db = ['--db', `${p.conninfo} dbname=earlier`];
    done(...db, 'migrate', '--dir', migrations);
    const before = join(p.dir, 'before-upgrade');
    assert.match(done(...db, 'backup', before, '--without-wal'), /schema 9,/);
    await p.sql('drop database earlier');
    assert.match(done('restore', before, join(p.dir, 'went-back')), /does not seal the audit[^]*schema 9\)/);
  });

  test('the newest N backups stay, and no WAL that none of them needs', async () => {
    const [first] = backups();
    await p.sql('select pg_switch_wal()');
    await sleep(1100); // names have seconds
    done('backup', dir);
    await sleep(1100);
    assert.match(done('backup', dir, '--keep', '2'), new RegExp(`removed .*${first}`));
    assert.equal(backups().length, 2);
    assert.ok(!backups().includes(first));
    const { wal_file: oldest } = JSON.parse(readFileSync(join(dir, 'base', backups()[0], 'manifest.json'), 'utf8'));
    const wal = readdirSync(join(dir, 'wal')).sort();
    assert.ok(wal.length > 0 && wal[0].slice(0, 24) >= oldest, `${wal[0]} is older than ${oldest}`);
    const r = join(p.dir, 'after');
    done('restore', dir, r);
    assert.ok(statSync(join(r, 'PG_VERSION')).isFile());
  });

  test('the WAL goes on after the follower and the database were killed', async () => {
    await p.kill(follow);
    await until('PostgreSQL has noticed', async () => (await p.sql('select from pg_replication_slots where active')).length === 0);
    fails(['backup', dir], /nobody follows the WAL/);
    await note('three');
    await p.stopDatabase('immediate');
    await p.startDatabase();
    follow = p.spawn('follow', join(p.bin, 'penstock'), ['backup', 'follow', dir], { env: { PENSTOCK_DB: p.conninfo } });
    await until('the WAL is followed again', () => run('backup', 'check', dir).code === 0);
    await note('four');
    const [{ lsn }] = await p.sql('select pg_current_wal_flush_lsn()::text as lsn');
    await until('the WAL has arrived', async () => (await p.sql('select bool_or(flush_lsn >= $1::pg_lsn) as here from pg_stat_replication', [lsn]))[0].here);
    const r = join(p.dir, 'killed');
    done('restore', dir, r);
    await on(r, async (q) => assert.deepEqual(await noted(q), ['one', 'two', 'three', 'four']));
  });

  test('a directory of another cluster, or of another life of this one, takes no backups', async () => {
    const r = join(p.dir, 'life');
    done('restore', dir, r);
    await on(r, async (q) => fails(['--db', q.conninfo, 'backup', dir], /another cluster, or of this one before it was restored.*\n +make backups into a new directory/));
    await p.kill(follow, 'SIGTERM');
  });
});
