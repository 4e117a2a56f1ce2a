// One station of the plant: what its controller does, and what it serves by Modbus. The register map is the same for all stations:
//
//   coil      2k      RUN of drive k: write 1 to start (a valve: open), 0 to stop. That takes the drive from the level control: AUTO becomes 0
//             2k + 1  AUTO of drive k: 1 gives it back to the station's level control, which is how the plant starts
//   discrete  k       drive k runs (a valve: is open)
//   holding   2k      level of its tank, in mm, below which the level control starts drive k
//             2k + 1  … and above which it stops it
//   input     k       level of tank k in mm
//             10 + 2k flow of drive k in 0.01 L/s, 11 + 2k its power in 0.01 kW
//             30, 31  suction and discharge pressure in cm of water, signed
//             40, 41  the plant's own time: minutes since its start, low word first
//             50000…  this map as a text, for gateways that read it from here (protocol/gateway/plant.h)
//
// Everything else answers with exception 2.
import { ModbusDevice } from './modbus.mjs';

const LEVEL = 0, DRIVE = 10, PRESSURE = 30, TIME = 40, MAP = 50000;
const MAP_MAGIC = 0x5053, MAP_VERSION = 1;
const word = (value) => Math.max(0, Math.min(65535, Math.round(value)));
const signed = (value) => Math.max(-32768, Math.min(32767, Math.round(value))) & 0xffff;

/** Which tanks and drives (in the order of the register map), and where its pressures are taken. */
export const stations = {
  S1: { tanks: ['T1', 'T2'], drives: ['PU1', 'PU2', 'PU3', 'V2'], suction: 'J280', discharge: 'J269' },
  S2: { tanks: ['T3'], drives: ['PU4', 'PU5'], suction: 'J300', discharge: 'J256' },
  S3: { tanks: ['T4'], drives: ['PU6', 'PU7'], suction: 'J289', discharge: 'J415' },
  S4: { tanks: ['T5'], drives: ['PU8', 'PU9'], suction: 'J302', discharge: 'J306' },
  S5: { tanks: ['T6', 'T7'], drives: ['PU10', 'PU11'], suction: 'J307', discharge: 'J317' },
};

/** The register map as a gateway's tags. */
export function mapOf({ tanks, drives }) {
  const input = (name, address, scale, rest) => ({ name, table: 'input', address, scale, ...rest });
  return {
    tags: [
      ...tanks.map((tank, k) => input(`L_${tank}`, LEVEL + k, 0.001, { deadband: 0.005, unit: 'm', description: `Level of tank ${tank}` })),
      ...drives.flatMap((drive, k) => [
        input(`F_${drive}`, DRIVE + 2 * k, 0.01, { deadband: 0.05, unit: 'L/s', description: `Flow of ${drive}` }),
        input(`P_${drive}`, DRIVE + 2 * k + 1, 0.01, { deadband: 0.05, unit: 'kW', description: `Power of ${drive}` }),
        { name: `${drive}_RUN`, table: 'discrete', address: k, description: `${drive} runs` },
        { name: `${drive}_CMD`, table: 'coil', address: 2 * k, writable: true, description: `${drive}: 1 starts it, 0 stops it` },
        { name: `${drive}_AUTO`, table: 'coil', address: 2 * k + 1, writable: true, description: `${drive} is under level control` },
      ]),
      ...['PS', 'PD'].map((name, k) => input(name, PRESSURE + k, 0.01, { type: 'int16', deadband: 0.02, unit: 'm', description: k === 0 ? 'Suction pressure' : 'Discharge pressure' })),
    ],
  };
}

export class Station {
  constructor(network, what) {
    const { tanks, drives, suction, discharge } = what;
    this.network = network;
    this.tanks = tanks;
    this.drives = drives.map((name) => ({ name, auto: Boolean(network.controls[name]), run: network.isOpen(name), ...network.controls[name] }));
    this.nodes = [suction, discharge];
    this.tables = { coil: {}, discrete: {}, holding: {}, input: {} };
    const map = Buffer.from(JSON.stringify(mapOf(what)));
    const even = Buffer.concat([map, Buffer.alloc(map.length % 2)]);
    [MAP_MAGIC, MAP_VERSION, map.length].forEach((head, i) => (this.tables.input[MAP + i] = head));
    for (let i = 0; i < even.length; i += 2) this.tables.input[MAP + 3 + i / 2] = even.readUInt16BE(i);
    this.measure();
    this.device = new ModbusDevice({ tables: this.tables, write: (table, address, value) => this.#write(table, address, value) });
  }

  #write(table, address, value) {
    const drive = this.drives[address >> 1];
    const second = (address & 1) === 1;
    if (table === 'coil' && second) {
      drive.auto = value !== 0 && drive.tank !== undefined; // a drive that no tank calls stays as it is
    } else if (table === 'coil') {
      drive.run = value !== 0;
      drive.auto = false;
    } else {
      drive[second ? 'above' : 'below'] = value / 1000;
    }
    this.#serveCommands();
  }

  /** What the controller does before each step: level control where it is on, then the drives as they are wanted. */
  control() {
    for (const drive of this.drives) {
      if (drive.auto) {
        const level = this.network.level(drive.tank);
        if (level <= drive.below) drive.run = true;
        else if (level >= drive.above) drive.run = false;
      }
      if (this.network.isOpen(drive.name) !== drive.run) this.network.set(drive.name, drive.run);
    }
    this.#serveCommands();
  }

  #serveCommands() {
    this.drives.forEach((drive, k) => {
      this.tables.coil[2 * k] = drive.run;
      this.tables.coil[2 * k + 1] = drive.auto;
      if (drive.tank === undefined) return;
      this.tables.holding[2 * k] = word(drive.below * 1000);
      this.tables.holding[2 * k + 1] = word(drive.above * 1000);
    });
  }

  /** What the instruments say after each step. */
  measure() {
    const { input, discrete } = this.tables;
    this.tanks.forEach((tank, k) => (input[LEVEL + k] = word(this.network.level(tank) * 1000)));
    this.drives.forEach((drive, k) => {
      discrete[k] = this.network.isOpen(drive.name);
      input[DRIVE + 2 * k] = word(this.network.flow(drive.name) * 100);
      input[DRIVE + 2 * k + 1] = word(this.network.power(drive.name) * 100);
    });
    this.nodes.forEach((node, k) => (input[PRESSURE + k] = signed(this.network.pressure(node) * 100)));
    const minutes = Math.floor(this.network.seconds / 60);
    input[TIME] = minutes & 0xffff;
    input[TIME + 1] = minutes >>> 16;
    this.#serveCommands();
  }
}
