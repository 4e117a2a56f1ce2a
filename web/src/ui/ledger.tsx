import { formatCount, formatDateTime, formatNumber, NONE, parseTime } from '../model/format.ts';
import type { GatewayLedger, LedgerBalance, LedgerClock, LedgerGap, LedgerRow } from '../model/types.ts';
import { get } from '../state/http.ts';
import { t } from '../state/prefs.ts';
import { GatewayTabs } from './gateway-tabs.tsx';
import { Go } from './go.tsx';
import { useEvery } from './use-every.ts';

const REFRESH_MS = 10_000;
/** All gateways together cost the database more. */
const LIST_MS = 30_000;

const PARTS = ['stored', 'quarantined', 'dropped', 'waiting', 'lost'] as const;
const BESIDE = ['replayed', 'duplicates', 'conflicts'] as const;
const DAY_FIGURES = [
  'produced',
  'stored',
  'quarantined',
  'duplicates',
  'conflicts',
  'dropped',
  'dropped_samples',
  'samples',
] as const;

/** Of these, any is worth a look. */
const ODD: readonly string[] = ['quarantined', 'conflicts', 'dropped', 'dropped_samples', 'lost'];

function Figure({ name, value }: { readonly name: string; readonly value: number }) {
  const odd = value > 0 && ODD.includes(name);
  return (
    <td class={odd ? 'cell-number num cell-odd' : 'cell-number num'} data-figure={name}>
      {formatCount(value)}
    </td>
  );
}

function Balanced({ all }: { readonly all: LedgerBalance }) {
  return all.balanced ? <td>{t('ledger.balanced')}</td> : <td class="cell-odd">{t('ledger.unbalanced')}</td>;
}

function Heads({ names }: { readonly names: readonly (typeof PARTS | typeof BESIDE | typeof DAY_FIGURES)[number][] }) {
  return (
    <>
      {names.map((name) => (
        <th key={name} scope="col" class="cell-number" title={t(`ledgerText.${name}`)}>
          {t(`ledger.${name}`)}
        </th>
      ))}
    </>
  );
}

function Row({ row, open }: { readonly row: LedgerRow; readonly open: boolean }) {
  return (
    <tr data-testid={`ledger-row-${row.gateway}`} class={open ? 'row-selected' : ''}>
      <th scope="row">
        <Go to={{ page: 'ledger', gateway: open ? '' : row.gateway }} testid={`ledger-open-${row.gateway}`}>
          {row.gateway}
        </Go>
      </th>
      <Figure name="produced" value={row.all.produced} />
      {PARTS.map((name) => (
        <Figure key={name} name={name} value={row.all[name]} />
      ))}
      <Balanced all={row.all} />
      {BESIDE.map((name) => (
        <Figure key={name} name={name} value={row.all[name]} />
      ))}
      <Figure name="week" value={row.period.stored} />
    </tr>
  );
}

function moment(text: string | null): string {
  const ms = parseTime(text);
  return ms === null ? NONE : formatDateTime(ms);
}

function Gaps({ gaps, more }: { readonly gaps: readonly LedgerGap[]; readonly more: boolean }) {
  if (gaps.length === 0) return <p class="panel-note">{t('ledger.noGaps')}</p>;
  return (
    <table class="table" data-testid="ledger-gaps">
      <thead>
        <tr>
          <th scope="col">{t('ledger.state')}</th>
          <th scope="col">{t('ledger.epoch')}</th>
          <th scope="col" class="cell-number">
            {t('ledger.first')}
          </th>
          <th scope="col" class="cell-number">
            {t('ledger.last')}
          </th>
          <Heads names={['dropped_samples']} />
          <th scope="col">{t('history.from')}</th>
          <th scope="col">{t('history.to')}</th>
        </tr>
      </thead>
      <tbody>
        {gaps.map((gap) => (
          <tr key={`${gap.state} ${gap.epoch} ${gap.first} ${gap.from}`} data-state={gap.state}>
            <td class={gap.state === 'waiting' ? '' : 'cell-odd'} title={t(`ledgerText.${gap.state}`)}>
              {t(`ledger.${gap.state}`)}
            </td>
            <td class="num">{gap.epoch ?? NONE}</td>
            <td class="cell-number num">{gap.first === null ? NONE : formatCount(gap.first)}</td>
            <td class="cell-number num">
              {gap.end !== null && gap.end > (gap.first ?? gap.end) ? formatCount(gap.end - 1) : NONE}
            </td>
            <td class="cell-number num">{gap.samples === null ? NONE : formatCount(gap.samples)}</td>
            <td class="num">{moment(gap.from)}</td>
            <td class="num">{moment(gap.to)}</td>
          </tr>
        ))}
        {more ? (
          <tr>
            <td colSpan={7}>{t('ledger.more', { n: gaps.length })}</td>
          </tr>
        ) : null}
      </tbody>
    </table>
  );
}

function Clocks({ clock }: { readonly clock: readonly LedgerClock[] }) {
  if (clock.length === 0) return <p class="panel-note">{t('ledger.noClock')}</p>;
  return (
    <table class="table" data-testid="ledger-clock">
      <thead>
        <tr>
          <th scope="col">{t('ledger.state')}</th>
          <th scope="col">{t('history.from')}</th>
          <th scope="col">{t('history.to')}</th>
          <th scope="col">{t('ledger.epoch')}</th>
          <th scope="col" class="cell-number">
            {t('ledger.first')}
          </th>
          <th scope="col" class="cell-number">
            {t('ledger.last')}
          </th>
          <th scope="col" class="cell-number">
            {t('gateways.clock')}
          </th>
          <th scope="col">{t('gateways.clockSource')}</th>
        </tr>
      </thead>
      <tbody>
        {clock.map((c) => (
          <tr key={`${c.kind} ${c.from} ${c.epoch} ${c.first}`} data-kind={c.kind}>
            <td class={c.kind === 'session' && c.off !== true ? '' : 'cell-odd'} title={t(`ledgerClockText.${c.kind}`)}>
              {t(`ledgerClock.${c.kind}`)}
            </td>
            <td class="num">{moment(c.from)}</td>
            <td class="num">{moment(c.to)}</td>
            <td class="num">{c.epoch ?? NONE}</td>
            <td class="cell-number num">{c.first === null ? NONE : formatCount(c.first)}</td>
            <td class="cell-number num">{c.last === null ? NONE : formatCount(c.last)}</td>
            <td class="cell-number num">{c.offset_ms === null ? NONE : `${formatNumber(c.offset_ms, 0)} ms`}</td>
            <td>{c.source === null ? NONE : t(`clockSource.${c.source}`)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Days({ days }: { readonly days: GatewayLedger['days'] }) {
  if (days.length === 0) return <p class="panel-note">{t('ledger.noDays')}</p>;
  return (
    <table class="table" data-testid="ledger-days">
      <thead>
        <tr>
          <th scope="col">{t('ledger.day')}</th>
          <Heads names={DAY_FIGURES} />
        </tr>
      </thead>
      <tbody>
        {[...days].reverse().map((day) => (
          <tr key={day.day}>
            <th scope="row" class="num">
              {day.day}
            </th>
            {DAY_FIGURES.map((name) => (
              <Figure key={name} name={name} value={day[name]} />
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function OneGateway({ name }: { readonly name: string }) {
  const load = (signal: AbortSignal) => get<GatewayLedger>(`/gateways/${encodeURIComponent(name)}/ledger`, signal);
  const { value, failed } = useEvery(load, REFRESH_MS, name);
  if (failed !== '') return <strong class="fault">{failed}</strong>;
  if (value === null) return <p class="page-note">{t('app.loading')}</p>;
  return (
    <>
      <section class="panel scroll">
        <h2>{t('ledger.gaps', { gateway: name })}</h2>
        <Gaps gaps={value.gaps} more={value.more} />
      </section>
      <section class="panel scroll">
        <h2>{t('ledger.clock', { gateway: name })}</h2>
        <Clocks clock={value.clock} />
      </section>
      <section class="panel scroll">
        <h2>{t('ledger.days', { gateway: name })}</h2>
        <Days days={value.days} />
      </section>
    </>
  );
}

/** What became of every record that the gateways numbered. */
export function LedgerScreen({ at }: { readonly at: { readonly gateway: string } }) {
  const load = (signal: AbortSignal) => get<{ gateways: readonly LedgerRow[] }>('/ledger', signal);
  const { value, failed } = useEvery(load, LIST_MS, 'ledger');
  return (
    <div class="page" data-testid="ledger">
      <header class="page-head">
        <h1>{t('nav.ledger')}</h1>
        <GatewayTabs at="ledger" />
        {failed === '' ? null : <strong class="fault">{failed}</strong>}
      </header>
      <p class="page-note">{t('ledger.how')}</p>
      {value === null ? (
        <p class="page-note">{t('app.loading')}</p>
      ) : (
        <div class="panel scroll">
          <table class="table">
            <thead>
              <tr>
                <th scope="col">{t('site.gateway')}</th>
                <Heads names={['produced', ...PARTS]} />
                <th scope="col">{t('ledger.sum')}</th>
                <Heads names={BESIDE} />
                <th scope="col" class="cell-number">
                  {t('ledger.week')}
                </th>
              </tr>
            </thead>
            <tbody>
              {value.gateways.map((row) => (
                <Row key={row.gateway} row={row} open={row.gateway === at.gateway} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {at.gateway === '' ? null : <OneGateway key={at.gateway} name={at.gateway} />}
    </div>
  );
}
