import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type Held, holdRows, type Row } from '../../model/alarm-list.ts';
import type { Alarm } from '../../model/types.ts';

export type Holder = 'pointer' | 'keys' | 'leaving';

/** How long each holds the list still: a pointer that rests longer does not read; one that has left may be on its way to "n new". */
const HOLD_MS: Readonly<Record<Holder, number>> = { pointer: 10_000, keys: 5_000, leaving: 1_500 };
/** After the rows have moved under the pointer, a press within this time was meant for another row. */
const SETTLE_MS = 500;

export interface HeldRows extends Held {
  /** Somebody points or types here: hold still. */
  readonly hold: (how: Holder) => void;
  readonly release: () => void;
  /** The rows have just moved: a press now may be meant for another one. */
  readonly settling: () => boolean;
}

const sameOrder = (a: readonly Row[], b: readonly Row[]): boolean =>
  a.length === b.length && a.every((row, i) => row.alarm.name === b[i]?.alarm.name);

/** The rows of a list that holds still while it is being read; pinned: as long as rows are selected. */
export function useHeldRows(sorted: readonly Alarm[], orderKey: string, pinned: boolean): HeldRows {
  const [held, setHeld] = useState(false);
  const [released, setReleased] = useState(0);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const before = useRef<{ rows: readonly Row[]; key: string; movedAt: number }>({ rows: [], key: '', movedAt: 0 });

  const result = useMemo(() => {
    const key = `${orderKey} ${released}`;
    const keep = (held || pinned) && before.current.key === key;
    const next = holdRows(before.current.rows, sorted, keep);
    const moved = before.current.rows.length > 0 && !sameOrder(before.current.rows, next.rows);
    before.current = { rows: next.rows, key, movedAt: moved ? performance.now() : before.current.movedAt };
    return next;
  }, [sorted, held, pinned, orderKey, released]);

  useEffect(() => () => clearTimeout(timer.current), []);

  return {
    ...result,
    hold(how) {
      if (how !== 'leaving') setHeld(true);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => setHeld(false), HOLD_MS[how]);
    },
    release() {
      clearTimeout(timer.current);
      setHeld(false);
      setReleased((n) => n + 1);
    },
    settling: () => performance.now() - before.current.movedAt < SETTLE_MS,
  };
}
