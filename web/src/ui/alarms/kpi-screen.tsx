import { useState } from 'preact/hooks';
import { formatAge, formatDateTime, formatNumber, NONE, parseLocal } from '../../model/format.ts';
import {
  type Figure,
  figures,
  HELD_KINDS,
  JUDGE_S,
  type KpiReport,
  lengthS,
  percent,
  USUAL_SHARES,
} from '../../model/kpi.ts';
import { KPI_DAYS, type KpiRoute } from '../../model/route.ts';
import type { Text } from '../../model/types.ts';
import { serverNow } from '../../state/clock.ts';
import { get } from '../../state/http.ts';
import { sites } from '../../state/plant.ts';
import { lang, t, tt } from '../../state/prefs.ts';
import { navigate } from '../../state/router.ts';
import { AlarmSymbol } from '../alarm-symbol.tsx';
import { Go } from '../go.tsx';
import { useEvery } from '../use-every.ts';
import { AlarmTabs } from './alarms-screen.tsx';
import { BadActors } from './bad-actors.tsx';
import { TimeField } from './history.tsx';

const DAY_MS = 86_400_000;
/** A period that ends now begins anew with each hour, not with each look at it. */
const STEP_MS = 60_000;

const words = (text: Text | string): string => (typeof text === 'string' ? text : tt(text));
const time = (text: string): string => formatDateTime(Date.parse(text));
const length = (s: number | null): string => (s === null ? NONE : formatAge(s * 1000, lang.value));

/** The period that the address means. */
export function periodOf(at: KpiRoute): { readonly from: string; readonly to: string } {
  const to = at.to ?? Math.floor(serverNow() / STEP_MS) * STEP_MS;
  const from = at.from ?? to - at.days * DAY_MS;
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
}

function valueText({ value, unit, decimals }: Figure): string {
  if (unit === 's') return length(value);
  return `${formatNumber(value, decimals)}${unit === '' ? '' : ` ${unit}`}`;
}

function FigureRow({ figure, report }: { readonly figure: Figure; readonly report: KpiReport }) {
  const definition = report.definitions?.[figure.id];
  return (
    <tr data-testid={`kpi-${figure.id}`} data-grade={figure.grade}>
      <th scope="row">{t(`kpi.${figure.id}`)}</th>
      <td class="cell-number num">
        <b>{valueText(figure)}</b>
      </td>
      <td class="cell-number num">{figure.target}</td>
      <td>
        {figure.grade === 'none' ? null : (
          <span class={`grade grade-${figure.grade}`}>{t(`grade.${figure.grade}`)}</span>
        )}
      </td>
      <td class="cell-wrap hint">{definition === undefined ? t(`kpiText.${figure.id}`) : words(definition)}</td>
    </tr>
  );
}

function Figures({ report }: { readonly report: KpiReport }) {
  const short = lengthS(report) < JUDGE_S - 3600;
  return (
    <section class="panel kpi-figures">
      <h2>{t('kpi.title')}</h2>
      <p class="hint kpi-definition">
        {time(report.from)} → {time(report.to)}.{' '}
        {report.definition === undefined ? t('kpi.definition') : words(report.definition)}{' '}
        {short ? <b>{t('kpi.short')}</b> : null}
      </p>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{t('kpi.figure')}</th>
            <th scope="col" class="cell-number">
              {t('col.value')}
            </th>
            <th scope="col" class="cell-number">
              {t('kpi.target')}
            </th>
            <th scope="col">{t('kpi.grade')}</th>
            <th scope="col">{t('kpi.how')}</th>
          </tr>
        </thead>
        <tbody>
          {figures(report).map((figure) => (
            <FigureRow key={figure.id} figure={figure} report={report} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Priorities({ report }: { readonly report: KpiReport }) {
  const { n_priority: counted, configured_priority: configured, ack_time: acks } = report;
  if (counted === undefined) return null;
  const share = (list: readonly number[] | undefined, p: number): string => {
    const value = percent(list?.[p], list?.[0]);
    return value === undefined ? NONE : `${formatNumber(value, 1)} %`;
  };
  return (
    <section class="panel">
      <h2>{t('kpi.priorities')}</h2>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{t('col.priority')}</th>
            <th scope="col" class="cell-number">
              {t('kpi.annunciated')}
            </th>
            <th scope="col" class="cell-number">
              {t('kpi.share')}
            </th>
            <th scope="col" class="cell-number">
              {t('kpi.usual')}
            </th>
            <th scope="col" class="cell-number">
              {t('kpi.configured')}
            </th>
            <th scope="col" class="cell-number">
              {t('kpi.ack50')}
            </th>
            <th scope="col" class="cell-number">
              {t('kpi.ack95')}
            </th>
          </tr>
        </thead>
        <tbody>
          {([1, 2, 3, 4] as const).map((p) => (
            <tr key={p}>
              <th scope="row">
                <span class="sym-pair">
                  <AlarmSymbol priority={p} size={16} /> {t(`priority.${p}`)}
                </span>
              </th>
              <td class="cell-number num">{counted[p] ?? NONE}</td>
              <td class="cell-number num">{share(counted, p)}</td>
              <td class="cell-number num">{USUAL_SHARES[p]}</td>
              <td class="cell-number num">{share(configured, p)}</td>
              <td class="cell-number num">{length(acks?.[p]?.p50_s ?? null)}</td>
              <td class="cell-number num">{length(acks?.[p]?.p95_s ?? null)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Floods({ report }: { readonly report: KpiReport }) {
  const { floods } = report;
  if (floods === undefined) return null;
  return (
    <section class="panel" data-testid="kpi-floods">
      <h2>{t('kpi.floods', { n: floods.length })}</h2>
      {floods.length === 0 ? <p class="panel-note">{t('kpi.noFloods')}</p> : null}
      <table class="table">
        <tbody>
          {floods.map((flood) => (
            <tr key={flood.from}>
              <th scope="row" class="num">
                {time(flood.from)}
              </th>
              <td class="num">{length(lengthS(flood))}</td>
              <td class="num">{t('alarms.count', { n: flood.n })}</td>
              <td class="num">{t('kpi.floodPeak', { n: flood.peak })}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Held({ report }: { readonly report: KpiReport }) {
  const { held } = report;
  if (held === undefined) return null;
  return (
    <section class="panel">
      <h2>{t('kpi.held')}</h2>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{t('col.state')}</th>
            <th scope="col" class="cell-number">
              {t('kpi.heldNow')}
            </th>
            <th scope="col" class="cell-number">
              {t('kpi.heldTimes')}
            </th>
            <th scope="col" class="cell-number">
              {t('kpi.heldTotal')}
            </th>
            <th scope="col" class="cell-number">
              {t('kpi.heldLongest')}
            </th>
          </tr>
        </thead>
        <tbody>
          {HELD_KINDS.map((kind) => (
            <tr key={kind}>
              <th scope="row">{t(`held.${kind}`)}</th>
              <td class="cell-number num">{held[kind].now}</td>
              <td class="cell-number num">{held[kind].n}</td>
              <td class="cell-number num">{length(held[kind].total_s)}</td>
              <td class="cell-number num">{length(held[kind].longest_s)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Report({ at }: { readonly at: KpiRoute }) {
  const period = periodOf(at);
  const query = new URLSearchParams({ ...period, ...(at.position === '' ? {} : { position: at.position }) }).toString();
  const load = (signal: AbortSignal) => get<KpiReport>(`/alarms/kpi?${query}`, signal);
  const { value: report, failed } = useEvery(load, 0, query);
  if (failed !== '') return <p class="page-note fault">{failed}</p>;
  if (report === null) return <p class="page-note">{t('app.loading')}</p>;
  return (
    <div class="kpi" data-testid="kpi-report">
      <Figures report={report} />
      <div class="kpi-side">
        <Priorities report={report} />
        <Floods report={report} />
        <Held report={report} />
      </div>
    </div>
  );
}

/** Of which days: the last ones, or between two times. */
function Period({ at }: { readonly at: KpiRoute }) {
  const shown = (ms: number | null) => (ms === null ? '' : formatDateTime(ms).slice(0, -3));
  const [from, setFrom] = useState(shown(at.from));
  const [to, setTo] = useState(shown(at.to));
  const own = at.from !== null || at.to !== null;
  const names = [...new Set(sites.value.map((site) => site.position ?? '').filter((name) => name !== ''))].sort();
  return (
    <div class="filters">
      <fieldset class="chips">
        <legend class="hidden">{t('kpi.period')}</legend>
        {KPI_DAYS.map((days) => (
          <button
            key={days}
            type="button"
            aria-pressed={!own && at.days === days}
            data-testid={`kpi-days-${days}`}
            onClick={() => {
              setFrom('');
              setTo('');
              navigate({ ...at, days, from: null, to: null }, 'replace');
            }}
          >
            {t('kpi.days', { n: days })}
          </button>
        ))}
      </fieldset>
      <TimeField label={t('history.from')} testid="kpi-from" value={from} onChange={setFrom} />
      <TimeField label={t('history.to')} testid="kpi-to" value={to} onChange={setTo} />
      <button
        type="button"
        data-testid="kpi-load"
        onClick={() => navigate({ ...at, from: parseLocal(from), to: parseLocal(to) }, 'replace')}
      >
        {t('history.load')}
      </button>
      {names.length < 2 && at.position === '' ? null : (
        <label class="inline">
          {t('alarms.filter.position')}
          <select
            data-testid="kpi-position"
            value={at.position}
            onChange={(event) => navigate({ ...at, position: event.currentTarget.value }, 'replace')}
          >
            <option value="">{t('alarms.filter.all')}</option>
            {names.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      )}
    </div>
  );
}

/** How well the alarms serve the people here, and which of them do not. */
export function KpiScreen({ at }: { readonly at: KpiRoute }) {
  return (
    <div class="page">
      <header class="page-head">
        <h1>{t('alarms.title')}</h1>
        <AlarmTabs at={null} />
        <nav class="tabs" aria-label={t('nav.kpi')}>
          {(['report', 'actors'] as const).map((view) => (
            <Go key={view} to={{ ...at, view }} current={at.view === view} testid={`kpi-view-${view}`}>
              {t(`kpi.view.${view}`)}
            </Go>
          ))}
        </nav>
      </header>
      <Period at={at} />
      {at.view === 'report' ? <Report at={at} /> : <BadActors at={at} />}
    </div>
  );
}
