// The scenario of the kill tests: gateways replay, a nemesis kills at random moments, everything is started again, and SQL says whether
// anything was lost, doubled or invented.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { alarmJournalBreaches, chainBreaches, historyBreaches, ledgerBreaches, readLedger, sampleBreaches } from '../lib/invariants.mjs';
import { Penstock, root, sleep, until } from '../lib/penstock.mjs';

/** splitmix32: the schedule is the seed's */
export function random(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) % below;
  };
}

/** The processes that this one started; none if it has ended. */
export function children(pid) {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Ends them, at once; some may have ended. */
export function killAll(pids) {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it has ended
    }
  }
}

const SITES = { 'gw-s1': 'S1', 'gw-s3': 'S3' };

/** The demo's configuration, with alarms that come and go all the time: no delays, and one on each pump's flow. */
function restless() {
  const config = JSON.parse(readFileSync(join(root, 'deploy/demo-config.json'), 'utf8'));
  for (const alarm of config.alarms) Object.assign(alarm, { on_delay_s: 0, off_delay_s: 0 });
  for (const tag of config.tags.filter((t) => t.role === 'flow')) {
    config.alarms.push({ name: `${tag.name}.running`, tag: tag.name, kind: 'high', limit: 5, deadband: 1, priority: 4 });
  }
  return config;
}

/** PostgreSQL does not answer, the server dies meanwhile, then PostgreSQL goes on: what it had received may or may not be committed. */
async function stall(p, ms, options) {
  const backends = await p.sql(`select pid from pg_stat_activity where application_name like 'penstock%' and backend_type = 'client backend'`);
  const signal = (name) => backends.forEach(({ pid }) => { try { process.kill(pid, name); } catch { /* it ended */ } });
  signal('SIGSTOP');
  await sleep(ms);
  await p.kill(p.server);
  signal('SIGCONT');
  await p.startServer(options, { wait: false });
}

/** What a server acknowledged and then lacks would be sent again: a fault of the server's must not be mended by that. */
export const NOTHING_KEPT = { keep_mib: 0 };

/** A replay that writes down what it produces, ten seconds long, and ends when all of it is acknowledged. */
function startReplay(p, name) {
  const ledger = join(p.dir, 'gateways', `${name}.ledger`);
  return p.startGateway(name, { speed: 1200, patch: { ledger, flush_ms: 50, journal: NOTHING_KEPT, exit_when_done: true, source: { loop: false, rows: 200 } } });
}

/**
 * Runs the scenario and returns the breaches. The seed chooses who dies. mutant: the server acknowledges before the commit.
 */
export async function killScenario({ seed, rounds, mutant = false, settings = {} }) {
  const next = random(seed);
  const p = new Penstock({ config: restless() });
  const log = [];
  try {
    await p.prepare({ gateways: Object.keys(SITES) });
    // Samples are packed as soon as they are there, so that whoever dies is at that, too.
    const options = { pack_after_s: 0, ...settings, ...(mutant ? { mutant_ack_before_commit: true } : {}) };
    await p.startServer(options);
    const gateways = new Map();
    for (const name of Object.keys(SITES)) gateways.set(name, startReplay(p, name));
    for (let round = 0; round < rounds; round++) {
      await sleep(300 + next(1200));
      const victim = mutant ? 'stall' : ['server', 'gateway', 'database', 'stall'][next(4)];
      log.push(victim);
      if (victim === 'server') {
        await p.kill(p.server);
        await sleep(next(400));
        await p.startServer(options, { wait: false });
      } else if (victim === 'stall') {
        await stall(p, 200 + next(500), options);
      } else if (victim === 'gateway') {
        const name = Object.keys(SITES)[next(gateways.size)];
        await p.kill(gateways.get(name));
        await sleep(next(400));
        gateways.set(name, startReplay(p, name));
      } else {
        await p.stopDatabase('immediate');
        await sleep(next(400));
        await p.startDatabase();
      }
    }
    await until('the server is ready', async () => (await p.get('/api/health').catch(() => null))?.json?.store?.state === 'ok');
    // A gateway ends when its recording does and it believes that everything is stored. Nobody starts it again: its journal would still
    // have what a server acknowledged too early.
    for (const [name, child] of gateways) {
      const end = await child.ended;
      if (end.code !== 0) log.push(`${name} ended with ${end.code ?? end.signal}: ${p.log(name).slice(-500)}`);
    }
    let produced = 0;
    for (const name of Object.keys(SITES)) produced += [...readLedger(join(p.dir, 'gateways', `${name}.ledger`)).values()].flat().length;
    // What is judged lies in both places; on a busy machine the packer, which comes last, may have done little by now.
    const packed = () => p.sql('select coalesce(sum(n), 0)::float8 as n from sample_chunk').then(([{ n }]) => n);
    if (!mutant) await until('much of it is packed', async () => (await packed()) > produced / 4);
    await p.kill(p.server, 'SIGTERM');
    const breaches = [...(await alarmJournalBreaches(p)), ...(await ledgerBreaches(p)), ...(await historyBreaches(p)), ...chainBreaches(p)];
    if (!mutant) {
      for (const a of await p.sql(`select gateway, produced, stored, balanced from ledger_now() where gateway = any($1)`, [Object.keys(SITES)])) {
        if (!a.balanced || a.produced !== a.stored) breaches.push(`ledger: ${a.gateway} produced ${a.produced}, stored ${a.stored}`);
      }
    }
    for (const [name, site] of Object.entries(SITES)) breaches.push(...(await sampleBreaches(p, site, name, join(p.dir, 'gateways', `${name}.ledger`))));
    const [{ alarms }] = await p.sql('select count(*) as alarms from alarm_journal');
    return { breaches, produced, packed: await packed(), alarms: Number(alarms), log };
  } finally {
    await p.stop();
  }
}
