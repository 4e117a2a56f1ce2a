// The alarm system as a whole, from the gateway's sample to the journal's row: what people ask over REST, what all screens are told, and
// what SQL says afterwards.
// Covers: rest_alarm.c, rest_alarm_reports.c, rest_requests.c, session_record.c
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { alarmJournalBreaches, stateDifferences } from '../lib/invariants.mjs';
import { FLAG, data, dict, welcomed } from '../lib/link.mjs';
import { Penstock, until } from '../lib/penstock.mjs';

const config = {
  sites: [{ name: 'S1', area: 'North' }, { name: 'S2', area: 'South', position: 'east' }],
  gateways: [{ name: 'gw-s1', site: 'S1' }, { name: 'gw-s2', site: 'S2' }],
  tags: [
    { name: 'S1/L', gateway: 'gw-s1', low: 0, high: 10, unit: 'm' }, { name: 'S1/F', gateway: 'gw-s1', low: 0, high: 100, unit: 'L/s' },
    { name: 'S1/P', gateway: 'gw-s1', low: 0, high: 10, unit: 'bar' }, { name: 'S1/RUN', gateway: 'gw-s1', type: 'bool' },
    { name: 'S2/L', gateway: 'gw-s2', low: 0, high: 10, unit: 'm' }, { name: 'S1/HEAD', expr: '"S1/L" + 1 m', unit: 'm', low: 0, high: 20 },
  ],
  alarms: [
    { name: 'S1/L.high', kind: 'high', tag: 'S1/L', limit: '800 cm', deadband: 0.5, priority: 1, max_shelve_s: 3600, message: { en: 'Tank full', zh: '水池满' } },
    { name: 'S1/F.high', kind: 'high', tag: 'S1/F', limit: 80, priority: 2, latch: true, confirm: true, comment: true },
    { name: 'S1/P.high', kind: 'high', tag: 'S1/P', limit: 8, priority: 3 },
    { name: 'S1/RUN.on', kind: 'state', tag: 'S1/RUN', states: [1], priority: 4, shelvable: false },
    { name: 'S1/BOTH', kind: 'expr', expr: '"S1/L" > 5 m and RUN', priority: 2 },
    { name: 'S1/RUN.hours', kind: 'runtime', tag: 'S1/RUN', limit: '2h', priority: 4 },
    { name: 'S1/gw-s1.comm', kind: 'comm', gateway: 'gw-s1', after_s: 1, priority: 2 },
    { name: 'S2/gw-s2.comm', kind: 'comm', gateway: 'gw-s2', after_s: 3600, priority: 2 }, // it is away most of the time, and not the matter here
    { name: 'S1/gw-s1.clock', kind: 'clock', gateway: 'gw-s1', priority: 3, off_delay_s: 1 },
    { name: 'S2/L.high', kind: 'high', tag: 'S2/L', limit: 8, priority: 1 },
  ],
};
const entries = [[1, 'L'], [2, 'F'], [3, 'P'], [4, 'RUN', 1]];
const us = () => BigInt(Date.now()) * 1000n;

describe('alarms', { concurrency: false }, () => {
  const p = new Penstock({ config });
  const began = us();
  let viewer, operator, engineer, live, gateway;
  let seq = 0;
  let rung = 0; // how often S2/L.high did
  before(async () => {
    await p.prepare({ gateways: ['gw-s1', 'gw-s2'] });
    await p.startServer();
    [viewer, operator, engineer] = await Promise.all(['viewer', 'operator', 'engineer'].map((user) => p.login(user)));
    live = await p.live(viewer);
    await live.find('hello', (m) => m.op === 'hello');
    gateway = await welcomed(p, 'gw-s1', { answers: true });
    gateway.send(dict({ seq: seq++, entries }));
    await sample({ L: 3, F: 30, P: 3, RUN: false });
  });
  after(() => p.stop());

  /** One message of the gateway; it is stored, and what it caused is in the journal, when this returns. */
  async function sample(values, flags) {
    const n = seq++;
    const t = us();
    gateway.send(data({ seq: n, flags, samples: Object.entries(values).map(([name, v]) => [entries.find((e) => e[1] === name)[0], t, v]) }));
    await gateway.acked(n);
    return t;
  }
  const list = async (query = 'state=all') => (await viewer.get(`/api/alarms?${query}`)).json.alarms;
  const alarm = async (name) => (await list()).find((a) => a.name === name);
  const ask = async (who, ...items) => {
    const answer = await who.post('/api/alarms/requests', { body: { items, position: 'main' } });
    assert.equal(answer.status, 200, answer.text);
    return answer.json.results;
  };
  const one = async (who, item) => (await ask(who, item))[0];
  const result = async (who, item) => (await one(who, item)).result;
  const letter = (name, wanted) => until(`${name} is ${wanted}`, async () => { const a = await alarm(name); return a.letter === wanted && a; });
  /** All that was recorded until now is in PostgreSQL. */
  const stored = async () => {
    const { journal: { seq: now } } = (await p.get('/api/health')).json;
    await until(`the journal is stored up to ${now}`, async () => (await p.get('/api/health')).json.journal.durable >= now);
  };
  /** The newest record of an alarm in PostgreSQL. */
  const newest = async (name) => (await p.sql(`select j.* from alarm_journal j join config_key k on k.key = j.alarm_key where k.name = $1 order by j.n desc limit 1`, [name]))[0];
  const told = (name, kind, condition = () => true) => live.find(`${name} ${kind}`, (m) => m.op === 'alarm' && m.a?.name === name && m.r.kind === kind && condition(m));

  test('a sample beyond the limit rings everywhere, and returns', async () => {
    const t = await sample({ L: 8.5 });
    const { a, r, n } = await told('S1/L.high', 'raise');
    assert.deepEqual([a.letter, a.base, a.occ, a.call, a.since_ack, a.ring, a.value, a.limit, a.unit, a.priority], ['B', 'B', 1, 1, 1, true, 8.5, 8, 'm', 1]);
    assert.deepEqual([a.site, a.area, a.position, a.tag, a.gateway, a.kind, a.class], ['S1', 'North', 'main', 'S1/L', 'gw-s1', 'high', null]);
    assert.deepEqual([a.message, a.retain, a.pending, a.suspect, a.shelvable, a.max_shelve_s], [{ en: 'Tank full', zh: '水池满' }, true, false, false, true, 3600]);
    assert.deepEqual([r.from, r.to, r.base, r.occ, r.call, r.ring, r.cause, r.value, r.limit, r.unit, r.seq, r.n], ['A', 'B', 'B', 1, 1, true, 'sample', 8.5, 8, 'm', n, 1]);
    assert.equal(BigInt(Date.parse(r.src)), t / 1000n);
    const row = await newest('S1/L.high');
    assert.deepEqual([row.kind, row.from_letter, row.to_letter, row.src_us, row.facts, row.flags, row.position, row.unit], ['raise', 'A', 'B', t, 3, 128, 'main', 'm']);
    assert.deepEqual((await list('priority=1&position=main')).map((x) => x.name), ['S1/L.high']);
    assert.deepEqual(await list('area=South'), []);
    await sample({ L: 7.8 }); // within the deadband
    assert.equal((await alarm('S1/L.high')).letter, 'B');
    await sample({ L: 7.4 });
    assert.equal((await letter('S1/L.high', 'D')).ring, false);
    await sample({ L: 9 });
    assert.deepEqual(((a2) => [a2.occ, a2.call, a2.since_ack])(await letter('S1/L.high', 'B')), [2, 2, 2]);
  });

  test('an acknowledgement names the call, and is refused where it makes no sense', async () => {
    const item = { alarm: 'S1/L.high', do: 'ack', comment: '看到了' };
    assert.equal(await result(operator, { ...item, call: 1 }), 'STALE_CALL');
    assert.equal(await result(operator, { ...item, call: 3 }), 'E_CALL');
    const done = await one(operator, { ...item, call: 2 });
    assert.deepEqual([done.result, done.letter, done.call, done.acked_by], ['OK', 'C', 2, 'operator']);
    const row = await newest('S1/L.high');
    assert.deepEqual([row.kind, row.actor, row.comment, row.cause, row.acked_occ, row.to_letter], ['ack', 'operator', '看到了', 'operator', 2n, 'C']);
    assert.equal(row.desk, 'main 127.0.0.1');
    const again = await one(engineer, { ...item, call: 2 });
    assert.deepEqual([again.result, again.acked_by], ['ALREADY', 'operator']);
    assert.equal((await told('S1/L.high', 'ack')).r.comment, '看到了');
    const a = await alarm('S1/L.high');
    assert.deepEqual([a.acked_by, a.since_ack, a.acked_at !== null], ['operator', 0, true]);
    assert.equal(await result(operator, { alarm: 'S1/none', do: 'ack', call: 1 }), 'E_UNKNOWN');
  });

  test('an alarm that latches is acknowledged with a comment, confirmed and reset, in this order', async () => {
    await sample({ F: 90 });
    const { call } = await letter('S1/F.high', 'B');
    assert.equal(await result(operator, { alarm: 'S1/F.high', do: 'ack', call }), 'E_COMMENT');
    assert.equal(await result(operator, { alarm: 'S1/F.high', do: 'reset' }), 'E_ACTIVE');
    assert.equal(await result(operator, { alarm: 'S1/F.high', do: 'ack', call, comment: 'burst' }), 'OK');
    assert.equal((await alarm('S1/F.high')).confirm_due, true);
    await sample({ F: 30 });
    const latched = await letter('S1/F.high', 'F');
    assert.equal(latched.latched, true);
    assert.equal(await result(operator, { alarm: 'S1/F.high', do: 'reset' }), 'E_NOT_CONFIRMED');
    assert.equal(await result(operator, { alarm: 'S1/F.high', do: 'confirm', comment: 'repaired' }), 'OK');
    assert.equal(await result(operator, { alarm: 'S1/F.high', do: 'reset' }), 'OK');
    const after = await alarm('S1/F.high');
    assert.deepEqual([after.letter, after.latched, after.confirm_due, after.retain], ['A', false, false, false]);
    assert.equal(await result(operator, { alarm: 'S1/F.high', do: 'reset' }), 'E_NOT_LATCHED');
    assert.equal(await result(operator, { alarm: 'S1/L.high', do: 'confirm' }), 'E_NOT_CONFIRMABLE');
    const rows = await p.sql(`select j.kind, j.from_letter || j.to_letter as step, j.actor, j.comment from alarm_journal j join config_key k on k.key = j.alarm_key where k.name = 'S1/F.high' order by n`);
    assert.deepEqual(rows.map((r) => `${r.kind} ${r.step} ${r.actor} ${r.comment}`.trim()),
      ['raise AB', 'ack BC operator burst', 'rtn CF', 'confirm FF operator repaired', 'reset FA operator']);
  });

  test('a shelf has a reason and an end', async () => {
    const item = { alarm: 'S1/L.high', do: 'shelve' };
    assert.equal(await result(operator, { ...item, duration_s: 60 }), 'E_REASON');
    for (const duration_s of [0, -1, 3601]) assert.equal(await result(operator, { ...item, reason: 'x', duration_s }), 'E_SHELVE_TIME');
    assert.equal(await result(operator, { alarm: 'S1/RUN.on', do: 'shelve', reason: 'x', duration_s: 60 }), 'E_NOT_SHELVABLE');
    assert.equal(await result(operator, { alarm: 'S1/L.high', do: 'unshelve' }), 'E_NOT_SHELVED');
    assert.deepEqual(await one(operator, { ...item, reason: 'sensor', duration_s: 2 }).then((r) => [r.result, r.letter]), ['OK', 'G']);
    const { a: shelved } = await told('S1/L.high', 'shelve'); // as it was then: a moment later it may be over
    assert.deepEqual([shelved.base, shelved.shelved.by, shelved.shelved.reason, shelved.shelved.one_shot], ['C', 'operator', 'sensor', false]);
    assert.equal(Date.parse(shelved.shelved.until) - Date.parse(shelved.shelved.since), 2000);
    const end = await told('S1/L.high', 'unshelve');
    assert.deepEqual([end.r.reason, end.r.cause, end.r.actor, end.r.from, end.r.to, end.a.shelved], ['expired', 'timer', null, 'G', 'B', null], 'it is active: announced anew');
    await until('its record is stored', async () => (await newest('S1/L.high')).unshelved === 'expired');
    // Until the return to normal.
    assert.equal(await result(operator, { ...item, reason: 'once', one_shot: true }), 'OK');
    assert.equal((await newest('S1/L.high')).until_us - (await newest('S1/L.high')).at_us, 3600_000_000n, 'at most the longest shelf');
    assert.equal((await alarm('S1/L.high')).shelved.one_shot, true);
    await sample({ L: 3 });
    await told('S1/L.high', 'unshelve', (m) => m.r.reason === 'rtn');
    assert.deepEqual(((a) => [a.letter, a.shelved])(await alarm('S1/L.high')), ['A', null]);
  });

  test('suppressed and out of service: hidden, without a sound, and back as it is beneath', async () => {
    assert.equal(await result(engineer, { alarm: 'S1/P.high', do: 'oos' }), 'E_REASON');
    assert.equal(await result(engineer, { alarm: 'S1/P.high', do: 'oos', reason: 'exchange' }), 'OK');
    await sample({ P: 9 });
    const hidden = await alarm('S1/P.high');
    assert.deepEqual([hidden.letter, hidden.base, hidden.ring, hidden.out_of_service.by, hidden.out_of_service.reason], ['I', 'B', false, 'engineer', 'exchange']);
    assert.equal((await newest('S1/P.high')).flags & 1, 1, 'its raise is hidden');
    assert.equal(await result(engineer, { alarm: 'S1/P.high', do: 'suppress', reason: 'maintenance', source: 'work 7' }), 'OK');
    assert.equal((await newest('S1/P.high')).source, 'work 7');
    assert.equal(await result(engineer, { alarm: 'S1/P.high', do: 'in_service' }), 'OK');
    assert.deepEqual(((a) => [a.letter, a.suppressed_by])(await alarm('S1/P.high')), ['H', ['work 7']]);
    assert.equal(await result(engineer, { alarm: 'S1/P.high', do: 'in_service' }), 'E_NOT_OOS');
    assert.equal(await result(engineer, { alarm: 'S1/P.high', do: 'unsuppress', source: 'other' }), 'E_NOT_SUPPRESSED');
    assert.equal(await result(engineer, { alarm: 'S1/P.high', do: 'unsuppress', source: 'work 7' }), 'OK');
    const back = await alarm('S1/P.high');
    assert.deepEqual([back.letter, back.occ, back.call > 1, back.ring, back.suppressed_by], ['B', 1, true, true, []], 'it is announced now');
    assert.deepEqual((await list('state=suppressed')), []);
  });

  test('silence stops the sound of one position and acknowledges nothing', async () => {
    assert.equal((await viewer.post('/api/alarms/silence', { body: { position: 'main' } })).status, 403);
    assert.equal((await operator.post('/api/alarms/silence', { body: { position: 'nowhere' } })).status, 422);
    assert.equal((await operator.post('/api/alarms/silence', { body: { position: 'main' } })).status, 204);
    assert.equal((await live.find('silence', (m) => m.op === 'silence')).position, 'main');
    assert.deepEqual(((a) => [a.letter, a.ring])(await alarm('S1/P.high')), ['B', false]);
    await sample({ RUN: true });
    assert.equal((await letter('S1/RUN.on', 'B')).ring, true, 'what comes later rings');
  });

  test('a list is answered item by item, in its order, each role as it may', async () => {
    const { call } = await alarm('S1/P.high');
    const running = (await alarm('S1/RUN.on')).call;
    assert.equal((await viewer.post('/api/alarms/requests', { body: { items: [{ alarm: 'S1/P.high', do: 'comment', comment: 'x' }] } })).status, 403);
    const answers = await ask(operator,
      { alarm: 'S1/P.high', do: 'ack', call }, { alarm: 'S1/none', do: 'ack', call: 1 }, { alarm: 'S1/P.high', do: 'ack', call },
      { alarm: 'S1/P.high', do: 'comment', comment: 'see log' }, { alarm: 'S1/P.high', do: 'oos', reason: 'no' }, { alarm: 'S1/P.high', do: 'disable', reason: 'no' },
      { alarm: 'S1/RUN.hours', do: 'zero' }, { alarm: 'S1/RUN.on', do: 'ack', call: running });
    assert.deepEqual(answers.map((r) => [r.alarm, r.result]), [
      ['S1/P.high', 'OK'], ['S1/none', 'E_UNKNOWN'], ['S1/P.high', 'ALREADY'], ['S1/P.high', 'OK'], ['S1/P.high', 'E_FORBIDDEN'], ['S1/P.high', 'E_FORBIDDEN'],
      ['S1/RUN.hours', 'E_FORBIDDEN'], ['S1/RUN.on', 'OK']]);
    const row = await newest('S1/P.high');
    assert.deepEqual([row.kind, row.comment, row.from_letter, row.to_letter], ['comment', 'see log', 'C', 'C']);
    for (const [body, pointer] of [
      [{ items: [] }, '/items'], [{ items: [{ alarm: 'S1/P.high', do: 'sing' }] }, '/items/0/do'], [{ items: [{ alarm: 'S1/P.high', do: 'ack' }] }, '/items/0/call'],
      [{ items: [{ alarm: 'S1/P.high', do: 'reset', duration_s: 3 }] }, '/items/0/duration_s'], [{ items: Array.from({ length: 501 }, () => ({ alarm: 'S1/P.high', do: 'reset' })) }, '/items'],
    ]) {
      const refused = await operator.post('/api/alarms/requests', { body });
      assert.equal(refused.status, 422, refused.text);
      assert.equal(refused.json.errors[0].pointer, pointer, refused.text);
    }
  });

  test('an alarm is disabled and enabled as a revision of the configuration', async () => {
    await sample({ P: 3 });
    const [{ r: before }] = await p.sql('select max(revision) as r from config_revision');
    assert.equal(await result(engineer, { alarm: 'S1/P.high', do: 'disable', reason: 'no sensor' }), 'OK');
    assert.equal((await letter('S1/P.high', 'Z')).retain, false);
    await sample({ P: 9.5 });
    assert.equal((await alarm('S1/P.high')).letter, 'Z');
    assert.equal(await result(engineer, { alarm: 'S1/P.high', do: 'ack', call: (await alarm('S1/P.high')).call }), 'E_DISABLED');
    assert.equal(await result(engineer, { alarm: 'S1/P.high', do: 'enable', reason: 'new sensor' }), 'OK');
    const a = await letter('S1/P.high', 'B');
    assert.deepEqual([a.acked_by, a.since_ack], [null, 1], 'what was before it was disabled does not count');
    const revisions = await p.sql('select actor, reason from config_revision where revision > $1 order by revision', [before]);
    assert.deepEqual(revisions, [{ actor: 'engineer', reason: 'no sensor' }, { actor: 'engineer', reason: 'new sensor' }]);
    assert.equal(await result(engineer, { alarm: 'S1/P.high', do: 'enable', reason: 'again' }), 'ALREADY');
    await sample({ P: 3 });
  });

  test('rules, calculated tags and what gathers: why it is so', async () => {
    await sample({ L: 6, RUN: true });
    await letter('S1/BOTH', 'B');
    const why = (await viewer.get('/api/alarm/why?name=S1/BOTH')).json;
    assert.deepEqual([why.source, why.letter, why.condition], ['"S1/L" > 5 m and RUN', 'B', true]);
    assert.ok(why.parts.some((x) => x.text === '"S1/L"' && x.value === 6 && x.unit === 'm'), JSON.stringify(why.parts));
    assert.equal((await p.tag(viewer, 'S1/HEAD')).value, 7);
    assert.match((await viewer.get('/api/alarm/why?name=S1/L.high')).json.source, /S1\/L/);
    const hours = await until('it runs', async () => { const a = await alarm('S1/RUN.hours'); return a.accumulated > 0 && a; });
    assert.deepEqual([hours.limit, hours.unit], [7200, 's']);
    assert.equal(await result(engineer, { alarm: 'S1/RUN.hours', do: 'zero' }), 'OK');
    assert.equal(await result(engineer, { alarm: 'S1/BOTH', do: 'zero' }), 'E_NO_ACCUMULATOR');
    assert.ok((await newest('S1/RUN.hours')).kind === 'zero');
    const detail = (await viewer.get('/api/alarm?name=S1/L.high')).json;
    assert.equal(detail.config.limit, '800 cm');
    assert.ok(detail.journal.length > 5 && detail.journal[0].seq > detail.journal[1].seq && detail.cost >= 3, JSON.stringify(detail.cost));
    assert.equal((await p.tag(viewer, 'S1/L')).cost, detail.cost);
    await sample({ L: 3, RUN: false });
  });

  test('what was stored behind a cut line is history: nothing rings, nothing changes', async () => {
    const { epoch } = gateway;
    const before = await alarm('S1/L.high');
    const unacked = (await list('site=S1&state=unacked')).map((a) => a.name);
    gateway.end();
    const cut = us();
    const comm = await letter('S1/gw-s1.comm', 'B');
    assert.deepEqual([comm.kind, comm.gateway, comm.tag], ['comm', 'gw-s1', null]);
    assert.equal((await p.tag(viewer, 'S1/L')).quality >= 0x80, true);
    const waiting = (await list('site=S1&state=unacked')).map((a) => a.name);
    assert.deepEqual(waiting.filter((name) => !unacked.includes(name)), ['S1/gw-s1.comm'], 'one alarm for one cut line');
    const [{ newest: mark }] = await p.sql('select max(seq) as newest from alarm_journal');
    const first = seq;
    seq += 3;
    gateway = await welcomed(p, 'gw-s1', { epoch, next: seq, answers: true });
    const live_n = seq++;
    gateway.send(data({ seq: live_n, samples: [[1, us(), 3], [2, us(), 30], [3, us(), 3], [4, us(), false]] }));
    gateway.send(data({ seq: first, flags: FLAG.J | FLAG.H, samples: [[1, cut + 100000n, 9]] }));
    gateway.send(data({ seq: first + 1, flags: FLAG.J | FLAG.H, samples: [[1, cut + 200000n, 3]] }));
    gateway.send(data({ seq: first + 2, flags: FLAG.J | FLAG.H, samples: [[1, cut + 300000n, 9.5]] }));
    await gateway.acked(first + 2);
    await until('the end of the backlog', async () => (await newest('S1/L.high')).kind === 'hist_rtn');
    const rows = await p.sql(`select j.kind, j.src_us, j.flags & 128 as ring, j.from_letter || j.to_letter as step, j.occ, j.cause from alarm_journal j join config_key k on k.key = j.alarm_key
      where k.name = 'S1/L.high' and j.seq > $1 and j.kind like 'hist%' order by j.seq`, [mark]);
    assert.deepEqual(rows.map((r) => [r.kind, r.ring, r.step, r.cause, r.occ]), ['hist_raise', 'hist_rtn', 'hist_raise', 'hist_rtn'].map((kind) => [kind, 0, 'AA', 'history', BigInt(before.occ)]));
    assert.deepEqual(rows.slice(0, 3).map((r) => r.src_us), [cut + 100000n, cut + 200000n, cut + 300000n]);
    const after = await alarm('S1/L.high');
    assert.deepEqual([after.letter, after.occ, after.call, after.ring], [before.letter, before.occ, before.call, false]);
    await letter('S1/gw-s1.comm', 'D');
    assert.deepEqual((await viewer.get('/api/alarms/history?alarm=S1/L.high&kind=hist_raise&order=src')).json.records.map((r) => r.kind), ['hist_raise', 'hist_raise']);
  });

  test('a clock that is wrong is one alarm of its gateway', async () => {
    const n = seq++;
    gateway.send(data({ seq: n, samples: [[1, us() + 600_000_000n, 3.1], [2, us() + 600_000_000n, 31]] }));
    await gateway.acked(n);
    assert.equal((await letter('S1/gw-s1.clock', 'B')).gateway, 'gw-s1');
    await sample({ L: 3.2, F: 32 });
    await letter('S1/gw-s1.clock', 'D');
  });

  test('a real gateway replays: the other position hears it', async () => {
    const dir = join(p.dir, 'recording');
    mkdirSync(dir);
    // Again and again, since what comes before the line is up is history and rings nowhere.
    writeFileSync(join(dir, 'a.csv'), `t_s,level\n${Array.from({ length: 50 }, (_, i) => `${i},${i < 25 ? 3 : 9}`).join('\n')}\n`);
    const child = p.startGateway('gw-s2', { config: { ...p.gatewayConfig('gw-s2'), flush_ms: 50,
      sources: [{ kind: 'replay', file: join(dir, 'a.csv'), time_column: 't_s', speed: 100, loop: true, tags: [{ column: 'level', name: 'L', type: 'f64' }] }] } });
    const of = (kinds) => p.sql(`select j.kind, j.position, j.occ from alarm_journal j join config_key k on k.key = j.alarm_key where k.name = 'S2/L.high' and j.kind = any($1) order by n`, [kinds]);
    await until('it has rung five times and returned', async () => (await of(['raise', 'reraise', 'rtn'])).length >= 10);
    await p.kill(child, 'SIGTERM');
    await until('the line is known to be down', async () => (await viewer.get('/api/gateways')).json.gateways.some((g) => g.name === 'gw-s2' && !g.up));
    await stored();
    const rows = await of(['raise', 'reraise', 'rtn']);
    assert.deepEqual(rows.map((r) => r.kind), rows.map((_, i) => (i === 0 ? 'raise' : i % 2 === 0 ? 'reraise' : 'rtn')));
    assert.ok(rows.every((r) => r.position === 'east'));
    assert.ok((await list('position=east')).every((a) => a.site === 'S2'));
    rung = rows.filter((r) => r.kind !== 'rtn').length;
    assert.equal((await alarm('S2/L.high')).since_ack, rung);
  });

  test('every screen gets every record, in order, and can go on where it was', async () => {
    const [{ top }] = await p.sql('select max(seq) as top from alarm_journal');
    await until('all of them', () => live.messages.some((m) => m.op === 'alarm' && m.n === Number(top)));
    // Another configuration makes a screen load everything anew: there alone numbers are left out.
    let before = live.messages.find((m) => m.op === 'alarm').n - 1;
    for (const m of live.messages.filter((x) => x.op === 'alarm' || x.op === 'resync')) {
      if (m.op === 'alarm' && before !== null) assert.equal(m.n, before + 1);
      before = m.op === 'alarm' ? m.n : null;
    }
    const rows = new Map((await p.sql('select seq, n, kind, from_letter, to_letter, occ, call, actor, comment from alarm_journal')).map((r) => [Number(r.seq), r]));
    for (const { r: m } of live.messages.filter((x) => x.op === 'alarm' && x.n <= Number(top))) {
      const r = rows.get(m.seq);
      assert.deepEqual([m.n, m.kind, m.from, m.to, m.occ, m.call, m.actor ?? '', m.comment], [Number(r.n), r.kind, r.from_letter, r.to_letter, Number(r.occ), Number(r.call), r.actor, r.comment]);
    }
    const other = await p.live(operator);
    const { e } = await other.find('hello', (m) => m.op === 'hello');
    other.send({ op: 'resume', e, n: Number(top) - 5 });
    await other.find('the newest', (m) => m.op === 'alarm' && m.n === Number(top));
    assert.deepEqual(other.messages.filter((m) => m.op === 'alarm').map((m) => m.n).slice(0, 5), [4, 3, 2, 1, 0].map((i) => Number(top) - i));
    // They are told once a second.
    await until('the counts are those of the list', async () => other.messages.findLast((m) => m.op === 'counts')?.unacked[0] === (await list('state=unacked')).length);
    const beat = await other.find('a heartbeat', (m) => m.op === 'hb' && m.j >= Number(top));
    assert.ok(beat);
  });

  test('the journal alone tells what the room saw, at every moment', async () => {
    const seen = live.messages.filter((m) => m.op === 'alarm' && m.a);
    // "a" is how the alarm is when it is told: after several records in one turn, as the last one left it.
    const last = new Map();
    for (const m of seen.filter((x) => x.a.changed === x.r.at)) last.set(`${m.a.name} ${m.r.at}`, m);
    const moments = [...new Set([...last.values()].map((m) => m.r.at))].filter((_, i) => i % 3 === 0);
    assert.ok(moments.length > 10);
    for (const at of moments) {
      const { alarms } = (await viewer.get(`/api/alarms/state_at?t=${encodeURIComponent(at)}&state=all`)).json;
      const shown = [...last.values()].filter((m) => m.r.at === at).map((m) => m.a);
      assert.deepEqual(stateDifferences(shown, alarms.filter((s) => shown.some((a) => a.name === s.name))), [], at);
    }
    assert.deepEqual(stateDifferences(await list(), (await viewer.get(`/api/alarms/state_at?t=${us()}&state=all`)).json.alarms), []);
    assert.deepEqual((await viewer.get(`/api/alarms/state_at?t=${began - 1000000n}&state=all`)).json.alarms, []);
  });

  test('the figures are what one counts by hand', async () => {
    await stored();
    const to = us();
    const figures = async (position) => new Map((await viewer.get(`/api/alarms/kpi?from=${began}&to=${to}${position ? `&position=${position}` : ''}`)).json.figures.map((f) => [f.name, f]));
    const count = async (where) => Number((await p.sql(`select count(*) as n from alarm_journal where kind in ('raise', 'reraise') and to_letter not in ('G', 'H', 'I', 'Z') and at_us < ${to} and ${where}`))[0].n);
    assert.equal((await figures()).get('n').value, await count('true'));
    assert.equal((await figures('east')).get('n').value, await count(`position = 'east'`));
    for (const f of (await figures()).values()) assert.ok(f.definition.length > 10, f.name);
    const actors = (await viewer.get(`/api/alarms/bad_actors?from=${began}&to=${to}`)).json.figures;
    assert.equal(actors[0].name, 'S2/L.high');
    assert.equal(actors[0].value, rung);
    const { findings } = (await viewer.get('/api/alarms/checks')).json;
    assert.ok(findings.some((f) => f.alarm === 'S1/L.high'), JSON.stringify(findings[0]));
  });

  test('killed and started again, all is as it was', async () => {
    await sample({ L: 9, F: 90, P: 9, RUN: true });
    await letter('S1/F.high', 'B');
    assert.deepEqual((await ask(engineer, { alarm: 'S1/L.high', do: 'shelve', reason: 'over night', duration_s: 1800 }, { alarm: 'S1/P.high', do: 'oos', reason: 'exchange' },
      { alarm: 'S1/RUN.on', do: 'suppress', reason: 'test', source: 'work 8' }, { alarm: 'S1/RUN.on', do: 'suppress', reason: 'test', source: 'work 9' })).map((r) => r.result), ['OK', 'OK', 'OK', 'OK']);
    await stored();
    const before = await list();
    await p.kill(p.server);
    const states = async () => (await viewer.get(`/api/alarms/state_at?t=${us()}&state=all`)).json.alarms;
    await p.startServer();
    const after = await list();
    const plain = (a) => { const { untrusted, untrusted_since, ring, pending, accumulated, first, chatter, limit, ...rest } = a; return rest; };
    assert.deepEqual(after.map(plain), before.map(plain));
    assert.deepEqual(stateDifferences(after, await states()), []);
    assert.deepEqual(await alarmJournalBreaches(p), []);
    await stored();
    assert.equal((await p.sql(`select count(*) as n from alarm_journal where cause = 'restart' and flags & 128 <> 0`))[0].n, 0n, 'a restart rings nothing');
  });
});
