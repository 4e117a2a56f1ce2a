// Certificates that end and two clients with one identity, as alarms that nobody has configured: real certificates of short life, the real server.
// Covers: app/certificates.c, core_certificate.c, complete.c, roster.c
import assert from 'node:assert/strict';
import { randomBytes, X509Certificate } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Penstock, until } from '../lib/penstock.mjs';
import { hello, peer, randomEpoch, welcomed } from '../lib/link.mjs';

const config = {
  sites: [{ name: 'S1', title: 'Station 1' }],
  gateways: ['gw-long', 'gw-short', 'gw-kept', 'gw-none'].map((name) => ({ name, site: 'S1' })),
  tags: [{ name: 'S1/L', gateway: 'gw-long', low: 0, high: 10, unit: 'm' }],
  // The one thing that is set here: so that the return is seen within the test.
  alarms: [{ name: 'S1/gw-long.duplicate', kind: 'duplicate', gateway: 'gw-long', priority: 2, off_delay_s: 2 }],
};

describe('alarms of certificates and identities', { concurrency: false }, () => {
  const p = new Penstock({ config });
  let operator, live, short;
  /** A new certificate in place of the one there. */
  const anew = (file, ...args) => {
    for (const end of ['pem', 'key']) rmSync(p.pkiFile(`${file}.${end}`), { force: true });
    p.pki(...args);
  };
  /** What is asked of an alarm right after the start is refused as long as not all connections are made. */
  const stores = () => until('the server stores', async () => (await p.get('/api/health')).json.store.state === 'ok');
  before(async () => {
    await p.prepare({ gateways: ['gw-long'] });
    anew('link', 'server', 'link', 'IP:127.0.0.1,DNS:localhost', 'link', '--days', '5');
    anew('web', 'server', 'web', 'IP:127.0.0.1,DNS:localhost', 'web', '--days', '20');
    p.pki('gateway', 'gw-short', '--days', '5');
    await p.startServer();
    await stores();
    operator = await p.login('operator');
    live = await p.live(operator);
  });
  after(() => p.stop());

  const alarm = async (name) => (await operator.get('/api/alarms?state=all')).json.alarms.find((a) => a.name === name);
  const letter = (name, wanted, more = () => true) => until(`${name} is ${wanted}`, async () => { const a = await alarm(name); return a?.letter === wanted && more(a) && a; });
  const journal = (name) => p.sql('select j.* from alarm_journal j join config_key k on k.key = j.alarm_key where k.name = $1 order by j.n', [name]);
  /** The newest record; a list shows a transition before its record is committed. */
  const journaled = (name, kind) => until(`the ${kind} of ${name} is in the journal`, async () => { const row = (await journal(name)).at(-1); return row?.kind === kind && row; });
  const ask = async (item) => {
    const answer = await operator.post('/api/alarms/requests', { body: { items: [item], position: 'main' } });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.results[0].result, 'OK', answer.text);
  };

  test('the server tells before its own certificates end, the sooner the more urgent', async () => {
    const link = await letter('_server/link.certificate', 'B');
    assert.deepEqual([link.kind, link.priority, link.limit, link.unit, link.gateway, link.site], ['certificate', 3, 7, 'd', null, '_server']);
    assert.ok(link.value > 3.9 && link.value <= 5, `${link.value} days`);
    const web = await letter('_server/web.certificate', 'B');
    assert.deepEqual([web.priority, web.limit], [4, 30]);
    assert.equal((await alarm('_server/authority.certificate')).letter, 'A');
    const { action, cause } = (await operator.get('/api/alarm-settings/_server/link.certificate')).json;
    assert.match(action, /link\.cert and link\.key/);
    assert.match(cause, /link\.cert/);
  });

  test('they can be acknowledged and shelved like others', async () => {
    await ask({ alarm: '_server/web.certificate', do: 'ack', call: (await alarm('_server/web.certificate')).call });
    await letter('_server/web.certificate', 'C');
    await ask({ alarm: '_server/link.certificate', do: 'shelve', duration_s: 3600, reason: 'the new one comes on Monday' });
    await letter('_server/link.certificate', 'G');
    await ask({ alarm: '_server/link.certificate', do: 'unshelve' });
    await letter('_server/link.certificate', 'B');
  });

  test('the link\'s alarm ends when a new certificate is in place, without a restart', async () => {
    anew('link', 'server', 'link', 'IP:127.0.0.1,DNS:localhost', 'link');
    await letter('_server/link.certificate', 'D');
    await ask({ alarm: '_server/link.certificate', do: 'ack', call: (await alarm('_server/link.certificate')).call });
    await letter('_server/link.certificate', 'A');
  });

  test('a gateway shows a certificate that ends soon: an alarm that its going does not end', async () => {
    assert.deepEqual([(await alarm('S1/gw-short.certificate')).letter, (await alarm('S1/gw-short.certificate')).untrusted], ['A', false]);
    short = await welcomed(p, 'gw-short', { answers: true });
    const a = await letter('S1/gw-short.certificate', 'B');
    assert.deepEqual([a.priority, a.limit, a.gateway], [3, 7, 'gw-short']);
    await live.find('it is on every screen', (m) => m.op === 'alarm' && m.a?.name === 'S1/gw-short.certificate' && m.r.kind === 'raise');
    short.end();
    await until('it is down', async () => !(await operator.get('/api/gateways')).json.gateways.find((g) => g.name === 'gw-short').up);
    assert.equal((await alarm('S1/gw-short.certificate')).letter, 'B');
    const why = (await operator.get('/api/alarm/why?name=S1/gw-short.certificate')).json;
    assert.match(JSON.stringify(why), /days left of the certificate of gw-short < 7 d/);
  });

  test('a restart keeps it, and a renewed certificate in use ends it', async () => {
    await ask({ alarm: 'S1/gw-short.certificate', do: 'ack', call: (await alarm('S1/gw-short.certificate')).call });
    await p.restartServer();
    operator = await until('a login', () => p.login('operator').catch(() => null));
    await letter('S1/gw-short.certificate', 'C', (a) => a.untrusted && a.priority === 3);
    assert.equal((await journal('S1/gw-short.certificate')).filter((r) => r.kind === 'raise').length, 1);
    assert.equal((await journal('_server/web.certificate')).filter((r) => r.kind === 'raise').length, 1, 'told again, and not raised again');
    anew('gateways/gw-short', 'gateway', 'gw-short', '--days', '90');
    short = await welcomed(p, 'gw-short', { answers: true });
    await letter('S1/gw-short.certificate', 'A', (a) => !a.untrusted);
    await journaled('S1/gw-short.certificate', 'rtn');
    short.end();
  });

  test('the database knows the end of one that is not there; revoked, it has none; never enrolled, neither', async () => {
    await p.kill(p.server, 'SIGTERM');
    await p.sql(`insert into gateway_certificate (gateway_key, serial, fingerprint, public_key, not_before, not_after, issued_why, issued_by, op)
                 select key, $1, $2, $1, now() - interval '89 days', now() + interval '20 hours', 'enrol', 'test', gen_random_uuid()
                   from config_key where name = 'gw-kept' and kind = 'gateway'`, [randomBytes(16), randomBytes(32)]);
    await p.startServer();
    operator = await until('a login', () => p.login('operator').catch(() => null));
    const a = await letter('S1/gw-kept.certificate', 'B');
    assert.deepEqual([a.priority, a.limit], [2, 1]);
    assert.deepEqual([(await alarm('S1/gw-none.certificate')).letter, (await alarm('S1/gw-none.certificate')).untrusted], ['A', false]);
    p.penstock('gateway', 'revoke', 'gw-kept', '--reason', 'scrapped');
    await letter('S1/gw-kept.certificate', 'D');
  });

  test('a second client with one identity is an alarm; the first one is kept, and the journal says who the other is', async () => {
    live = await p.live(operator);
    await live.find('hello', (m) => m.op === 'hello');
    let kept = await welcomed(p, 'gw-long', { answers: true });
    for (let i = 0; i < 3; i++) {
      const next = await welcomed(p, 'gw-long', { answers: true });
      await kept.frame('BYE');
      kept = next;
    }
    const other = peer(p, 'gw-long');
    await other.connected;
    const from = `127.0.0.1:${other.socket.localPort}`;
    other.send(hello({ gateway: 'gw-long', epochs: [{ epoch: randomEpoch(), next: 0 }] }));
    assert.match((await other.frame('BYE')).text, /another connection of this gateway is kept/);
    // It returns after two seconds: a list that is asked too late does not show it any more, the stream of changes does.
    const { a } = await live.find('the alarm', (m) => m.op === 'alarm' && m.a?.name === 'S1/gw-long.duplicate' && m.r.kind === 'raise');
    assert.equal(a.priority, 2);
    await letter('S1/gw-long.duplicate', 'D'); // nobody tried again
    await journaled('S1/gw-long.duplicate', 'rtn');
    const [raised] = await journal('S1/gw-long.duplicate');
    const { serialNumber } = new X509Certificate(readFileSync(p.pkiFile('gateways/gw-long.pem')));
    assert.match(raised.comment, new RegExp(`^${from.replaceAll('.', '\\.')} with certificate 0*${serialNumber.replace(/^0+/, '')} came again while 127`, 'i'));
    assert.equal(kept.closed, false);
    const { records } = (await operator.get('/api/alarms/history?alarm=S1/gw-long.duplicate')).json;
    assert.ok(records.some((r) => r.comment?.includes(from)), 'people read it in the history');
    await ask({ alarm: 'S1/gw-long.duplicate', do: 'ack', call: (await alarm('S1/gw-long.duplicate')).call });
    await letter('S1/gw-long.duplicate', 'A');
    other.end();
    kept.end();
  });

  test('what an earlier version configured gets its alarms at the start, by a revision that says so', async () => {
    await p.kill(p.server, 'SIGTERM');
    const gone = ['S1/gw-none.certificate', 'S1/gw-none.duplicate', '_server/web.certificate'];
    await p.sql(`select config_apply(gen_random_uuid(), 'test', 'as it was', array_fill('alarm'::text, array[3]), $1, array_fill(null::text, array[3]), array_fill(-1::bigint, array[3]))`, [gone]);
    await p.startServer();
    operator = await until('a login', () => p.login('operator').catch(() => null));
    for (const name of gone) await until(`${name} is back`, () => alarm(name));
    await letter('_server/web.certificate', 'B');
    const [revision] = await p.sql('select actor, reason from config_revision order by revision desc limit 1');
    assert.deepEqual(revision, { actor: 'penstockd', reason: 'alarms that every gateway and the server have' });
  });
});
