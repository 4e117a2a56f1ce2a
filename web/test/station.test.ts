import assert from 'node:assert/strict';
import test from 'node:test';
import { type Box, byEquipment, layoutStation, stationOf } from '../src/model/station.ts';
import type { Tag, TagRole } from '../src/model/types.ts';
import { tag } from './make.ts';

const of = (name: string, equipment: string, role: TagRole): Tag => tag(`S1/${name}`, { equipment, role });

const TAGS = [
  of('F_PU10', 'PU10', 'flow'),
  of('S_PU10', 'PU10', 'run'),
  of('S_PU2', 'PU2', 'run'),
  of('P_PU2', 'PU2', 'power'),
  of('L_T1', 'T1', 'level'),
  of('L_T2', '', 'level'),
  of('F_OUT', '', 'flow'),
  of('PS', '', 'suction_pressure'),
  of('PD', '', 'discharge_pressure'),
  of('DOOR', '', ''),
];

test('a station is what its tags say: pumps in the order in which people count', () => {
  const station = stationOf(TAGS);
  assert.deepEqual(
    station.pumps.map((p) => p.name),
    ['PU2', 'PU10'],
  );
  assert.equal(station.pumps[0]?.power?.name, 'S1/P_PU2');
  assert.equal(station.pumps[0]?.flow, undefined);
  assert.deepEqual(
    station.tanks.map((t) => t.name),
    ['L_T2', 'T1'],
  );
});

test('a flow without a pump is a meter, and a tag without a role is left to the table', () => {
  const station = stationOf(TAGS);
  assert.deepEqual(
    station.meters.map((t) => t.name),
    ['S1/F_OUT'],
  );
  assert.ok(!JSON.stringify(station).includes('DOOR'));
});

test('the table of values keeps together what belongs together', () => {
  assert.deepEqual(
    [...TAGS].sort(byEquipment).map((t) => t.name.slice(3)),
    ['S_PU2', 'P_PU2', 'S_PU10', 'F_PU10', 'L_T1', 'L_T2', 'F_OUT', 'PS', 'PD', 'DOOR'],
  );
});

const apart = (a: Box, b: Box): boolean => a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;

test('nothing in a drawing overlaps or leaves it, whatever a station has', () => {
  for (let pumps = 0; pumps <= 6; pumps++) {
    for (let tanks = 0; tanks <= 4; tanks++) {
      const tags = [
        ...Array.from({ length: pumps }, (_, i) => of(`S_PU${i}`, `PU${i}`, 'run')),
        ...Array.from({ length: tanks }, (_, i) => of(`L_T${i}`, `T${i}`, 'level')),
        of('PS', '', 'suction_pressure'),
        of('PD1', '', 'discharge_pressure'),
        of('PD2', '', 'discharge_pressure'),
      ];
      const layout = layoutStation(stationOf(tags));
      const boxes = [layout.pumps, layout.tanks, layout.suction, layout.discharge, layout.meters].flatMap((list) =>
        list.map((placed) => placed.box),
      );
      boxes.forEach((a, i) => {
        assert.ok(a.x >= 0 && a.y >= 0 && a.x + a.w <= layout.width && a.y + a.h <= layout.height);
        for (const b of boxes.slice(i + 1)) assert.ok(apart(a, b), `${pumps} pumps, ${tanks} tanks`);
      });
    }
  }
});
