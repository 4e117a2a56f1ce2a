// The decoder that was written from protocol/README.md alone reads every vector as the codec in C does (unit.wire.vectors_test checks that one).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { describe } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { random } from '../faults/kill.mjs';
import { decodeStream } from '../lib/decode_link.mjs';
import { u32 } from '../lib/link.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = new URL('../../protocol/vectors/', import.meta.url);

function bytesOf(name) {
  const digits = readFileSync(new URL(`${name}.hex`, folder), 'utf8').replace(/#.*$/gm, '').replace(/\s/g, '');
  assert.match(digits, /^([0-9a-f]{2})+$/, name);
  return Buffer.from(digits, 'hex');
}

/** What the .txt says: frame by frame, as decodeStream tells it. Whether it encodes to the same bytes is not asked of a decoder. */
function expected(name, where = folder) {
  const frames = [];
  for (const line of readFileSync(new URL(`${name}.txt`, where), 'utf8').split('\n').slice(0, -1)) {
    const outside = /^(refused \(|\d+ bytes, a frame needs )/.test(line);
    if (outside) frames.push({ text: '', refused: true });
    else if (/^\w+ \(0x[0-9a-f]{2}\)/.test(line)) frames.push({ text: `${line}\n`, refused: false });
    else if (line.startsWith('  refused (')) frames.at(-1).refused = true;
    else if (line !== '  encodes otherwise') frames.at(-1).text += `${line}\n`;
  }
  // How far a refused frame was read before that is up to the reader.
  return frames.map((f) => (f.refused ? { text: f.text.split('\n')[0], refused: true } : f));
}

const read = (stream) => decodeStream(stream).map((f) => ({ text: f.refused ? f.text.split('\n')[0] : f.text, refused: f.refused !== undefined }));

const names = readdirSync(folder).filter((file) => file.endsWith('.hex')).map((file) => file.slice(0, -4)).sort();

const page = readFileSync(new URL('../../protocol/README.md', import.meta.url), 'utf8');
/** A chapter of the page, from its heading to the next one of any kind. */
const chapter = (heading) => new RegExp(`^#+ (?:\\d+\\. )?${heading}$([^]*?)^#`, 'm').exec(page)[1];
/** The first and the second column of the table that begins with this one. */
const table = (text, title) => [...new RegExp(`^\\| ${title} \\|.*\\n\\| ---.*\\n((?:\\|.*\\n)+)`, 'm').exec(text)[1].matchAll(/^\| ([^|]*) \| ([^|]*) \|/gm)].map((m) => m.slice(1));

/** What the good vectors hold, as the decoder reads them: their text, and the fields of each message. */
const good = names.filter((name) => !name.startsWith('bad-')).flatMap((name) => decodeStream(bytesOf(name)));
const text = good.map((f) => f.text).join('');
const fieldsOf = (message) => new Set(good.filter((f) => f.text.startsWith(`${message} (`)).flatMap((f) => f.fields));

describe('the page, the decoder and the vectors know the same', () => {
  test('every message type', () => {
    const types = table(chapter('Messages'), 'Type');
    assert.ok(types.length > 20);
    for (const [type, name] of types) assert.match(text, new RegExp(`^${name} \\(0x${type}\\)`, 'm'));
  });

  test('every field', () => {
    const tags = (message, list) => { for (const tag of list) assert.ok(fieldsOf(message).has(Number(tag)), `${message}, field ${tag}`); return list.length; };
    assert.equal(tags('HELLO', table(chapter('HELLO'), 'Tag').map(([tag]) => tag)), 9);
    assert.equal(tags('WELCOME', table(chapter('WELCOME'), 'Tag').map(([tag]) => tag)), 11);
    assert.equal(tags('DICT', [...chapter('DICT').matchAll(/^ {4}(\d+) (?:range|description|scale)/gm)].map((m) => m[1])), 3);
    assert.equal(tags('EVENT', [...chapter('EVENT').matchAll(/(?<=[|;] )(\d+) (?=[a-z].*(?:required|Required))/gm)].map((m) => m[1])), 7, 'those of codes 2 and 5');
  });

  test('every value type, in DATA and as a typed value', () => {
    const types = table(chapter('DICT'), 'Value type');
    assert.equal(types.length, 9);
    for (const [type, name] of types) {
      assert.match(text, new RegExp(`^  alias .*, quality .., ${name.toLowerCase()} `, 'm'), `DATA of ${name}`);
      assert.match(text, new RegExp(`^  (value|read back|expects) ${name.toLowerCase()} \\(${type}\\) `, 'm'), `a typed value ${name}`);
    }
  });

  test('every code, stage and reason', () => {
    for (const [code] of table(chapter('ERROR'), 'Code')) assert.match(text, new RegExp(`^  code ${code} \\((?!unknown\\)).*fatal`, 'm'), `ERROR ${code}`);
    for (const [code] of table(chapter('EVENT'), 'Code')) assert.match(text, new RegExp(`^  code ${code} \\((?!unknown\\)).*severity`, 'm'), `EVENT ${code}`);
    for (const [stage] of table(chapter('CMD_RESULT'), 'Stage')) assert.match(text, new RegExp(`, (?!unknown )\\w+ \\(${stage}\\), reason`), `stage ${stage}`);
    for (const reason of table(chapter('Commands'), 'Reason').flatMap(([numbers]) => numbers.split(', '))) assert.match(text, new RegExp(`reason (?!unknown )\\w+ \\(${reason}\\), "`), `reason ${reason}`);
    const byes = [.../Reasons: ([^]*)/.exec(chapter('BYE'))[1].matchAll(/(\d+) [a-z]/g)];
    assert.equal(byes.length, 7);
    for (const [, reason] of byes) assert.match(text, new RegExp(`^  reason ${reason}, come again`, 'm'), `BYE ${reason}`);
  });
});

for (const name of names) {
  test(`${name} is read alike`, () => {
    const found = read(bytesOf(name));
    assert.deepEqual(found, expected(name));
    assert.equal(found.some((f) => f.refused), name.startsWith('bad-'));
  });
}

/** A stream with a few bytes of its bodies changed, lost or put in; the lengths in the heads are kept right, for the bodies are what is to be read. */
function mutated(stream, below) {
  const bodies = [];
  for (let at = 0; at + 8 <= stream.length; at += 8 + stream.readUInt32LE(at + 4)) bodies.push([stream.subarray(at, at + 4), [...stream.subarray(at + 8, at + 8 + stream.readUInt32LE(at + 4))]]);
  for (let n = 1 + below(3); n > 0; n--) {
    const [, body] = bodies[below(bodies.length)];
    const at = below(body.length + 1);
    const byte = below(2) ? below(256) : [0, 1, 2, 0x20, 0x7f, 0x80, 0xa0, 0xff][below(8)];
    const kind = below(5);
    if (kind === 0) body.splice(at);
    else if (kind === 1) body.splice(at, 1);
    else if (kind === 2) body.splice(at, 0, byte);
    else if (at < body.length) body[at] = kind === 3 ? byte : body[at] ^ (1 << below(8));
  }
  return Buffer.concat(bodies.flatMap(([head, body]) => [head, u32(body.length), Buffer.from(body)]));
}

test('both decoders read thousands of broken streams alike, or both refuse', () => {
  const seed = Number(process.env.SEED ?? 1);
  console.log(`SEED=${seed}`);
  const below = random(seed);
  const dir = mkdtempSync(join(tmpdir(), 'penstock-vectors-'));
  try {
    const good = names.filter((name) => !/^bad-(frame|magic|flag-critical)/.test(name)).map((name) => bytesOf(name));
    const streams = Array.from({ length: 3000 }, (_, i) => [`v${i}`, mutated(good[below(good.length)], below)]).filter(([, stream]) => stream.length > 0);
    for (const [name, stream] of streams) writeFileSync(join(dir, `${name}.hex`), `# broken\n${stream.toString('hex')}\n`);
    execFileSync(join(root, 'build/asan/tests/unit_wire_vectors_test'), { env: { ...process.env, VECTORS: dir, UPDATE: '1' }, stdio: 'pipe' });
    for (const [name, stream] of streams) assert.deepEqual(read(stream), expected(name, pathToFileURL(`${dir}/`)), `${name}: ${stream.toString('hex')}`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
