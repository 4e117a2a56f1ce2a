/** Which alarms show something that the journal has not stored yet, and for how long the oldest of it waits. */

interface Pending {
  readonly seq: number;
  readonly atMs: number;
}

export class StoredMarks {
  private readonly pending = new Map<string, Pending>();
  /** null until a server says how far it has stored: then nothing is marked. */
  private stored: number | null = null;

  /** True if something changed. */
  seen(alarm: string, seq: number, atMs: number): boolean {
    if (this.stored === null || seq <= this.stored) return false;
    const before = this.pending.get(alarm);
    // Of one alarm the oldest time is kept: it waits since then.
    this.pending.set(alarm, { seq, atMs: before?.atMs ?? atMs });
    return before === undefined;
  }

  storedUpTo(seq: number): boolean {
    this.stored = seq;
    const before = this.pending.size;
    for (const [alarm, p] of this.pending) if (p.seq <= seq) this.pending.delete(alarm);
    return this.pending.size !== before;
  }

  /** Another epoch counts anew. */
  clear(): void {
    this.pending.clear();
    this.stored = null;
  }

  get names(): ReadonlySet<string> {
    return new Set(this.pending.keys());
  }

  /** Since when the oldest waits; null if nothing does. */
  get oldestMs(): number | null {
    let oldest: number | null = null;
    for (const { atMs } of this.pending.values()) oldest = oldest === null ? atMs : Math.min(oldest, atMs);
    return oldest;
  }
}
