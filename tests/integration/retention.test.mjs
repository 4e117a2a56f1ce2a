// How long history keeps what: classes of tags, samples that come too late, snapshots of alarms.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { data, dict, welcomed } from '../lib/link.mjs';
import { Penstock, until } from '../lib/penstock.mjs';

const DAY_US = 86400n * 1000000n;
const config = {
  sites: [{ name: 'S1', tz: 'Europe/Berlin', shifts: [{ name: 'early', from: '06:00' }, { name: 'late', from: '18:00' }], tariffs: [{ name: 'peak', days: 'mo-fr', from: '07:00', to: '20:00' }] }],
  gateways: [{ name: 'gw-a', site: 'S1' }],
  policies: [{ name: 'history', keep: [{ name: 'fast', days: 30 }], rollup_keep_days: 3650 }],
  tags: [{ name: 'S1/A', gateway: 'gw-a', low: 0, high: 100, keep: 'fast' }, { name: 'S1/B', gateway: 'gw-a', low: 0, high: 100 }],
  alarms: [{ name: 'S1/A.high', kind: 'high', tag: 'S1/A', limit: 80, priority: 1, message: 'A is high' }],
};

describe('retention', { concurrency: false }, () => {
  const p = new Penstock({ config });
  let gateway;
  before(async () => {
    await p.prepare({ gateways: ['gw-a'] });
    await p.startServer();
    gateway = await welcomed(p, 'gw-a', { answers: true });
    gateway.send(dict({ seq: 0, entries: [[1, 'A'], [2, 'B']] }));
    await gateway.acked(0);
  });
  after(() => p.stop());

  const number = async (text, values) => Number((await p.sql(text, values))[0].n);
  const samples = (tag, t) => number(`select count(*) as n from sample s join config_key k on k.key = s.tag_key where k.kind = 'tag' and k.name = $1 and s.t_us = $2`, [tag, t]);

  test('the classes of the configuration are in the database', async () => {
    await until('the plan is written', () => number(`select count(*) as n from retention_class where name = 'fast' and keep_days = 30`));
    assert.equal(await number(`select count(*) as n from tag_class t join config_key k on k.key = t.tag_key join retention_class c using (class) where k.name = 'S1/A' and c.name = 'fast'`), 1);
    assert.equal(await number('select count(*) as n from tag_class'), 1);
    assert.equal(await number(`select count(*) as n from snapshot_alarm a join config_key k on k.key = a.alarm_key where k.name = 'S1/A.high'`), 1);
  });

  test('what comes after its time is counted and not stored', async () => {
    const t = BigInt(Date.now()) * 1000n - 100n * DAY_US;
    gateway.send(data({ seq: 1, samples: [[1, t, 1], [2, t, 2]] }), data({ seq: 2, samples: [[1, t + 1000n, 3]] }));
    await gateway.acked(2);
    assert.equal(await samples('S1/A', t), 0);
    assert.equal(await samples('S1/B', t), 1);
    await until('it is counted', () => number(`select count(*) as n from (select sum(e.n) as n, min(e.from_us) as from_us, max(e.to_us) as to_us from sample_expired e
      join config_key k on k.key = e.tag_key where k.name = 'S1/A') x where x.n = 2 and x.from_us = $1 and x.to_us = $1 + 1000`, [t])); // by days: one may end between two records
    assert.equal((await p.get('/api/health')).json.expired_samples, 2);
  });

  test('what is replayed from the quarantine after its time is counted and not stored', async () => {
    const t = BigInt(Date.now()) * 1000n - 100n * DAY_US;
    const engineer = await p.login('engineer');
    const again = await welcomed(p, 'gw-a', { answers: true });
    again.send(data({ seq: 0, dict: 7, samples: [[1, t + 7000n, 5], [2, t + 7000n, 6]] }));
    await again.acked(0);
    again.send(dict({ seq: 1, dict: 7, entries: [[1, 'A'], [2, 'B']] }));
    await again.acked(1);
    const [{ id }] = (await engineer.get('/api/quarantine')).json.records;
    const done = await engineer.post(`/api/quarantine/${id}/replay`);
    assert.deepEqual(done.json, { outcome: 'done', samples: 1, detail: '1 samples were left out that are older than their class of history is kept' });
    assert.equal(await samples('S1/A', t + 7000n), 0);
    assert.equal(await samples('S1/B', t + 7000n), 1);
    await until('it is counted', async () => (await engineer.get('/api/store')).json.retention.find((c) => c.name === 'fast').expired_samples === 3);
    again.end();
    gateway = await welcomed(p, 'gw-a', { answers: true });
    gateway.send(dict({ seq: 0, entries: [[1, 'A'], [2, 'B']] }));
    await gateway.acked(0);
  });

  test('the samples around an alarm of priority 1 are copied', async () => {
    const t = BigInt(Date.now()) * 1000n;
    gateway.send(...[[3, 50], [2, 95], [1, 96]].map(([before, value]) => data({ seq: 4 - before, samples: [[1, t - BigInt(before) * 1000000n, value]] })));
    await gateway.acked(3);
    await until('it is due', () => number('select count(*) as n from snapshot_due'));
    await p.sql('update snapshot_due set due_us = 0');
    await until('it is taken', () => number('select count(*) as n from event_snapshot'));
    const rows = await p.sql(`select e.t_us, e.value from event_sample e join config_key k on k.key = e.alarm_key where k.name = 'S1/A.high' order by e.t_us`);
    assert.deepEqual(rows.map((r) => [r.t_us, r.value]), [[t - 3000000n, 50], [t - 2000000n, 95], [t - 1000000n, 96]]);
  });

  test('a class that is not there is refused with its place', async () => {
    const engineer = await p.login('engineer');
    const answer = await engineer.post('/api/config', { body: { reason: 'try', put: [{ kind: 'tag', value: { ...config.tags[1], keep: 'slow' } }] } });
    assert.ok(answer.status >= 400 && answer.status < 500, answer.text);
    assert.match(answer.text, /\/put\/0\/value\/keep.*E_CLASS/);
  });
});
