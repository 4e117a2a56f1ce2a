import assert from 'node:assert/strict';
import test from 'node:test';
import { bySize, bytesPerSample, oldestOf, type StoreHealth, totalOf, verdictsOf } from '../src/model/store-health.ts';

const NOW = 1_764_000_000e6;
const DAY = 86_400e6;
const GIB = 1024 ** 3;

const WELL: StoreHealth = {
  state: 'ok',
  text: '',
  lag_us: 30_000,
  pending: { records: 0, bytes: 0 },
  packer: { lag_us: 60e6, hot_rows: 10, hot_samples: 400, last_us: NOW - 60e6, error: null },
  disk: { path: '/db', bytes: 100 * GIB, free: 60 * GIB, grow_bytes_day: GIB / 10, full_at_us: NOW + 600 * DAY },
  tables: [],
  history: { from_us: NOW - 10 * DAY, chunks: 7, samples: 1000, bytes: 2500 },
  retention: null,
  audit: { sealed: 100, behind: 3, checkpoint_us: NOW - DAY / 4, broken_us: null },
  spool: { aside: 0, room: 16 * 1024 * 1024 },
};

function words(part: Partial<StoreHealth>): Record<string, string> {
  return Object.fromEntries(verdictsOf({ ...WELL, ...part }, NOW).map((v) => [v.about, `${v.level} ${v.words}`]));
}

test('a store that is well says so, in each respect', () => {
  assert.deepEqual(words({}), {
    store: 'well storeOk',
    packer: 'well packerOk',
    disk: 'well diskOk',
    forecast: 'well forecastOk',
    audit: 'well auditOk',
    spool: 'well spoolOk',
  });
});

test('what is not well is named', () => {
  assert.equal(words({ state: 'slow' })['store'], 'watch storeSlow');
  assert.equal(words({ state: 'away' })['store'], 'bad storeAway');
  assert.equal(words({ packer: { ...packer(), lag_us: 3600e6 } })['packer'], 'watch packerLate');
  assert.equal(words({ packer: { ...packer(), error: 'no space' } })['packer'], 'bad packerError');
  assert.equal(words({ disk: { ...disk(), free: 10 * GIB } })['disk'], 'watch diskLow');
  assert.equal(words({ disk: { ...disk(), free: 4 * GIB } })['disk'], 'bad diskLow');
  assert.equal(words({ disk: { ...disk(), full_at_us: NOW + 60 * DAY } })['forecast'], 'watch forecastSoon');
  assert.equal(words({ disk: { ...disk(), full_at_us: NOW + 10 * DAY } })['forecast'], 'bad forecastSoon');
  assert.equal(words({ audit: { ...audit(), behind: 5000 } })['audit'], 'watch auditBehind');
  assert.equal(words({ audit: { ...audit(), checkpoint_us: null } })['audit'], 'watch auditUnsigned');
  assert.equal(words({ audit: { ...audit(), broken_us: NOW } })['audit'], 'bad auditBroken');
  assert.equal(words({ spool: { aside: 1, room: 0 } })['spool'], 'bad spoolAside');
  assert.equal(words({ spool: { aside: 0, room: 0 } })['spool'], 'watch spoolNoRoom');
  assert.equal(words({ spool: null })['spool'], 'watch spoolNone');
});

test('what is not known is not well', () => {
  const unknown = words({ packer: null, disk: null, audit: null });
  assert.deepEqual(unknown, {
    store: 'well storeOk',
    packer: 'unknown packerUnknown',
    disk: 'unknown diskUnknown',
    audit: 'unknown auditUnknown',
    spool: 'well spoolOk',
  });
  assert.equal(
    words({ disk: { ...disk(), grow_bytes_day: null, full_at_us: null } })['forecast'],
    'unknown forecastUnknown',
  );
  assert.equal(words({ disk: { ...disk(), full_at_us: null } })['forecast'], 'well forecastOk', 'it does not grow');
});

test('a sample takes its part of all that history takes; of nothing there is no part', () => {
  assert.equal(bytesPerSample(WELL), 2.5);
  assert.equal(bytesPerSample({ ...WELL, history: null }), null);
  assert.equal(bytesPerSample({ ...WELL, history: { from_us: null, chunks: 0, samples: 0, bytes: 0 } }), null);
});

test('the largest table is first', () => {
  const table = (name: string, bytes: number) => ({ name, bytes, rows: 0 });
  assert.deepEqual(
    bySize([table('a', 1), table('c', 9), table('b', 9)]).map((t) => t.name),
    ['b', 'c', 'a'],
  );
  const many = bySize(Array.from({ length: 20 }, (_, i) => table(`t${i}`, i)));
  assert.equal(many.length, 12);
  assert.deepEqual(many.at(-1), { name: '', bytes: (8 * 9) / 2, rows: 0 }, 'the small ones together');
  assert.equal(totalOf(many), (19 * 20) / 2);
});

test('what is kept is no older than the first sample, although its period may be', () => {
  const row = { from_us: 100 };
  const history = { from_us: 150, chunks: 1, samples: 1, bytes: 1 };
  assert.equal(oldestOf(row, history), 150);
  assert.equal(oldestOf({ ...row, from_us: 200 }, history), 200);
  assert.equal(oldestOf({ ...row, from_us: null }, history), null);
  assert.equal(oldestOf(row, null), 100);
});

function packer() {
  assert.ok(WELL.packer !== null);
  return WELL.packer;
}

function audit() {
  assert.ok(WELL.audit !== null);
  return WELL.audit;
}

function disk() {
  assert.ok(WELL.disk !== null);
  return WELL.disk;
}
