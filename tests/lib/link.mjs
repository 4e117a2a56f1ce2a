// A gateway in a few lines, written from protocol/README.md alone: for tests that must say what the client library would never say.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { until } from './penstock.mjs';

export const TYPE = { HELLO: 1, WELCOME: 2, ERROR: 3, BYE: 4, PING: 5, PONG: 6, WINDOW: 7, REFRESH: 8, DICT: 0x10, DATA: 0x11, EVENT: 0x12, CFG_RESULT: 0x33, ACK: 0x18 };
export const FLAG = { J: 1, H: 2, S: 4, U: 8 };
export const CODE = {
  BAD_FRAME: 1, VERSION: 2, IDENTITY: 3, NOT_ALLOWED: 4, TOO_BIG: 5, FLOW: 6, BAD_RECORD: 7, UNKNOWN_ALIAS: 8, UNKNOWN_DICT: 9, QUOTA: 10,
  SEQ_CONFLICT: 11, EPOCH_ROLLBACK: 12, UNSUPPORTED: 13, TIMEOUT: 14, STORE_DOWN: 15, SUSPENDED: 16,
};
const names = Object.fromEntries(Object.entries(TYPE).map(([name, n]) => [n, name]));

// --- writing

export const u16 = (v) => { const b = Buffer.alloc(2); b.writeUInt16LE(v); return b; };
export const u32 = (v) => { const b = Buffer.alloc(4); b.writeUInt32LE(v); return b; };
export const u64 = (v) => { const b = Buffer.alloc(8); b.writeBigUInt64LE(BigInt(v)); return b; };
export const i64 = (v) => { const b = Buffer.alloc(8); b.writeBigInt64LE(BigInt(v)); return b; };
export const f64 = (v) => { const b = Buffer.alloc(8); b.writeDoubleLE(v); return b; };
export function varint(value) {
  let v = BigInt(value);
  const bytes = [];
  for (; v >= 0x80n; v >>= 7n) bytes.push(Number(v & 0x7fn) | 0x80);
  bytes.push(Number(v));
  return Buffer.from(bytes);
}
export const svarint = (v) => varint(BigInt.asUintN(64, (BigInt(v) << 1n) ^ (BigInt(v) >> 63n)));
export const counted = (text) => { const b = Buffer.from(text); return Buffer.concat([varint(b.length), b]); };
export const tlv = (tag, ...content) => { const b = Buffer.concat(content); return Buffer.concat([varint(tag), varint(b.length), b]); };

export function frame(type, flags, body = Buffer.alloc(0)) {
  return Buffer.concat([Buffer.from([0xb7, type]), u16(flags), u32(body.length), body]);
}

/** oldest: the time of the oldest sample that waits, 0n: none does; undefined: it does not tell. */
export function hello({ gateway, epochs, versions = [1, 1], now = BigInt(Date.now()) * 1000n, oldest }) {
  return frame(TYPE.HELLO, 0, Buffer.concat([
    tlv(1, u16(versions[0]), u16(versions[1])),
    tlv(2, Buffer.from(gateway)),
    tlv(3, varint(epochs.length), ...epochs.map((e) => Buffer.concat([u64(e.epoch), varint(e.oldest ?? 0), varint(e.next ?? 0)]))),
    tlv(4, i64(now), Buffer.from([1]), varint(0)),
    tlv(5, Buffer.from('test gateway')),
    tlv(7, varint(262144)),
    ...(oldest === undefined ? [] : [tlv(8, varint(1000), varint(1000000), i64(oldest), varint(0))]),
  ]));
}

const prefix = ({ ep = 0, seq, dict = 1 }, journaled) => Buffer.concat(journaled ? [varint(ep), varint(seq), varint(dict)] : [varint(dict)]);

/** entries: [alias, name, value type (6 = F64, 1 = BOOL)] */
export function dict({ ep = 0, seq, dict = 1, entries, more = false }) {
  const body = [prefix({ ep, seq, dict }, true), varint(0), Buffer.from([more ? 1 : 0]), varint(entries.length)];
  for (const [alias, name, type = 6] of entries) body.push(varint(alias), Buffer.from([0, type, 4]), counted(name), counted(''), varint(0));
  return frame(TYPE.DICT, FLAG.J, Buffer.concat(body));
}

/** samples: [alias, t_us, value (null: none), quality], ascending by alias; one run a sample, values as F64, true and false as BOOL. */
export function data({ ep = 0, seq, dict = 1, flags = FLAG.J, samples }) {
  const t0 = samples.map((s) => BigInt(s[1])).reduce((a, b) => (a < b ? a : b));
  const body = [prefix({ ep, seq, dict }, (flags & FLAG.J) !== 0), i64(t0), Buffer.from([0]), varint(samples.length)];
  let expected = 0, before = t0; // the key counts from the alias after the one before
  for (const [a, t, value, quality = value === null ? 0xa0 : 0] of samples) {
    const time = BigInt(t);
    const q = quality !== 0 ? 4n : 0n;
    const moved = time !== before ? 1n : 0n;
    body.push(varint((BigInt(a - expected) << 3n) | q | moved));
    if (moved) body.push(svarint(time - before));
    if (q) body.push(Buffer.from([quality]));
    if (!(quality & 0x20)) body.push(typeof value === 'boolean' ? svarint(value ? 1 : 0) : f64(value));
    expected = a + 1;
    before = time;
  }
  return frame(TYPE.DATA, flags, Buffer.concat(body));
}

export const ping = (id) => frame(TYPE.PING, 0, Buffer.concat([u64(id), i64(BigInt(Date.now()) * 1000n)]));

// --- reading

class Reader {
  constructor(buffer) { this.b = buffer; this.at = 0; }
  bytes(n) { if (this.at + n > this.b.length) throw new Error('short'); const s = this.b.subarray(this.at, this.at + n); this.at += n; return s; }
  u8() { return this.bytes(1)[0]; }
  u16() { return this.bytes(2).readUInt16LE(); }
  u32() { return this.bytes(4).readUInt32LE(); }
  u64() { return this.bytes(8).readBigUInt64LE(); }
  varint() { let v = 0n, shift = 0n, byte; do { byte = this.u8(); v |= BigInt(byte & 0x7f) << shift; shift += 7n; } while (byte & 0x80); return v; }
  ranges() { const out = []; let end = 0n; for (let n = this.varint(); n > 0n; n--) { const first = end + this.varint(); end = first + this.varint(); out.push([first, end]); } return out; }
  text() { return this.bytes(Number(this.varint())).toString('utf8'); }
}

function decode(type, body) {
  const r = new Reader(body);
  if (type === TYPE.WELCOME) {
    const m = { committed: [] };
    while (r.at < body.length) {
      const tag = Number(r.varint());
      const f = new Reader(r.bytes(Number(r.varint())));
      if (tag === 1) m.version = f.u16();
      if (tag === 2) m.session = f.u64();
      if (tag === 3) for (let n = f.varint(); n > 0n; n--) m.committed.push({ epoch: f.u64(), ranges: f.ranges() });
      if (tag === 5) m.window = { bytes: f.varint(), frames: f.varint(), rate: f.varint() };
      if (tag === 8) m.state = f.u8();
    }
    return m;
  }
  if (type === TYPE.ACK) return { ep: r.varint(), ranges: r.ranges(), state: r.u8() };
  if (type === TYPE.ERROR) return { code: r.u16(), fatal: r.u8() === 1, ref: r.u8(), ep: r.varint(), seq: r.varint(), text: r.text() };
  if (type === TYPE.BYE) return { reason: r.u8(), after: r.u32(), text: r.text() };
  return {};
}

/** The answer to a PING, whose body is id and t0. */
const pong = (body, offset) => {
  const now = i64(BigInt(Date.now()) * 1000n + offset);
  return frame(TYPE.PONG, 0, Buffer.concat([body.subarray(0, 16), now, now, Buffer.from([0, 0])]));
};

/** A connection that keeps what it hears: .frames of {name, type, flags, body, ...fields}. answers: PING is answered, so that it can stay; by a clock that is off by so many µs. */
export class Peer {
  constructor(p, { answers = false, offset = 0n, cert, key, ca, alpn = ['penstock-link/1'], min = 'TLSv1.3', max = 'TLSv1.3', ciphers, level } = {}) {
    this.frames = [];
    this.closed = false;
    this.buffer = Buffer.alloc(0);
    this.answers = answers;
    this.offset = offset;
    this.connected = new Promise((done, failed) => {
      this.socket = tls.connect({
        host: '127.0.0.1', port: p.ports.link, servername: 'localhost', ca: ca ?? readFileSync(p.pkiFile('ca.pem')), cert, key,
        ...(alpn ? { ALPNProtocols: alpn } : {}), minVersion: min, maxVersion: max,
        ...(ciphers || level !== undefined ? { ciphers: [ciphers, ...(level === undefined ? [] : [`DEFAULT@SECLEVEL=${level}`])].filter(Boolean).join(':') } : {}),
      }, () => done(this));
      this.socket.on('error', (e) => { this.error = e; this.closed = true; failed(e); });
    });
    this.connected.catch(() => {});
    this.socket.on('data', (d) => this.take(d));
    this.socket.on('close', () => (this.closed = true));
  }

  take(d) {
    this.buffer = Buffer.concat([this.buffer, d]);
    while (this.buffer.length >= 8) {
      const len = this.buffer.readUInt32LE(4);
      if (this.buffer.length < 8 + len) return;
      const [type, flags, body] = [this.buffer[1], this.buffer.readUInt16LE(2), this.buffer.subarray(8, 8 + len)];
      this.frames.push({ name: names[type] ?? `0x${type.toString(16)}`, type, flags, body, ...decode(type, body) });
      if (this.answers && type === TYPE.PING) this.send(pong(body, this.offset));
      this.buffer = this.buffer.subarray(8 + len);
    }
  }

  send(...frames) { this.socket.write(Buffer.concat(frames)); }
  async find(what, condition) {
    const found = () => this.frames.find(condition);
    await until(what, () => found() || this.closed).catch((e) => { throw new Error(`${e.message}; ${this.heard()}`); });
    return found() ?? assert.fail(`${what}: the connection is closed; ${this.heard()}`);
  }
  heard() { return `heard ${this.frames.map((f) => `${f.name} ${f.text ?? ''}`).join(' ')}; ${this.error ?? 'no error'}`; }
  frame(name) { return this.find(name, (f) => f.name === name); }
  ended() { return until('the server closes', () => this.closed); }
  end() { this.socket.destroy(); }

  /** Is this record acknowledged? */
  acked(seq, ep = 0) {
    return this.find(`ack of ${seq}`, () => this.frames.some((f) => f.name === 'ACK' && f.ep === BigInt(ep) && f.ranges.some(([a, b]) => a <= BigInt(seq) && BigInt(seq) < b)));
  }
}

/** A peer with a gateway's own certificate. */
export function peer(p, gateway, options = {}) {
  return new Peer(p, { cert: readFileSync(p.pkiFile(`gateways/${gateway}.pem`)), key: readFileSync(p.pkiFile(`gateways/${gateway}.key`)), ...options });
}

export const randomEpoch = () => BigInt.asUintN(64, (BigInt(Math.floor(Math.random() * 2 ** 32)) << 32n) | BigInt(Math.floor(Math.random() * 2 ** 32)));

const cannotStore = (frame) => frame.name === 'ERROR' && /cannot store now/.test(frame.text);

/**
 * Connects, says HELLO, waits for WELCOME. as: the gateway that it says to be, if its certificate is of another. Where the server's
 * connection to a database that has just started is not back yet, it comes again when it is, as gateways do.
 */
export async function welcomed(p, gateway, options = {}) {
  const { epoch = randomEpoch(), next = 0, others = [], as = gateway, oldest, ...rest } = options;
  const g = peer(p, gateway, rest);
  await g.connected;
  g.epoch = epoch;
  g.send(hello({ gateway: as, epochs: [{ epoch, next }, ...others], oldest }));
  g.welcome = await g.find('WELCOME', (frame) => frame.name === 'WELCOME' || cannotStore(frame));
  if (!cannotStore(g.welcome)) return g;
  g.end();
  await until('the server can store again', async () => ['ok', 'slow'].includes((await p.get('/api/health')).json?.store.state));
  return welcomed(p, gateway, { ...options, epoch });
}

/** RFC 4648 without padding, as in tokens. */
export function base32(bytes) {
  let bits = '';
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0');
  return bits.match(/.{1,5}/g).map((b) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[parseInt(b.padEnd(5, '0'), 2)]).join('');
}
