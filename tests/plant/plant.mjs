// The live plant: the network and its five stations, each a Modbus TCP device, a minute of the plant at a time.
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Network } from './network.mjs';
import { Station, stations } from './station.mjs';

export const networkFile = join(resolve(dirname(fileURLToPath(import.meta.url)), '../..'), 'deploy/demo-data/CTOWN.INP');

export class Plant {
  static async open(file = networkFile) {
    const plant = new Plant();
    plant.network = await Network.open(file);
    plant.stations = Object.fromEntries(Object.entries(stations).map(([name, what]) => [name, new Station(plant.network, what)]));
    return plant;
  }

  /** Stations listen on port, port + 1, …; 0: on free ones. Returns the ports. */
  async listen({ address = '127.0.0.1', port = 0 } = {}) {
    const all = Object.entries(this.stations);
    for (let i = 0; i < all.length; i++) await all[i][1].device.listen(port === 0 ? 0 : port + i, address);
    return Object.fromEntries(all.map(([name, station]) => [name, station.device.port]));
  }

  /** A minute of the plant. */
  step() {
    const all = Object.values(this.stations);
    for (const station of all) station.control();
    this.network.step();
    for (const station of all) station.measure();
  }

  /** Steps on at so many seconds of the plant a second until stop(). */
  run(speed) {
    const begin = performance.now();
    let steps = 0;
    this.timer = setInterval(() => {
      const due = Math.floor((((performance.now() - begin) / 1000) * speed) / 60);
      // After a pause (a machine that slept) it goes on from where it was, a hundred steps at once at most.
      for (let n = 0; steps < due && n < 100; n++, steps++) this.step();
      steps = Math.max(steps, due);
    }, Math.max(5, Math.min(1000, 60_000 / speed / 4)));
  }

  async stop() {
    clearInterval(this.timer);
    for (const station of Object.values(this.stations)) await station.device.close();
    this.network.close();
  }
}
