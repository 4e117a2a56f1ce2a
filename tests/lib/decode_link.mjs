// A second decoder of the gateway link, written from protocol/README.md alone: it shares no line and no table with the codec in C, so that what both read
// alike is what the page says. It turns a stream of frames into the text of protocol/vectors/*.txt, frame by frame. Tests only: it is slow and says little
// about what is wrong.

const MAX_U64 = (1n << 64n) - 1n;
const MIN_TIME = -62135596800000000n, MAX_TIME = 253402300799999999n; // the years 0001 to 9999

class Refused extends Error {}
const refuse = (why) => { throw new Refused(why); };
const must = (good, why) => { if (!good) refuse(why); };

// --- elements (section 3)

class Reader {
  /** seen: takes the tags of the fields that were read and understood. */
  constructor(bytes, seen = []) { this.bytes = bytes; this.at = 0; this.seen = seen; }
  get left() { return this.bytes.length - this.at; }
  take(n) {
    must(n <= this.left, `${n} bytes, ${this.left} are left`);
    this.at += n;
    return this.bytes.subarray(this.at - n, this.at);
  }
  u8() { return this.take(1)[0]; }
  u16() { return this.take(2).readUInt16LE(); }
  u32() { return this.take(4).readUInt32LE(); }
  u64() { return this.take(8).readBigUInt64LE(); }
  i64() { return this.take(8).readBigInt64LE(); }
  f64() { return this.take(8).readDoubleLE(); }
  varint() {
    let value = 0n;
    for (let i = 0n; ; i++) {
      must(i < 10n, 'a varint of more than 10 bytes');
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << (7n * i);
      if (byte < 0x80) {
        must(byte !== 0 || i === 0n, 'a varint that is not in its shortest form');
        must(value <= MAX_U64, 'a varint of more than 64 bits');
        return value;
      }
    }
  }
  svarint() { const v = this.varint(); return (v & 1n) === 0n ? v >> 1n : -(v >> 1n) - 1n; }
  /** A varint that is used as a count, a size or the like. */
  upTo(max, what) { const v = this.varint(); must(v <= BigInt(max), `${what} above ${max}`); return Number(v); }
  counted(max) { return this.take(this.upTo(max, 'a length')); }
  text(max) { return utf8(this.counted(max)); }
  time() { const t = this.i64(); must(t >= MIN_TIME && t <= MAX_TIME, 'a time outside of the years 0001 to 9999'); return t; }
  rest() { return this.take(this.left); }
  end() { must(this.left === 0, 'bytes left over'); }
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
function utf8(bytes) {
  let text;
  try { text = strict.decode(bytes); } catch { refuse('not UTF-8'); }
  must(!text.includes('\0'), 'a NUL in a text');
  return text;
}

/** Reads fields to the end of r. known: tag -> [required, (reader of the value) => value]; returns tag -> value. */
function fields(r, known = {}) {
  const found = {};
  let last = 0n;
  while (r.left > 0) {
    const tag = r.varint();
    must(tag > last, 'tags must ascend');
    last = tag;
    const value = new Reader(r.counted(r.left));
    if (known[tag] !== undefined) {
      found[tag] = known[tag][1](value);
      value.end();
      r.seen.push(Number(tag));
    }
  }
  for (const [tag, [required]] of Object.entries(known)) must(!required || found[tag] !== undefined, `field ${tag} is missing`);
  return found;
}

// --- how it is written down

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const wide = (epoch) => epoch.toString(16).padStart(16, '0');
const low = (n, digits = 2) => n.toString(16).padStart(digits, '0');

function moment(t) {
  const second = t >= 0n ? t / 1000000n : -((-t + 999999n) / 1000000n);
  const micro = t - second * 1000000n;
  const text = new Date(Number(second) * 1000).toISOString().slice(0, 19);
  return micro === 0n ? `${text}Z` : `${text}.${micro.toString().padStart(6, '0')}Z`;
}

/** v to so many digits, as [digits, power of ten]: halves go to the even neighbour, which toExponential does not do. */
function rounded(v, n) {
  const [mantissa, power] = v.toExponential(n - 1).split('e');
  const exact = v.toExponential(99).split('e')[0].replace(/[-.]/g, '');
  const halfway = /^50*$/.test(exact.slice(n)) && Number(exact[n - 1]) % 2 === 0;
  return halfway ? [exact.slice(0, n), Number(v.toExponential(99).split('e')[1])] : [mantissa.replace(/[-.]/g, ''), Number(power)];
}

/** As printf's %.<n>g. */
function general(v, n) {
  if (v === 0) return Object.is(v, -0) ? '-0' : '0';
  const [all, power] = rounded(v, n);
  const digits = all.replace(/0+$/, '');
  const sign = v < 0 ? '-' : '';
  const point = (text, at) => (text.length > at ? `${text.slice(0, at)}.${text.slice(at)}` : text.padEnd(at, '0'));
  if (power < -4 || power >= n) return `${sign}${point(digits, 1)}e${power < 0 ? '-' : '+'}${Math.abs(power).toString().padStart(2, '0')}`;
  return power < 0 ? `${sign}0.${'0'.repeat(-power - 1)}${digits}` : sign + point(digits, power + 1);
}

// --- tables (sections 5, 6, 9)

const TYPES = {
  0x01: 'HELLO', 0x02: 'WELCOME', 0x03: 'ERROR', 0x04: 'BYE', 0x05: 'PING', 0x06: 'PONG', 0x07: 'WINDOW', 0x08: 'REFRESH', 0x10: 'DICT', 0x11: 'DATA', 0x12: 'EVENT',
  0x13: 'CMD_RESULT', 0x18: 'ACK', 0x21: 'CMD_ACK', 0x30: 'CFG_OFFER', 0x31: 'CFG_GET', 0x32: 'CFG_CHUNK', 0x33: 'CFG_RESULT', 0x34: 'CERT_REQUEST',
  0x35: 'CERT_ISSUED', 0x36: 'CERT_OFFER', 0x37: 'ENROL', 0x90: 'CMD',
};
const CODES = [, 'bad_frame', 'version', 'identity', 'not_allowed', 'too_big', 'flow', 'bad_record', 'unknown_alias', 'unknown_dict', 'quota', 'seq_conflict',
  'epoch_rollback', 'unsupported', 'timeout', 'store_down', 'suspended'];
const VALUES = [, 'bool', 'int', 'uint', 'scaled', 'f32', 'f64', 'enum', 'string', 'bytes'];
const BOOL = 1, UINT = 3, SCALED = 4, F32 = 5, F64 = 6, ENUM = 7, STRING = 8, BYTES = 9;
const EVENTS = [, 'started', 'clock_stepped', 'device_down', 'device_up', 'samples_lost', 'local_operation', 'config_applied', 'config_refused', 'cert_renewed',
  'cert_trouble'];
const OPERATIONS = [, 'select', 'execute', 'cancel', 'direct', 'query'];
const STAGES = ['not_received', 'running', 'selected', 'executed', 'failed', 'rejected', 'expired', 'cancelled', 'in_doubt'];
const REASONS = ['none', 'wrong_session', 'unknown_tag', 'other_name', 'not_writable', 'not_selected', 'selected_by_other', 'bad_value', 'interlocked',
  'not_as_expected', 'too_late', 'clock_unknown', 'busy', 'unsupported', 'device_silent', 'device_refused', 'no_effect', 'not_durable', 'local_control',
  'restarted', 'selection_ended', 'not_allowed', 'id_reused'];
const name = (table, n) => table[n] ?? 'unknown';
const numbered = (table, n) => `${name(table, n)} (${n})`;

const state = (r) => { const v = r.u8(); return v <= 2 ? v : 2; };

function ranges(r) {
  const found = [];
  let end = 0n;
  for (let n = r.upTo(64, 'ranges'), i = 0; i < n; i++) {
    const gap = r.varint(), length = r.varint();
    must(length > 0n && (gap > 0n || i === 0), 'ranges that touch, or an empty one');
    const first = end + gap;
    end = first + length;
    must(end <= MAX_U64, 'a range beyond 64 bits');
    found.push(`[${first}, ${end})`);
  }
  return found.length > 0 ? found.join(' ') : 'nothing';
}

function typedValue(r) {
  const type = r.u8();
  if (type === 0) return { type, text: 'none (0)' };
  const v = new Reader(r.counted(4096));
  let text;
  if (type === STRING) text = `"${utf8(v.rest())}"`;
  else if (type === F32 || type === F64) {
    const f = type === F32 ? v.take(4).readFloatLE() : v.f64();
    must(Number.isFinite(f), 'NaN or infinity');
    text = general(f, 17);
  } else if (type < BYTES) {
    const i = v.svarint();
    must(type !== BOOL || i === 0n || i === 1n, 'a bool that is neither 0 nor 1');
    text = type === UINT ? BigInt.asUintN(64, i) : i;
  } else text = hex(v.rest());
  v.end();
  return { type, text: `${numbered(VALUES, type)} ${text}` };
}

// --- messages (section 5): each returns lines

const version = (r) => { const v = r.u64(); must(v >= 1n, 'version 0'); return v; };
const whole = (max, least = 0) => (r) => { must(r.left >= least && r.left <= max, 'the length of a text'); return utf8(r.rest()); };

function hello(r) {
  const f = fields(r, {
    1: [true, (v) => { const low = v.u16(), high = v.u16(); must(low >= 1 && low <= high, 'versions'); return [low, high]; }],
    2: [true, whole(200, 1)],
    3: [true, (v) => {
      const epochs = [];
      const n = v.upTo(16, 'epochs');
      must(n > 0, 'no epoch');
      for (let i = 0; i < n; i++) {
        const e = { epoch: v.u64(), oldest: v.varint(), next: v.varint() };
        must(e.oldest <= e.next, 'the oldest number is above the next');
        must(!epochs.some((other) => other.epoch === e.epoch), 'an epoch twice');
        epochs.push(e);
      }
      return epochs;
    }],
    4: [true, (v) => { const now = v.i64(), source = v.u8(); return { now, source: source <= 3 ? source : 0, error: v.varint() }; }],
    5: [false, whole(200)],
    6: [false, (v) => v.u64()],
    7: [true, (v) => { const n = v.upTo(0xffffffff, 'max_rx_frame'); must(n >= 4096, 'max_rx_frame'); return n; }],
    8: [false, (v) => ({ used: v.varint(), capacity: v.varint(), oldest: v.i64(), lost: v.varint() })],
    9: [false, version],
  });
  const journal = f[8] ?? { used: 0, capacity: 0, oldest: 0, lost: 0 };
  return [
    `versions ${f[1][0]} to ${f[1][1]}, gateway "${f[2]}", software "${f[5] ?? ''}"`,
    ...f[3].map((e) => `epoch ${wide(e.epoch)}: oldest unacknowledged ${e.oldest}, next ${e.next}`),
    `now ${f[4].now}, clock source ${f[4].source}, error ${f[4].error} us, caps ${(f[6] ?? 0n).toString(16)}, takes ${f[7]} bytes`,
    `journal ${journal.used} of ${journal.capacity} bytes, oldest sample ${journal.oldest}, dropped ${journal.lost}`,
    ...(f[9] === undefined ? [] : [`has configuration ${f[9]}`]),
  ];
}

const windowOf = (v) => ({ bytes: v.upTo(0xffffffff, 'window'), frames: v.upTo(0xffffffff, 'window'), backlog: v.upTo(0xffffffff, 'window') });

function welcome(r) {
  const f = fields(r, {
    1: [true, (v) => v.u16()],
    2: [true, (v) => v.u64()],
    3: [true, (v) => {
      const n = v.upTo(16, 'epochs');
      return Array.from({ length: n }, () => `epoch ${wide(v.u64())}: committed ${ranges(v)}`);
    }],
    4: [true, (v) => v.i64()],
    5: [true, windowOf],
    6: [true, (v) => v.upTo(1048576, 'max_frame')],
    7: [true, (v) => [v.upTo(0xffffffff, 'heartbeat'), v.upTo(0xffffffff, 'silence')]],
    8: [true, state],
    9: [false, (v) => v.u64()],
    10: [false, (v) => { const b = v.u8(); must(b <= 1, 'commands'); return b; }],
    11: [false, version],
  });
  const more = f[9] || f[10] || f[11];
  return [
    `version ${f[1]}, session ${f[2]}, now ${f[4]}, server state ${f[8]}`,
    ...f[3],
    `window ${f[5].bytes} bytes ${f[5].frames} frames, backlog ${f[5].backlog} bytes/s, takes ${f[6]} bytes`,
    `heartbeat ${f[7][0]} ms, dead after ${f[7][1]} ms`,
    ...(more ? [`caps ${(f[9] ?? 0n).toString(16)}, commands ${f[10] ? 'allowed' : 'not allowed'}, wants configuration ${f[11] ?? 0}`] : []),
  ];
}

function error(r) {
  const code = r.u16(), fatal = r.u8(), about = r.u8(), ep = r.varint(), seq = r.varint(), text = r.text(512);
  must(fatal <= 1, 'fatal');
  return [`code ${code} (${name(CODES, code)}), ${fatal ? 'fatal' : 'not fatal'}, about type ${TYPES[about] ?? 'unknown'}, ep ${ep}, seq ${seq}: "${text}"`];
}

const bye = (r) => [`reason ${r.u8()}, come again after ${r.u32()} ms: "${r.text(512)}"`];
const ping = (r) => [`id ${r.u64()}, t0 ${r.i64()}`];
const pong = (r) => [`id ${r.u64()}, t0 ${r.i64()}, t1 ${r.i64()}, t2 ${r.i64()}, server state ${state(r)}, commit lag ${r.varint()} ms`];
const window = (r) => { const w = windowOf(r); return [`${w.bytes} bytes, ${w.frames} frames, backlog ${w.backlog} bytes/s`]; };
const ack = (r) => { const ep = r.varint(), committed = ranges(r); return [`ep ${ep}, server state ${state(r)}, committed ${committed}`]; };

function cmd(r) {
  const op = r.u8(), id = hex(r.take(16)), session = r.u64(), dict = r.varint(), alias = r.upTo(1048576, 'alias'), crc = r.u32();
  const value = typedValue(r), issued = r.time(), ttl = r.u32(), flags = r.u8();
  must(ttl >= 1 && ttl <= 600000, 'ttl');
  const expects = [];
  if (flags & 1) {
    const expected = typedValue(r), tolerance = r.f64();
    must(expected.type !== 0, 'nothing to expect');
    must(Number.isFinite(tolerance) && tolerance >= 0, 'tolerance');
    expects.push(`expects ${expected.text} within ${general(tolerance, 17)}`);
  }
  const operator = r.text(64), reason = r.text(128);
  return [
    `${numbered(OPERATIONS, op)}, id ${id}, session ${session}, dict ${dict}, alias ${alias}, name crc ${low(crc, 8)}`,
    `value ${value.text}`,
    `issued ${moment(issued)}, lives ${ttl} ms, flags ${low(flags)}`,
    ...expects,
    `operator "${operator}", reason "${reason}"`,
  ];
}

function cmdAck(r) {
  const id = hex(r.take(16)), op = r.u8(), status = r.u8(), reason = r.u16();
  return [`id ${id}, ${numbered(OPERATIONS, op)}, ${status === 0 ? 'received' : 'rejected'}, reason ${numbered(REASONS, reason)}, "${r.text(512)}"`];
}

function cfgOffer(r) {
  const v = version(r), digest = hex(r.take(32)), size = r.upTo(1048576, 'size');
  must(size > 0, 'size');
  return [`version ${v}, ${size} bytes, sha-256 ${digest}, "${r.text(512)}"`];
}

function cfgGet(r) {
  const v = version(r), offset = r.upTo(1048575, 'offset'), length = r.upTo(65536, 'length');
  must(length > 0, 'length');
  return [`version ${v}, ${length} bytes from ${offset}`];
}

function cfgChunk(r) {
  const v = version(r), offset = r.upTo(1048575, 'offset'), bytes = r.counted(65536);
  must(offset + bytes.length <= 1048576, 'beyond the end');
  return [`version ${v}, ${bytes.length} bytes from ${offset}: ${hex(bytes)}`];
}

function certRequest(r) {
  const request = r.counted(4096);
  must(request.length > 0, 'no request');
  return [`request ${hex(request)}`];
}

function certIssued(r) {
  const status = r.u8(), text = r.text(512), chain = r.counted(16384);
  must((status === 0) === (chain.length > 0), 'a chain goes with status 0, and only with that');
  return [`${status === 0 ? 'issued' : 'not issued'}, "${text}", chain ${hex(chain)}`];
}

function enrol(r) {
  const gateway = r.text(200), secret = r.counted(16), request = r.counted(3072);
  must(/^[A-Za-z0-9._-]+$/.test(gateway), 'no name of a gateway');
  must(secret.length === 16, 'the length of the secret');
  must(request.length > 0, 'no request');
  return [`gateway "${gateway}", secret ${hex(secret)}, request ${hex(request)}`];
}

// --- records (section 6)

function attributes(r, type) {
  const f = fields(r, {
    1: [false, (v) => { const a = v.f64(), b = v.f64(); must(Number.isFinite(a) && Number.isFinite(b) && a < b, 'range'); return [a, b]; }],
    2: [false, whole(512)],
    3: [type === SCALED, (v) => { const a = v.f64(), b = v.f64(); must(Number.isFinite(a) && a !== 0 && Number.isFinite(b), 'scale'); return [a, b]; }],
  });
  return { range: f[1], description: f[2], scale: f[3] };
}

function dictEntry(r) {
  const alias = r.upTo(1048576, 'alias'), op = r.u8();
  must(op <= 1, 'operation');
  if (op === 1) return { alias, removed: true, line: `alias ${alias} removed` };
  const type = r.u8(), flags = r.u8(), called = r.text(200), unit = r.text(16);
  must(type !== 0 && called.length > 0, 'an entry without type or name');
  const a = attributes(new Reader(r.counted(4096), r.seen), type);
  const scale = type === SCALED ? `, scale ${general(a.scale[0], 6)}, offset ${general(a.scale[1], 6)}` : '';
  const range = a.range ? `, range ${general(a.range[0], 6)} to ${general(a.range[1], 6)}` : '';
  return {
    alias, type, name: called, scale: a.scale,
    line: `alias ${alias}: "${called}", ${numbered(VALUES, type)}, flags ${low(flags)}, unit "${unit}"${scale}${range}${a.description ? `, "${a.description}"` : ''}`,
  };
}

/** What dictionaries are known: "ep id" -> { tags: alias -> entry, whole, broken }. */
function usable(dicts, ep, id) {
  const d = dicts.get(`${ep} ${id}`);
  return d?.whole ? d.tags : undefined;
}

function dictPart(r, prefix, dicts, d) {
  const base = r.varint(), more = r.u8();
  must(more <= 1, 'more');
  const n = r.upTo(10000, 'entries');
  must(prefix.dict !== 0n && !d.whole && !d.broken, 'a dictionary that is whole, or of which a part was bad');
  const from = d.tags ?? (base === 0n ? new Map() : usable(dicts, prefix.ep, base));
  must(from !== undefined, 'the base is not there');
  const tags = new Map(from);
  const lines = [];
  for (let i = 0; i < n; i++) {
    const e = dictEntry(r);
    lines.push(e.line);
    tags.delete(e.alias);
    if (!e.removed) {
      must(![...tags.values()].some((other) => other.name === e.name), 'a name twice');
      tags.set(e.alias, e);
    }
    must(tags.size <= 10000, 'too many tags');
  }
  r.end();
  Object.assign(d, { tags, whole: more === 0 });
  return [...lines, `base ${base}, ${n} entries, ${more ? 'more parts follow' : 'complete'}`];
}

/** After one bad part the whole dictionary is unusable; what is whole stays. */
function dict(r, prefix, dicts) {
  const id = `${prefix.ep} ${prefix.dict}`;
  if (!dicts.has(id)) dicts.set(id, { whole: false, broken: false });
  const d = dicts.get(id);
  try {
    return dictPart(r, prefix, dicts, d);
  } catch (e) {
    d.broken = !d.whole;
    throw e;
  }
}

/** One value of a run after another; each call reads the next. */
function valuesOf(type, r) {
  const size = type === F32 ? 4 : 8;
  let last; // as bits
  const readFloat = () => {
    if (last === undefined) return BigInt(`0x${hex(Buffer.from(r.take(size)).reverse())}`);
    const head = r.u8();
    if (head === 0) return last;
    const zeros = head >> 4, length = head & 15;
    must(length > 0 && zeros + length <= size, "a float's change");
    const bytes = Buffer.from(r.take(length));
    must(bytes[0] !== 0 && bytes[length - 1] !== 0, "a float's change that could be shorter");
    return last ^ (BigInt(`0x${hex(bytes.reverse())}`) << BigInt(8 * zeros));
  };
  const floatOf = (bits) => {
    const b = Buffer.alloc(8);
    b.writeBigUInt64LE(bits);
    const v = type === F32 ? b.readFloatLE() : b.readDoubleLE();
    must(Number.isFinite(v), 'NaN or infinity');
    return v;
  };
  if (type === STRING) return () => ({ text: `"${r.text(4096)}"` });
  if (type === BYTES) return () => ({ text: hex(r.counted(4096)) });
  if (type === F32 || type === F64) return () => { last = readFloat(); return { text: general(floatOf(last), 17) }; };
  must(type >= BOOL && type <= ENUM, 'a value type that is not known');
  return () => {
    last = BigInt.asUintN(64, (last ?? 0n) + r.svarint());
    must(type !== BOOL || last <= 1n, 'a bool that is neither 0 nor 1');
    const i = type === UINT ? last : BigInt.asIntN(64, last);
    return { text: `${i}`, number: Number(i) };
  };
}

function qualitiesOf(r, count, many) {
  if (!many) return [r.u8()];
  const found = [];
  while (found.length < count) {
    const quality = r.u8(), repeat = r.upTo(count - found.length, 'repeat');
    must(repeat > 0, 'repeat');
    for (let i = 0; i < repeat; i++) found.push(quality);
  }
  return found;
}

function data(r, prefix, dicts) {
  const tags = usable(dicts, prefix.ep, prefix.dict);
  must(tags !== undefined, 'the dictionary is not there, or not whole');
  const t0 = r.i64(), tick = r.u8(), runs = r.upTo(65536, 'runs');
  must(tick <= 6 && runs > 0, 'tick, runs');
  const unit = 10n ** BigInt(tick);
  const lines = [];
  let next = 0n, start = 0n;
  for (let run = 0; run < runs; run++) {
    const key = r.varint();
    const alias = next + (key >> 3n);
    next = alias + 1n;
    const tag = tags.get(Number(alias));
    must(tag !== undefined, 'an alias that the dictionary does not have');
    if (key & 1n) start += r.svarint();
    const many = (key & 2n) !== 0n;
    const count = many ? r.upTo(65536 - lines.length, 'samples') : 1;
    must(!many || count >= 2, 'samples of a run');
    const qualities = key & 4n ? qualitiesOf(r, count, many) : new Array(count).fill(0);
    const times = [start];
    for (let i = 1, step = 0n; i < count; i++) {
      step += r.svarint();
      must(step >= 0n, 'a step that is negative');
      times.push(times[i - 1] + step);
    }
    const value = valuesOf(tag.type, r);
    for (let i = 0; i < count; i++) {
      const t = t0 + times[i] * unit;
      must(times[i] >= 0n && t >= MIN_TIME && t <= MAX_TIME, 'a time that cannot be');
      const v = qualities[i] & 0x20 ? { text: 'none' } : value();
      const scaled = tag.type === SCALED && v.number !== undefined ? ` = ${general(v.number * tag.scale[0] + tag.scale[1], 6)}` : '';
      lines.push(`alias ${alias}, ${moment(t)}, quality ${low(qualities[i])}, ${name(VALUES, tag.type)} ${v.text}${scaled}`);
    }
  }
  return lines;
}

function event(r) {
  const code = r.u16(), severity = Math.min(r.u8(), 2), t = r.time(), path = r.text(200), text = r.text(512);
  const lines = [`code ${code} (${name(EVENTS, code)}), severity ${severity}, ${moment(t)}, path "${path}", "${text}"`];
  if (code === 2) lines.push(`step ${fields(r, { 1: [true, (v) => v.i64()] })[1]} us`);
  if (code === 5) {
    const varint = [true, (v) => v.varint()], time = [true, (v) => v.time()];
    const f = fields(r, { 1: [true, (v) => v.u64()], 2: varint, 3: varint, 4: varint, 5: time, 6: time });
    must(f[2] <= f[3] && f[5] <= f[6], 'the first that was lost lies behind the last');
    lines.push(`lost of epoch ${wide(f[1])}: [${f[2]}, ${f[3]}), ${f[4]} samples, ${moment(f[5])} to ${moment(f[6])}`);
  }
  return lines;
}

function cmdResult(r) {
  const id = hex(r.take(16)), stage = r.u8(), reason = r.u16(), t = r.time(), value = typedValue(r);
  return [`id ${id}, ${numbered(STAGES, stage)}, reason ${numbered(REASONS, reason)}, ${moment(t)}`, `read back ${value.text}, "${r.text(512)}"`];
}

const cfgResult = (r) => { const v = version(r), outcome = r.u8(), t = r.time(); return [`version ${v}, outcome ${outcome}, ${moment(t)}, "${r.text(512)}"`]; };

// --- frames (section 4)

const MESSAGES = {
  HELLO: hello, WELCOME: welcome, ERROR: error, BYE: bye, PING: ping, PONG: pong, WINDOW: window, ACK: ack, REFRESH: () => [], CMD: cmd, CMD_ACK: cmdAck,
  CFG_OFFER: cfgOffer, CFG_GET: cfgGet, CFG_CHUNK: cfgChunk, CERT_REQUEST: certRequest, CERT_ISSUED: certIssued, CERT_OFFER: () => [],
  ENROL: enrol,
};
const RECORDS = { DICT: dict, DATA: data, EVENT: event, CMD_RESULT: cmdResult, CFG_RESULT: cfgResult };

function record(r, type, journaled, dicts) {
  const prefix = { ep: 0n };
  if (journaled) { prefix.ep = r.varint(); prefix.seq = r.varint(); }
  prefix.dict = r.varint();
  const head = journaled ? `ep ${prefix.ep}, seq ${prefix.seq}, dict ${prefix.dict}` : `dict ${prefix.dict}`;
  return [head, ...(RECORDS[type] ?? ((rest) => { rest.rest(); return []; }))(r, prefix, dicts)];
}

function meaning(type, flags, body, dicts, seen) {
  const r = new Reader(body, seen);
  const journaled = (flags & 1) !== 0;
  const snapshot = type === 'DATA' && (flags & 4) !== 0;
  must(type === 'unknown' || journaled === (RECORDS[type] !== undefined && !snapshot), 'J where it does not belong, or not where it does');
  if (RECORDS[type] || journaled) {
    const lines = record(r, type, journaled, dicts);
    if (type !== 'DICT' && type !== 'DATA') fields(r);
    r.end();
    return lines;
  }
  if (MESSAGES[type] === undefined) return [];
  const lines = MESSAGES[type](r);
  fields(r); // of later versions
  r.end();
  return lines;
}

/**
 * The frames of a stream, each as { text, fields, refused }: its lines, the tags of the fields in it that version 1 knows, and why it must be refused (then
 * text is its head line alone). After what is no frame, or is not whole, nothing follows.
 */
export function decodeStream(bytes) {
  const frames = [];
  const dicts = new Map();
  for (let at = 0; at < bytes.length;) {
    const left = bytes.subarray(at);
    if (left[0] !== 0xb7) return [...frames, { text: '', refused: 'no frame starts here' }];
    if (left.length < 8) return [...frames, { text: '', refused: 'not whole' }];
    const flags = left.readUInt16LE(2), length = left.readUInt32LE(4);
    if (flags & 0xf0) return [...frames, { text: '', refused: 'a critical flag' }];
    if (length > 1048576) return [...frames, { text: '', refused: 'too big' }];
    if (left.length < 8 + length) return [...frames, { text: '', refused: 'not whole' }];
    const letters = ['J', 'H', 'S', 'U'].filter((_, i) => flags & (1 << i)).map((letter) => ` ${letter}`).join('');
    const head = `${TYPES[left[1]] ?? 'unknown'} (0x${low(left[1])})${letters}, ${length} bytes\n`;
    try {
      const seen = [];
      const lines = meaning(TYPES[left[1]] ?? 'unknown', flags, left.subarray(8, 8 + length), dicts, seen);
      frames.push({ text: head + lines.map((line) => `  ${line}\n`).join(''), fields: seen });
    } catch (e) {
      if (!(e instanceof Refused)) throw e;
      frames.push({ text: head, refused: e.message });
    }
    at += 8 + length;
  }
  return frames;
}
