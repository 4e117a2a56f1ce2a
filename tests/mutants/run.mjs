// Compiles each mutant's source alone and links it in front of the libraries of a finished build, so that a mutant costs one
// compilation; then runs the tests of the core, the quickest first, until one fails that does not fail without it.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { faults, mutants, mutated, root } from './mutants.mjs';

const usage = `usage: tests/mutants/run [--sample] [--build DIR] [--keep-going] [ID…]
       tests/mutants/run --check      only sees that every mutant of the list can be made
       tests/mutants/run --list

Without --build it configures and builds what it needs in build/mutants. --sample takes the few that run with the other
tests. --keep-going runs every test of each mutant and prints all that fail. Closes with N passed, N failed: passed is
one that was killed, or survived and is listed as equivalent.`;

const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
    build: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const chapters = readdirSync(join(root, 'tests/cases')).filter((f) => /^[a-z].*\.md$/.test(f)).sort().map((f) => `tests/cases/${f}`);
const units = readdirSync(join(root, 'tests/unit/core')).filter((f) => f.endsWith('_test.c')).map((f) => f.slice(0, -'_test.c'.length));
const cases = { target: 'alarm_cases', args: chapters, names: /^FAIL (\S+)/gm };
const unit = (module) => ({ target: `unit_core_${module}_test`, args: [], names: /^\[ {2}FAILED {2}\] (\w+)$/gm });
/* The last one does less than in the ordinary tests: the whole would take too long for each that survives. */
const sims = [
  { target: 'sim_core_delays', args: [] },
  { target: 'sim_rule_oracle', args: [] },
  { target: 'sim_core_alarms', args: [], env: { RUNS: '40' } },
];
const killers = [cases, ...units.map(unit), ...sims];

/** The tests in the order in which they are likely to notice something about a source. */
function order(file) {
  const family = /^(kpi|rule)/.exec(file)?.[1];
  if (!family) return killers;
  const near = killers.filter((k) => k.target.startsWith(`unit_core_${family}`));
  return [...near, ...killers.filter((k) => !near.includes(k))];
}

/** Runs a program to its end: { code, signal, late, out }. */
function run(program, args, { cwd = root, env = {}, seconds = 120 } = {}) {
  return new Promise((done) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let late = false;
    const take = (data) => {
      if (out.length < 1 << 20) out += data;
    };
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, seconds * 1000);
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (error) => (out += error.message));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      done({ code, signal, late, out });
    });
  });
}

async function must(program, args, how) {
  const result = await run(program, args, { seconds: 3600, ...how });
  if (result.code !== 0) throw new Error(`${program} ${args.join(' ')}\n${result.out.slice(-4000)}`);
  return result.out;
}

async function prepare() {
  if (options.build) return resolve(options.build);
  const build = join(root, 'build/mutants');
  await must('cmake', ['--preset', 'mutants']);
  await must('cmake', ['--build', build, '-j', String(availableParallelism()), '--target', ...killers.map((k) => k.target)]);
  return build;
}

/** How the finished build compiles a source of the core, and links a test: as command lines for sh. */
async function commands(build) {
  const compile = new Map();
  for (const entry of JSON.parse(readFileSync(join(build, 'compile_commands.json'), 'utf8'))) compile.set(entry.file, entry);
  const link = new Map();
  for (const k of killers) {
    const lines = (await must('ninja', ['-C', build, '-t', 'commands', k.target])).trim().split('\n');
    link.set(k.target, lines.at(-1).replace(/^: && /, '').replace(/ && :$/, ''));
  }
  return { compile, link };
}

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
function replaceOnce(text, pattern, by) {
  const after = text.replace(pattern, () => by);
  if (after === text) throw new Error(`there is no ${pattern} in: ${text}`);
  return after;
}

async function compileMutant(at, mutant, dir) {
  const { command, directory } = at.compile.get(join(root, 'server/core', mutant.file));
  const source = join(dir, mutant.file);
  writeFileSync(source, mutated(mutant));
  /* -w: what a mutant no longer uses is no reason to refuse it. */
  const line = replaceOnce(replaceOnce(command, / -o \S+/, ` -w -o ${quote(`${source}.o`)}`), / -c \S+$/, ` -c ${quote(source)}`);
  const result = await run('sh', ['-c', line], { cwd: directory });
  return result.code === 0 ? '' : result.out;
}

async function linkTest(build, at, killer, dir, mutant) {
  const program = join(dir, killer.target);
  const object = quote(join(dir, `${mutant.file}.o`));
  const line = replaceOnce(at.link.get(killer.target), / -o \S+/, ` ${object} -o ${quote(program)}`);
  await must('sh', ['-c', line], { cwd: build });
  return program;
}

/** What fails in one run of a test: names, or what ended it. */
async function failures(program, killer) {
  const result = await run(program, killer.args, { env: killer.env, seconds: 60 });
  if (result.code === 0) return [];
  const names = killer.names ? [...new Set([...result.out.matchAll(killer.names)].map((m) => m[1]))] : [];
  if (names.length > 0) return names;
  return [result.late ? 'does not end' : (result.signal ?? `exit status ${result.code}`)];
}

/** Without a mutant: what fails here is no merit of one. */
async function baseline(build, at) {
  const before = new Map();
  await parallel(killers, async (k) => {
    const program = join(build, /-o (\S+)/.exec(at.link.get(k.target))[1]);
    before.set(k.target, await failures(program, k));
  });
  return before;
}

async function judge(build, at, before, mutant) {
  const dir = join(root, 'build/mutants-run', mutant.id);
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  const killed = [];
  const wrong = await compileMutant(at, mutant, dir);
  if (wrong) return { invalid: wrong };
  for (const k of order(mutant.file)) {
    const known = before.get(k.target);
    if (known.length > 0 && !k.names) continue;
    const program = await linkTest(build, at, k, dir, mutant);
    const fresh = (await failures(program, k)).filter((name) => !known.includes(name));
    rmSync(program);
    if (fresh.length > 0) killed.push({ by: k.target, names: fresh });
    if (fresh.length > 0 && !options['keep-going']) break;
  }
  rmSync(dir, { recursive: true });
  return { killed };
}

async function parallel(items, work) {
  const queue = [...items];
  await Promise.all(Array.from({ length: availableParallelism() }, async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  }));
}

/** One line for a mutant, and whether it is as it should be. */
function verdict(mutant, { invalid, killed }) {
  if (invalid) return [false, `DOES NOT COMPILE\n${invalid.slice(0, 2000)}`];
  const by = killed.map((k) => `${k.by}: ${k.names.slice(0, 3).join(' ')}${k.names.length > 3 ? ` and ${k.names.length - 3} more` : ''}`).join('; ');
  if (mutant.equivalent) return killed.length > 0 ? [false, `NOT EQUIVALENT, killed by ${by}`] : [true, `equivalent: ${mutant.equivalent}`];
  return killed.length > 0 ? [true, `killed by ${by}`] : [false, `SURVIVED: ${mutant.hurts}`];
}

async function main() {
  if (options.help) {
    console.log(usage);
    return 0;
  }
  const all = await mutants();
  if (options.list) {
    for (const m of all) console.log(`${m.id}  ${m.file}  ${m.hurts ?? `equivalent: ${m.equivalent}`}`);
    return 0;
  }
  const found = faults(all);
  const unknown = wanted.filter((id) => !all.some((m) => m.id === id)).map((id) => `${id}: there is no such mutant`);
  for (const fault of [...found, ...unknown]) console.log(`FAIL ${fault}`);
  if (options.check || unknown.length > 0) {
    console.log(`${all.length - found.length} passed, ${found.length + unknown.length} failed`);
    return found.length + unknown.length > 0 ? 1 : 0;
  }
  const broken = new Set(found.map((fault) => fault.split(':')[0]));
  const chosen = all.filter((m) => !broken.has(m.id) && (wanted.length === 0 || wanted.includes(m.id)) && (!options.sample || m.sample));
  const build = await prepare();
  const at = await commands(build);
  const before = await baseline(build, at);
  let failed = found.length;
  let passed = 0;
  for (const [target, names] of before) {
    if (names.length === 0) continue;
    failed++;
    console.log(`FAIL without any mutant, ${target}: ${names.join(' ')}`);
  }
  await parallel(chosen, async (mutant) => {
    const [good, text] = verdict(mutant, await judge(build, at, before, mutant));
    console.log(`${good ? 'ok  ' : 'FAIL'} ${mutant.id} (${mutant.file}): ${text}`);
    if (good) passed++;
    else failed++;
  });
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 || passed === 0 ? 1 : 0;
}

process.exitCode = await main();
