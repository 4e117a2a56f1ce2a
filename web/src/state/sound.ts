/**
 * The tones of the alarms: oscillators, no files. They follow `sounding`, so a page that is opened while an alarm rings, rings. A
 * browser that plays nothing before a key was pressed is never taken for quiet: `soundState` says so.
 */
import { effect, signal } from '@preact/signals';
import { type Beep, beepsWithin, testTones } from '../model/sound.ts';
import type { Priority } from '../model/types.ts';
import { sounding } from './alarms.ts';
import { NO_SOUND, position } from './prefs.ts';

/** off: this workstation was told to be quiet; blocked: the browser waits for a key; missing: it has no audio at all. */
export type SoundState = 'on' | 'off' | 'blocked' | 'missing';

export const soundState = signal<SoundState>('off');

const TICK_MS = 200;
/** So much is planned ahead: timers of a hidden page come once a second. */
const AHEAD_MS = 1_600;
const LEVEL = 0.22;
/** Beeps rise and fall within this time, so that they do not click. */
const EDGE_S = 0.008;

let context: AudioContext | null = null;
/** What plays now hangs on this; cutting it is silence at once. */
let bus: GainNode | null = null;
let playing: { readonly priority: Priority; readonly startS: number; plannedMs: number } | null = null;

function readState(): void {
  if (position.peek() === NO_SOUND) soundState.value = 'off';
  else if (context === null) soundState.value = 'missing';
  else soundState.value = context.state === 'running' ? 'on' : 'blocked';
}

function cut(): void {
  bus?.disconnect();
  bus = null;
  playing = null;
}

function busOf(audio: AudioContext): GainNode {
  if (bus === null) {
    bus = audio.createGain();
    bus.gain.value = LEVEL;
    bus.connect(audio.destination);
  }
  return bus;
}

function play(audio: AudioContext, beep: Beep, startS: number): void {
  const at = startS + beep.atMs / 1000;
  const end = at + beep.ms / 1000;
  const tone = audio.createOscillator();
  tone.type = 'triangle';
  tone.frequency.value = beep.hz;
  const gain = audio.createGain();
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(1, at + EDGE_S);
  gain.gain.setValueAtTime(1, end - EDGE_S);
  gain.gain.linearRampToValueAtTime(0, end);
  tone.connect(gain).connect(busOf(audio));
  tone.start(at);
  tone.stop(end + EDGE_S);
}

function plan(): void {
  if (context === null || context.state !== 'running' || playing === null) return;
  const nowMs = (context.currentTime - playing.startS) * 1000;
  // After a sleep of the machine nothing is made up for.
  const from = Math.max(playing.plannedMs, nowMs);
  const to = nowMs + AHEAD_MS;
  if (to <= from) return;
  for (const beep of beepsWithin(playing.priority, from, to)) play(context, beep, playing.startS);
  playing.plannedMs = to;
}

function follow(priority: Priority | null): void {
  if (priority === (playing?.priority ?? null)) return;
  cut();
  if (priority === null || context === null) return;
  playing = { priority, startS: context.currentTime + 0.02, plannedMs: 0 };
  plan();
}

/** All four patterns once, so that somebody can hear that the loudspeaker is on. */
export function playTest(): void {
  if (context === null) return;
  void context.resume();
  const start = context.currentTime + 0.05;
  for (const beep of testTones()) play(context, beep, start);
}

function wake(): void {
  if (context !== null && context.state !== 'running') void context.resume();
}

/** Plays for as long as somebody is logged in; what it returns ends it. */
export function startSound(): () => void {
  try {
    context = new AudioContext();
    context.onstatechange = readState;
  } catch {
    context = null;
  }
  const stopFollowing = effect(() => {
    position.value;
    readState();
    follow(soundState.value === 'on' ? sounding.value : null);
  });
  const timer = setInterval(plan, TICK_MS);
  for (const gesture of ['keydown', 'pointerdown']) document.addEventListener(gesture, wake, true);
  return () => {
    for (const gesture of ['keydown', 'pointerdown']) document.removeEventListener(gesture, wake, true);
    clearInterval(timer);
    stopFollowing();
    cut();
    void context?.close();
    context = null;
  };
}
