// The decoder that was written from protocol/README.md alone reads every vector as the codec in C does (unit.wire.vectors_test checks that one).
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';
import { decodeStream } from '../lib/decode_link.mjs';

const folder = new URL('../../protocol/vectors/', import.meta.url);

function bytesOf(name) {
  const digits = readFileSync(new URL(`${name}.hex`, folder), 'utf8').replace(/#.*$/gm, '').replace(/\s/g, '');
  assert.match(digits, /^([0-9a-f]{2})+$/, name);
  return Buffer.from(digits, 'hex');
}

/** What the .txt says: frame by frame, as decodeStream tells it. Whether it encodes to the same bytes is not asked of a decoder. */
function expected(name) {
  const frames = [];
  for (const line of readFileSync(new URL(`${name}.txt`, folder), 'utf8').split('\n').slice(0, -1)) {
    const outside = /^(refused \(|\d+ bytes, a frame needs )/.test(line);
    if (outside) frames.push({ text: '', refused: true });
    else if (!line.startsWith(' ')) frames.push({ text: `${line}\n`, refused: false });
    else if (line.startsWith('  refused (')) frames.at(-1).refused = true;
    else if (line !== '  encodes otherwise') frames.at(-1).text += `${line}\n`;
  }
  // How far a refused frame was read before that is up to the reader.
  return frames.map((f) => (f.refused ? { text: f.text.split('\n')[0], refused: true } : f));
}

const names = readdirSync(folder).filter((file) => file.endsWith('.hex')).map((file) => file.slice(0, -4)).sort();

test('there are vectors of every type', () => {
  const all = names.map((name) => readFileSync(new URL(`${name}.txt`, folder), 'utf8')).join('');
  for (const type of ['HELLO', 'WELCOME', 'ERROR', 'BYE', 'PING', 'PONG', 'WINDOW', 'REFRESH', 'DICT', 'DATA', 'EVENT', 'ACK', 'CMD', 'CMD_ACK', 'CMD_RESULT',
    'CFG_OFFER', 'CFG_GET', 'CFG_CHUNK', 'CFG_RESULT', 'CERT_REQUEST', 'CERT_ISSUED', 'CERT_OFFER']) assert.match(all, new RegExp(`^${type} \\(`, 'm'));
});

for (const name of names) {
  test(`${name} is read alike`, () => {
    const found = decodeStream(bytesOf(name)).map((f) => ({ text: f.refused ? f.text.split('\n')[0] : f.text, refused: f.refused !== undefined }));
    assert.deepEqual(found, expected(name));
    assert.equal(found.some((f) => f.refused), name.startsWith('bad-'));
  });
}
