// The live plant: C-Town's hydraulics behind Modbus. What a client writes happens in the water.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { root, until } from '../lib/penstock.mjs';
import { ModbusClient } from '../plant/modbus.mjs';
import { levelControls } from '../plant/network.mjs';
import { Plant } from '../plant/plant.mjs';

const RUN = (k) => 2 * k, AUTO = (k) => 2 * k + 1;

describe('the live plant', { concurrency: false }, () => {
  let plant, ports, s3;
  before(async () => {
    plant = await Plant.open();
    ports = await plant.listen();
    s3 = await ModbusClient.connect(ports.S3);
  });
  after(async () => {
    s3?.close();
    await plant?.stop();
  });

  const one = async (table, address) => (await s3.read(table, address))[0];
  const level = () => one('input', 0);
  const flows = async () => [await one('input', 10), await one('input', 12)];
  const minutes = (n) => { for (let i = 0; i < n; i++) plant.step(); };

  test('it starts as the model says, under level control', async () => {
    assert.equal(await level(), 2500);
    assert.deepEqual(await s3.read('coil', 0, 4), [0, 1, 0, 1]);
    assert.deepEqual(await s3.read('holding', 0, 4), [2000, 3500, 3000, 4500]);
    minutes(1);
    assert.deepEqual(await s3.read('discrete', 0, 2), [0, 1], 'T4 is below what PU7 is started at');
    assert.deepEqual(await s3.read('input', 40, 2), [1, 0]);
  });

  test('stopping the pumps empties the tank, starting them fills it', async () => {
    await s3.write('coil', RUN(0), 0);
    await s3.write('coil', RUN(1), 0);
    assert.deepEqual(await s3.read('coil', 0, 4), [0, 0, 0, 0], 'an operator has them now');
    minutes(1);
    const before = await level();
    assert.deepEqual(await flows(), [0, 0]);
    assert.deepEqual(await s3.read('discrete', 0, 2), [0, 0]);
    minutes(60);
    const emptied = await level();
    assert.ok(emptied < before - 100, `${before} mm, an hour later ${emptied} mm`);
    await s3.write('coil', RUN(0), 1);
    await s3.write('coil', RUN(1), 1);
    minutes(1);
    assert.ok((await flows()).every((flow) => flow > 1000), String(await flows()));
    assert.ok((await s3.read('input', 11))[0] > 1000, 'it takes power');
    minutes(60);
    assert.ok((await level()) > emptied + 100, `${emptied} mm, an hour later ${await level()} mm`);
  });

  test('given back to the level control, it switches by itself, at the level that was written', async () => {
    await s3.write('holding', 2, 4600);
    await s3.write('holding', 3, 4650);
    await s3.write('coil', RUN(0), 0);
    await s3.write('coil', RUN(1), 0);
    await s3.write('coil', AUTO(1), 1);
    assert.deepEqual(await s3.read('coil', 2, 2), [0, 1]);
    minutes(2);
    assert.deepEqual(await s3.read('coil', 2, 2), [1, 1], 'below 4.6 m, which is above the model\'s 3 m');
    assert.equal(await one('discrete', 1), 1);
  });

  test('what it does not have it says', async () => {
    for (const [table, address] of [['coil', 4], ['input', 9], ['holding', 4]]) await assert.rejects(() => s3.read(table, address), { code: 2 });
    await assert.rejects(() => s3.write('coil', 100, 1), { code: 2 });
    await assert.rejects(() => s3.read('input', 0, 126), { code: 3 });
  });

  test('days of it keep every tank within its walls', () => {
    const [s1, s5] = [plant.stations.S1, plant.stations.S5];
    const seen = new Set();
    for (let i = 0; i < 2 * 1440; i++) {
      plant.step();
      seen.add(s1.tables.discrete[1]);
      assert.ok(s1.tables.input[0] <= 6500 && s1.tables.input[1] <= 5900 && s5.tables.input[1] <= 5000);
    }
    assert.equal(seen.size, 2, 'PU2 started and stopped by itself');
  });

  test('controls are read from the model', () => {
    assert.deepEqual(levelControls('[CONTROLS]\n; a note\n LINK P1 OPEN IF NODE T1 BELOW 1\nLINK P1 CLOSED IF NODE T1 ABOVE 2.5\n[RULES]\nLINK P2 OPEN IF NODE T1 BELOW 1\n'),
      { P1: { tank: 'T1', below: 1, above: 2.5 } });
    assert.throws(() => levelControls('[CONTROLS]\nLINK P1 OPEN IF NODE T1 ABOVE 1\n'), /opens when its tank is full/);
  });

  test('as a program it runs by itself until it is told to stop', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'penstock-plant-'));
    const file = join(dir, 'ports.json');
    const child = spawn(process.execPath, [join(root, 'tests/plant/run.mjs'), '--speed', '6000', '--ports-file', file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((done) => child.on('close', (code, signal) => done({ code, signal })));
    try {
      const its = await until('it listens', () => { try { return JSON.parse(readFileSync(file, 'utf8')); } catch { return null; } });
      const client = await ModbusClient.connect(its.S5);
      await until('an hour has passed in it', async () => (await client.read('input', 40))[0] >= 60);
      client.close();
    } finally {
      child.kill('SIGTERM');
      assert.deepEqual(await ended, { code: 0, signal: null });
      rmSync(dir, { recursive: true });
    }
  });
});
