// How gateways get, renew and lose their certificates: the real server, the real gateway, and the rows that tell of it.
// Covers: certify.c, identity_sql.c, revoked.c, enrolment.c, renewal.c, window.c, enrol_cmd.c, gateway_cmd.c, rest_identity.c
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { base32 } from '../lib/link.mjs';
import { Penstock, until } from '../lib/penstock.mjs';

const names = ['gw-s1', 'gw-s2', 'gw-s3', 'gw-s4', 'gw-s5'];
const config = {
  sites: [{ name: 'S1', title: 'Station 1' }],
  gateways: names.map((name) => ({ name, site: 'S1' })),
  tags: names.map((name) => ({ name: `S1/${name}.L`, gateway: name, low: 0, high: 10, unit: 'm' })),
};
const day = 24 * 3600 * 1000;

describe('certificates of gateways', { concurrency: false }, () => {
  const p = new Penstock({ config });
  let engineer, admin, first, fourth;
  before(async () => {
    await p.prepare({ gateways: ['gw-s3'] });
    mkdirSync(join(p.dir, 'keys'));
    await p.startServer({ link: { ca_key: p.pkiFile('ca.key') } });
    [engineer, admin] = await Promise.all([p.login('engineer'), p.login('admin')]);
    await until('the authority is known to the command line', async () => (await p.sql('select from gateway_authority')).length === 1);
  });
  after(() => p.stop());

  const keys = (name) => join(p.dir, 'keys', name);
  const enrolArgs = (token, dir, name = 'localhost') => ['enrol', token, '--host', '127.0.0.1', '--port', String(p.ports.link), '--name', name, '--dir', dir];
  /** Runs a command of the gateway; gives {code, out, err}. */
  const gateway = (...args) => new Promise((done) => execFile(join(p.bin, 'penstock-gateway'), args, (failure, out, err) =>
    done({ code: failure ? failure.code : 0, out, err })));
  const token = (name) => p.penstock('gateway', 'enrol', name).trim();
  const row = async (name) => (await engineer.get('/api/gateways')).json.gateways.find((g) => g.name === name);
  const upWith = (name, fingerprint, seconds = 60) => until(`${name} is up with ${fingerprint?.slice(0, 8) ?? 'any certificate'}`, async () => {
    const g = await row(name);
    return g.up && (!fingerprint || g.certificate.fingerprint === fingerprint) && g;
  }, seconds);
  const fingerprint = (file) => createHash('sha256').update(new X509Certificate(readFileSync(file)).raw).digest('hex');
  const certificates = (name) => p.sql(
    `select encode(c.fingerprint, 'hex') as fingerprint, c.issued_why, c.issued_by, c.not_after, c.public_key, r.reason
       from gateway_certificate c join config_key k on k.key = c.gateway_key left join gateway_revocation r using (fingerprint)
      where k.name = $1 order by c.certificate_id`, [name]);
  const audit = async (object, action) => (await p.sql('select actor, peer, detail from audit where object = $1 and action = $2 order by audit_id', [object, action]));
  const run = (name, files, label = name) => p.startGateway(label, {
    config: {
      ...p.gatewayConfig(name), ...files, flush_ms: 100,
      sources: [{ kind: 'replay', file: recording(), time_column: 't_s', speed: 1, loop: true, tags: [{ column: 'level', name: `${name}.L`, type: 'scaled', scale: 0.01, unit: 'm', low: 0, high: 10 }] }],
    },
  });
  const files = (name, dir = keys(name)) => ({ ca: join(dir, 'ca.pem'), cert: join(dir, `${name}.pem`), key: join(dir, `${name}.key`) });
  function recording() {
    const file = join(p.dir, 'level.csv');
    if (!existsSync(file)) writeFileSync(file, `t_s,level\n${Array.from({ length: 600 }, (_, i) => `${i},${(2 + (i % 100) / 100).toFixed(2)}`).join('\n')}\n`);
    return file;
  }

  test('a token makes a gateway that connects; its key never left it, the server keeps the public one', async () => {
    const text = token('gw-s1');
    assert.match(text, /^PSK1-gw-s1-[A-Z2-7]{26}-[A-Z2-7]{32}$/);
    const done = await gateway(...enrolArgs(text, keys('gw-s1')));
    assert.equal(done.code, 0, done.err);
    const { ca, cert, key } = files('gw-s1');
    assert.equal(statSync(key).mode & 0o777, 0o600);
    assert.equal(new X509Certificate(readFileSync(ca)).fingerprint256, new X509Certificate(readFileSync(p.pkiFile('ca.pem'))).fingerprint256);
    const x = new X509Certificate(readFileSync(cert));
    assert.equal(x.subjectAltName, 'URI:urn:penstock:gateway:gw-s1');
    assert.deepEqual(x.keyUsage, ['1.3.6.1.5.5.7.3.2'], 'clientAuth and no other');
    assert.ok(Math.abs(Date.parse(x.validTo) - Date.now() - 90 * day) < day);
    const [kept, ...rest] = await certificates('gw-s1');
    assert.equal(rest.length, 0);
    assert.deepEqual([kept.fingerprint, kept.issued_why, kept.reason], [fingerprint(cert), 'enrol', null]);
    assert.ok(kept.public_key.equals(x.publicKey.export({ type: 'spki', format: 'der' })));
    first = run('gw-s1', files('gw-s1'));
    const g = await upWith('gw-s1', kept.fingerprint);
    assert.equal(Date.parse(g.certificate.until), Date.parse(x.validTo));
    assert.equal((await audit('gw-s1', 'gateway.token')).length, 1);
    const [issued] = await audit('gw-s1', 'gateway.certificate');
    assert.match(issued.detail, /^enrol: serial [0-9a-f]{32}, until /);
    assert.match(issued.peer, /^127\.0\.0\.1:/);
  });

  test('a token works once', async () => {
    const text = token('gw-s2');
    assert.equal((await gateway(...enrolArgs(text, keys('gw-s2')))).code, 0);
    const again = await gateway(...enrolArgs(text, keys('stolen')));
    assert.equal(again.code, 1);
    assert.match(again.err, /used before/);
    assert.ok(!existsSync(join(keys('stolen'), 'gw-s2.pem')));
    assert.equal((await certificates('gw-s2')).length, 1);
    const told = await until('the audit has it', async () => { const rows = await audit('', 'link.certificate_refused'); return rows.length > 0 && rows; });
    assert.equal(told.length, 1);
  });

  test('a token that has expired, was superseded, is of another gateway or was never made is refused', async () => {
    const before = (await p.sql('select from gateway_certificate')).length;
    const good = token('gw-s2');
    const [, , , authority] = /^(PSK1)-(gw-s2)-.*-(.*)$/.exec(good);
    const secret = randomBytes(16);
    await p.sql(`insert into gateway_token (token_hash, gateway_key, created_by, expires_at)
                 select $1, key, 'test', now() - interval '1 second' from config_key where kind = 'gateway' and name = 'gw-s2'`, [createHash('sha256').update(secret).digest()]);
    const refused = async (text, why) => {
      const { code, err } = await gateway(...enrolArgs(text, keys('refused')));
      assert.equal(code, 1);
      assert.match(err, why);
    };
    await refused(`PSK1-gw-s2-${base32(secret)}-${authority}`, /expired/);
    await refused(good, /newer one was made/);
    await refused(token('gw-s2').replace('gw-s2', 'gw-s1'), /not known for this gateway/);
    await refused(`PSK1-gw-s9-${base32(secret)}-${authority}`, /no enabled gateway gw-s9/);
    await refused(`PSK1-gw-s2-${base32(randomBytes(16))}-${authority}`, /not known for this gateway/);
    assert.equal((await p.sql('select from gateway_certificate')).length, before);
  });

  test('a server without the authority of the token is told nothing', async () => {
    const text = token('gw-s2');
    const strange = `${text.slice(0, -32)}${'A'.repeat(32)}`;
    const other = await gateway(...enrolArgs(strange, keys('strange')));
    assert.equal(other.code, 1);
    assert.match(other.err, /does not have the authority that the token names/);
    const misnamed = await gateway(...enrolArgs(text, keys('strange'), 'another.example'));
    assert.match(misnamed.err, /certificate is refused: hostname mismatch; the name to connect to \(server\.name, --name\) must be one/);
    assert.equal((await gateway(...enrolArgs(text, keys('gw-s2')))).code, 0, 'the token is still good');
  });

  test('a token is not spent, and nothing is revoked, when the answer could not be written', async () => {
    const before = await certificates('gw-s2');
    const text = token('gw-s2');
    const nowhere = await gateway(...enrolArgs(text, '/proc')); // where nobody can make a file, root neither
    assert.equal(nowhere.code, 1);
    assert.match(nowhere.err, /\/proc\/gw-s2\.key\.new\.part: cannot write/);
    assert.deepEqual(await certificates('gw-s2'), before);
    assert.equal((await gateway(...enrolArgs(text, keys('gw-s2')))).code, 0);
  });

  test('to enrol again revokes the certificate of before, and ends its session', async () => {
    const child = run('gw-s2', files('gw-s2'));
    const old = fingerprint(files('gw-s2').cert);
    await upWith('gw-s2', old);
    copyFileSync(files('gw-s2').cert, join(p.dir, 'old.pem'));
    const answer = await engineer.post('/api/gateways/gw-s2/enrolment');
    assert.equal(answer.status, 201, answer.text);
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.ok(Math.abs(Date.parse(answer.json.until) - Date.now() - 3600e3) < 60e3);
    const second = await gateway(...enrolArgs(answer.json.token, keys('gw-s2b')));
    assert.equal(second.code, 0, second.err);
    await until('the session of the old certificate ends', async () => !(await row('gw-s2')).up);
    const list = await certificates('gw-s2');
    assert.deepEqual(list.map((c) => Boolean(c.reason)), [...list.slice(1).map(() => true), false], 'the newest alone is good');
    const renewing = await gateway('renew', join(p.dir, 'gw-s2.json'));
    assert.match(renewing.err, /was revoked: the gateway must be enrolled again/);
    for (const end of ['key', 'pem']) copyFileSync(join(keys('gw-s2b'), `gw-s2.${end}`), join(keys('gw-s2'), `gw-s2.${end}`));
    await upWith('gw-s2', fingerprint(files('gw-s2').cert), 180); // it was not started anew; a revoked one waits a minute
    assert.equal(child.exitCode, null);
    assert.equal((await audit('gw-s2', 'gateway.token')).at(-1).actor, 'engineer');
  });

  test('a certificate that ends soon is renewed over the link, and is in use then', async () => {
    const pki = { ca: p.pkiFile('ca.pem'), cert: p.pkiFile('gateways/gw-s3.pem'), key: p.pkiFile('gateways/gw-s3.key') };
    execFileSync('rm', [pki.cert, pki.key]);
    p.pki('gateway', 'gw-s3', '--days', '20');
    const old = fingerprint(pki.cert);
    const oldKey = readFileSync(pki.key, 'utf8');
    const child = run('gw-s3', pki);
    await until('a new one is in use', async () => (await certificates('gw-s3')).length === 1);
    const [fresh] = await certificates('gw-s3');
    await upWith('gw-s3', fresh.fingerprint);
    await until('it is in its place', () => fingerprint(pki.cert) === fresh.fingerprint && !existsSync(`${pki.cert}.new`) && !existsSync(`${pki.key}.new`));
    assert.notEqual(readFileSync(pki.key, 'utf8'), oldKey, 'a key of its own');
    assert.equal(fresh.issued_why, 'renew');
    assert.notEqual(fresh.fingerprint, old);
    assert.equal((await p.sql('select from gateway_revocation where fingerprint = $1', [Buffer.from(old, 'hex')])).length, 0, 'the old one stays good until its end');
    await until('its log tells it', () => /certificate\.renewed/.test(p.log('gw-s3')));
    await p.kill(child, 'SIGTERM');
    await until('it is down', async () => !(await row('gw-s3')).up);
    run('gw-s3', pki);
    await upWith('gw-s3', fresh.fingerprint);
    assert.equal((await certificates('gw-s3')).length, 1, 'and that one is not renewed at once');
  });

  const expired = (name) => {
    p.pki('gateway', name, '--expired');
    return { ca: p.pkiFile('ca.pem'), cert: p.pkiFile(`gateways/${name}.pem`), key: p.pkiFile(`gateways/${name}.key`) };
  };
  const openWindow = (who, name) => who.post(`/api/gateways/${name}/renewal_window`, { body: { reason: 'two months under water' } });

  test('a gateway whose certificate has expired gets a new one by itself as soon as a window is open', async () => {
    const pki = expired('gw-s4');
    fourth = run('gw-s4', pki);
    await until('it has asked', () => /no window for its renewal is open/.test(p.log('gw-s4')));
    assert.equal((await openWindow(engineer, 'gw-s4')).status, 403, 'an administrator opens it');
    assert.equal((await openWindow(admin, 'gw-s4')).status, 204);
    await upWith('gw-s4', undefined, 180); // it asks again after a growing pause
    const [fresh, ...rest] = await certificates('gw-s4');
    assert.equal(rest.length, 0);
    assert.deepEqual([fresh.issued_why, fresh.issued_by, fresh.fingerprint], ['window', 'admin', fingerprint(pki.cert)]);
    const [opened] = await audit('gw-s4', 'gateway.window');
    assert.deepEqual([opened.actor, /two months under water/.test(opened.detail)], ['admin', true]);
  });

  test('a window is for one certificate that has expired, and for nothing else', async () => {
    const pki = expired('gw-s5');
    const old = { cert: readFileSync(pki.cert), key: readFileSync(pki.key) };
    const file = join(p.dir, 'gw-s5.json');
    writeFileSync(file, JSON.stringify({ ...p.gatewayConfig('gw-s5'), ...pki, sources: [{ kind: 'replay', file: recording(), time_column: 't_s', speed: 1, loop: true, tags: [{ column: 'level', name: 'gw-s5.L', type: 'f64' }] }] }));
    const closed = await gateway('renew', file);
    assert.equal(closed.code, 1);
    assert.match(closed.err, /no window for its renewal is open/);
    p.penstock('gateway', 'window', 'gw-s5', '--reason', 'test');
    const renewed = await gateway('renew', file);
    assert.equal(renewed.code, 0, renewed.err);
    assert.match((await gateway('renew', file)).err, /has not expired/);
    writeFileSync(pki.cert, old.cert);
    writeFileSync(pki.key, old.key);
    assert.match((await gateway('renew', file)).err, /no window for its renewal is open/, 'it was for one');
    assert.equal((await certificates('gw-s5')).length, 1);
  });

  test('to revoke ends the session at once and keeps it out', async () => {
    await upWith('gw-s1');
    const shown = (await row('gw-s1')).certificate.fingerprint;
    const begin = performance.now();
    const answer = await engineer.post('/api/gateways/gw-s1/revocation', { body: { reason: 'the cabinet was broken into' } });
    assert.equal(answer.status, 204, answer.text);
    await until('it is down', async () => !(await row('gw-s1')).up);
    const took = performance.now() - begin;
    process.stdout.write(`# the session ended ${took.toFixed(0)} ms after the request\n`);
    assert.match((await row('gw-s1')).fault, /revoked/);
    await p.kill(first, 'SIGTERM');
    run('gw-s1', files('gw-s1'), 'gw-s1-again');
    await until('it tries again and is refused', async () => (await p.sql(`select from audit where action = 'link.refused' and detail ~ 'revoked' and object = 'gw-s1'`)).length > 0);
    const [done] = await audit('gw-s1', 'gateway.revoke');
    assert.deepEqual([done.actor, done.detail], ['engineer', '1 certificate: the cabinet was broken into']);
    const [r] = await p.sql(`select encode(fingerprint, 'hex') as f, revoked_by from gateway_revocation where reason = 'the cabinet was broken into'`);
    assert.deepEqual(r, { f: shown, revoked_by: 'engineer' });
    assert.equal((await engineer.post('/api/gateways/gw-s1/revocation', { body: {} })).status, 422);
    assert.equal((await engineer.post('/api/gateways/nobody/revocation', { body: { reason: 'x' } })).status, 404);
  });

  test('the command line revokes a certificate of another origin, and the list counts after a restart', async () => {
    await upWith('gw-s4');
    assert.match(p.penstock('gateway', 'revoke', 'gw-s4', '--reason', 'lost'), /revoked/);
    await until('it is down', async () => !(await row('gw-s4')).up);
    assert.match(p.penstock('gateway', 'certificates'), /gw-s4 +window +until .* revoked: lost/);
    await p.restartServer({ link: { ca_key: p.pkiFile('ca.key') } });
    engineer = await until('a login', () => p.login('engineer').catch(() => null));
    await p.kill(fourth, 'SIGTERM');
    run('gw-s4', { ca: p.pkiFile('ca.pem'), cert: p.pkiFile('gateways/gw-s4.pem'), key: p.pkiFile('gateways/gw-s4.key') }, 'gw-s4-again');
    await until('it is refused again', async () => /revoked/.test((await row('gw-s4')).fault));
  });

  test('what is kept of identities cannot be changed, and who enrols is bounded', async () => {
    for (const table of ['gateway_authority', 'gateway_token', 'gateway_token_use', 'gateway_certificate', 'gateway_revocation', 'gateway_window']) {
      await assert.rejects(p.sql(`delete from ${table}`), /append-only/);
    }
    assert.throws(() => p.penstock('gateway', 'enrol', 'gw-none'), /no enabled gateway/);
    assert.equal((await (await p.login('operator')).post('/api/gateways/gw-s1/enrolment')).status, 403);
  });

  test('a server without the authority\'s key says that it issues nothing', async () => {
    await p.restartServer();
    engineer = await until('a login', () => p.login('engineer').catch(() => null));
    const answer = await engineer.post('/api/gateways/gw-s1/enrolment');
    assert.equal(answer.status, 409);
    assert.match(answer.json.detail, /link\.ca_key/);
    const done = await gateway(...enrolArgs(token('gw-s1'), keys('none')));
    assert.equal(done.code, 1);
    assert.match(done.err, /does it issue certificates/);
  });
});
