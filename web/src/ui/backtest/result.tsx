import {
  type BacktestReport,
  dayBars,
  listed,
  type Occurrence,
  type Outcome,
  type RankedCandidate,
  ranked,
  type Suggestion,
} from '../../model/backtest.ts';
import { formatAge, formatDate, formatDateTime, formatNumber, NONE } from '../../model/format.ts';
import { hasDeadband, storedBody } from '../../model/setting-form.ts';
import { draft } from '../../state/backtests.ts';
import { openDetail } from '../../state/dock.ts';
import { settings, tags } from '../../state/plant.ts';
import { lang, t } from '../../state/prefs.ts';
import { navigate } from '../../state/router.ts';

const ROWS = 200;
const CANDIDATES = 30;

function floodText({ longest_flood: flood }: Outcome): string {
  if (flood === null) return NONE;
  const ms = Date.parse(flood.to) - Date.parse(flood.from);
  return `${formatAge(ms, lang.value)}, ${t('alarms.count', { n: flood.n })}`;
}

function worstText({ worst_position: worst }: Outcome): string {
  return worst.n === 0 ? NONE : t('backtest.worst', { position: worst.position, n: worst.n, peak: worst.peak });
}

function Sums({ report }: { readonly report: BacktestReport }) {
  const { now, then } = report;
  const rows = [
    ['n', String(now.n), String(then.n)],
    ['flood', floodText(now), floodText(then)],
    ['position', worstText(now), worstText(then)],
  ] as const;
  return (
    <table class="table backtest-sums">
      <thead>
        <tr>
          <th scope="col">
            <span class="hidden">{t('kpi.figure')}</span>
          </th>
          <th scope="col" class="cell-number">
            {t('backtest.now')}
          </th>
          <th scope="col" class="cell-number">
            {t('backtest.then')}
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([key, a, b]) => (
          <tr key={key} data-testid={`backtest-${key}`}>
            <th scope="row">{t(`backtest.sum.${key}`)}</th>
            <td class="cell-number num">{a}</td>
            <td class="cell-number num">
              <b>{b}</b>
            </td>
          </tr>
        ))}
        <tr>
          <th scope="row">{t('backtest.changes')}</th>
          <td colSpan={2} class="cell-number num" data-testid="backtest-changes">
            {t('backtest.changesText', {
              added: report.n_added,
              removed: report.n_removed,
              changed: report.changed,
            })}
          </td>
        </tr>
        <tr>
          <th scope="row">{t('backtest.later')}</th>
          <td colSpan={2} class="cell-number num">
            {formatAge(report.latest_s * 1000, lang.value)}
          </td>
        </tr>
        <tr class={report.missed > 0 ? 'fault' : ''} data-testid="backtest-missed">
          <th scope="row">{t('backtest.missed')}</th>
          <td colSpan={2} class="cell-number num">
            {report.missed}
          </td>
        </tr>
      </tbody>
    </table>
  );
}

const HEIGHT = 90;
const STEP = 18;

function Days({ report, from }: { readonly report: BacktestReport; readonly from: string | null }) {
  const start = from === null ? 0 : Date.parse(from);
  const bars = dayBars(report, start);
  if (bars.length === 0) return null;
  return (
    <figure>
      <figcaption>
        {t('backtest.perDay')} <span class="key key-now" /> {t('backtest.now')} <span class="key key-then" />{' '}
        {t('backtest.then')}
      </figcaption>
      <svg
        class="days"
        viewBox={`0 0 ${bars.length * STEP} ${HEIGHT + 2}`}
        role="img"
        aria-label={t('backtest.perDay')}
      >
        <title>{t('backtest.perDay')}</title>
        {bars.map((bar, i) => (
          <g key={bar.fromMs}>
            <title>{`${from === null ? i + 1 : formatDate(bar.fromMs)}: ${bar.now} → ${bar.then}`}</title>
            <rect
              class="day-now"
              x={i * STEP + 1}
              y={HEIGHT * (1 - bar.nowShare)}
              width="7"
              height={HEIGHT * bar.nowShare}
            />
            <rect
              class="day-then"
              x={i * STEP + 9}
              y={HEIGHT * (1 - bar.thenShare)}
              width="7"
              height={HEIGHT * bar.thenShare}
            />
            <path class="day-base" d={`M${i * STEP} ${HEIGHT + 0.5}h${STEP}`} />
          </g>
        ))}
      </svg>
    </figure>
  );
}

const time = (text: string | null): string => (text === null ? NONE : formatDateTime(Date.parse(text)));

function lasted(o: Occurrence): string {
  const from = o.src ?? o.at;
  if (from === null || o.until === null) return t('backtest.stillOn');
  return t('backtest.lasted', { time: formatAge(Date.parse(o.until) - Date.parse(from), lang.value) });
}

function Occurrences({ report }: { readonly report: BacktestReport }) {
  const list = listed(report);
  return (
    <section>
      <h3>{t('backtest.list')}</h3>
      {report.truncated || list.length > ROWS ? <p class="hint">{t('backtest.truncated')}</p> : null}
      {list.length === 0 ? <p class="panel-note">{t('backtest.same')}</p> : null}
      <table class="table">
        <tbody>
          {list.slice(0, ROWS).map((o) => (
            <tr key={`${o.change} ${o.alarm} ${o.src ?? o.at}`} data-testid={`backtest-${o.change}`}>
              <td class="num">{time(o.src ?? o.at)}</td>
              <td>
                <b>{t(`backtest.${o.change}`)}</b>
              </td>
              <th scope="row">
                <button type="button" class="link" onClick={() => openDetail(o.alarm)}>
                  {o.alarm}
                </button>
              </th>
              <td class="num">{lasted(o)}</td>
              <td>{o.change === 'removed' && !o.covered ? t('backtest.missedOne') : ''}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** A suggested setting goes into the form as a draft, where it can be tried and looked at. */
function take(alarm: string, { on_delay_s, off_delay_s, deadband }: RankedCandidate): void {
  const setting = settings.peek().find((s) => s.name === alarm);
  if (setting === undefined) return;
  const band = hasDeadband(setting.kind) ? { deadband } : {};
  draft.value = { alarm, body: { ...storedBody(setting), on_delay_s, off_delay_s, ...band } };
  navigate({ page: 'backtest', alarm, id: '' }, 'replace');
}

const seconds = (s: number): string => `${formatNumber(s, 1).replace(/\.0$/, '')} s`;

function CandidateRow({ alarm, row }: { readonly alarm: string; readonly row: RankedCandidate }) {
  const tag = tags.value.get(settings.value.find((s) => s.name === alarm)?.tag ?? '');
  return (
    <tr class={row.is === 'best' ? 'row-current' : ''} data-testid={`suggestion-${row.is}`}>
      <th scope="row">{row.is === 'other' ? '' : t(`backtest.${row.is}`)}</th>
      <td class="cell-number num">{seconds(row.on_delay_s)}</td>
      <td class="cell-number num">{seconds(row.off_delay_s)}</td>
      <td class="cell-number num">
        {formatNumber(row.deadband, tag?.decimals ?? 2)} {tag?.unit ?? ''}
      </td>
      <td class="cell-number num">
        <b>{row.n}</b>
      </td>
      <td class="cell-number num">{formatAge(row.latest_s * 1000, lang.value)}</td>
      <td class="cell-number num">{row.missed}</td>
      <td>
        {row.is === 'present' ? null : (
          <button type="button" class="ack" onClick={() => take(alarm, row)}>
            {t('backtest.take')}
          </button>
        )}
      </td>
    </tr>
  );
}

function Suggestions({ suggestion }: { readonly suggestion: Suggestion }) {
  const columns = ['onDelay', 'offDelay', 'deadband', 'sum.n', 'later', 'missed'] as const;
  return (
    <section>
      <p class="panel-note" data-testid="suggestion-text">
        {suggestion.best === 0 ? t('backtest.noSuggestion') : suggestion.text}
      </p>
      <table class="table" data-testid="suggestions">
        <thead>
          <tr>
            <th scope="col">{t('backtest.candidate')}</th>
            {columns.map((column) => (
              <th key={column} scope="col" class="cell-number">
                {t(`backtest.${column}`)}
              </th>
            ))}
            <th scope="col">
              <span class="hidden">{t('backtest.take')}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {ranked(suggestion)
            .slice(0, CANDIDATES)
            .map((row) => (
              <CandidateRow
                key={`${row.on_delay_s} ${row.off_delay_s} ${row.deadband}`}
                alarm={suggestion.alarm}
                row={row}
              />
            ))}
        </tbody>
      </table>
    </section>
  );
}

function Assumptions({ report }: { readonly report: BacktestReport }) {
  return (
    <details class="hint" data-testid="backtest-assumptions">
      <summary>
        {t('backtest.basis', {
          samples: report.samples,
          judged: report.alarms_judged,
          not: report.alarms_not_judged,
        })}
      </summary>
      <ul>
        {report.assumptions.map((text) => (
          <li key={text}>{text}</li>
        ))}
      </ul>
    </details>
  );
}

interface Props {
  readonly report: BacktestReport;
  readonly from: string | null;
  readonly alarm: string;
}

/** What would have been: the sums, each day, and every alarm that would be new or gone, with its time. */
export function Result({ report, from, alarm }: Props) {
  if (report.suggestion !== null) {
    return (
      <div class="backtest-result">
        <Suggestions suggestion={report.suggestion} />
        <Assumptions report={report} />
      </div>
    );
  }
  const others = report.per_alarm.filter((a) => a.alarm !== alarm && a.now !== a.then);
  return (
    <div class="backtest-result">
      <Sums report={report} />
      <Assumptions report={report} />
      <Days report={report} from={from} />
      {others.length === 0 ? null : (
        <p>
          {t('backtest.others')} {others.map((a) => `${a.alarm} ${a.now} → ${a.then}`).join(', ')}
        </p>
      )}
      <Occurrences report={report} />
    </div>
  );
}
