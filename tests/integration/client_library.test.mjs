// The client library as a vendor meets it: built and installed by itself, and the page's example compiled and run against it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Penstock, root, until } from '../lib/penstock.mjs';

const config = {
  sites: [{ name: 'S1', title: 'Station 1' }], gateways: [{ name: 'station', site: 'S1' }],
  tags: [{ name: 'S1/level', gateway: 'station', low: 0, high: 10, unit: 'm' }], alarms: [],
};

const run = (program, args, options = {}) => execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options });

describe('the client library', { concurrency: false }, () => {
  const p = new Penstock({ config });
  const prefix = join(p.dir, 'prefix');
  const page = readFileSync(join(root, 'protocol/client/README.md'), 'utf8');
  const example = /```c\n([\s\S]*?)```/.exec(page)[1];
  let flags;

  before(async () => {
    const build = join(root, 'build/client-library');
    run('cmake', ['-S', join(root, 'protocol/client'), '-B', build, '-DCMAKE_BUILD_TYPE=RelWithDebInfo']);
    run('cmake', ['--build', build, '--parallel', '2']);
    run('cmake', ['--install', build, '--prefix', prefix]);
    flags = run('pkg-config', ['--cflags', '--libs', 'penstock-client'], { env: { ...process.env, PKG_CONFIG_PATH: join(prefix, 'lib/pkgconfig') } })
      .trim().split(/\s+/);
    await p.prepare({ gateways: [] });
    await p.startServer({ link: { ca_key: p.pkiFile('ca.key') } });
    await until('the authority is known to the command line', async () => (await p.sql('select from gateway_authority')).length === 1);
  });
  after(() => p.stop());

  test('the archive has no global name but penstock_…, and needs nothing of the server', () => {
    const archive = join(prefix, 'lib/libpenstock-client.a');
    const names = run('nm', ['-g', '--defined-only', archive]).split('\n').filter((line) => / [A-Z] /.test(line)).map((line) => line.split(' ').at(-1));
    assert.ok(names.includes('penstock_client_put'));
    assert.deepEqual(names.filter((name) => !name.startsWith('penstock_')), []);
    const wanted = run('nm', ['-u', archive]);
    assert.doesNotMatch(wanted, /\b(PQ|lws_|json_|crypto_)\w+/, 'libpq, libwebsockets, jansson, libsodium');
  });

  test('the header stands alone', () => {
    const file = join(p.dir, 'header.c');
    writeFileSync(file, '#include <penstock/client.h>\n');
    run('cc', ['-std=gnu11', '-Wall', '-Wextra', '-Werror', '-fsyntax-only', file, ...flags.filter((flag) => flag.startsWith('-I'))]);
  });

  test("CMake's find_package gives a target that the page's example compiles and links with", () => {
    const project = join(p.dir, 'cmake');
    mkdirSync(project);
    writeFileSync(join(project, 'station.c'), example);
    writeFileSync(join(project, 'CMakeLists.txt'), 'cmake_minimum_required(VERSION 3.16)\nproject(station C)\nfind_package(penstock-client 0 REQUIRED)\n'
      + 'add_executable(station station.c)\ntarget_link_libraries(station PRIVATE penstock::client)\n');
    run('cmake', ['-S', project, '-B', join(project, 'build'), `-DCMAKE_PREFIX_PATH=${prefix}`]);
    run('cmake', ['--build', join(project, 'build')]);
    assert.throws(() => run(join(project, 'build/station'), [], { cwd: project }), (error) => error.status === 2, 'it runs, and wants its arguments');
  });

  test("the page's example has at most 40 lines, compiles, and delivers a sample that is stored", async () => {
    assert.ok(example.trimEnd().split('\n').length <= 40, `${example.split('\n').length} lines`);
    const source = join(p.dir, 'station.c');
    const program = join(p.dir, 'station');
    const home = join(p.dir, 'home');
    writeFileSync(source, example);
    run('cc', ['-Wall', '-Werror', source, ...flags, '-o', program]);
    // Nothing is brought to the site but a token.
    mkdirSync(home);
    const enrol = join(p.dir, 'enrol');
    writeFileSync(`${enrol}.c`, `#include <penstock/client.h>\n#include <stdio.h>\n#include <stdlib.h>\nint main(int argc, char **argv) {\n`
      + `  struct penstock_error e = {0};\n  struct penstock_enrolment w = {.token = argv[1], .host = "127.0.0.1", .port = (uint16_t)atoi(argv[2]),\n`
      + `    .server_name = "localhost", .ca_file = "ca.pem", .cert_file = "station.pem", .key_file = "station.key"};\n`
      + `  enum penstock_status st = penstock_enrol(&w, &e);\n  printf("%d %s: %s\\n", st, e.where, e.text);\n  return argc == 3 && st == PENSTOCK_OK ? 0 : 1;\n}\n`);
    run('cc', ['-Wall', '-Werror', `${enrol}.c`, ...flags, '-o', enrol]);
    const token = p.penstock('gateway', 'enrol', 'station').trim();
    const other = `${token.slice(0, -3)}${token.slice(-3) === 'AAA' ? 'BBB' : 'AAA'}`;
    assert.throws(() => run(enrol, [other, String(p.ports.link)], { cwd: home }), /status 1|Command failed/, 'another authority than the token says');
    run(enrol, [token, String(p.ports.link)], { cwd: home });
    const child = p.spawn('station', program, ['127.0.0.1', String(p.ports.link), home]);
    const stored = () => p.sql(`select s.value from sample s join config_key k on k.key = s.tag_key where k.name = 'S1/level'`);
    const rows = await until('a sample is stored', async () => { const v = await stored(); return v.length > 0 && v; });
    assert.ok(rows[0].value >= 2 && rows[0].value <= 4, `${rows[0].value} m`);
    await p.says('station', /link up/);
    child.kill('SIGTERM');
    assert.deepEqual(await child.ended, { code: 0, signal: null });
  });

  test('a configuration that lacks something is refused by its name', () => {
    const source = join(p.dir, 'refused.c');
    writeFileSync(source, `#include <penstock/client.h>\n#include <stdio.h>\nint main(void) {\n  struct penstock_client *c = NULL;\n`
      + `  struct penstock_error e = {0};\n  struct penstock_config cfg = {.loop = uv_default_loop(), .name = "a", .software = "b", .host = "station.example"};\n`
      + `  enum penstock_status st = penstock_client_new(&cfg, &c, &e);\n  printf("%d %s: %s\\n", st, e.where, e.text);\n`
      + `  cfg.ca_file = cfg.server_name = cfg.cert_file = cfg.key_file = cfg.journal_dir = "/nonexistent";\n`
      + `  st = penstock_client_new(&cfg, &c, &e);\n  printf("%d %s: %s\\n", st, e.where, e.text);\n  penstock_client_free(&c);\n  return 0;\n}\n`);
    run('cc', ['-Wall', '-Werror', source, ...flags, '-o', join(p.dir, 'refused')]);
    const out = run(join(p.dir, 'refused'), []);
    assert.match(out, /^1 ca_file: is required\n1 host: "station\.example" is no numeric address/);
  });
});
