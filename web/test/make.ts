/** Small makers for tests: what is not said is ordinary. */
import { completeAlarm } from '../src/model/alarm-complete.ts';
import type { AlarmEvent } from '../src/model/protocol.ts';
import type { Alarm, AlarmRecord, Samples, Tag } from '../src/model/types.ts';

export function alarm(name: string, part: Partial<Alarm> = {}): Alarm {
  return completeAlarm({
    name,
    tag: name.slice(0, name.lastIndexOf('.')),
    gateway: `gw-${name.split('/')[0] ?? ''}`,
    kind: 'high',
    priority: 3,
    letter: 'B',
    occ: 1,
    call: 1,
    raised: '2026-11-24T10:00:00.000000Z',
    changed: '2026-11-24T10:00:00.000000Z',
    value: 1,
    limit: 1,
    unit: 'm',
    message: { en: name, zh: name },
    ...part,
  });
}

export function event(n: number, a: Alarm | null, name = a?.name ?? null): AlarmEvent {
  const r: AlarmRecord = {
    seq: n,
    n: 1,
    alarm: name,
    kind: 'raise',
    from: 'A',
    to: a?.letter ?? '-',
    occ: 1,
    call: 1,
    priority: 3,
    src: null,
    at: null,
    value: null,
    limit: null,
    quality: 0,
    actor: null,
    comment: '',
  };
  return { op: 'alarm', n, a, r };
}

export function tag(name: string, part: Partial<Tag> = {}): Tag {
  const [site = '', local = ''] = name.split('/');
  return {
    name,
    site,
    gateway: `gw-${site}`,
    stored: true,
    title: { en: local, zh: local },
    type: 'float',
    unit: 'm',
    low: 0,
    high: 10,
    deadband: 0,
    stale_s: 0,
    decimals: 2,
    equipment: '',
    role: '',
    value: null,
    quality: 0,
    time: null,
    ...part,
  };
}

/** [seconds, value, quality]: one raw sample each. */
export function raw(...points: readonly (readonly [s: number, value: number | null, quality?: number])[]): Samples {
  return {
    tag: 'S1/L_T1',
    from: 0,
    to: 0,
    raw: true,
    before: null,
    points: points.map(([s, v, q = 0]) => [s * 1e6, s * 1e6, v, v, v, v, 1, v === null ? 1 : 0, q]),
  };
}
