// The containers, as far as that goes without an engine: the compose file parses and fits the code, and what the containers would run runs.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { Penstock, root, serverConninfo, until } from '../lib/penstock.mjs';

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
      if (service.image === 'penstock') assert.match(target, /^\/var\/lib\/penstock(\/(pki|gateway))?$/, name);
    }
  }
});

test('no secret is in the image or in the compose file', () => {
  assert.doesNotMatch(dockerfile, /PASSWORD|\.key|\.pem/);
  const text = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
  for (const [, value] of text.matchAll(/PASSWORD: *(\S+)/g)) assert.match(value, /^\$\{/);
  for (const pattern of ['.git', 'build', '.state']) assert.ok(readFileSync(join(root, '.dockerignore'), 'utf8').split('\n').includes(pattern));
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

test('setup, server, gateway and health run as in the containers', async () => {
  const p = new Penstock({ build: 'release', config: null });
  try {
    await p.startDatabase();
    const share = join(p.dir, 'share');
    mkdirSync(share);
    for (const [name, target] of [['migrations', 'migrations'], ['web', 'web/dist'], ['deploy', 'deploy']]) symlinkSync(join(root, target), join(share, name));
    const env = {
      ...process.env, PENSTOCK_SHARE: share, PENSTOCK_STATE: p.dir, PENSTOCK_BIN: p.bin, PENSTOCK_DB: p.conninfo,
      PENSTOCK_SERVER_DB: serverConninfo(p.conninfo), PENSTOCK_ADDRESS: '127.0.0.1',
      PENSTOCK_LINK_PORT: '0', PENSTOCK_WEB_PORT: '0', PENSTOCK_SERVER: '127.0.0.1',
    };
    const container = join(root, 'deploy/container');
    const first = execFileSync(container, ['setup'], { env, encoding: 'utf8' });
    assert.match(first, /one-time login for admin: \S+/);
    assert.doesNotMatch(execFileSync(container, ['setup'], { env, encoding: 'utf8' }), /one-time/, 'a second setup changes nothing');
    p.spawn('server', container, ['server'], { env });
    const ports = await until('the ports', () => existsSync(join(p.dir, 'ports.json')) && JSON.parse(readFileSync(join(p.dir, 'ports.json'), 'utf8')));
    p.ports = ports;
    const web = { ...env, PENSTOCK_WEB_PORT: String(ports.web), PENSTOCK_LINK_PORT: String(ports.link) };
    await until('healthy', () => new Promise((done) => spawn(container, ['health'], { env: web, stdio: 'ignore' }).on('close', (code) => done(code === 0))));
    p.spawn('gateway', container, ['gateway', '1'], { env: web });
    await until('samples', async () => Number((await p.sql('select count(*) as n from sample'))[0].n) > 0);
  } finally {
    await p.stop();
  }
});
