// Faults of the database and its disk, done as those of the link (catalogue.mjs): a whole Penstock under load, and then the books must balance
// by SQL. Each has a Penstock of its own, whose database lies where the fault needs it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { ping } from '../lib/link.mjs';
import { root, sleep, until } from '../lib/penstock.mjs';
import { Bench } from './catalogue.mjs';
import { Disk, SmallDisk, whyNoDisk, whyNoMount } from './disk.mjs';
import { NOTHING_KEPT, children, killAll, random } from './kill.mjs';

const mutant = process.env.MUTANT ?? ''; // fsync_off, ack_before_commit: by hand, to see that the tests notice
const cuts = Number(process.env.CUTS ?? (process.env.PENSTOCK_FAULTS ? 3 : 1));
const DISK_FULL = '_server/disk.full';

/** A bench whose cluster lies in `folder` of another disk, while `body` runs. */
async function withBench({ folder, spool = false, settings = {}, journal, configure }, body) {
  const b = new Bench();
  try {
    await b.start({
      journal,
      before: (p) => {
        if (folder) symlinkSync(folder, join(p.dir, 'pg'));
        p.settings = { ...p.settings, ...settings, ...(spool && { spool: join(p.dir, 'spool') }), ...(mutant === 'ack_before_commit' && { mutant_ack_before_commit: true }) };
      },
      between: async (p) => {
        if (mutant === 'fsync_off') {
          await p.sql('alter system set fsync = off');
          await p.sql('select pg_reload_conf()');
        }
        await configure?.(p);
      },
    });
    await body(b);
  } finally {
    await b.stop();
  }
}

const asPostgres = (...words) => execFileSync('setpriv', ['--reuid=postgres', '--regid=postgres', '--init-groups', ...words], { cwd: '/', stdio: 'pipe', encoding: 'utf8' });
const socketOf = (p) => p.conninfo.match(/host=(\S+)/)[1];
const postmaster = (p) => Number(readFileSync(join(p.dir, 'pg', 'data', 'postmaster.pid'), 'utf8').split('\n')[0]);
const backends = (p, condition) => p.sql(
  `select pid from pg_stat_activity where application_name like 'penstock%' and backend_type = 'client backend' and ${condition}`).then((rows) => rows.map((r) => r.pid));

/** Ends every process of the cluster, as a power cut does; they cannot write on what is gone. */
async function killCluster(p) {
  await p.closeSql();
  const pid = postmaster(p);
  const all = [pid, ...children(pid)];
  killAll(all);
  await until('the cluster is gone', () => all.every((one) => {
    try {
      return readFileSync(`/proc/${one}/stat`, 'utf8').split(' ')[2] === 'Z';
    } catch {
      return true;
    }
  }));
}

const databaseAgain = (p) => until('PostgreSQL starts again', () => p.startDatabase().then(() => true, () => false), 180);
const store = async (b) => (await b.p.get('/api/health')).json.store;
const letter = async (viewer, name) => (await viewer.get(`/api/alarm?name=${encodeURIComponent(name)}`)).json?.letter;
/** What was logged since then that is no plain report. */
const complaints = (p, from) => p.log('penstockd').slice(from).split('\n').filter((line) => / (warn|error) /.test(line));

async function notStoring(good) {
  let id = 0n;
  await until('gateways are told that nothing is stored', () => {
    good.send(ping(++id));
    return good.frames.some((f) => f.name === 'PONG' && f.body[32] === 2);
  });
}

/** The first number that is not acknowledged yet. */
const ackedUpTo = (good) => Number(good.frames.filter((f) => f.name === 'ACK').flatMap((f) => f.ranges).reduce((most, [, end]) => (end > most ? end : most), 0n));
const isAcked = (good, n) => good.frames.some((f) => f.name === 'ACK' && f.ranges.some(([a, e]) => a <= BigInt(n) && BigInt(n) < e));

/** What a page that is not full still takes may be acknowledged, and nothing else: looked at while more comes than there is room for. */
async function acknowledgedIsStored(b, { good, number, since, readable }) {
  if (!readable) {
    assert.ok(!isAcked(good, number), 'nothing is acknowledged');
    return;
  }
  const sent = [number];
  for (let i = 0; i < 40; i++) {
    for (let k = 0; k < 2; k++) sent.push(good.rings(6.9 + Math.random() / 10));
    await sleep(50);
    const acked = sent.filter((n) => isAcked(good, n)).map(BigInt);
    const stored = await b.p.sql(`select b.seq from ingest_batch b join config_key k on k.key = b.gateway_key
                                   where k.name = 'gw-s2' and b.seq = any($1) and b.received_us >= $2`, [acked, since]);
    assert.equal(stored.length, acked.length, 'what is acknowledged is stored');
  }
}

/** While no room is: nothing is acknowledged, people see why and can read, whoever wants to write is told so; nobody crashes or floods the log. */
async function standFull(b, { operator, engineer, good, number, spooled, logFrom, begin, readable, since }) {
  const state = await until('the store is away, for the disk', async () => {
    const s = await store(b);
    return s.state === 'away' && /disk is full/.test(s.text) && s;
  });
  await notStoring(good);
  await acknowledgedIsStored(b, { good, number, since, readable });
  await until('the alarm stands', async () => ['B', 'C'].includes(await letter(operator, DISK_FULL)));
  await until('the disk is seen to be full', async () => {
    const health = (await operator.get('/api/store')).json;
    return /disk is full/.test(health.text) && health.disk.free < 16 * 1024 * 1024 && health.pending.records > 0;
  });
  assert.equal((await engineer.get('/api/sites/S1')).status, 200, 'the configuration is readable');
  const change = await until('a change is refused', async () => { // a page that is not full may still take one
    const title = { en: 'x'.repeat(80), zh: 'x'.repeat(80) };
    const put = Array.from({ length: 30 }, (_, i) => ({ kind: 'tag', value: { name: `S1/NEW_${i}`, gateway: 'gw-s1', low: 0, high: 1, title } }));
    const answer = await engineer.post('/api/config', { body: { reason: 'test', put } });
    return answer.status !== 200 && answer;
  });
  assert.equal(change.status, 507, change.text);
  assert.equal(change.json.code, 'store_full');
  if (readable) assert.equal((await operator.get('/api/alarms/history?limit=5')).status, 200, 'history is readable');
  const { call } = (await operator.get(`/api/alarm?name=${encodeURIComponent(DISK_FULL)}`)).json;
  const ack = await operator.post('/api/alarms/ack', { body: { items: [{ alarm: DISK_FULL, call }] } });
  if (spooled) assert.equal(ack.json?.results?.[0].result, 'OK', ack.text);
  else assert.ok(ack.status === 507 && /Nothing was changed/.test(ack.text), ack.text);
  await sleep(4000);
  const seconds = (performance.now() - begin) / 1000;
  const lines = complaints(b.p, logFrom);
  assert.ok(lines.length <= seconds + 10, `${lines.length} lines in ${seconds.toFixed(0)} s:\n${lines.slice(0, 40).join('\n')}`);
  assert.equal(b.p.server.exitCode, null, 'the server runs');
  return state;
}

/** Fills `disk` under load, stands it, makes room, and all is well by itself. */
async function fullDisk(b, disk, { spooled, readable, force }) {
  const [operator, engineer] = [await b.p.login('operator'), await b.p.login('engineer')];
  await b.during(async () => {
    const good = await b.good();
    await good.delivers();
    const logFrom = b.p.log('penstockd').length;
    const begin = performance.now();
    disk.fill();
    await force();
    const since = BigInt(Date.now() - 1000) * 1000n;
    const number = good.rings(6.9);
    await standFull(b, { operator, engineer, good, number, spooled, readable, logFrom, begin, since });
    disk.makeRoom();
    if (!readable) await databaseAgain(b.p); // its own supervisor's work
    const room = performance.now();
    await b.ready();
    console.log(`it stored again ${((performance.now() - room) / 1000).toFixed(1)} s after there was room`);
    await good.acked(number);
    await good.delivers();
    good.end();
    await until('the alarm returns', async () => ['A', 'D'].includes(await letter(operator, DISK_FULL)));
  });
  if (spooled) assert.equal((await b.p.sql(`select count(*) as n from alarm_journal j join config_key k on k.key = j.alarm_key where k.name = $1 and j.kind = 'ack'`, [DISK_FULL]))[0].n, 1n);
}

/** The data on one small disk, the log on another. */
async function withFullDisks(options, body) {
  const [data, wal] = [new SmallDisk(300), new SmallDisk(120)];
  try {
    await withBench({
      folder: join(data.path, 'pg'), spool: options.spooled,
      configure: async (p) => {
        await p.sql(`alter system set wal_keep_size = '1GB'`); // or it would make room by itself
        await p.stopDatabase('fast');
        const from = join(data.path, 'pg', 'data', 'pg_wal');
        const to = join(wal.path, 'pg_wal');
        execFileSync('cp', ['-a', from, to]);
        execFileSync('rm', ['-r', from]);
        symlinkSync(to, from);
        await p.startDatabase();
      },
    }, (b) => body(b, { data, wal }));
  } finally {
    data.close();
    wal.close();
  }
}

/** Connections end while a statement waits, and while COMMIT does: nothing is acknowledged before it is stored, and nothing is stored twice. */
async function endMidway(b) {
  const { p } = b;
  const blocker = new pg.Client({ host: socketOf(p), database: 'penstock', user: 'penstock' });
  await blocker.connect();
  try {
    for (const where of ['statement', 'commit']) {
      const good = await b.good();
      await good.delivers();
      if (where === 'commit') {
        await p.sql(`create or replace function penstock_test_wait() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock_shared(4711); return null; end $$`);
        await p.sql(`create constraint trigger penstock_test_wait after insert or update on gateway_epoch deferrable initially deferred for each row execute function penstock_test_wait()`);
      }
      await blocker.query(where === 'statement' ? 'begin; lock table ingest_batch in exclusive mode' : 'begin; select pg_advisory_xact_lock(4711)');
      const n = good.rings(6.9);
      for (let ended = 0; ended < 3; ended++) {
        const waits = await until(`a ${where} waits`, async () => {
          const v = await backends(p, `wait_event_type = 'Lock' and query ${where === 'commit' ? '' : 'not '}ilike 'commit%'`);
          return v.length > 0 && v;
        });
        await p.sql('select pg_terminate_backend(pid) from unnest($1::int[]) pid', [waits]);
        assert.ok(!isAcked(good, n), `it was acknowledged while its ${where} waited`);
      }
      await blocker.query('rollback');
      await good.acked(n);
      if (where === 'commit') await p.sql('drop trigger penstock_test_wait on gateway_epoch');
      good.end();
      await b.ready();
    }
    await b.balance();
  } finally {
    await blocker.end();
  }
}

/** A copy of the cluster that follows it. */
async function makeStandby(p) {
  const dir = join(p.dir, 'standby');
  mkdirSync(dir);
  execFileSync('chown', ['postgres:postgres', dir]);
  const bin = execFileSync('sh', ['-c', 'ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1'], { encoding: 'utf8' }).trim();
  asPostgres(join(bin, 'pg_basebackup'), '-h', socketOf(p), '-U', 'penstock', '-D', join(dir, 'data'), '-R', '-c', 'fast');
  chmodSync(join(dir, 'data'), 0o700);
  const cluster = (...words) => execFileSync(join(root, 'deploy/cluster'), [words[0], dir, ...words.slice(1)], { encoding: 'utf8', stdio: 'pipe' }).trim();
  return {
    start: () => cluster('start'),
    stop: () => cluster('stop', 'immediate'),
    async sql(text, values) {
      const db = new pg.Client({ host: join(dir, 'socket'), database: 'penstock', user: 'penstock' });
      await db.connect();
      try {
        return (await db.query(text, values)).rows;
      } finally {
        await db.end();
      }
    },
  };
}

/** The wait for the standby is called off: what is local alone is not acknowledged; when the standby is there again it is, and the standby has it. */
async function cancelledWait(b) {
  const { p } = b;
  const standby = await makeStandby(p);
  standby.start();
  const synchronous = async (names) => {
    await p.sql(`alter system set synchronous_standby_names = '${names}'`);
    await p.sql('select pg_reload_conf()');
  };
  try {
    await synchronous('*');
    await until('the standby follows', async () => (await p.sql(`select 1 from pg_stat_replication where sync_state = 'sync'`)).length > 0);
    for (const how of ['pg_cancel_backend', 'pg_terminate_backend']) {
      const good = await b.good();
      await good.delivers();
      standby.stop();
      await until('the standby is gone', async () => (await p.sql('select 1 from pg_stat_replication')).length === 0);
      const n = good.rings(6.9);
      for (let i = 0; i < 3; i++) {
        const waits = await until('a COMMIT waits for the standby', async () => {
          const v = await backends(p, `wait_event = 'SyncRep'`);
          return v.length > 0 && v;
        });
        await p.sql(`select ${how}(pid) from unnest($1::int[]) pid`, [waits]);
        await sleep(300);
        assert.ok(!isAcked(good, n), 'what only one machine has was acknowledged');
      }
      standby.start();
      await good.acked(n);
      const stored = await p.sql('select max(received_us) as t from ingest_batch');
      await until('the standby shows it', async () => (await standby.sql('select max(received_us) as t from ingest_batch'))[0].t >= stored[0].t);
      good.end();
      await b.ready();
    }
    await synchronous('');
    await b.balance();
  } finally {
    await p.sql(`alter system reset synchronous_standby_names`).catch(() => {});
    try {
      standby.stop();
    } catch {
      // it was stopped when the test broke off
    }
  }
}

/** What this peer was acknowledged is stored: it keeps nothing, so nothing comes twice. */
async function storedOf(b, good) {
  const acked = new Set();
  for (const f of good.frames.filter((one) => one.name === 'ACK')) for (const [first, end] of f.ranges) for (let n = first; n < end; n++) acked.add(n);
  const stored = new Set((await b.p.sql('select seq from ingest_batch where epoch = $1', [BigInt.asIntN(64, good.epoch)])).map((r) => r.seq));
  assert.equal([...acked].filter((n) => !stored.has(n)).length, 0, `of ${acked.size} records that were acknowledged so many are not stored`);
  return acked.size;
}

/**
 * Processes of the database hang (a stalled disk, a cut line that nobody noticed): the room still sees, what is acknowledged is stored,
 * and all heals by itself.
 */
async function hang(b) {
  const { p } = b;
  const viewer = await p.login('viewer');
  const names = ['penstock ingest', 'penstock events', 'penstock alarms'];
  await b.during(async () => {
    const good = await b.good();
    await good.delivers();
    const hung = (await p.sql('select pid from pg_stat_activity where application_name = any($1)', [names])).map((r) => r.pid);
    assert.equal(hung.length, names.length, 'the server has a connection for each');
    for (const pid of hung) process.kill(pid, 'SIGSTOP');
    try {
      good.rings(6.9);
      await until('the server notices', async () => (await store(b)).state === 'away', 180);
      await sleep(10000); // longer than it waits for the lock
      assert.equal((await p.get('/api/health')).status, 200, p.log('penstockd').slice(-2000));
      const live = await p.live(viewer);
      live.send({ op: 'sub', id: 1, view: 'overview', ms: 200 });
      await live.find('values still move', (m) => m.op === 'd' && m.v.length > 0);
      live.socket.terminate();
      await storedOf(b, good);
    } finally {
      for (const pid of hung) process.kill(pid, 'SIGCONT');
    }
    good.end();
  }, { rows: 4500 }); // they replay for 150 s
}

/**
 * The machine of the database loses its power at moments that the seed chooses; or its disk fails. Gateways keep nothing that was acknowledged:
 * the database alone has it. And what came is packed at once, so that it is struck while it moves, too.
 */
async function loseDisk(disk, seed, how) {
  const next = random(seed);
  let kept = 0;
  await withBench({ folder: join(disk.path, 'pg'), journal: NOTHING_KEPT, settings: { pack_after_s: 0 } }, async (b) => {
    disk.sync();
    for (let i = 0; i < cuts; i++) {
      await b.during(async () => {
        const good = await b.good();
        await good.delivers();
        // No faster than they are acknowledged: beyond its window the server would show it the door.
        let newest = 0;
        for (const end = performance.now() + 200 + next(1500); performance.now() < end; await sleep(5)) {
          if (newest - ackedUpTo(good) < 100) newest = good.rings(3 + Math.random() / 10);
        }
        await how(b, good);
        await disk.again();
        await databaseAgain(b.p);
        kept += await storedOf(b, good);
        await good.delivers();
        good.end();
      }, { rows: 120 });
    }
    const packed = await until('some of it is packed', async () => (await b.p.sql('select coalesce(sum(n), 0)::float8 as packed from sample_chunk'))[0].packed);
    console.log(`SEED=${seed}: ${cuts} times; ${kept} records that were acknowledged to one who kept none, ${packed} samples in chunks`);
  });
}

/** The machine of the server loses its power while the database is away: what people were promised then lies in the spool, and on its disk. */
async function losePromises(disk, seed) {
  const next = random(seed);
  const spool = join(disk.path, 'spool');
  await withBench({ settings: { spool } }, async (b) => {
    const { p } = b;
    const promised = [];
    for (let i = 0; i < cuts; i++) {
      const operator = await p.login('operator');
      await p.stopDatabase();
      await until('the server notices', async () => (await store(b)).state === 'away');
      const note = async (comment) => {
        const answer = await operator.post('/api/alarms/requests', { body: { items: [{ alarm: 'S2/L_T3.high_high', do: 'comment', comment }] } }).catch(() => null);
        return answer?.json?.results?.[0].result === 'OK';
      };
      const first = promised.length;
      let on = true;
      const people = (async () => { for (let n = 0; on; n++) if (await note(`note ${i}.${n}`)) promised.push(`note ${i}.${n}`); })();
      await until('something is promised', () => promised.length > first);
      await sleep(next(1000));
      await disk.cut();
      on = false;
      await p.kill(p.server);
      await people;
      await disk.again();
      await p.startDatabase();
      await p.startServer();
      await until('the spool is drained', () => statSync(spool).size === 0);
      const said = (await p.sql(`select comment from alarm_journal where kind = 'comment' order by seq`)).map((r) => r.comment);
      assert.deepEqual(said.filter((text) => promised.includes(text)), promised, 'what was promised is in the journal, once, in its order');
      await b.ready();
      await b.balance();
    }
    console.log(`SEED=${seed}: ${cuts} times; ${promised.length} notes were promised`);
  });
}

async function withDisk(options, body) {
  const disk = await new Disk().start(options);
  try {
    await body(disk);
  } finally {
    disk.close();
  }
}

/** As faults of the catalogue; why(): why it cannot be done here, false if it can. */
export const storeFaults = [
  {
    id: 'F-05c', what: 'connections to PostgreSQL are ended while a statement waits, and while COMMIT does', short: true, why: () => false,
    run: () => withBench({}, endMidway),
  },
  {
    id: 'F-06', what: 'the wait for a synchronous standby is called off', short: false, why: whyNoMount, // pg_basebackup as user postgres
    run: () => withBench({}, cancelledWait),
  },
  {
    id: 'F-08h', what: 'processes of PostgreSQL hang for minutes', short: false, why: () => false,
    run: () => withBench({}, hang),
  },
  {
    id: 'F-08d', what: 'each write to the disk takes 40 ms, then 200 ms', short: false, why: whyNoDisk,
    run: () => withDisk({}, (disk) => withBench({ folder: join(disk.path, 'pg') }, async (b) => {
      for (const ms of [40, 200]) {
        await b.p.stopDatabase('fast');
        await disk.slow(ms);
        await b.p.startDatabase();
        await b.ready();
        await b.during(async () => {
          const good = await b.good();
          const begin = performance.now();
          await good.delivers();
          assert.ok(performance.now() - begin > ms, 'an acknowledgement came before the disk can have written it');
          good.end();
        });
      }
    })),
  },
  {
    id: 'F-09', what: 'the disk of the data is full', short: false, why: whyNoMount,
    run: async () => {
      for (const spooled of [false, true]) await withFullDisks({ spooled }, (b, { data }) => fullDisk(b, data, { spooled, readable: true, force: async () => {} }));
    },
  },
  {
    id: 'F-10', what: 'the disk of PostgreSQL\'s log is full', short: false, why: whyNoMount,
    run: () => withFullDisks({ spooled: true }, (b, { wal }) => fullDisk(b, wal, {
      spooled: true, readable: false,
      force: async () => {
        const db = new pg.Client({ host: socketOf(b.p), database: 'penstock', user: 'penstock' });
        db.on('error', () => {}); // it ends with all others
        await db.connect();
        await db.query(`do $$ begin for i in 1 .. 10 loop perform pg_logical_emit_message(false, 'fill', repeat('x', 16000000)); end loop; end $$`).catch(() => {});
        await db.end().catch(() => {});
        await b.p.closeSql();
      },
    })),
  },
  {
    id: 'F-11', what: 'the disk answers with I/O errors', short: false, why: whyNoDisk,
    run: (_, seed) => withDisk({}, (disk) => loseDisk(disk, seed, async (b, good) => {
      disk.fail();
      await notStoring(good);
      await killCluster(b.p).catch(() => {});
      disk.heal();
    })),
  },
  {
    id: 'F-12', what: 'the power of the database\'s machine is cut', short: true, why: whyNoDisk,
    run: (_, seed) => withDisk({}, (disk) => loseDisk(disk, seed, async (b) => {
      await disk.cut();
      await killCluster(b.p);
    })),
  },
  {
    id: 'F-12s', what: 'the power of the server\'s machine is cut while the database is away', short: false, why: whyNoDisk,
    run: (_, seed) => withDisk({ mib: 64 }, (disk) => losePromises(disk, seed)),
  },
];
