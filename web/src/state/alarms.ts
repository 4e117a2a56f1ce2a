/** The alarm list of this browser, and what is asked of alarms. */
import { computed, signal } from '@preact/signals';
import { en, type Key } from '../i18n/en.ts';
import { AlarmBook, type AlarmSnapshot } from '../model/alarm-book.ts';
import type { WireAlarm } from '../model/alarm-complete.ts';
import {
  ackItem,
  bySite,
  chunks,
  countAlarms,
  isListed,
  isUnacked,
  REQUESTS_MAX,
  sortAlarms,
} from '../model/alarm-list.ts';
import { wantsText, whyNot } from '../model/alarm-may.ts';
import { formatClock, parseTime } from '../model/format.ts';
import type { AlarmEvent } from '../model/protocol.ts';
import { E_SECOND, type Second } from '../model/second.ts';
import { type Silenced, silence, soundingPriority } from '../model/sound.ts';
import { StoredMarks } from '../model/stored.ts';
import type { Alarm, AlarmDo, AlarmReply, AlarmRequest, StateCounts, Touched } from '../model/types.ts';
import { say, wordsOf } from './action.ts';
import { ask, get, Problem } from './http.ts';
import { lang, NO_SOUND, position, t } from './prefs.ts';
import { inServersWords, wordsOfSecond } from './second.ts';
import { login, may, personal, whenPersonLeaves } from './session.ts';

const book = new AlarmBook();
const marks = new StoredMarks();
const version = signal(0);

export const alarmsLoaded = signal(false);
export const alarmsStale = signal(true);

/** All that are not normal, hidden ones included. */
export const alarms = computed(() => {
  version.value;
  return book.all;
});
export const listedAlarms = computed(() => alarms.value.filter(isListed));
export const alarmCounts = computed(() => countAlarms(alarms.value));
export const alarmsBySite = computed(() => bySite(alarms.value));
export const urgentUnacked = computed(() => sortAlarms(alarms.value.filter(isUnacked), 'urgency'));

export function alarmNow(name: string): Alarm | undefined {
  version.value;
  return book.get(name);
}

/** null as long as the server has not said it. */
export const stateCounts = signal<StateCounts | null>(null);

// --- Records that are not stored yet

export const unstored = signal<ReadonlySet<string>>(new Set());
/** Server time of the oldest record that is not stored; null if all are. */
export const unstoredSince = signal<number | null>(null);

function showStored(changed: boolean): void {
  if (!changed) return;
  unstored.value = marks.names;
  unstoredSince.value = marks.oldestMs;
}

export function takeStored(seq: number): void {
  showStored(marks.storedUpTo(seq));
}

// --- Sound

const silenced = personal<Silenced>(new Map());
// What a viewer has silenced, here alone, sounds for the next person: the list is loaded again, with what rings by the server.
whenPersonLeaves(() => {
  book.lost();
  alarmsStale.value = true;
});

/** The priority that sounds at this workstation; null: quiet. */
export const sounding = computed(() =>
  position.value === NO_SOUND ? null : soundingPriority(alarms.value, position.value, silenced.value),
);

export function takeSilence(where: string | null): void {
  silenced.value = silence(alarms.peek(), where, silenced.peek());
}

/** Quiet here at once; everybody else at the position hears it from the server. Not an acknowledgement. */
export async function silenceHere(): Promise<void> {
  const where = position.peek() === '' || position.peek() === NO_SOUND ? null : position.peek();
  takeSilence(where);
  if (!may('operator')) return say('plain', t('sound.silencedHere'));
  try {
    await ask<unknown>('POST', '/alarms/silence', { body: where === null ? {} : { position: where } });
    say('good', t('sound.silenced'));
  } catch (error) {
    say('bad', t('sound.silencedOnlyHere', { why: wordsOf(error) }));
  }
}

// --- The list

let changed = false;
let loading = false;
let again = false;

const RELOAD_MS = 1_500;

const HIDDEN_STATES = ['shelved', 'suppressed', 'oos', 'disabled'] as const;
type HiddenState = (typeof HIDDEN_STATES)[number];
/** States of hidden alarms that the last load asked for. */
let loadedStates: ReadonlySet<HiddenState> = new Set();

/** Called with the values, once a frame: many events are one repaint. */
export function flushAlarms(): void {
  if (!changed) return;
  changed = false;
  version.value += 1;
  alarmsStale.value = book.isStale;
}

/** The list, and those of the hidden ones of which there are any. */
async function loadAll(): Promise<void> {
  const counts = stateCounts.peek();
  const states = HIDDEN_STATES.filter((state) => (counts?.[state] ?? 0) > 0);
  const epoch = book.at?.epoch;
  const snapshots = await Promise.all([
    get<AlarmSnapshot>('/alarms'),
    ...states.map((state) => get<AlarmSnapshot>(`/alarms?state=${state}`)),
  ]);
  loadedStates = new Set(states);
  book.load(...snapshots);
  if (book.at?.epoch !== epoch) {
    // A silence is forgotten when the server starts anew, and the journal's numbers are seen anew.
    silenced.value = new Map();
    marks.clear();
    showStored(true);
  }
}

async function load(): Promise<void> {
  if (loading) {
    again = true;
    return;
  }
  loading = true;
  again = false;
  let failed = false;
  try {
    await loadAll();
    alarmsLoaded.value = true;
  } catch {
    failed = true;
  }
  loading = false;
  changed = true;
  flushAlarms();
  if (login.peek().state !== 'in') return;
  // What was asked for meanwhile is loaded at once; what went wrong, after a while, and not by all browsers together.
  if (failed || book.isStale) setTimeout(() => void load(), RELOAD_MS * (0.5 + Math.random()));
  else if (again) void load();
}

/** null: the list has to be loaded whole, as when it was about to be and its person left. */
export const alarmPosition = (): { readonly epoch: string; readonly n: number } | null =>
  book.isStale ? null : book.at;

export function alarmsLost(): void {
  book.lost();
  alarmsStale.value = true;
  void load();
}

export function takeAlarm(event: AlarmEvent): void {
  const was = book.isStale;
  book.apply(event);
  const { alarm, seq, at } = event.r;
  if (alarm !== null) showStored(marks.seen(alarm, seq, parseTime(at) ?? Date.now()));
  changed = true;
  if (book.isStale && !was) alarmsLost();
}

export function takeAlarmsSent(n: number): void {
  const was = book.isStale;
  book.sent(n);
  if (book.isStale && !was) alarmsLost();
}

export function takeCounts(counts: StateCounts): void {
  stateCounts.value = counts;
  // Hidden ones that were there before this page came are not in the list until they have been asked for.
  if (HIDDEN_STATES.some((state) => counts[state] > 0 && !loadedStates.has(state))) {
    loadedStates = new Set([...loadedStates, ...HIDDEN_STATES.filter((state) => counts[state] > 0)]);
    alarmsLost();
  }
}

/** A list that is not kept live, because its alarms do not say when they change: those in A whose inputs are unknown. */
export async function loadUntrusted(signal: AbortSignal): Promise<readonly WireAlarm[]> {
  return (await get<AlarmSnapshot>('/alarms?state=untrusted', signal)).alarms;
}

// --- Asking

export interface Note {
  readonly text: string;
  readonly call: number;
  readonly letter: string;
}

/** Why the last request of an alarm did not count; it holds as long as the alarm stands as it did then. */
const notes = personal<ReadonlyMap<string, Note>>(new Map());

export function noteOf(alarm: Alarm): string | null {
  const note = notes.value.get(alarm.name);
  return note !== undefined && note.call === alarm.call && note.letter === alarm.letter ? note.text : null;
}

/** Requests on their way, by alarm. */
export const pending = personal<ReadonlySet<string>>(new Set());

/** What waits for a text (a reason, a comment, a length of time) before it is sent; null: nothing. */
export interface Asking {
  readonly what: AlarmDo;
  readonly alarms: readonly Alarm[];
  /** Which source is to be taken away. */
  readonly source?: string;
}
export const asking = personal<Asking | null>(null);

/** Requests that are not done until a second person agrees; null: none. */
export interface Waiting {
  readonly what: AlarmDo;
  readonly items: readonly AlarmRequest[];
  readonly touched: Touched | undefined;
}
export const waiting = personal<Waiting | null>(null);

/** Older servers answer in words of their own. */
const OLD_WORDS: Readonly<Record<string, string>> = {
  bad_call: 'E_CALL',
  not_found: 'E_UNKNOWN',
  not_active: 'ALREADY',
};

const isKey = (text: string): text is Key => Object.hasOwn(en, text);

function wordsOfReply(what: AlarmDo, r: AlarmReply): string {
  const code = OLD_WORDS[r.result] ?? r.result.toUpperCase();
  const at = parseTime(r.acked_at);
  const params = { alarm: r.alarm, who: r.acked_by ?? '', time: at === null ? '' : formatClock(at) };
  if (code === 'OK') return t(`done.${what}`, params);
  if (code === 'ALREADY' && r.acked_by !== null) return t('ack.already', params);
  const key = `reply.${code}`;
  // The server's own sentence is English and knows more; the catalogue's is in the operator's language.
  if (r.text !== undefined && r.text !== '' && (lang.peek() === 'en' || !isKey(key))) return `${r.alarm}: ${r.text}`;
  return isKey(key) ? t(key, params) : `${r.alarm}: ${r.result}`;
}

const isDone = (r: AlarmReply): boolean => r.result.toUpperCase() === 'OK';
/** "Already" is what was wanted, done by somebody else. */
const isWanted = (r: AlarmReply): boolean => isDone(r) || r.result.toUpperCase() === 'ALREADY';

function report(what: AlarmDo, replies: readonly AlarmReply[]): void {
  const refused = replies.filter((r) => !isDone(r));
  const next = new Map(notes.peek());
  for (const r of replies) next.delete(r.alarm);
  for (const r of refused) {
    const letter = r.letter ?? book.get(r.alarm)?.letter ?? '';
    next.set(r.alarm, { text: wordsOfReply(what, r), call: r.call, letter });
  }
  notes.value = next;
  const [first] = replies;
  const ok = replies.length - refused.length;
  const words =
    replies.length === 1 && first !== undefined
      ? [wordsOfReply(what, first)]
      : [t('ask.summary', { ok, n: replies.length, what: t(`do.${what}`) })];
  if (replies.length > 1) words.push(...refused.slice(0, 3).map((r) => wordsOfReply(what, r)));
  say(replies.every(isWanted) ? 'good' : 'bad', words.join(' · '));
  if (refused.some((r) => ['E_CALL', 'E_UNKNOWN', 'bad_call', 'not_found'].includes(r.result))) alarmsLost();
}

function setPending(names: readonly string[], on: boolean): void {
  const set = new Set(pending.peek());
  for (const name of names) {
    if (on) set.add(name);
    else set.delete(name);
  }
  pending.value = set;
}

interface Answer {
  readonly results: readonly AlarmReply[];
  readonly touched?: Touched;
}

/** Acknowledgements have a short form, which every server knows. */
async function send(what: AlarmDo, items: readonly AlarmRequest[], second?: Second): Promise<Answer> {
  const where = position.peek() === '' || position.peek() === NO_SOUND ? {} : { position: position.peek() };
  if (what !== 'ack') {
    const answer = await ask<Answer>('POST', '/alarms/requests', {
      body: { items, ...where, ...(second === undefined ? {} : { second }) },
    });
    return answer.body;
  }
  const [first] = items;
  const comment = first?.comment === undefined ? {} : { comment: first.comment };
  const calls = items.map(({ alarm, call }) => ({ alarm, call }));
  return (await ask<Answer>('POST', '/alarms/ack', { body: { items: calls, ...comment, ...where } })).body;
}

const wantsSecond = (r: AlarmReply): boolean => r.result === E_SECOND;

/** Asks one thing of alarms. What became of each is said in the line at the bottom and beside its row. */
export async function request(what: AlarmDo, items: readonly AlarmRequest[]): Promise<void> {
  if (items.length === 0) {
    say('plain', t('ack.nothing'));
    return;
  }
  say('busy', t('ask.sending', { n: items.length, what: t(`do.${what}`) }));
  const names = items.map((item) => item.alarm);
  setPending(names, true);
  const replies: AlarmReply[] = [];
  let touched: Touched | undefined;
  try {
    for (const part of chunks(items, REQUESTS_MAX)) {
      const answer = await send(what, part);
      replies.push(...answer.results);
      touched ??= answer.touched;
    }
    const settled = replies.filter((r) => !wantsSecond(r));
    const of = items.filter((item) => replies.some((r) => r.alarm === item.alarm && wantsSecond(r)));
    // That a second person is wanted is no refusal: the form says it, and waits.
    if (settled.length > 0) report(what, settled);
    else say('plain', t('ask.failed', { what: t(`do.${what}`), why: t('second.needed') }));
    if (of.length > 0) waiting.value = { what, items: of, touched };
  } catch (error) {
    // What was answered before it broke off stands.
    if (replies.length > 0) report(what, replies);
    say('bad', t(what === 'ack' ? 'ack.failed' : 'ask.failed', { why: wordsOf(error), what: t(`do.${what}`) }));
    if (error instanceof Problem && error.status === 422 && what === 'ack') alarmsLost();
  }
  setPending(names, false);
}

/** Asks the same again with a second person: '' if that was accepted, else why not. */
export async function agree(asked: Waiting, second: Second): Promise<string> {
  const { what, items, touched } = asked;
  const names = items.map((item) => item.alarm);
  setPending(names, true);
  const replies: AlarmReply[] = [];
  let fault = '';
  try {
    for (const part of chunks(items, REQUESTS_MAX)) {
      replies.push(...(await send(what, part, second)).results);
      // A password that is wrong is wrong for the rest too, and each try counts.
      if (replies.some(wantsSecond)) break;
    }
  } catch (error) {
    fault = wordsOfSecond(error) ?? wordsOf(error);
    say('bad', t('ask.failed', { why: fault, what: t(`do.${what}`) }));
  }
  setPending(names, false);
  const refused = replies.find(wantsSecond);
  if (refused !== undefined) fault = inServersWords(refused.text ?? '', t('second.notAgreed'));
  if (replies.length > 0) report(what, replies);
  const settled = new Set(replies.filter((r) => !wantsSecond(r)).map((r) => r.alarm));
  const left = items.filter((item) => !settled.has(item.alarm));
  // Closed meanwhile: then nobody waits any more.
  if (waiting.peek() === asked) waiting.value = left.length === 0 ? null : { what, items: left, touched };
  return fault;
}

export function roleWords(): string {
  const state = login.value;
  return t(`role.${state.state === 'in' ? state.session.role : 'viewer'}`);
}

/**
 * Acknowledges just the calls that these alarms had on the screen. Those that want a comment go together into the form that asks for
 * it; the others are sent.
 */
export async function acknowledge(list: readonly Alarm[], comment = ''): Promise<void> {
  if (!may('operator')) {
    say('bad', t('ack.denied', { role: roleWords() }));
    return;
  }
  const wanting = comment === '' ? list.filter((a) => wantsText('ack', a) !== null) : [];
  const now = list.filter((a) => !wanting.includes(a));
  if (wanting.length > 0) asking.value = { what: 'ack', alarms: wanting };
  if (now.length === 0 && wanting.length > 0) return;
  await request(
    'ack',
    now.map((a) => ({ ...ackItem(a), do: 'ack', ...(comment === '' ? {} : { comment }) })),
  );
}

/** Asks at once, or opens the form where a text is wanted. Says why it is not possible. */
export function start(what: AlarmDo, alarm: Alarm, source?: string): void {
  const state = login.peek();
  const why = whyNot(what, alarm, state.state === 'in' ? state.session.role : 'viewer');
  if (why !== null) {
    say('bad', `${alarm.name}: ${t(`why.${why}`)}`);
  } else if (wantsText(what, alarm) !== null) {
    asking.value = { what, alarms: [alarm] };
  } else {
    const call = what === 'ack' ? { call: alarm.call } : {};
    void request(what, [{ alarm: alarm.name, do: what, ...call, ...(source === undefined ? {} : { source }) }]);
  }
}
