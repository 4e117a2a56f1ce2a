import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { formatDateTime, formatNumber, formatShort, parseLocal, parseTime } from '../../model/format.ts';
import type { AlarmsRoute } from '../../model/route.ts';
import type { AlarmRecord } from '../../model/types.ts';
import { wordsOf } from '../../state/action.ts';
import { second } from '../../state/clock.ts';
import { get, isAbort } from '../../state/http.ts';
import { settings, tags } from '../../state/plant.ts';
import { t } from '../../state/prefs.ts';
import { navigate } from '../../state/router.ts';
import { AlarmSymbol } from '../alarm-symbol.tsx';

const PAGE = 200;

interface Page {
  readonly records: readonly AlarmRecord[];
  readonly next: number | null;
}

function time(text: string | null): string {
  const ms = parseTime(text);
  return ms === null ? '' : formatShort(ms, second.peek());
}

function RecordRow({ record }: { readonly record: AlarmRecord }) {
  const setting = settings.value.find((s) => s.name === record.alarm);
  const tag = setting?.tag === undefined ? undefined : tags.value.get(setting.tag);
  const number = (n: number | null) => (n === null ? '' : formatNumber(n, tag?.decimals ?? 2));
  const known = parseTime(record.at);
  return (
    <tr data-testid={`history-row-${record.seq}`} data-kind={record.kind}>
      <td class="cell-sym">
        <AlarmSymbol priority={record.priority} letter={record.to === 'D' ? 'D' : 'C'} size={16} />
      </td>
      <td class="num">{time(record.src)}</td>
      <td class="num" title={known === null ? '' : formatDateTime(known)}>
        {time(record.at)}
      </td>
      <th scope="row">{record.alarm ?? t('history.removed')}</th>
      <td>{t(`record.${record.kind}`)}</td>
      <td class="num">
        {record.from} → {record.to}
      </td>
      <td class="cell-number num">{number(record.value)}</td>
      <td class="cell-number num">{number(record.limit)}</td>
      <td>{record.actor ?? ''}</td>
      <td class="cell-text">{record.comment}</td>
    </tr>
  );
}

interface TimeFieldProps {
  readonly label: string;
  readonly testid: string;
  readonly value: string;
  readonly onChange: (text: string) => void;
}

/** A time as all others on the screen are written; the browser's own field follows the browser's language instead. */
function TimeField({ label, testid, value, onChange }: TimeFieldProps) {
  const wrong = value.trim() !== '' && parseLocal(value) === null;
  return (
    <label class="inline">
      {label}
      <input
        class="num time-field"
        data-testid={testid}
        placeholder={t('history.timeFormat')}
        title={wrong ? t('history.timeWrong') : undefined}
        aria-invalid={wrong}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
    </label>
  );
}

/** What happened, newest first; more is loaded on demand. */
export function History({ at }: { readonly at: AlarmsRoute }) {
  const [records, setRecords] = useState<readonly AlarmRecord[]>([]);
  const [next, setNext] = useState<number | null>(null);
  const [failed, setFailed] = useState('');
  const [busy, setBusy] = useState(true);
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  const flight = useRef<AbortController | null>(null);

  const load = useCallback(
    async (before: number | null) => {
      flight.current?.abort();
      const mine = new AbortController();
      flight.current = mine;
      setBusy(true);
      const query = new URLSearchParams({ limit: String(PAGE) });
      if (at.site !== '') query.set('site', at.site);
      if (at.alarm !== '') query.set('alarm', at.alarm);
      for (const [key, text] of [
        ['from', from],
        ['to', to],
      ] as const) {
        const ms = parseLocal(text);
        if (ms !== null) query.set(key, new Date(ms).toISOString());
      }
      if (before !== null) query.set('before', String(before));
      try {
        const page = await get<Page>(`/alarms/history?${query.toString()}`, mine.signal);
        setRecords((shown) => (before === null ? page.records : [...shown, ...page.records]));
        setNext(page.next);
        setFailed('');
      } catch (error) {
        if (isAbort(error)) return;
        setFailed(wordsOf(error));
      }
      setBusy(false);
    },
    [at.site, at.alarm, from, to],
  );
  useEffect(() => {
    void load(null);
    return () => flight.current?.abort();
  }, [load]);

  return (
    <section class="panel history">
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
        <datalist id="alarm-names">
          {settings.value.map((s) => (
            <option key={s.name} value={s.name} />
          ))}
        </datalist>
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
            {records.map((record) => (
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
