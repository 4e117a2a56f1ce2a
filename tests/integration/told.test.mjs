// What a gateway tells of itself, and values that the server's tags cannot hold: stored as they came, told to people, nothing lost.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CODE, FLAG, TYPE, counted, data, frame, i64, svarint, tlv, u16, u64, varint, welcomed } from '../lib/link.mjs';
import { Penstock, until } from '../lib/penstock.mjs';

const config = {
  sites: [{ name: 'S1', title: 'Station 1' }],
  gateways: [{ name: 'gw-s1', site: 'S1' }],
  tags: [
    { name: 'S1/L', gateway: 'gw-s1', low: 0, high: 10, unit: 'm' },
    { name: 'S1/mode', gateway: 'gw-s1', type: 'int', low: 0, high: 10 },
    { name: 'S1/text', gateway: 'gw-s1', low: 0, high: 10 },
  ],
  alarms: [],
};
const us = () => BigInt(Date.now()) * 1000n;
const ENUM = 7, STRING = 8;

const prefix = (seq, dict = 0) => Buffer.concat([varint(0), varint(seq), varint(dict)]);
const event = ({ seq, code, severity = 1, t = us(), path = '', text = '', fields = [] }) =>
  frame(TYPE.EVENT, FLAG.J, Buffer.concat([prefix(seq), u16(code), Buffer.from([severity]), i64(t), counted(path), counted(text), ...fields]));

describe('what a gateway tells', { concurrency: false }, () => {
  const p = new Penstock({ config });
  let admin, g;
  before(async () => {
    await p.prepare({ gateways: ['gw-s1'] });
    await p.startServer();
    admin = await p.login('admin');
    g = await welcomed(p, 'gw-s1', { answers: true });
  });
  after(() => p.stop());

  /** As the page of the audit shows it. */
  const audited = (action) => until(`${action} in the audit`, async () => (await admin.get('/api/audit')).json.rows.find((row) => row.action === action));
  const stored = () => p.sql('select seq, type, body from ingest_batch where epoch = $1 order by seq', [BigInt.asIntN(64, g.epoch)]);
  const quarantined = () => p.sql('select seq, code, reason from quarantine where epoch = $1 order by seq', [BigInt.asIntN(64, g.epoch)]);

  test('an event is stored as it came, and people read it', async () => {
    const sent = event({ seq: 0, code: 3, severity: 2, t: 1764000000000000n, path: 'modbus/plc1', text: 'no answer' });
    g.send(sent);
    await g.acked(0);
    assert.deepEqual((await stored())[0], { seq: 0n, type: TYPE.EVENT, body: sent.subarray(8) });
    const row = await audited('gateway.device_down');
    assert.equal(row.object, 'gw-s1');
    assert.equal(row.actor, 'gateway link');
    assert.equal(row.detail, 'code 3 at 2025-11-24T16:00:00Z, modbus/plc1: no answer');
  });

  test('samples that are gone at the site are told with their numbers and their time', async () => {
    g.send(event({
      seq: 1, code: 5, text: 'the journal was full',
      fields: [tlv(1, u64(77n)), tlv(2, varint(10)), tlv(3, varint(20)), tlv(4, varint(1234)), tlv(5, i64(1764000000000000n)), tlv(6, i64(1764000060000000n))],
    }));
    await g.acked(1);
    assert.match((await audited('gateway.samples_lost')).detail, /; 1234 samples from 2025-11-24T16:00:00Z to 2025-11-24T16:01:00Z, records 10 to 19: the journal was full$/);
  });

  test('an event that breaks a rule is quarantined, and the session goes on', async () => {
    g.send(event({ seq: 2, code: 2, text: 'says not by how much' }));
    await g.acked(2);
    const { code, fatal } = await g.frame('ERROR');
    assert.deepEqual([code, fatal], [CODE.BAD_RECORD, false]);
    assert.deepEqual(await quarantined(), [{ seq: 2n, code: CODE.BAD_RECORD, reason: 'field 1 (step) is missing' }]);
  });

  test('an enumeration goes into an integer; a text for a number is stored and left out, and told once', async () => {
    const entry = (alias, name, type, attributes = Buffer.alloc(0)) =>
      Buffer.concat([varint(alias), Buffer.from([0, type, 4]), counted(name), counted(''), varint(attributes.length), attributes]);
    g.send(frame(TYPE.DICT, FLAG.J, Buffer.concat([prefix(3, 1), varint(0), Buffer.from([0]), varint(3), entry(1, 'L', 6), entry(2, 'mode', ENUM), entry(3, 'text', STRING)])));
    const t = us();
    const record = (seq, mode, text) =>
      frame(TYPE.DATA, FLAG.J, Buffer.concat([prefix(seq, 1), i64(t + BigInt(seq)), Buffer.from([0]), varint(2), varint(2 << 3), svarint(mode), varint(0), counted(text)]));
    const sent = record(4, 3, 'läuft');
    g.send(sent, record(5, 4, 'steht'), data({ seq: 6, samples: [[1, t + 6n, 4.5]] }));
    await g.acked(6);
    assert.deepEqual((await p.sql('select value from sample where t_us between $1 and $2 order by t_us', [t, t + 10n])).map((row) => row.value), [3, 4, 4.5]);
    assert.equal((await p.tag(admin, 'S1/mode')).value, 4);
    assert.deepEqual((await stored()).find((row) => row.seq === 4n).body, sent.subarray(8)); // with its text
    const told = g.frames.filter((f) => f.name === 'ERROR' && f.code === CODE.UNSUPPORTED);
    assert.deepEqual(told.map((f) => [f.fatal, f.ref]), [[false, TYPE.DICT]]);
    assert.match(told[0].text, /"text" is sent as string, which does not fit its type in the configuration/);
    assert.equal((await quarantined()).length, 1);
  });

  test('what only answers a server that asks is stored, or answered that there is nothing', async () => {
    const result = frame(0x13, FLAG.J, Buffer.concat([prefix(7), Buffer.alloc(16), Buffer.from([3]), u16(0), i64(us()), Buffer.from([0]), counted('')]));
    g.send(result, frame(0x31, 0, Buffer.concat([u64(3n), varint(0), varint(100)])));
    await g.acked(7);
    assert.match((await audited('link.unasked')).detail, /^CMD_RESULT/);
    const chunk = await g.find('an empty part', (f) => f.type === 0x32);
    assert.deepEqual(chunk.body, Buffer.concat([u64(3n), varint(0), varint(0)]));
  });
});
