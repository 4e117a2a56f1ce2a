// TLS on the link port: every certificate, version and cipher that a gateway must not have, shown to the real server over a real socket.
// Each is refused before a byte of the protocol is read, and the audit says who it was and why. And the other way round: every server that a gateway must
// not talk to, shown to the real gateway, whose log says why.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import tls from 'node:tls';
import { after, before, describe, test } from 'node:test';
import { base32, hello, peer, Peer, randomEpoch, welcomed } from '../lib/link.mjs';
import { Penstock, until } from '../lib/penstock.mjs';

const URN = 'urn:penstock:gateway:';
const hex = (bytes) => Buffer.from(bytes).toString('hex').match(/../g).join(':');
/** A subject alternative name of one URI with these bytes, which openssl's own syntax would not let pass. */
const rawUri = (text) => {
  const uri = Buffer.from(text, 'latin1');
  return `DER:${hex([0x30, uri.length + 2, 0x86, uri.length, ...uri])}`;
};
const P256 = ['EC', 'ec_paramgen_curve:P-256', 'ec_param_enc:named_curve'];

/** name: also the certificate's common name, by which the audit is searched. by: who signs. reason: what the audit must say. */
const cases = [
  { name: 'another authority', by: 'other', reason: /self-signed certificate in certificate chain|unable to get local issuer/ },
  { name: 'another authority of the same name', by: 'twin', reason: /unable to get local issuer|signature failure|issuer/ },
  { name: 'signed by itself', by: null, reason: /self-signed/ },
  { name: 'for servers', use: 'serverAuth', reason: /purpose|clientAuth/ },
  { name: 'for signing code', use: 'codeSigning', reason: /purpose|clientAuth/ },
  { name: 'for no said purpose', use: null, reason: /clientAuth/ },
  { name: 'expired', dates: ['20200101000000Z', '20200201000000Z'], reason: /certificate has expired/ },
  { name: 'not yet valid', dates: ['20900101000000Z', '20900201000000Z'], reason: /not yet valid/ },
  { name: 'an authority', extra: ['basicConstraints = critical, CA:TRUE', 'keyUsage = critical, keyCertSign'], reason: /./ },
  { name: 'weak RSA key', key: ['RSA', 'rsa_keygen_bits:1024'], reason: /key too (small|weak)/ },
  { name: 'weak curve', key: ['EC', 'ec_paramgen_curve:P-192', 'ec_param_enc:named_curve'], reason: /no certificate was shown/, unnamed: true }, // TLS 1.3 cannot use it
  { name: 'explicit curve', key: ['EC', 'ec_paramgen_curve:P-256', 'ec_param_enc:explicit'], reason: /./, unnamed: true },
  { name: 'weak signature', digest: 'sha1', reason: /md too weak|digest algorithm/ },
  { name: 'two gateways', san: `URI:${URN}gw-s1,URI:${URN}gw-s2`, reason: /more than one SAN URI/ },
  { name: 'another URI beside', san: `URI:${URN}gw-s1,URI:https://example.org/`, reason: /more than one SAN URI/ },
  { name: 'no alternative name', san: null, reason: /no SAN URI/ },
  { name: 'a host name', san: 'DNS:gw-s1', reason: /no SAN URI/ },
  { name: 'a mail address', san: 'email:gw-s1@example.org', reason: /no SAN URI/ },
  { name: 'a wildcard', san: `URI:${URN}*`, reason: /is not urn:penstock:gateway:NAME/ },
  { name: 'another kind', san: 'URI:urn:penstock:user:gw-s1', reason: /is not urn:penstock:gateway:NAME/ },
  { name: 'capitals', san: 'URI:URN:PENSTOCK:GATEWAY:gw-s1', reason: /is not urn:penstock:gateway:NAME/ },
  { name: 'an embedded zero', san: rawUri(`${URN}gw-s1\0.example.org`), reason: /is not urn:penstock:gateway:NAME/ },
  { name: 'a name too long', san: `URI:${URN}${'a'.repeat(201)}`, reason: /is not urn:penstock:gateway:NAME/ },
  { name: 'a line break', san: rawUri(`${URN}gw-s1\n`), reason: /is not urn:penstock:gateway:NAME/ },
  { name: 'chain too long', chain: 5, reason: /chain too long|path length/ },
  { name: 'a certificate of a mebibyte', big: 1024 * 1024, reason: /certificates.*longer than/, unnamed: true },
  { name: 'no certificate', by: 'nobody', reason: /no certificate was shown/, unnamed: true },
  { name: 'TLS 1.2', options: { min: 'TLSv1.2', max: 'TLSv1.2' }, reason: /TLS 1\.3/, unnamed: true },
  { name: 'no common cipher', options: { ciphers: 'TLS_AES_128_CCM_8_SHA256' }, reason: /no common cipher/, unnamed: true },
  { name: 'no ALPN', options: { alpn: null }, reason: /no ALPN/, unnamed: true },
  { name: 'another ALPN', options: { alpn: ['h2', 'http/1.1'] }, reason: /ALPN/, unnamed: true },
];

/** What a gateway must not take for its server, neither for a session nor to enrol with. */
const servers = [
  { name: 'only for clients', use: 'clientAuth', reason: /it is not for servers \(extended key usage serverAuth\)/ },
  { name: 'for signing code', use: 'codeSigning', reason: /it is not for servers/ },
  { name: 'for no said purpose', use: null, reason: /it is not for servers/ },
  { name: 'from another authority', by: 'other', reason: /unable to get local issuer/ },
  { name: 'from another authority of the same name', by: 'twin', reason: /signature failure|issuer/ },
  { name: 'for another name', san: 'DNS:elsewhere.example', reason: /hostname mismatch/ },
  { name: 'expired', dates: ['20200101000000Z', '20200201000000Z'], reason: /certificate has expired/ },
];

describe('TLS of the link', { concurrency: false }, () => {
  const p = new Penstock({
    config: {
      sites: [{ name: 'S1', title: 'Station 1' }],
      gateways: [{ name: 'gw-s1', site: 'S1' }, { name: 'gw-s2', site: 'S1' }],
      tags: [{ name: 'S1/L', gateway: 'gw-s1', low: 0, high: 10, unit: 'm' }],
    },
  });
  let dir, count = 0;
  const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe', maxBuffer: 1 << 26 });
  const file = (name) => join(dir, name);
  const read = (name) => readFileSync(file(name));

  const genkey = (name, [algorithm, ...options] = P256) => openssl('genpkey', '-algorithm', algorithm, ...options.flatMap((o) => ['-pkeyopt', o]), '-out', file(`${name}.key`));

  /** Signs NAME.key's certificate with these lines of openssl.cnf; by: prefix of the signer's files. */
  function sign(name, subject, by, lines, { dates = ['20240101000000Z', '20991231000000Z'], digest = 'sha256' } = {}) {
    writeFileSync(file('cnf'), `[ca]\ndefault_ca = d\n[d]\ndatabase = ${file('index')}\nnew_certs_dir = ${dir}\npolicy = policy\nunique_subject = no\nrand_serial = yes\n[policy]\ncommonName = supplied\n[req]\ndistinguished_name = req\n[x]\n${lines.join('\n')}\n`);
    writeFileSync(file('index'), '');
    openssl('req', '-new', '-config', file('cnf'), '-key', file(`${name}.key`), '-subj', `/CN=${subject}`, '-out', file('csr'));
    openssl('ca', '-batch', '-notext', '-config', file('cnf'), '-in', file('csr'), '-out', file(`${name}.pem`), '-extensions', 'x', '-md', digest,
      '-startdate', dates[0], '-enddate', dates[1], ...(by === name ? ['-selfsign', '-keyfile', file(`${name}.key`)] : ['-cert', `${by}.pem`, '-keyfile', `${by}.key`]));
  }

  const authority = ['basicConstraints = critical, CA:TRUE', 'keyUsage = critical, keyCertSign, cRLSign', 'subjectKeyIdentifier = hash'];

  /** The certificate of a case: {cert, key}. */
  function make({ name, by = 'ca', use = 'clientAuth', san = `URI:${URN}gw-s1`, key, dates, digest, extra, chain = 0, big = 0 }) {
    if (by === 'nobody') return {};
    const id = `c${count++}`;
    genkey(id, key);
    let signer = by === 'ca' ? p.pkiFile('ca') : by === null ? id : file(by);
    const above = [];
    for (let i = 0; i < chain; i++) {
      genkey(`${id}-${i}`);
      sign(`${id}-${i}`, `middle ${i}`, signer, [...authority, 'authorityKeyIdentifier = keyid:always']);
      signer = file(`${id}-${i}`);
      above.unshift(read(`${id}-${i}.pem`));
    }
    sign(id, name, signer, [
      ...(extra ?? ['basicConstraints = critical, CA:FALSE', 'keyUsage = critical, digitalSignature']),
      'subjectKeyIdentifier = hash',
      ...(by === null ? [] : ['authorityKeyIdentifier = keyid:always']),
      ...(use ? [`extendedKeyUsage = ${use}`] : []),
      ...(san ? [`subjectAltName = ${san}`] : []),
      ...(big ? [`1.2.3.4.5 = ASN1:UTF8String:${'x'.repeat(60000)}`] : []),
    ], { dates, digest });
    let cert = Buffer.concat([read(`${id}.pem`), ...above]);
    if (big) {
      const parts = [cert];
      for (let n = 0; n < big; n += 60000) parts.push(cert); // OpenSSL's own client sends what it is given
      cert = Buffer.concat(parts);
    }
    return { cert, key: read(`${id}.key`) };
  }

  const audited = (what, port, reason) => until(`an audit row about ${what}`, async () =>
    (await p.sql(`select object, detail from audit where action = 'link.refused' and peer = $1`, [`127.0.0.1:${port}`]))[0]).then((row) => {
    assert.match(row.detail, reason, what);
    return row;
  });

  before(async () => {
    await p.prepare({ gateways: ['gw-s1', 'gw-revoked'] });
    dir = join(p.dir, 'tls');
    mkdirSync(dir);
    for (const [id, subject] of [['other', 'Another CA'], ['twin', 'Penstock test CA']]) {
      genkey(id);
      sign(id, subject, id, authority);
    }
    await p.startServer();
  });
  after(() => p.stop());

  /** Connects, says HELLO if it can, and waits until the server has closed. */
  async function refused(options) {
    const g = new Peer(p, { level: 0, ...options });
    let port;
    g.socket.on('connect', () => (port = g.socket.localPort));
    await g.connected.catch(() => {});
    if (!g.closed) g.send(hello({ gateway: 'gw-s1', epochs: [{ epoch: randomEpoch() }] }));
    await g.ended();
    assert.ok(!g.frames.some((f) => f.name === 'WELCOME'), 'it must not come in');
    assert.equal(g.frames.length, 0, 'not a word is said to a stranger');
    return port;
  }

  test('what a gateway should have is accepted', async () => {
    const g = new Peer(p, make({ name: 'good' }));
    await g.connected;
    g.send(hello({ gateway: 'gw-s1', epochs: [{ epoch: randomEpoch() }] }));
    await g.frame('WELCOME');
    g.end();
  });

  for (const [i, c] of cases.entries()) {
    test(`${c.name}: refused, and the audit says why`, async () => {
      if (i > 0 && i % 15 === 0) await p.restartServer(); // strangers beyond 20 a minute are only counted
      const port = await refused({ ...make(c), ...c.options });
      const row = await audited(c.name, port, c.reason);
      if (!c.unnamed) assert.match(row.object, new RegExp(c.name), 'the audit names the certificate');
    });
  }

  /** A server with this certificate, which takes whoever comes; heard: what it was told. */
  async function impostor(c) {
    const { cert, key } = make({ use: 'serverAuth', san: 'DNS:localhost', ...c });
    const heard = [];
    const server = tls.createServer({
      cert: Buffer.concat([cert, readFileSync(p.pkiFile('ca.pem'))]), key, minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: false,
      ALPNProtocols: ['penstock-link/1', 'penstock-enrol/1'],
    }, (socket) => socket.on('data', (bytes) => heard.push(bytes)).on('error', () => {}));
    server.on('tlsClientError', () => {});
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    return { heard, port: server.address().port, close: () => server.close() };
  }

  /** What the gateway says of that server when it wants a session there. */
  async function session(id, port) {
    writeFileSync(file('level.csv'), 't_s,level\n0,1\n1,2\n');
    const child = p.startGateway(id, {
      config: {
        ...p.gatewayConfig('gw-s1'), server: { host: '127.0.0.1', port, name: 'localhost' }, journal: { dir: file(`${id}-journal`) },
        sources: [{ kind: 'replay', file: file('level.csv'), time_column: 't_s', speed: 1, loop: true, tags: [{ column: 'level', name: 'L', type: 'f64' }] }],
      },
    });
    await until('the gateway has tried', () => /link\.(down|up)/.test(p.log(id)));
    assert.equal(child.exitCode, null, 'it tries on');
    await p.kill(child, 'SIGTERM');
    return /^.*link\.(down|up).*$/m.exec(p.log(id))[0];
  }

  /** And when it is to enrol there with a token. */
  async function enrolment(id, port) {
    mkdirSync(file(`${id}-keys`));
    const authority = createHash('sha256').update(new X509Certificate(readFileSync(p.pkiFile('ca.pem'))).raw).digest().subarray(0, 20);
    const args = ['enrol', `PSK1-gw-s1-${'A'.repeat(26)}-${base32(authority)}`, '--host', '127.0.0.1', '--port', String(port), '--name', 'localhost', '--dir', file(`${id}-keys`)];
    return new Promise((done) => execFile(join(p.bin, 'penstock-gateway'), args, (failure, out, err) => done(failure ? err : 'it came in')));
  }

  for (const [i, c] of servers.entries()) {
    test(`a server whose certificate is ${c.name}: the gateway refuses it and its log says why; nothing is told to it`, async () => {
      const server = await impostor(c);
      try {
        assert.match(await session(`impostor-${i}`, server.port), new RegExp(`link\\.down.*(${c.reason.source})`));
        assert.match(await enrolment(`impostor-${i}`, server.port), c.reason);
        assert.equal(Buffer.concat(server.heard).length, 0);
      } finally {
        server.close();
      }
    });
  }

  test('a revoked certificate is refused; the others still come in', async () => {
    p.pki('revoke', 'gw-revoked');
    await p.restartServer({ link: { crl: p.pkiFile('crl.pem') } });
    const own = (name) => ({ cert: readFileSync(p.pkiFile(`gateways/${name}.pem`)), key: readFileSync(p.pkiFile(`gateways/${name}.key`)) });
    const port = await refused(own('gw-revoked'));
    await audited('a revoked certificate', port, /certificate revoked/);
    (await welcomed(p, 'gw-s1')).end();
  });

  const toldBy = (action, pattern) =>
    until(`audit ${action}`, async () => (await p.sql('select object, detail from audit where action = $1', [action])).find((r) => pattern.test(`${r.object} ${r.detail}`)));

  test('a list that has changed is read while the server runs: who is on it is shown out with the reason, the others stay', async () => {
    p.pki('gateway', 'gw-s2');
    const stays = await welcomed(p, 'gw-s1', { answers: true });
    const goes = await welcomed(p, 'gw-s2', { answers: true });
    p.pki('revoke', 'gw-s2');
    const bye = await goes.frame('BYE');
    assert.match(bye.text, /the certificate was revoked/);
    await toldBy('link.revoked', /gw-s2 .*crl\.pem/);
    await assert.rejects(welcomed(p, 'gw-s2'));
    assert.equal(stays.closed, false);
    assert.ok(new Date((await p.get('/api/health')).json.revocation_list.ends) > new Date());
    stays.end();
  });

  test('a list that is none leaves the old one in force, and SIGHUP says so again', async () => {
    const crl = p.pkiFile('crl.pem');
    const good = readFileSync(crl);
    writeFileSync(crl, 'no list');
    await toldBy('link.files_refused', /crl\.pem cannot read the list of revoked certificates.*stays in force/);
    const told = async () => (await p.sql(`select 1 from audit where action = 'link.files_refused'`)).length;
    const before = await told();
    p.server.kill('SIGHUP');
    await until('SIGHUP is answered', async () => (await told()) > before);
    (await welcomed(p, 'gw-s1')).end();
    await assert.rejects(welcomed(p, 'gw-s2'));
    const read = () => p.log('penstockd').match(/link\.files_read/g)?.length ?? 0;
    const reads = read();
    writeFileSync(crl, good);
    await until('the good list is read', () => read() > reads);
  });

  test('a new certificate of the server is shown from then on, and sessions stay', async () => {
    const stays = await welcomed(p, 'gw-s1', { answers: true });
    const shown = async () => {
      const g = peer(p, 'gw-s1');
      await g.connected;
      const { fingerprint256 } = g.socket.getPeerCertificate();
      g.end();
      return fingerprint256;
    };
    const before = await shown();
    for (const f of ['link.pem', 'link.key']) rmSync(p.pkiFile(f));
    p.pki('server', 'link', 'IP:127.0.0.1,DNS:localhost', 'link');
    // Who is shaking hands just when the files are read is turned away, and comes again.
    await until('another certificate', async () => (await shown().catch(() => before)) !== before);
    assert.equal(stays.closed, false);
    stays.end();
  });

  test('a session of TLS cannot be taken up again: each connection shows its certificate', async () => {
    const { cert, key } = make({ name: 'again' });
    const options = { cert, key, servername: 'localhost', ca: readFileSync(p.pkiFile('ca.pem')), ALPNProtocols: ['penstock-link/1'], minVersion: 'TLSv1.3' };
    // A ticket from another server with the same certificate: what a port with weaker rules would have given.
    const other = tls.createServer({ cert: readFileSync(p.pkiFile('link.pem')), key: readFileSync(p.pkiFile('link.key')), ca: options.ca, ALPNProtocols: ['penstock-link/1'] }, (s) => s.write('x'));
    await new Promise((done) => other.listen(0, '127.0.0.1', done));
    const session = await new Promise((done, failed) => {
      const s = tls.connect({ ...options, host: '127.0.0.1', port: other.address().port });
      s.on('session', (ticket) => { done(ticket); s.destroy(); });
      s.on('error', failed);
      s.resume();
    });
    other.close();
    let tickets = 0;
    const resumed = await new Promise((done, failed) => {
      const s = tls.connect({ ...options, host: '127.0.0.1', port: p.ports.link, session }, () => {
        s.write(hello({ gateway: 'gw-s1', epochs: [{ epoch: randomEpoch() }] }));
      });
      s.on('session', () => tickets++);
      s.on('data', () => { done(s.isSessionReused()); s.destroy(); });
      s.on('error', failed);
    });
    assert.equal(resumed, false);
    assert.equal(tickets, 0, 'and the server gives no tickets of its own');
  });

  test('a gateway that is disabled while it is connected is shown out at once', async () => {
    const g = await welcomed(p, 'gw-s1');
    writeFileSync(join(p.dir, 'config.json'), JSON.stringify({ ...p.config, gateways: [{ name: 'gw-s1', site: 'S1', enabled: false }] }));
    p.penstock('config', 'apply', join(p.dir, 'config.json'), '--reason', 'test');
    const bye = await g.frame('BYE');
    assert.equal(bye.reason, 6, bye.text);
    await g.ended();
    const again = peer(p, 'gw-s1');
    await again.connected;
    again.send(hello({ gateway: 'gw-s1', epochs: [{ epoch: randomEpoch() }] }));
    assert.match((await again.frame('ERROR')).text, /disabled/);
    again.end();
  });
});
