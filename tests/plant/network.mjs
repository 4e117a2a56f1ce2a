// The C-Town water network, live: EPANET's hydraulics a step at a time, with pumps and valves that can be switched while it runs.
import { readFileSync } from 'node:fs';
import { CountType, InitHydOption, LinkProperty, NodeProperty, Project, TimeParameter, Workspace } from 'epanet-js';

const STEP_S = 60;
const FOR_EVER_S = 2_000_000_000; // EPANET wants an end, in 32 bits: sixty-three years
const WARNING = /^epanet-js \(Warning/;

/** The [CONTROLS] of an INP file, "LINK PU1 OPEN IF NODE T1 BELOW 4", as { PU1: { tank: 'T1', below: 4, above: 6.3 } }. */
export function levelControls(inp) {
  const controls = {};
  const section = /\[CONTROLS\]([^[]*)/.exec(inp)?.[1] ?? '';
  for (const [, link, what, tank, where, level] of section.matchAll(/^\s*LINK\s+(\S+)\s+(OPEN|CLOSED)\s+IF\s+NODE\s+(\S+)\s+(BELOW|ABOVE)\s+(\S+)/gim)) {
    const control = (controls[link] ??= { tank });
    if ((what.toUpperCase() === 'OPEN') !== (where.toUpperCase() === 'BELOW')) throw new Error(`a control of ${link} opens when its tank is full`);
    control[where.toLowerCase()] = Number(level);
  }
  return controls;
}

export class Network {
  /** file: an INP file in metric units. Its own controls are taken out: who switches is up to the caller. */
  static async open(file) {
    const network = new Network();
    const text = readFileSync(file, 'utf8');
    network.controls = levelControls(text);
    const workspace = new Workspace();
    await workspace.loadModule();
    const model = (network.model = new Project(workspace));
    workspace.writeFile('network.inp', text);
    model.open('network.inp', 'report.txt', 'out.bin');
    model.setReport('MESSAGES NO'); // the report is in memory, and would grow
    for (let i = model.getCount(CountType.ControlCount); i > 0; i--) model.deleteControl(i);
    model.setTimeParameter(TimeParameter.HydStep, STEP_S);
    model.setTimeParameter(TimeParameter.Duration, FOR_EVER_S);
    model.openH();
    model.initH(InitHydOption.NoSave);
    network.seconds = 0;
    network.#solve();
    return network;
  }

  /** What the library warns of (a pressure below zero while every pump stands) is a state of the plant, not one of the program. */
  #solve() {
    const warn = console.warn;
    console.warn = (...args) => WARNING.test(String(args[0])) || warn(...args);
    try {
      this.seconds = this.model.runH();
    } finally {
      console.warn = warn;
    }
  }

  /** One minute on. EPANET makes shorter steps where a tank becomes full or empty, or demands change. */
  step() {
    const end = (Math.floor(this.seconds / STEP_S) + 1) * STEP_S;
    while (this.seconds < end) {
      this.model.nextH();
      this.#solve();
    }
  }

  close() {
    this.model.closeH();
    this.model.close();
  }

  #link(name, property) {
    return this.model.getLinkValue(this.model.getLinkIndex(name), property);
  }

  /** Level of a tank in m. */
  level(tank) {
    return this.model.getNodeValue(this.model.getNodeIndex(tank), NodeProperty.Pressure);
  }

  /** Pressure at a node in m of water. */
  pressure(node) {
    return this.model.getNodeValue(this.model.getNodeIndex(node), NodeProperty.Pressure);
  }

  /** L/s; a pump that stands may show a rounding error below zero. */
  flow(link) {
    const flow = this.#link(link, LinkProperty.Flow);
    return Math.abs(flow) < 1e-3 ? 0 : flow;
  }

  /** kW */
  power(pump) {
    return this.#link(pump, LinkProperty.Energy);
  }

  isOpen(link) {
    return this.#link(link, LinkProperty.Status) !== 0;
  }

  /** Starts or stops a pump, opens or closes a valve, from the next step on. */
  set(link, open) {
    this.model.setLinkValue(this.model.getLinkIndex(link), LinkProperty.Status, open ? 1 : 0);
  }
}
