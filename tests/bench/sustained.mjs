// Samples at a steady pace, well below what is possible, with checkpoints and autovacuum as in life: a line for each minute, so that whatever
// creeps shows. With --smoke a minute has three seconds.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const { values: options } = parseArgs({
  options: {
    programs: { type: 'string' }, json: { type: 'string' }, minutes: { type: 'string', default: '30' },
    tags: { type: 'string', default: '40000' }, smoke: { type: 'boolean', default: false },
  },
});
const minutes = Number(options.minutes);
const tags = Number(options.tags);
assert.ok(options.programs, '--programs: the directory of the benchmark programs');
assert.ok(Number.isInteger(minutes) && minutes > 0, '--minutes: a whole number from 1');
assert.ok(Number.isInteger(tags) && tags >= 200 && tags % 200 === 0, '--tags: so many samples come in each second; a multiple of 200');

const dir = mkdtempSync(join(tmpdir(), 'penstock-bench-'));
chmodSync(dir, 0o755); // PostgreSQL may run as another user
const cluster = join(dir, 'pg');
const run = (program, ...args) => execFileSync(program, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

const sizes = `select coalesce(sum(pg_total_relation_size(c.oid)) filter (where c.relname like 'sample_chunk%'), 0) as chunks,
  coalesce(sum(pg_total_relation_size(c.oid)) filter (where c.relname = 'sample_hot'), 0) as hot,
  coalesce(sum(pg_total_relation_size(c.oid)) filter (where c.relname = 'ingest_batch'), 0) as raw
  from pg_class c join pg_namespace s on s.oid = c.relnamespace where c.relkind = 'r' and s.nspname not like 'pg_%'`;
const mib = (bytes) => (Number(bytes) / 1048576).toFixed(0);

try {
  const conninfo = run(join(root, 'deploy/cluster'), 'start', cluster).trim().split('\n').at(-1);
  const postmaster = /^\d+/.exec(readFileSync(join(cluster, 'data/postmaster.pid'), 'utf8'))[0];
  run('psql', '-Xq', conninfo, '-c', 'create database bench', '-c', "alter system set checkpoint_timeout = '1min'", '-c', 'select pg_reload_conf()');
  const bench = conninfo.replace('dbname=penstock', 'dbname=bench');
  const args = [bench, postmaster, 'sustained', String(tags), String(minutes), ...(options.smoke ? ['3'] : [])];
  const program = spawn(join(options.programs, 'bench_store_load'), args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((done) => program.on('exit', done));
  const lines = [];
  console.log('minute  samples/s  packed/s  commit p50, p99 ms  alarm p50, p99 ms  hot rows  lag s  chunks, hot, raw MiB  CPU, PostgreSQL  memory MiB');
  for await (const text of createInterface({ input: program.stdout })) {
    const [chunks, hot, raw] = run('psql', '-XqAt', bench, '-c', sizes).trim().split('|');
    const m = { ...JSON.parse(text), chunk_bytes: Number(chunks), hot_bytes: Number(hot), raw_bytes: Number(raw) };
    lines.push(m);
    console.log([
      String(m.minute).padStart(6), m.samples_per_s.toFixed(0).padStart(9), m.packed_per_s.toFixed(0).padStart(8),
      `${m.commit_p50_ms.toFixed(1)}, ${m.commit_p99_ms.toFixed(1)}`.padStart(18), `${m.alarm_p50_ms.toFixed(1)}, ${m.alarm_p99_ms.toFixed(1)}`.padStart(17),
      String(m.hot_rows).padStart(8), m.packer_lag_s.toFixed(0).padStart(5), `${mib(chunks)}, ${mib(hot)}, ${mib(raw)}`.padStart(21),
      `${m.cpu.toFixed(3)}, ${m.pg_cpu.toFixed(3)}`.padStart(15), m.resident_mib.toFixed(0).padStart(10),
    ].join('  '));
  }
  assert.equal(await ended, 0, 'bench_store_load ends well');
  assert.equal(lines.length, minutes, 'a line for each minute');
  if (options.json) writeFileSync(options.json, `${JSON.stringify({ at: new Date().toISOString(), tags, minutes: lines }, null, 2)}\n`);
} finally {
  run(join(root, 'deploy/cluster'), 'stop', cluster, 'immediate');
  rmSync(dir, { recursive: true, force: true });
}
