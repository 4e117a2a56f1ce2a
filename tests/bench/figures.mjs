// Runs the benchmark programs in pairs (limit, measured, limit, measured, …) with keys and a PostgreSQL of their own, and prints each
// figure as a ratio. With --smoke every program does next to nothing, once: that they run, and say what they should, is all that it shows.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: { programs: { type: 'string' }, json: { type: 'string' }, pairs: { type: 'string', default: '5' }, smoke: { type: 'boolean', default: false } },
});
const pairs = options.smoke ? 1 : Number(options.pairs);
assert.ok(Number.isInteger(pairs) && pairs > 0, '--pairs: a whole number from 1');
assert.ok(options.programs, '--programs: the directory of the benchmark programs');

const dir = mkdtempSync(join(tmpdir(), 'penstock-bench-'));
chmodSync(dir, 0o755); // PostgreSQL may run as another user
const pki = join(dir, 'pki');
const cluster = join(dir, 'pg');
const run = (program, args) => execFileSync(program, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 600000 });

/** One benchmark program's line, checked. */
function measure(name, ...args) {
  const lines = run(join(options.programs, `bench_${name}`), args.map(String)).trim().split('\n');
  assert.equal(lines.length, 1, `${name} prints one line`);
  const line = JSON.parse(lines[0]);
  assert.equal(line.name, name);
  for (const field of ['items', 'cpu_s', 'wall_s']) assert.ok(Number.isFinite(line[field]) && line[field] >= 0, `${name}: ${field}`);
  assert.ok(line.items > 0, `${name} did something`);
  return line;
}

let conninfo;
let postmaster;
function startDatabase() {
  if (conninfo) return;
  conninfo = run(join(root, 'deploy/cluster'), ['start', cluster]).trim().split('\n').at(-1);
  postmaster = /^\d+/.exec(readFileSync(join(cluster, 'data/postmaster.pid'), 'utf8'))[0];
  // The cleaning up after one program is not to be counted for the next.
  run('psql', ['-Xq', conninfo, '-c', 'alter system set autovacuum = off', '-c', 'select pg_reload_conf()']);
}

/** In a database of its own, after a checkpoint. */
function measureInDatabase(name, ...args) {
  run('psql', ['-Xq', conninfo, '-c', 'create database bench', '-c', 'checkpoint']);
  try {
    return measure(name, conninfo.replace('dbname=penstock', 'dbname=bench'), postmaster, ...args);
  } finally {
    run('psql', ['-Xq', conninfo, '-c', 'drop database bench with (force)']);
  }
}

const n = (full, little) => (options.smoke ? little : full);

function storePair(limit, each) {
  const [tags, rows] = [n(1000, 200), n(3000000, 2000)]; // so many that a start weighs nothing
  return [measureInDatabase(limit, tags, rows, each), measureInDatabase('store_ingest', tags, rows, each)];
}

const figures = {
  core: {
    what: 'samples through rules and alarms', limit: 'limit_loop', measured: 'core_eval', unit: 'samples',
    pair() {
      const tags = n(1000000, 2048);
      return [measure('limit_loop', tags, n(100000000, 10000)), measure('core_eval', tags, n(10000000, 10000))];
    },
    more: (m) => ({ samples_per_cpu_s: m.items / m.cpu_s, bytes_per_tag: m.bytes_per_tag, allowed_bytes_per_tag: m.allowed_bytes_per_tag }),
  },
  bare: {
    what: 'samples that cross no limit', limit: 'limit_random', measured: 'core_bare', unit: 'samples',
    pair() {
      const [tags, samples] = [n(1000000, 2048), n(40000000, 10000)];
      return [measure('limit_random', tags, samples), measure('core_bare', tags, samples)];
    },
  },
  link: {
    what: "bytes off a gateway's line", limit: 'limit_tls', measured: 'link_receive', unit: 'bytes',
    pair: () => [measure('limit_tls', pki, n(1000000000, 1000000)), measure('link_receive', pki, n(60000000, 200000))],
    more: (m) => ({ samples_per_cpu_s: m.samples / m.cpu_s, bytes_per_sample: m.items / m.samples }),
  },
  store: {
    what: 'samples into history, durable, then into chunks; each record all tags of a gateway', limit: 'limit_copy', measured: 'store_ingest', unit: 'rows',
    prepare: startDatabase,
    pair: () => storePair('limit_copy', 200),
  },
  store_small: {
    what: 'the same, each record 28 samples', limit: 'limit_copy', measured: 'store_ingest', unit: 'rows',
    prepare: startDatabase,
    pair: () => storePair('limit_copy', 28),
  },
  chunks: {
    what: 'as store, against chunks that are there', limit: 'limit_chunks', measured: 'store_ingest', unit: 'rows',
    prepare: startDatabase,
    pair: () => storePair('limit_chunks', 200),
  },
  trend: {
    what: '8 pens of 30 days, a sample each 10 s, in 2 000 pixels', limit: 'limit_trend', measured: 'store_trend', unit: 'trends',
    prepare: startDatabase,
    pair() {
      const [pens, days] = [n(8, 2), n(30, 1)];
      return [measureInDatabase('limit_trend', pens, days, n(3, 1)), measureInDatabase('store_trend', pens, days, n(10, 1))];
    },
    more: (m, l) => ({ wall_ms: (1000 * m.wall_s) / m.items, limit_wall_ms: (1000 * l.wall_s) / l.items }),
  },
  live: {
    what: 'frames to browsers', limit: 'limit_ws', measured: 'live_push', unit: 'frames',
    pair() {
      const [clients, frames] = [n(200, 4), n(6000, 20)];
      const live = measure('live_push', pki, clients, frames, n(10, 2));
      return [measure('limit_ws', pki, clients, frames, Math.max(126, Math.round(live.bytes / live.items))), live];
    },
    more: (m) => ({ bytes_per_frame: m.bytes / m.items }),
  },
  backtest: {
    what: 'samples of the past through two configurations', limit: 'limit_loop', measured: 'backtest', unit: 'samples',
    pair() {
      const tags = n(10000, 500);
      return [measure('limit_loop', n(10240, 2048), n(100000000, 10000)), measure('backtest', tags, 1, 10)];
    },
    // 30 days of 10 000 tags every 30 s, from what one day took.
    more: (m) => ({ month_cpu_s: (m.cpu_s * 864000000) / m.items, bytes: m.bytes }),
  },
};

// --- sizes: no ratio to anything, and the same on every machine

const table = (file) => gunzipSync(readFileSync(file)).toString().trim().split('\n').map((row) => row.split(','));

/** What wire_bytes reads: tags with name, column, scale (0: a bool) and device; rows as they are; the time of row i in seconds. */
function writeRecording(name, tags, rows, time) {
  const last = new Map();
  // At the instrument's resolution; a gap keeps what was there.
  const value = (tag, text) => {
    const v = Number(text);
    if (Number.isFinite(v) && text.trim() !== '') last.set(tag, tag.scale === 0 ? String(Number(v !== 0)) : (Math.round(v / tag.scale) * tag.scale).toFixed(3));
    return last.get(tag) ?? '0';
  };
  const lines = [tags.length, ...tags.map((tag) => `${tag.name} ${tag.scale} ${tag.device}`), ...rows.slice(0, n(rows.length, 300)).map((row, i) => [time(row, i), ...tags.map((tag) => value(tag, row[tag.column]))].join(' '))];
  writeFileSync(join(dir, name), `${lines.join('\n')}\n`);
}

/** The shipped recording: the tags station by station, each station a device of its own. */
function recording() {
  const pumps = [1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]; // the station of PU1, PU2, …
  const tanks = [1, 1, 2, 3, 4, 5, 5];
  const station = (column) => {
    const [, kind, number] = /^\w+?_(PU|T|S)(\d+)/.exec(column);
    return kind === 'S' ? Number(number) : (kind === 'PU' ? pumps : tanks)[number - 1];
  };
  const scale = (column) => (column.startsWith('S_PU') ? 0 : column.startsWith('L_') ? 0.001 : 0.01);
  const [head, ...rows] = table(join(root, 'deploy/demo-data/ctown.csv.gz'));
  const tags = head.map((name, column) => ({ name, column, scale: scale(name) })).slice(1).map((tag) => ({ ...tag, device: station(tag.name) })).sort((a, b) => a.device - b.device);
  writeRecording('recording', tags, rows, (row) => row[0]);
}

/** Recordings that are not shipped, where they are beside the checkout. */
const beside = ['batadal/BATADAL_dataset03', 'batadal/BATADAL_dataset04', 'demand/inflow'];
function recordingBeside(name) {
  const [head, ...rows] = table(join(root, '../shared/data', `${name}.csv.gz`));
  const scale = (column) => (/^S_/.test(column) ? 0 : /^L_/.test(column) ? 0.001 : name.startsWith('demand') ? 0.1 : 0.01);
  const tags = head.map((text, column) => ({ name: text.trim().replaceAll(' ', '_'), column })).slice(1).filter((tag) => tag.name !== 'ATT_FLAG').map((tag) => ({ ...tag, scale: scale(tag.name), device: 1 }));
  writeRecording(basename(name), tags, rows, (row, i) => i);
}

const sizes = {
  bytes() {
    recording();
    const rows = [
      ['live, flushes of 12 samples or more', 1, 12, 6],
      ['live, all flushes', 1, 1],
      ['in records of 10 min', 10, 1, 4],
      ['in records of an hour', 60, 1, 4],
    ];
    const result = (what, m, aim) => ({ what, bytes_per_sample: m.bytes / m.items, samples_per_frame: m.items / m.flushes, aim });
    const outage = (what, file, seconds) => result(`outage, ${what}`, measure('wire_bytes', join(dir, file), 1, 1, seconds), 4);
    return [
      ...rows.map(([what, rowsInFlush, least, aim]) => result(what, measure('wire_bytes', join(dir, 'recording'), rowsInFlush, least), aim)),
      outage('a row a minute', 'recording', 60),
      outage('a row a second', 'recording', 1),
      ...beside.map((name) => {
        const what = `${basename(name)}, a row a second`;
        if (!existsSync(join(root, '../shared/data', `${name}.csv.gz`))) return { what: `outage, ${what}`, skipped: `../shared/data/${name}.csv.gz is not beside the checkout` };
        recordingBeside(name);
        return outage(what, basename(name), 1);
      }),
    ];
  },
};

/** Bytes of all relations that samples leave something in, when old records are gone and VACUUM was there; no VACUUM FULL. */
const storedSql = `select sum(pg_total_relation_size(c.oid)) as all, coalesce(sum(pg_total_relation_size(c.oid)) filter (where c.relname like 'sample_chunk%'), 0) as chunks
  from pg_class c where c.relkind = 'r' and (c.relname in ('sample_hot', 'sample_row', 'ingest_batch', 'ingest_pruned', 'gateway_epoch', 'gateway_day') or c.relname like 'sample_chunk%')`;
function storedBytes(what, aim, ...args) {
  run('psql', ['-Xq', conninfo, '-c', 'create database bench']);
  const bench = conninfo.replace('dbname=penstock', 'dbname=bench');
  const sql = (text) => run('psql', ['-XqAt', bench, '-c', text]).trim();
  try {
    const m = measure('store_bytes', bench, ...args);
    assert.equal(sql('select count(*) from sample_hot'), '0', 'all is packed');
    while (Number(sql('select ingest_prune((extract(epoch from now()) * 1000000)::bigint, 100000)')) > 0);
    sql('vacuum');
    const [all, chunks] = sql(storedSql).split('|').map(Number);
    const [data, rows] = sql('select sum(length(data)), count(*) from sample_chunk').split('|').map(Number);
    return { what, aim, bytes_per_sample: all / m.items, chunk_bytes: chunks / m.items, packed_bytes: data / m.items, samples_per_chunk: m.items / rows, samples: m.items };
  } finally {
    run('psql', ['-Xq', conninfo, '-c', 'drop database bench with (force)']);
  }
}

sizes.bytes_stored = () => {
  startDatabase();
  recording();
  const round = n(240, 12000);
  // The recording is a week; the others are sent so often that what does not grow with history weighs little.
  const [times, often] = [n(6, 1), n(24, 1)];
  const skippedOr = (name, row) => {
    const what = `${basename(name)}, a row a minute`;
    if (!existsSync(join(root, '../shared/data', `${name}.csv.gz`))) return { what, skipped: `../shared/data/${name}.csv.gz is not beside the checkout` };
    recordingBeside(name);
    return row(what);
  };
  return [
    storedBytes('recording, a row a minute', 3, round, join(dir, 'recording'), 60, times),
    storedBytes('recording, a row a second', 3, round, join(dir, 'recording'), 1, times),
    ...beside.map((name) => skippedOr(name, (what) => storedBytes(what, 3, round, join(dir, basename(name)), 60, often))),
    storedBytes('noise, all bits of the mantissa', 10, n(180, 6000), 'noise', n(50, 2), n(40000, 200)),
  ];
};

const headings = { bytes: 'a sample on the line, with its share of the frame', bytes_stored: 'a sample in the database, tables and indexes, packed and vacuumed, without rollups' };

function printSizes(results) {
  for (const [name, rows] of Object.entries(results)) {
    console.log(`\n${name}: ${headings[name]}`);
    for (const row of rows) {
      if (row.samples_per_chunk) console.log(`  ${row.what.padEnd(46)} ${row.bytes_per_sample.toFixed(2)} B (aim: ${row.aim} or less), of which chunks ${row.chunk_bytes.toFixed(2)} B, their data ${row.packed_bytes.toFixed(2)} B; ${row.samples_per_chunk.toFixed(0)} samples a chunk`);
      else if (row.skipped) console.log(`  ${row.what.padEnd(46)} skipped: ${row.skipped}`);
      else console.log(`  ${row.what.padEnd(46)} ${row.bytes_per_sample.toFixed(2)} B${row.aim ? ` (aim: ${row.aim} or less)` : ''}, ${row.samples_per_frame.toFixed(0)} samples a frame`);
    }
  }
}

// --- times: what somebody waits for

const times = {
  year() {
    startDatabase();
    const row = (what, aim, ...more) => {
      const runs = Array.from({ length: pairs }, () => measureInDatabase('store_trend', 1, n(365, 1), n(10, 1), ...more));
      const ms = (field) => median(runs.map((m) => (1000 * m[field]) / m.items));
      return { what, aim, wall_ms: ms('wall_s'), cpu_ms: ms('cpu_s') };
    };
    return [row('a tag by day over a year, from rollups', 50, 'days'), row('a tag over a year in 2 000 pixels')];
  },
  /** Both in one run, in turn: alone, and while samples come as fast as they are taken and are packed beside. */
  alarms() {
    startDatabase();
    const m = measureInDatabase('store_load', 'alarms', 1000, n(2 * pairs, 2));
    const row = (what, wall_ms, rest) => ({ what, wall_ms, ...rest });
    return [
      row('an alarm record until it is durable, median', m.quiet_p50_ms),
      row('… under full sample load', m.loaded_p50_ms),
      row('99 of 100 alarm records, longest', m.quiet_p99_ms),
      row('… under full sample load', m.loaded_p99_ms, { times: m.loaded_p99_ms / m.quiet_p99_ms, aim_times: 2 }),
    ];
  },
};

function printTimes(results) {
  for (const [name, rows] of Object.entries(results)) {
    console.log(`\n${name}:`);
    for (const row of rows) {
      const aim = row.aim ? ` (aim: ${row.aim} or less)` : row.times ? `, ${row.times.toFixed(2)} times as long (aim: ${row.aim_times} or less)` : '';
      console.log(`  ${row.what.padEnd(46)} ${row.wall_ms.toFixed(1)} ms${aim}${row.cpu_ms === undefined ? '' : `, ${row.cpu_ms.toFixed(1)} ms of CPU`}`);
    }
  }
}

const median = (v) => [...v].sort((a, b) => a - b)[Math.floor(v.length / 2)];
const perCpu = (line) => line.items / line.cpu_s;

function figure(name) {
  const f = figures[name];
  f.prepare?.();
  const runs = [];
  for (let i = 0; i < pairs; i++) runs.push(f.pair());
  const more = runs.map(([limit, measured]) => f.more?.(measured, limit) ?? {});
  const medianOf = (get) => median(runs.map(get));
  return {
    name, what: f.what, unit: f.unit, limit: f.limit, measured: f.measured,
    limit_per_cpu_s: medianOf(([limit]) => perCpu(limit)),
    measured_per_cpu_s: medianOf(([, measured]) => perCpu(measured)),
    ratio: medianOf(([limit, measured]) => perCpu(measured) / perCpu(limit)),
    ratios: runs.map(([limit, measured]) => perCpu(measured) / perCpu(limit)),
    more: Object.fromEntries(Object.keys(more[0]).map((key) => [key, median(more.map((m) => m[key]))])),
    runs,
  };
}

function short(x) {
  if (x >= 1e6) return `${(x / 1e6).toFixed(1)} M`;
  if (x >= 1e4) return `${(x / 1e3).toFixed(0)} k`;
  return x.toFixed(x < 100 ? 2 : 0);
}

function print(results) {
  const rows = results.map((f) => [
    f.name, f.ratio.toFixed(3), `${Math.min(...f.ratios).toFixed(3)} … ${Math.max(...f.ratios).toFixed(3)}`,
    `${short(f.measured_per_cpu_s)} ${f.unit}`, `${short(f.limit_per_cpu_s)} ${f.unit}`,
    Object.entries(f.more).map(([key, value]) => `${key} ${short(value)}`).join(', '),
  ]);
  const table = [['figure', 'ratio', 'lowest … highest', 'per CPU second', 'limit', ''], ...rows];
  const widths = table[0].map((_, i) => Math.max(...table.map((row) => row[i].length)));
  for (const row of table) console.log(row.map((cell, i) => cell.padEnd(widths[i])).join('  ').trimEnd());
}

const all = [...Object.keys(figures), ...Object.keys(sizes), ...Object.keys(times)];
const names = wanted.length > 0 ? wanted : all;
for (const name of names) assert.ok(all.includes(name), `there is no figure "${name}"; there are ${all.join(', ')}`);
try {
  for (const args of [['ca', 'Benchmark'], ['server', 'link', 'IP:127.0.0.1', 'link'], ['server', 'web', 'IP:127.0.0.1', 'web'], ['gateway', 'gw-s1']])
    run(join(root, 'deploy/pki'), [pki, ...args]);
  const before = loadavg()[0];
  const results = names.filter((name) => figures[name]).map(figure);
  if (results.length > 0) print(results);
  const measured = Object.fromEntries(names.filter((name) => sizes[name]).map((name) => [name, sizes[name]()]));
  printSizes(measured);
  const waited = Object.fromEntries(names.filter((name) => times[name]).map((name) => [name, times[name]()]));
  printTimes(waited);
  if (!options.smoke && results.length > 0) console.log(`\n${pairs} pairs each, medians; ${cpus().length} CPUs, load before ${before.toFixed(1)}. A ratio is a share of the limit: 1 is as good as can be.`);
  if (options.json) {
    const machine = { cpus: cpus().length, model: cpus()[0]?.model, kernel: release(), load_before: before };
    writeFileSync(options.json, `${JSON.stringify({ at: new Date().toISOString(), machine, pairs, figures: results, sizes: measured, times: waited }, null, 2)}\n`);
  }
} finally {
  if (conninfo) run(join(root, 'deploy/cluster'), ['stop', cluster, 'immediate']);
  rmSync(dir, { recursive: true, force: true });
}
