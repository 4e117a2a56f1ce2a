// The rules of the house that a program can check: layers, sizes, bans, a test for every module, formatting, static analysis.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((name) => name && existsSync(join(root, name)));
const sources = files.filter((name) => /^(server|protocol|tests)\/.*\.[ch]$/.test(name));
const product = sources.filter((name) => !name.startsWith('tests/'));
const text = (name) => readFileSync(join(root, name), 'utf8');
const withoutComments = (code) => code.replace(/\/\*[\s\S]*?\*\//g, (c) => c.replace(/[^\n]/g, ' ')).replace(/\/\/.*$/gm, '');
const withoutStrings = (code) => withoutComments(code).replace(/"(\\.|[^"\\\n])*"/g, '""').replace(/'(\\.|[^'\\\n])+'/g, "' '");

const layers = ['base', 'wire', 'core', 'history', 'config', 'chain', 'link', 'store', 'export', 'api', 'client', 'gateway', 'app'];
const layerOf = (name) => {
  if (name.startsWith('protocol/client/')) return 'client';
  if (name.startsWith('protocol/gateway/')) return 'gateway';
  if (name.startsWith('protocol/')) return 'wire';
  return /^server\/([a-z]+)\//.exec(name)?.[1];
};
const mayInclude = {
  base: ['base'],
  wire: ['wire', 'base'],
  history: ['history', 'core', 'wire', 'base'],
  core: ['core', 'base'],
  config: ['config', 'history', 'core', 'base'],
  chain: ['chain', 'base'],
  export: ['export', 'chain', 'base'],
  link: ['link', 'config', 'core', 'wire', 'base'],
  store: ['store', 'chain', 'config', 'history', 'core', 'wire', 'base'],
  api: ['api', 'config', 'history', 'core', 'base'],
  client: ['client', 'wire', 'base'],
  gateway: ['gateway', 'client', 'wire', 'base'],
  app: ['app', 'export', 'chain', 'api', 'store', 'link', 'config', 'history', 'core', 'wire', 'base'],
};
const libraries = {
  base: [], wire: [], history: [], core: [], config: ['jansson'], chain: ['openssl', 'jansson'], export: ['openssl'], link: ['uv', 'openssl'], store: ['uv', 'libpq-fe', 'openssl', 'jansson', 'catalog'],
  api: ['uv', 'openssl', 'libwebsockets', 'sodium', 'jansson'], client: ['uv', 'openssl'],
  gateway: ['uv', 'openssl', 'jansson', 'modbus', 'zlib'], app: ['uv', 'openssl', 'jansson', 'libpq-fe', 'sodium'],
};

/** Breaches of the layer rules in one file's text. */
export function layerBreaches(name, code) {
  const own = layerOf(name);
  const breaches = [];
  for (const [, quote, included] of withoutComments(code).matchAll(/^\s*#\s*include\s+(["<])([^">]+)[">]/gm)) {
    if (quote === '"') {
      const other = layerOf(included);
      if (!other) breaches.push(`${name} includes "${included}", which is no file of a layer: paths start at the top`);
      else if (!mayInclude[own]?.includes(other)) breaches.push(`${name} (${own}) includes ${included} (${other})`);
    } else {
      const library = /^(uv|openssl|libpq-fe|jansson|libwebsockets|modbus|sodium|zlib|catalog)/.exec(included)?.[1];
      if (library && !libraries[own]?.includes(library)) breaches.push(`${name} (${own}) includes <${included}>`);
      if (['core', 'config', 'history', 'chain', 'wire', 'base'].includes(own) && /^(sys\/socket|pthread|sys\/time)\.h$/.test(included))
        breaches.push(`${name} (${own}) includes <${included}>: no I/O and no clock below the adapters`);
      if (included === 'time.h' && !['server/base/clock.c'].includes(name)) breaches.push(`${name} includes <time.h>: clocks are read in base/clock.c only`);
    }
    if (quote === '"' && included === 'server/base/clock.h' && ['core', 'config', 'history', 'chain', 'wire'].includes(own))
      breaches.push(`${name} (${own}) includes clock.h: time is a parameter there`);
  }
  return breaches;
}

test('no layer looks up and no adapter includes another', () => {
  assert.deepEqual(product.flatMap((name) => layerBreaches(name, text(name))), []);
});

test('the layer check finds a layer that looks up', () => {
  assert.equal(layerBreaches('server/core/x.c', '#include "server/store/store.h"\n').length, 1);
  assert.equal(layerBreaches('server/link/x.c', '#include "server/store/store.h"\n').length, 1);
  assert.equal(layerBreaches('server/core/x.c', '#include <uv.h>\n').length, 1);
  assert.equal(layerBreaches('server/core/x.c', '#include "server/base/clock.h"\n').length, 1);
  assert.equal(layerBreaches('server/app/x.c', '#include "server/store/store.h"\n').length, 0);
});

const banned = [
  'strcpy', 'strcat', 'sprintf', 'vsprintf', 'strncpy', 'strncat', 'strtok', 'gets', 'atoi', 'atol', 'atoll', 'atof', 'scanf', 'fscanf', 'sscanf',
  'gmtime', 'localtime', 'rand', 'srand', 'random', 'alloca', 'system', 'popen', 'strerror', 'sleep', 'usleep', 'PQescapeLiteral', 'PQescapeString',
  'PQescapeStringConn', 'PQescapeIdentifier', 'PQreset', 'PQcancel',
];
/** PQcancel connects and waits: it is called on one of uv's threads. */
const allowed = { 'server/store/pg.c': ['PQcancel'] };
export function bannedCalls(name, code) {
  const calls = [];
  for (const [, word] of withoutStrings(code).matchAll(/\b([A-Za-z_]\w*)\s*\(/g)) {
    if (banned.includes(word) && !allowed[name]?.includes(word)) calls.push(`${name} calls ${word}()`);
    if (word === 'getenv' && layerOf(name) !== 'app' && !name.startsWith('tests/')) calls.push(`${name} calls getenv(): only app may`);
  }
  return calls;
}

test('no banned function is called', () => {
  assert.deepEqual(product.flatMap((name) => bannedCalls(name, text(name))), []);
});

test('the check of banned functions finds one, and not in a comment or a text', () => {
  assert.equal(bannedCalls('server/core/x.c', 'x = atoi(y);').length, 1);
  assert.equal(bannedCalls('server/store/x.c', 'PQcancel(x);').length, 1);
  assert.equal(bannedCalls('server/core/x.c', '/* atoi(y) */ "atoi(y)" my_atoi(y)').length, 0);
});

/** Lines of each function body (from its opening brace at column 0 of a definition to the closing one). */
export function longFunctions(name, code, most) {
  const found = [];
  const lines = withoutStrings(code).split('\n');
  for (let i = 0; i < lines.length; i++) {
    if (!/^[A-Za-z_].*\)\s*\{$/.test(lines[i]) && !(/^\s+.*\)\s*\{$/.test(lines[i]) && /^[A-Za-z_][^;]*$/.test(lines[i - 1] ?? ''))) continue;
    if (/^\s/.test(lines[i]) && /^(}|#)/.test(lines[i - 1] ?? '')) continue;
    const start = i;
    while (i < lines.length && lines[i] !== '}') i++;
    if (i - start + 1 > most) found.push(`${name}:${start + 1} has ${i - start + 1} lines, at most ${most}`);
  }
  return found;
}

test('functions fit a screen', () => {
  assert.deepEqual(product.flatMap((name) => longFunctions(name, text(name), 80)), []);
});

test('the check of sizes finds a long function', () => {
  assert.equal(longFunctions('x.c', `int f(void) {\n${'    x();\n'.repeat(90)}}\n`, 80).length, 1);
  assert.equal(longFunctions('x.c', `int f(void) {\n${'    x();\n'.repeat(70)}}\n`, 80).length, 0);
});

test('no TODO, no commented-out code marker, no tab, no trailing space', () => {
  const found = [];
  for (const name of files.filter((f) => /^(server|protocol|tests|web\/src|web\/test|deploy|migrations)\//.test(f) && /\.(c|h|ts|tsx|mjs|sql|sh|css)$/.test(f))) {
    text(name).split('\n').forEach((line, i) => {
      if (/\b(TODO|FIXME|XXX|HACK)\b/.test(line) && name !== 'tests/tidy/style.test.mjs') found.push(`${name}:${i + 1}: ${line.trim()}`);
      if (/\t/.test(line) && /\.[ch]$/.test(name)) found.push(`${name}:${i + 1}: tab`);
      if (/[ \t]$/.test(line)) found.push(`${name}:${i + 1}: trailing space`);
    });
  }
  assert.deepEqual(found, []);
});

test('every module has its header and its test', () => {
  const missing = [];
  const tests = new Set(files.filter((f) => f.startsWith('tests/')));
  for (const name of product.filter((f) => f.endsWith('.c') && basename(f) !== 'main.c')) {
    const layer = layerOf(name);
    if (name.startsWith('server/app/cli/')) continue; // a program: tested as one in tests/integration
    const module = basename(name, '.c');
    const header = name.replace(/\.c$/, '.h');
    const hasHeader = existsSync(join(root, header)) || headersOf(dirname(name)).some((h) => text(h).includes(`${module}.c`));
    if (!hasHeader) missing.push(`${name} has no header of its own, and no header of its folder says that it is part of it`);
    if (!tests.has(`tests/unit/${layer}/${module}_test.c`) && !testedElsewhere(layer, module)) missing.push(`${name} has no tests/unit/${layer}/${module}_test.c`);
  }
  assert.deepEqual(missing, []);
});
function headersOf(dir) {
  return readdirSync(join(root, dir)).filter((f) => f.endsWith('.h')).map((f) => `${dir}/${f}`);
}
/** A test may say at its top which other modules of its layer it covers: "Covers: a.c, b.c". */
function testedElsewhere(layer, module) {
  return files
    .filter((f) => f.startsWith(`tests/unit/${layer}/`) || f.startsWith('tests/sim/') || f.startsWith('tests/integration/'))
    .some((f) => new RegExp(`Covers:[^\\n]*\\b${layer === 'app' ? 'app/' : ''}${module}\\.c\\b`).test(text(f)));
}

test('headers compile alone', async () => {
  const headers = product.filter((f) => f.endsWith('.h'));
  const faults = await inParallel(headers, (name) =>
    run('gcc', ['-std=c11', '-D_GNU_SOURCE', '-DPENSTOCK_VERSION="x"', '-I.', '-I/usr/include/postgresql', '-fsyntax-only', '-x', 'c', name]));
  assert.deepEqual(faults, []);
});

test('sources are formatted', () => {
  execFileSync('clang-format', ['--dry-run', '-Werror', ...sources], { cwd: root, stdio: 'pipe' });
});

test('migrations that have landed are unchanged', () => {
  const recorded = join(root, 'migrations/CHECKSUMS');
  const now = files.filter((f) => /^migrations\/\d{4}_.*\.sql$/.test(f)).sort()
    .map((f) => `${createHash('sha256').update(readFileSync(join(root, f))).digest('hex')}  ${basename(f)}`);
  assert.ok(existsSync(recorded), 'migrations/CHECKSUMS (sha256sum form) lists every migration that has landed');
  assert.deepEqual(now, readFileSync(recorded, 'utf8').trim().split('\n'), 'add a new migration instead of changing an old one');
});

test('nothing at the top level but what belongs there', () => {
  const allowed = ['server', 'protocol', 'web', 'migrations', 'deploy', 'tests', 'CMakeLists.txt', 'CMakePresets.json', 'docker-compose.yml', 'README.md', 'LICENSE'];
  const top = [...new Set(files.map((f) => f.split('/')[0]))].filter((f) => !f.startsWith('.') && !allowed.includes(f));
  assert.deepEqual(top, []);
});

test('shell scripts are sound', async () => {
  const scripts = files.filter((f) => !/\.(c|h|mjs|ts|tsx|json)$/.test(f) && /^#!.*\b(ba)?sh\b/.test(text(f).slice(0, 40)));
  assert.ok(scripts.length > 0);
  assert.deepEqual(await inParallel(scripts, (name) => run('bash', ['-n', name])), []);
});

/**
 * How far the analyzer follows the paths of one function. What most functions have is far below; a few loops take all that they get, and nearly
 * all the time. 75 000 is what clang's own shallow mode allows; NODES=225000 is its usual, for whoever has more time than a run of all tests.
 */
const nodes = process.env.NODES ?? '75000';
const analyzer = ['-Xclang', '-analyzer-config', '-Xclang', `max-nodes=${nodes}`].map((arg) => `--extra-arg=${arg}`);

test('clang-tidy is clean', async () => {
  const cache = join(root, 'build/tidy');
  mkdirSync(cache, { recursive: true });
  const headers = createHash('sha256');
  for (const h of sources.filter((f) => f.endsWith('.h'))) headers.update(text(h));
  const base = headers.update(text('.clang-tidy')).update(nodes).digest('hex');
  const faults = await inParallel(product.filter((f) => f.endsWith('.c')), async (name) => {
    const stamp = join(cache, createHash('sha256').update(base).update(text(name)).digest('hex'));
    if (existsSync(stamp)) return '';
    const fault = await run('clang-tidy', ['-p', 'build/release', '--quiet', '--extra-arg=-Wno-unknown-warning-option', ...analyzer, name], /(error|warning):/);
    if (fault === '') writeFileSync(stamp, name);
    return fault;
  });
  assert.deepEqual(faults, []);
});

/** Runs a program; '' when it says nothing bad, else what it said. */
function run(program, args, bad) {
  return new Promise((done) => {
    let out = '';
    const child = spawn(program, args, { cwd: root });
    child.stdout.on('data', (d) => (out += d));
    child.stderr.on('data', (d) => (out += d));
    child.on('close', (code) => done(code !== 0 || (bad && bad.test(out)) ? `${args.at(-1)}: ${out.slice(0, 3000)}` : ''));
  });
}

async function inParallel(items, work) {
  const queue = [...items];
  const faults = [];
  await Promise.all(Array.from({ length: availableParallelism() }, async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      const fault = await work(item);
      if (fault) faults.push(fault);
    }
  }));
  return faults;
}
