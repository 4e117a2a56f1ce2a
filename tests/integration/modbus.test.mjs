// The gateway's source "modbus" against devices of the test's own, and the gateway's health as tags.
// Covers: modbus.c, modbus_config.c, modbus_io.c, modbus_job.c, health.c (protocol/gateway)
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readLedger, sampleBreaches } from '../lib/invariants.mjs';
import { Penstock, until } from '../lib/penstock.mjs';
import { ModbusDevice } from '../plant/modbus.mjs';

const number = (name, change = {}) => ({ name: `S1/${name}`, gateway: 'gw-s1', ...(change.type === 'bool' ? {} : { low: -1e6, high: 1e9 }), ...change });
const config = {
  sites: [{ name: 'S1', title: 'Station 1' }], gateways: [{ name: 'gw-s1', site: 'S1' }],
  tags: [
    ...['L', 'F', 'P', 'T'].map((n) => number(n)), number('RUN', { type: 'bool' }), number('DOOR', { type: 'bool' }), number('BIT', { type: 'bool' }),
    number('N', { type: 'int' }), number('NONE'), number('OTHER'), number('REC'),
    number('_gateway.link', { type: 'bool' }), number('_gateway.buffer_records', { type: 'int' }), number('_gateway.certificate_days', { type: 'int' }),
    number('_gateway.lost', { type: 'int' }), number('_gateway.oldest_s', { type: 'int' }), number('_gateway.clock_offset_ms', { type: 'int' }),
    number('_gateway.plc1.up', { type: 'bool' }), number('_gateway.plc2.up', { type: 'bool' }),
  ],
  alarms: [],
};

const f32 = (value) => {
  const b = Buffer.alloc(4);
  b.writeFloatBE(value);
  return [b.readUInt16BE(0), b.readUInt16BE(2)];
};

describe('modbus', { concurrency: false }, () => {
  const p = new Penstock({ config });
  let plc1, plc2, session, gateway, dir;
  const input = [1234, 0xffff, 0xff00, ...f32(12.5).reverse(), 0x8000, 0, 0, 7];
  const coil = [1, 0], discrete = [0, 1], holding = [500];
  const value = async (name) => p.tag(session, `S1/${name}`);
  const BAD_COMMS = 0xa1, BAD_CONFIG = 0xa8; // both without a value
  const shows = (name, wanted) => until(`${name} is ${wanted}`, async () => {
    const tag = await value(name);
    return tag.quality === 0 && tag.value === wanted;
  });
  /** What a program says comes by a pipe, and later than what its server shows. */
  const logged = (pattern) => until(`its log has ${pattern}`, () => pattern.test(p.log('modbus')));
  const isBad = (name, quality) => until(`${name} is bad`, async () => (await value(name)).quality === quality);

  before(async () => {
    await p.prepare({ gateways: ['gw-s1'] });
    await p.startServer();
    session = await p.login('operator');
    dir = join(p.dir, 'modbus');
    mkdirSync(dir);
    plc1 = await new ModbusDevice({ tables: { input, coil, discrete, holding } }).listen();
    plc2 = await new ModbusDevice({ tables: { input: (address) => (address < 10 ? address : undefined) } }).listen();
    writeFileSync(join(dir, 'rec.csv'), 't_s,a\n0,1\n1,2\n2,3\n');
    gateway = p.startGateway('modbus', {
      config: {
        ...p.gatewayConfig('gw-s1'), flush_ms: 100, ledger: join(dir, 'ledger'),
        sources: [
          {
            kind: 'modbus',
            devices: [
              {
                name: 'plc1', host: '127.0.0.1', port: plc1.port, poll_ms: 50, timeout_ms: 2000, failures: 2, retry_s: 1, gap: 4, report_s: 1,
                tags: [
                  { name: 'L', table: 'input', address: 0, scale: 0.001, deadband: 0.005 }, { name: 'T', table: 'input', address: 1, type: 'int32', scale: 0.1, offset: 20 },
                  { name: 'F', table: 'input', address: 3, type: 'float32', order: 'CDAB' }, { name: 'BIT', table: 'input', address: 5, type: 'bit', bit: 15 },
                  { name: 'N', table: 'input', address: 8 }, { name: 'RUN', table: 'coil', address: 0, writable: true },
                  { name: 'DOOR', table: 'discrete', address: 1 }, { name: 'P', table: 'holding', address: 0, scale: 0.1, writable: true },
                ],
              },
              {
                name: 'plc2', host: '127.0.0.1', port: plc2.port, poll_ms: 50, timeout_ms: 2000, failures: 2, retry_s: 1,
                tags: [{ name: 'OTHER', table: 'input', address: 4 }, { name: 'NONE', table: 'input', address: 20 }],
              },
            ],
          },
          { kind: 'replay', file: join(dir, 'rec.csv'), tags: [{ column: 'a', name: 'REC', type: 'int' }] },
        ],
      },
    });
  });
  after(async () => {
    await p.stop();
    await plc1?.close();
    await plc2?.close();
  });

  test('values of every table arrive, scaled, in their order of words', async () => {
    for (const [name, wanted] of [['L', 1.234], ['F', 12.5], ['T', -5.6], ['BIT', true], ['N', 7], ['RUN', true], ['DOOR', true], ['P', 50], ['OTHER', 4]]) {
      const tag = await until(`${name} is there`, async () => {
        const t = await value(name);
        return t?.value !== null && t?.value !== undefined && t;
      });
      assert.ok(typeof wanted === 'number' ? Math.abs(Number(tag.value) - wanted) < 1e-9 : Boolean(tag.value) === wanted, `${name}: ${JSON.stringify(tag)}`);
    }
  });

  test('what lies together is read together', async () => {
    plc1.requests.length = 0;
    await until('several polls', () => plc1.requests.length > 20);
    const kinds = new Set(plc1.requests.map((r) => `${r.code} ${r.address} ${r.n}`));
    assert.deepEqual([...kinds].sort(), ['1 0 1', '2 1 1', '3 0 1', '4 0 9']);
  });

  test('a point that the device does not have is bad, and the others of the device are not', async () => {
    await isBad('NONE', BAD_CONFIG);
    assert.equal((await value('NONE')).value, null);
    assert.equal((await value('OTHER')).value, 4);
    await logged(/modbus\.not_read device=plc2 reason="reading 1 from input 20: the device answers with exception 2/);
  });

  test('small moves stay within the deadband, larger ones are told', async () => {
    input[0] = 1238;
    plc1.requests.length = 0;
    await until('some more polls', () => plc1.requests.length > 8);
    input[0] = 1300;
    await shows('L', 1.3);
    const produced = [...readLedger(join(dir, 'ledger')).values()].flat().filter((s) => s.name === 'L').map((s) => s.value);
    assert.ok(produced.includes(1.234) && !produced.includes(1.238), String(produced));
  });

  test('the gateway tells its own health', async () => {
    for (const [name, good] of [['link', (v) => Boolean(v)], ['plc1.up', (v) => Boolean(v)], ['plc2.up', (v) => Boolean(v)], ['lost', (v) => v === 0],
      ['certificate_days', (v) => v > 1], ['buffer_records', (v) => v >= 0], ['oldest_s', (v) => v >= 0 && v < 3600], ['clock_offset_ms', (v) => Math.abs(v) < 5000]]) {
      await until(`_gateway.${name} is well`, async () => {
        const tag = await value(`_gateway.${name}`);
        return tag && tag.value !== null && tag.value !== undefined && good(tag.value);
      });
    }
  });

  test('a device that hangs makes its own tags bad, delays no other, and is back when it answers', async () => {
    plc1.mute = true;
    plc2.requests.length = 0;
    await until('plc1 is down', async () => (await value('_gateway.plc1.up')).value === false || (await value('_gateway.plc1.up')).value === 0);
    for (const name of ['L', 'F', 'T', 'RUN', 'DOOR', 'P']) await isBad(name, BAD_COMMS);
    // two timeouts of 2 s at least: the other device was asked every 50 ms meanwhile
    assert.ok(plc2.requests.length >= 5, `plc2 was asked ${plc2.requests.length} times`);
    await logged(/device\.down .*device=plc1 .*no answer in time/);
    plc1.mute = false;
    await shows('L', 1.3);
    assert.ok((await value('_gateway.plc1.up')).value, 'told before its values');
    await logged(/device\.up device=plc1/);
  });

  test('a device that is switched off and on again', async () => {
    const port = plc1.port;
    await plc1.close();
    await isBad('L', BAD_COMMS);
    input[0] = 2000;
    await until('its port is free', () => plc1.listen(port).then(() => true, () => false)); // somebody else may have got it meanwhile
    await shows('L', 2);
  });

  test('a connection that the device closes while it is quiet is no failure', async () => {
    const downs = () => (p.log('modbus').match(/device\.down/g) ?? []).length;
    const before = downs();
    for (let i = 0; i < 5; i++) {
      plc1.hangUp();
      plc1.requests.length = 0;
      await until('it is asked again', () => plc1.requests.length > 4);
    }
    assert.equal(downs(), before);
  });

  test('the books balance, the recording in the same gateway included', async () => {
    await until('the recording was stored', async () => (await p.sql(`select 1 from sample s join config_key k on k.key = s.tag_key where k.name = 'S1/REC'`)).length >= 3);
    gateway.kill('SIGTERM');
    assert.deepEqual(await gateway.ended, { code: 0, signal: null });
    const again = p.startGateway('drain', { config: { ...p.gatewayConfig('gw-s1'), ledger: join(dir, 'ledger'), exit_when_done: true, sources: [{ kind: 'replay', file: join(dir, 'rec.csv'), rows: 1, tags: [{ column: 'a', name: 'REC', type: 'int' }] }] } });
    assert.deepEqual(await again.ended, { code: 0, signal: null });
    assert.deepEqual(await sampleBreaches(p, 'S1', 'gw-s1', join(dir, 'ledger')), []);
  });

  test('faults of a register map are told with their place', async () => {
    const device = { name: 'plc1', host: '127.0.0.1', tags: [
      { name: 'A', table: 'coil', address: 0, type: 'int16' }, { name: 'B', table: 'input', address: 65535, type: 'float32' },
      { name: 'C', table: 'holding', address: 1, type: 'bit' }, { name: 'D', table: 'input', address: 1, writable: true },
      { name: 'E', table: 'holding', address: 1, type: 'bit', bit: 3, writable: true }, { name: 'F', table: 'coil', address: 1, scale: 2 },
      { name: 'G', table: 'holding', address: 1, order: 'AABB' }, { name: 'H', table: 'register', address: -1 },
    ] };
    const child = p.startGateway('map', { config: { ...p.gatewayConfig('gw-s1'), sources: [{ kind: 'modbus', devices: [device, { ...device, name: 'plc1', host: 'plc.example', tags: [] }] }] } });
    assert.equal((await child.ended).code, 1);
    const told = p.log('map').split('\n').filter((line) => /\.json:\d+:\d+: /.test(line)).map((line) => line.replace(/^.*\.json:1:\d+: \/sources\/0\/devices\//, '').split(': ')[0]);
    assert.deepEqual(told.sort(), ['0/tags/0/type', '0/tags/1/address', '0/tags/2/bit', '0/tags/3/writable', '0/tags/4/writable', '0/tags/5/scale', '0/tags/6/order',
      '0/tags/7/address', '0/tags/7/table', '1/host', '1/name', '1/tags']);
  });
});
