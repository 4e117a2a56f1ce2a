// History as it is asked for: trends of many tags, every sample, aggregates, and plain SQL.
// Covers: span.c, every.c, rest_samples.c, rest_raw.c, rest_aggregates.c
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { FLAG, data, dict, welcomed } from '../lib/link.mjs';
import { Penstock, root, sleep, until } from '../lib/penstock.mjs';

const many = 1_200_000;
const start = 1_760_000_000_000_000; // 2025-10-09T08:53:20Z
const config = {
  sites: [{ name: 'S1', tz: 'Europe/Berlin', shifts: [{ name: 'early', from: '06:00' }, { name: 'late', from: '14:00' }, { name: 'night', from: '22:00' }] }, { name: 'S2' },
    { name: 'S3', tz: 'Europe/Berlin', tariffs: [{ name: 'peak', days: 'mo-fr', from: '08:00', to: '20:00' }, { name: 'night', days: 'daily', from: '22:00', to: '06:00' }] }],
  gateways: [{ name: 'gw-s1', site: 'S1' }, { name: 'gw-s2', site: 'S2' }, { name: 'gw-s3', site: 'S3' }],
  tags: [
    { name: 'S1/L_T1', gateway: 'gw-s1', low: 0, high: 1e9, unit: 'm', stale_s: 60 },
    { name: 'S1/PUMP', gateway: 'gw-s1', type: 'int', low: 0, high: 10, states: ['off', 'on', 'fault'] },
    { name: 'S1/COUNT', gateway: 'gw-s1', type: 'int', low: 0, high: 65535, counter: true, modulus: 65536 },
    { name: 'S1/TEXT', gateway: 'gw-s1', low: 0, high: 1 },
    { name: 'S1/BIG', gateway: 'gw-s1', low: 0, high: 1e9 },
    { name: 'S1/FLOW', gateway: 'gw-s1', low: 0, high: 100, interpolate: 'step' },
    { name: 'S2/L', gateway: 'gw-s2', low: 0, high: 1 }, { name: 'S1/TWICE', expr: 'L_T1 * 2', unit: 'm' },
    { name: 'S3/POWER', gateway: 'gw-s3', low: 0, high: 100, unit: 'kW', interpolate: 'step' },
    ...Array.from({ length: 40 }, (_, i) => ({ name: `S1/X${i}`, gateway: 'gw-s1', low: 0, high: 1 })),
  ],
  alarms: [{ name: 'S1/L_T1.high', kind: 'high', tag: 'S1/L_T1', limit: 1e6, priority: 2 }],
};

/** A mixed chunk (server/history/chunk.h) of one good text. */
function textRecord(key, t, text) {
  const varint = (n) => { const b = []; for (let v = BigInt(n); ; v >>= 7n) { if (v < 128n) return [...b, Number(v)]; b.push(Number(v & 127n) | 128); } };
  const column = (first) => [63, ...varint(BigInt(first) << 1n), ...varint(0)];
  // Kind 63: no bits follow, all are the first.
  return Buffer.from([2, 1, ...column(key), ...column(t), 1, 0, 1, 2, 1, ...varint(Buffer.byteLength(text)), ...Buffer.from(text), ...column(0)]);
}

describe('history', { concurrency: false }, () => {
  const p = new Penstock({ config });
  let viewer;
  const key = async (name) => (await p.sql(`select key from config_key where kind = 'tag' and name = $1`, [name]))[0].key;
  const rows = async (name, v) => {
    const k = await key(name);
    for (const [s, value, quality = 0] of v) await p.sql('insert into sample_row values ($1, $2, $3, $4)', [k, start + s * 1e6, value, quality]);
  };
  before(async () => {
    await p.prepare({ gateways: ['gw-s2'] });
    process.env.ASAN_OPTIONS = `${process.env.ASAN_OPTIONS ?? ''}:quarantine_size_mb=8`; // else what was freed counts as memory for long
    await p.startServer();
    viewer = await p.login('viewer');
    await rows('S1/L_T1', [[-10, 2], [0, 4], [10, 8], [20, 6, 128], [30, 6]]);
    await rows('S1/PUMP', [[0, 0], [15, 1], [45, 2]]);
    await rows('S1/COUNT', [[-1, 65000], [10, 65500], [20, 100], [30, 110], [40, 5]]);
    await rows('S1/FLOW', [[0, 10], [30, 20]]);
    await p.sql(`insert into sample_row select $1, $2::bigint + i::bigint * 1000000, i % 1000 / 4.0, 0 from generate_series(0, ${many} - 1) i`, [await key('S1/BIG'), start]);
    await p.sql('analyze sample_row');
  });
  after(() => p.stop());

  const at = (s) => start + s * 1e6;
  const time = (s) => new Date(at(s) / 1000).toISOString();
  const refused = async (path, status, words) => {
    const { status: got, json, text } = await viewer.get(path);
    assert.equal(got, status, `${path}: ${text}`);
    assert.match(json.detail, words);
  };

  test('several tags are answered at once, in the order in which they are asked for', async () => {
    const { status, json, text } = await viewer.get(`/api/samples?tag=S1/PUMP&tag=S1/L_T1,S1/X0&from=${at(5)}&to=${time(40)}&points=100`);
    assert.equal(status, 200, text);
    assert.deepEqual([json.from, json.to], [at(5), at(40)]);
    assert.equal(json.complete_until, 0, 'its gateway was never here: nothing is known to be complete');
    assert.deepEqual(json.tags.map((t) => [t.tag, t.raw, t.points.length]), [['S1/PUMP', true, 1], ['S1/L_T1', true, 3], ['S1/X0', true, 0]]);
    assert.deepEqual(json.tags[1].before, [at(0), at(0), 4, 4, 4, 4, 1, 0, 0]);
    assert.equal(json.tags[2].before, null);
    assert.deepEqual(json.tags[1].points[1], [at(20), at(20), null, null, null, null, 1, 1, 128]);
    const one = (await viewer.get(`/api/tags/S1/L_T1/samples?from=${at(5)}&to=${at(40)}&points=100`)).json;
    assert.deepEqual({ ...one, complete_until: 0 }, { from: at(5), to: at(40), complete_until: 0, ...json.tags[1] });
  });

  test('of a calculated tag it is said that it is not stored', async () => {
    const span = `from=${at(0)}&to=${at(40)}`;
    const stored = (list) => list.map((t) => [t.tag ?? t.name, t.stored]);
    assert.deepEqual(stored((await viewer.get(`/api/samples?tag=S1/L_T1,S1/TWICE&${span}`)).json.tags), [['S1/L_T1', true], ['S1/TWICE', false]]);
    assert.deepEqual(stored((await viewer.get(`/api/aggregates?tag=S1/TWICE,S1/L_T1&${span}&every=20s`)).json.tags), [['S1/TWICE', false], ['S1/L_T1', true]]);
    assert.equal((await viewer.get(`/api/tags/S1/TWICE/samples?${span}`)).json.stored, false);
    assert.deepEqual(stored((await viewer.get('/api/tags?q=TWICE')).json.tags), [['S1/TWICE', false]]);
  });

  test('a span of a million samples is a trend of few points', async () => {
    const { json } = await viewer.get(`/api/samples?tag=S1/BIG&from=${at(0)}&to=${at(many)}&points=100`);
    const [big] = json.tags;
    assert.equal(big.raw, false);
    assert.equal(big.points.length, 100);
    assert.equal(big.points.reduce((n, x) => n + x[6], 0), many);
    assert.deepEqual(big.points[0].slice(2, 6), [0, 0, 249.75, 249.75]);
  });

  test('aggregates are those of the intervals', async () => {
    const url = `from=${at(0)}&to=${at(60)}`;
    const level = (await viewer.get(`/api/aggregates?tag=S1/L_T1&${url}&every=30s&fn=average,integral,min,max,count,bad,percent_good,start,end`)).json.tags[0].intervals;
    // 4 to 8 in ten seconds, then 8 until the bad one.
    assert.equal(level[0].integral, 60 + 80);
    assert.equal(level[0].average, 7);
    assert.deepEqual([level[0].min, level[0].min_time, level[0].max, level[0].max_time], [4, at(0), 8, at(10)]);
    assert.deepEqual([level[0].count, level[0].bad, Math.round(level[0].percent_good)], [3, 1, 67]);
    assert.deepEqual([level[0].start, level[0].end, level[1].start], [4, 6, 6]);
    const pump = (await viewer.get(`/api/aggregates?tag=S1/PUMP&${url}&every=1m&fn=states,transitions,nonzero`)).json.tags[0].intervals;
    assert.equal(pump.length, 1);
    assert.deepEqual(pump[0].states_s.slice(0, 2), [15, 30]);
    assert.equal(pump[0].transitions, 2);
    const count = (await viewer.get(`/api/aggregates?tag=S1/COUNT&${url}&every=1m&fn=delta`)).json.tags[0].intervals[0];
    assert.deepEqual([count.delta, count.rollovers, count.resets], [500 + 136 + 10, 1, 1]);
    const flow = (await viewer.get(`/api/aggregates?tag=S1/FLOW&${url}&every=30s&fn=average`)).json.tags[0].intervals;
    assert.equal(flow[0].average, 10, 'a step, as it is configured');
    const csv = await viewer.get(`/api/aggregates?tag=S1/PUMP,S1/L_T1&${url}&every=40s&fn=min,count,states&format=csv`);
    assert.match(csv.headers['content-type'], /^text\/csv/);
    assert.equal(csv.headers['x-complete-until'], '1970-01-01T00:00:00.000000Z', 'its gateway was never here');
    const lines = csv.text.split('\r\n');
    assert.equal(lines[0], 'tag,from,to,partial,min,min_time,count,state_0_s,state_1_s,state_2_s');
    assert.match(lines[1], /^"S1\/PUMP",2025-10-09T08:53:20.000000Z,2025-10-09T08:54:00.000000Z,(true|false),0,2025-10-09T08:53:20.000000Z,2,15,25,0$/);
    assert.equal(lines.length, 1 + 4 + 1);
  });

  test('days and shifts are those of the site, also where the clock changes', async () => {
    const days = (await viewer.get('/api/aggregates?tag=S1/L_T1&from=2025-10-25T00:00:00Z&to=2025-10-28T00:00:00Z&every=1d&fn=count')).json.tags[0].intervals;
    assert.deepEqual(days.map((d) => (d.to - d.from) / 3.6e9), [22, 25, 24, 1], 'from 02:00 on; a day of 25 hours');
    const shifts = (await viewer.get('/api/aggregates?tag=S1/L_T1&from=2025-10-25T20:00:00Z&to=2025-10-26T21:00:00Z&every=shift&fn=count')).json.tags[0].intervals;
    assert.deepEqual(shifts.map((d) => [d.name, (d.to - d.from) / 3.6e9]), [['night', 9], ['early', 8], ['late', 8]]);
    const csv = (await viewer.get('/api/aggregates?tag=S1/L_T1&from=2025-10-26T05:00:00Z&to=2025-10-26T13:00:00Z&every=shift&fn=count&format=csv')).text.split('\r\n');
    assert.equal(csv[0], 'tag,from,to,name,partial,count');
    assert.match(csv[1], /,"early",(true|false),0$/);
    await refused('/api/aggregates?tag=S1/L_T1&tag=S2/L&every=1d', 400, /several sites/);
    await refused('/api/aggregates?tag=S1/L_T1&every=tariff', 400, /no tariffs/);
  });

  // From a Friday evening to Monday morning, over the hour that comes twice. Worked out by hand: what was drawn in each band, in kWh.
  test('tariffs are those of the site, with what was drawn in each of them', async () => {
    const power = await key('S3/POWER');
    for (const [t, kw] of [['24T16:00', 10], ['24T19:00', 20], ['24T23:00', 4], ['25T10:00', 8], ['26T00:30', 6], ['26T12:00', 0], ['27T06:00', 30], ['27T08:00', 50], ['27T10:00', 0]]) {
      await p.sql('insert into sample_row values ($1, $2, $3, 0)', [power, Date.parse(`2025-10-${t}:00Z`) * 1000, kw]);
    }
    const ask = 'tag=S3/POWER&from=2025-10-24T16:00:00Z&to=2025-10-27T09:00:00Z&every=tariff&fn=integral,average';
    const { status, json, text } = await viewer.get(`/api/aggregates?${ask}`);
    assert.equal(status, 200, text);
    const v = json.tags[0].intervals;
    assert.deepEqual(v.map((i) => [i.name, new Date(i.from / 1000).toISOString().slice(8, 16), (i.to - i.from) / 3.6e9, i.integral / 3600]), [
      ['peak', '24T16:00', 2, 10 + 10],
      [null, '24T18:00', 2, 10 + 20],
      ['night', '24T20:00', 8, 3 * 20 + 5 * 4],
      [null, '25T04:00', 16, 6 * 4 + 10 * 8],
      ['night', '25T20:00', 9, 4.5 * 8 + 4.5 * 6],
      [null, '26T05:00', 16, 7 * 6],
      ['night', '26T21:00', 8, 0],
      [null, '27T05:00', 2, 30],
      ['peak', '27T07:00', 2, 30 + 50],
    ]);
    assert.deepEqual(v.map((i) => i.average), [10, 15, 10, 6.5, 7, 2.625, 0, 15, 40]);
    const csv = (await viewer.get(`/api/aggregates?${ask}&format=csv`)).text.split('\r\n');
    assert.equal(csv[0], 'tag,from,to,name,partial,average,integral');
    assert.match(csv[5], /^"S3\/POWER",2025-10-25T20:00:00.000000Z,2025-10-26T05:00:00.000000Z,"night",(true|false),7,226800$/);
  });

  test('what makes no sense is said, with what would be right', async () => {
    await refused('/api/samples', 400, /tag is missing/);
    await refused('/api/samples?tag=S1/L_T1&tag=S1/NONE', 404, /"S1\/NONE"/);
    await refused(`/api/samples?tag=${Array.from({ length: 33 }, (_, i) => `S1/X${i}`).join(',')}`, 400, /at most 32 tags/);
    await refused('/api/samples?tag=S1/L_T1&from=yesterday', 400, /from is no time.*2026-11-24T10:15:00Z/);
    await refused('/api/samples?tag=S1/L_T1&from=5&to=5', 400, /from must be before to/);
    await refused('/api/samples?tag=S1/L_T1&points=0', 400, /points is 1 to 10000/);
    await refused('/api/samples?tag=S1/X1,S1/X2,S1/X3,S1/X4,S1/X5,S1/X6,S1/X7&points=9500', 400, /points is 1 to 9142 for 7 tags/);
    await refused('/api/samples?tag=S1/L_T1&format=csv', 400, /"format" is no parameter here; right would be some of tag, from, to, points/);
    await refused('/api/tags/S1/L_T1/samples?tag=S1/X1', 400, /"tag" is no parameter here/);
    await refused('/api/samples/raw?tag=S1/L_T1&form=0', 400, /"form" is no parameter here; right would be some of tag, from, to, format/);
    await refused('/api/aggregates?tag=S1/L_T1&every=1h&fro=0', 400, /"fro" is no parameter here/);
    await refused('/api/aggregates?tag=S1/L_T1&every=1h&=0', 400, /"" is no parameter here/);
    await refused('/api/alarms?sites=S1', 400, /"sites" is no parameter here; right would be some of state, site, area, position, priority/);
    await refused('/api/sites?site=S1', 400, /"site" is no parameter here; there are none/);
    await refused('/api/health?verbose=1', 400, /"verbose" is no parameter here; there are none/);
    await refused('/api/samples/raw?tag=S1/NONE', 404, /"S1\/NONE"/);
    await refused('/api/samples/raw?tag=S1/L_T1&format=xml', 400, /csv or json/);
    await refused('/api/aggregates?tag=S1/L_T1', 400, /every is the length/);
    await refused('/api/aggregates?tag=S1/L_T1&every=15', 400, /every is the length/);
    await refused('/api/aggregates?tag=S1/L_T1&every=1s&from=0&to=1760000000000000', 400, /more than 10000 intervals/);
    await refused('/api/aggregates?tag=S1/L_T1&every=1h&fn=average,mode', 400, /"mode" is no figure/);
    await refused('/api/aggregates?tag=S1/L_T1&every=1h&uncertain=maybe', 400, /use or bad/);
    assert.equal((await p.get('/api/samples?tag=S1/L_T1')).status, 401);
    assert.equal((await p.get('/api/samples/raw?tag=S1/L_T1')).status, 401);
  });

  test('every sample comes as CSV and as JSON, texts without harm', async () => {
    const k = Number(await key('S1/TEXT'));
    await p.sql('insert into sample_hot (gateway_key, received_us, n, tag_min, tag_max, from_us, to_us, data) values (1, 1, 1, $1, $1, $2, $2, $3)',
      [k, at(1), await sealed(textRecord(k, at(1), '=cmd|"x",y'))]);
    const url = `tag=S1/L_T1&tag=S1/X3&tag=S1/TEXT&from=${at(0)}&to=${at(60)}`;
    const csv = await viewer.get(`/api/samples/raw?${url}`);
    assert.equal(csv.status, 200, csv.text);
    assert.deepEqual(csv.text.split('\r\n'), [
      'tag,time,value,quality',
      '"S1/L_T1",2025-10-09T08:53:20.000000Z,4,0', '"S1/L_T1",2025-10-09T08:53:30.000000Z,8,0',
      '"S1/L_T1",2025-10-09T08:53:40.000000Z,6,128', '"S1/L_T1",2025-10-09T08:53:50.000000Z,6,0',
      '"S1/TEXT",2025-10-09T08:53:21.000000Z,"\'=cmd|""x"",y",0', '']);
    assert.equal(csv.headers['x-complete-until'], '1970-01-01T00:00:00.000000Z');
    const { json, headers } = await viewer.get(`/api/samples/raw?${url}&format=json`);
    assert.equal(headers['x-complete-until'], '1970-01-01T00:00:00.000000Z');
    assert.match(headers['content-type'], /^application\/json/);
    assert.equal(json.length, 5);
    assert.deepEqual(json[4], { tag: 'S1/TEXT', time: '2025-10-09T08:53:21.000000Z', value: '=cmd|"x",y', quality: 0 });
    assert.deepEqual((await viewer.get(`/api/samples/raw?tag=S1/X1&format=json`)).json, []);
    assert.equal((await viewer.get(`/api/samples/raw?tag=S1/X1`)).text, 'tag,time,value,quality\r\n');
    const all = config.tags.filter((t) => !['S1/BIG', 'S3/POWER'].includes(t.name)).map((t) => t.name).join(',');
    assert.equal((await viewer.get(`/api/samples/raw?tag=${all}&from=0`)).text.split('\r\n').length, 2 + 5 + 3 + 5 + 2 + 1);
  });

  /** With its CRC-32C, bit by bit. */
  async function sealed(body) {
    let crc = ~0;
    for (const byte of body) {
      crc ^= byte;
      for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    const end = Buffer.alloc(4);
    end.writeUInt32LE(~crc >>> 0);
    return Buffer.concat([body, end]);
  }

  const memory = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${p.server.pid}/status`, 'utf8'))[1]) / 1024;
  /** An export whose bytes are taken as the test wants. */
  const open = (path) => new Promise((done, failed) => {
    const request = https.get({ host: '127.0.0.1', port: p.ports.web, path, agent: false, ca: readFileSync(p.pkiFile('ca.pem')), headers: { Cookie: viewer.cookie } }, (response) => {
      response.on('error', () => {});
      done({ request, response });
    });
    request.on('error', failed);
  });
  const bigPath = `/api/samples/raw?tag=S1/BIG&from=${at(0)}&to=${at(many)}`;

  test('a million samples are streamed in flat memory', async () => {
    await viewer.get(`/api/samples/raw?tag=S1/BIG&from=${at(0)}&to=${at(20000)}`); // warm
    const low = memory();
    let [high, lines, bytes] = [low, 0, 0];
    const { response } = await open(bigPath);
    assert.equal(response.headers['transfer-encoding'], 'chunked');
    for await (const chunk of response) {
      bytes += chunk.length;
      for (const b of chunk) lines += b === 10;
      high = Math.max(high, memory());
    }
    assert.equal(lines, many + 1);
    assert.ok(response.complete);
    assert.ok(bytes > 40e6, `${bytes}`);
    assert.ok(high - low < 30, `${low} MB grew to ${high} MB`);
  });

  test('who does not take it stops it, and who leaves ends it', async () => {
    const { request, response } = await open(bigPath);
    response.pause();
    const asked = async () => (await p.sql(`select query_start, state from pg_stat_activity where application_name = 'penstock export'`))[0];
    await until('nothing more is asked', async () => {
      const one = await asked();
      await sleep(300);
      const two = await asked();
      return one.state === 'idle' && one.query_start.getTime() === two.query_start.getTime();
    });
    assert.equal((await p.get('/api/health')).status, 200);
    request.destroy();
    // Sixteen may be under way: places of those who left are free.
    for (let i = 0; i < 20; i++) {
      await until(`there is a place for number ${i}`, async () => {
        const { request: another, response: answer } = await open(bigPath);
        another.destroy();
        return answer.statusCode === 200;
      });
      await sleep(50);
    }
    await until('a small one is whole again', async () => (await viewer.get(`/api/samples/raw?tag=S1/L_T1&from=${at(0)}&to=${at(60)}`)).text.split('\r\n').length === 6);
  });

  test('questions whose askers left hold nobody up', async () => {
    const asked = async () => (await p.sql(`select state, wait_event_type from pg_stat_activity where application_name = 'penstock trends'`))[0];
    const o = Object.fromEntries(p.conninfo.trim().split(/\s+/).map((pair) => pair.split('=')));
    const other = new pg.Client({ host: o.host, port: Number(o.port ?? 5432), database: o.dbname, user: o.user });
    await other.connect();
    await other.query('begin');
    await other.query('lock table sample_row in access exclusive mode');
    const ask = (path) => https.get({ host: '127.0.0.1', port: p.ports.web, path, agent: false, ca: readFileSync(p.pkiFile('ca.pem')), headers: { Cookie: viewer.cookie } }).on('error', () => {});
    const span = `from=${at(0)}&to=${at(60)}`;
    const paths = [`/api/samples?tag=S1/L_T1&${span}`, `/api/tags/S1/L_T1/samples?${span}`, `/api/aggregates?tag=S1/L_T1&${span}&every=10s`];
    const log = () => readFileSync(join(p.dir, 'pg/postgresql.log'), 'utf8');
    const before = log().length;
    const left = Array.from({ length: 24 }, (_, i) => ask(paths[i % 3]));
    await until('the first one waits', async () => (await asked()).wait_event_type === 'Lock');
    for (const request of left) request.destroy();
    // One statement would wait until its time is over, and all of them one behind the other.
    await until('nothing more is asked', async () => (await asked()).state === 'idle');
    assert.match(log().slice(before), /penstock trends .*canceling statement due to user request/);
    assert.doesNotMatch(log().slice(before), /penstock trends .*statement timeout/);
    await other.query('commit');
    await other.end();
    for (const path of paths) assert.equal((await viewer.get(path)).status, 200);
  });

  test('without the database it says so, and comes back', async () => {
    const { response } = await open(bigPath);
    response.pause();
    await p.closeSql();
    await p.stopDatabase();
    response.resume();
    const whole = await new Promise((done) => { response.on('end', () => done(true)); response.on('aborted', () => done(false)); response.on('error', () => done(false)); });
    assert.equal(whole, false, 'an export that is not whole does not end like one');
    await until('it is noticed', async () => (await viewer.get(`/api/samples?tag=S1/L_T1`)).status === 503);
    assert.equal((await viewer.get(`/api/samples/raw?tag=S1/L_T1`)).status, 503);
    await p.startDatabase();
    await until('it is back', async () => (await viewer.get(`/api/samples?tag=S1/L_T1&from=${at(0)}&to=${at(60)}`)).json?.tags?.[0].points.length === 4);
    // Exports have a connection of their own, which comes back in its own time.
    await until('exports are back', async () => (await viewer.get(`/api/samples/raw?tag=S1/L_T1&from=${at(0)}&to=${at(60)}`)).status === 200);
  });

  test('SQL alone reads it: the examples of the documentation run, with psql as one who may only read', () => {
    const page = readFileSync(join(root, 'migrations/README.md'), 'utf8');
    const section = page.slice(page.indexOf('## Asking history'), page.indexOf("## Asking what became"));
    const blocks = [...section.matchAll(/```sql\n([\s\S]*?)```/g)].map((m) => m[1]);
    assert.equal(blocks.length, 1);
    const file = join(p.dir, 'examples.sql');
    writeFileSync(file, blocks.join('\n'));
    const env = { ...process.env, PGOPTIONS: '-c role=penstock_ro -c statement_timeout=60s' };
    const psql = (...args) => spawnSync('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', p.conninfo, ...args], { encoding: 'utf8', env, cwd: p.dir });
    const run = psql('-f', file);
    assert.equal(run.status, 0, run.stderr);
    const hours = /^with span as[^;]*/m.exec(blocks[0])[0];
    assert.match(psql('-At', '-c', hours.replaceAll('S1/L_T1', 'S1/X0')).stdout, /^([^|]*\|\|0\.0\n){24}$/, 'of a tag without samples nothing is known');
    const last = psql('-At', '-c', `select value, quality from sample_before('S1/L_T1', now())`);
    assert.equal(last.stdout.trim(), '6|0');
    const text = psql('-At', '-c', `select text from sample('S1/TEXT', to_timestamp(${at(0)} / 1e6), to_timestamp(${at(60)} / 1e6))`);
    assert.equal(text.stdout.trim(), '=cmd|"x",y');
    const whole = psql('-At', '-c', `select count(*), (select value from sample_before('S1/L_T1', 'infinity')) from sample('S1/L_T1', '-infinity', 'infinity')`);
    assert.equal(whole.stdout.trim(), '5|6', whole.stderr);
    assert.match(psql('-c', `select * from sample('S1/NONE', '-infinity', now())`).stderr, /there is no tag "S1\/NONE"[^]*config_key/);
    assert.match(psql('-c', `select * from sample_before('S1/NONE', now())`).stderr, /there is no tag "S1\/NONE"/);
    assert.match(psql('-c', `select * from sample('l_t1', '-infinity', now())`).stderr, /there is no tag "l_t1"[^]*There is S1\/L_T1\./);
    assert.match(psql('-c', `select * from sample('S1/L_T1', now(), now() - interval '1 hour')`).stderr, /the span ends \(.*\) before it begins[^]*the earlier moment comes first/i);
    const denied = psql('-c', 'delete from sample_row');
    assert.notEqual(denied.status, 0);
    assert.match(denied.stderr, /permission denied/);
  });

  test('… the newest sample before a moment is the last of all before it, and older records are not read for it', async () => {
    const k = await key('S1/X1');
    const hot = (s, bytes) => p.sql(`insert into sample_hot (gateway_key, received_us, n, tag_min, tag_max, from_us, to_us, data)
      values (1, 1, 1, $1, $1, $2, $2, $3)`, [k, at(s), bytes]);
    await p.sql('begin'); // the packer sees nothing of it, and takes nothing
    try {
      for (const [s, text] of [[5, 'a'], [9, 'b'], [7, 'c'], [9, 'd'], [1, 'e']]) await hot(s, await sealed(textRecord(k, at(s), text)));
      await p.sql(`insert into sample_row values ($1, $2, null, 0, 'loose')`, [k, at(8)]);
      for (let s = 0; s <= 11; s++) {
        const [before] = await p.sql('select * from sample_before($1::bigint, $2)', [k, at(s)]);
        const [last] = await p.sql('select * from sample($1::bigint, 0, $2) order by t_us desc limit 1', [k, at(s)]);
        assert.deepEqual(before, last, `before ${s}`);
      }
      await hot(8, Buffer.from([0]));
      assert.equal((await p.sql(`select text from sample_before('S1/X1', 'infinity')`))[0].text, 'd');
    } finally {
      await p.sql('rollback');
    }
  });

  test('… and with another client, the same as by REST', async () => {
    const o = Object.fromEntries(p.conninfo.trim().split(/\s+/).map((pair) => pair.split('=')));
    const client = new pg.Client({ host: o.host, port: Number(o.port ?? 5432), database: o.dbname, user: o.user, options: '-c role=penstock_ro' });
    await client.connect();
    const { rows: got } = await client.query('select t, value, quality from sample($1, $2, $3)', ['S1/L_T1', new Date(at(0) / 1000), new Date(at(60) / 1000)]);
    const { rows: [before] } = await client.query(`select value from sample_before('S1/L_T1', '${time(5)}')`);
    await client.end();
    assert.equal(before.value, 4);
    const { json } = await viewer.get(`/api/samples/raw?tag=S1/L_T1&from=${at(0)}&to=${at(60)}&format=json`);
    assert.deepEqual(got.map((r) => [r.t.toISOString(), r.value, r.quality]), json.map((r) => [new Date(r.time).toISOString(), r.value, r.quality]));
  });

  test('an answer is complete as far as everything of its gateways has come', async () => {
    const complete = async (tags) => (await viewer.get(`/api/samples?tag=${tags}&points=10`)).json.complete_until;
    const hourAgo = BigInt(Date.now() - 3_600_000) * 1000n;
    assert.equal(await complete('S2/L'), 0);
    const g = await welcomed(p, 'gw-s2', { next: 2, oldest: hourAgo, answers: true });
    assert.equal(await complete('S2/L'), Number(hourAgo), 'two records wait');
    g.send(dict({ seq: 0, entries: [[1, 'L']] }));
    await g.acked(0);
    assert.equal(await complete('S2/L'), Number(hourAgo), 'one of them does');
    g.send(data({ seq: 1, flags: FLAG.J | FLAG.H, samples: [[1, hourAgo, 0.5]] }));
    await g.acked(1);
    const upTo = await complete('S2/L');
    const now = () => (Date.now() + 1) * 1000; // a server's clock has microseconds, ours has not
    assert.ok(upTo > Number(hourAgo) && upTo < now(), `${upTo}`);
    assert.equal(await complete('S2/L,S1/L_T1'), 0, 'the earliest of all');
    g.end();
    await until('it is away', async () => (await viewer.get('/api/gateways')).json.gateways.some((one) => one.name === 'gw-s2' && !one.up));
    const last = await complete('S2/L');
    assert.ok(last >= upTo && last < now(), `${last}`);
    assert.equal(await complete('S2/L'), last, 'it stands while nothing is heard');
  });
});
