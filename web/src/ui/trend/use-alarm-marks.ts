import { useEffect, useMemo, useState } from 'preact/hooks';
import { MARK_KINDS, type Mark, marksOf, type Standing, standingsOf } from '../../model/marks.ts';
import type { Range } from '../../model/tiles.ts';
import type { AlarmRecord, AlarmSetting } from '../../model/types.ts';
import { wordsOf } from '../../state/action.ts';
import { alarmNow } from '../../state/alarms.ts';
import { serverNow } from '../../state/clock.ts';
import { whenFree } from '../../state/history.ts';
import { get, isAbort } from '../../state/http.ts';

const RECORDS_MAX = 500;
/** More of them would be asked for one by one, and could not be told apart. */
const ALARMS_MAX = 32;
/** What just happened may not be stored yet. */
const AGAIN_MS = 2_000;

export interface AlarmMarks {
  readonly marks: readonly Mark[];
  readonly standings: readonly Standing[];
  /** Of some alarm only the newest records are here. */
  readonly cut: boolean;
  /** Why it is not complete; '' if it is. */
  readonly failed: string;
}

interface Loaded {
  readonly records: readonly AlarmRecord[];
  readonly cut: boolean;
  readonly failed: string;
}

const NONE: Loaded = { records: [], cut: false, failed: '' };

async function loadOf(
  alarm: string,
  fromUs: number,
  toUs: number,
  signal: AbortSignal,
): Promise<readonly AlarmRecord[]> {
  const query = new URLSearchParams({ alarm, kind: MARK_KINDS, order: 'src', limit: String(RECORDS_MAX) });
  query.set('from', String(fromUs));
  query.set('to', String(toUs));
  return whenFree(async () => {
    signal.throwIfAborted();
    return (await get<{ records: readonly AlarmRecord[] }>(`/alarms/history?${query}`, signal)).records;
  });
}

/** What the alarms of some tags did within tiles of time; asked again when one of them does something. */
export function useAlarmMarks(
  tags: readonly string[],
  settings: readonly AlarmSetting[],
  range: Range,
  length: number,
): AlarmMarks {
  const mine = settings.filter((s) => s.tag !== undefined && tags.includes(s.tag)).map((s) => s.name);
  const alarms = mine.slice(0, ALARMS_MAX);
  const news = alarms.map((name) => {
    const alarm = alarmNow(name);
    return alarm === undefined ? '' : `${alarm.letter}${alarm.occ}.${alarm.call}`;
  });
  const [loaded, setLoaded] = useState<Loaded>(NONE);
  const key = `${alarms.join()} ${news.join()} ${range.first} ${range.end} ${length}`;
  useEffect(() => {
    const gone = new AbortController();
    const load = async () => {
      try {
        const lists = await Promise.all(
          alarms.map((alarm) => loadOf(alarm, range.first * length, range.end * length, gone.signal)),
        );
        if (gone.signal.aborted) return;
        const cut = mine.length > ALARMS_MAX || lists.some((list) => list.length === RECORDS_MAX);
        setLoaded({ records: lists.flat(), cut, failed: '' });
      } catch (error) {
        if (!isAbort(error) && !gone.signal.aborted) setLoaded((before) => ({ ...before, failed: wordsOf(error) }));
      }
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    if (alarms.length === 0) setLoaded(NONE);
    else void load();
    if (alarms.length > 0 && range.end * length > serverNow() * 1000) timer = setTimeout(() => void load(), AGAIN_MS);
    return () => {
      clearTimeout(timer);
      gone.abort();
    };
  }, [key]);
  return useMemo(() => {
    const marks = marksOf(loaded.records);
    return { marks, standings: standingsOf(marks), cut: loaded.cut, failed: loaded.failed };
  }, [loaded]);
}
