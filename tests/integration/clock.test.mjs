// A gateway whose clock is behind the server's, and which does not vouch for its times: what the room is told, and what is kept.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { FLAG, data, dict, welcomed } from '../lib/link.mjs';
import { Penstock, until } from '../lib/penstock.mjs';

const BEHIND_US = 5_000_000n;
const config = {
  sites: [{ name: 'S1', title: 'Station 1' }],
  gateways: [{ name: 'gw-s1', site: 'S1' }],
  tags: [{ name: 'S1/L', gateway: 'gw-s1', low: 0, high: 10, unit: 'm' }],
  alarms: [],
};
const us = () => BigInt(Date.now()) * 1000n;

describe('the clock of a gateway', { concurrency: false }, () => {
  const p = new Penstock({ config });
  let viewer;
  before(async () => {
    await p.prepare({ gateways: ['gw-s1'] });
    await p.startServer();
    viewer = await p.login('viewer');
  });
  after(() => p.stop());

  const gateway = async () => (await viewer.get('/api/gateways')).json.gateways.find((g) => g.name === 'gw-s1');
  const ledger = async () => (await viewer.get('/api/gateways/gw-s1/ledger')).json;
  const letter = async () => (await p.sql(`select n.to_letter from alarm_now n join config_key k on k.key = n.alarm_key where k.name = 'S1/gw-s1.clock'`))[0]?.to_letter;

  test('is told when it is behind, raises its alarm, and is kept with the session', async () => {
    assert.deepEqual([(await gateway()).clock_source, (await gateway()).clock_synchronised], [null, null]);
    let g = await welcomed(p, 'gw-s1', { answers: true, offset: -BEHIND_US });
    await until('the clock is told to be off', async () => (await gateway()).clock_off);
    const shown = await gateway();
    // However long the answer to a PING took: half of that is the error. We count whole milliseconds.
    const right = (c) => c.error_ms >= 0 && Math.abs(c.offset_ms + 5000) <= c.error_ms + 3;
    assert.ok(right({ offset_ms: shown.clock_offset_ms, error_ms: shown.clock_error_ms }), JSON.stringify(shown));
    await until('its alarm is raised', async () => ['B', 'C'].includes(await letter()));
    const [row] = await until('the audit has it', () => p.sql(`select object, detail from audit where action = 'gateway.clock_off'`).then((r) => r.length > 0 && r));
    assert.match(`${row.object} ${row.detail}`, /gw-s1.* s behind the server's/);
    const kept = await until('it is kept', async () => (await ledger()).clock.find((c) => c.kind === 'session' && c.off));
    assert.ok(right(kept), JSON.stringify(kept));
    assert.equal(kept.source, shown.clock_source);
    g.end();
    // It was set right: three measures in succession.
    g = await welcomed(p, 'gw-s1', { answers: true });
    await until('the alarm returns to normal', async () => ['A', 'D'].includes(await letter()), 200);
    assert.equal((await gateway()).clock_off, false);
    g.end();
  });

  test('marks the spans of time that it does not vouch for', async () => {
    const g = await welcomed(p, 'gw-s1', { answers: true });
    const t = us() - 60_000_000n;
    g.send(dict({ seq: 0, entries: [[1, 'L']] }));
    for (const [seq, flags] of [[1, FLAG.J], [2, FLAG.J | FLAG.U], [3, FLAG.J | FLAG.U], [4, FLAG.J]]) g.send(data({ seq, flags, samples: [[1, t + BigInt(seq) * 1_000_000n, seq]] }));
    await g.acked(4);
    const spans = (await ledger()).clock.filter((c) => c.kind === 'unsynced');
    assert.equal(spans.length, 1);
    assert.deepEqual([spans[0].first, spans[0].last], [2, 3]);
    assert.deepEqual([Date.parse(spans[0].from), Date.parse(spans[0].to)], [t + 2_000_000n, t + 3_000_000n].map((v) => Number(v / 1000n)));
    // The values stand as they came.
    const values = await p.sql(`select value, quality from sample s join config_key k on k.key = s.tag_key where k.name = 'S1/L' and t_us > $1 order by t_us`, [t]);
    assert.deepEqual(values.map((v) => [v.value, v.quality]), [[1, 0], [2, 0], [3, 0], [4, 0]]);
    assert.equal((await gateway()).clock_synchronised, true);
    g.send(data({ seq: 5, flags: FLAG.J | FLAG.U, samples: [[1, us(), 5]] }));
    await g.acked(5);
    assert.equal((await gateway()).clock_synchronised, false);
    g.end();
  });
});
