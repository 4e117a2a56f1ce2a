/**
 * One browser's side of the live socket, without a socket: the owner says what happened (opened, closed, received) and what time it
 * is, and is told what to do through `Transport` and `Sink`. So every interleaving can be tested with arrays.
 *
 * Time is monotonic milliseconds: whether the picture is live must not depend on anybody's wall clock.
 */
import {
  type AlarmEvent,
  type Counts,
  type Frame,
  type Hello,
  parseFrame,
  resumeMessage,
  type Status,
  type Subscription,
  subMessage,
  unsubMessage,
  type WireValue,
} from './protocol.ts';

export const SILENCE_MS = 3_000;
const DEAD_MS = 8_000;
const STEADY_MS = 5_000;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 8_000;

export interface Transport {
  open(): void;
  send(text: string): void;
  close(): void;
}

export interface LiveValue {
  readonly value: number | null;
  readonly quality: number;
  /** Source time in server milliseconds; null if there never was one. */
  readonly at: number | null;
}

export interface Sink {
  hello(frame: Hello): void;
  status(frame: Status): void;
  values(values: readonly (readonly [name: string, value: LiveValue])[]): void;
  alarm(event: AlarmEvent): void;
  /** Newest alarm event that the server has sent on this socket. */
  alarmsSent(n: number): void;
  /** The alarm list must be loaded again. */
  alarmsLost(why: string): void;
  /** Where the alarm list stands; null before the first load. */
  alarmPosition(): { readonly epoch: string; readonly n: number } | null;
  counts(frame: Counts): void;
  /** Somebody silenced a position; null: all of them. */
  silenced(position: string | null): void;
  /** Up to here the journal is stored. */
  stored(seq: number): void;
  configChanged(): void;
  /** T of each frame that has one. */
  serverTime(ms: number): void;
  liveChanged(live: boolean): void;
  /** The socket closed before it ever said hello: perhaps the session has ended. */
  refused(): void;
  bye(why: string): void;
  protocolError(text: string): void;
}

type State = 'off' | 'connecting' | 'open' | 'waiting';

export class Connection {
  private state: State = 'off';
  private since = 0;
  private lastFrame = 0;
  private retryAt = 0;
  private attempt = 0;
  private greeted = false;
  private isLive = false;
  private valueFrames: number | null = null;
  private nextId = 1;
  private readonly subs = new Map<number, Subscription>();
  private readonly names = new Map<number, string>();

  constructor(
    private readonly transport: Transport,
    private readonly sink: Sink,
    private readonly now: () => number,
    private readonly random: () => number,
    private periodMs: number,
  ) {}

  get live(): boolean {
    return this.isLive;
  }

  start(): void {
    if (this.state === 'off') this.connect();
  }

  stop(): void {
    const open = this.state === 'connecting' || this.state === 'open';
    this.state = 'off';
    this.judge();
    if (open) this.transport.close();
  }

  subscribe(sub: Subscription): number {
    const id = this.nextId++;
    this.subs.set(id, sub);
    if (this.greeted) this.transport.send(subMessage(id, sub, this.periodMs));
    return id;
  }

  unsubscribe(id: number): void {
    if (this.subs.delete(id) && this.greeted) this.transport.send(unsubMessage(id));
  }

  /** How often values may come; alarms come at once whatever this is. */
  setPeriod(ms: number): void {
    if (ms === this.periodMs) return;
    this.periodMs = ms;
    this.subscribeAll();
  }

  opened(): void {
    if (this.state !== 'connecting') return;
    this.state = 'open';
    this.since = this.now();
    this.lastFrame = this.since;
  }

  closed(): void {
    if (this.state !== 'connecting' && this.state !== 'open') return;
    const greeted = this.greeted;
    const steady = this.state === 'open' && this.now() - this.since >= STEADY_MS;
    this.attempt = steady ? 0 : this.attempt + 1;
    this.greeted = false;
    this.names.clear();
    this.state = 'waiting';
    this.retryAt = this.now() + this.delay();
    this.judge();
    if (!greeted) this.sink.refused();
  }

  /** To be called a few times a second. */
  tick(): void {
    const now = this.now();
    this.judge();
    if (this.state === 'waiting' && now >= this.retryAt) {
      this.connect();
    } else if (this.state === 'open' && now - this.lastFrame >= DEAD_MS) {
      this.giveUp();
    } else if (this.state === 'connecting' && now - this.since >= DEAD_MS) {
      this.giveUp();
    }
  }

  received(text: string): void {
    if (this.state !== 'open') return;
    const frame = parseFrame(text);
    this.lastFrame = this.now();
    if (frame === null) {
      this.sink.protocolError(text.slice(0, 200));
      return;
    }
    if ('T' in frame) this.sink.serverTime(frame.T);
    this.take(frame);
    this.judge();
  }

  private take(frame: Frame): void {
    switch (frame.op) {
      case 'hello':
        this.takeHello(frame);
        return;
      case 'status':
        this.sink.status(frame);
        return;
      case 'snap':
        for (const [handle, name] of frame.tags) this.names.set(handle, name);
        this.takeValues(frame.n, frame.T, frame.v);
        return;
      case 'd':
        this.takeValues(frame.n, frame.T, frame.v);
        return;
      case 'alarm':
        this.sink.alarm(frame);
        return;
      case 'hb':
        if (this.valueFrames !== null && frame.n[0] !== this.valueFrames) this.subscribeAll();
        this.valueFrames = frame.n[0];
        if (frame.j !== undefined) this.sink.stored(frame.j);
        this.sink.alarmsSent(frame.n[1]);
        return;
      case 'counts':
        this.sink.counts(frame);
        return;
      case 'silence':
        this.sink.silenced(frame.position);
        return;
      case 'error':
        this.sink.protocolError(frame.text);
        return;
      case 'resync':
        this.takeResync(frame.why);
        return;
      case 'bye':
        if (frame.why === 'session') this.stop();
        this.sink.bye(frame.why);
        return;
    }
  }

  private takeHello(hello: Hello): void {
    this.greeted = true;
    this.valueFrames = 0;
    this.sink.hello(hello);
    const at = this.sink.alarmPosition();
    if (at === null) this.sink.alarmsLost('start');
    else if (at.epoch !== hello.e) this.sink.alarmsLost('epoch');
    else if (at.n !== hello.n) this.transport.send(resumeMessage(at.epoch, at.n));
    this.subscribeAll();
  }

  /** The server has forgotten our subscriptions if it was because of a new configuration; asking again replaces. */
  private takeResync(why: string): void {
    this.names.clear();
    if (why === 'config') this.sink.configChanged();
    this.sink.alarmsLost(why);
    this.subscribeAll();
  }

  private takeValues(n: number, T: number, values: readonly WireValue[]): void {
    const whole = this.valueFrames === null || n === this.valueFrames + 1;
    this.valueFrames = n;
    const named: (readonly [string, LiveValue])[] = [];
    for (const [handle, value, quality, age] of values) {
      const name = this.names.get(handle);
      if (name !== undefined) named.push([name, { value, quality, at: age === null ? null : T - age }]);
    }
    if (named.length > 0) this.sink.values(named);
    if (!whole) this.subscribeAll();
  }

  private subscribeAll(): void {
    if (!this.greeted) return;
    for (const [id, sub] of this.subs) this.transport.send(subMessage(id, sub, this.periodMs));
  }

  private connect(): void {
    this.state = 'connecting';
    this.since = this.now();
    this.greeted = false;
    this.valueFrames = null;
    this.transport.open();
  }

  private giveUp(): void {
    this.transport.close();
    this.closed();
  }

  private delay(): number {
    const ceiling = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(this.attempt, 10));
    return RETRY_MIN_MS + this.random() * (ceiling - RETRY_MIN_MS);
  }

  private judge(): void {
    const live = this.state === 'open' && this.greeted && this.now() - this.lastFrame < SILENCE_MS;
    if (live === this.isLive) return;
    this.isLive = live;
    this.sink.liveChanged(live);
  }
}
