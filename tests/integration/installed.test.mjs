// What `cmake --install` puts onto a machine: all that units, programs and the documentation name is there, and what it says works.
// Covers: CMakeLists.txt, deploy/*.service, deploy/*.timer
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Penstock, root, until } from '../lib/penstock.mjs';

const build = join(root, 'build/asan');
const page = readFileSync(join(root, 'deploy/README.md'), 'utf8');
const files = readdirSync(join(root, 'deploy')).filter((name) => /\.(service|timer)$/.test(name));

/** The system calls that the SystemCallFilter lines of a unit leave, by systemd's own list of its sets. */
function allowedBy(unit, list) {
  const sets = new Map();
  for (const line of list.split('\n')) {
    if (line.startsWith('@')) sets.set(line.trim(), []);
    else if (/^ {4}[@a-z_]/.test(line)) [...sets.values()].at(-1)?.push(line.trim());
  }
  const all = (name) => (name.startsWith('@') ? (sets.get(name) ?? []).flatMap(all) : [name]);
  const allowed = new Set();
  for (const [, not, names] of unit.matchAll(/^SystemCallFilter=(~?)(.*)$/gm)) {
    for (const call of names.split(' ').flatMap(all)) {
      if (not) allowed.delete(call);
      else allowed.add(call);
    }
  }
  return allowed;
}

describe('installed', { concurrency: false }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'penstock-installed-'));
  const at = (path) => join(dir, path);
  const units = () => files.map((name) => ({ name, text: readFileSync(at(`usr/lib/systemd/system/${name}`), 'utf8') }));

  before(() => execFileSync('cmake', ['--install', build, '--prefix', '/usr'], { env: { ...process.env, DESTDIR: dir }, stdio: 'pipe' }));
  after(() => rmSync(dir, { recursive: true, force: true }));

  test('every program that a unit starts is there and knows its arguments', () => {
    const starts = units().flatMap(({ name, text }) => [...text.matchAll(/^ExecStart=(\S+) (.*)$/gm)].map(([, program, words]) => ({ name, program, words })));
    assert.equal(starts.length, 4);
    for (const { name, program, words } of starts) {
      accessSync(at(program), constants.X_OK);
      const usage = spawnSync(at(program), ['--help'], { encoding: 'utf8' }).stdout;
      // The words that are no paths or numbers: commands and options.
      for (const word of words.split(' ').filter((w) => !/^[/0-9]/.test(w))) assert.ok(usage.includes(word), `${name}: ${word}`);
    }
  });

  test('a unit may write where its program does, and nowhere else', () => {
    for (const { name, text } of units().filter((unit) => unit.name.endsWith('.service'))) {
      assert.match(text, /^ProtectSystem=strict$/m, name);
      assert.match(text, /^NoNewPrivileges=yes$/m, name);
      assert.match(text, /^User=(penstock|postgres)$/m, `${name} does not run as root`);
      const written = /\/backup\/\S+/.exec(/^ExecStart=.*$/m.exec(text)[0])?.[0];
      assert.equal(/^ReadWritePaths=(.*)$/m.exec(text)?.[1], written, name);
    }
  });

  test('systemd finds nothing wrong', (t) => {
    if (spawnSync('systemd-analyze', ['--version']).error) return t.skip('systemd-analyze is not installed');
    // It looks for programs on this machine.
    mkdirSync(at('units'));
    for (const { name, text } of units()) writeFileSync(at(`units/${name}`), text.replaceAll('/usr/bin/penstock', at('usr/bin/penstock')));
    for (const name of files) {
      const { stdout, stderr, status } = spawnSync('systemd-analyze', ['verify', at(`units/${name}`)], { encoding: 'utf8' });
      assert.deepEqual({ said: `${stdout}${stderr}`, status }, { said: '', status: 0 }, name);
    }
  });

  test('server and gateway make no system call that their units forbid', async (t) => {
    const listed = spawnSync('systemd-analyze', ['syscall-filter'], { encoding: 'utf8', env: { ...process.env, SYSTEMD_COLORS: '0' } });
    if (listed.error) return t.skip('systemd-analyze is not installed');
    const p = new Penstock({ build: 'release' });
    t.after(() => p.stop());
    await p.prepare({ gateways: ['gw-s1'] });
    const start = p.spawn.bind(p);
    const trace = (name) => join(p.dir, `${name}.trace`);
    // What traces hears no signal; it ends with what it traces.
    p.spawn = (name, program, args) => {
      const child = start(name, 'strace', ['-f', '-qq', '-o', trace(name), program, ...args]);
      child.kill = (signal) => process.kill(Number(/^\d+/.exec(readFileSync(trace(name), 'utf8'))[0]), signal);
      return child;
    };
    await p.startServer({ spool: join(p.dir, 'spool') });
    await p.login('operator');
    const device = { name: 'plc1', host: '127.0.0.1', port: 1, tags: [{ name: 'RUN', table: 'coil', address: 0 }] };
    const gateway = p.startGateway('gw-s1', { config: p.gatewayConfig('gw-s1', { sources: [{ kind: 'modbus', devices: [device] }] }) });
    await until('a gateway that polls', () => /device\.down/.test(p.log('gw-s1')) && /link\.up/.test(p.log('gw-s1')));
    // What packs makes way for the rest: the last of what only a thread of the server does.
    await until('a packer', () => /^\d+ +setpriority\(/m.test(readFileSync(trace('penstockd'), 'utf8')));
    for (const [name, child, unit] of [['gw-s1', gateway, 'penstock-gateway@.service'], ['penstockd', p.server, 'penstockd.service']]) {
      await p.kill(child, 'SIGTERM');
      const made = new Set([...readFileSync(trace(name), 'utf8').matchAll(/^\d+ +([a-z]\w*)\(/gm)].map((m) => m[1]));
      const allowed = allowedBy(units().find((one) => one.name === unit).text, listed.stdout);
      assert.ok(made.size > 20, `${name}: ${[...made]}`);
      assert.deepEqual([...made].filter((call) => !allowed.has(call) && call !== 'execve'), [], unit);
    }
  });

  test('what the documentation names of the installation is there', () => {
    const section = page.slice(page.indexOf('## Installed'), page.indexOf('## Backups'));
    assert.ok(section.length > 0);
    const named = [...section.matchAll(/\/usr\/(?:share|lib)\/[\w./-]+[\w/]/g)].map(([path]) => path);
    assert.ok(named.length > 1);
    for (const path of named) assert.ok(existsSync(at(path)), path);
    for (const [, unit] of section.matchAll(/(penstock[\w@-]*\.(?:service|timer))/g)) assert.ok(existsSync(at(`usr/lib/systemd/system/${unit}`)), unit);
  });

  test('the migrations are whole, and the HMI has its first page', () => {
    const of = (path) => readdirSync(path).filter((name) => name !== 'README.md').sort();
    assert.deepEqual(of(at('usr/share/penstock/migrations')), of(join(root, 'migrations')));
    assert.ok(existsSync(at('usr/share/penstock/web/index.html')));
    const help = spawnSync(at('usr/share/penstock/deploy/backup'), ['--help'], { encoding: 'utf8' });
    assert.match(help.stdout, /backup check DIR/);
    assert.ok(existsSync(at('usr/share/penstock/deploy/restore.sh')));
  });

  test('the configuration of the documentation is one that the server takes', () => {
    const text = /```json\n(\{\n[^]*?"db"[^]*?\n\})\n```/.exec(page)[1];
    const config = JSON.parse(text);
    assert.equal(config.migrations, '/usr/share/penstock/migrations');
    assert.equal(config.web.dir, '/usr/share/penstock/web');
    writeFileSync(at('penstockd.json'), text);
    const { stderr, status } = spawnSync(at('usr/bin/penstockd'), ['--check', at('penstockd.json')], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  });
});
