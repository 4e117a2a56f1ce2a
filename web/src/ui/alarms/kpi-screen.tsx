import { useState } from 'preact/hooks';
import { formatAge, formatDateTime, formatNumber, NONE, parseLocal } from '../../model/format.ts';
import {
  changes,
  type Figure,
  type FigureReport,
  figures,
  floods,
  heldAlarms,
  heldSums,
  JUDGE_S,
  lengthS,
  priorities,
} from '../../model/kpi.ts';
import { KPI_DAYS, type KpiRoute } from '../../model/route.ts';
import { serverNow } from '../../state/clock.ts';
import { openDetail } from '../../state/dock.ts';
import { get } from '../../state/http.ts';
import { sites } from '../../state/plant.ts';
import { lang, t } from '../../state/prefs.ts';
import { navigate } from '../../state/router.ts';
import { AlarmSymbol } from '../alarm-symbol.tsx';
import { fieldName } from '../field-name.ts';
import { Go } from '../go.tsx';
import { useEvery } from '../use-every.ts';
import { AlarmTabs } from './alarms-screen.tsx';
import { BadActors } from './bad-actors.tsx';
import { TimeField } from './time-field.tsx';

const DAY_MS = 86_400_000;
/** A period that ends now begins anew with each hour, not with each look at it. */
const STEP_MS = 60_000;

const NAMES_MAX = 8;
const ROWS_MAX = 50;
const HOUR_MS = 3_600_000;

const length = (ms: number | null): string => (ms === null ? NONE : formatAge(ms, lang.value));
const share = (value: number | null): string => (value === null ? NONE : `${formatNumber(value, 1)} %`);
const seconds = (s: number | null): string => length(s === null ? null : s * 1000);

/** The period that the address means. */
export function periodOf(at: KpiRoute): { readonly from: string; readonly to: string } {
  const to = at.to ?? Math.floor(serverNow() / STEP_MS) * STEP_MS;
  const from = at.from ?? to - at.days * DAY_MS;
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
}

function valueText({ value, unit, decimals }: Figure): string {
  if (unit === 's') return seconds(value);
  return `${formatNumber(value, decimals)}${unit === '' ? '' : ` ${unit}`}`;
}

function AlarmLink({ name }: { readonly name: string }) {
  return (
    <button type="button" class="link" onClick={() => openDetail(name)}>
      {name}
    </button>
  );
}

function Names({ names }: { readonly names: readonly string[] }) {
  if (names.length === 0) return null;
  return (
    <span class="kpi-names">
      {names.slice(0, NAMES_MAX).map((name) => (
        <AlarmLink key={name} name={name} />
      ))}
      {names.length > NAMES_MAX ? t('kpi.more', { n: names.length - NAMES_MAX }) : null}
    </span>
  );
}

function FigureRow({ figure }: { readonly figure: Figure }) {
  // The server defines in English; the catalogue says the same in the operator's language.
  const definition = lang.value === 'en' && figure.definition !== '' ? figure.definition : t(`kpiText.${figure.id}`);
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
      <td class="cell-wrap hint">
        {definition} <Names names={figure.names} />
      </td>
    </tr>
  );
}

function Figures({ report }: { readonly report: FigureReport }) {
  const short = lengthS(report) < JUDGE_S - 3600;
  const time = (text: string): string => formatDateTime(Date.parse(text));
  return (
    <section class="panel kpi-figures">
      <h2>{t('kpi.title')}</h2>
      <p class="hint kpi-definition">
        {time(report.from)} → {time(report.to)}. {t('kpi.definition')} {short ? <b>{t('kpi.short')}</b> : null}
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
            <FigureRow key={figure.id} figure={figure} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Priorities({ report }: { readonly report: FigureReport }) {
  return (
    <section class="panel" data-testid="kpi-priorities">
      <h2>{t('kpi.priorities')}</h2>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{t('col.priority')}</th>
            {(['annunciated', 'share', 'usual', 'configuredShare', 'ack50', 'ack95'] as const).map((column) => (
              <th key={column} scope="col" class="cell-number">
                {t(`kpi.${column}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {priorities(report).map((line) => (
            <tr key={line.priority}>
              <th scope="row">
                <span class="sym-pair">
                  <AlarmSymbol priority={line.priority} size={16} /> {t(`priority.${line.priority}`)}
                </span>
              </th>
              <td class="cell-number num">{line.n}</td>
              <td class="cell-number num">{share(line.share)}</td>
              <td class="cell-number num">{line.usual}</td>
              <td class="cell-number num">{share(line.configured)}</td>
              <td class="cell-number num">{seconds(line.ack50S)}</td>
              <td class="cell-number num">{seconds(line.ack95S)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Floods({ report }: { readonly report: FigureReport }) {
  const list = floods(report);
  return (
    <section class="panel" data-testid="kpi-flood-list">
      <h2>{t('kpi.floodList', { n: list.length })}</h2>
      {list.length === 0 ? <p class="panel-note">{t('kpi.noFloods')}</p> : null}
      <table class="table">
        <tbody>
          {list.slice(0, ROWS_MAX).map((flood) => (
            <tr key={flood.fromMs}>
              <th scope="row" class="num">
                {formatDateTime(flood.fromMs)}
              </th>
              <td class="num">{length(flood.ms)}</td>
              <td class="num">{t('alarms.count', { n: flood.n })}</td>
              <td class="num">{t('kpi.floodPeak', { n: flood.peak })}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Held({ report }: { readonly report: FigureReport }) {
  const list = heldAlarms(report);
  return (
    <section class="panel" data-testid="kpi-held">
      <h2>{t('kpi.held')}</h2>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{t('col.state')}</th>
            {(['heldNow', 'heldTimes', 'heldTotal', 'heldLongest'] as const).map((column) => (
              <th key={column} scope="col" class="cell-number">
                {t(`kpi.${column}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {heldSums(report).map((sum) => (
            <tr key={sum.kind} data-testid={`kpi-held-${sum.kind}`}>
              <th scope="row">{t(`held.${sum.kind}`)}</th>
              <td class="cell-number num">{sum.now}</td>
              <td class="cell-number num">{sum.n}</td>
              <td class="cell-number num">{sum.n === 0 && sum.hours === 0 ? NONE : length(sum.hours * HOUR_MS)}</td>
              <td class="cell-number num">{sum.longestH === 0 ? NONE : length(sum.longestH * HOUR_MS)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {list.length === 0 ? null : (
        <table class="table">
          <caption>{t('kpi.heldAlarms')}</caption>
          <tbody>
            {list.slice(0, ROWS_MAX).map((held) => (
              <tr key={`${held.kind} ${held.alarm}`}>
                <th scope="row">
                  <AlarmLink name={held.alarm} />
                </th>
                <td>{t(`held.${held.kind}`)}</td>
                <td class="cell-number num">{length(held.ms)}</td>
                <td>{held.by}</td>
                <td class="cell-text">{held.reason}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Changes({ report }: { readonly report: FigureReport }) {
  const list = changes(report);
  if (list.length === 0) return null;
  return (
    <section class="panel" data-testid="kpi-changes">
      <h2>{t('kpi.changeList', { n: list.length })}</h2>
      <table class="table">
        <tbody>
          {list.slice(0, ROWS_MAX).map((change) => (
            <tr key={`${change.atMs} ${change.alarm} ${change.field}`}>
              <td class="num">{formatDateTime(change.atMs)}</td>
              <th scope="row">
                <AlarmLink name={change.alarm} />
              </th>
              <td>{fieldName(change.field)}</td>
              <td class="num">
                {change.before === '' ? NONE : change.before} → {change.after === '' ? NONE : change.after}
              </td>
              <td>{change.by}</td>
              <td>{change.rationalised ? '' : t('kpi.unreasoned')}</td>
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
  const load = (signal: AbortSignal) => get<FigureReport>(`/alarms/kpi?${query}`, signal);
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
        <Changes report={report} />
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
