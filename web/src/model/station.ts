/**
 * A station's picture from what its tags say about themselves (equipment and role): what it has, in which order, and where it is
 * drawn. So two hundred sites need no drawing, and all look alike.
 */
import type { Tag, TagRole } from './types.ts';

export interface Tank {
  readonly name: string;
  readonly level: Tag;
}

export interface Pump {
  readonly name: string;
  readonly run: Tag | undefined;
  readonly flow: Tag | undefined;
  readonly power: Tag | undefined;
}

export interface Station {
  readonly tanks: readonly Tank[];
  readonly pumps: readonly Pump[];
  readonly suction: readonly Tag[];
  readonly discharge: readonly Tag[];
  /** Flow and power that belong to no pump. */
  readonly meters: readonly Tag[];
}

/** "PU2" before "PU10", as people count. */
export function naturalOrder(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

const ROLE_ORDER: readonly TagRole[] = ['level', 'run', 'flow', 'power', 'suction_pressure', 'discharge_pressure', ''];

/** What belongs together stands together: by equipment, then by role; what belongs to none comes last. */
export function byEquipment(a: Tag, b: Tag): number {
  return (
    Number(a.equipment === '') - Number(b.equipment === '') ||
    naturalOrder(a.equipment, b.equipment) ||
    ROLE_ORDER.indexOf(a.role) - ROLE_ORDER.indexOf(b.role) ||
    naturalOrder(a.name, b.name)
  );
}

const localOf = (tag: Tag): string => tag.name.slice(tag.name.indexOf('/') + 1);
const withRole = (tags: readonly Tag[], role: TagRole): readonly Tag[] => tags.filter((t) => t.role === role);

export function stationOf(unsorted: readonly Tag[]): Station {
  const tags = [...unsorted].sort((a, b) => naturalOrder(a.name, b.name));
  const tanks = withRole(tags, 'level').map((level) => ({ name: level.equipment || localOf(level), level }));
  const running = new Set(withRole(tags, 'run').map((t) => t.equipment || localOf(t)));
  // What has a flow or a power but no run state is a meter.
  const of = (equipment: string, role: TagRole): Tag | undefined =>
    tags.find((t) => t.role === role && (t.equipment || localOf(t)) === equipment);
  const pumps = [...running].sort(naturalOrder).map((name) => ({
    name,
    run: of(name, 'run'),
    flow: of(name, 'flow'),
    power: of(name, 'power'),
  }));
  const meters = tags.filter(
    (t) => (t.role === 'flow' || t.role === 'power') && !running.has(t.equipment || localOf(t)),
  );
  return {
    tanks: tanks.sort((a, b) => naturalOrder(a.name, b.name)),
    pumps,
    suction: withRole(tags, 'suction_pressure'),
    discharge: withRole(tags, 'discharge_pressure'),
    meters,
  };
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

export interface Placed<T> {
  readonly item: T;
  readonly box: Box;
}

export interface StationLayout {
  readonly width: number;
  readonly height: number;
  readonly pumps: readonly Placed<Pump>[];
  readonly tanks: readonly Placed<Tank>[];
  readonly suction: readonly Placed<Tag>[];
  readonly discharge: readonly Placed<Tag>[];
  readonly meters: readonly Placed<Tag>[];
  /** x of the suction and the discharge header and where they begin and end; null where there are no pumps. */
  readonly headers: {
    readonly inX: number;
    readonly outX: number;
    readonly top: number;
    readonly bottom: number;
  } | null;
}

const PUMP = { w: 236, h: 76 };
const TANK = { w: 118, h: 228, gap: 26 };
const READOUT = { w: 128, h: 46, gap: 12 };
const EDGE = 16;
const PIPE = 44;

const column = <T>(
  items: readonly T[],
  x: number,
  top: number,
  size: { w: number; h: number; gap: number },
): Placed<T>[] =>
  items.map((item, i) => ({ item, box: { x, y: top + i * (size.h + size.gap), w: size.w, h: size.h } }));

const columnHeight = (n: number, size: { h: number; gap: number }): number =>
  n === 0 ? 0 : n * (size.h + size.gap) - size.gap;

/** Water flows from left to right: suction, pumps in parallel, discharge, tanks. */
export function layoutStation(station: Station): StationLayout {
  const { pumps, tanks, suction, discharge, meters } = station;
  const after = [...discharge, ...meters];
  const pumpsHeight = pumps.length * PUMP.h;
  const inner = Math.max(
    pumpsHeight,
    tanks.length > 0 ? TANK.h : 0,
    columnHeight(suction.length, READOUT),
    columnHeight(after.length, READOUT),
    120,
  );
  const height = inner + 2 * EDGE;
  const middle = (h: number): number => EDGE + (inner - h) / 2;

  const suctionX = EDGE;
  const inX = suctionX + (suction.length > 0 ? READOUT.w + PIPE : PIPE);
  const pumpX = inX + 24;
  const outX = pumps.length > 0 ? pumpX + PUMP.w + 24 : inX;
  const afterX = outX + (pumps.length > 0 ? PIPE / 2 : 0);
  const tankX = afterX + (after.length > 0 ? READOUT.w + PIPE : PIPE / 2);
  const width = tankX + tanks.length * (TANK.w + TANK.gap) + EDGE;

  const pumpTop = middle(pumpsHeight);
  const placedAfter = column(after, afterX, middle(columnHeight(after.length, READOUT)), READOUT);
  return {
    width,
    height,
    pumps: column(pumps, pumpX, pumpTop, { ...PUMP, gap: 0 }),
    tanks: tanks.map((item, i) => ({
      item,
      box: { x: tankX + i * (TANK.w + TANK.gap), y: middle(TANK.h), w: TANK.w, h: TANK.h },
    })),
    suction: column(suction, suctionX, middle(columnHeight(suction.length, READOUT)), READOUT),
    discharge: placedAfter.slice(0, discharge.length),
    meters: placedAfter.slice(discharge.length),
    headers:
      pumps.length === 0 ? null : { inX, outX, top: pumpTop + PUMP.h / 2, bottom: pumpTop + pumpsHeight - PUMP.h / 2 },
  };
}
