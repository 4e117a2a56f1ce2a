/**
 * The alarms that are not normal, kept equal to the server's: loaded whole, then moved by numbered events. An event that is
 * missing, or another epoch, makes the book ask to be loaded again; it never guesses.
 */
import { completeAlarm, type WireAlarm } from './alarm-complete.ts';
import type { AlarmEvent } from './protocol.ts';
import type { Alarm } from './types.ts';

export interface AlarmSnapshot {
  readonly epoch: string;
  readonly n: number;
  readonly alarms: readonly WireAlarm[];
}

/** Not normal, hidden, or waiting for a confirmation: somebody may want to see it. */
const isKept = (a: Alarm): boolean => a.letter !== 'A' || a.confirm_due;

export class AlarmBook {
  private readonly alarms = new Map<string, Alarm>();
  private position: { readonly epoch: string; readonly n: number } | null = null;
  private waiting: AlarmEvent[] = [];
  private stale = true;

  /** null before the first load. */
  get at(): { readonly epoch: string; readonly n: number } | null {
    return this.position;
  }

  /** True while the list is known to be incomplete: a load is needed or under way. */
  get isStale(): boolean {
    return this.stale;
  }

  get all(): readonly Alarm[] {
    return [...this.alarms.values()];
  }

  get(name: string): Alarm | undefined {
    return this.alarms.get(name);
  }

  /** Something was missed. Events are kept aside until the next load. */
  lost(): void {
    this.stale = true;
  }

  /**
   * Takes what was asked for in several requests, one for each group of states. Each answer may be of another moment: the book stands
   * at the earliest, and the events that were kept aside since then bring all of it to the same one.
   */
  load(...snapshots: readonly AlarmSnapshot[]): void {
    const [first] = snapshots;
    if (first === undefined) return;
    this.alarms.clear();
    for (const snapshot of snapshots) {
      for (const wire of snapshot.alarms) {
        const alarm = completeAlarm(wire);
        if (isKept(alarm)) this.alarms.set(alarm.name, alarm);
      }
    }
    this.position = { epoch: first.epoch, n: Math.min(...snapshots.map((s) => s.n)) };
    // Answers from before and after a restart have nothing to do with each other.
    this.stale = snapshots.some((s) => s.epoch !== first.epoch);
    if (this.stale) return;
    const waiting = this.waiting;
    this.waiting = [];
    for (const event of waiting) this.apply(event);
  }

  apply(event: AlarmEvent): void {
    if (this.stale || this.position === null) {
      this.waiting.push(event);
      return;
    }
    if (event.n <= this.position.n) return;
    if (event.n !== this.position.n + 1) {
      this.stale = true;
      this.waiting.push(event);
      return;
    }
    this.position = { epoch: this.position.epoch, n: event.n };
    const name = event.a?.name ?? event.r.alarm;
    const alarm = event.a === null ? null : completeAlarm(event.a);
    if (alarm !== null && isKept(alarm)) this.alarms.set(alarm.name, alarm);
    else if (name !== null) this.alarms.delete(name);
  }

  /** The server says how far it has sent: if that is further than we are, something was missed. */
  sent(n: number): void {
    if (!this.stale && this.position !== null && n > this.position.n) this.stale = true;
  }
}
