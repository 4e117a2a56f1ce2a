import { useEffect, useMemo, useState } from 'preact/hooks';
import { MARK_KINDS, type Mark, marksOf, type Standing, standingsOf } from '../../model/marks.ts';
import type { Range } from '../../model/tiles.ts';
import type { AlarmRecord, AlarmSetting } from '../../model/types.ts';
import { wordsOf } from '../../state/action.ts';
import { alarmNow } from '../../state/alarms.ts';
import { serverNow } from '../../state/clock.ts';
import { whenFree } from '../../state/history.ts';
import { get, isAbort } from '../../state/http.ts';

/** As many as one answer may have. */
const RECORDS_MAX = 1000;
/** Of a site, where they have to be asked for one by one. */
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

type Question = { readonly site: string } | { readonly alarm: string };
type Asker = (of: Question) => Promise<readonly AlarmRecord[]>;

const askerOf =
  (fromUs: number, toUs: number, signal: AbortSignal): Asker =>
  (of) => {
    const query = new URLSearchParams({ ...of, kind: MARK_KINDS, order: 'src', limit: String(RECORDS_MAX) });
    query.set('from', String(fromUs));
    query.set('to', String(toUs));
    return whenFree(async () => {
      signal.throwIfAborted();
      return (await get<{ records: readonly AlarmRecord[] }>(`/alarms/history?${query}`, signal)).records;
    });
  };

/** One question for a site; where more happened there than one answer holds, one for each of the alarms. */
async function loadSite(site: string, alarms: readonly string[], ask: Asker): Promise<Omit<Loaded, 'failed'>> {
  if (alarms.length > 1) {
    const all = await ask({ site });
    if (all.length < RECORDS_MAX)
      return { records: all.filter((record) => alarms.includes(record.alarm ?? '')), cut: false };
  }
  const asked = alarms.slice(0, ALARMS_MAX);
  const lists = await Promise.all(asked.map((alarm) => ask({ alarm })));
  const cut = asked.length < alarms.length || lists.some((list) => list.length === RECORDS_MAX);
  return { records: lists.flat(), cut };
}

/** Alarms by the site that their names begin with. */
function bySite(alarms: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const sites = new Map<string, string[]>();
  for (const alarm of alarms) {
    const [site = ''] = alarm.split('/');
    sites.set(site, [...(sites.get(site) ?? []), alarm]);
  }
  return sites;
}

/** What the alarms of some tags did within tiles of time; asked again when one of them does something. */
export function useAlarmMarks(
  tags: readonly string[],
  settings: readonly AlarmSetting[],
  range: Range,
  length: number,
): AlarmMarks {
  const alarms = settings.filter((s) => s.tag !== undefined && tags.includes(s.tag)).map((s) => s.name);
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
        const ask = askerOf(range.first * length, range.end * length, gone.signal);
        const parts = await Promise.all([...bySite(alarms)].map(([site, names]) => loadSite(site, names, ask)));
        if (gone.signal.aborted) return;
        setLoaded({ records: parts.flatMap((part) => part.records), cut: parts.some((part) => part.cut), failed: '' });
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
