// Starting wrongly: each refusal names the place and what would be right, and what runs goes on undisturbed.
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { Penstock, root, until } from '../lib/penstock.mjs';

describe('wrong starts', { concurrency: false }, () => {
  const p = new Penstock({});
  before(async () => {
    await p.prepare({ gateways: ['gw-s1'] });
    await p.startServer();
  });
  after(() => p.stop());

  const healthy = async () => assert.equal((await p.get('/api/health')).status, 200);

  /** Runs penstockd with this configuration until it ends; its output. */
  const refused = async (config, name) => {
    const file = join(p.dir, `${name}.json`);
    writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config));
    const child = p.spawn(name, join(p.bin, 'penstockd'), ['--config', file]);
    const end = await child.ended;
    assert.notEqual(end.code, 0, 'it must not start');
    assert.equal(end.signal, null, p.log(name));
    await healthy();
    return p.log(name);
  };
  const other = (change) => {
    const config = p.serverConfig();
    config.link.port = 0;
    config.web.port = 0;
    config.ports_file = join(p.dir, 'other-ports.json');
    change(config);
    return config;
  };

  test('the server cannot change a journal', async () => {
    const connections = async () => Number((await p.sql(`select count(*) as n from pg_stat_activity where usename = 'penstock_app'`))[0].n);
    await until('its connections are made', async () => (await connections()) >= 5);
    const rights = await p.sql(`select distinct a.usename, t.name, v.verb from pg_stat_activity a
      cross join (values ('alarm_journal'), ('audit'), ('config_revision'), ('config_item')) t(name)
      cross join (values ('update'), ('delete'), ('truncate'), ('trigger')) v(verb)
      where a.application_name like 'penstock %' and a.application_name <> 'penstock migrate' and has_table_privilege(a.usesysid, t.name, v.verb)`);
    assert.deepEqual(rights, []);
  });

  test('a second server on the same database', async () => {
    assert.match(await refused(other(() => {}), 'second'), /store\.fatal.*(another|already|serves|pid)/i);
  });

  test('a second server on the same ports', async () => {
    assert.match(await refused(other((c) => (c.web.port = p.ports.web)), 'web-port'), new RegExp(`${p.ports.web}`));
    assert.match(await refused(other((c) => (c.link.port = p.ports.link)), 'link-port'), new RegExp(`${p.ports.link}`));
  });

  test('files that are not there, are no JSON, or say something unknown', async () => {
    assert.match(await refused('{"db": }', 'no-json'), /line 1/);
    assert.match(await refused(other((c) => (c.colour = 'red')), 'unknown'), /\/colour/);
    const torn = await refused(other((c) => (c.db = 'postgresql://me:hush@SECRET@127.0.0.1/x')), 'torn-db');
    assert.match(torn, /\/db.*%40/);
    assert.doesNotMatch(torn, /SECRET|hush/);
    assert.match(await refused(other((c) => (c.link.key = '/nonexistent.key')), 'no-key'), /nonexistent\.key/);
    assert.match(await refused(other((c) => (c.web.cert = p.pkiFile('link.key'))), 'no-cert'), /link\.key/);
    assert.match(await refused(other((c) => (c.ports_file = '/nonexistent/ports.json')), 'no-ports'), /ports/);
  });

  test('a missing, an altered and a newer schema', async () => {
    const base = p.conninfo;
    const make = (name) => {
      execFileSync('psql', [base, '-qc', `create database ${name}`]);
      return base.replace(/dbname=\S+/, `dbname=${name}`);
    };
    const empty = make('empty_one');
    assert.match(await refused(other((c) => (c.db = empty)), 'empty'), /penstock migrate/);
    const newer = make('newer_one');
    execFileSync(join(p.bin, 'penstock'), ['--db', newer, 'migrate', '--dir', join(root, 'migrations')], { stdio: 'pipe' });
    execFileSync('psql', [newer, '-qc', `insert into schema_migration (version, name, sha256) values (9999, '9999_from_the_future.sql', repeat('0', 64))`]);
    assert.match(await refused(other((c) => (c.db = newer)), 'newer'), /newer|9999/);
    const again = spawnSync(join(p.bin, 'penstock'), ['--db', newer, 'migrate', '--dir', join(root, 'migrations')], { encoding: 'utf8' });
    assert.notEqual(again.status, 0);
    assert.match(again.stderr, /9999/);
    const altered = make('altered_one');
    execFileSync(join(p.bin, 'penstock'), ['--db', altered, 'migrate', '--dir', join(root, 'migrations')], { stdio: 'pipe' });
    execFileSync('psql', [altered, '-qc', `update schema_migration set sha256 = repeat('0', 64) where version = 1`]);
    assert.match(await refused(other((c) => (c.db = altered)), 'altered'), /0001_/);
  });

  test('a server whose database is away waits for it and says so', async () => {
    const q = new Penstock({ config: null });
    try {
      await q.prepare({ gateways: [] });
      await q.stopDatabase();
      await q.startServer({}, { wait: false });
      const health = await until('an answer', () => q.get('/api/health').catch(() => null));
      assert.equal(health.status, 503);
      assert.equal(health.json.status, 'starting');
      await q.startDatabase();
      await until('ready', async () => (await q.get('/api/health')).status === 200);
    } finally {
      await q.stop();
    }
  });

  test('a configuration that contradicts itself is refused whole, each fault with its place', () => {
    const file = join(p.dir, 'bad.json');
    writeFileSync(file, JSON.stringify({
      sites: [{ name: 'X1' }], gateways: [{ name: 'gw-x1', site: 'X9' }],
      tags: [{ name: 'X1/a', gateway: 'gw-x1', low: 5, high: 5 }, { name: 'X1/b', gateway: 'gw-none', low: 0, high: 1 }],
      alarms: [{ name: 'X1/a.high', tag: 'X1/zzz', kind: 'high', limit: 1, priority: 9 }],
    }));
    const run = spawnSync(join(p.bin, 'penstock'), ['config', 'check', file], { encoding: 'utf8' });
    assert.equal(run.status, 1);
    for (const pattern of [/low|high/, /priority/]) assert.match(run.stdout + run.stderr, pattern);
    const dup = join(p.dir, 'dup.json');
    writeFileSync(dup, '{"sites":[{"name":"A","name":"B"}],"gateways":[],"tags":[],"alarms":[]}');
    const twice = spawnSync(join(p.bin, 'penstock'), ['config', 'check', dup], { encoding: 'utf8' });
    assert.equal(twice.status, 1);
    assert.match(twice.stderr, /name/);
  });

  test('a configuration applied by the command line reaches the running server', async () => {
    const admin = await p.login('admin');
    const file = join(p.dir, 'more.json');
    writeFileSync(file, JSON.stringify({ sites: [{ name: 'X1', title: 'Station X' }], gateways: [], tags: [], alarms: [] }));
    p.penstock('config', 'apply', file, '--reason', 'one more station');
    await until('the new site', async () => (await admin.get('/api/sites')).json.sites.some((s) => s.name === 'X1'));
    assert.equal((await admin.get('/api/revisions')).json.revisions[0].reason, 'one more station');
  });

  test('changes by the command line and by REST at the same time are all in force', async () => {
    const engineer = await p.login('engineer');
    for (let i = 0; i < 6; i++) {
      const file = join(p.dir, `beside-${i}.json`);
      writeFileSync(file, JSON.stringify({ sites: [{ name: `C${i}`, title: 'by the command line' }], gateways: [], tags: [], alarms: [] }));
      const put = () => engineer.put(`/api/sites/R${i}`, { body: { reason: 'beside', value: { name: `R${i}` } }, headers: { 'If-None-Match': '*' } });
      const [, answer] = await Promise.all([
        promisify(execFile)(join(p.bin, 'penstock'), ['--db', p.conninfo, 'config', 'apply', file, '--reason', 'beside']),
        put(),
      ]);
      if (answer.status !== 201) assert.equal((await put()).status, 201, answer.text);
    }
    const inForce = async () => (await engineer.get('/api/config')).json.sites.map((x) => x.name).sort();
    const stored = (await p.sql(`select name from config_now where kind = 'site' order by name`)).map((r) => r.name).sort();
    await until('what is stored is in force', async () => JSON.stringify(await inForce()) === JSON.stringify(stored));
  });

  test('accounts: a one-time code works once, a disabled user is out at once', async () => {
    p.penstock('user', 'add', 'ann', '--role', 'operator');
    const code = p.penstock('login-code', 'ann').trim().split(/\s+/).at(-1);
    const log = (password) => p.request('POST', '/api/session', { body: { user: 'ann', password } });
    const first = await log(code);
    assert.equal(first.status, 200, first.text);
    assert.equal(first.json.must_change_password, true);
    assert.equal((await log(code)).status, 401, 'a second time');
    const cookie = String(first.headers['set-cookie']).split(';')[0];
    const set = (body) => p.request('PUT', '/api/session/password', { cookie, body });
    assert.ok([400, 422].includes((await set({ new: 'short' })).status));
    assert.equal((await set({ new: 'a long enough sentence' })).status, 204);
    assert.equal((await log('a long enough sentence')).status, 200);
    p.penstock('user', 'disable', 'ann');
    await until('the session is dead', async () => (await p.get('/api/session', { cookie })).status === 401);
    assert.equal((await log('a long enough sentence')).status, 401);
  });

  test('the demo refuses a state directory that it cannot write, and a port that is none', { skip: process.getuid() === 0 && 'root can write everywhere; tried with a file in the way instead' }, () => {
    const dir = join(p.dir, 'closed');
    mkdirSync(dir);
    chmodSync(dir, 0o500);
    const run = spawnSync(join(root, 'deploy/demo'), ['--state', dir], { encoding: 'utf8' });
    assert.match(run.stderr, /cannot be written/);
  });

  test('the demo refuses a state directory that is a file, and a port that is none', () => {
    const file = join(p.dir, 'file');
    writeFileSync(file, '');
    const run = spawnSync(join(root, 'deploy/demo'), ['--state', file], { encoding: 'utf8' });
    assert.notEqual(run.status, 0);
    assert.match(run.stderr, /cannot be written/);
    assert.match(spawnSync(join(root, 'deploy/demo'), ['--port', '99999'], { encoding: 'utf8' }).stderr, /no port/);
  });
});
