// A command from the link to a pump of the live plant and back: the gateway against a control room in a few lines, written from
// protocol/README.md alone.
// Covers: operate.c (protocol/gateway)
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { after, before, describe, test } from 'node:test';
import { frame, i64, svarint, tlv, TYPE, u16, u32, u64, varint, counted } from '../lib/link.mjs';
import { Penstock, until } from '../lib/penstock.mjs';
import { Plant } from '../plant/plant.mjs';

const CMD = 0x90, CMD_ACK = 0x21, CMD_RESULT = 0x13, DIRECT = 4, BOOL = 1, SESSION = 7n;
const EXECUTED = 3, FAILED = 4, REJECTED = 5;
const now = () => BigInt(Date.now()) * 1000n;

function crc32c(text) {
  let crc = ~0;
  for (const byte of Buffer.from(text)) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (0x82f63b78 & -(crc & 1));
  }
  return ~crc >>> 0;
}

/** Reads one element after the other. */
class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(n) {
    this.at += n;
    return this.bytes.subarray(this.at - n, this.at);
  }

  u8() { return this.take(1)[0]; }
  u16() { return this.take(2).readUInt16LE(); }
  i64() { return this.take(8).readBigInt64LE(); }
  varint() {
    let value = 0, factor = 1;
    for (;; factor *= 128) {
      const byte = this.u8();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  text() { return this.take(this.varint()).toString('utf8'); }
}

/** Takes one gateway's connections, and keeps what it says. */
class ControlRoom {
  constructor(p) {
    Object.assign(this, { tags: new Map(), acks: [], results: [], events: [], pongs: 0 });
    this.server = tls.createServer({
      cert: readFileSync(p.pkiFile('link.pem')), key: readFileSync(p.pkiFile('link.key')), ca: readFileSync(p.pkiFile('ca.pem')), requestCert: true,
      minVersion: 'TLSv1.3', ALPNProtocols: ['penstock-link/1'],
    }, (socket) => this.#serve(socket));
  }

  listen() {
    return new Promise((done) => this.server.listen(0, '127.0.0.1', () => done(this.server.address().port)));
  }

  close() {
    this.socket?.destroy();
    return new Promise((done) => this.server.close(done));
  }

  #serve(socket) {
    this.socket = socket;
    let bytes = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      while (bytes.length >= 8 && bytes.length >= 8 + bytes.readUInt32LE(4)) {
        const end = 8 + bytes.readUInt32LE(4);
        this.#take(bytes[1], bytes.readUInt16LE(2), new Reader(bytes.subarray(8, end)));
        bytes = bytes.subarray(end);
      }
    });
  }

  #take(type, flags, r) {
    if (type === TYPE.HELLO) {
      this.socket.write(frame(TYPE.WELCOME, 0, Buffer.concat([
        tlv(1, u16(1)), tlv(2, u64(SESSION)), tlv(3, varint(0)), tlv(4, i64(now())), tlv(5, varint(1 << 20), varint(256), varint(1 << 20)), tlv(6, varint(262144)),
        tlv(7, varint(200), varint(30000)), tlv(8, Buffer.from([0])), tlv(9, u64(1)), tlv(10, Buffer.from([1])),
      ])));
    } else if (type === TYPE.PING) {
      this.pongs++;
      this.socket.write(frame(TYPE.PONG, 0, Buffer.concat([r.take(16), i64(now()), i64(now()), Buffer.from([0]), varint(0)])));
    } else if (type === CMD_ACK) {
      this.acks.push({ id: r.take(16).toString('hex'), op: r.u8(), status: r.u8(), reason: r.u16() });
    }
    if ((flags & 1) === 0) return;
    const [ep, seq, dict] = [r.varint(), r.varint(), r.varint()];
    if (type === TYPE.DICT) this.#learn(dict, r);
    else if (type === CMD_RESULT) this.#end(r);
    else if (type === TYPE.EVENT) this.events.push({ code: r.u16(), severity: r.u8(), t: r.i64(), path: r.text(), text: r.text() });
    this.socket.write(frame(TYPE.ACK, 0, Buffer.concat([varint(ep), varint(1), varint(seq), varint(1), Buffer.from([0])])));
  }

  #learn(dict, r) {
    r.varint();
    r.u8();
    for (let n = r.varint(); n > 0; n--) {
      const alias = r.varint();
      r.u8();
      const [type, flags, name] = [r.u8(), r.u8(), r.text()];
      r.text();
      r.take(r.varint());
      this.tags.set(name, { dict, alias, type, writable: (flags & 1) === 1 });
    }
  }

  #end(r) {
    const result = { id: r.take(16).toString('hex'), stage: r.u8(), reason: r.u16(), t: r.i64(), type: r.u8() };
    if (result.type === BOOL) result.value = (r.varint(), r.varint()) === 2 ? 1 : 0; // its length, then zigzag
    this.results.push(result);
  }

  /** Asks for a value of a tag of type BOOL; gives the result. */
  async direct(name, value) {
    const tag = await until(`${name} is known`, () => this.tags.get(name));
    const id = randomBytes(16);
    id.writeUIntBE(Date.now(), 0, 6);
    id[6] = 0x70 | (id[6] & 0xf);
    id[8] = 0x80 | (id[8] & 0x3f);
    this.socket.write(frame(CMD, 0, Buffer.concat([
      Buffer.from([DIRECT]), id, u64(SESSION), varint(tag.dict), varint(tag.alias), u32(crc32c(name)), Buffer.from([BOOL]), counted(svarint(value)), i64(now()), u32(60000),
      Buffer.from([0]), counted('Ann'), counted('a test'),
    ])));
    return until(`what became of ${name}`, () => this.results.find((result) => result.id === id.toString('hex')));
  }
}

describe('a command to the live plant', { concurrency: false }, () => {
  const p = new Penstock({ config: null });
  let plant, ports, room;
  before(async () => {
    p.pki('ca', 'Penstock test CA');
    p.pki('server', 'link', 'IP:127.0.0.1,DNS:localhost', 'link');
    p.pki('gateway', 'gw-s3');
    plant = await Plant.open();
    ports = await plant.listen();
    room = new ControlRoom(p);
    p.ports.link = await room.listen();
    p.startGateway('gw-s3', { config: { ...p.gatewayConfig('gw-s3'), flush_ms: 100, sources: [{ kind: 'plant', name: 's3-plc', host: '127.0.0.1', port: ports.S3, poll_ms: 50, timeout_ms: 3000 }] } });
    await until('the gateway knows the plant and the time', () => room.tags.has('PU6_CMD') && room.pongs > 1);
  });
  after(async () => {
    await p.stop();
    await room?.close();
    await plant?.stop();
  });

  test('the device that came up was told as an event', async () => {
    await until('it was', () => room.events.some((e) => e.code === 4 && e.path === 's3-plc'));
  });

  test('starts a pump, and is told with what was read back', async () => {
    assert.ok(room.tags.get('PU6_CMD').writable && !room.tags.get('PU6_RUN').writable);
    const result = await room.direct('PU6_CMD', 1);
    assert.deepEqual([result.stage, result.reason, result.type, result.value], [EXECUTED, 0, BOOL, 1]);
    assert.equal(room.acks.at(-1).status, 0);
    plant.step();
    assert.ok(plant.stations.S3.tables.discrete[0] && plant.stations.S3.tables.input[10] > 1000, 'water flows');
    assert.equal((await room.direct('PU6_CMD', 0)).stage, EXECUTED);
    plant.step();
    assert.equal(plant.stations.S3.tables.input[10], 0);
  });

  test('of a tag that is only read is rejected', async () => {
    const result = await room.direct('PU6_RUN', 1);
    assert.deepEqual([result.stage, result.reason], [REJECTED, 4]);
  });

  test('to a device that does not answer has failed, and moves nothing when it is back', async () => {
    const { device, drives } = plant.stations.S3;
    device.mute = true;
    const result = await room.direct('PU6_CMD', 1);
    assert.deepEqual([result.stage, result.reason], [FAILED, 14]);
    device.mute = false;
    device.requests.length = 0;
    await until('it is polled again', () => device.requests.length > 10);
    assert.equal(drives[0].run, false);
  });
});
