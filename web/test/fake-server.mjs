// A server that keeps to the contract of server/api, for work on the screens and for test/smoke.mjs: TLS, sessions, REST, the live
// socket, over a plant that moves. Not a simulation of Penstock; it knows no rules but those that screens can see.
//
// node test/fake-server.mjs [PORT]: serves web/dist at https://localhost:PORT; users viewer, operator, engineer, admin with the
// password "password", and "new", who must set one.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import { FakeAlarms, iso } from './fake-alarms.mjs';
import * as plant from './fake-plant.mjs';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};
const BAD_COMMS = 0x81;

function certificate() {
  const dir = mkdtempSync(join(tmpdir(), 'penstock-fake-'));
  const file = (name) => join(dir, name);
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost,IP:127.0.0.1',
      '-keyout',
      file('key.pem'),
      '-out',
      file('cert.pem'),
    ],
    { stdio: 'ignore' },
  );
  const pair = { key: readFileSync(file('key.pem')), cert: readFileSync(file('cert.pem')) };
  rmSync(dir, { recursive: true });
  return pair;
}

class Refusal extends Error {
  constructor(status, code, detail, { errors, waitS, touched } = {}) {
    super(detail);
    Object.assign(this, { status, code, errors, waitS, touched });
  }
}

export class FakeServer {
  constructor() {
    this.epoch = randomBytes(4).toString('hex');
    this.sessions = new Map();
    this.passwords = new Map(['viewer', 'operator', 'engineer', 'admin', 'new'].map((name) => [name, 'password']));
    this.links = new Map(plant.sites.map((s) => [s.gateways[0], { up: true, since: Date.now() - 3_600_000 }]));
    this.overrides = new Map();
    this.store = { state: 'ok', text: '' };
    this.settings = structuredClone(plant.settings);
    /** Wrong second persons that may still be tried. */
    this.secondTries = 3;
    this.revision = 1;
    this.revisions = [
      {
        revision: 1,
        at: iso(Date.now() - 86_400_000),
        actor: 'admin',
        second: '',
        reason: 'first configuration',
        items: [{ kind: 'site', name: 'S1', before: null, after: { name: 'S1', area: 'North' } }],
      },
    ];
    this.clients = new Set();
    /** What was asked for of samples. */
    this.asked = [];
    this.silent = false;
    this.core = new FakeAlarms((frame) => this.everyone((c) => this.send(c, frame)));
    this.alarms = this.core.all;
    for (const s of this.settings) this.core.add(s);
    this.server = createServer(certificate(), (request, response) => this.answer(request, response));
    this.sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'penstock.v1' });
    this.server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
    this.timers = [
      setInterval(() => this.sendValues(), 250),
      setInterval(() => this.sendBeat(), 1000),
      setInterval(() => this.sendCounts(), 500),
    ];
  }

  async listen(port = 0) {
    await new Promise((done) => this.server.listen(port, '127.0.0.1', done));
    return this.server.address().port;
  }

  async close() {
    this.timers.forEach(clearInterval);
    for (const client of this.clients) client.socket.terminate();
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  // --- the plant

  live(name, now) {
    const t = plant.tagByName.get(name);
    const link = this.links.get(t.gateway);
    const at = link.up ? now - 400 : link.since;
    const o = this.overrides.get(name);
    const value = o?.value ?? plant.valueAt(t, at);
    return { value, quality: link.up ? (o?.quality ?? 0) : BAD_COMMS, at: o?.at ?? at };
  }

  set(name, override) {
    this.overrides.set(name, override);
  }

  cut(gateway) {
    this.links.set(gateway, { up: false, since: Date.now() });
    this.sendStatus();
  }

  mend(gateway) {
    this.links.set(gateway, { up: true, since: Date.now() });
    this.sendStatus();
  }

  setStore(state, why = '') {
    this.store = { state, text: why };
    this.sendStatus();
  }

  raise(...how) {
    this.core.raise(...how);
  }

  normal(name) {
    this.core.normal(name);
  }

  /** As somebody of that role; it need not be logged in. */
  ask(what, alarm, more = {}, user = 'engineer') {
    return this.core.ask({ alarm, do: what, ...more }, { user, role: user }, '');
  }

  // --- live

  everyone(then) {
    if (!this.silent) for (const client of this.clients) then(client);
  }

  upgrade(request, socket, head) {
    const session = this.sessionOf(request);
    if (session === undefined || request.headers.origin !== `https://${request.headers.host}`) {
      socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n');
      return;
    }
    this.sockets.handleUpgrade(request, socket, head, (ws) => {
      const client = { socket: ws, session, subs: new Map(), frames: 0, sent: new Map(), at: 0 };
      this.clients.add(client);
      ws.on('close', () => this.clients.delete(client));
      ws.on('message', (data) => this.message(client, JSON.parse(String(data))));
      this.send(client, {
        op: 'hello',
        e: this.epoch,
        n: this.core.seq,
        T: Date.now(),
        build: 'fake',
        user: session.user,
        role: session.role,
      });
      this.send(client, this.status());
      this.send(client, this.core.counts());
    });
  }

  send(client, frame) {
    if (!this.silent) client.socket.send(JSON.stringify(frame));
  }

  status() {
    return {
      op: 'status',
      T: Date.now(),
      store: this.store.state,
      text: this.store.text,
      gateways: [...this.links].map(([name, { up, since }]) => [name, up, since]),
    };
  }

  sendStatus() {
    this.everyone((c) => this.send(c, this.status()));
  }

  sendBeat() {
    const j = this.core.stored ?? this.core.seq;
    this.everyone((c) => this.send(c, { op: 'hb', T: Date.now(), n: [c.frames, this.core.seq], j }));
  }

  /** When they have changed. */
  sendCounts() {
    const counts = this.core.counts();
    const text = JSON.stringify(counts);
    if (text === this.toldCounts || this.silent) return;
    this.toldCounts = text;
    this.everyone((c) => this.send(c, counts));
  }

  message(client, m) {
    if (m.op === 'unsub') client.subs.delete(m.id);
    if (m.op !== 'sub') return;
    const names =
      m.view === 'tags'
        ? m.tags
        : plant.tags.filter((t) => m.view === 'overview' || m.view === `site/${t.site}`).map((t) => t.name);
    client.subs.set(m.id, { names, ms: m.ms });
    client.frames += 1;
    const T = Date.now();
    this.send(client, {
      op: 'snap',
      id: m.id,
      n: client.frames,
      T,
      tags: names.map((name) => [plant.handle(name), name]),
      v: names.map((name) => this.wire(name, T)),
    });
  }

  wire(name, T) {
    const { value, quality, at } = this.live(name, T);
    return [plant.handle(name), value, quality, at === null ? null : T - at];
  }

  sendValues() {
    const T = Date.now();
    this.everyone((c) => {
      if (c.subs.size === 0 || T - c.at < Math.min(...[...c.subs.values()].map((s) => s.ms))) return;
      c.at = T;
      const names = new Set([...c.subs.values()].flatMap((s) => s.names));
      const v = [...names].map((name) => this.wire(name, T)).filter((w) => c.sent.get(w[0]) !== `${w[1]} ${w[2]}`);
      for (const w of v) c.sent.set(w[0], `${w[1]} ${w[2]}`);
      if (v.length === 0) return;
      c.frames += 1;
      this.send(c, { op: 'd', n: c.frames, T, v });
    });
  }

  // --- REST

  sessionOf(request) {
    const cookie = /__Host-penstock=([0-9a-f]+)/.exec(request.headers.cookie ?? '');
    return cookie === null ? undefined : this.sessions.get(cookie[1]);
  }

  async answer(request, response) {
    const url = new URL(request.url, 'https://localhost');
    const headers = {
      'Content-Security-Policy': CSP,
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      Connection: 'close',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Resource-Policy': 'same-origin',
    };
    if (!url.pathname.startsWith('/api/')) {
      this.file(url.pathname, request, response, headers);
      return;
    }
    try {
      const body = await this.body(request);
      const { status = 200, json, etag, cookie } = this.route(request, url, body);
      if (etag !== undefined) headers.ETag = `"${etag}"`;
      if (cookie !== undefined) headers['Set-Cookie'] = cookie;
      response.writeHead(status, { ...headers, 'Content-Type': 'application/json' });
      response.end(json === undefined ? '' : JSON.stringify(json));
    } catch (error) {
      const { status = 500, code = 'internal', message, errors, waitS, touched } = error;
      if (waitS !== undefined) headers['Retry-After'] = waitS;
      if (status === 500) console.error(error);
      response.writeHead(status, { ...headers, 'Content-Type': 'application/problem+json' });
      response.end(
        JSON.stringify({ type: 'about:blank', title: code, status, detail: message, code, errors, touched }),
      );
    }
  }

  file(path, request, response, headers) {
    const name = normalize(path).includes('.') ? path : '/index.html';
    const packed = /gzip/.test(request.headers['accept-encoding'] ?? '') && existsSync(join(dist, `${name}.gz`));
    const file = join(dist, packed ? `${name}.gz` : name);
    if (!file.startsWith(dist) || !existsSync(file)) {
      response.writeHead(404, headers).end();
      return;
    }
    response.writeHead(200, {
      ...headers,
      'Content-Type': TYPES[extname(name)] ?? 'application/octet-stream',
      ...(packed ? { 'Content-Encoding': 'gzip' } : {}),
    });
    response.end(readFileSync(file));
  }

  async body(request) {
    let text = '';
    for await (const part of request) text += part;
    return text === '' ? undefined : JSON.parse(text);
  }

  route(request, url, body) {
    const { method } = request;
    const path = url.pathname.slice(4);
    if (method !== 'GET' && request.headers['x-penstock'] !== '1')
      throw new Refusal(403, 'csrf', 'X-Penstock is missing');
    if (path === '/session' && method === 'POST') return this.logIn(body);
    const session = this.sessionOf(request);
    if (session === undefined) throw new Refusal(401, 'no_session', 'log in first: POST /api/session');
    if (path === '/session') return this.session(method, session);
    if (path === '/session/password') return this.password(session, body);
    if (path === '/alarms/ack') {
      const { comment } = body;
      return this.askAll(session, { ...body, items: body.items.map((i) => ({ ...i, do: 'ack', comment })) });
    }
    if (path === '/alarms/requests') return this.askAll(session, body);
    if (path === '/alarms/silence') {
      this.core.silence(body?.position ?? null);
      return { status: 204 };
    }
    if (path === '/alarm' || path === '/alarm/why') return { json: this.oneAlarm(path, url.searchParams.get('name')) };
    if (path === '/backtests' && method === 'POST') {
      if (session.role !== 'engineer' && session.role !== 'admin')
        throw new Refusal(403, 'denied', 'an engineer may try a change');
      return { status: 202, json: { id: this.core.startTest(body, session.user) } };
    }
    if (path === '/config') return this.removeAll(session, body);
    if (path === '/backtest') return this.backtest(method, Number(url.searchParams.get('id')));
    if (path.startsWith('/alarm-settings/'))
      return this.setting(method, decodeURIComponent(path.slice(16)), request, session, url, body);
    if (path.startsWith('/tags/')) return this.samples(decodeURIComponent(path.slice(6, -8)), url);
    return { json: this.list(path, url) };
  }

  list(path, url) {
    switch (path) {
      case '/sites':
        return { sites: plant.sites };
      case '/tags':
        return {
          tags: plant.tags.map((t) => ({ ...t, ...this.live(t.name, Date.now()), time: null, received: null })),
          next: null,
        };
      case '/gateways':
        return { gateways: [...this.links].map((link) => this.gateway(...link)) };
      case '/samples':
        return this.samplesOfMany(url.searchParams);
      case '/store':
        return plant.storeHealth(Date.now(), this.store);
      case '/alarm-settings':
        return { settings: this.settings };
      case '/alarms':
        return { epoch: this.epoch, n: this.core.seq, alarms: this.core.list(url.searchParams) };
      case '/alarms/history':
        return this.core.history(url.searchParams);
      case '/alarms/kpi':
        return this.core.kpi(url.searchParams);
      case '/alarms/bad_actors':
        return this.core.badActors(url.searchParams);
      case '/alarms/checks':
        return this.core.checks(this.settings);
      case '/alarms/state_at':
        return this.core.stateAt(url.searchParams);
      case '/backtests':
        return { backtests: [...this.core.tests.keys()].reverse().map((id) => this.core.test(id)) };
      case '/revisions':
        return { revisions: this.revisions, next: null };
      default:
        throw new Refusal(404, 'not_found', `there is no ${path}`);
    }
  }

  gateway(name, { up, since }) {
    return {
      name,
      site: name.slice(3).toUpperCase(),
      title: { en: name, zh: name },
      enabled: true,
      up,
      since: iso(since),
      peer: '10.20.0.14:49152',
      software: 'penstock-gateway 1.0',
      records: 184_203,
      duplicates: 3,
      quarantined: 0,
      unknown_tags: 0,
      backlog_bytes: up ? 0 : 48_130,
      oldest_sample: up ? null : iso(since),
      dropped_total: 0,
      clock_offset_ms: -12,
      clock_error_ms: 4,
      clock_source: 'ntp',
      clock_said_error_ms: 2,
      clock_synchronised: true,
      clock_off: false,
      last_seen: iso(up ? Date.now() : since),
      certificate: up ? { fingerprint: `${'c0ffee'.repeat(10)}beef`, until: iso(Date.now() + 61 * 86_400_000) } : null,
      fault: '',
      suspended: null,
      duplicate: null,
      health: up
        ? {
            at: iso(Date.now() - 4_000),
            link: true,
            buffer_records: 1,
            buffer_bytes: 412,
            oldest_s: 0,
            lost: 0,
            clock_offset_ms: 12,
            certificate_days: 61,
            devices: [{ name: 'plc', up: true }],
          }
        : null,
      revision: 1,
    };
  }

  logIn({ user, password }) {
    if (this.store.state === 'away') throw new Refusal(503, 'store_away', 'the database is away');
    if (this.passwords.get(user) !== password)
      throw new Refusal(401, 'login', 'the user name or the password is not right');
    const token = randomBytes(32).toString('hex');
    const role = user === 'new' ? 'operator' : user;
    const session = {
      user,
      title: `The ${user}`,
      role,
      must_change_password: user === 'new',
      expires: iso(Date.now() + 43_200_000),
      token,
    };
    this.sessions.set(token, session);
    return {
      json: { ...session, token: undefined },
      cookie: `__Host-penstock=${token}; Path=/; Secure; HttpOnly; SameSite=Strict`,
    };
  }

  session(method, session) {
    if (method === 'GET') return { json: { ...session, token: undefined } };
    this.endSession(session);
    return { status: 204, cookie: '__Host-penstock=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0' };
  }

  endSession(session) {
    this.sessions.delete(session.token);
    for (const client of this.clients) {
      if (client.session !== session) continue;
      this.send(client, { op: 'bye', why: 'session' });
      client.socket.close(4001);
    }
  }

  password(session, body) {
    if (body.new.includes(session.user)) {
      const errors = [{ pointer: '/new', detail: 'must not be little more than the user name' }];
      throw new Refusal(422, 'invalid', 'the password was not changed', { errors });
    }
    session.must_change_password = false;
    this.passwords.set(session.user, body.new);
    return { status: 204 };
  }

  askAll(session, { items, position = '', second }) {
    if (session.role === 'viewer') throw new Refusal(403, 'denied', 'this role may not do this');
    if (this.store.state === 'away') throw new Refusal(503, 'store_away', 'the database is away: nothing can be done');
    this.checkSecond(session, second);
    const managed = items.filter(({ do: what }) => what === 'disable' || what === 'enable').map((item) => item.alarm);
    const open = this.managed(managed);
    const refusal = open.length === 0 ? undefined : this.trySecond(second, open);
    const why = refusal?.message ?? '';
    const results = items.map((item) => this.core.ask(item, session, position, open.includes(item.alarm) ? why : ''));
    return { json: { results, touched: refusal?.touched } };
  }

  oneAlarm(path, name) {
    const a = this.alarms.get(name);
    const setting = this.settings.find((s) => s.name === name);
    if (a === undefined || setting === undefined) throw new Refusal(404, 'not_found', `there is no alarm "${name}"`);
    if (path === '/alarm') return this.core.detail(a, setting);
    const live = setting.tag === undefined ? null : this.live(setting.tag, Date.now());
    return this.core.why(a, setting, live);
  }

  backtest(method, id) {
    if (this.core.test(id) === undefined) throw new Refusal(404, 'not_found', `there is no trial "${id}"`);
    if (method === 'DELETE') {
      this.core.cancelTest(id);
      return { status: 204 };
    }
    return { json: this.core.test(id, true) };
  }

  samples(name, url) {
    const t = plant.tagByName.get(name);
    if (t === undefined) throw new Refusal(404, 'not_found', `there is no tag "${name}"`);
    const number = (key) => Number(url.searchParams.get(key));
    return { json: plant.samples(t, number('from'), number('to'), number('points'), Date.now()) };
  }

  samplesOfMany(query) {
    const now = Date.now();
    const [from, to, points] = ['from', 'to', 'points'].map((key) => Number(query.get(key)));
    const tags = query.getAll('tag').map((name) => {
      const t = plant.tagByName.get(name);
      if (t === undefined) throw new Refusal(404, 'not_found', `there is no tag "${name}"`);
      const { tag, raw, before, points: list } = plant.samples(t, from, to, points, now);
      return { tag, raw, before, points: list };
    });
    this.asked.push({ tags: tags.length, from, to, points });
    return { from, to, complete_until: (now - 60_000) * 1000, tags };
  }

  setting(method, name, request, session, url, body) {
    const i = this.settings.findIndex((s) => s.name === name);
    const old = this.settings[i];
    if (method === 'GET') {
      if (old === undefined) throw new Refusal(404, 'not_found', `there is no alarm "${name}"`);
      return { json: old, etag: old.revision };
    }
    if (session.role !== 'engineer' && session.role !== 'admin')
      throw new Refusal(403, 'denied', 'this role may not change the configuration');
    const create = request.headers['if-none-match'] === '*';
    if (create ? old !== undefined : request.headers['if-match'] !== `"${old?.revision}"`) {
      throw new Refusal(412, 'changed', `its revision is "${old?.revision}" now; load it again`);
    }
    if (method === 'DELETE') {
      if (this.managed([name]).length > 0) throw this.trySecond(undefined, [name]);
      this.change(session, url.searchParams.get('reason'), '', name, null);
      return { json: { revision: this.revision }, etag: this.revision };
    }
    this.checkSecond(session, body.second);
    this.check(body.value);
    this.agreed(body.second, [name]);
    this.change(session, body.reason, body.second?.name ?? '', name, body.value);
    return { status: create ? 201 : 200, json: { revision: this.revision }, etag: this.revision };
  }

  /** The part of POST /api/config that the screens use. */
  removeAll(session, { reason, remove, second }) {
    if (session.role !== 'engineer' && session.role !== 'admin')
      throw new Refusal(403, 'denied', 'this role may not change the configuration');
    this.checkSecond(session, second);
    const names = remove.map((item) => item.name);
    for (const [i, { name, revision }] of remove.entries()) {
      const old = this.settings.find((s) => s.name === name);
      if (old === undefined) {
        const errors = [{ pointer: `/remove/${i}`, detail: `there is no alarm "${name}" to remove` }];
        throw new Refusal(422, 'invalid', 'the configuration would not be right; nothing was changed', { errors });
      }
      if (revision !== undefined && revision !== old.revision)
        throw new Refusal(409, 'conflict', 'somebody changed it meanwhile');
    }
    this.agreed(second, names);
    for (const name of names) this.change(session, reason, second?.name ?? '', name, null);
    return { json: { revision: this.revision }, etag: this.revision };
  }

  // --- the second person

  managed(names) {
    return names.filter((name) => plant.highlyManaged.has(this.settings.find((s) => s.name === name)?.class));
  }

  checkSecond(session, second) {
    if (second?.name !== session.user) return;
    const errors = [{ pointer: '/second/name', detail: 'is you; the second person must be somebody else' }];
    throw new Refusal(422, 'invalid', 'the body is not as it should be', { errors });
  }

  /** Why the second person does not count; undefined: he agreed. */
  trySecond(second, touched) {
    if (second === undefined) {
      const detail = `this touches highly managed alarms (${touched.join(', ')}): a second person must agree; nothing was changed`;
      return new Refusal(403, 'second_needed', detail, { touched: { alarms: touched, n: touched.length } });
    }
    if (this.secondTries === 0) {
      const detail = 'too many tries for the second person from here; wait 9 s; nothing was changed';
      return new Refusal(429, 'too_often', detail, { waitS: 9 });
    }
    const right = this.passwords.get(second.name) === second.password;
    if (right && (second.name === 'engineer' || second.name === 'admin')) return undefined;
    if (!right) this.secondTries -= 1;
    const why = right ? 'must be an engineer or administrator' : "'s name or password is wrong";
    return new Refusal(403, 'second_refused', `the second person${right ? ' ' : ''}${why}; nothing was changed`);
  }

  agreed(second, names) {
    const touched = this.managed(names);
    const why = touched.length > 0 || second !== undefined ? this.trySecond(second, touched) : undefined;
    if (why !== undefined) throw why;
  }

  /** One item of an alarm, put or (null) removed. */
  change(session, reason, second, name, value) {
    const i = this.settings.findIndex((s) => s.name === name);
    const old = this.settings[i];
    this.revision += 1;
    this.revisions.unshift({
      revision: this.revision,
      at: iso(Date.now()),
      actor: session.user,
      second,
      reason,
      items: [
        { kind: 'alarm', name, before: old === undefined ? null : { ...old, revision: undefined }, after: value },
      ],
    });
    if (value === null) this.settings.splice(i, 1);
    else if (old === undefined) this.settings.push({ ...value, revision: this.revision });
    else this.settings[i] = { ...value, revision: this.revision };
    if (value === null) this.alarms.delete(name);
    else if (old === undefined) this.core.add(value);
    this.everyone((c) => this.send(c, { op: 'resync', why: 'config' }));
  }

  check(value) {
    const t = plant.tagByName.get(value.tag);
    const errors = [];
    if (value.kind !== 'comm' && t === undefined)
      errors.push({ pointer: '/value/tag', detail: `is "${value.tag}", but there is no such tag` });
    if ('limit' in value && typeof value.limit !== 'number')
      errors.push({ pointer: '/value/limit', detail: 'must be a number' });
    else if (t !== undefined && 'limit' in value && !(value.limit >= t.low && value.limit <= t.high)) {
      errors.push({ pointer: '/value/limit', detail: `must be within the range of ${t.name}, ${t.low} to ${t.high}` });
    }
    if (errors.length > 0)
      throw new Refusal(422, 'invalid', 'the configuration would not be right; nothing was changed', { errors });
  }
}

/** Some of everything, for a look at the screens. */
export function furnish(fake) {
  fake.raise('S1/L_T1.high', 5.92, 240_000);
  fake.raise('S4/L_T5.low', 0.61, 90_000);
  fake.raise('S2/PD.low', 58.2, 30_000);
  fake.raise('S5/P_PU10.high', 63.4, 4000);
  fake.raise('S1/PD.high', 101, 700_000);
  fake.normal('S1/PD.high');
  fake.raise('S2/L_T2.low', 0.66, 800_000, { suspect: true });
  fake.ask('shelve', 'S2/L_T2.low', { reason: 'sensor is being cleaned', duration_s: 3000 }, 'operator');
  fake.raise('S3/PD.low', 55, 500_000);
  fake.core.suppressBy('S3/PD.low', 'group booster-stopped');
  fake.ask('oos', 'S3/L_T3.low', { reason: 'transmitter sent to repair, WO 4711' });
  fake.ask('disable', 'S5/P_PU11.high', { reason: 'pump removed' });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const fake = new FakeServer();
  const port = await fake.listen(Number(process.argv[2] ?? 8443));
  furnish(fake);
  console.log(`https://localhost:${port}  (user operator, password "password")`);
}
