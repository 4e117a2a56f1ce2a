import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

interface Menu {
  readonly open: boolean;
  readonly setOpen: (open: boolean) => void;
  /** Of the element that holds the menu and its button. */
  readonly root: RefObject<HTMLDivElement | null>;
}

/** A menu that closes when somebody presses Escape, or points anywhere else. */
export function useMenu(): Menu {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return undefined;
    const close = (event: Event) => {
      const outside =
        event instanceof KeyboardEvent ? event.key === 'Escape' : !root.current?.contains(event.target as Node);
      if (outside) setOpen(false);
    };
    document.addEventListener('pointerdown', close);
    document.addEventListener('keydown', close);
    return () => {
      document.removeEventListener('pointerdown', close);
      document.removeEventListener('keydown', close);
    };
  }, [open]);
  return { open, setOpen, root };
}
