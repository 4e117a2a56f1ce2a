/** The server's time, carried on by the monotonic clock between frames: ages do not depend on this workstation's clock. */
import { signal } from '@preact/signals';

let serverMs = Date.now();
let monoMs = performance.now();

const wholeSecond = (ms: number): number => Math.floor(ms / 1000) * 1000;

/** Server time, once a second. */
export const second = signal(wholeSecond(serverMs));

export function serverNow(): number {
  return serverMs + (performance.now() - monoMs);
}

export function setServerTime(ms: number): void {
  serverMs = ms;
  monoMs = performance.now();
}

/** T of the newest frame. */
export function lastServerTime(): number {
  return serverMs;
}

export function tickClock(): void {
  const now = wholeSecond(serverNow());
  if (now !== second.peek()) second.value = now;
}
