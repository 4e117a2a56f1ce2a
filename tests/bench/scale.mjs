// The gateway link in numbers, against the real server and PostgreSQL: a thousand gateways that come back at once, a day's backlog of one
// site beside live ones, what an idle session costs, and the whole way of a sample as a ratio to its limit programs. See README.md.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { Penstock, root } from '../lib/penstock.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { gateways: { type: 'string', default: '1000' }, hours: { type: 'string', default: '24' }, json: { type: 'string' } },
});
const wanted = positionals.length > 0 ? positionals : ['storm', 'backlog', 'idle'];
const gateways = Number(options.gateways);
const programs = join(root, 'build/release/tests/bench');
const run = promisify(execFile);

const STEADY = 10, TAGS = 28; // as in link_load.c

function config(n) {
  const all = Array.from({ length: n }, (_, i) => i + 1);
  return {
    sites: all.map((i) => ({ name: `L${i}`, title: `Load ${i}` })),
    gateways: all.map((i) => ({ name: `load-${i}`, site: `L${i}` })),
    tags: all.flatMap((i) => Array.from({ length: TAGS }, (_, k) => ({ name: `L${i}/t${k}`, gateway: `load-${i}`, low: 0, high: 100, unit: 'm' }))),
  };
}

/** One mode of link_load on a Penstock of its own. */
async function measure(mode, n, more = {}) {
  const p = new Penstock({ build: 'release', config: config(STEADY + (mode === 'backlog' ? 1 : n)) });
  const dir = mkdtempSync('/dev/shm/penstock-load-');
  try {
    await p.prepare({ gateways: [] });
    await p.startServer(more);
    const postmaster = readFileSync(join(p.dir, 'pg/data/postmaster.pid'), 'utf8').split('\n')[0];
    mkdirSync(dir, { recursive: true });
    const args = [p.ports.link, join(p.dir, 'pki'), dir, p.server.pid, postmaster, mode, n].map(String);
    const { stdout } = await run(join(programs, 'bench_link_load'), args, { timeout: 600000 });
    return JSON.parse(stdout);
  } catch (e) {
    process.stderr.write(`${e.stderr ?? ''}${p.log('penstockd').slice(-3000)}\n`);
    throw e;
  } finally {
    await p.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

const f = (v, digits = 1) => v.toFixed(digits);
const results = {};

console.log(`${cpus().length} processors (${cpus()[0].model}), Linux ${release()}, load ${loadavg()[0].toFixed(2)}\n`);
if (wanted.includes('storm')) {
  const r = (results.storm = await measure('storm', gateways));
  console.log(`storm    ${gateways} gateways lose their line at once: all live again after ${f(r.cpu_s, 2)} s (the first time: ${f(r.first_s, 2)} s)`);
  console.log(`         record to acknowledgement of ${STEADY} others: p50 ${f(r.quiet_p50_ms)}, p99 ${f(r.quiet_p99_ms)} ms before; p50 ${f(r.p50_ms)}, p99 ${f(r.p99_ms)}, most ${f(r.max_ms)} ms meanwhile (p99 × ${f(r.p99_ms / r.quiet_p99_ms)})`);
}
if (wanted.includes('backlog')) {
  const r = (results.backlog = await measure('backlog', Number(options.hours)));
  console.log(`backlog  ${options.hours} h of one site: ${f(r.items / r.wall_s, 0)} samples/s, ${f(r.times_live, 0)} times its live rate${r.drained ? `, drained in ${f(r.wall_s)} s` : ''}`);
  console.log(`         record to acknowledgement of ${STEADY} others: p50 ${f(r.quiet_p50_ms)}, p99 ${f(r.quiet_p99_ms)} ms before; p50 ${f(r.p50_ms)}, p99 ${f(r.p99_ms)} ms meanwhile (p99 × ${f(r.p99_ms / r.quiet_p99_ms)})`);
  console.log(`         a sample takes ${f((1e6 * r.cpu_s) / r.items, 2)} µs of the server's and ${f((1e6 * r.pg_cpu_s) / r.items, 2)} µs of PostgreSQL's processor time`);
}
if (wanted.includes('idle')) {
  const r = (results.idle = await measure('idle', gateways));
  console.log(`idle     ${gateways} sessions: ${f(r.bytes_per_session / 1024)} KiB each at the server, ${f((1000 * r.cpu_s) / gateways, 2)} ms of processor time to come in`);
}
if (options.json) writeFileSync(options.json, JSON.stringify(results, null, 2));
