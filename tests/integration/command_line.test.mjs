// The command line as people use it: against a real PostgreSQL, wrong input included. Every change leaves its audit row.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { Penstock, root } from '../lib/penstock.mjs';

const runFile = promisify(execFile);
const demo = join(root, 'deploy/demo-config.json');

describe('the command line', { concurrency: false }, () => {
  const p = new Penstock({});
  const env = () => ({ ...process.env, PENSTOCK_DB: p.conninfo });
  /** Runs it; {code, out, err}. */
  const run = (args, { input = '', environment = env() } = {}) => {
    const r = spawnSync(join(p.bin, 'penstock'), args, { encoding: 'utf8', input, env: environment });
    assert.doesNotMatch(r.stderr, /AddressSanitizer|runtime error/);
    return { code: r.status, out: r.stdout, err: r.stderr };
  };
  const done = (...args) => {
    const r = run(args);
    assert.equal(r.code, 0, r.err);
    return r.out;
  };
  const fails = (args, text, options) => {
    const r = run(args, options);
    assert.equal(r.code, 1, r.out);
    assert.match(r.err, text);
    return r;
  };
  /** A document in a file of its own. */
  const file = (name, document) => {
    const path = join(p.dir, name);
    writeFileSync(path, typeof document === 'string' ? document : JSON.stringify(document));
    return path;
  };
  const small = () => ({
    sites: [{ name: 'X1' }],
    gateways: [{ name: 'gw-x1', site: 'X1' }],
    tags: [{ name: 'X1/L', gateway: 'gw-x1', low: 0, high: 5 }],
    alarms: [{ name: 'X1/L.high', kind: 'high', tag: 'X1/L', limit: 4, priority: 2 }],
  });
  const count = async (table) => Number((await p.sql(`select count(*) as n from ${table}`))[0].n);

  before(() => p.startDatabase());
  after(() => p.stop());

  test('wrong usage ends with status 2 and says what is right', () => {
    for (const [args, text] of [
      [[], /no command/],
      [['frobnicate'], /no such command: frobnicate/],
      [['--db'], /--db/],
      [['user', 'list', '--colour'], /unknown option: --colour\nusage: penstock user list/],
      [['user', 'list', 'extra'], /too much: extra/],
      [['gateway', 'frobnicate'], /^usage: penstock gateway enrol NAME\n +penstock gateway revoke NAME --reason TEXT\n/],
      [['gateway'], /penstock gateway certificates/],
      [['user', 'add'], /something is missing: NAME/],
      [['user', 'add', 'ann'], /an option is missing: --role/],
      [['config', 'apply', 'x.json', '--reason'], /wants a value: --reason/],
    ]) {
      const r = run(args);
      assert.equal(r.code, 2, args.join(' '));
      assert.match(r.err, text);
      assert.equal(r.out, '');
    }
    const { PENSTOCK_DB: _, ...without } = env();
    assert.equal(run(['user', 'list'], { environment: without }).code, 2);
  });

  test('help and version need no database', () => {
    const { PENSTOCK_DB: _, ...without } = env();
    for (const args of [['--help'], ['--version'], ['config', 'apply', '--help']]) {
      const r = run(args, { environment: without });
      assert.equal(r.code, 0);
      assert.match(r.out, /penstock/);
    }
  });

  test('a database that is away, or has no schema yet, is told plainly', () => {
    fails(['--db', 'host=/nowhere', 'user', 'list'], /database: .*\/nowhere/);
    for (const command of [['user', 'list'], ['migrate'], ['audit', 'verify'], ['backup', 'check', p.dir]]) {
      for (const db of ['host=/nowhere password=hush SECRET', 'postgresql://me:hush@SECRET@127.0.0.1/x']) {
        const { err } = fails(['--db', db, ...command], /database: is no connection string/);
        assert.doesNotMatch(err, /SECRET|hush/);
      }
    }
    fails(['user', 'list'], /Run: penstock migrate/);
    const joined = run(['--db=host=/nowhere password=hush', 'user', 'list']);
    assert.equal(joined.code, 2);
    assert.match(joined.err, /value is a word of its own: --db CONNINFO/);
    assert.doesNotMatch(joined.err, /hush/);
  });

  test('the schema is made once', () => {
    assert.match(done('migrate', '--dir', join(root, 'migrations')), /applied 0001_/);
    assert.match(done('migrate', '--dir', join(root, 'migrations')), /up to date/);
    fails(['migrate', '--dir', p.dir], /./);
  });

  test('a document is checked without a database', () => {
    assert.match(done('config', 'check', demo), /no faults: 6 sites, 5 gateways, 53 tags, 4 classes, 3 groups, 89 alarms/);
    fails(['config', 'check', join(p.dir, 'none.json')], /cannot be opened/);
    fails(['config', 'check', file('cut.json', '{"sites": [')], /cut\.json: not valid JSON at line 1/);
    fails(['config', 'check', file('unknown.json', { site: [] })], /no list of a configuration/);
    const bad = small();
    bad.tags[0].colour = 1;
    bad.alarms[0].priority = 9;
    bad.alarms.push(bad.alarms[0]);
    const r = run(['config', 'check', file('bad.json', bad)]);
    assert.equal(r.code, 1);
    assert.match(r.err, /tag X1\/L \(\/tags\/0\) \/colour: is no field of a tag/);
    assert.match(r.err, /\/alarms\/1\) \/priority: is 9; it must be from 1 to 4/);
    assert.match(r.err, /3 faults/);
    const twice = small();
    twice.sites.push({ name: 'X1' });
    fails(['config', 'check', file('twice.json', twice)], /site X1 \(\/sites\/1\) \/name: is there twice/);
    const loose = small();
    loose.alarms[0].limit = 6;
    fails(['config', 'check', file('loose.json', loose)], /\/alarm\/X1~1L\.high\/limit: is 6; it must be within the range/);
  });

  test('apply writes one revision, with what changed, who and why; the same again writes none', async () => {
    const first = done('config', 'apply', demo, '--reason', 'the demo');
    assert.match(first, /^\+ site S1$/m);
    assert.match(first, /is in force/);
    assert.match(done('config', 'apply', demo, '--reason', 'again'), /^0 added, 0 changed, 0 removed$/m);
    assert.equal(await count('config_revision'), 1);
    const document = JSON.parse(readFileSync(demo, 'utf8'));
    const alarm = document.alarms.find((a) => a.name === 'S1/L_T1.high');
    const before = alarm.limit;
    alarm.limit = 4.25;
    const second = done('config', 'apply', file('demo2.json', document), '--reason', '温和一些', '--user', 'ann');
    assert.ok(second.includes(`~ alarm S1/L_T1.high\n    limit: ${before} -> 4.25\n`), second);
    const [row] = await p.sql('select actor, reason from config_revision order by revision desc limit 1');
    assert.deepEqual(row, { actor: 'ann', reason: '温和一些' });
    const [items] = await p.sql('select count(*) as n from config_item where revision = (select max(revision) from config_revision)');
    assert.equal(items.n, 1n, 'only what changed is written');
    const [audit] = await p.sql('select actor, action, detail from audit order by audit_id desc limit 1');
    assert.deepEqual(audit, { actor: 'ann', action: 'config.change', detail: '温和一些' });
  });

  test('what is exported applies as no change, pruning included', async () => {
    const revisions = await count('config_revision');
    const path = file('export.json', done('config', 'export'));
    assert.match(done('config', 'apply', path, '--reason', 'round trip', '--prune'), /^0 added, 0 changed, 0 removed$/m);
    assert.equal(await count('config_revision'), revisions);
  });

  test('a new gateway gets the alarms of its own; pruning removes what the document has not', async () => {
    const out = done('config', 'apply', file('small.json', small()), '--reason', 'a sixth site');
    for (const kind of ['comm', 'clock', 'certificate', 'duplicate']) assert.match(out, new RegExp(`^\\+ alarm X1/gw-x1\\.${kind}$`, 'm'));
    assert.match(out, /^8 added, 0 changed, 0 removed$/m);
    const dry = done('config', 'apply', file('demo3.json', readFileSync(demo, 'utf8')), '--reason', 'x', '--prune', '--dry-run');
    assert.match(dry, /^- gateway gw-x1$/m);
    assert.doesNotMatch(dry, /in force/);
    assert.equal((await p.sql(`select from config_now where name = 'gw-x1'`)).length, 1);
    assert.match(done('config', 'apply', demo, '--reason', 'prune', '--prune'), /^0 added, 1 changed, 8 removed$/m);
    assert.equal((await p.sql(`select from config_now where name like '%x1%' or name like '%X1%'`)).length, 0);
    assert.equal((await p.sql(`select from config_key where name = 'gw-x1'`)).length, 1, 'history keeps its key');
  });

  test('a refused document changes nothing', async () => {
    const revisions = await count('config_revision');
    const loose = small();
    loose.tags[0].gateway = 'gw-s1';
    fails(['config', 'apply', file('other.json', loose), '--reason', 'x'], /\/tag\/X1~1L\/gateway: .*same site[\s\S]*nothing was changed/);
    fails(['config', 'apply', demo, '--reason', ''], /--reason/);
    fails(['config', 'apply', demo, '--reason', 'a\nb'], /--reason/);
    fails(['config', 'apply', demo, '--reason', 'x'.repeat(600)], /--reason/);
    assert.equal(await count('config_revision'), revisions);
    assert.match(done('config', 'apply', file('small2.json', small()), '--reason', 'x', '--only-if-empty'), /nothing was changed/);
    assert.equal(await count('config_revision'), revisions);
  });

  test('changes at the same time take turns', async () => {
    const revisions = await count('config_revision');
    await Promise.all([0, 1, 2, 3].map((i) => runFile(join(p.bin, 'penstock'), ['config', 'apply',
      file(`site${i}.json`, { sites: [{ name: `Y${i}` }] }), '--reason', `turn ${i}`], { env: env() })));
    assert.equal(await count('config_revision'), revisions + 4);
    assert.equal((await p.sql(`select from config_now where name ~ '^Y[0-3]$'`)).length, 4);
  });

  test('accounts: made, listed, changed, disabled; each with an audit row', async () => {
    assert.match(done('user', 'add', 'ann', '--role', 'admin', '--title', 'Ann, 管理员'), /added ann/);
    fails(['user', 'add', 'ann', '--role', 'viewer'], /ann: there is such an account already/);
    fails(['user', 'add', 'bob', '--role', 'king'], /viewer, operator, engineer or admin/);
    fails(['user', 'add', 'b b', '--role', 'viewer'], /A-Z a-z 0-9/);
    fails(['user', 'add', 'bob', '--role', 'viewer', '--title', 'x'.repeat(64)], /at most 63 bytes/);
    fails(['user', 'role', 'nobody', 'viewer'], /nobody: there is no such account/);
    done('user', 'role', 'ann', 'engineer');
    done('user', 'disable', 'ann');
    assert.match(done('user', 'list'), /^ann\s+engineer\s+disabled\s+Ann, 管理员$/m);
    done('user', 'enable', 'ann');
    assert.match(done('user', 'list'), /^ann\s+engineer\s+no password/m);
    const rows = await p.sql(`select action, detail from audit where object = 'ann' order by audit_id`);
    assert.deepEqual(rows.map((r) => `${r.action} ${r.detail}`.trim()), ['user.add role admin', 'user.role engineer', 'user.disable', 'user.enable']);
  });

  test('a change of a highly managed alarm needs a second person, who proves himself', async () => {
    const document = JSON.parse(readFileSync(demo, 'utf8'));
    document.alarms.find((a) => a.name === 'S1/L_T1.high_high').limit = 6.25;
    const path = file('managed.json', document);
    const apply = (second, input = '', ...more) => run(['config', 'apply', path, '--reason', 'two', '--user', 'cleo', ...second, ...more], { input });
    for (const [name, role] of [['bea', 'engineer'], ['otto', 'operator'], ['nick', 'admin']]) {
      done('user', 'add', name, '--role', role);
      if (name !== 'nick') assert.equal(run(['user', 'password', name], { input: `correct horse ${name}\n` }).code, 0);
    }
    const revisions = await count('config_revision');
    const refused = async (r, text, audit) => {
      assert.equal(r.code, 1, r.out);
      assert.match(r.err, text);
      assert.match(r.err, /nothing was changed/);
      assert.equal(await count('config_revision'), revisions);
      const [row] = await p.sql('select actor, action, object from audit order by audit_id desc limit 1');
      if (audit) assert.deepEqual(row, { actor: 'cleo', action: 'config.second_refused', object: audit });
    };
    await refused(apply([]), /a second person must agree.*S1\/L_T1\.high_high/);
    const dry = apply([], '', '--dry-run');
    assert.equal(dry.code, 0, dry.err);
    assert.match(dry.out, /^touches highly managed alarms: S1\/L_T1\.high_high$/m);
    await refused(apply(['--second', 'bea'], 'correct horse otto\n'), /the name or the password is wrong/, 'bea');
    await refused(apply(['--second', 'nobody'], 'correct horse bea\n'), /the name or the password is wrong/, 'nobody');
    await refused(apply(['--second', 'nick'], 'correct horse bea\n'), /the name or the password is wrong/, 'nick');
    await refused(apply(['--second', 'otto'], 'correct horse otto\n'), /no engineer or administrator/, 'otto');
    await refused(apply(['--second', 'cleo'], 'correct horse cleo\n'), /is the first person/);
    await refused(run(['config', 'apply', '-', '--reason', 'x', '--second', 'bea'], { input: '{}' }), /FILE cannot be -/);
    const r = apply(['--second', 'bea'], 'correct horse bea\n');
    assert.equal(r.code, 0, r.err);
    const [row] = await p.sql('select actor, second_actor, reason from config_revision order by revision desc limit 1');
    assert.deepEqual(row, { actor: 'cleo', second_actor: 'bea', reason: 'two' });
    const [audit] = await p.sql('select actor, action, detail from audit order by audit_id desc limit 1');
    assert.deepEqual(audit, { actor: 'cleo', action: 'config.change', detail: 'two (second person: bea)' });
  });

  test('a password is read from stdin, hashed, and ends open logins', async () => {
    const [{ user_id: id }] = await p.sql(`select user_id from app_user where name = 'ann'`);
    await p.sql(`insert into app_session (token_hash, user_id, expires_at) values (sha256('x'), $1, now() + interval '1 hour')`, [id]);
    for (const bad of ['', 'short\n', `${'x'.repeat(129)}\n`]) fails(['user', 'password', 'ann'], /12 to 128 bytes/, { input: bad });
    fails(['user', 'password', 'nobody'], /no such account/, { input: 'correct horse\n' });
    const r = run(['user', 'password', 'ann'], { input: 'correct horse ann\n' });
    assert.equal(r.code, 0, r.err);
    const [row] = await p.sql(`select password_hash from app_user where name = 'ann'`);
    assert.match(row.password_hash, /^\$argon2id\$/);
    assert.equal((await p.sql('select from app_session where closed_at is null')).length, 0);
  });

  // Settings of a database count in it alone, and what another of its users likes is not enough for what this says is done.
  test('what it says is done is on the disk, also where the database is set not to wait for that', async () => {
    await p.sql('create table waited (how text)');
    await p.sql(`create function waits() returns trigger language plpgsql as $$ begin insert into waited values (current_setting('synchronous_commit')); return null; end $$`);
    await p.sql('create trigger waits after insert on audit for each row execute function waits()');
    await p.sql(`do $$ begin execute format('alter database %I set synchronous_commit = off', current_database()); end $$`);
    try {
      done('user', 'add', 'wendy', '--role', 'viewer');
      assert.deepEqual((await p.sql('select how from waited')).map((r) => r.how), ['on']);
    } finally {
      await p.sql(`do $$ begin execute format('alter database %I reset synchronous_commit', current_database()); end $$`);
      await p.sql('drop trigger waits on audit');
    }
  });

  test('a login code is 128 bits, kept as a hash only, and the one before it ends', async () => {
    const first = done('login-code', 'ann').trim();
    const code = done('login-code', 'ann', '--minutes', '5').trim();
    assert.match(code, /^([0-9a-f]{4}-){7}[0-9a-f]{4}$/);
    assert.notEqual(code, first);
    const rows = await p.sql(`select code_hash, used_at is null as open, expires_at < now() + interval '6 minutes' as short from login_code`);
    const hashes = new Map(rows.map((r) => [r.code_hash.toString('hex'), r]));
    const hashOf = (text) => createHash('sha256').update(text).digest('hex');
    assert.deepEqual([hashes.get(hashOf(code)).open, hashes.get(hashOf(code)).short], [true, true]);
    assert.equal(hashes.get(hashOf(first)).open, false);
    for (const minutes of ['0', '10081', 'x', '5x', '']) fails(['login-code', 'ann', '--minutes', minutes], /whole number from 1 to 10080/);
    done('user', 'disable', 'ann');
    fails(['login-code', 'ann'], /ann: is disabled; first: penstock user enable ann/);
  });

  test('alarms that are not normal are listed from the journal', async () => {
    assert.equal(done('alarms'), '0 alarms\n');
    const [{ key }] = await p.sql(`select key from config_key where name = 'S1/L_T1.high'`);
    await p.sql(
      `insert into alarm_journal (seq, n, alarm_key, site_key, tag_key, revision, kind, from_letter, to_letter, occ, call, priority, src_us, at_us,
         raised_us, value, limit_value, quality, actor_key, actor, comment)
       values (1, 1, $1, 1, 1, 1, 'raise', 'A', 'B', 1, 1, 3, 1764000000000000, 1764000000000000, 1764000000000000, 4.5, 4.4, 0, 0, '', '')`, [key]);
    assert.match(done('alarms'), /^S1\/L_T1\.high\s+3\s+active, unacknowledged\s+2025-11-24T16:00:00Z\s+4\.5 \(limit 4\.4\)\n1 alarm$/m);
    await p.sql(
      `insert into alarm_journal (seq, n, alarm_key, site_key, tag_key, revision, kind, from_letter, to_letter, base_letter, facts, occ, call, priority,
         src_us, at_us, raised_us, value, limit_value, unit, quality, actor_key, actor, comment, until_us, cause)
       values (2, 2, $1, 1, 1, 1, 'shelve', 'B', 'G', 'B', 67, 1, 1, 3, 1764000060000000, 1764000060000000, 1764000000000000, 4.5, 4.4, 'm', 0, 1, 'ann',
         'repair', 1764003660000000, 'operator')`, [key]);
    assert.match(done('alarms'),
      /^S1\/L_T1\.high\s+3\s+shelved\s+2025-11-24T16:00:00Z\s+4\.5 m \(limit 4\.4 m\)\s+until 2025-11-24T17:01:00Z  by ann: repair  \(beneath: active, unacknowledged\)\n1 alarm$/m);
    assert.match(done('alarms', '--at', '2025-11-24T16:00:59Z'), /active, unacknowledged/);
    assert.equal(done('alarms', '--at', '2025-11-24T15:59:59Z'), '0 alarms\n');
    fails(['alarms', '--at', 'noon'], /--at: wants a time/);
  });
});
