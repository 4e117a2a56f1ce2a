// Bytes that no browser sends: the server answers with a clear status or closes, never hangs, never falls, and serves the next one.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import net from 'node:net';
import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { Penstock, sleep, until } from '../lib/penstock.mjs';
import { random } from '../faults/kill.mjs';

const seed = Number(process.env.SEED ?? 11);

describe('hostile HTTP', { concurrency: false }, () => {
  const p = new Penstock({});
  let session;
  before(async () => {
    await p.prepare({ gateways: [] });
    await p.startServer();
    session = await p.login('admin');
  });
  after(() => p.stop());

  /** Sends pieces over TLS and returns what came back until the server closed, or there was `enough`, or after `wait` ms. */
  const send = (pieces, { wait = 3000, pause = 0, enough } = {}) =>
    new Promise((done) => {
      let got = Buffer.alloc(0);
      const socket = tls.connect({ host: '127.0.0.1', port: p.ports.web, ca: readFileSync(p.pkiFile('ca.pem')), ALPNProtocols: ['http/1.1'] }, async () => {
        for (const piece of [].concat(pieces)) {
          if (socket.destroyed) break;
          socket.write(piece);
          if (pause) await sleep(pause);
        }
      });
      const end = (how) => {
        clearTimeout(timer);
        socket.destroy();
        done({ text: got.toString('latin1'), status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(got.toString('latin1'))?.[1] ?? 0), how });
      };
      const timer = setTimeout(() => end('open'), wait);
      socket.on('data', (d) => {
        got = Buffer.concat([got, d]);
        if (enough?.test(got.toString('latin1'))) end('open');
      });
      socket.on('close', () => end('closed'));
      socket.on('error', () => end('closed'));
    });

  const healthy = async (after) => {
    const answer = await p.get('/api/health');
    assert.equal(answer.status, 200, `healthy after ${after}`);
  };
  const host = () => `127.0.0.1:${p.ports.web}`;
  const head = (line, ...lines) => `${[line, `Host: ${host()}`, ...lines].join('\r\n')}\r\n\r\n`;

  test('requests that break the rules are refused with a status or closed', async () => {
    const cases = [
      ['no Host', `GET /api/health HTTP/1.1\r\n\r\n`, [400, 0]],
      ['a foreign Host', `GET /api/health HTTP/1.1\r\nHost: evil.example\r\n\r\n`, [400, 403, 421, 0]],
      ['negative length', head('POST /api/session HTTP/1.1', 'X-Penstock: 1', 'Content-Type: application/json', 'Content-Length: -1'), [400, 0]],
      ['two lengths', head('POST /api/session HTTP/1.1', 'X-Penstock: 1', 'Content-Type: application/json', 'Content-Length: 2', 'Content-Length: 3') + '{}', [400, 0]],
      ['a length that is no number', head('POST /api/session HTTP/1.1', 'X-Penstock: 1', 'Content-Type: application/json', 'Content-Length: 5x') + '{}', [400, 0]],
      ['length and chunks', head('POST /api/session HTTP/1.1', 'X-Penstock: 1', 'Content-Type: application/json', 'Content-Length: 2', 'Transfer-Encoding: chunked') + '0\r\n\r\n', [400, 411, 501, 0]],
      ['chunks', head('POST /api/session HTTP/1.1', 'X-Penstock: 1', 'Content-Type: application/json', 'Transfer-Encoding: chunked') + '2\r\n{}\r\n0\r\n\r\n', [400, 411, 501, 0]],
      ['a body that is too long', head('POST /api/session HTTP/1.1', 'X-Penstock: 1', 'Content-Type: application/json', 'Content-Length: 100000000'), [413, 0]],
      ['an upgrade to h2c', head('GET / HTTP/1.1', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'), [400, 403, 426, 200, 0]],
      ['an unknown upgrade', head('GET / HTTP/1.1', 'Connection: Upgrade', 'Upgrade: teapot'), [400, 403, 426, 200, 0]],
      ['the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400, 403, 405, 505, 0]],
      ['a head that is too long', head('GET / HTTP/1.1', `X-Long: ${'x'.repeat(40000)}`), [400, 413, 431, 0]],
      ['a path that climbs', head('GET /assets/../../../../etc/passwd HTTP/1.1'), [400, 403, 404, 0]],
      ['a path that climbs in code', head('GET /assets/%2e%2e/%2e%2e/etc/passwd HTTP/1.1'), [400, 403, 404, 0]],
      ['a method that is none', head('BREW /api/health HTTP/1.1'), [400, 403, 405, 501, 0]],
      ['no HTTP at all', '\x16\x03\x01 hello there\r\n\r\n', [400, 403, 0]],
      ['a line without end', 'GET /', [0, 400, 408]],
    ];
    for (const [what, bytes, allowed] of cases) {
      const answer = await send(bytes);
      assert.ok(allowed.includes(answer.status), `${what}: ${answer.status} is none of ${allowed}\n${answer.text.slice(0, 300)}`);
      assert.doesNotMatch(answer.text, /root:/, what);
      await healthy(what);
    }
  });

  test('a request and a body in one piece behind another do not wedge the loop', async () => {
    const get = head('GET /api/health HTTP/1.1');
    const post = head('POST /api/session HTTP/1.1', 'X-Penstock: 1', 'Content-Type: application/json', 'Content-Length: 2') + '{}';
    await send(get + post);
    await healthy('GET and POST in one');
    await send(post + get);
    await healthy('POST and GET in one');
    await send(get.repeat(50));
    await healthy('fifty GETs in one');
  });

  test('websocket handshakes that are not ours are refused', async () => {
    const upgrade = (origin, extra = []) => head('GET /api/live HTTP/1.1', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', ...(origin ? [`Origin: ${origin}`] : []), ...extra);
    const cookie = `Cookie: ${session.cookie}`;
    const protocol = 'Sec-WebSocket-Protocol: penstock.v1';
    for (const [what, bytes] of [
      ['a foreign origin', upgrade('https://evil.example', [cookie, protocol])],
      ['no origin', upgrade(null, [cookie, protocol])],
      ['no session', upgrade(`https://${host()}`, [protocol])],
      ['a made-up session', upgrade(`https://${host()}`, ['Cookie: __Host-penstock=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', protocol])],
      ['no protocol', upgrade(`https://${host()}`, [cookie])],
      ['another path', upgrade(`https://${host()}`, [cookie, protocol]).replace('/api/live', '/api/other')],
    ]) {
      const answer = await send(bytes);
      assert.notEqual(answer.status, 101, what);
      await healthy(what);
    }
    const good = await send(upgrade(`https://${host()}`, [cookie, protocol]), { wait: 120_000, enough: /\r\n\r\n/ });
    assert.equal(good.status, 101, 'ours is let in');
  });

  test('frames that break the rules of WebSockets end that socket only', async () => {
    const other = await p.live(session);
    for (const bytes of [
      Buffer.from([0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]), // 2^64 - 1 bytes announced
      Buffer.from([0xf1, 0x80, 0, 0, 0, 0]), // reserved bits
      Buffer.from([0x83, 0x80, 0, 0, 0, 0]), // reserved opcode
      Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe]), // no UTF-8
      Buffer.from([0x89, 0xfe, 0x01, 0x00, 0, 0, 0, 0]), // a ping of 256 bytes
      Buffer.from([0x80, 0x81, 0, 0, 0, 0, 0x41]), // a continuation of nothing
    ]) {
      const live = await p.live(session);
      live.socket._socket.write(bytes);
      await sleep(100);
      live.socket.terminate();
      await healthy('a bad frame');
    }
    for (const text of ['', '{', '[]', '{"op":"nope"}', '{"op":"sub"}', '{"op":"sub","id":1,"view":"tags","tags":[1]}', '{"op":"sub","id":1,"view":"overview","ms":-1}', `{"op":"sub","id":1,"view":"${'x'.repeat(70000)}"}`]) {
      const live = await p.live(session);
      live.socket.send(text);
      await sleep(50);
      live.socket.terminate();
      await healthy(`the message ${text.slice(0, 30)}`);
    }
    const n = other.messages.length;
    await until('another socket still lives', () => other.messages.length > n);
    assert.equal(other.closed, false);
  });

  test('slow senders are cut off and do not keep others waiting', async () => {
    const slow = Array.from({ length: 20 }, () => send(`GET / HTTP/1.1\r\nHost: ${host()}\r\n`.split(''), { wait: 6000, pause: 100 }));
    for (let i = 0; i < 10; i++) await healthy('slow senders');
    await Promise.all(slow);
    await healthy('slow senders, afterwards');
  });

  test('connections that say nothing, in plain or in TLS, do not keep others out', async () => {
    const sockets = Array.from({ length: 100 }, () => net.connect(p.ports.web, '127.0.0.1').on('error', () => {}));
    await sleep(300);
    await healthy('a hundred silent connections');
    for (const s of sockets) s.destroy();
    await healthy('their end');
  });

  test(`random bytes and mutated requests, SEED=${seed}`, async () => {
    const next = random(seed);
    const base = [
      head('GET /api/sites HTTP/1.1', `Cookie: ${session.cookie}`),
      head('POST /api/session HTTP/1.1', 'X-Penstock: 1', 'Content-Type: application/json', 'Content-Length: 33') + '{"user":"admin","password":"none"}',
      head('PUT /api/sites/S1 HTTP/1.1', `Cookie: ${session.cookie}`, 'X-Penstock: 1', 'Content-Type: application/json', 'Content-Length: 2') + '{}',
    ];
    for (let i = 0; i < 150; i++) {
      let bytes;
      if (next(4) === 0) {
        bytes = Buffer.from(Array.from({ length: 1 + next(3000) }, () => next(256)));
      } else {
        bytes = Buffer.from(base[next(base.length)], 'latin1');
        for (let k = next(8); k >= 0; k--) bytes[next(bytes.length)] = next(256);
        if (next(3) === 0) bytes = bytes.subarray(0, next(bytes.length));
      }
      const cut = next(bytes.length + 1);
      await send(next(2) ? bytes : [bytes.subarray(0, cut), bytes.subarray(cut)], { wait: 150 });
      if (i % 10 === 9) await healthy(`attempt ${i}`);
    }
    await healthy('all of it');
  });

  test('bodies that are no good JSON get a status and say where', async () => {
    const post = (raw) => session.post('/api/alarms/ack', { raw });
    for (const [what, raw, says] of [
      ['no JSON', '{items', /line|column|JSON/i],
      ['too deep', `{"items":${'['.repeat(3000)}${']'.repeat(3000)}}`, /deep|depth|nest|JSON/i],
      ['a key twice', '{"items":[],"items":[]}', /duplicate|twice/i],
      ['an unknown field', '{"items":[{"alarm":"S1/L_T1.high","call":1}],"colour":1}', /colour/],
      ['a wrong type', '{"items":{}}', /items/],
      ['too many', JSON.stringify({ items: Array.from({ length: 501 }, () => ({ alarm: 'S1/a', call: 1 })) }), /500/],
    ]) {
      const answer = await post(raw);
      assert.ok([400, 413, 422].includes(answer.status), `${what}: ${answer.status} ${answer.text.slice(0, 200)}`);
      assert.match(answer.text, says, what);
      assert.match(answer.headers['content-type'], /application\/problem\+json/, what);
    }
    const csrf = await p.request('POST', '/api/alarms/ack', { cookie: session.cookie, body: { items: [] }, headers: { 'X-Penstock': '' } });
    assert.ok(csrf.status === 403 || csrf.status === 400, `without X-Penstock: ${csrf.status}`);
    const foreign = await session.post('/api/alarms/ack', { body: { items: [] }, headers: { Origin: 'https://evil.example' } });
    assert.equal(foreign.status, 403);
  });
});
