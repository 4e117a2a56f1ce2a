import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { PRIORITIES } from '../../model/alarm-list.ts';
import { formatDateTime, formatNumber, formatShort, parseLocal, parseTime } from '../../model/format.ts';
import type { AlarmsRoute } from '../../model/route.ts';
import { sequence } from '../../model/sequence.ts';
import { type AlarmLetter, type AlarmRecord, RECORD_KINDS } from '../../model/types.ts';
import { wordsOf } from '../../state/action.ts';
import { second } from '../../state/clock.ts';
import { openDetail } from '../../state/dock.ts';
import { get, isAbort } from '../../state/http.ts';
import { settings, tags } from '../../state/plant.ts';
import { t } from '../../state/prefs.ts';
import { navigate } from '../../state/router.ts';
import { AlarmSymbol } from '../alarm-symbol.tsx';
import { Moment, MomentField } from './moment.tsx';
import { eventWords, whoWords } from './record-words.ts';
import { TimeField } from './time-field.tsx';

const PAGE = 200;

interface Page {
  readonly records: readonly AlarmRecord[];
  readonly next: number | null;
  /** In the order of sources: the source time that goes with `next`, in microseconds. */
  readonly next_src: number | null;
}

/** What is older than what is shown. */
interface Before {
  readonly seq: number;
  readonly srcUs: number | null;
}

function time(text: string | null): string {
  const ms = parseTime(text);
  return ms === null ? '' : formatShort(ms, second.peek());
}

const LETTERS = 'ABCDEFGHIZ';
const isLetter = (text: string): text is AlarmLetter => text.length === 1 && LETTERS.includes(text);

function RecordRow({ record }: { readonly record: AlarmRecord }) {
  const setting = settings.value.find((s) => s.name === record.alarm);
  const tag = setting?.tag === undefined ? undefined : tags.value.get(setting.tag);
  const unit = record.unit === undefined || record.unit === '' ? (tag?.unit ?? '') : record.unit;
  const number = (n: number | null) => (n === null ? '' : `${formatNumber(n, tag?.decimals ?? 2)} ${unit}`);
  const known = parseTime(record.at);
  const letter = isLetter(record.to) ? record.to : 'A';
  const { alarm } = record;
  return (
    <tr
      data-testid={`history-row-${record.seq}`}
      data-kind={record.kind}
      class={record.hidden === true ? 'row-off' : ''}
    >
      <td class="cell-sym still">
        <AlarmSymbol priority={record.priority} letter={letter} size={16} />
      </td>
      <td class={record.suspect === true ? 'num cell-odd' : 'num'}>
        {time(record.src)}
        {record.suspect === true ? (
          <b class="badge" title={t('marks.suspectText')} data-testid={`suspect-${record.seq}`}>
            {t('marks.suspect')}
          </b>
        ) : null}
      </td>
      <td class="num" title={known === null ? '' : formatDateTime(known)}>
        {time(record.at)}
      </td>
      <th scope="row">
        {alarm === null ? (
          t('history.removed')
        ) : (
          <button type="button" class="link" onClick={() => openDetail(alarm)}>
            {alarm}
          </button>
        )}
      </th>
      <td>
        {eventWords(record)}
        {record.first === true ? <b class="badge badge-first">{t('marks.first')}</b> : null}
        {record.chatter === true ? <b class="badge">{t('marks.chatter')}</b> : null}
      </td>
      <td class="num">
        {record.from} → {record.to}
      </td>
      <td class="cell-number num">{number(record.value)}</td>
      <td class="cell-number num">{number(record.limit)}</td>
      <td>{whoWords(record)}</td>
      <td class="cell-text">{record.comment}</td>
    </tr>
  );
}

function queryOf(at: AlarmsRoute, span: Readonly<Record<'from' | 'to', string>>, before: Before | null) {
  const query = new URLSearchParams({ limit: String(PAGE) });
  const { site, area, position, alarm, kind } = at;
  for (const [key, text] of Object.entries({ site, area, position, alarm, kind }))
    if (text !== '') query.set(key, text);
  if (at.priority !== 0) query.set('priority', String(at.priority));
  if (at.order === 'src') query.set('order', 'src');
  for (const [key, text] of Object.entries(span)) {
    const ms = parseLocal(text);
    if (ms !== null) query.set(key, new Date(ms).toISOString());
  }
  if (before === null) return query;
  query.set('before', String(before.seq));
  if (before.srcUs !== null) query.set('before_src', String(before.srcUs));
  return query;
}

/** What happened, or how it stood at one moment. */
export function History({ at }: { readonly at: AlarmsRoute }) {
  return at.moment === null ? <Records at={at} /> : <Moment key={at.moment} at={at} ms={at.moment} />;
}

/** What happened, newest first; more is loaded on demand. */
function Records({ at }: { readonly at: AlarmsRoute }) {
  const [records, setRecords] = useState<readonly AlarmRecord[]>([]);
  const [next, setNext] = useState<Before | null>(null);
  const [failed, setFailed] = useState('');
  const [busy, setBusy] = useState(true);
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  const flight = useRef<AbortController | null>(null);

  const load = useCallback(
    async (before: Before | null) => {
      flight.current?.abort();
      const mine = new AbortController();
      flight.current = mine;
      setBusy(true);
      const query = queryOf(at, { from, to }, before);
      try {
        const page = await get<Page>(`/alarms/history?${query.toString()}`, mine.signal);
        setRecords((shown) => (before === null ? page.records : [...shown, ...page.records]));
        setNext(page.next === null ? null : { seq: page.next, srcUs: page.next_src });
        setFailed('');
      } catch (error) {
        if (isAbort(error)) return;
        setFailed(wordsOf(error));
      }
      setBusy(false);
    },
    [at, from, to],
  );
  useEffect(() => {
    void load(null);
    return () => flight.current?.abort();
  }, [load]);

  return (
    <section class="panel history" aria-busy={busy}>
      <div class="toolbar">
        <TimeField label={t('history.from')} testid="history-from" value={from} onChange={setFrom} />
        <TimeField label={t('history.to')} testid="history-to" value={to} onChange={setTo} />
        <label class="inline">
          {t('history.alarm')}
          <input
            list="alarm-names"
            data-testid="history-alarm"
            value={at.alarm}
            onChange={(e) => navigate({ ...at, alarm: e.currentTarget.value.trim() }, 'replace')}
          />
        </label>
        <label class="inline">
          {t('col.event')}
          <select
            data-testid="history-kind"
            value={at.kind}
            onChange={(e) =>
              navigate({ ...at, kind: RECORD_KINDS.find((kind) => kind === e.currentTarget.value) ?? '' }, 'replace')
            }
          >
            <option value="">{t('alarms.filter.all')}</option>
            {RECORD_KINDS.map((kind) => (
              <option key={kind} value={kind}>
                {t(`record.${kind}`)}
              </option>
            ))}
          </select>
        </label>
        <label class="inline">
          {t('alarms.filter.priority')}
          <select
            data-testid="history-priority"
            value={String(at.priority)}
            onChange={(e) => navigate({ ...at, priority: Number(e.currentTarget.value) }, 'replace')}
          >
            <option value="0">{t('alarms.filter.all')}</option>
            {PRIORITIES.map((p) => (
              <option key={p} value={String(p)}>
                {p} {t(`priority.${p}`)}
              </option>
            ))}
          </select>
        </label>
        <label class="inline">
          {t('alarms.order')}
          <select
            data-testid="history-order"
            value={at.order}
            onChange={(e) => navigate({ ...at, order: e.currentTarget.value === 'src' ? 'src' : 'at' }, 'replace')}
          >
            <option value="at">{t('history.order.at')}</option>
            <option value="src">{t('history.order.src')}</option>
          </select>
        </label>
        <datalist id="alarm-names">
          {settings.value.map((s) => (
            <option key={s.name} value={s.name} />
          ))}
        </datalist>
        <MomentField at={at} />
        <button type="button" data-testid="history-load" onClick={() => void load(null)}>
          {t('history.load')}
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
              <th scope="col">{t('col.happened')}</th>
              <th scope="col">{t('col.known')}</th>
              <th scope="col">{t('history.alarm')}</th>
              <th scope="col">{t('col.event')}</th>
              <th scope="col">{t('col.state')}</th>
              <th scope="col" class="cell-number">
                {t('col.value')}
              </th>
              <th scope="col" class="cell-number">
                {t('col.limit')}
              </th>
              <th scope="col">{t('col.who')}</th>
              <th scope="col">{t('col.comment')}</th>
            </tr>
          </thead>
          <tbody>
            {sequence(records, at.order).map((record) => (
              <RecordRow key={record.seq} record={record} />
            ))}
          </tbody>
        </table>
        {records.length === 0 && failed === '' ? (
          <p class="page-note">{t(busy ? 'app.loading' : 'history.empty')}</p>
        ) : null}
        {next === null ? null : (
          <button
            type="button"
            class="older"
            data-testid="history-older"
            disabled={busy}
            onClick={() => void load(next)}
          >
            {t('history.older')}
          </button>
        )}
      </div>
    </section>
  );
}
