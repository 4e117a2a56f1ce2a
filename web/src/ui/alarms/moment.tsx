import { useEffect, useState } from 'preact/hooks';
import { formatDateTime, formatNumber, formatShort, NONE, parseLocal, parseTime } from '../../model/format.ts';
import { type PastAlarm, type PastPage, sortPast } from '../../model/past.ts';
import type { AlarmsRoute } from '../../model/route.ts';
import { wordsOf } from '../../state/action.ts';
import { openDetail } from '../../state/dock.ts';
import { get, isAbort } from '../../state/http.ts';
import { settings, tags } from '../../state/plant.ts';
import { t } from '../../state/prefs.ts';
import { navigate } from '../../state/router.ts';
import { AlarmSymbol } from '../alarm-symbol.tsx';
import { TimeField } from './time-field.tsx';

/** From the history to one moment: the address has it, so that it can be passed on. */
export function MomentField({ at }: { readonly at: AlarmsRoute }) {
  const [text, setText] = useState(at.moment === null ? '' : formatDateTime(at.moment));
  const put = (entered: string) => {
    setText(entered);
    const moment = parseLocal(entered);
    if (moment !== null) navigate({ ...at, moment }, 'replace');
  };
  return <TimeField label={t('history.moment')} testid="history-moment" value={text} onChange={put} />;
}

/** Pages follow each other by the alarms' keys: all of them are needed before anything can be put in order. */
async function loadAll(query: URLSearchParams, signal: AbortSignal): Promise<readonly PastAlarm[]> {
  const all: PastAlarm[] = [];
  for (;;) {
    const page = await get<PastPage>(`/alarms/state_at?${query.toString()}`, signal);
    all.push(...page.alarms);
    if (page.next === null) return sortPast(all);
    query.set('after', String(page.next));
  }
}

function usePast(query: string) {
  const [list, setList] = useState<readonly PastAlarm[] | null>(null);
  const [failed, setFailed] = useState('');
  useEffect(() => {
    const gone = new AbortController();
    setList(null);
    loadAll(new URLSearchParams(query), gone.signal).then(
      (all) => {
        setList(all);
        setFailed('');
      },
      (error: unknown) => {
        if (!isAbort(error)) setFailed(wordsOf(error));
      },
    );
    return () => gone.abort();
  }, [query]);
  return { list, failed };
}

function hiddenWords(a: PastAlarm, ms: number): string {
  const words: string[] = [];
  if (a.shelved !== null) {
    const until = parseTime(a.shelved.until);
    const end = until === null ? '' : ` → ${formatShort(until, ms)}`;
    words.push(`${t('counts.shelved')}: ${a.shelved.by ?? ''} ${a.shelved.reason}${end}`);
  }
  if (a.suppressed_by.length > 0) words.push(`${t('counts.suppressed')}: ${a.suppressed_by.join(', ')}`);
  if (a.out_of_service !== null) {
    words.push(`${t('counts.oos')}: ${a.out_of_service.by ?? ''} ${a.out_of_service.reason}`);
  }
  return words.join('; ');
}

function PastRow({ alarm: a, ms }: { readonly alarm: PastAlarm; readonly ms: number }) {
  const { name } = a;
  const tag = tags.value.get(settings.value.find((s) => s.name === name)?.tag ?? '');
  const number = (n: number | null): string =>
    n === null ? '' : `${formatNumber(n, tag?.decimals ?? 2)} ${a.unit === '' ? (tag?.unit ?? '') : a.unit}`;
  const time = (text: string | null): string => {
    const at = parseTime(text);
    return at === null ? NONE : formatShort(at, ms);
  };
  return (
    <tr data-testid={`past-row-${name ?? a.seq}`} data-letter={a.letter}>
      <td class="cell-sym still">
        <AlarmSymbol priority={a.priority} letter={a.letter} size={16} untrusted={a.untrusted} />
      </td>
      <th scope="row">
        {name === null ? (
          t('history.removed')
        ) : (
          <button type="button" class="link" onClick={() => openDetail(name)}>
            {name}
          </button>
        )}
      </th>
      <td>{t(`letter.${a.letter}`)}</td>
      <td class="num">{time(a.raised)}</td>
      <td class="num">{time(a.changed)}</td>
      <td class="cell-number num">{number(a.value)}</td>
      <td class="cell-number num">{number(a.limit)}</td>
      <td>{a.acked_by === null ? '' : `${a.acked_by} ${time(a.acked_at)}`}</td>
      <td class="cell-text">{hiddenWords(a, ms)}</td>
      <td>{a.position}</td>
    </tr>
  );
}

/** Every alarm as it stood at one moment, whatever the configuration is by now. */
export function Moment({ at, ms }: { readonly at: AlarmsRoute; readonly ms: number }) {
  const [all, setAll] = useState(false);
  const query = new URLSearchParams({ t: new Date(ms).toISOString(), ...(all ? { state: 'all' } : {}) });
  for (const key of ['site', 'area', 'position'] as const) if (at[key] !== '') query.set(key, at[key]);
  if (at.priority !== 0) query.set('priority', String(at.priority));
  const { list, failed } = usePast(query.toString());
  return (
    <section class="panel history" data-testid="history-past">
      <div class="toolbar">
        <MomentField at={at} />
        <label class="inline">
          <input
            type="checkbox"
            data-testid="history-all"
            checked={all}
            onChange={(event) => setAll(event.currentTarget.checked)}
          />{' '}
          {t('history.all')}
        </label>
        <span class="hint">{t('history.momentText')}</span>
        <button
          type="button"
          data-testid="history-records"
          onClick={() => navigate({ ...at, moment: null }, 'replace')}
        >
          {t('history.momentEnd')}
        </button>
        {failed === '' ? null : (
          <strong class="fault" role="alert">
            {failed}
          </strong>
        )}
      </div>
      <div class="scroll">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">{t('col.priority')}</th>
              <th scope="col">{t('history.alarm')}</th>
              <th scope="col">{t('col.state')}</th>
              <th scope="col">{t('col.time')}</th>
              <th scope="col">{t('facts.changed')}</th>
              <th scope="col" class="cell-number">
                {t('col.value')}
              </th>
              <th scope="col" class="cell-number">
                {t('col.limit')}
              </th>
              <th scope="col">{t('col.acked')}</th>
              <th scope="col">{t('history.beneath')}</th>
              <th scope="col">{t('facts.position')}</th>
            </tr>
          </thead>
          <tbody>
            {(list ?? []).map((a) => (
              <PastRow key={a.name ?? a.seq} alarm={a} ms={ms} />
            ))}
          </tbody>
        </table>
        {failed === '' && (list === null || list.length === 0) ? (
          <p class="page-note">{t(list === null ? 'app.loading' : 'history.momentNone')}</p>
        ) : null}
      </div>
    </section>
  );
}
