import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';

/** Takes the focus while it is shown, and gives it back to what had it: the keys of a list go on working. */
export function useFocus(target: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const before = document.activeElement;
    target.current?.focus();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
}
