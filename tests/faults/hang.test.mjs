// A PostgreSQL process that hangs (a stalled disk, a cut line that nobody noticed): the room still sees, nothing is acknowledged, and all
// heals by itself. Takes two minutes: only with PENSTOCK_SLOW=1.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alarmJournalBreaches } from '../lib/invariants.mjs';
import { Penstock, sleep, until } from '../lib/penstock.mjs';

test('a hung process of the database does not end the server', { skip: !process.env.PENSTOCK_SLOW && 'takes two minutes: set PENSTOCK_SLOW=1' }, async () => {
  const p = new Penstock({});
  try {
    await p.prepare();
    await p.startServer();
    for (let n = 1; n <= 5; n++) p.startGateway(`gw-s${n}`, { speed: 3600, patch: { flush_ms: 100 } });
    const viewer = await p.login('viewer');
    await until('five links', async () => (await viewer.get('/api/gateways')).json.gateways.every((g) => g.up));
    const hung = await p.sql(`select pid from pg_stat_activity where application_name in ('penstock events', 'penstock alarms')`);
    for (const { pid } of hung) process.kill(pid, 'SIGSTOP');
    try {
      await until('the server notices', async () => (await p.get('/api/health')).json.store.state === 'away', 180);
      await sleep(10000); // longer than it waits for the lock
      assert.equal((await p.get('/api/health')).status, 200, p.log('penstockd').slice(-2000));
      const live = await p.live(viewer);
      live.send({ op: 'sub', id: 1, view: 'overview', ms: 200 });
      await live.find('values still move', (m) => m.op === 'd' && m.v.length > 0);
    } finally {
      for (const { pid } of hung) process.kill(pid, 'SIGCONT');
    }
    await until('storing again', async () => (await p.get('/api/health')).json.store.state === 'ok');
    assert.deepEqual(await alarmJournalBreaches(p), []);
  } finally {
    await p.stop();
  }
});
