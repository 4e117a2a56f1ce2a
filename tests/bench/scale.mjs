// The gateway link in numbers, against the real server and PostgreSQL: a thousand gateways that come back at once, a day's backlog of one
// site beside live ones, what an idle session costs, and the whole way of a sample as a ratio to its limit programs. See README.md.
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

/** What the limit programs take for a sample, in CPU seconds: its bytes through TLS, its limits, its row by COPY. */
function limits(p, bytesPerSample) {
  const per = (name, ...args) => {
    const line = JSON.parse(execFileSync(join(programs, `bench_${name}`), args.map(String), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }));
    return line.cpu_s / line.items;
  };
  p.pki('gateway', 'gw-s1');
  const psql = (...commands) => execFileSync('psql', ['-Xq', p.conninfo, ...commands.flatMap((c) => ['-c', c])], { stdio: 'ignore' });
  psql('create database bench', 'checkpoint');
  return per('limit_tls', join(p.dir, 'pki'), 300000000) * bytesPerSample + per('limit_loop', 1024, 20000000)
    + per('limit_copy', p.conninfo.replace('dbname=penstock', 'dbname=bench'), postmasterOf(p), 1000, 500000);
}

const postmasterOf = (p) => readFileSync(join(p.dir, 'pg/data/postmaster.pid'), 'utf8').split('\n')[0];

/** One mode of link_load on a Penstock of its own. */
async function measure(mode, n) {
  const p = new Penstock({ build: 'release', config: config(STEADY + (mode === 'backlog' ? 1 : n)) });
  const dir = mkdtempSync('/dev/shm/penstock-load-');
  try {
    await p.prepare({ gateways: [] });
    await p.startServer();
    const args = [p.ports.link, join(p.dir, 'pki'), dir, p.server.pid, postmasterOf(p), mode, n].map(String);
    const { stdout } = await run(join(programs, 'bench_link_load'), args, { timeout: 600000 });
    const result = JSON.parse(stdout);
    if (mode === 'backlog') {
      const [{ bytes }] = await p.sql(`select sum(length(body))::float8 as bytes from ingest_batch b join config_key k on k.key = b.gateway_key where k.name = 'load-${STEADY + 1}'`);
      await p.kill(p.server, 'SIGTERM');
      await p.closeSql();
      result.bytes_per_sample = bytes / result.items;
      result.limit_cpu_s = limits(p, result.bytes_per_sample);
    }
    return result;
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
  console.log(`         a sample takes ${f((1e6 * r.cpu_s) / r.items, 2)} µs of the server's and ${f((1e6 * r.pg_cpu_s) / r.items, 2)} µs of PostgreSQL's processor time, in ${f(r.bytes_per_sample, 2)} bytes`);
  console.log(`whole    ${f((r.limit_cpu_s * r.items) / (r.cpu_s + r.pg_cpu_s), 3)}: of that, what the limit programs take for TLS, limits and COPY of a sample (${f(1e6 * r.limit_cpu_s, 2)} µs)`);
}
if (wanted.includes('idle')) {
  const r = (results.idle = await measure('idle', gateways));
  console.log(`idle     ${gateways} sessions: ${f(r.bytes_per_session / 1024)} KiB each at the server, ${f((1000 * r.cpu_s) / gateways, 2)} ms of processor time to come in`);
}
if (options.json) writeFileSync(options.json, JSON.stringify(results, null, 2));
