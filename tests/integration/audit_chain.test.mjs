// The chain over the operations journal, end to end: it is sealed and signed while the server runs, exported to a file and to a syslog
// collector that is away, hangs and comes back, and verified by the command line, which finds what a superuser did to it.
// Covers: app/auditor.c, app/audit_watch.c, app/audit_seal.c, app/audit_export.c, syslog_sink.c
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import tls from 'node:tls';
import { Penstock, ownPort, sleep, until } from '../lib/penstock.mjs';

/** A syslog collector (RFC 5425) that keeps what it reads, unless it hangs: then it accepts and reads nothing. */
class Collector {
  constructor(p) {
    this.p = p;
    this.messages = [];
    this.sockets = new Set();
    this.connections = 0;
    this.breaks_at = 0; // after so many messages it breaks off the connection
  }

  async start({ hang = false } = {}) {
    const file = (name) => readFileSync(this.p.pkiFile(name));
    this.server = tls.createServer({ cert: file('web.pem'), key: file('web.key'), ca: file('ca.pem'), requestCert: true, rejectUnauthorized: true, pauseOnConnect: hang });
    const keep = (socket) => {
      this.sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.sockets.delete(socket));
    };
    if (hang) this.server.on('connection', keep);
    this.server.on('secureConnection', (socket) => {
      this.connections++;
      keep(socket);
      this.read(socket);
    });
    this.server.on('tlsClientError', () => {});
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
  }

  read(socket) {
    let rest = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        const space = rest.indexOf(0x20);
        if (space < 0) return;
        const n = Number(rest.subarray(0, space).toString('latin1'));
        assert.ok(n > 0, `a length: ${rest.subarray(0, 40)}`);
        if (rest.length < space + 1 + n) return;
        this.messages.push(rest.subarray(space + 1, space + 1 + n).toString('utf8'));
        rest = rest.subarray(space + 1 + n);
        if (this.messages.length === this.breaks_at) {
          socket.destroy();
          return;
        }
      }
    });
  }

  /** As a process that is killed: sockets go at once. */
  async kill() {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  rows() {
    return this.messages.filter((m) => !m.includes(' checkpoint [')).map((m) => Number(/\[penstock@32473 pos="(\d+)"/.exec(m)[1]));
  }
}

const range = (n) => Array.from({ length: n }, (_, i) => i + 1);
const unique = (v) => [...new Set(v)].sort((a, b) => a - b);
/** The whole lines: one may just be written. */
const lines = (file) => readFileSync(file, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line));

describe('the audit chain', { concurrency: false }, () => {
  // Of a gateway that is away on purpose: one that is missed would add to the journal by itself, two minutes after a start.
  const p = new Penstock({ config: { sites: [{ name: 'S1' }], gateways: [{ name: 'gw-s1', site: 'S1', enabled: false }], tags: [], alarms: [] } });
  const key = join(p.dir, 'audit.key');
  const file = join(p.dir, 'export', 'audit.jsonl');
  const collector = new Collector(p);
  before(async () => {
    await p.prepare({ gateways: ['gw-s1'] });
    p.penstock('audit', 'key', key);
    collector.port = await ownPort(); // nobody is there yet
    mkdirSync(join(p.dir, 'export'));
    p.settings = {
      audit_key: key,
      audit_file: file,
      syslog: { host: '127.0.0.1', port: collector.port, ca: p.pkiFile('ca.pem'), cert: p.pkiFile('gateways/gw-s1.pem'), key: p.pkiFile('gateways/gw-s1.key') },
    };
    await p.startServer();
  });
  after(async () => {
    await p.stop();
    await collector.kill().catch(() => {});
  });

  const health = async () => (await p.get('/api/health')).json.audit;
  const exported = async (name) => (await health()).exports.find((e) => e.name === name);
  const written = async () => Number((await p.sql('select (select count(*) from audit) + (select count(*) from alarm_journal) + (select count(*) from config_revision) as n'))[0].n);
  const sealed = () => until('all is sealed', async () => {
    const n = await written();
    return (await health()).sealed === n && n;
  });
  const addRows = (n) => p.sql(`insert into audit (actor, action, detail) select 'test', 'test', repeat('é', 300) from generate_series(1, ${n})`);
  const verify = (...args) => spawnSync(join(p.bin, 'penstock'), ['audit', 'verify', ...args], { encoding: 'utf8', env: { ...process.env, PENSTOCK_DB: p.conninfo } });
  const arrived = (name, n) => until(`${name} has all ${n}`, async () => (await exported(name)).position === n);

  test('what people do is sealed, signed and verified within seconds', async () => {
    await p.login('operator');
    const n = await sealed();
    const h = await until('it is signed', async () => {
      const now = await health();
      return now.checkpoint > 0 && now;
    });
    assert.equal(h.sealing, true);
    assert.equal(h.signed, true);
    assert.ok(Math.abs(Date.now() - Date.parse(h.sealed_at)) < 60_000, h.sealed_at);
    const done = verify('--key', `${key}.pub`);
    assert.equal(done.status, 0, done.stderr);
    assert.match(done.stdout, new RegExp(`positions 1 to ${n} are as they were sealed`));
    assert.match(done.stdout, /signed by the given key/);
  });

  test('the file has every position once, over a rotation too', async () => {
    const n = await sealed();
    await arrived('file', n);
    renameSync(file, `${file}.1`);
    await addRows(300);
    const all = await sealed();
    await arrived('file', all);
    const found = [...lines(`${file}.1`), ...lines(file)];
    assert.deepEqual(found.filter((l) => l.pos).map((l) => l.pos), range(all));
    const row = found.find((l) => l.source === 'audit' && l.row.action === 'login.ok') ?? found.find((l) => l.source === 'audit');
    assert.equal(row.row.audit_id, row.id);
    assert.match(row.hash, /^[0-9a-f]{64}$/);
    assert.ok(found.some((l) => l.checkpoint && l.signature.length === 128), 'checkpoints are exported');
  });

  test('what cannot be written waits, and follows when there is a place for it', async () => {
    renameSync(file, `${file}.2`);
    mkdirSync(file); // a folder is no file to append to
    await addRows(5);
    const all = await sealed();
    await until('the export fails', async () => (await exported('file')).state === 'failing');
    await p.says('penstockd', /audit\.not_exported name=file/);
    rmdirSync(file);
    await arrived('file', all);
    const positions = lines(file).filter((l) => l.pos).map((l) => l.pos);
    assert.deepEqual(positions, range(all).slice(-5));
  });

  test('a collector that was away gets everything, from the first position on', async () => {
    assert.equal((await exported('syslog')).state, 'failing');
    assert.equal((await exported('syslog')).position, 0);
    await collector.start();
    const all = await sealed();
    await arrived('syslog', all);
    assert.deepEqual(unique(collector.rows()), range(all));
    const message = collector.messages.find((m) => m.includes(' audit ['));
    assert.match(message, /^<109>1 \d{4}-\d\d-\d\dT[0-9:.]+Z \S+ penstock \d+ audit \[penstock@32473 pos="\d+" id="\d+" hash="[0-9a-f]{64}"\] (\ufeff)?\{"pos":/);
    assert.ok(collector.messages.some((m) => m.includes(' checkpoint [')));
  });

  test('a collector that is killed in the middle, or hangs, leaves no gap', async () => {
    collector.breaks_at = collector.messages.length + 300;
    await addRows(3000);
    await until('some came', () => collector.messages.length >= collector.breaks_at);
    await collector.kill();
    await collector.start({ hang: true });
    await addRows(1000);
    await until('it is tried', () => collector.sockets.size > 0);
    await sleep(2000);
    await collector.kill();
    await collector.start();
    const all = await sealed();
    await arrived('syslog', all);
    const rows = collector.rows();
    assert.deepEqual(unique(rows), range(all));
    // In order, but for steps back to where it began again.
    let steps = 0;
    rows.forEach((pos, i) => {
      if (i > 0 && pos <= rows[i - 1]) steps++;
      else if (i > 0) assert.equal(pos, rows[i - 1] + 1);
    });
    assert.ok(steps >= 1 && steps <= 6, `${steps} steps back`);
  });

  test('a server that is killed goes on where the exports are', async () => {
    await addRows(2500);
    await until('some is on its way', async () => (await health()).sealed > 5000);
    await p.kill(p.server);
    const before = collector.messages.length;
    await p.startServer();
    const all = await sealed();
    await arrived('syslog', all);
    await arrived('file', all);
    assert.deepEqual(unique(collector.rows()), range(all));
    const positions = [`${file}.1`, `${file}.2`, file].filter(existsSync).flatMap(lines).filter((l) => l.pos).map((l) => l.pos);
    assert.deepEqual(unique(positions), range(all));
    assert.ok(collector.messages.length - before < all, 'what had arrived is not all sent again');
  });

  test('the exported file is the anchor: verify finds a tail that was cut in the database', async () => {
    const n = await sealed();
    await until('a checkpoint of the last rows', async () => (await health()).checkpoint > n - 1000);
    const { checkpoint } = await health();
    await until('it is exported', () => lines(file).some((l) => l.checkpoint === checkpoint));
    assert.equal(verify('--key', `${key}.pub`, '--checkpoints', file).status, 0);
    await p.kill(p.server, 'SIGTERM');
    const last = (await p.sql('select max(audit_id) as id from audit'))[0].id;
    for (const table of ['audit', 'chain', 'chain_checkpoint']) await p.sql(`alter table ${table} disable trigger user`);
    await p.sql(`update audit set actor = 'nobody' where audit_id = ${last}`);
    let done = verify();
    assert.equal(done.status, 1);
    assert.match(done.stderr, new RegExp(`audit ${last} \\(position \\d+\\): was changed`));
    await p.sql(`delete from chain where pos >= ${checkpoint}`);
    await p.sql(`delete from chain_checkpoint where pos >= ${checkpoint}`);
    await p.sql(`delete from audit where not exists (select from chain where source = 2 and row_id = audit_id)`);
    done = verify();
    assert.equal(done.status, 1);
    assert.match(done.stderr, /chain: ends at position \d+, but was exported up to \d+: its tail was cut off/);
    await p.sql('update chain_sink set pos = least(pos, (select max(pos) from chain)), checkpoint_pos = 0');
    assert.equal(verify().status, 0, 'by itself the rest is whole');
    done = verify('--checkpoints', file);
    assert.equal(done.status, 1);
    assert.match(done.stderr, /checkpoint at position \d+: the chain ends at position \d+: its tail was cut off/);
  });

  test('an export that is more than five minutes behind rings, until it has caught up', async () => {
    await p.sql('update chain set sealed_us = sealed_us - 600000000 where pos = (select max(pos) from chain)'); // the triggers are off
    await p.sql("update chain_sink set pos = (select max(pos) - 1 from chain), checkpoint_pos = 0 where name = 'syslog'");
    await collector.kill();
    await p.startServer();
    const operator = await p.login('operator');
    const config = JSON.parse(p.penstock('config', 'export'));
    const own = config.alarms.find((a) => a.name === '_server/audit.behind');
    const change = join(p.dir, 'change.json');
    writeFileSync(change, JSON.stringify({ alarms: [{ ...own, on_delay_s: 0 }] }));
    p.penstock('config', 'apply', change, '--reason', 'test');
    const alarm = async () => (await operator.get('/api/alarms?state=all')).json.alarms.find((a) => a.name === own.name);
    await until('it rings', async () => (await alarm())?.letter === 'B');
    assert.equal((await exported('syslog')).state, 'failing');
    assert.ok((await exported('syslog')).waiting_s >= 600);
    await collector.start();
    await until('it has returned', async () => (await alarm()).letter === 'D');
    await until('nothing waits', async () => (await exported('syslog')).waiting_s === 0); // that it has returned waits, too
  });

  test('a tail that is cut while the server runs rings, is in the audit, and arrives outside', async () => {
    const operator = await p.login('operator');
    const n = await sealed();
    await arrived('file', n);
    assert.equal((await health()).broken_at, null);
    assert.equal((await operator.get('/api/store')).json.audit.broken_us, null);
    const first = (await p.sql('select row_id as id from chain where source = 2 and pos > $1 order by pos limit 1', [n - 3]))[0].id;
    await p.sql('with gone as (delete from chain where pos > $1) delete from audit where audit_id >= $2', [n - 3, first]); // the triggers are off
    const alarm = async () => (await operator.get('/api/alarms?state=all')).json.alarms.find((a) => a.name === '_server/audit.broken');
    await until('it rings', async () => (await alarm())?.letter === 'B');
    await p.says('penstockd', /audit\.broken where="\w+ \d+ \(position \d+\)" text="its place/);
    assert.ok(Math.abs(Date.now() - Date.parse((await health()).broken_at)) < 60_000);
    assert.ok((await operator.get('/api/store')).json.audit.broken_us > 0);
    const written = await until('the audit has it', async () => (await p.sql(`select object, detail, actor from audit where action = 'audit.broken'`))[0]);
    assert.equal(written.actor, 'penstockd');
    assert.match(written.detail, /its place/);
    await until('it is exported', () => lines(file).some((l) => l.row?.action === 'audit.broken'));
  });

  test('mistakes are told', () => {
    assert.match(verify('--from', '0').stderr, /--from: wants a position/);
    assert.match(verify('--as-of', 'yesterday').stderr, /--as-of: wants a time like/);
    assert.match(verify('--key', key).stderr, /wants 1 to 16 Ed25519 public keys/);
    assert.match(verify('--checkpoints', key).stderr, /has no checkpoint/);
    assert.throws(() => p.penstock('audit', 'key', key), /File exists|is there already/);
  });
});
