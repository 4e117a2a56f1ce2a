// The live plant, polled by the demo's own gateways: what they deliver are the tags of the demo's configuration, and the water obeys.
// Covers: plant.c (protocol/gateway)
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Penstock, until } from '../lib/penstock.mjs';
import { ModbusClient } from '../plant/modbus.mjs';
import { Plant } from '../plant/plant.mjs';

describe('the demo\'s gateways on the live plant', { concurrency: false }, () => {
  const p = new Penstock();
  let plant, ports, session;
  before(async () => {
    await p.prepare();
    await p.startServer();
    session = await p.login('operator');
    plant = await Plant.open();
    ports = await plant.listen();
    await plant.stations.S5.device.close(); // it comes later, see below
    for (const n of [1, 2, 3, 4, 5]) p.startGateway(`gw-s${n}`, { live: ports[`S${n}`] });
    plant.run(600);
  });
  after(async () => {
    await p.stop();
    await plant?.stop();
  });

  const site = async (name) => (await session.get(`/api/tags?site=${name}`)).json.tags.filter((t) => t.gateway === `gw-${name.toLowerCase()}`);
  const complete = (name) => until(`all tags of ${name} have values`, async () => {
    const tags = await site(name);
    return tags.length > 0 && tags.every((t) => t.quality === 0 && t.value !== null) && tags;
  });

  test('every tag of the configuration is delivered', async () => {
    for (const name of ['S1', 'S2', 'S3', 'S4']) await complete(name);
  });

  test('a station that tells its own map is waited for', async () => {
    await p.says('gw-s5', /device\.down device=s5-plc/);
    await plant.stations.S5.device.listen(ports.S5);
    const names = (await complete('S5')).map((t) => t.name);
    assert.ok(names.includes('S5/PU10_RUN') && names.includes('S5/L_T7'), names.join());
    await p.says('gw-s5', /plant\.map device=s5-plc tags=10/);
  });

  test('what the gateways tell of themselves and of their devices is known without configuration, and nothing is unknown', async () => {
    for (const n of [1, 2, 3, 4, 5]) {
      const own = await until(`gw-s${n} tells of itself`, async () => {
        const g = (await session.get('/api/gateways')).json.gateways.find((x) => x.name === `gw-s${n}`);
        return g.health?.clock_offset_ms !== null && g.health?.devices[0]?.up && g;
      });
      assert.equal(own.unknown_tags, 0, own.name);
      assert.deepEqual(own.health.devices, [{ name: `s${n}-plc`, up: true }]);
      assert.equal(own.health.link, true);
      assert.equal(own.health.lost, 0);
      assert.ok(own.health.certificate_days > 0 && own.health.oldest_s < 60 && own.health.buffer_records < 60, JSON.stringify(own.health));
      assert.equal(own.backlog_bytes, own.health.buffer_bytes);
      assert.ok(Date.now() - Date.parse(own.health.at) < 60_000, own.health.at);
    }
  });

  test('a pump that is started by its coil runs on the screen', async () => {
    const s4 = await ModbusClient.connect(ports.S4);
    const shows = (flowing) => until(`PU9 ${flowing ? 'runs' : 'stands'}`, async () => {
      const [flow, run] = [await p.tag(session, 'S4/F_PU9'), await p.tag(session, 'S4/PU9_RUN')];
      return (flow.value > 5) === flowing && Boolean(run.value) === flowing;
    });
    await shows(false);
    await s4.write('coil', 2, 1);
    await shows(true);
    await s4.write('coil', 2, 0);
    await shows(false);
    s4.close();
  });

  test('what answers with something else is no plant', async () => {
    const s1 = plant.stations.S1;
    const magic = s1.tables.input[50000];
    s1.tables.input[50000] = 7;
    const config = { ...p.gatewayConfig('gw-s1'), sources: [{ kind: 'plant', name: 'x', host: '127.0.0.1', port: ports.S1 }] };
    p.startGateway('no-plant', { config: { ...config, server: { host: '127.0.0.1', port: 1, name: 'localhost' }, journal: { dir: `${p.dir}/journal-x` } } });
    await p.says('no-plant', /device\.down device=x reason=".*is this a simulated plant\?/);
    s1.tables.input[50000] = magic;
    await p.says('no-plant', /plant\.map device=x/); // at the next attempt
  });
});
