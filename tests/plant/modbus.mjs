// Modbus TCP for tests and for the live plant: a device with four tables, and a client. Written from the specification, so that the
// gateway's library is tested against something else than itself.
import net from 'node:net';

const ILLEGAL_FUNCTION = 1, ILLEGAL_ADDRESS = 2, ILLEGAL_VALUE = 3;

/** Thrown by a device's own functions to answer with an exception. */
export class ModbusException extends Error {
  constructor(code) {
    super(`Modbus exception ${code}`);
    this.code = code;
  }
}

/** Words n from address of a table: a function of the address, or a Map, or an array; undefined is "no such address". */
const look = (table, address) => (typeof table === 'function' ? table(address) : table instanceof Map ? table.get(address) : table?.[address]);

/** One Modbus TCP device. tables: {coil, discrete, holding, input}; write(table, address, value) is asked to write and may throw. */
export class ModbusDevice {
  constructor({ tables, write, unit }) {
    Object.assign(this, { tables, write, unit, sockets: new Set(), requests: [], mute: false, delayMs: 0 });
  }

  async listen(port = 0, address = '127.0.0.1') {
    this.server = net.createServer((socket) => this.#serve(socket));
    await new Promise((done, failed) => this.server.once('error', failed).listen(port, address, done));
    this.port = this.server.address().port;
    return this;
  }

  /** Closes the port and all connections; listen() opens it again. */
  async close() {
    this.hangUp();
    await new Promise((done) => (this.server ? this.server.close(done) : done()));
    this.server = undefined;
  }

  hangUp() {
    for (const socket of this.sockets) socket.destroy();
  }

  #serve(socket) {
    this.sockets.add(socket);
    socket.setNoDelay(true);
    let bytes = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      while (bytes.length >= 7) {
        const length = bytes.readUInt16BE(4);
        if (bytes.readUInt16BE(2) !== 0 || length < 2 || length > 254) return socket.destroy();
        if (bytes.length < 6 + length) return;
        this.#answer(socket, bytes.subarray(0, 6 + length));
        bytes = bytes.subarray(6 + length);
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => this.sockets.delete(socket));
  }

  #answer(socket, frame) {
    const unit = frame[6], code = frame[7];
    this.requests.push({ code, address: frame.length >= 10 ? frame.readUInt16BE(8) : 0, n: frame.length >= 12 ? frame.readUInt16BE(10) : 0 });
    if (this.requests.length > 10000) this.requests.shift();
    if (this.mute || (this.unit !== undefined && unit !== this.unit)) return;
    let pdu;
    try {
      pdu = this.#pdu(code, frame.subarray(8));
    } catch (fault) {
      if (!(fault instanceof ModbusException)) throw fault;
      pdu = Buffer.from([code | 0x80, fault.code]);
    }
    const head = Buffer.alloc(7);
    frame.copy(head, 0, 0, 4);
    head.writeUInt16BE(pdu.length + 1, 4);
    head[6] = unit;
    const send = () => socket.destroyed || socket.write(Buffer.concat([head, pdu]));
    if (this.delayMs > 0) setTimeout(send, this.delayMs);
    else send();
  }

  #read(table, address, n, most) {
    if (n < 1 || n > most) throw new ModbusException(ILLEGAL_VALUE);
    return Array.from({ length: n }, (_, i) => {
      const word = look(this.tables[table], address + i);
      if (word === undefined) throw new ModbusException(ILLEGAL_ADDRESS);
      return Number(word);
    });
  }

  #write(table, address, values) {
    for (let i = 0; i < values.length; i++) {
      if (!this.write || look(this.tables[table], address + i) === undefined) throw new ModbusException(ILLEGAL_ADDRESS);
    }
    values.forEach((value, i) => this.write(table, address + i, value));
  }

  #pdu(code, p) {
    if (p.length < 4) throw new ModbusException(ILLEGAL_VALUE);
    const address = p.readUInt16BE(0), n = p.readUInt16BE(2);
    switch (code) {
      case 1:
      case 2: {
        const bits = this.#read(code === 1 ? 'coil' : 'discrete', address, n, 2000);
        const out = Buffer.alloc(2 + Math.ceil(n / 8));
        out[0] = code;
        out[1] = out.length - 2;
        bits.forEach((bit, i) => { if (bit) out[2 + (i >> 3)] |= 1 << (i & 7); });
        return out;
      }
      case 3:
      case 4: {
        const words = this.#read(code === 3 ? 'holding' : 'input', address, n, 125);
        const out = Buffer.alloc(2 + 2 * n);
        out[0] = code;
        out[1] = 2 * n;
        words.forEach((word, i) => out.writeUInt16BE(word & 0xffff, 2 + 2 * i));
        return out;
      }
      case 5:
        if (n !== 0 && n !== 0xff00) throw new ModbusException(ILLEGAL_VALUE);
        this.#write('coil', address, [n === 0 ? 0 : 1]);
        return Buffer.concat([Buffer.from([code]), p.subarray(0, 4)]);
      case 6:
        this.#write('holding', address, [n]);
        return Buffer.concat([Buffer.from([code]), p.subarray(0, 4)]);
      case 15:
        if (n < 1 || n > 1968 || p.length < 5 + Math.ceil(n / 8) || p[4] !== Math.ceil(n / 8)) throw new ModbusException(ILLEGAL_VALUE);
        this.#write('coil', address, Array.from({ length: n }, (_, i) => (p[5 + (i >> 3)] >> (i & 7)) & 1));
        return Buffer.concat([Buffer.from([code]), p.subarray(0, 4)]);
      case 16:
        if (n < 1 || n > 123 || p.length < 5 + 2 * n || p[4] !== 2 * n) throw new ModbusException(ILLEGAL_VALUE);
        this.#write('holding', address, Array.from({ length: n }, (_, i) => p.readUInt16BE(5 + 2 * i)));
        return Buffer.concat([Buffer.from([code]), p.subarray(0, 4)]);
      default:
        throw new ModbusException(ILLEGAL_FUNCTION);
    }
  }
}

/** A client that asks one thing after the other. */
export class ModbusClient {
  #bytes = Buffer.alloc(0);

  static async connect(port, address = '127.0.0.1', unit = 1) {
    const client = new ModbusClient();
    client.unit = unit;
    client.next = 1;
    client.socket = net.connect(port, address);
    await new Promise((done, failed) => Object.assign(client, { done, failed }).socket.once('connect', done)
      .on('error', (fault) => client.failed(fault)).on('close', () => client.failed(new Error('closed'))).on('data', (chunk) => client.#take(chunk)));
    return client;
  }

  close() {
    this.socket.destroy();
  }

  #take(chunk) {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    if (this.#bytes.length < 7 || this.#bytes.length < 6 + this.#bytes.readUInt16BE(4)) return;
    this.done(this.#bytes.subarray(7));
    this.#bytes = Buffer.alloc(0);
  }

  async #ask(pdu) {
    const head = Buffer.alloc(7);
    head.writeUInt16BE(this.next++, 0);
    head.writeUInt16BE(pdu.length + 1, 4);
    head[6] = this.unit;
    const answer = new Promise((done, failed) => Object.assign(this, { done, failed }));
    this.socket.write(Buffer.concat([head, pdu]));
    const p = await answer;
    if (p[0] & 0x80) throw new ModbusException(p[1]);
    return p;
  }

  static #request(code, address, n) {
    const pdu = Buffer.alloc(5);
    pdu[0] = code;
    pdu.writeUInt16BE(address, 1);
    pdu.writeUInt16BE(n, 3);
    return pdu;
  }

  /** n words of a table. */
  async read(table, address, n = 1) {
    const code = { coil: 1, discrete: 2, holding: 3, input: 4 }[table];
    const p = await this.#ask(ModbusClient.#request(code, address, n));
    return Array.from({ length: n }, (_, i) => (code <= 2 ? (p[2 + (i >> 3)] >> (i & 7)) & 1 : p.readUInt16BE(2 + 2 * i)));
  }

  async write(table, address, value) {
    await this.#ask(ModbusClient.#request(table === 'coil' ? 5 : 6, address, table === 'coil' ? (value ? 0xff00 : 0) : value));
  }
}
