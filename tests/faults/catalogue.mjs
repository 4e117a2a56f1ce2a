// The catalogue of faults: each is done to a whole Penstock whose gateways speak through a bad line (proxy.mjs), and after each the books must
// balance, by SQL: every sample that the gateways produced is stored once and as it was, nothing else is, the ledger has every number, and the
// alarm journal is whole.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { alarmJournalBreaches, chainBreaches, historyBreaches, ledgerBreaches, sampleBreaches } from '../lib/invariants.mjs';
import { CODE, FLAG, TYPE, data, dict, frame, hello, peer, ping, randomEpoch, welcomed } from '../lib/link.mjs';
import { Penstock, root, sleep, until } from '../lib/penstock.mjs';
import { children, killAll, random } from './kill.mjs';
import { Proxy } from './proxy.mjs';

const LIAR = 'gw-s4'; // what it says to have is not what it has: its ledger must balance, but what it calls lost is its own affair
const SITES = { 'gw-s1': 'S1', 'gw-s3': 'S3' };
const us = () => BigInt(Date.now()) * 1000n;

/** Two gateways of the demo behind a proxy; two more identities for peers of the test's own: gw-s2 behaves, gw-s4 does not. */
export class Bench {
  /** before(p), between(p): done before there is anything, and before the server starts. journal: settings of the gateways' journals. */
  async start({ build = 'asan', before, between, journal = {} } = {}) {
    this.journal = journal;
    const config = JSON.parse(readFileSync(join(root, 'deploy/demo-config.json'), 'utf8'));
    for (const alarm of config.alarms) Object.assign(alarm, { on_delay_s: 0, off_delay_s: 0 });
    this.p = new Penstock({ config, build });
    this.p.settings = { pack_after_s: 1 }; // faults strike the packer, too, and samples lie in both places when the books are made
    await before?.(this.p);
    await this.p.prepare({ gateways: ['gw-s1', 'gw-s2', 'gw-s3', 'gw-s4'] });
    await between?.(this.p);
    await this.p.startServer();
    this.proxy = new Proxy(() => this.p.ports.link);
    await this.proxy.listen();
    this.accepted = Object.fromEntries(config.gateways.filter((g) => g.name !== LIAR).map(({ name }) => [name, { lost: 0, waiting: 0, dropped: 0, conflicts: 0 }]));
    return this;
  }

  async stop() {
    try {
      await this.p.stop();
    } finally {
      await this.proxy?.close();
    }
  }

  async renew() {
    await this.stop().catch(() => {});
    await this.start();
  }

  ledger(name) {
    return join(this.p.dir, 'gateways', `${name}.ledger`);
  }

  startGateway(name, rows) {
    return this.p.startGateway(name, {
      speed: 1800,
      patch: {
        server: { host: '127.0.0.1', port: this.proxy.port, name: 'localhost' },
        ledger: this.ledger(name), flush_ms: 50, exit_when_done: true, source: { loop: false, rows }, journal: this.journal,
      },
    });
  }

  /** How many of its starts have brought something. */
  async starts(name) {
    return Number((await this.p.sql('select count(*) as n from gateway_epoch e join config_key k on k.key = e.gateway_key where k.name = $1', [name]))[0].n);
  }

  async ready() {
    await until('the server stores', async () => (await this.p.get('/api/health').catch(() => null))?.json?.store?.state === 'ok');
  }

  /** Lets both gateways replay while `fault` happens; then all must be well again by itself, and the books must balance. */
  async during(fault, { rows = 120, expected } = {}) {
    const before = {};
    for (const name of Object.keys(SITES)) before[name] = await this.starts(name);
    const gateways = Object.keys(SITES).map((name) => this.startGateway(name, rows));
    const ends = gateways.map((g) => g.ended);
    for (const name of Object.keys(SITES)) await until(`${name} has brought something`, async () => (await this.starts(name)) > before[name]);
    await fault({ gateways, ended: (i) => ends[i] });
    await this.ready();
    for (const [i, name] of Object.keys(SITES).entries()) {
      let end;
      ends[i].then((how) => (end = how));
      await until(`${name} has brought all`, () => end, 300).catch((e) => { throw new Error(`${e.message}; ${this.p.log(name).slice(-500)}`); });
      assert.equal(end.code, 0, `${name} did not end well: ${this.p.log(name).slice(-800)}`);
    }
    await this.balance(await expected?.());
  }

  /** What the ledger has of each gateway beside what is stored. */
  async ledgerNow() {
    const rows = await this.p.sql('select gateway, balanced, lost, waiting, dropped, conflicts from ledger_now()');
    assert.deepEqual(rows.filter((r) => !r.balanced).map((r) => r.gateway), [], 'the ledger balances');
    return Object.fromEntries(rows.filter((r) => r.gateway !== LIAR).map((r) => [r.gateway, { lost: Number(r.lost), waiting: Number(r.waiting), dropped: Number(r.dropped), conflicts: Number(r.conflicts) }]));
  }

  /** expected: by gateway, what the fault leaves in its ledger; nothing, unless it is said. The benches' faults add up. */
  async balance(expected = {}) {
    for (const [name, more] of Object.entries(expected)) for (const [what, n] of Object.entries(more)) this.accepted[name][what] += n;
    let now;
    await until('the notes of the ledger are written', async () => { now = await this.ledgerNow(); return JSON.stringify(now) === JSON.stringify(this.accepted); }).catch(() => {});
    assert.deepEqual(now, this.accepted);
    const breaches = [...(await alarmJournalBreaches(this.p)), ...(await historyBreaches(this.p)), ...chainBreaches(this.p)];
    for (const [name, site] of Object.entries(SITES)) breaches.push(...(await sampleBreaches(this.p, site, name, this.ledger(name))));
    breaches.push(...(await this.p.sql(
      `select k.name, e.epoch, e.ranges::text from gateway_epoch e join config_key k on k.key = e.gateway_key
        where (select count(*) from ingest_batch b where b.gateway_key = e.gateway_key and b.epoch = e.epoch)
           <> (select coalesce(sum(upper(r) - lower(r)), 0) from unnest(e.ranges) r)`)).map((r) => `${r.name}: ranges ${r.ranges} of ${r.epoch} are not its records`));
    assert.deepEqual(breaches, []);
    assert.equal((await this.p.get('/api/health')).status, 200);
  }

  /** A well-behaved peer delivers and is acknowledged, whatever another does meanwhile. */
  async good() {
    const g = await welcomed(this.p, 'gw-s2', { answers: true });
    let seq = 0;
    g.send(dict({ seq: seq++, entries: [[1, 'L_T3']] }));
    await g.acked(0);
    g.delivers = async () => {
      assert.ok(!g.closed, 'the good gateway was cut off');
      const n = seq++;
      g.send(data({ seq: n, samples: [[1, us(), 3]] }));
      await g.acked(n);
    };
    /** A value, whose acknowledgement nobody waits for. */
    g.rings = (value) => {
      g.send(data({ seq: seq++, samples: [[1, us(), value]] }));
      return seq - 1;
    };
    return g;
  }

  /** Rings: raised and not hidden, of a site or of one alarm, since journal number `after`. */
  rings(pattern, after = 0n) {
    return this.p.sql(`select name from alarm_annunciation where name like $1 and seq > $2 order by seq`, [pattern, after]).then((r) => r.map((x) => x.name));
  }

  async journalEnd() {
    return (await this.p.sql('select coalesce(max(seq), 0)::bigint as n from alarm_journal'))[0].n;
  }

  /** A peer as gw-s2, by a line of its own that can be broken. */
  async lonePeer(options = {}) {
    const line = new Proxy(() => this.p.ports.link);
    await line.listen();
    const far = { pkiFile: (name) => this.p.pkiFile(name), ports: { link: line.port } };
    const g = await welcomed(far, 'gw-s2', { answers: true, ...options });
    return { g, line };
  }

  /** One row of /api/gateways. */
  async gateway(viewer, name) {
    return (await viewer.get('/api/gateways')).json.gateways.find((g) => g.name === name);
  }

  quarantined(epoch) {
    return this.p.sql('select seq, code, reason from quarantine where epoch = $1 order by seq', [BigInt.asIntN(64, epoch)]);
  }

  audited(action, pattern) {
    return until(`an audit row ${action} like ${pattern}`, async () =>
      (await this.p.sql('select object, detail from audit where action = $1 order by audit_id desc limit 50', [action])).some((r) => pattern.test(`${r.object} ${r.detail}`)));
  }
}

const clusterPid = (p) => Number(readFileSync(join(p.dir, 'pg', 'data', 'postmaster.pid'), 'utf8').split('\n')[0]);

/** Starts the server anew and kills it at its n-th call of this name, by strace; sendto is to PostgreSQL, write to gateways and the log. */
async function killAtSend(b, call, n) {
  const { p } = b;
  const begin = performance.now();
  await p.kill(p.server);
  const file = join(p.dir, 'penstockd.json');
  writeFileSync(file, JSON.stringify(p.serverConfig()));
  const tracer = p.spawn('strace', 'strace', ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${n}`, join(p.bin, 'penstockd'), '--config', file]);
  let ended;
  tracer.ended.then(() => (ended = true));
  await until('the kill, or enough of waiting for it', () => ended || performance.now() - begin > 10000);
  const struck = ended === true;
  if (!struck) killAll(children(tracer.pid));
  await tracer.ended;
  await p.startServer({}, { wait: false });
  return struck;
}

/** What must be in the database again as it was: rows of each table, as one hash. Without what the server writes by itself all the time. */
async function fingerprint(p) {
  const tables = (await p.sql(`select relname as name from pg_class where relkind in ('r', 'p') and not relispartition and relnamespace = 'public'::regnamespace
    and relname not in ('store_restore', 'audit', 'app_session') order by 1`)).map((r) => r.name);
  const of = async (name) => (await p.sql(`select count(*)::text || ' ' || coalesce(md5(string_agg(t::text, ' ' order by t::text)), '') as hash from ${name} t`))[0].hash;
  const all = {};
  for (const name of tables) all[name] = await of(name);
  return all;
}

const recordsOf = async (p, name) => new Set((await p.sql(
  `select b.epoch, b.seq from ingest_batch b join config_key k on k.key = b.gateway_key where k.name = $1`, [name])).map((r) => `${r.epoch} ${r.seq}`));

async function allRecords(p) {
  const all = {};
  for (const name of Object.keys(SITES)) all[name] = await recordsOf(p, name);
  return all;
}

/** The drill of deploy/README.md, while two gateways go on; gw-s3 is started anew in between, and what it had then is known to nobody else any more. */
async function restoreDrill(b) {
  const { p } = b;
  const backups = join(p.dir, 'backups');
  const sh = (...args) => execFileSync(args[0], args.slice(1), { encoding: 'utf8' });
  const stored = (name, n) => until(`${n} records of ${name}`, async () => (await recordsOf(p, name)).size >= n, 120);
  const follow = p.spawn('follow', join(p.bin, 'penstock'), ['backup', 'follow', backups], { env: { PENSTOCK_DB: p.conninfo } });
  // gw-s1 keeps nothing of what was acknowledged, gw-s3 as much as usual.
  const endless = (name) => p.startGateway(name, {
    speed: 1800, patch: {
      server: { host: '127.0.0.1', port: b.proxy.port, name: 'localhost' }, ledger: b.ledger(name), flush_ms: 50, source: { loop: true },
      journal: name === 'gw-s1' ? { keep_mib: 0 } : {},
    },
  });
  const gateways = { 'gw-s1': endless('gw-s1'), 'gw-s3': endless('gw-s3') };
  for (const name of Object.keys(SITES)) await stored(name, 20);
  await until('the WAL is followed', () => { try { p.penstock('backup', 'check', backups); return true; } catch { return false; } });
  p.penstock('backup', backups);

  // The moment: between two lives of the server, so that all of it is known.
  await p.kill(p.server);
  await until('what it had begun has ended', async () => (await p.sql(`select 1 from pg_stat_activity where application_name like 'penstock%' and backend_type = 'client backend'`)).length === 0);
  const at = (await p.sql(`select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as t`))[0].t;
  const then = await fingerprint(p);
  const had = await allRecords(p);
  await sleep(100);
  await p.startServer();

  // What is done afterwards is acknowledged, and will be forgotten.
  for (const name of Object.keys(SITES)) await stored(name, had[name].size + 30);
  await p.kill(gateways['gw-s3'], 'SIGTERM');
  gateways['gw-s3'] = endless('gw-s3');
  await stored('gw-s3', (await recordsOf(p, 'gw-s3')).size + 30);
  const operator = await p.login('operator');
  const [{ last_value: sessions }] = await p.sql('select last_value from gateway_session');
  const known = await allRecords(p);

  // The drill.
  await p.kill(p.server);
  await p.stopDatabase('fast');
  await p.kill(follow, 'SIGTERM');
  const data = join(p.dir, 'pg/data');
  p.penstock('restore', backups, `${data}.then`, '--to', at);
  sh('mv', data, `${data}.before`);
  sh('mv', `${data}.then`, data);
  await p.startDatabase();
  assert.deepEqual(await fingerprint(p), then, 'the database is as it was at that moment');
  const begin = us();
  await p.startServer();

  assert.equal((await p.get('/api/session', { cookie: operator.cookie })).status, 401, 'who had logged in logs in again');
  await stored('gw-s1', had['gw-s1'].size + 30);
  await until('gw-s3 has sent again what it kept', async () => { const now = await recordsOf(p, 'gw-s3'); return [...known['gw-s3']].every((r) => now.has(r)); }, 60).catch(() => {});
  for (const [name, g] of Object.entries(gateways)) {
    await p.kill(g, 'SIGTERM');
    await until(`${name} waits with nothing that was sent`, async () => (await p.sql('select bool_and(balanced) as yes from ledger_now($1)', [name]))[0].yes);
  }
  const [{ first }] = await p.sql('select min(session) as first from gateway_said where said_us >= $1', [begin]);
  assert.ok(first > sessions, `session ${first} may have been given out before: ${sessions} was`);

  // Each number that was acknowledged is stored, or a hole with its number and its time; nothing is silent.
  const restored = (await p.sql(`select gateway, from_us, to_us from ledger_gap() where state = 'restored' and gateway = any($1) order by 1`, [Object.keys(SITES)]));
  assert.deepEqual(restored.map((r) => r.gateway), Object.keys(SITES));
  for (const r of restored) assert.ok(r.from_us <= BigInt(Date.parse(at)) * 1000n + 999n && r.to_us <= us() && r.to_us > r.from_us);
  const shown = (await (await p.login('viewer')).get('/api/gateways/gw-s1/ledger')).json.gaps;
  const [set, hole] = [shown.find((g) => g.state === 'restored'), shown.find((g) => g.state === 'lost')];
  assert.deepEqual([set.epoch, set.first, set.end, set.samples], [null, null, null, null]);
  assert.ok(set.from <= at && at < set.to, JSON.stringify(set));
  assert.ok(hole.end > hole.first && hole.from < hole.to, JSON.stringify(hole));
  const counts = {};
  for (const name of Object.keys(SITES)) {
    const now = await recordsOf(p, name);
    const gaps = await p.sql(`select epoch, state, first_seq, end_seq, from_us, to_us from ledger_gap($1) where state <> 'restored'`, [name]);
    const missing = [...known[name]].filter((r) => !now.has(r)).map((r) => r.split(' ').map(BigInt));
    const unseen = missing.filter(([epoch, seq]) => !gaps.some((g) => g.epoch === epoch && g.first_seq <= seq && seq < g.end_seq && g.state === 'lost' && g.to_us));
    assert.ok([...had[name]].every((r) => now.has(r)), 'what was there at the moment is there');
    counts[name] = { acknowledged: known[name].size, then: had[name].size, lost: missing.length, unseen: unseen.length };
  }
  console.log(JSON.stringify(counts));
  assert.ok(counts['gw-s1'].lost > 0, 'what nobody kept is lost');
  assert.equal(counts['gw-s1'].unseen, 0, 'and none of it silently');
  assert.equal(counts['gw-s3'].lost, 0, 'what was kept came again, of the start that had ended, too');
  assert.deepEqual((await p.sql('select gateway from ledger_now() where not balanced')), []);
  assert.deepEqual(await alarmJournalBreaches(p), []);
  assert.deepEqual(await ledgerBreaches(p), []);
}

/** id, what, short: runs with all other tests; run(b). */
export const faults = [
  {
    id: 'F-01', what: 'the server is killed at one of its sends, to PostgreSQL or to a gateway', short: false,
    async run(b, seed) {
      const next = random(seed);
      let struck = 0;
      for (let i = 0; i < 8; i++) await b.during(async () => { struck += (await killAtSend(b, ...(i % 2 ? ['write', 10 + next(30)] : ['sendto', 10 + next(60)]))) ? 1 : 0; }, { rows: 120 });
      console.log(`SEED=${seed}: killed at a send ${struck} times of 8`);
      assert.ok(struck > 0, 'it was never killed at a send');
    },
  },
  {
    id: 'F-04', what: 'PostgreSQL is restarted fast, at once, and killed', short: false,
    async run(b) {
      const viewer = await b.p.login('viewer');
      for (const how of ['fast', 'immediate', 'kill']) {
        await b.during(async () => {
          const live = await b.p.live(viewer);
          live.send({ op: 'sub', id: 1, view: 'overview', ms: 200 });
          await live.find('a picture', (m) => m.op === 'snap');
          const good = await b.good();
          await good.delivers();
          if (how === 'kill') process.kill(clusterPid(b.p), 'SIGKILL');
          else await b.p.stopDatabase(how);
          await b.p.closeSql();
          // Nothing is stored now: gateways are told, and the room sees and hears all the same.
          let id = 0n;
          await until('gateways are told that nothing is stored', () => { good.send(ping(++id)); return good.frames.some((f) => f.name === 'PONG' && f.body[32] === 2); });
          const mark = live.messages.length;
          good.rings(6.9);
          const since = (what, condition) => until(what, () => live.messages.slice(mark).some(condition));
          await since('an alarm rings', (m) => m.op === 'alarm' && m.a?.name === 'S2/L_T3.high_high' && ['raise', 'reraise'].includes(m.r.kind));
          await since('values still move', (m) => m.op === 'd' && m.v.length > 0);
          await until('PostgreSQL starts again', () => b.p.startDatabase().then(() => true, () => false));
          await good.delivers(); // and what was sent meanwhile is acknowledged before it
          good.end();
          live.socket.terminate();
        });
      }
    },
  },
  {
    id: 'F-05', what: 'connections to PostgreSQL are ended in the middle of transactions and of COMMIT', short: true,
    async run(b) {
      await b.during(async ({ ended }) => {
        let done = false;
        ended(0).then(() => (done = true));
        let n = 0;
        for (; n < 20 && !done; await sleep(60)) {
          n += (await b.p.sql(`select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'penstock%' and backend_type = 'client backend' and state <> 'idle'`)).length;
        }
        assert.ok(n > 0 || done, 'nothing was under way');
      });
    },
  },
  {
    id: 'F-08', what: 'each COMMIT takes a quarter of a second, then two seconds', short: false,
    async run(b) {
      await b.p.sql(`create function penstock_test_slow() returns trigger language plpgsql as $$ begin perform pg_sleep(current_setting('penstock_test.slow')::float8); return null; end $$`);
      await b.p.sql(`create constraint trigger penstock_test_slow after insert or update on gateway_epoch deferrable initially deferred for each row execute function penstock_test_slow()`);
      try {
        for (const s of [0.25, 2]) {
          await b.p.sql(`do $$ begin execute format('alter database %I set penstock_test.slow = ${s}', current_database()); end $$`);
          await b.p.sql(`select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'penstock%' and backend_type = 'client backend'`);
          await b.ready();
          const status = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${b.p.server.pid}/status`, 'utf8'))[1]);
          const before = status();
          const viewer = await until('a login, once the connections are there again', () => b.p.login('viewer').catch(() => null));
          await b.during(async () => {
            const live = await b.p.live(viewer);
            live.send({ op: 'sub', id: 1, view: 'overview', ms: 200 });
            await live.find('values still move', (m) => m.op === 'd' && m.v.length > 0);
            const good = await b.good();
            const begin = performance.now();
            await good.delivers();
            assert.ok(performance.now() - begin > 900 * s, 'an acknowledgement came before its COMMIT can have ended');
            // An alarm is in the journal before the record that caused it is stored.
            if (s >= 1) {
              const before = await b.journalEnd();
              const n = good.rings(6.9);
              const acked = () => good.frames.some((f) => f.name === 'ACK' && f.ranges.some(([a, e]) => a <= BigInt(n) && BigInt(n) < e));
              await until('the alarm is journaled', async () => (await b.rings('S2/L_T3.high_high', before)).length > 0);
              assert.ok(!acked(), 'the alarm waited for the record');
              await good.acked(n);
              await good.delivers();
            }
            good.end();
          });
          assert.ok(status() < before + 100 * 1024, `the server grew from ${before} to ${status()} KiB`);
        }
      } finally {
        await b.p.sql('drop trigger penstock_test_slow on gateway_epoch');
        await b.p.sql('drop function penstock_test_slow');
      }
    },
  },
  {
    id: 'F-14', what: 'the line is cut, and reset at chosen bytes of chosen records, in both directions', short: true,
    async run(b) {
      await b.during(async () => {
        b.proxy.cut();
        for (const [way, record, byte] of [['up', 0, 30], ['up', 2, 0], ['down', 0, 5], ['down', 3, 1], ['up', 5, 17], ['up', 6, 1], ['down', 5, 9]]) {
          let cut = 0;
          b.proxy.plan = (c) => { c[way].cutAt = { record, byte }; const onCut = c[way].onCut; c[way].onCut = () => { cut++; onCut(); }; };
          b.proxy.reset();
          await until(`a cut ${way} at byte ${byte} of record ${record}`, () => cut > 0, 180); // gateways come again after growing pauses
        }
        b.proxy.plan = () => {};
        b.proxy.reset();
      }, { rows: 300 }); // what is cut has not brought all
    },
  },
  {
    id: 'F-14h', what: 'the line falls silent and nobody is told (half-open)', short: false,
    async run(b) {
      const viewer = await b.p.login('viewer');
      // A peer that never comes again by itself: what the room knows, the server found out alone.
      const { g, line } = await b.lonePeer();
      g.send(dict({ seq: 0, entries: [[1, 'L_T3'], [2, 'PS']] }), data({ seq: 1, samples: [[1, us(), 3], [2, us(), 40]] }));
      await g.acked(1);
      await until('its alarm is clear', async () => (await b.p.sql(`select to_letter from alarm_now n join config_key k on k.key = n.alarm_key where k.name = 'S2/gw-s2.comm'`)).every((r) => 'AD'.includes(r.to_letter)), 120);
      const before = await b.journalEnd();
      const { dead_ms: dead } = g.welcome;
      line.silence();
      const gone = await until('the room sees that it is gone', async () => { const row = await b.gateway(viewer, 'gw-s2'); return !row.up && row; }, 90);
      assert.match(gone.fault, /nothing was heard for \d+ ms/);
      if (dead) assert.ok(gone.fault.includes(`${dead} ms`), gone.fault);
      for (const name of ['S2/L_T3', 'S2/PS']) assert.equal((await b.p.tag(viewer, name)).quality & 0xdf, 0x81, `${name} is bad/comms`);
      await until('its alarm rings', async () => (await b.rings('S2/gw-s2.comm', before)).length > 0, 90);
      await line.close();
      // Gateways find it out, too, and nothing is lost by it.
      await b.during(async () => b.proxy.silence(), { rows: 200 });
      // A value that stood still before anybody could know may have been stale; from then on it is one alarm for the station.
      const rings = await b.rings('S2/%', before);
      assert.deepEqual(rings.slice(rings.indexOf('S2/gw-s2.comm')), ['S2/gw-s2.comm']);
      assert.deepEqual(rings.filter((name) => !['S2/gw-s2.comm', 'S2/L_T3.stale'].includes(name)), []);
    },
  },
  {
    id: 'F-15', what: 'the line stalls and lets go again', short: true,
    async run(b) {
      await b.during(async () => {
        for (const [up, down] of [[true, false], [false, true], [true, true]]) {
          b.proxy.hold(up, down);
          await sleep(700);
          b.proxy.release();
          await sleep(150);
        }
      });
      // Longer than the dead time: the server gives it up, and what comes late becomes history and rings nothing.
      const viewer = await b.p.login('viewer');
      const { g, line } = await b.lonePeer();
      const t = us();
      g.send(dict({ seq: 0, entries: [[1, 'L_T3']] }), data({ seq: 1, samples: [[1, t, 3]] }));
      await g.acked(1);
      const before = await b.journalEnd();
      line.hold(true, true);
      g.send(data({ seq: 2, samples: [[1, t + 1000n, 6.9]] })); // would ring at once
      await until('the server gives it up', async () => !(await b.gateway(viewer, 'gw-s2')).up, 90);
      line.release();
      await g.ended();
      const h = await welcomed(b.p, 'gw-s2', { answers: true, epoch: g.epoch, next: 3 });
      h.send(data({ seq: 3, samples: [[1, us(), 3.5]] }));
      await h.acked(3);
      h.send(data({ seq: 2, flags: FLAG.J | FLAG.H, samples: [[1, t + 1000n, 6.9]] }));
      await h.acked(2);
      const stored = await b.p.sql(`select value from sample s join config_key k on k.key = s.tag_key where k.name = 'S2/L_T3' and t_us = $1`, [t + 1000n]);
      assert.deepEqual(stored.map((r) => r.value), [6.9], 'it is history');
      assert.equal((await b.p.tag(viewer, 'S2/L_T3')).value, 3.5, 'and moved nothing');
      assert.deepEqual(await b.rings('S2/L_T3.high%', before), [], 'and rang nothing');
      h.end();
      await line.close();
      await b.balance();
    },
  },
  {
    id: 'F-16', what: 'bytes trickle, in TLS, before HELLO and within a frame; others are not held up', short: true,
    async run(b) {
      const good = await b.good();
      const slow = new Proxy(() => b.p.ports.link, (c) => { c.up.rate = 20; }); // a handshake takes longer than it may
      await slow.listen();
      const trickling = Array.from({ length: 20 }, () => peer({ ...b.p, ports: { link: slow.port }, pkiFile: (f) => b.p.pkiFile(f) }, 'gw-s4'));
      const silent = await peer(b.p, 'gw-s4').connected; // TLS, and no HELLO
      const half = await welcomed(b.p, 'gw-s4', { answers: false });
      half.send(frame(TYPE.DATA, FLAG.J, Buffer.alloc(1000)).subarray(0, 500));
      for (let i = 0; i < 10; i++) await good.delivers();
      await silent.ended();
      assert.ok(silent.frames.some((f) => f.name === 'ERROR' && f.code === CODE.TIMEOUT), 'who says nothing is told so');
      for (const t of trickling) await t.ended();
      await good.delivers();
      half.end();
      good.end();
      await slow.close();
      await b.balance();
    },
  },
  {
    id: 'F-17', what: 'connections overtake each other, come twice, and old ones speak late', short: true,
    async run(b) {
      await b.during(async () => {
        // The first connection after this is held; the next one overtakes it; then the old one's bytes arrive.
        let first;
        let open;
        b.proxy.plan = (c) => { if (!first) { first = c; return new Promise((done) => (open = done)); } return undefined; };
        b.proxy.reset();
        await until('a connection that is held', () => first);
        await sleep(300);
        open();
        await until('it is open', () => first.down.bytes > 0 || first.gone);
        // What is under way on the old line comes when a newer session is up.
        b.proxy.plan = () => {};
        b.proxy.hold(true, false);
        const old = b.proxy.live;
        const before = b.proxy.ever;
        for (const c of old) c.gateway.resetAndDestroy();
        await until('new connections', () => b.proxy.ever > before);
        await sleep(200);
        b.proxy.release();
        // And what was said once is said again: TLS takes none of it.
        const said = await until('a connection that said something', () => b.proxy.connections.find((c) => c.up.records > 5));
        const answer = await b.proxy.replay(said);
        assert.ok(!answer.includes(Buffer.from([0xb7, TYPE.WELCOME, 0, 0])), 'a repeated connection is no session');
      }, { rows: 300 }); // they still have something to bring whenever the line is held
    },
  },
  {
    id: 'F-17f', what: 'a journal is forked: a number that the gateway is about to use has another content at the server', short: true,
    async run(b) {
      // As if a copy of the running gateway had been there first, and said something else.
      const ahead = 5;
      let conflicts = 0;
      const present = async () => (await b.p.sql(
        `select e.gateway_key as key, e.epoch, upper(e.ranges) as next from gateway_epoch e join config_key k on k.key = e.gateway_key
          join gateway_said s on s.gateway_key = e.gateway_key and s.epoch = e.epoch where k.name = 'gw-s1' and s.place = 1 order by s.session desc limit 1`))[0];
      const before = await present();
      await b.during(async () => {
        let key, epoch, seq;
        const put = () => b.p.sql(
          `with r as (insert into ingest_batch (gateway_key, epoch, seq, dict, type, flags, crc, received_us, body) values ($1, $2, $3, 1, 17, 1, 1, $4, 'another') returning *),
            e as (update gateway_epoch set ranges = ranges + int8multirange(int8range($3, $3 + 1)) where gateway_key = $1 and epoch = $2)
           insert into gateway_day as d (gateway_key, epoch, day, next, stored) select gateway_key, epoch, ledger_day(received_us), seq + 1, 1 from r
            on conflict (gateway_key, epoch, day) do update set next = greatest(d.next, excluded.next), stored = d.stored + 1`, [key, epoch, seq, us()]);
        await until('a number before the gateway itself uses it', async () => {
          const e = await present();
          if (!e || e.epoch === before?.epoch) return false;
          [key, epoch, seq] = [e.key, e.epoch, BigInt(e.next) + BigInt(ahead)];
          return put().then(() => true, (failure) => { if (failure.code !== '23505') throw failure; return false; }); // it was faster
        });
        await until('the fork is found', async () => (conflicts = (await b.ledgerNow())['gw-s1'].conflicts) > 0, 60);
        const told = await until('the audit tells it', async () => { // a moment later
          const rows = await b.p.sql(`select object, detail from audit where action = 'link.journal_fork'`);
          return rows.length > 0 && rows;
        });
        assert.ok(told.length === conflicts && told.every((r) => r.object === 'gw-s1' && /journal fork/.test(r.detail)), JSON.stringify(told));
        const rows = await b.quarantined(BigInt.asUintN(64, epoch));
        assert.deepEqual(rows.map((r) => [BigInt(r.seq), Number(r.code)]), [[seq, CODE.SEQ_CONFLICT]]);
      }, { rows: 240, expected: async () => ({ 'gw-s1': { conflicts: 1, dropped: (await b.ledgerNow())['gw-s1'].dropped } }) });
      assert.match(b.p.log('gw-s1'), /journal\.refiled/);
      const [once] = await b.p.sql(
        `select (select sum(samples)::bigint from gateway_day d where d.gateway_key = k.key) as brought, (select count(*) from sample s join config_key t on t.key = s.tag_key and t.name like 'S1/%') as stored
           from config_key k where k.kind = 'gateway' and k.name = 'gw-s1'`);
      assert.equal(once.brought, once.stored, 'nothing was stored under its old number and under its new one');
    },
  },
  {
    id: 'F-21', what: 'frames that are no frames, in each state', short: true,
    async run(b) {
      const good = await b.good();
      const dir = join(root, 'protocol/vectors');
      const bad = readdirSync(dir).filter((f) => /^bad-.*\.hex$/.test(f));
      assert.ok(bad.length > 20);
      const bytes = (f) => Buffer.from(readFileSync(join(dir, f), 'utf8').replace(/#.*$/gm, '').replace(/\s+/g, ''), 'hex');
      // Those of the gateway's own messages break the protocol; ten of them are enough to be shown the door for a while.
      const next = random(21);
      const some = bad.map((f) => [next(1 << 30), f]).sort((x, y) => x[0] - y[0]).map(([, f]) => f);
      for (const [i, f] of some.entries()) {
        const g = peer(b.p, 'gw-s4');
        await g.connected.catch(() => {});
        const state = ['before HELLO', 'while it settles', 'live'][i % 3];
        if (state !== 'before HELLO') g.send(hello({ gateway: 'gw-s4', epochs: [{ epoch: randomEpoch() }] }));
        if (state === 'live') await Promise.race([g.frame('WELCOME').catch(() => {}), g.ended()]);
        g.send(bytes(f));
        if (i % 5 === 0) await good.delivers();
        g.end();
      }
      await good.delivers();
      good.end();
      await b.balance();
    },
  },
  {
    id: 'F-24', what: 'a gateway floods: ten times what it may have in flight', short: true,
    async run(b) {
      await b.p.restartServer(); // what F-21 did is forgotten: gw-s4 comes in
      const again = await b.good();
      const g = await welcomed(b.p, 'gw-s4');
      g.send(dict({ seq: 0, entries: [[1, 'x']] }));
      const records = [];
      for (let seq = 1; seq <= 2600; seq++) records.push(data({ seq, samples: [[1, us(), seq]] }));
      g.send(...records);
      for (let i = 0; i < 10; i++) await again.delivers();
      await g.ended();
      const error = g.frames.find((f) => f.name === 'ERROR' && f.fatal);
      assert.equal(error?.code, CODE.FLOW, JSON.stringify(error?.text));
      await b.audited('link.protocol_error', /gw-s4 .*not acknowledged/);
      // What it may, as fast as it can: the other one still delivers.
      const h = await welcomed(b.p, 'gw-s4', { answers: true });
      h.send(dict({ seq: 0, entries: [[1, 'x']] }));
      let seq = 1;
      for (let i = 0; i < 10; i++) {
        for (let k = 0; k < 200; k++) h.send(data({ seq: seq++, samples: [[1, us(), seq]] }));
        await again.delivers();
        await h.acked(seq - 1);
      }
      // And samples, more than it may: it is slowed down and told so; nothing of the other one is.
      const many = (seq) => data({ seq, flags: FLAG.J, samples: Array.from({ length: 2000 }, (_, i) => [i + 1, us() + BigInt(i), 3]) });
      const f = await welcomed(b.p, 'gw-s4', { answers: true });
      f.send(dict({ seq: 0, entries: Array.from({ length: 2000 }, (_, i) => [i + 1, `x${i}`]) }));
      for (let n = 1; n <= 30; n++) f.send(many(n)); // 60 000: more than ten seconds' worth
      for (let i = 0; i < 10; i++) await again.delivers();
      await b.audited('link.too_many_samples', /gw-s4 .*slowed down/);
      assert.ok((await f.frame('WINDOW')).body.length > 0, 'its window shrinks');
      await f.acked(30);
      for (const x of [again, h, f]) x.end();
      await b.balance();
    },
  },
  {
    id: 'F-25', what: 'a hostile gateway with a good certificate: other sites\' names, other gateways\' identity, times to come', short: true,
    async run(b) {
      const good = await b.good();
      const tag = (name) => b.p.sql(`select count(*) as n, coalesce(max(value), 0) as max from sample s join config_key k on k.key = s.tag_key and k.kind = 'tag' where k.name = $1`, [name]);
      const before = await tag('S1/L_T1');
      const g = await welcomed(b.p, 'gw-s4');
      g.send(dict({ seq: 0, entries: [[1, 'L_T1'], [2, 'S1/L_T1'], [3, '../S1/L_T1']] }), data({ seq: 1, samples: [[1, us(), 99999], [2, us(), 99999], [3, us(), 99999]] }));
      g.send(data({ seq: 2, samples: [[1, 253402300799000000n, 1]] }));
      await g.acked(2);
      assert.deepEqual(await tag('S1/L_T1'), before, 'another site\'s tag is out of reach');
      // A record in another's epoch, and another's name in HELLO.
      const other = peer(b.p, 'gw-s4');
      await other.connected;
      other.send(hello({ gateway: 'gw-s1', epochs: [{ epoch: randomEpoch() }] }));
      assert.equal((await other.frame('ERROR')).code, CODE.IDENTITY);
      const [{ epoch }] = await b.p.sql(`select epoch from gateway_epoch e join config_key k on k.key = e.gateway_key where k.name = 'gw-s2' limit 1`);
      const stolen = await welcomed(b.p, 'gw-s4', { epoch: BigInt.asUintN(64, epoch) });
      assert.deepEqual(stolen.welcome.committed[0].ranges, [], 'another\'s records are not told');
      stolen.send(dict({ seq: 0, entries: [[1, 'L_T4']] }), data({ seq: 1, samples: [[1, us(), 1]] }));
      await stolen.acked(1);
      await good.delivers();
      for (const x of [g, stolen, good]) x.end();
      await b.balance();
    },
  },
  {
    id: 'F-27', what: 'gateways\' clocks: an hour off either way, drifting, stepping back', short: true,
    async run(b) {
      const HOUR = 3600_000_000n;
      const viewer = await b.p.login('viewer');
      const samples = (epoch) => b.p.sql(`select count(*) as n from ingest_batch where epoch = $1 and type = 17`, [BigInt.asIntN(64, epoch)]);
      const history = (from) => b.p.sql(`select t_us, value, quality from sample s join config_key k on k.key = s.tag_key where k.name = 'S4/L_T5' and t_us >= $1 order by t_us`, [from]);
      for (const offset of [-HOUR, HOUR]) {
        const epoch = randomEpoch();
        const begin = us();
        const g = peer(b.p, 'gw-s4', { answers: true, offset });
        await g.connected;
        g.send(hello({ gateway: 'gw-s4', epochs: [{ epoch }], now: us() + offset }));
        await g.frame('WELCOME');
        g.send(dict({ seq: 0, entries: [[1, 'L_T5']] }));
        let drift = 0n;
        const first = us() + offset;
        const sent = [];
        for (let seq = 1; seq <= 20; seq++) {
          drift += seq === 10 ? -60_000_000n : 50_000n;
          sent.push({ t_us: first + drift, value: 2 + seq / 100 });
          g.send(data({ seq, samples: [[1, first + drift, 2 + seq / 100]] }));
        }
        await g.acked(20);
        assert.equal(Number((await samples(epoch))[0].n), 20);
        await until('the gateway\'s clock is shown to be wrong', async () => // and not still as it was in the session before
          (await viewer.get('/api/gateways')).json.gateways.find((x) => x.name === 'gw-s4' && (x.clock_offset_ms ?? 0) * (offset > 0n ? 1 : -1) > 3000_000));
        const live = await b.p.tag(viewer, 'S4/L_T5');
        if (offset > 0n) {
          // Not believed: in the order of arrival, by the time of arrival, and marked as such.
          const rows = await history(begin);
          assert.deepEqual(rows.map((r) => r.value), sent.map((x) => x.value), 'in order of arrival');
          for (const r of rows) assert.equal(r.quality, 0x46, 'uncertain, for the clock');
          assert.ok(rows.at(-1).t_us < begin + HOUR / 2n, 'no time to come');
          assert.equal(live.value, sent.at(-1).value, 'the newest to arrive is the live value');
          assert.ok(BigInt(Date.parse(live.time)) * 1000n < begin + HOUR / 2n, 'with a time of now');
          assert.equal(live.quality, 0x46);
        } else {
          // Believed: source times stand as they came.
          const rows = await history(first - 120_000_000n);
          const expected = [...sent].sort((x, y) => (x.t_us < y.t_us ? -1 : 1));
          assert.deepEqual(rows.filter((r) => r.t_us < begin - HOUR / 2n).map((r) => [r.t_us, r.value, r.quality]), expected.map((x) => [x.t_us, x.value, 0]));
        }
        g.end();
      }
      const g = await b.good();
      await g.delivers();
      g.end();
      await b.balance();
    },
  },
  {
    id: 'F-33', what: 'the database is restored to an earlier moment: gateways were acknowledged what it does not have any more', short: false,
    async run() {
      const b = await new Bench().start();
      try {
        await restoreDrill(b);
      } finally {
        await b.stop();
      }
    },
  },
];
