// A gateway whose journal runs full while its server is away, and that is killed meanwhile: each record that it produced is stored, or
// told by a tombstone as gone, never neither; both only if it was on its way when it went, and then it counts as stored; and the samples
// add up.
// Covers: journal_losses.c (protocol/client)
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ledgerBreaches, readLedger } from '../lib/invariants.mjs';
import { Penstock, until } from '../lib/penstock.mjs';

const WINDOW_FRAMES = 256; // so many may be on their way

const columns = Array.from({ length: 50 }, (_, i) => `T${i}`);
const config = {
  sites: [{ name: 'S1', title: 'Station 1' }], gateways: [{ name: 'gw-s1', site: 'S1' }],
  tags: columns.map((name) => ({ name: `S1/${name}`, gateway: 'gw-s1', low: 0, high: 100000 })), alarms: [],
};

describe('a full journal', { concurrency: false }, () => {
  const p = new Penstock({ config });
  before(() => p.prepare({ gateways: ['gw-s1'] }));
  after(() => p.stop());

  /** One run's configuration: 3000 rows of 50 values that no two samples compress well to. */
  const run = (name) => {
    const csv = join(p.dir, `${name}.csv`);
    const rows = Array.from({ length: 3000 }, (_, i) => `${(i / 100).toFixed(2)},${columns.map((_, c) => Math.sin(i * 1.7 + c) * 1000).join(',')}`);
    writeFileSync(csv, `t_s,${columns}\n${rows.join('\n')}\n`);
    const base = p.gatewayConfig('gw-s1');
    return {
      ...base, flush_ms: 20, exit_when_done: true, ledger: join(p.dir, `${name}.produced`), journal: { ...base.journal, capacity_mib: 1, segment_kib: 64 },
      sources: [{ kind: 'replay', file: csv, time_column: 't_s', speed: 20, loop: false, tags: columns.map((column) => ({ column, name: column, type: 'f64' })) }],
    };
  };

  test('is accounted for, record by record and sample by sample', async () => {
    mkdirSync(join(p.dir, 'gateways'), { recursive: true });
    const first = run('first');
    const second = run('second');
    // The port that the server will have is known once it was up.
    await p.startServer();
    await p.kill(p.server, 'SIGTERM');
    first.server.port = second.server.port = p.ports.link;
    /** Lines of a ledger, one for each sample; counted without taking much of the processor from who writes them. */
    const samples = (file) => {
      const text = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
      let n = 0;
      for (let at = text.indexOf(10); at >= 0; at = text.indexOf(10, at + 1)) n++;
      return n;
    };
    const killed = p.startGateway('first', { config: first });
    await until('the journal has overflown by far', () => samples(first.ledger) > 100000, 600);
    await p.kill(killed);
    const child = p.startGateway('second', { config: second });
    await until('and again', () => samples(second.ledger) > 100000, 600);
    await p.startServer();
    assert.deepEqual(await child.ended, { code: 0, signal: null });

    const [{ key }] = await p.sql(`select key from config_key where kind = 'gateway' and name = 'gw-s1'`);
    const stored = new Set((await p.sql('select epoch, seq from ingest_batch where gateway_key = $1 and type = 17', [key])).map((r) => `${r.epoch} ${r.seq}`));
    const lost = (await p.sql('select * from gateway_dropped where gateway_key = $1', [key]));
    const produced = new Map([...readLedger(first.ledger), ...readLedger(second.ledger)]);
    const last = new Map();
    for (const record of produced.keys()) {
      const [epoch, seq] = record.split(' ').map(BigInt);
      if (!last.has(epoch) || seq > last.get(epoch)) last.set(epoch, seq);
    }
    let gone = 0;
    let both = 0;
    let oldest = null;
    const faults = [];
    for (const [record, values] of produced) {
      const [epoch, seq] = record.split(' ').map(BigInt);
      const told = lost.some((l) => l.epoch === epoch && seq >= l.first_seq && seq < l.end_seq);
      const cut = seq === last.get(epoch); // killed between the two files
      if (!stored.has(record) && !told && !cut) faults.push(`${record}: neither stored nor told`);
      both += stored.has(record) && told ? 1 : 0;
      if (told) {
        gone += values.length;
        for (const v of values) if (oldest === null || v.t < oldest) oldest = v.t;
      }
    }
    assert.deepEqual(faults.slice(0, 5), []);
    assert.ok(both <= WINDOW_FRAMES, `${both} are stored, and told as gone`);
    assert.ok(lost.length >= 2, `${lost.length} tombstones`);
    assert.ok(gone > 50000, `${gone} samples are gone`);
    assert.equal(lost.reduce((n, l) => n + Number(l.samples), 0), gone, 'samples that the tombstones tell');
    assert.equal(lost.map((l) => l.from_us).reduce((a, b) => (a < b ? a : b)), oldest, 'the span begins with the oldest of them');
    assert.deepEqual(await ledgerBreaches(p), []);
    const [now] = await p.sql(`select * from ledger_now('gw-s1')`);
    assert.equal(now.produced, now.stored + now.dropped);
  });
});
