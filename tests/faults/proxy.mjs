// A bad line between gateways and the server: a TCP proxy that passes bytes as they are, reads the heads of TLS records so that it can break
// the line at a chosen byte of a chosen record, and does what lines do: cut, reset, fall silent, stall and let go, trickle, and let a newer
// connection overtake an older one. It also keeps what the gateways' ends sent, to say it once more on a connection of its own.
import net from 'node:net';

const HEAD = 5; // of a TLS record: type, version, length

/** One direction of a connection: bytes in, bytes out, with what is wrong with it. */
class Way {
  constructor(from, to) {
    this.from = from;
    this.to = to;
    this.bytes = 0;
    this.records = 0; // whole ones that have passed
    this.record = []; // head bytes of the present one
    this.left = 0; // bytes of its body that are to come
    this.queue = [];
    this.held = false;
    this.silent = false; // swallows everything
    this.rate = 0; // bytes a second; 0: as fast as they come
    this.cutAt = null; // {record, byte}: the connection is reset when this byte of this record was passed
    this.seen = []; // all of it, for a replay
    from.on('data', (d) => this.take(d));
  }

  take(d) {
    if (this.silent) return;
    this.seen.push(d);
    this.queue.push(d);
    this.flush();
  }

  /** How many bytes of d may pass before the cut; counts records on the way. */
  count(d) {
    for (let i = 0; i < d.length; i++) {
      if (this.cutAt && this.records >= this.cutAt.record && HEAD - this.record.length === 0 && this.total - this.left >= this.cutAt.byte) return i;
      if (this.record.length < HEAD) {
        this.record.push(d[i]);
        if (this.record.length === HEAD) this.left = this.total = (this.record[3] << 8) | this.record[4];
      } else {
        this.left--;
      }
      if (this.record.length === HEAD && this.left === 0) {
        this.records++;
        this.record = [];
      }
    }
    return d.length;
  }

  flush() {
    if (this.held || this.timer) return;
    while (this.queue.length > 0) {
      let d = this.queue.shift();
      if (this.rate > 0) {
        if (d.length > 1) this.queue.unshift(d.subarray(1));
        d = d.subarray(0, 1);
        this.timer = setTimeout(() => { this.timer = undefined; this.flush(); }, 1000 / this.rate);
      }
      const n = this.count(d);
      this.bytes += n;
      if (n > 0 && !this.to.destroyed) this.to.write(d.subarray(0, n));
      if (n < d.length) {
        this.onCut?.();
        return;
      }
      if (this.timer) return;
    }
    if (this.ended) this.to.end();
  }
}

class Connection {
  constructor(proxy, gateway, number) {
    this.proxy = proxy;
    this.number = number;
    this.gateway = gateway;
    this.server = new net.Socket();
    this.up = new Way(gateway, this.server);
    this.down = new Way(this.server, gateway);
    for (const way of [this.up, this.down]) {
      way.onCut = () => this.reset();
      way.from.on('end', () => { if (!way.silent) { way.ended = true; way.flush(); } });
      way.from.on('error', () => {});
      way.from.on('close', () => { if (!way.silent) this.close(); });
    }
  }

  open(port) {
    this.server.setNoDelay(true);
    this.server.connect(port, '127.0.0.1');
  }

  close() {
    if (!this.gone) {
      this.gone = true;
      for (const way of [this.up, this.down]) clearTimeout(way.timer);
      this.gateway.destroySoon();
      this.server.destroySoon();
    }
  }

  /** Both ends hear it as a reset. */
  reset() {
    this.gone = true;
    for (const way of [this.up, this.down]) clearTimeout(way.timer);
    this.gateway.resetAndDestroy();
    this.server.resetAndDestroy();
  }
}

export class Proxy {
  /** target: () => the server's port. plan(connection): called for each new one, before it is opened; may set what is wrong with it, and
   * may return a promise: the connection is opened when that is kept, while newer ones are not held up. */
  constructor(target, plan = () => {}) {
    this.target = target;
    this.plan = plan;
    this.connections = [];
    this.ever = 0;
    this.listener = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.accept(socket));
  }

  listen() {
    return new Promise((done) => this.listener.listen(0, '127.0.0.1', () => done((this.port = this.listener.address().port))));
  }

  async accept(socket) {
    const c = new Connection(this, socket, this.ever++);
    this.connections.push(c);
    await this.plan(c);
    if (!socket.destroyed) c.open(this.target());
  }

  get live() {
    return this.connections.filter((c) => !c.gone);
  }

  cut() {
    for (const c of this.live) c.close();
  }

  reset() {
    for (const c of this.live) c.reset();
  }

  /** From now on nothing arrives any more on the present connections, and nobody is told. */
  silence() {
    for (const c of this.live) c.up.silent = c.down.silent = true;
  }

  hold(up = true, down = true) {
    for (const c of this.live) {
      c.up.held = up;
      c.down.held = down;
    }
  }

  release() {
    for (const c of this.live) {
      for (const way of [c.up, c.down]) {
        way.held = false;
        way.flush();
      }
    }
  }

  /** Says to the server once more what a gateway's end said on this connection. Gives all that the server answers, when it closes. */
  replay(connection) {
    return new Promise((done) => {
      const answer = [];
      const s = net.connect(this.target(), '127.0.0.1', () => s.write(Buffer.concat(connection.up.seen)));
      s.on('data', (d) => answer.push(d));
      s.on('error', () => {});
      s.on('close', () => done(Buffer.concat(answer)));
    });
  }

  async close() {
    for (const c of this.connections) if (!c.gateway.destroyed || !c.server.destroyed) c.reset();
    await new Promise((done) => this.listener.close(done));
  }
}
