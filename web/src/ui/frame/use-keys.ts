import { useEffect } from 'preact/hooks';
import { silenceHere } from '../../state/alarms.ts';
import { detailOf, helpOpen } from '../../state/dock.ts';

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (/^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) || target.isContentEditable);

function focusSearch(): boolean {
  const field = document.querySelector<HTMLInputElement>('[data-key="/"]');
  field?.focus();
  return field !== null;
}

/** Keys that work on every screen, unless somebody writes. */
const KEYS: Readonly<Record<string, () => boolean>> = {
  s: () => {
    void silenceHere();
    return true;
  },
  '/': focusSearch,
  '?': () => {
    helpOpen.value = !helpOpen.peek();
    return true;
  },
  Escape: () => {
    const open = helpOpen.peek() || detailOf.peek() !== null;
    if (helpOpen.peek()) helpOpen.value = false;
    else detailOf.value = null;
    return open;
  },
};

export function useKeys(): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event.target)) return;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      if (!event.defaultPrevented && KEYS[key]?.() === true) event.preventDefault();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
}
