import type { Signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { pan, type View, viewOf, zoom } from '../../model/trend-view.ts';
import { serverNow } from '../../state/clock.ts';
import type { Hands } from './chart-hands.ts';

/** A hand that pauses for so long has done what it wanted: that becomes an address. */
const SETTLE_MS = 350;
const WHEEL_FACTOR = 1.25;
const KEY_FACTOR = 1.5;
const KEY_PAN = 0.25;
/** Of the span, for one press of an arrow. */
const KEY_POINT = 0.01;
/** A second press so close to a pinned cursor lets it go. */
const UNPIN = 0.005;

export interface Moves {
  readonly view: View;
  readonly hands: Hands;
  readonly onKey: (event: KeyboardEvent) => void;
  readonly pointAt: (seconds: number) => void;
}

/**
 * The view while it is moved by pointer, wheel or keys, and the cursor over all charts. `go` is told where a movement has ended; until
 * then only the picture moves.
 */
export function useMoves(settled: View, cursor: Signal<number | null>, go: (view: View) => void): Moves {
  const [moving, setMoving] = useState<View | null>(null);
  const view = moving ?? settled;
  const now = useRef({ view, go });
  now.current = { view, go };
  const pinned = useRef<number | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  // Another address, by whatever way, is where we are: before a hand can have begun to move on from there.
  useLayoutEffect(() => {
    clearTimeout(timer.current);
    setMoving(null);
  }, [settled.spanMs, settled.until]);

  const acts = useMemo(() => {
    let base: View | null = null;
    const timeAt = (part: number): number => {
      const { spanMs, until } = now.current.view;
      return ((until ?? serverNow()) - (1 - part) * spanMs) / 1000;
    };
    const show = (next: View) => {
      now.current.view = next;
      setMoving(next);
    };
    const settle = () => {
      clearTimeout(timer.current);
      base = null;
      now.current.go(now.current.view);
    };
    const soon = (next: View) => {
      show(next);
      clearTimeout(timer.current);
      timer.current = setTimeout(settle, SETTLE_MS);
    };
    const pin = (seconds: number | null) => {
      pinned.current = seconds;
      cursor.value = seconds;
    };
    const hands: Hands = {
      point(part) {
        cursor.value = part === null ? pinned.current : timeAt(part);
      },
      pin(part) {
        const at = timeAt(part);
        const near = pinned.current !== null && Math.abs(at - pinned.current) * 1000 < UNPIN * now.current.view.spanMs;
        pin(near ? null : at);
      },
      drag(by) {
        base ??= now.current.view;
        show(pan(base, -by, serverNow()));
      },
      drop: settle,
      turn: (steps, part) => soon(zoom(now.current.view, WHEEL_FACTOR ** steps, part, serverNow())),
      roll: (by) => soon(pan(now.current.view, by, serverNow())),
      mark: (from, to) => now.current.go(viewOf(timeAt(from) * 1000, timeAt(to) * 1000, serverNow())),
    };
    const step = (sign: 1 | -1) => {
      const { spanMs } = now.current.view;
      const from = timeAt(0);
      const at = (cursor.peek() ?? timeAt(0.5)) + (sign * KEY_POINT * spanMs) / 1000;
      pin(Math.min(timeAt(1), Math.max(from, at)));
    };
    const zoomBy = (factor: number) =>
      soon(zoom(now.current.view, factor, now.current.view.until === null ? 1 : 0.5, serverNow()));
    const panBy = (parts: number) => soon(pan(now.current.view, parts, serverNow()));
    const keys: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => step(-1),
      ArrowRight: () => step(1),
      'Shift+ArrowLeft': () => panBy(-KEY_PAN),
      'Shift+ArrowRight': () => panBy(KEY_PAN),
      PageUp: () => panBy(-1),
      PageDown: () => panBy(1),
      '+': () => zoomBy(1 / KEY_FACTOR),
      '=': () => zoomBy(1 / KEY_FACTOR),
      '-': () => zoomBy(KEY_FACTOR),
      End: () => soon({ ...now.current.view, until: null }),
      Escape: () => pin(null),
    };
    return { hands, keys, pin };
  }, [cursor]);

  const onKey = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.shiftKey && event.key.startsWith('Arrow') ? `Shift+${event.key}` : event.key;
    if (key === 'Escape' && cursor.peek() === null) return;
    const act = acts.keys[key];
    if (act === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };
  return { view, hands: acts.hands, onKey, pointAt: acts.pin };
}
