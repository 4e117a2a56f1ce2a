// The scenario of the kill tests: gateways replay, a nemesis kills at random moments, everything is started again, and SQL says whether
// anything was lost, doubled or invented.
import { join } from 'node:path';
import { alarmJournalBreaches, readLedger, sampleBreaches } from '../lib/invariants.mjs';
import { Penstock, sleep, until } from '../lib/penstock.mjs';

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

const SITES = { 'gw-s1': 'S1', 'gw-s3': 'S3' };

/** A replay that writes down what it produces; with rows 0 it only delivers what its journal still holds, and ends. */
function startReplay(p, name, rows) {
  const ledger = join(p.dir, 'gateways', `${name}.ledger`);
  return p.startGateway(name, { speed: 1200, patch: { ledger, flush_ms: 50, exit_when_done: true, source: { loop: false, rows } } });
}

/**
 * Runs the scenario and returns the breaches. kills: list of 'server', 'gateway', 'database' chosen by the seed. mutant: the server acknowledges
 * before the commit.
 */
export async function killScenario({ seed, rounds, mutant = false, settings = {} }) {
  const next = random(seed);
  const p = new Penstock({});
  const log = [];
  try {
    await p.prepare({ gateways: Object.keys(SITES) });
    const options = { ...settings, ...(mutant ? { mutant_ack_before_commit: true } : {}) };
    await p.startServer(options);
    const gateways = new Map();
    for (const name of Object.keys(SITES)) gateways.set(name, startReplay(p, name, 100000));
    for (let round = 0; round < rounds; round++) {
      await sleep(300 + next(1200));
      const victim = mutant ? ['database', 'server'][next(2)] : ['server', 'gateway', 'database'][next(3)];
      log.push(victim);
      if (victim === 'server') {
        await p.kill(p.server);
        await sleep(next(400));
        await p.startServer(options, { wait: false });
      } else if (victim === 'gateway') {
        const name = Object.keys(SITES)[next(gateways.size)];
        await p.kill(gateways.get(name));
        await sleep(next(400));
        gateways.set(name, startReplay(p, name, 100000));
      } else {
        await p.stopDatabase('immediate');
        await sleep(next(400));
        await p.startDatabase();
      }
    }
    await until('the server is ready', async () => (await p.get('/api/health').catch(() => null))?.json?.store?.state === 'ok');
    // The gateways stop producing; what they have is delivered by a last start that produces nothing new.
    for (const [name, child] of gateways) await p.kill(child, 'SIGTERM').then(() => name);
    for (const name of gateways.keys()) {
      const last = startReplay(p, name, 0);
      const end = await last.ended;
      if (end.code !== 0) log.push(`${name} ended with ${end.code ?? end.signal}: ${p.log(name).slice(-500)}`);
    }
    await p.kill(p.server, 'SIGTERM');
    const breaches = await alarmJournalBreaches(p);
    let produced = 0;
    for (const [name, site] of Object.entries(SITES)) {
      const file = join(p.dir, 'gateways', `${name}.ledger`);
      produced += readLedger(file).size;
      breaches.push(...(await sampleBreaches(p, site, name, file)));
    }
    const [{ alarms }] = await p.sql('select count(*) as alarms from alarm_journal');
    return { breaches, produced, alarms: Number(alarms), log };
  } finally {
    await p.stop();
  }
}
