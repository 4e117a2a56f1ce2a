import type { RefObject } from 'preact';
import { useLayoutEffect } from 'preact/hooks';

/**
 * Takes the focus while it is shown, and gives it back to what had it: the keys of a list go on working. Before anything else happens:
 * a word that is typed at once must not be taken for keys of the list, where "a" acknowledges.
 */
export function useFocus(target: RefObject<HTMLElement | null>): void {
  useLayoutEffect(() => {
    const before = document.activeElement;
    target.current?.focus();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
}
