// The main job: five gateways replay the C-Town network; values and alarms live, stored, acknowledged; configuration changed while it runs.
// Covers: app/requests.c, app/app.c, app/reload.c, app/route.c, app/turn.c
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { alarmJournalBreaches, chainBreaches } from '../lib/invariants.mjs';
import { Penstock, password, until } from '../lib/penstock.mjs';

describe('five stations', { concurrency: false }, () => {
  const p = new Penstock({});
  let operator, engineer, viewer, admin;
  before(async () => {
    await p.prepare();
    await p.startServer();
    for (let n = 1; n <= 5; n++) p.startGateway(`gw-s${n}`, { speed: 600 });
    [viewer, operator, engineer, admin] = await Promise.all(['viewer', 'operator', 'engineer', 'admin'].map((user) => p.login(user)));
  });
  after(() => p.stop());

  test('all five gateways come up and all tags become good', async () => {
    await until('five links', async () => (await viewer.get('/api/gateways')).json.gateways.every((g) => g.up));
    const tags = await until('good values', async () => {
      const { tags } = (await viewer.get('/api/tags')).json;
      return tags.every((t) => t.value !== null && t.quality < 0x80) && tags;
    });
    assert.ok(tags.length >= 50, `${tags.length} tags`);
  });

  test('samples are stored, and the trend of a tag answers from them', async () => {
    await until('rows', async () => Number((await p.sql('select count(*) as n from sample'))[0].n) > 500);
    const to = new Date(Date.now() + 1000).toISOString();
    const from = new Date(Date.now() - 600000).toISOString();
    const raw = await viewer.get(`/api/tags/S1/L_T1/samples?from=${from}&to=${to}&points=10000`);
    assert.equal(raw.status, 200, raw.text);
    assert.equal(raw.json.raw, true);
    const [{ key }] = await p.sql(`select key from config_key where kind = 'tag' and name = 'S1/L_T1'`);
    assert.ok(raw.json.points.length > 0);
    // The answer has what waits for its commit, too; and more may have come meanwhile, also of before.
    const stored = await until('all of it is in the database', async () => {
      const found = new Map((await p.sql('select t_us, value from sample where tag_key = $1', [key])).map((r) => [r.t_us, r.value]));
      return raw.json.points.every(([t]) => found.has(BigInt(t))) && found;
    });
    assert.deepEqual(raw.json.points.map((x) => x[2]), raw.json.points.map(([t]) => stored.get(BigInt(t))));
    const few = await viewer.get(`/api/tags/S1/L_T1/samples?from=${from}&to=${to}&points=5`);
    assert.ok(few.json.points.length <= 5);
    const all = raw.json.points.map((x) => x[2]);
    assert.ok(Math.min(...few.json.points.map((x) => x[3])) <= Math.min(...all), 'the smallest value survives the reduction');
  });

  test('an alarm rises, is acknowledged once, and everybody sees by whom', async () => {
    const live = await p.live(viewer);
    await live.find('hello', (m) => m.op === 'hello');
    const open = await until('an unacknowledged alarm', async () => (await viewer.get('/api/alarms?state=unacked')).json.alarms[0]);
    const ask = { items: [{ alarm: open.name, call: open.call }], comment: 'seen' };
    assert.equal((await viewer.post('/api/alarms/ack', { body: ask })).status, 403, 'a viewer may not');
    const answer = await operator.post('/api/alarms/ack', { body: ask });
    assert.equal(answer.status, 200, answer.text);
    const [{ result }] = answer.json.results;
    assert.ok(result === 'OK' || result === 'STALE_CALL', result);
    if (result === 'OK') {
      const seen = await live.find('the acknowledgement on the other screen', (m) => m.op === 'alarm' && m.r.kind === 'ack' && m.a.name === open.name);
      assert.equal(seen.r.actor, 'operator');
      assert.equal(seen.r.comment, 'seen');
      const [row] = await p.sql(`select actor, comment from alarm_journal where kind = 'ack' and seq = $1`, [seen.n]);
      assert.deepEqual(row, { actor: 'operator', comment: 'seen' });
      const again = (await operator.post('/api/alarms/ack', { body: ask })).json.results[0];
      assert.ok(['ALREADY', 'STALE_CALL'].includes(again.result), again.result);
    }
    assert.equal((await operator.post('/api/alarms/ack', { body: { items: [{ alarm: 'S1/none.high', call: 1 }] } })).json.results[0].result, 'E_UNKNOWN');
    assert.equal((await operator.post('/api/alarms/ack', { body: { items: [{ alarm: open.name, call: 1000000 }] } })).json.results[0].result, 'E_CALL');
  });

  test('a live view gives a snapshot, changes, a heartbeat and the state of storing', async () => {
    const live = await p.live(viewer);
    const hello = await live.find('hello', (m) => m.op === 'hello');
    assert.equal(hello.user, 'viewer');
    await live.find('that it stores', (m) => m.op === 'status' && m.store === 'ok'); // on a busy machine it may have been slow for a moment
    live.send({ op: 'sub', id: 1, view: 'site/S2', ms: 200 });
    const snap = await live.find('snapshot', (m) => m.op === 'snap' && m.id === 1);
    const names = new Map(snap.tags);
    const { tags } = (await viewer.get('/api/tags?site=S2')).json;
    assert.deepEqual([...names.values()].sort(), tags.map((t) => t.name).sort());
    const delta = await live.find('a change', (m) => m.op === 'd' && m.v.length > 0);
    assert.ok(names.has(delta.v[0][0]));
    await live.find('heartbeat', (m) => m.op === 'hb');
    live.send({ op: 'sub', id: 2, view: 'site/NOWHERE' });
    assert.match((await live.find('an error', (m) => m.op === 'error' && m.id === 2)).text, /NOWHERE/);
  });

  test('a limit is changed with who and why, takes effect at once, and a stale change is refused', async () => {
    const path = '/api/alarm-settings/S1/P_PU1.test';
    const value = { name: 'S1/P_PU1.test', tag: 'S1/P_PU1', kind: 'high', limit: 60, priority: 3 };
    assert.equal((await operator.put(path, { body: { reason: 'x', value }, headers: { 'If-None-Match': '*' } })).status, 403);
    const made = await engineer.put(path, { body: { reason: 'try it', value }, headers: { 'If-None-Match': '*' } });
    assert.equal(made.status, 201, made.text);
    const read = await viewer.get(path);
    assert.equal(read.json.limit, 60);
    assert.equal(read.headers.etag, made.headers.etag);
    const low = { ...value, limit: 0.01 };
    const changed = await engineer.put(path, { body: { reason: 'ring now', value: low }, headers: { 'If-Match': read.headers.etag } });
    assert.equal(changed.status, 200, changed.text);
    await until('the alarm rings by the new limit', async () =>
      (await viewer.get('/api/alarms')).json.alarms.some((a) => a.name === value.name && a.letter === 'B'));
    const late = await engineer.put(path, { body: { reason: 'too late', value }, headers: { 'If-Match': read.headers.etag } });
    assert.equal(late.status, 412, late.text);
    const revisions = (await viewer.get('/api/revisions')).json.revisions;
    assert.equal(revisions[0].reason, 'ring now');
    assert.equal(revisions[0].actor, 'engineer');
    assert.equal(revisions[0].items[0].before.limit, 60);
    assert.equal(revisions[0].items[0].after.limit, 0.01);
    const same = await engineer.put(path, { body: { reason: 'saved as it was', value: low }, headers: { 'If-Match': changed.headers.etag } });
    assert.equal(same.status, 200, same.text);
    assert.equal((await viewer.get(path)).headers.etag, same.headers.etag, 'what was saved as it was can be changed again');
    const gone = await engineer.delete(`${path}?reason=done`, { headers: { 'If-Match': same.headers.etag } });
    assert.equal(gone.status, 200, gone.text);
    assert.equal((await viewer.get(path)).status, 404);
    assert.ok(!(await viewer.get('/api/alarms')).json.alarms.some((a) => a.name === value.name), 'a removed alarm is shown no more');
  });

  test('a highly managed alarm is changed by two people, and both are on record', async () => {
    const path = '/api/alarm-settings/S1/L_T1.high_high';
    const { revision, ...value } = (await viewer.get(path)).json;
    const change = (second) => engineer.put(path, {
      body: { reason: 'two of us', value: { ...value, limit: 6.25 }, ...second }, headers: { 'If-Match': `"${revision}"` },
    });
    const alone = await change({});
    assert.equal(alone.status, 403, alone.text);
    assert.equal(alone.json.code, 'second_needed');
    assert.match(alone.json.detail, /S1\/L_T1\.high_high/);
    assert.deepEqual(alone.json.touched, { alarms: ['S1/L_T1.high_high'], n: 1 });
    const wrong = await change({ second: { name: 'admin', password: 'something else' } });
    assert.equal(wrong.json.code, 'second_refused', wrong.text);
    const [refusal] = await until('the refusal in the audit', async () => {
      const rows = await p.sql(`select actor, object from audit where action = 'config.second_refused'`);
      return rows.length > 0 && rows;
    });
    assert.deepEqual(refusal, { actor: 'engineer', object: 'admin' });
    const done = await change({ second: { name: 'admin', password: password('admin') } });
    assert.equal(done.status, 200, done.text);
    assert.equal((await viewer.get(path)).json.limit, 6.25);
    const [newest] = (await viewer.get('/api/revisions')).json.revisions;
    assert.deepEqual([newest.actor, newest.second, newest.reason], ['engineer', 'admin', 'two of us']);
    const [row] = await p.sql(`select actor, detail from audit where action = 'config.change' order by audit_id desc limit 1`);
    assert.deepEqual(row, { actor: 'engineer', detail: 'two of us (second person: admin)' });
  });

  test('a cut link is one alarm, and its tags are bad, not frozen', async () => {
    const child = [...p.processes].find((c) => c.label === 'gw-s5');
    await p.kill(child);
    const { since } = await until('the link is down', async () => (await viewer.get('/api/gateways')).json.gateways.find((g) => g.name === 'gw-s5' && !g.up));
    await until('the tags are bad', async () => (await viewer.get('/api/tags?site=S5')).json.tags.every((t) => t.quality >= 0x80));
    await until('the comm alarm', async () => (await viewer.get('/api/alarms?site=S5')).json.alarms.some((a) => a.kind === 'comm' && a.letter === 'B'), 90);
    const rang = (await viewer.get('/api/alarms?site=S5')).json.alarms.filter((a) => Date.parse(a.raised) >= Date.parse(since)).map((a) => a.kind);
    assert.deepEqual(rang, ['comm'], 'one alarm');
    p.startGateway('gw-s5', { speed: 600 });
    await until('the tags are good again', async () => (await viewer.get('/api/tags?site=S5')).json.tags.every((t) => t.quality < 0x80));
    await until('the comm alarm returned', async () => !(await viewer.get('/api/alarms?site=S5')).json.alarms.some((a) => a.kind === 'comm' && ['B', 'C'].includes(a.letter)));
  });

  test('without the database the room still sees, nothing is acknowledged, and all heals by itself', async () => {
    const live = await p.live(viewer);
    live.send({ op: 'sub', id: 1, view: 'overview', ms: 200 });
    await live.find('snapshot', (m) => m.op === 'snap');
    await p.stopDatabase('immediate');
    await live.find('the banner', (m) => m.op === 'status' && m.store === 'away');
    const mark = live.messages.length;
    await until('values still move', () => live.messages.slice(mark).some((m) => m.op === 'd' && m.v.length > 0));
    const refused = await operator.post('/api/alarms/ack', { body: { items: [{ alarm: 'S1/L_T1.high', call: 1 }] } });
    assert.equal(refused.status, 503, refused.text);
    assert.equal(refused.json.code, 'store_away');
    await p.startDatabase();
    await until('storing again', () => live.messages.at(-1) && live.messages.filter((m) => m.op === 'status').at(-1).store === 'ok');
    const [{ n }] = await p.sql('select count(*) as n from sample');
    await until('new rows', async () => (await p.sql('select count(*) as n from sample'))[0].n > n);
  });

  test('a restarted server takes up the alarms where they were', async () => {
    await until('some alarm', async () => (await viewer.get('/api/alarms')).json.alarms.length > 0);
    await p.kill(p.server);
    const before = await p.sql('select alarm_key, n, to_letter, occ, call from alarm_now order by alarm_key');
    await p.startServer();
    const rows = await p.sql(`select j.alarm_key, j.n, j.to_letter, j.occ, j.call from unnest($1::bigint[], $2::bigint[]) as w(k, n)
      join alarm_journal j on j.alarm_key = w.k and j.n = w.n order by 1`, [before.map((r) => r.alarm_key), before.map((r) => r.n)]);
    assert.deepEqual(rows, before, 'nothing that was journaled changed');
    assert.deepEqual(await alarmJournalBreaches(p), []);
    assert.deepEqual(chainBreaches(p), []);
    assert.equal((await viewer.get('/api/session')).status, 200, 'sessions survive the server');
  });

  test('the audit tells who logged in and failed to', async () => {
    await p.request('POST', '/api/session', { body: { user: 'operator', password: 'not the password' } });
    const rows = await until('audit rows', async () => {
      const { rows } = (await admin.get('/api/audit')).json;
      return rows.some((r) => r.action === 'login.failed') && rows;
    });
    assert.ok(rows.some((r) => r.action === 'session.open'));
    assert.equal((await engineer.get('/api/audit')).status, 403);
    await assert.rejects(p.sql('delete from audit'), /append-only/);
    await assert.rejects(p.sql('update alarm_journal set actor = $1', ['x']), /append-only/);
  });
});
