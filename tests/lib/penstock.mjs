// A whole Penstock for a test: a private PostgreSQL, certificates, penstockd, gateways; all in one temporary directory, on loopback and
// free ports, gone afterwards. Real programs and real protocols only.
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import WebSocket from 'ws';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const artefacts = join(root, 'build/artefacts');
const runFile = promisify(execFile);

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** What the promise gives, or null when it takes longer; the timer keeps nothing waiting. */
const within = (ms, promise) => Promise.race([promise, new Promise((done) => setTimeout(done, ms, null).unref())]);

/** Waits until `condition` gives something true and returns it; fails with `what` after a generous time. */
export async function until(what, condition, seconds = 120) {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > end) assert.fail(`still waiting after ${seconds} s: ${what}`);
    await sleep(50);
  }
}

/** Listens, or gives null where somebody listens already. It keeps no test from ending. */
const listens = (where) => new Promise((done) => {
  const server = net.createServer().unref();
  server.once('error', () => done(null)).listen(where, () => done(server));
});

/**
 * A port of loopback that stays this process's own until it ends, also while nobody listens there: it is below those that the system gives to
 * whoever asks for any, and a name that others can see stands for it.
 */
export async function ownPort() {
  for (;;) {
    const port = 12000 + Math.floor(Math.random() * 20000);
    const name = await listens({ path: `\0penstock test port ${port}` });
    const free = name && await listens({ host: '127.0.0.1', port });
    if (free) {
      await new Promise((done) => free.close(done));
      return port;
    }
    name?.close();
  }
}

/** "host=/x port=5 dbname=y user=z" as options for pg. */
export function pgOptions(conninfo) {
  const o = Object.fromEntries(conninfo.trim().split(/\s+/).map((pair) => pair.split('=')));
  return { host: o.host, port: Number(o.port ?? 5432), database: o.dbname, user: o.user };
}

/** The same database for penstockd, whose role may add to journals and not change them; the owner migrates and administers. */
export const serverConninfo = (conninfo) => `${conninfo} user=penstock_app`;

pg.types.setTypeParser(20, (text) => BigInt(text)); // int8: sequence numbers and times do not fit a double

export class Penstock {
  /** build: which preset's programs. config: an import document (default: the demo's). web: directory of the HMI. */
  constructor({ build = 'asan', config = join(root, 'deploy/demo-config.json'), web = join(root, 'web/dist') } = {}) {
    this.bin = join(root, 'build', build);
    this.dir = mkdtempSync(join(tmpdir(), 'penstock-test-'));
    execFileSync('chmod', ['755', this.dir]);
    // In a session of its own: what ends this process must not end who cleans up.
    this.guardian = spawn(join(root, 'tests/lib/guardian'), [this.dir], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    this.guardian.unref();
    this.guardian.stdin.unref();
    this.guardian.stdin.on('error', () => {});
    this.config = config;
    this.web = web;
    this.processes = new Set();
    this.settings = {};
    this.clients = [];
    this.ports = { link: 0, web: 0 };
    mkdirSync(join(this.dir, 'log'));
  }

  log(name) {
    const file = join(this.dir, 'log', `${name}.log`);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  /** Waits until a program has said this in its log, where it comes a moment after what it tells. */
  says(name, pattern) {
    return until(`${name} says ${pattern}`, () => pattern.exec(this.log(name)));
  }

  /** Database, schema, certificates, accounts and configuration, but no server yet. */
  async prepare({ gateways = ['gw-s1', 'gw-s2', 'gw-s3', 'gw-s4', 'gw-s5'] } = {}) {
    await this.startDatabase();
    this.penstock('migrate', '--dir', join(root, 'migrations'));
    this.pki('ca', 'Penstock test CA');
    this.pki('server', 'link', 'IP:127.0.0.1,DNS:localhost', 'link');
    this.pki('server', 'web', 'IP:127.0.0.1,DNS:localhost', 'web');
    for (const name of gateways) this.pki('gateway', name);
    if (this.config) {
      const file = typeof this.config === 'string' ? this.config : join(this.dir, 'config.json');
      if (typeof this.config !== 'string') writeFileSync(file, JSON.stringify(this.config));
      this.penstock('config', 'apply', file, '--reason', 'test');
    }
    for (const role of ['viewer', 'operator', 'engineer', 'admin']) {
      this.penstock('user', 'add', role, '--role', role, '--title', `The ${role}`);
      this.setPassword(role, password(role));
    }
    return this;
  }

  async startDatabase() {
    const { stdout } = await runFile(join(root, 'deploy/cluster'), ['start', join(this.dir, 'pg')]);
    this.conninfo = stdout.trim().split('\n').at(-1);
  }

  async stopDatabase(mode = 'immediate') {
    await this.closeSql();
    await runFile(join(root, 'deploy/cluster'), ['stop', join(this.dir, 'pg'), mode]).catch(() => {});
  }

  penstock(...args) {
    return execFileSync(join(this.bin, 'penstock'), args, {
      encoding: 'utf8', env: { ...process.env, PENSTOCK_DB: this.conninfo }, stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  setPassword(user, text) {
    execFileSync(join(this.bin, 'penstock'), ['user', 'password', user], {
      input: `${text}\n`, env: { ...process.env, PENSTOCK_DB: this.conninfo }, stdio: ['pipe', 'pipe', 'pipe'],
    });
  }

  pki(...args) {
    execFileSync(join(root, 'deploy/pki'), [join(this.dir, 'pki'), ...args], { stdio: 'pipe' });
  }

  pkiFile(name) {
    return join(this.dir, 'pki', name);
  }

  /** Starts a program; its output goes to log/NAME.log. */
  spawn(name, program, args, { env = {} } = {}) {
    const log = createWriteStream(join(this.dir, 'log', `${name}.log`), { flags: 'a' });
    const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    child.ended = new Promise((done) => child.on('close', (code, signal) => {
      this.processes.delete(child);
      this.guardian.stdin.write(`- ${child.pid}\n`);
      log.end(() => done({ code, signal })); // who waits for the end reads the whole log
    }));
    child.label = name;
    this.processes.add(child);
    this.guardian.stdin.write(`+ ${child.pid}\n`);
    return child;
  }

  serverConfig(settings = {}) {
    return {
      db: serverConninfo(this.conninfo),
      migrations: join(root, 'migrations'),
      ports_file: join(this.dir, 'ports.json'),
      ...this.settings,
      ...settings,
      link: {
        address: '127.0.0.1', port: this.ports.link, ca: this.pkiFile('ca.pem'), cert: this.pkiFile('link.pem'), key: this.pkiFile('link.key'),
        ...this.settings.link, ...settings.link,
      },
      web: {
        address: '127.0.0.1', port: this.ports.web, cert: this.pkiFile('web.pem'), key: this.pkiFile('web.key'), dir: this.web, password_mib: 8,
        ...settings.web,
      },
    };
  }

  /** Starts penstockd and waits until it listens; the ports stay the same over restarts. */
  async startServer(settings = {}, { wait = true } = {}) {
    if (!this.ports.web) this.ports = { link: await ownPort(), web: await ownPort() };
    const file = join(this.dir, 'penstockd.json');
    writeFileSync(file, JSON.stringify(this.serverConfig(settings)));
    const ports = join(this.dir, 'ports.json');
    rmSync(ports, { force: true });
    this.server = this.spawn('penstockd', join(this.bin, 'penstockd'), ['--config', file]);
    let ended;
    this.server.ended.then((how) => (ended = how));
    await until('penstockd listens', () => {
      if (ended) assert.fail(`penstockd ended (${ended.code ?? ended.signal}):\n${this.log('penstockd').slice(-2000)}`);
      return existsSync(ports);
    });
    this.ports = JSON.parse(readFileSync(ports, 'utf8'));
    if (wait) await until('penstockd is ready', async () => (await this.get('/api/health').catch(() => null))?.status === 200);
    return this.server;
  }

  async kill(child, signal = 'SIGKILL') {
    if (!child) return;
    child.kill(signal);
    await child.ended;
  }

  async restartServer(settings) {
    await this.kill(this.server, 'SIGTERM');
    return this.startServer(settings);
  }

  gatewayConfig(name, overrides = {}) {
    const dir = join(this.dir, 'gateways', name);
    mkdirSync(dir, { recursive: true });
    return {
      name,
      server: { host: '127.0.0.1', port: this.ports.link, name: 'localhost' },
      ca: this.pkiFile('ca.pem'),
      cert: this.pkiFile(`gateways/${name}.pem`),
      key: this.pkiFile(`gateways/${name}.key`),
      journal: { dir: join(dir, 'journal') },
      ...overrides,
    };
  }

  /** One of the demo's five gateways (n = 1 to 5), replaying or (live: the port of its station) polling, or any other with its own configuration. */
  startGateway(name, { config, speed = 60, live, env, patch = {} } = {}) {
    const file = join(this.dir, `${name}.json`);
    if (config) {
      writeFileSync(file, JSON.stringify(config));
    } else {
      const n = name.replace('gw-', '');
      mkdirSync(join(this.dir, 'gateways', n), { recursive: true });
      const filled = readFileSync(join(root, `deploy/demo-gateways/${live ? 'live-' : ''}${n}.json`), 'utf8')
        .replaceAll('@HOST@', '127.0.0.1')
        .replaceAll('@PORT@', String(this.ports.link))
        .replaceAll('@PKI@', join(this.dir, 'pki'))
        .replaceAll('@SPEED@', String(speed))
        .replaceAll('@PLANT_HOST@', '127.0.0.1')
        .replaceAll('@PLANT_PORT@', String(live))
        .replaceAll('@STATE@', join(this.dir, 'gateways', n))
        .replaceAll('@DATA@', join(root, 'deploy/demo-data'));
      const whole = JSON.parse(filled);
      const { source, ...rest } = patch;
      writeFileSync(file, JSON.stringify({ ...whole, ...rest, journal: { ...whole.journal, ...rest.journal }, sources: [{ ...whole.sources[0], ...source }] }));
    }
    return this.spawn(name, join(this.bin, 'penstock-gateway'), [file], { env });
  }

  /** All samples, wherever they lie. What is counted of them stays. */
  forgetHistory() {
    return this.sql('truncate sample_hot, sample_chunk, sample_row');
  }

  /** One statement on a connection of the test's own. */
  async sql(text, values) {
    if (!this.db) {
      const db = new pg.Client(pgOptions(this.conninfo));
      const forget = () => (this.db = this.db === db ? undefined : this.db);
      this.db = db;
      db.on('error', forget);
      await db.connect().catch((e) => { forget(); throw e; });
    }
    return (await this.db.query(text, values)).rows;
  }

  async closeSql() {
    const db = this.db;
    this.db = undefined;
    await db?.end().catch(() => {});
  }

  /** One HTTPS request: {status, headers, text, json}. */
  request(method, path, { body, cookie, headers = {}, raw } = {}) {
    const data = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    return new Promise((done, failed) => {
      const request = https.request(
        {
          host: '127.0.0.1', port: this.ports.web, method, path, agent: false,
          ca: readFileSync(this.pkiFile('ca.pem')),
          headers: {
            ...(data === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(data) }),
            ...(method === 'GET' ? {} : { 'X-Penstock': '1' }),
            ...(cookie ? { Cookie: cookie } : {}),
            ...headers,
          },
        },
        (response) => {
          const chunks = [];
          response.on('data', (chunk) => chunks.push(chunk));
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            let json;
            try {
              json = text ? JSON.parse(text) : undefined;
            } catch {
              json = undefined;
            }
            done({ status: response.statusCode, headers: response.headers, text, json });
          });
          response.on('error', failed);
        },
      );
      request.on('error', failed);
      request.setTimeout(120000, () => request.destroy(new Error('no answer within 120 s')));
      request.end(data);
    });
  }

  get(path, options) {
    return this.request('GET', path, options);
  }

  /** Logs in and returns a client whose requests carry the session. */
  async login(user) {
    const answer = await this.request('POST', '/api/session', { body: { user, password: password(user) } });
    assert.equal(answer.status, 200, answer.text);
    const cookie = String(answer.headers['set-cookie']).split(';')[0];
    const call = (method) => (path, options = {}) => this.request(method, path, { cookie, ...options });
    return { cookie, user, get: call('GET'), post: call('POST'), put: call('PUT'), delete: call('DELETE') };
  }

  /** One tag as it is shown now. */
  async tag(session, name) {
    const { tags } = (await session.get(`/api/tags?site=${name.split('/')[0]}`)).json;
    return tags.find((t) => t.name === name);
  }

  /** A live socket: messages are collected in .messages. */
  async live(session) {
    const socket = new WebSocket(`wss://127.0.0.1:${this.ports.web}/api/live`, 'penstock.v1', {
      ca: readFileSync(this.pkiFile('ca.pem')),
      origin: `https://127.0.0.1:${this.ports.web}`,
      headers: { Cookie: session.cookie },
      perMessageDeflate: false,
    });
    const live = { socket, messages: [], closed: false };
    socket.on('message', (data) => live.messages.push(JSON.parse(data.toString('utf8'))));
    socket.on('close', () => (live.closed = true));
    live.send = (message) => socket.send(JSON.stringify(message));
    live.find = (what, condition) => until(what, () => live.messages.find(condition));
    this.clients.push(socket);
    await new Promise((done, failed) => {
      socket.on('open', done);
      socket.on('error', failed);
    });
    return live;
  }

  /** Stops everything; fails the test when a program ended by a sanitizer or did not stop. */
  async stop() {
    for (const client of this.clients) client.terminate();
    const children = [...this.processes];
    const ends = await Promise.all(children.map(async (child) => {
      child.kill('SIGTERM');
      const how = await within(120000, child.ended);
      if (!how) {
        child.kill('SIGKILL');
        await child.ended;
      }
      return { child, how };
    }));
    await this.closeSql();
    if (this.conninfo) await runFile(join(root, 'deploy/cluster'), ['stop', join(this.dir, 'pg'), 'immediate']).catch(() => {});
    const reports = execFileSync('sh', ['-c', `cat ${this.dir}/log/*.log 2>/dev/null || true`], { encoding: 'utf8', maxBuffer: 1 << 28 });
    const bad = /^.*(ERROR: AddressSanitizer|ERROR: LeakSanitizer|runtime error:|check\.failed).*$/m.exec(reports);
    const keep = process.env.PENSTOCK_KEEP || bad;
    if (bad) process.stderr.write(reports.slice(Math.max(0, bad.index - 200), bad.index + 5000));
    if (!keep) rmSync(this.dir, { recursive: true, force: true });
    this.guardian.stdin.end('done\n');
    assert.equal(bad, null, `a sanitizer or a check spoke; logs are kept in ${this.dir}/log`);
    for (const { child, how } of ends) assert.ok(how, `${child.label} did not stop within 120 s of SIGTERM`);
  }
}

export const password = (user) => `correct horse ${user}`;

/** Prepares and starts a Penstock, runs the body, stops it whatever happens. */
export async function withPenstock(options, body) {
  const p = new Penstock(options);
  try {
    await p.prepare(options);
    await p.startServer(options.settings);
    await body(p);
  } finally {
    await p.stop();
  }
}
