import { useEffect, useState } from 'preact/hooks';
import { formatBytes, formatDateTime, NONE, parseTime } from '../model/format.ts';
import type { Route } from '../model/route.ts';
import type { QuarantineRecord, QuarantineReplay, QuarantineRow } from '../model/types.ts';
import { say, wordsOf } from '../state/action.ts';
import { ask, get, isAbort } from '../state/http.ts';
import { t } from '../state/prefs.ts';
import { navigate } from '../state/router.ts';
import { mayChange } from '../state/session.ts';
import { GatewayTabs } from './gateway-tabs.tsx';
import { Go } from './go.tsx';
import { useEvery } from './use-every.ts';

type At = Extract<Route, { page: 'quarantine' }>;

const PAGE = 100;
/** Why a record is here, by the codes of the link. */
const CODES = ['bad_record', 'unknown_alias', 'unknown_dict', 'quota', 'seq_conflict', 'unsupported'] as const;
const CODE_NUMBERS = [7, 8, 9, 10, 11, 13] as const;

interface Page {
  readonly records: readonly QuarantineRow[];
  readonly next: number | null;
}

function moment(text: string | null): string {
  const ms = parseTime(text);
  return ms === null ? NONE : formatDateTime(ms);
}

function codeText(row: QuarantineRow): string {
  const code = CODES.find((c) => c === row.code_name);
  return code === undefined ? row.code_name : t(`quarantineCode.${code}`);
}

function Row({ row, at }: { readonly row: QuarantineRow; readonly at: At }) {
  return (
    <tr data-testid={`quarantine-${row.id}`}>
      <th scope="row" class="cell-number num">
        <Go to={{ ...at, id: row.id }} testid={`quarantine-open-${row.id}`}>
          {row.id}
        </Go>
      </th>
      <td class="num">{moment(row.received)}</td>
      <td>{row.gateway}</td>
      <td>{row.type}</td>
      <td class="num">
        {row.epoch}/{row.seq}
      </td>
      <td>{codeText(row)}</td>
      <td class="cell-wrap">{row.reason}</td>
      <td class="cell-number num">{formatBytes(row.size)}</td>
      <td data-testid={`quarantine-outcome-${row.id}`}>
        {row.replay === null
          ? NONE
          : t(`quarantine.${row.replay.outcome}`, { actor: row.replay.actor, n: row.replay.samples })}
      </td>
    </tr>
  );
}

const HEADS = ['received', 'gateway', 'type', 'number', 'code', 'reason', 'size', 'replay'] as const;

function List({ rows, at }: { readonly rows: readonly QuarantineRow[]; readonly at: At }) {
  return (
    <table class="table">
      <thead>
        <tr>
          <th scope="col" class="cell-number">
            {t('quarantine.id')}
          </th>
          {HEADS.map((head) => (
            <th key={head} scope="col" class={head === 'size' ? 'cell-number' : ''}>
              {t(`quarantine.${head}`)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Row key={row.id} row={row} at={at} />
        ))}
      </tbody>
    </table>
  );
}

function Replay({ record, then }: { readonly record: QuarantineRecord; readonly then: () => void }) {
  const [busy, setBusy] = useState(false);
  const may = mayChange();
  const done = record.replay?.outcome === 'done';
  const replay = async () => {
    setBusy(true);
    try {
      const { body } = await ask<QuarantineReplay>('POST', `/quarantine/${record.id}/replay`);
      const text = t(`quarantine.said.${body.outcome}`, { id: record.id, n: body.samples });
      say(body.outcome === 'done' ? 'good' : 'bad', body.detail === '' ? text : `${text} ${body.detail}`);
    } catch (error) {
      say('bad', wordsOf(error));
    }
    setBusy(false);
    then();
  };
  return (
    <button
      type="button"
      data-testid="quarantine-replay"
      disabled={busy || done || !may}
      title={may ? undefined : t('error.denied')}
      onClick={() => void replay()}
    >
      {t('quarantine.replayIt')}
    </button>
  );
}

function One({ at, then }: { readonly at: At; readonly then: () => void }) {
  const [again, setAgain] = useState(0);
  const load = (signal: AbortSignal) => get<QuarantineRecord>(`/quarantine/${at.id}`, signal);
  const { value, failed } = useEvery(load, 0, `${at.id} ${again}`);
  if (failed !== '') return <strong class="fault">{failed}</strong>;
  if (value === null) return <p class="page-note">{t('app.loading')}</p>;
  const file = `/api/quarantine/${value.id}/record`;
  return (
    <section class="panel" data-testid="quarantine-one">
      <h2>
        {t('quarantine.one', { id: value.id, gateway: value.gateway })} {codeText(value)}: {value.reason}
      </h2>
      <p class="panel-note" data-testid="quarantine-verdict">
        {value.usable ? t('quarantine.usable') : `${t('quarantine.unusable')} ${value.fault}`}
        {value.replay === null
          ? null
          : ` ${moment(value.replay.at)}: ${t(`quarantine.${value.replay.outcome}`, {
              actor: value.replay.actor,
              n: value.replay.samples,
            })} ${value.replay.detail}`}
      </p>
      <p class="panel-note links">
        <Replay
          record={value}
          then={() => {
            setAgain(again + 1);
            then();
          }}
        />
        <a href={file} download={`quarantine-${value.id}.hex`}>
          {t('quarantine.hex')}
        </a>
        <a href={`${file}?format=bin`} download={`quarantine-${value.id}.bin`}>
          {t('quarantine.bin')}
        </a>
      </p>
      <h3 class="panel-note">{t('quarantine.says')}</h3>
      <pre class="record">{value.says}</pre>
      <h3 class="panel-note">{t('quarantine.bytes')}</h3>
      <pre class="record num">{value.body.replace(/(.{64})/g, '$1\n')}</pre>
    </section>
  );
}

/** Records that could not be used: what was wrong, and what became of it. */
export function QuarantineScreen({ at }: { readonly at: At }) {
  const [rows, setRows] = useState<readonly QuarantineRow[] | null>(null);
  const [next, setNext] = useState<number | null>(null);
  const [failed, setFailed] = useState('');
  const [again, setAgain] = useState(0);
  const load = async (before: number | null, signal?: AbortSignal) => {
    const query = [`limit=${PAGE}`];
    if (at.gateway !== '') query.push(`gateway=${encodeURIComponent(at.gateway)}`);
    if (at.code !== 0) query.push(`code=${at.code}`);
    if (before !== null) query.push(`before=${before}`);
    try {
      const page = await get<Page>(`/quarantine?${query.join('&')}`, signal);
      setRows((shown) => (before === null ? page.records : [...(shown ?? []), ...page.records]));
      setNext(page.next);
      setFailed('');
    } catch (error) {
      if (!isAbort(error)) setFailed(wordsOf(error));
    }
  };
  useEffect(() => {
    const gone = new AbortController();
    void load(null, gone.signal);
    return () => gone.abort();
  }, [at.gateway, at.code, again]);
  return (
    <div class="page" data-testid="quarantine">
      <header class="page-head">
        <h1>{t('nav.quarantine')}</h1>
        <GatewayTabs at="quarantine" />
        <label>
          {t('quarantine.code')}{' '}
          <select
            data-testid="quarantine-code"
            value={String(at.code)}
            onChange={(event) => navigate({ ...at, code: Number(event.currentTarget.value), id: 0 })}
          >
            <option value="0">{t('quarantine.all')}</option>
            {CODES.map((code, i) => (
              <option key={code} value={String(CODE_NUMBERS[i])}>
                {t(`quarantineCode.${code}`)}
              </option>
            ))}
          </select>
        </label>
        {at.gateway === '' ? null : <Go to={{ ...at, gateway: '', id: 0 }}>{at.gateway} ✕</Go>}
        {failed === '' ? null : <strong class="fault">{failed}</strong>}
      </header>
      {at.id === 0 ? null : <One key={at.id} at={at} then={() => setAgain(again + 1)} />}
      {rows === null ? (
        <p class="page-note">{t('app.loading')}</p>
      ) : rows.length === 0 ? (
        <p class="page-note">{t('quarantine.empty')}</p>
      ) : (
        <div class="panel scroll">
          <List rows={rows} at={at} />
          {next === null ? null : (
            <button type="button" class="older" data-testid="quarantine-older" onClick={() => void load(next)}>
              {t('revisions.older')}
            </button>
          )}
        </div>
      )}
    </div>
  );
}
