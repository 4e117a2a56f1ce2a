// An engineer changes a limit and sees beforehand what it would have rung: the forecast is then compared with what really happens when
// the change is made and the same recording comes again.
// Covers: app/backtest_history.c, backtest_cmd.c, rest_backtest.c
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Penstock, until } from '../lib/penstock.mjs';

const speed = 100;
/** Rows before anything happens. All of them together fit into one record. */
const lead = 150;
const rows = lead + 600;
const high = { name: 'S1/L.high', kind: 'high', tag: 'S1/L', limit: 4, priority: 2 };
const changed = { ...high, limit: 4.5, off_delay_s: 0.5 };
const config = {
  sites: [{ name: 'S1' }], gateways: [{ name: 'gw-s1', site: 'S1' }],
  tags: [{ name: 'S1/L', gateway: 'gw-s1', low: 0, high: 10, unit: 'm' }, { name: 'S1/F', gateway: 'gw-s1', low: 0, high: 10 }],
  alarms: [high, { name: 'S1/F.high', kind: 'high', tag: 'S1/F', limit: 5, priority: 3 }],
};
/** One row a second of the recording: once below the new limit, once above it, then eight short ones. */
const level = (row) => {
  const t = row - lead;
  if (t >= 50 && t < 150) return 4.3;
  if (t >= 170 && t < 230) return 4.8;
  return t >= 300 && t < 460 && (t - 300) % 20 < 10 ? 4.8 : 2;
};

describe('a backtest', { concurrency: false }, () => {
  const p = new Penstock({ config });
  let engineer, viewer, dir, first;
  before(async () => {
    await p.prepare({ gateways: ['gw-s1'] });
    await p.startServer();
    engineer = await p.login('engineer');
    viewer = await p.login('viewer');
    dir = join(p.dir, 'recording');
    mkdirSync(dir);
    writeFileSync(join(dir, 'a.csv'), `t_s,level,flow\n${Array.from({ length: rows }, (_, t) => `${t},${level(t)},1`).join('\n')}\n`);
    first = await replay('first');
  });
  after(() => p.stop());

  /**
   * Sends the recording, all at once at its end: by then the line is up (what is recorded while it is down rings in no room, but a backtest has it
   * in time), and no sample comes after a timer that it would have stopped, as one may on a busy machine. Gives the source times of its samples, and
   * of what rang, in microseconds.
   */
  async function replay(name) {
    const [{ seq }] = await p.sql('select coalesce(max(seq), 0) as seq from alarm_journal');
    const [{ t }] = await p.sql('select coalesce(max(t_us), 0) as t from sample');
    const child = p.startGateway(name, { config: {
      ...p.gatewayConfig('gw-s1'), flush_ms: 60000, exit_when_done: true, journal: { dir: join(dir, `journal-${name}`) },
      sources: [{ kind: 'replay', file: join(dir, 'a.csv'), time_column: 't_s', speed, loop: false,
        tags: [{ column: 'level', name: 'L', type: 'f64' }, { column: 'flow', name: 'F', type: 'f64' }] }],
    } });
    assert.deepEqual(await child.ended, { code: 0, signal: null });
    const from = `from sample s join config_key k on k.key = s.tag_key where k.name = 'S1/L' and s.t_us > $1`;
    await until('all of it is stored', async () => (await p.sql(`select count(*) as n ${from}`, [t]))[0].n === BigInt(rows));
    const [span] = await p.sql(`select min(t_us) as low, max(t_us) as high ${from}`, [t]);
    const raised = `from alarm_journal j join config_key k on k.key = j.alarm_key where k.name = 'S1/L.high' and j.seq > $1`;
    await until('the last one has returned', async () => (await p.sql(`select j.kind ${raised} and j.kind in ('raise', 'reraise', 'rtn') order by j.seq desc limit 1`, [seq]))[0]?.kind === 'rtn');
    const rang = await p.sql(`select j.src_us ${raised} and j.kind in ('raise', 'reraise') order by j.seq`, [seq]);
    return { from: Number(span.low), to: Number(span.high) + 1, raised: rang.map((r) => Number(r.src_us)) };
  }
  const start = (body, who = engineer) => who.post('/api/backtests', { body });
  async function report(body) {
    const started = await start(body);
    assert.equal(started.status, 202, JSON.stringify(started.json));
    assert.equal(started.headers.location, `/api/backtest?id=${started.json.id}`);
    return until('it is over', async () => {
      const { json } = await viewer.get(started.headers.location);
      assert.notEqual(json.state, 'failed', json.error);
      return json.state === 'done' ? json.report : null;
    });
  }
  const items = [{ kind: 'alarm', name: high.name, body: changed }];

  test('says what the change would have rung, and what really rings is that', async () => {
    const r = await report({ from: first.from - 1000000, to: first.to, items });
    assert.equal(r.now.n, first.raised.length, 'the present configuration rings as it rang');
    assert.equal(r.now.n, 10);
    assert.equal(r.then.n, 2);
    assert.deepEqual([r.tags, r.alarms_judged, r.samples, r.truncated], [1, 1, rows, false]);
    assert.deepEqual([r.n_removed, r.missed, r.n_added, r.changed, r.latest_s], [8, 0, 0, 0, 0]);
    assert.deepEqual(r.per_alarm.map((a) => [a.alarm, a.now, a.then]), [['S1/L.high', 10, 2]]);
    const removed = r.removed.map((c) => Date.parse(c.src));
    const forecast = first.raised.filter((us) => !removed.includes(Math.floor(us / 1000)));

    const { etag } = (await engineer.get('/api/alarm-settings/S1/L.high')).headers;
    const put = await engineer.put('/api/alarm-settings/S1/L.high', { body: { value: changed, reason: 'fewer of them' }, headers: { 'If-Match': etag } });
    assert.equal(put.status, 200, JSON.stringify(put.json));
    const second = await replay('second');
    const place = (run) => (us) => Math.round((us - run.from) / 1000);
    assert.deepEqual(second.raised.map(place(second)), forecast.map(place(first)));
  });

  test('suggests settings', async () => {
    const r = await report({ from: new Date(first.from / 1000 - 1000).toISOString(), to: first.to, items: [{ kind: 'alarm', name: high.name, body: high }], suggest: high.name });
    assert.equal(r.suggestion.alarm, high.name);
    assert.equal(r.suggestion.text, 'off-delay 5 s would have cut 10 to 1, latest alarm 0 s later');
    assert.deepEqual(r.suggestion.rows[r.suggestion.best], { on_delay_s: 0, off_delay_s: 5, deadband: 0, n: 1, missed: 0, latest_s: 0 });
  });

  test('is asked for by engineers, and looked at by all', async () => {
    assert.equal((await start({ from: first.from, to: first.to, items }, viewer)).status, 403);
    const { json } = await viewer.get('/api/backtests');
    assert.ok(json.backtests.length >= 1);
    assert.deepEqual([json.backtests[0].state, json.backtests[0].by, json.backtests[0].progress], ['done', 'engineer', 1]);
    const path = `/api/backtest?id=${json.backtests.at(-1).id}`;
    assert.equal((await viewer.delete(path)).status, 403);
    assert.equal((await engineer.delete(path)).status, 204);
    assert.equal((await viewer.get(path)).status, 404);
  });

  test('points at what is wrong', async () => {
    const period = { from: first.from, to: first.to };
    for (const [body, status, pointer] of [
      [{ ...period, items: [{ ...items[0], body: { ...changed, limit: 40 } }] }, 422, '/items/0/body/limit'],
      [{ ...period, items: [{ ...items[0], body: { ...changed, colour: 1 } }] }, 422, '/items/0/body/colour'],
      [{ ...period, items: [{ kind: 'valve', name: 'x', body: null }] }, 422, '/items/0/kind'],
      [{ ...period, items: [{ kind: 'alarm', name: 'S1/none', body: null }] }, 422, '/items/0/name'],
      [{ ...period, suggest: 'S1/none' }, 422, '/suggest'],
      [period, 422, '/items'],
      [{ ...period, items, colour: 1 }, 422, '/colour'],
      [{ to: first.to, items }, 422, '/from'],
    ]) {
      const r = await start(body);
      assert.equal(r.status, status, JSON.stringify(r.json));
      assert.ok(r.json.errors.some((e) => e.pointer === pointer), `${pointer}: ${JSON.stringify(r.json)}`);
    }
    assert.equal((await start({ from: first.to, to: first.from, items })).status, 422);
    assert.equal((await viewer.get('/api/backtest?id=x')).status, 400);
  });

  test('from the command line says the same, and changes nothing', async () => {
    const run = (...args) => spawnSync(join(p.bin, 'penstock'), ['backtest', '--from', new Date(first.from / 1000 - 1000).toISOString(), '--to', new Date(first.to / 1000).toISOString(), ...args], { encoding: 'utf8', env: { ...process.env, PENSTOCK_DB: p.conninfo } });
    const file = join(p.dir, 'change.json');
    writeFileSync(file, JSON.stringify({ alarms: [high] }));
    const [before] = await p.sql('select max(revision) as revision from config_revision');
    const json = run('--change', file, '--json');
    assert.equal(json.status, 0, json.stderr);
    const r = JSON.parse(json.stdout);
    assert.deepEqual([r.now.n, r.then.n, r.n_added], [2, 10, 8], 'back to how it was');
    const text = run('--change', file, '--suggest', high.name);
    assert.equal(text.status, 0, text.stderr);
    assert.match(text.stdout, /now +2 annunciations/);
    assert.match(text.stdout, /then +10 annunciations/);
    assert.match(text.stdout, /S1\/L\.high: off-delay 5 s would have cut 10 to 1/);
    assert.match(text.stdout, /what this assumes:/);
    assert.equal(text.stderr, '', 'no progress where nobody watches');
    assert.deepEqual((await p.sql('select max(revision) as revision from config_revision'))[0], before);
    const nothing = run();
    assert.equal(nothing.status, 1);
    assert.match(nothing.stderr, /--change or --suggest/);
  });
});
