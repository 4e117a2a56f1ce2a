// The reference gateway as a program: its configuration, its recording, its journal.
// Covers: replay.c, replay_source.c (protocol/gateway)
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readLedger, sampleBreaches } from '../lib/invariants.mjs';
import { Penstock, sleep, until } from '../lib/penstock.mjs';

const config = {
  sites: [{ name: 'S1', title: 'Station 1' }], gateways: [{ name: 'gw-s1', site: 'S1' }],
  tags: [
    { name: 'S1/L', gateway: 'gw-s1', low: 0, high: 10, unit: 'm' }, { name: 'S1/RUN', gateway: 'gw-s1', type: 'bool' },
    { name: 'S1/N', gateway: 'gw-s1', type: 'int', low: 0, high: 1000 }, { name: 'S1/F', gateway: 'gw-s1', low: 0, high: 100 },
  ],
  alarms: [],
};

/** What the sources produced; not the gateway's own health. */
const ofSources = (ledger) => [...ledger.values()].flat().filter((s) => !s.name.startsWith('_gateway.'));

describe('penstock-gateway', { concurrency: false }, () => {
  const p = new Penstock({ config });
  let csv, dir;
  before(async () => {
    await p.prepare({ gateways: ['gw-s1'] });
    await p.startServer();
    dir = join(p.dir, 'recording');
    mkdirSync(dir);
    csv = join(dir, 'a.csv');
    const rows = Array.from({ length: 200 }, (_, i) => `${i},${(2 + i / 100).toFixed(2)},${i % 2},${i},${i % 10 === 0 ? '' : i % 10 === 1 ? 'NaN' : (i / 7).toFixed(4)}`);
    writeFileSync(csv, `t_s,level,run,count,flow\n${rows.join('\n')}\n`);
  });
  after(() => p.stop());

  const source = (change = {}) => ({
    kind: 'replay', file: csv, time_column: 't_s', speed: 50, loop: false,
    tags: [
      { column: 'level', name: 'L', type: 'scaled', scale: 0.01, unit: 'm', low: 0, high: 10 }, { column: 'run', name: 'RUN', type: 'bool' },
      { column: 'count', name: 'N', type: 'int' }, { column: 'flow', name: 'F', type: 'f64' },
    ],
    ...change,
  });
  const whole = (change = {}) => ({ ...p.gatewayConfig('gw-s1'), flush_ms: 100, exit_when_done: true, sources: [source()], ...change });

  test('a recording is delivered whole, with bad quality where there is no number', async () => {
    const ledger = join(dir, 'ledger');
    const child = p.startGateway('whole', { config: whole({ ledger }) });
    assert.deepEqual(await child.ended, { code: 0, signal: null });
    const records = readLedger(ledger);
    const produced = ofSources(records);
    assert.equal(produced.length, 800);
    assert.equal(produced.filter((s) => s.quality >= 0x80).length, 40, 'empty and NaN');
    assert.deepEqual(await sampleBreaches(p, 'S1', 'gw-s1', ledger), []);
    const [row] = await p.sql(`select count(*) filter (where value is null) as none, count(*) filter (where quality >= 128) as bad from sample s join config_key k on k.key = s.tag_key where k.name = 'S1/F'`);
    assert.deepEqual(row, { none: 40n, bad: 40n });
  });

  test('what is recorded while the server is away arrives when it is back, none twice', async () => {
    const ledger = join(dir, 'ledger-away');
    await p.forgetHistory();
    await p.kill(p.server, 'SIGTERM');
    const child = p.startGateway('away', { config: whole({ ledger, journal: { dir: join(dir, 'journal-away') } }) });
    await until('half of it is recorded', () => ofSources(readLedger(ledger)).length > 400);
    await p.kill(child);
    const again = p.startGateway('away-again', { config: whole({ ledger, journal: { dir: join(dir, 'journal-away') } }) });
    await sleep(500);
    await p.startServer();
    assert.deepEqual(await again.ended, { code: 0, signal: null });
    assert.deepEqual(await sampleBreaches(p, 'S1', 'gw-s1', ledger), []);
  });

  test('a second one on the same journal is refused', async () => {
    const first = p.startGateway('first', { config: whole({ sources: [source({ loop: true })], journal: { dir: join(dir, 'journal-lock') } }) });
    await p.says('first', /link\.up/);
    const second = p.startGateway('second', { config: whole({ journal: { dir: join(dir, 'journal-lock') } }) });
    assert.notEqual((await second.ended).code, 0);
    assert.match(p.log('second'), /journal-lock/);
    await p.kill(first, 'SIGTERM');
  });

  test('a configuration that is wrong is refused with its place', async () => {
    const without = (key) => { const c = whole(); delete c[key]; return c; };
    for (const [name, bad, says] of [
      ['unknown', whole({ colour: 1 }), /\/colour/],
      ['missing', without('server'), /\/server/],
      ['kind', whole({ sources: [source({ kind: 'magic' })] }), /\/sources\/0\/kind/],
      ['type', whole({ sources: [source({ tags: [{ column: 'level', name: 'L', type: 'colour' }] })] }), /\/sources\/0\/tags\/0\/type/],
      ['column', whole({ sources: [source({ tags: [{ column: 'nowhere', name: 'L', type: 'f64' }] })] }), /nowhere/],
      ['file', whole({ sources: [source({ file: '/nonexistent.csv' })] }), /nonexistent/],
      ['port', whole({ server: { host: '127.0.0.1', port: 70000, name: 'localhost' } }), /\/server\/port/],
      ['key', whole({ key: '/nonexistent.key' }), /nonexistent\.key/],
    ]) {
      const child = p.startGateway(`bad-${name}`, { config: bad });
      const end = await child.ended;
      assert.ok(end.code > 0, `${name}: ${JSON.stringify(end)}`);
      assert.match(p.log(`bad-${name}`), says, name);
    }
  });

  test('all faults of a configuration are told at once, each with line, column and pointer', async () => {
    const child = p.startGateway('bad-all', { config: whole({ colour: 1, flush_ms: 'soon', sources: [source({ speed: 0 }), { kind: 'magic' }] }) });
    assert.equal((await child.ended).code, 1);
    const told = p.log('bad-all').split('\n').filter((line) => /\.json:\d+:\d+: /.test(line)).map((line) => line.replace(/^.*\.json:1:\d+: /, '').split(': ')[0]);
    assert.deepEqual(told.sort(), ['/colour', '/flush_ms', '/sources/0/speed', '/sources/1/kind']);
  });

  test('several recordings in one gateway', async () => {
    const ledger = join(dir, 'ledger-several');
    await p.forgetHistory();
    const tags = source().tags;
    const child = p.startGateway('several', {
      config: whole({ ledger, sources: [source({ tags: tags.slice(0, 1) }), source({ rows: 10, tags: tags.slice(1) })], journal: { dir: join(dir, 'journal-several') } }),
    });
    assert.deepEqual(await child.ended, { code: 0, signal: null });
    assert.equal(ofSources(readLedger(ledger)).length, 200 + 3 * 10);
    assert.deepEqual(await sampleBreaches(p, 'S1', 'gw-s1', ledger), []);
  });

  test('a server that is not ours is refused by the gateway, which says why and tries on', async () => {
    const other = new Penstock({ config });
    try {
      other.pki('ca', 'Another CA');
      const child = p.startGateway('other-ca', { config: whole({ ca: other.pkiFile('ca.pem'), sources: [source({ loop: true })], journal: { dir: join(dir, 'journal-ca') } }) });
      await p.says('other-ca', /certificate|verify|issuer/i);
      assert.equal(child.exitCode, null, 'it goes on trying');
      await p.kill(child, 'SIGTERM');
    } finally {
      await other.stop();
    }
  });
});
