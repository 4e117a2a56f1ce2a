// A small water network for the fake server: five stations, values that move, alarms that follow them.

const text = (en, zh) => ({ en, zh });

const STATIONS = [
  {
    name: 'S1',
    area: 'North',
    title: text('Main pumping station', '总泵站'),
    tanks: ['T1'],
    pumps: ['PU1', 'PU2', 'PU3'],
  },
  { name: 'S2', area: 'North', title: text('Hill booster', '山丘加压站'), tanks: ['T2'], pumps: ['PU4', 'PU5'] },
  { name: 'S3', area: 'North', title: text('East village', '东村加压站'), tanks: ['T3', 'T4'], pumps: ['PU6', 'PU7'] },
  {
    name: 'S4',
    area: 'South',
    title: text('Valley reservoirs', '山谷水库'),
    tanks: ['T5', 'T6', 'T7'],
    pumps: ['PU8', 'PU9'],
  },
  { name: 'S5', area: 'South', title: text('Industrial zone', '工业区'), tanks: [], pumps: ['PU10', 'PU11'] },
];

const RANGE = {
  level: [0, 6.5],
  flow: [0, 150],
  power: [0, 90],
  suction_pressure: [0, 60],
  discharge_pressure: [0, 120],
};
const UNIT = { level: 'm', flow: 'L/s', power: 'kW', run: '', suction_pressure: 'm', discharge_pressure: 'm' };
const WORD = {
  level: text('level', '液位'),
  flow: text('flow', '流量'),
  power: text('power', '功率'),
  run: text('runs', '运行'),
  suction_pressure: text('suction pressure', '吸入压力'),
  discharge_pressure: text('discharge pressure', '出口压力'),
};

export const sites = STATIONS.map(({ name, area, title, tanks, pumps }) => ({
  name,
  area,
  title,
  kind: 'pump_station',
  position: area === 'North' ? 'main' : 'south',
  tz: 'UTC',
  gateways: [`gw-${name.toLowerCase()}`],
  tags: tanks.length + 3 * pumps.length + 2,
  revision: 1,
}));

function tag(site, local, role, equipment, decimals = 2) {
  const [low, high] = RANGE[role] ?? [0, 1];
  return {
    name: `${site}/${local}`,
    site,
    gateway: `gw-${site.toLowerCase()}`,
    stored: true,
    title: text(`${equipment} ${WORD[role].en}`, `${equipment} ${WORD[role].zh}`),
    type: role === 'run' ? 'bool' : 'float',
    unit: UNIT[role],
    low,
    high,
    scale: 1,
    offset: 0,
    deadband: 0,
    stale_s: 120,
    decimals,
    equipment,
    role,
    revision: 1,
  };
}

export const tags = STATIONS.flatMap(({ name, tanks, pumps }) => [
  ...tanks.map((t) => tag(name, `L_${t}`, 'level', t)),
  ...pumps.flatMap((p) => [
    tag(name, `F_${p}`, 'flow', p, 1),
    tag(name, `P_${p}`, 'power', p, 1),
    tag(name, `S_${p}`, 'run', p, 0),
  ]),
  tag(name, 'PS', 'suction_pressure', '', 1),
  tag(name, 'PD', 'discharge_pressure', '', 1),
]);

export const tagByName = new Map(tags.map((t) => [t.name, t]));
const handleOf = new Map(tags.map((t, i) => [t.name, i]));
export const handle = (name) => handleOf.get(name);

/** A number that depends on the name alone. */
const seed = (name) => [...name].reduce((h, c) => (h * 31 + c.charCodeAt(0)) % 997, 7) / 997;

/** What a tag measures at a time: the same for history and for the present. */
export function valueAt(t, ms) {
  const s = ms / 1000;
  const k = seed(t.name);
  const wave = Math.sin((s / 5400 + k) * 2 * Math.PI) * 0.7 + Math.sin((s / 1260 + k * 3) * 2 * Math.PI) * 0.2;
  const jitter = Math.sin(s * 1.7 + k * 50) * 0.01;
  const runs = seed(t.name.replace(/\/._/, '/')) + 0.25 * Math.sin((s / 7200 + k) * 2 * Math.PI) > 0.45 ? 1 : 0;
  switch (t.role) {
    case 'level':
      return t.high * (0.48 + 0.28 * wave + jitter);
    case 'run':
      return runs;
    case 'flow':
      return runs * t.high * (0.6 + 0.06 * wave + jitter);
    case 'power':
      return runs * t.high * (0.5 + 0.05 * wave + jitter);
    case 'suction_pressure':
      return t.high * (0.4 + 0.03 * wave + jitter);
    default:
      return t.high * (0.66 + 0.05 * wave + jitter);
  }
}

const setting = (t, kind, limit, priority, en, zh) => ({
  name: `${t.name}.${kind}`,
  kind,
  tag: t.name,
  limit,
  deadband: 0.05,
  on_delay_s: 5,
  off_delay_s: 10,
  priority,
  message: text(en, zh),
  enabled: true,
  revision: 1,
});

/** What makes single alarms different, and the texts of those that are rationalised. */
const SPECIAL = {
  'S1/L_T1.high': {
    class: 'overflow',
    shelvable: false,
    severity: 'severe',
    time_to_act_s: 900,
    cause: text('Inflow is larger than the pumps take away, or a pump has failed.', '进水量大于排水能力，或水泵故障。'),
    consequence: text('The tank overflows into the street.', '水箱溢流至街道。'),
    action: text(
      'Start the standby pump; if that is not enough, throttle the inflow valve.',
      '启动备用泵；若仍不足，调小进水阀。',
    ),
    reviewed_by: 'engineer',
    reviewed_on: '2026-05-04',
  },
  'S3/L_T4.high': { comment: true },
  'S3/L_T4.low': { class: 'interlock' },
};

/** Classes whose alarms are highly managed: changed by two people. */
export const highlyManaged = new Set(['interlock']);

export const settings = [
  ...tags
    .filter((t) => t.role === 'level')
    .flatMap((t) => [
      setting(t, 'high', 5.8, 1, `${t.equipment}: level high, may overflow`, `${t.equipment}：液位高，可能溢流`),
      setting(t, 'low', 0.7, 2, `${t.equipment}: level low, pumps may run dry`, `${t.equipment}：液位低，水泵可能空转`),
    ]),
  ...tags
    .filter((t) => t.role === 'discharge_pressure')
    .map((t) => setting(t, 'low', 60, 3, `${t.site}: discharge pressure low`, `${t.site}：出口压力低`)),
  ...tags
    .filter((t) => t.role === 'discharge_pressure' && t.site === 'S1')
    .map((t) => ({
      ...setting(t, 'high', 100, 2, `${t.site}: discharge pressure high, latched`, `${t.site}：出口压力高，锁存`),
      latch: true,
      confirm: true,
    })),
  ...tags
    .filter((t) => t.role === 'power')
    .map((t) => setting(t, 'high', 62, 4, `${t.equipment}: draws much power`, `${t.equipment}：功率偏高`)),
  ...sites.map((s) => ({
    name: `${s.name}/${s.gateways[0]}.comm`,
    kind: 'comm',
    gateway: s.gateways[0],
    priority: 2,
    on_delay_s: 30,
    off_delay_s: 0,
    enabled: true,
    message: text(`${s.name}: no link to the site`, `${s.name}：与站点通信中断`),
    revision: 1,
  })),
].map((s) => ({ ...s, ...SPECIAL[s.name] }));

const POINT_MS = 60_000;
const BAD_SENSOR = 0xa2;
const UNCERTAIN = 0x43;

/** One sample a minute; minutes 90 to 80 before now are missing, 50 to 45 bad, 35 to 25 uncertain. */
function rawSamples(t, fromUs, toUs, nowMs, step) {
  const to = Math.min(toUs / 1000 - 1, nowMs);
  const raw = [];
  for (let ms = Math.ceil(fromUs / 1000 / step) * step; ms <= to; ms += step) {
    const ago = (nowMs - ms) / POINT_MS;
    if (ago > 80 && ago < 90) continue;
    const bad = ago > 45 && ago < 50;
    const quality = bad ? BAD_SENSOR : ago > 25 && ago < 35 ? UNCERTAIN : 0;
    raw.push([ms * 1000, bad ? null : valueAt(t, ms), quality]);
  }
  return raw;
}

function bucketOf(group) {
  const good = group.map(([, v]) => v).filter((v) => v !== null);
  return [
    group[0][0],
    group.at(-1)[0],
    good[0] ?? null,
    good.length ? Math.min(...good) : null,
    good.length ? Math.max(...good) : null,
    good.at(-1) ?? null,
    group.length,
    group.length - good.length,
    Math.max(...group.map(([, , q]) => q)),
  ];
}

/** Reduced to `points` where there are more; long spans are sampled more coarsely, as nobody could tell. */
export function samples(t, fromUs, toUs, points, nowMs) {
  const width = (toUs - fromUs) / points;
  const step = Math.max(POINT_MS, Math.floor(width / 4000 / POINT_MS) * POINT_MS);
  const raw = rawSamples(t, fromUs, toUs, nowMs, step);
  const [first] = rawSamples(t, fromUs - 2 * step * 1000, fromUs, nowMs, step).slice(-1);
  const before = first === undefined ? null : bucketOf([first]);
  const some = { tag: t.name, from: fromUs, to: toUs, before };
  if (raw.length <= points) return { ...some, raw: true, points: raw.map((one) => bucketOf([one])) };
  const buckets = new Map();
  for (const one of raw) {
    const i = Math.floor((one[0] - fromUs) / width);
    if (!buckets.has(i)) buckets.set(i, []);
    buckets.get(i).push(one);
  }
  return { ...some, raw: false, points: [...buckets.values()].map(bucketOf) };
}

const GIB = 1024 ** 3;

export function storeHealth(nowMs, { state, text }) {
  const us = (ms) => ms * 1000;
  const day = 86_400_000;
  return {
    state,
    text,
    lag_us: state === 'ok' ? 31_000 : 8_200_000,
    pending: state === 'ok' ? { records: 12, bytes: 4_120 } : { records: 41_208, bytes: 14_120_000 },
    packer: { lag_us: 95_000_000, hot_rows: 5_120, hot_samples: 204_300, last_us: us(nowMs - 95_000), error: null },
    disk: {
      path: '/var/lib/postgresql',
      bytes: 240 * GIB,
      free: 151 * GIB,
      grow_bytes_day: 0.31 * GIB,
      full_at_us: us(nowMs + 487 * day),
    },
    tables: [
      { name: 'sample_chunk', bytes: 61.4 * GIB, rows: 3_204_118 },
      { name: 'sample_hot', bytes: 0.2 * GIB, rows: 5_120 },
      { name: 'ingest_batch', bytes: 9.8 * GIB, rows: 1_204_332 },
      { name: 'alarm_journal', bytes: 1.1 * GIB, rows: 2_204_001 },
      { name: 'audit', bytes: 0.4 * GIB, rows: 804_210 },
    ],
    history: { from_us: us(nowMs - 211 * day), chunks: 3_204_118, samples: 25_104_332_118, bytes: 61.6 * GIB },
    retention: [
      {
        class: 1,
        name: 'raw',
        keep_days: 400,
        from_us: us(nowMs - 211 * day),
        bytes: 55.1 * GIB,
        dropped_before_us: null,
        expired_samples: 0,
      },
      {
        class: 2,
        name: 'fast',
        keep_days: 90,
        from_us: us(nowMs - 90 * day),
        bytes: 6.3 * GIB,
        dropped_before_us: us(nowMs - 92 * day),
        expired_samples: 1204,
      },
      {
        class: 3,
        name: 'billing',
        keep_days: null,
        from_us: us(nowMs - 211 * day),
        bytes: 0.2 * GIB,
        dropped_before_us: null,
        expired_samples: 0,
      },
    ],
    audit: { sealed: 804_188, behind: 22, checkpoint_us: us(nowMs - 4 * 3_600_000) },
  };
}
