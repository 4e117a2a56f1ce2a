/** The live picture: one socket for the whole page, values as signals. */
import { batch, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { Connection, type LiveValue, SILENCE_MS, type Sink } from '../model/connection.ts';
import { formatAge } from '../model/format.ts';
import { SUBPROTOCOL, type View } from '../model/protocol.ts';
import { say } from './action.ts';
import {
  alarmPosition,
  alarmsLost,
  flushAlarms,
  takeAlarm,
  takeAlarmsSent,
  takeCounts,
  takeSilence,
  takeStored,
} from './alarms.ts';
import { lastServerTime, serverNow, setServerTime, tickClock } from './clock.ts';
import { loadPlant, takeStatus } from './plant.ts';
import { lang, t } from './prefs.ts';
import { checkSession, findSession, login, sessionEnded } from './session.ts';

/** Digital numbers repaint at most once a second; a page that nobody sees needs even less. */
const PERIOD_MS = 1_000;
const PERIOD_HIDDEN_MS = 5_000;
const TICK_MS = 250;
const FLUSH_HIDDEN_MS = 500;

export type LinkState =
  | { readonly state: 'starting' }
  | { readonly state: 'live' }
  /** since: server time of the last frame; null if there never was one. */
  | { readonly state: 'lost'; readonly since: number | null };

export const link = signal<LinkState>({ state: 'starting' });
/** The server runs another build than the one that this page came with. */
export const newBuild = signal(false);

const UNSEEN: LiveValue = { value: null, quality: 0xac, at: null };

const values = new Map<string, Signal<LiveValue>>();
let pending = new Map<string, LiveValue>();
let flushPlanned = false;
let socket: WebSocket | null = null;
let everLive = false;
let startedAt = 0;
let build = '';

function valueSignal(name: string): Signal<LiveValue> {
  let s = values.get(name);
  if (s === undefined) {
    s = signal(UNSEEN);
    values.set(name, s);
  }
  return s;
}

/** A tag's value now; follows where it is read. */
export function liveValue(name: string): ReadonlySignal<LiveValue> {
  return valueSignal(name);
}

function flush(): void {
  flushPlanned = false;
  const taken = pending;
  pending = new Map();
  batch(() => {
    for (const [name, value] of taken) valueSignal(name).value = value;
    flushAlarms();
  });
}

/** Once a frame; by timer in a page that is hidden, where frames stop. */
function planFlush(): void {
  if (flushPlanned) return;
  flushPlanned = true;
  if (document.hidden) setTimeout(flush, FLUSH_HIDDEN_MS);
  else requestAnimationFrame(flush);
}

const sink: Sink = {
  hello(frame) {
    if (build !== '' && build !== frame.build) newBuild.value = true;
    build = frame.build;
    const who = login.peek();
    // Somebody else has logged in by another page of this browser: what is asked for here would be in his name.
    if (who.state === 'in' && who.session.user !== frame.user) void findSession();
  },
  status: takeStatus,
  values(list) {
    for (const [name, value] of list) pending.set(name, value);
    planFlush();
  },
  alarm(event) {
    takeAlarm(event);
    planFlush();
  },
  alarmsSent: takeAlarmsSent,
  alarmsLost,
  alarmPosition,
  counts: takeCounts,
  silenced: takeSilence,
  stored: takeStored,
  configChanged: () => void loadPlant(),
  serverTime: setServerTime,
  liveChanged(live) {
    if (live) {
      const was = link.peek();
      if (was.state === 'lost' && was.since !== null) {
        say('plain', t('status.reconnected', { age: formatAge(serverNow() - was.since, lang.peek()) }));
      }
      everLive = true;
      link.value = { state: 'live' };
    } else if (everLive) {
      link.value = { state: 'lost', since: lastServerTime() };
    }
  },
  refused: () => void checkSession(),
  bye(why) {
    if (why === 'session') sessionEnded();
  },
  protocolError: (text) => say('bad', t('status.refused', { text })),
};

function openSocket(): void {
  const s = new WebSocket(`wss://${location.host}/api/live`, SUBPROTOCOL);
  socket = s;
  // A socket that was given up may still speak: only the present one is listened to.
  s.onopen = () => s === socket && connection.opened();
  s.onmessage = (event) => s === socket && connection.received(String(event.data));
  s.onclose = () => s === socket && connection.closed();
}

const connection = new Connection(
  {
    open: openSocket,
    send: (text) => socket?.send(text),
    close() {
      const s = socket;
      socket = null;
      s?.close();
    },
  },
  sink,
  () => performance.now(),
  Math.random,
  PERIOD_MS,
);

let timer: ReturnType<typeof setInterval> | null = null;

export function startLive(): void {
  if (timer !== null) return;
  startedAt = performance.now();
  everLive = false;
  link.value = { state: 'starting' };
  connection.start();
  timer = setInterval(() => {
    connection.tick();
    tickClock();
    if (link.peek().state === 'starting' && performance.now() - startedAt > SILENCE_MS)
      link.value = { state: 'lost', since: null };
  }, TICK_MS);
}

export function stopLive(): void {
  if (timer !== null) clearInterval(timer);
  timer = null;
  connection.stop();
}

document.addEventListener('visibilitychange', () => {
  connection.setPeriod(document.hidden ? PERIOD_HIDDEN_MS : PERIOD_MS);
  // A frame that was planned does not come once the page is hidden.
  if (document.hidden && flushPlanned) setTimeout(flush, FLUSH_HIDDEN_MS);
});

/** Subscribes for as long as the component is on the screen. */
export function useView(view: View, names?: readonly string[]): void {
  const key = names?.join(',');
  useEffect(() => {
    if (key === '') return undefined;
    const id = connection.subscribe(key === undefined ? { view } : { view, tags: key.split(',') });
    return () => connection.unsubscribe(id);
  }, [view, key]);
}
