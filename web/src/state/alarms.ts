/** The alarm list of this browser, and acknowledging. */
import { computed, signal } from '@preact/signals';
import { AlarmBook, type AlarmSnapshot } from '../model/alarm-book.ts';
import { ACK_MAX, type AckItem, bySite, chunks, countAlarms, isUnacked, sortAlarms } from '../model/alarm-list.ts';
import { formatClock, parseTime } from '../model/format.ts';
import type { AlarmEvent } from '../model/protocol.ts';
import type { AckResult, Alarm } from '../model/types.ts';
import { say, wordsOf } from './action.ts';
import { ask, get, Problem } from './http.ts';
import { t } from './prefs.ts';
import { login, may } from './session.ts';

const book = new AlarmBook();
const version = signal(0);

export const alarmsLoaded = signal(false);
export const alarmsStale = signal(true);

export const alarms = computed(() => {
  version.value;
  return book.all;
});
export const alarmCounts = computed(() => countAlarms(alarms.value));
export const alarmsBySite = computed(() => bySite(alarms.value));
export const urgentUnacked = computed(() => sortAlarms(alarms.value.filter(isUnacked), 'urgency'));

export interface AckNote {
  readonly text: string;
  readonly call: number;
}

/** Why the last acknowledgement of an alarm did not count; it holds for the call that the alarm had then. */
export const ackNotes = signal<ReadonlyMap<string, AckNote>>(new Map());

export function ackNote(alarm: Alarm): string | null {
  const note = ackNotes.value.get(alarm.name);
  return note !== undefined && note.call === alarm.call && isUnacked(alarm) ? note.text : null;
}
/** Acknowledgements on their way. */
export const ackPending = signal<ReadonlySet<string>>(new Set());

let changed = false;
let loading = false;
let again = false;

const RELOAD_MS = 1_500;

/** Called with the values, once a frame: many events are one repaint. */
export function flushAlarms(): void {
  if (!changed) return;
  changed = false;
  version.value += 1;
  alarmsStale.value = book.isStale;
}

async function load(): Promise<void> {
  if (loading) {
    again = true;
    return;
  }
  loading = true;
  again = false;
  try {
    book.load(await get<AlarmSnapshot>('/alarms'));
    alarmsLoaded.value = true;
  } catch {
    again = true;
  }
  loading = false;
  changed = true;
  flushAlarms();
  if ((again || book.isStale) && login.peek().state === 'in')
    setTimeout(() => void load(), RELOAD_MS * (0.5 + Math.random()));
}

export const alarmPosition = (): { readonly epoch: string; readonly n: number } | null => book.at;

export function alarmsLost(): void {
  book.lost();
  alarmsStale.value = true;
  void load();
}

export function takeAlarm(event: AlarmEvent): void {
  const was = book.isStale;
  book.apply(event);
  changed = true;
  if (book.isStale && !was) alarmsLost();
}

export function takeAlarmsSent(n: number): void {
  const was = book.isStale;
  book.sent(n);
  if (book.isStale && !was) alarmsLost();
}

function wordsOfResult(r: AckResult): string {
  const at = parseTime(r.acked_at);
  return t(`ack.${r.result}`, { alarm: r.alarm, who: r.acked_by ?? '', time: at === null ? '' : formatClock(at) });
}

function report(results: readonly AckResult[]): void {
  const refused = results.filter((r) => r.result !== 'ok');
  const ok = results.length - refused.length;
  const notes = new Map(ackNotes.peek());
  for (const r of results) notes.delete(r.alarm);
  for (const r of refused) notes.set(r.alarm, { text: wordsOfResult(r), call: r.call });
  ackNotes.value = notes;
  const [first] = results;
  const words =
    results.length === 1 && first !== undefined
      ? [wordsOfResult(first)]
      : [t('ack.summary', { ok, n: results.length })];
  if (results.length > 1) words.push(...refused.slice(0, 3).map(wordsOfResult));
  // "Already" is what was wanted, done by somebody else.
  say(refused.every((r) => r.result === 'already') ? 'good' : 'bad', words.join(' · '));
  if (refused.some((r) => r.result === 'bad_call' || r.result === 'not_found')) alarmsLost();
}

function setPending(items: readonly AckItem[], pending: boolean): void {
  const set = new Set(ackPending.peek());
  for (const item of items) {
    if (pending) set.add(item.alarm);
    else set.delete(item.alarm);
  }
  ackPending.value = set;
}

/** Acknowledges just these calls. What became of each is said in the line at the bottom and beside its row. */
export async function acknowledge(items: readonly AckItem[], comment = ''): Promise<void> {
  const state = login.peek();
  if (!may('operator')) {
    const role = state.state === 'in' ? state.session.role : 'viewer';
    say('bad', t('ack.denied', { role: t(`role.${role}`) }));
    return;
  }
  if (items.length === 0) {
    say('plain', t('ack.nothing'));
    return;
  }
  say('busy', t('ack.sending', { n: items.length }));
  setPending(items, true);
  const results: AckResult[] = [];
  try {
    for (const part of chunks(items, ACK_MAX)) {
      const answer = await ask<{ results: readonly AckResult[] }>('POST', '/alarms/ack', {
        body: comment === '' ? { items: part } : { items: part, comment },
      });
      results.push(...answer.body.results);
    }
    report(results);
  } catch (error) {
    say('bad', t('ack.failed', { why: wordsOf(error) }));
    if (error instanceof Problem && error.status === 422) alarmsLost();
  }
  setPending(items, false);
}
