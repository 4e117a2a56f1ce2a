import { useLayoutEffect, useRef } from 'preact/hooks';

/** All that flashes on the screen flashes together: its animations start at the same moment of the page's time. */
export function useInStep<E extends Element>(flashing: boolean, what: string) {
  const root = useRef<E>(null);
  useLayoutEffect(() => {
    if (flashing) for (const animation of root.current?.getAnimations({ subtree: true }) ?? []) animation.startTime = 0;
  }, [flashing, what]);
  return root;
}
