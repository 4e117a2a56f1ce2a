import { useEffect, useState } from 'preact/hooks';
import { wordsOf } from '../state/action.ts';
import { isAbort } from '../state/http.ts';

export interface Every<T> {
  /** null before the first answer. */
  readonly value: T | null;
  /** Why the newest one did not come; '' if it did. */
  readonly failed: string;
}

/** Asks again and again for as long as it is shown: `ms` after each answer; 0: once. Another key begins anew. */
export function useEvery<T>(load: (signal: AbortSignal) => Promise<T>, ms: number, key: string): Every<T> {
  const [state, setState] = useState<Every<T> & { readonly key: string }>({ value: null, failed: '', key });
  useEffect(() => {
    const gone = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const run = async () => {
      try {
        setState({ value: await load(gone.signal), failed: '', key });
      } catch (error) {
        if (isAbort(error)) return;
        setState((before) => ({ ...before, failed: wordsOf(error), key }));
      }
      if (ms > 0) timer = setTimeout(() => void run(), ms);
    };
    void run();
    return () => {
      clearTimeout(timer);
      gone.abort();
    };
  }, [key, ms]);
  return state.key === key ? state : { value: null, failed: '' };
}
