// The containers, as far as that goes without an engine: the compose file parses and fits the code, and what the containers would run runs.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { Penstock, root, serverConninfo, until } from '../lib/penstock.mjs';
import { Plant } from '../plant/plant.mjs';

const compose = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), { merge: true });
const dockerfile = readFileSync(join(root, 'deploy/Dockerfile'), 'utf8');
const script = readFileSync(join(root, 'deploy/container'), 'utf8');
const own = Object.entries(compose.services).filter(([, s]) => s.image === 'penstock');

test('every service runs a command that the script knows, as a plain user, without privileges', () => {
  for (const [name, service] of own) {
    assert.match(script, new RegExp(`\\b${service.command[0]}\\b`), name);
    assert.equal(service.user, '10001:10001', name);
    assert.deepEqual(service.cap_drop, ['ALL'], name);
    assert.equal(service.read_only, true, name);
  }
  assert.deepEqual(own.filter(([n]) => n.startsWith('gateway')).map(([, s]) => s.command[1]), ['1', '2', '3', '4', '5']);
  assert.match(dockerfile, /useradd --system --uid 10001/);
  assert.match(dockerfile, /^USER penstock$/m);
});

test('ports, volumes and health checks are those that the code expects', () => {
  const { penstockd } = compose.services;
  const inside = penstockd.ports.map((p) => p.split(':').at(-1)).sort();
  const defaults = [...script.matchAll(/PENSTOCK_(?:LINK|WEB)_PORT:-(\d+)/g)].map((m) => m[1]).sort();
  assert.deepEqual(inside, defaults);
  assert.ok(penstockd.ports.every((p) => p.startsWith('127.0.0.1:')), 'only loopback until an administrator decides otherwise');
  assert.match(dockerfile, new RegExp(`^EXPOSE ${defaults.join(' ')}$`, 'm'));
  assert.ok(penstockd.healthcheck.test.includes('health'));
  assert.ok(compose.services.postgres.healthcheck);
  for (const [name, service] of Object.entries(compose.services)) {
    for (const volume of service.volumes ?? []) {
      const [source, target] = volume.split(':');
      assert.ok(source in compose.volumes, `${name}: ${source} is declared`);
      if (service.image === 'penstock') assert.match(target, /^\/var\/lib\/penstock(\/(pki|gateway|gateways\/[1-5]))?$/, name);
    }
  }
});

test('no secret is in the image or in the compose file', () => {
  assert.doesNotMatch(dockerfile, /PASSWORD|\.key|\.pem/);
  const text = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
  for (const [, value] of text.matchAll(/PASSWORD: *(\S+)/g)) assert.match(value, /^\$\{/);
  for (const pattern of ['.git', 'build', '.state']) assert.ok(readFileSync(join(root, '.dockerignore'), 'utf8').split('\n').includes(pattern));
});

test('a gateway sees its own key and no other', () => {
  for (const [name, service] of own.filter(([, s]) => s.command[0] === 'gateway')) {
    assert.deepEqual(service.volumes, [`${name}:/var/lib/penstock/gateway`], name);
    assert.deepEqual(Object.keys(service.depends_on).sort(), ['enrol', 'penstockd', 'plant']);
    assert.equal(service.environment, undefined, `${name} knows no password`);
    const n = service.command[1];
    assert.ok(compose.services.enrol.volumes.includes(`gateway-s${n}:/var/lib/penstock/gateways/${n}`));
    assert.match(dockerfile, new RegExp(`/var/lib/penstock/gateways/${n}\\b`), 'the volume is the user\'s');
  }
  assert.deepEqual(compose.services.enrol.volumes.length, 5);
  assert.doesNotMatch(script, /pki" gateway/);
});

test('the plant listens where the gateways poll it', () => {
  const { plant } = compose.services;
  const first = Number(/PENSTOCK_PLANT_PORT:-(\d+)/.exec(script)[1]);
  assert.equal(plant.command[plant.command.indexOf('--port') + 1], String(first));
  assert.match(dockerfile, new RegExp(`^EXPOSE ${first}-${first + 4}$`, 'm'));
  assert.ok(script.includes('PENSTOCK_PLANT:-plant'), 'by the name of its service');
  assert.match(dockerfile, new RegExp(`^FROM \\S+ AS ${plant.build.target}$`, 'm'));
  const run = /run\.mjs"\]\nCMD (\[.*\])/.exec(dockerfile);
  assert.deepEqual(JSON.parse(run[1]), plant.command);
  const excluded = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
  for (const part of ['tests/plant', 'tests/package.json', 'tests/package-lock.json']) assert.ok(excluded.includes(`!${part}`), part);
});

test('every path in the image that a script or an entry names is put there', () => {
  const named = [...(dockerfile + script).matchAll(/\$SHARE\/([\w./-]+)|\/usr\/share\/penstock\/((?:tests|deploy|migrations)[\w./-]*)/g)].map((m) => (m[1] ?? m[2]).replace(/\/live-s$/, ''));
  assert.ok(named.length > 5);
  const copied = [...dockerfile.matchAll(/^COPY (?:--from=\S+ )?(.+) (\S+)$/gm)].flatMap(([, sources, to]) =>
    sources.split(' ').map((from) => (to.endsWith('/') ? to + from.split('/').at(-1) : to).replace('/usr/share/penstock/', '')));
  for (const path of named) assert.ok(copied.some((c) => path === c || path.startsWith(`${c}/`) || c.startsWith(path.replace(/\/?$/, '/'))), `${path}: ${copied}`);
});

test('the server of the containers is not the owner of the database', () => {
  const { roles, setup, penstockd } = compose.services;
  const user = (conninfo) => /user=(\S+)/.exec(conninfo)[1];
  assert.equal(user(setup.environment.PENSTOCK_DB), compose.services.postgres.environment.POSTGRES_USER);
  assert.equal(user(penstockd.environment.PENSTOCK_SERVER_DB), 'penstock_app');
  assert.equal(penstockd.environment.PGPASSWORD, roles.environment.PENSTOCK_APP_PASSWORD);
  assert.notEqual(penstockd.environment.PGPASSWORD, setup.environment.PGPASSWORD);
  assert.match(roles.command[0], /penstock_app/);
});

test('what the Dockerfile copies is there', () => {
  for (const [, sources] of dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
    for (const source of sources.split(' ')) assert.ok(existsSync(join(root, source)), source);
  }
});

test('what the image is built from can be configured', () => {
  const dir = mkdtempSync(join(tmpdir(), 'penstock-context-'));
  try {
    const excluded = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n').filter((l) => l !== '' && !l.startsWith('!') && !l.includes('*'));
    for (const name of readdirSync(root).filter((f) => !excluded.includes(f) && f !== 'tests')) symlinkSync(join(root, name), join(dir, name));
    mkdirSync(join(dir, 'tests'));
    for (const [, part] of readFileSync(join(root, '.dockerignore'), 'utf8').matchAll(/^!(tests\/.+)$/gm)) symlinkSync(join(root, part), join(dir, part));
    execFileSync('cmake', ['-S', dir, '-B', join(dir, 'build'), '-G', 'Ninja'], { encoding: 'utf8', stdio: 'pipe' });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

/** The certificates under a directory, and what else is there. */
const filesIn = (dir) => readdirSync(dir, { recursive: true }).map(String).sort();

test('setup, server, enrol, gateway and health run as in the containers', async () => {
  const p = new Penstock({ build: 'release', config: null });
  let plant;
  try {
    await p.startDatabase();
    const share = join(p.dir, 'share');
    mkdirSync(share);
    for (const [name, target] of [['migrations', 'migrations'], ['web', 'web/dist'], ['deploy', 'deploy']]) symlinkSync(join(root, target), join(share, name));
    plant = await Plant.open();
    const plantPorts = await plant.listen();
    plant.run(600);
    const env = {
      ...process.env, PENSTOCK_SHARE: share, PENSTOCK_STATE: p.dir, PENSTOCK_BIN: p.bin, PENSTOCK_DB: p.conninfo,
      PENSTOCK_SERVER_DB: serverConninfo(p.conninfo), PENSTOCK_ADDRESS: '127.0.0.1',
      PENSTOCK_LINK_PORT: '0', PENSTOCK_WEB_PORT: '0', PENSTOCK_SERVER: '127.0.0.1', PENSTOCK_PLANT: '127.0.0.1',
      PENSTOCK_PLANT_PORT: String(plantPorts.S2 - 1),
    };
    const container = join(root, 'deploy/container');
    const first = execFileSync(container, ['setup'], { env, encoding: 'utf8' });
    assert.match(first, /one-time login for admin: \S+/);
    assert.doesNotMatch(execFileSync(container, ['setup'], { env, encoding: 'utf8' }), /one-time/, 'a second setup changes nothing');
    assert.deepEqual(filesIn(join(p.dir, 'pki')).filter((f) => f.includes('gw')), [], 'no gateway\'s key is made here');
    p.spawn('server', container, ['server'], { env });
    p.ports = await until('the ports', () => existsSync(join(p.dir, 'ports.json')) && JSON.parse(readFileSync(join(p.dir, 'ports.json'), 'utf8')));
    const web = { ...env, PENSTOCK_WEB_PORT: String(p.ports.web), PENSTOCK_LINK_PORT: String(p.ports.link) };
    await until('healthy', () => new Promise((done) => spawn(container, ['health'], { env: web, stdio: 'ignore' }).on('close', (code) => done(code === 0))));
    execFileSync(container, ['enrol'], { env, encoding: 'utf8' });
    assert.match(readFileSync(join(p.dir, 'gateways/2/token'), 'utf8'), /^PSK1-gw-s2-/);
    assert.equal(statSync(join(p.dir, 'gateways/2/token')).mode & 0o077, 0, 'others cannot read it');
    renameSync(join(p.dir, 'gateways/2'), join(p.dir, 'gateway')); // the volume is mounted there
    p.spawn('gateway', container, ['gateway', '2'], { env: web });
    await until('samples', async () => Number((await p.sql('select count(*) as n from sample'))[0].n) > 0);
    assert.deepEqual(filesIn(join(p.dir, 'gateway/keys')), ['ca.pem', 'gw-s2.key', 'gw-s2.pem']);
    assert.equal(existsSync(join(p.dir, 'gateway/token')), false);
    renameSync(join(p.dir, 'gateway'), join(p.dir, 'gateways/2'));
    execFileSync(container, ['enrol'], { env });
    assert.equal(existsSync(join(p.dir, 'gateways/2/token')), false, 'who has a certificate gets no token');
    assert.ok(existsSync(join(p.dir, 'gateways/3/token')));
    mkdirSync(join(p.dir, 'gateway'));
    assert.throws(() => execFileSync(container, ['gateway', '4'], { env: web, stdio: 'pipe' }), /no certificate and no token/);
  } finally {
    await p.stop();
    await plant?.stop();
  }
});
