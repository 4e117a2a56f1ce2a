import {
  type BacktestReport,
  bestFirst,
  dayBars,
  listed,
  type Outcome,
  type Suggestion,
} from '../../model/backtest.ts';
import { formatAge, formatDate, formatDateTime, NONE } from '../../model/format.ts';
import { draft } from '../../state/backtests.ts';
import { openDetail } from '../../state/dock.ts';
import { settings } from '../../state/plant.ts';
import { lang, t } from '../../state/prefs.ts';
import { navigate } from '../../state/router.ts';

const ROWS = 200;

function floodText({ longest_flood: flood }: Outcome): string {
  if (flood === null) return NONE;
  const ms = Date.parse(flood.to) - Date.parse(flood.from);
  return `${formatAge(ms, lang.value)}, ${t('alarms.count', { n: flood.n })}`;
}

function worstText({ worst_position: worst }: Outcome): string {
  return worst === null ? NONE : `${worst.position}: ${worst.n}`;
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
              added: report.added.length,
              removed: report.removed.length,
              changed: report.changed,
            })}
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
            <tr key={`${o.change} ${o.alarm} ${o.src}`} data-testid={`backtest-${o.change}`}>
              <td class="num">{formatDateTime(Date.parse(o.src))}</td>
              <td>
                <b>{t(`backtest.${o.change}`)}</b>
              </td>
              <th scope="row">
                <button type="button" class="link" onClick={() => openDetail(o.alarm)}>
                  {o.alarm}
                </button>
              </th>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

const isField = (text: string): text is 'on_delay_s' | 'off_delay_s' | 'deadband' =>
  text === 'on_delay_s' || text === 'off_delay_s' || text === 'deadband';

/** A suggested value goes into the form as a draft, where it can be tried and looked at. */
function take(alarm: string, field: string, value: number): void {
  const setting = settings.peek().find((s) => s.name === alarm);
  if (setting === undefined) return;
  const { revision, ...body } = setting;
  draft.value = { alarm, body: { ...body, [field]: value } };
  navigate({ page: 'backtest', alarm, id: '' }, 'replace');
}

function Suggestions({ suggestion }: { readonly suggestion: Suggestion }) {
  const [best, ...others] = bestFirst(suggestion);
  if (best === undefined) return <p class="panel-note">{t('backtest.noSuggestion')}</p>;
  return (
    <table class="table" data-testid="suggestions">
      <thead>
        <tr>
          <th scope="col">{t('backtest.candidate')}</th>
          <th scope="col" class="cell-number">
            {t('backtest.now')}
          </th>
          <th scope="col" class="cell-number">
            {t('backtest.then')}
          </th>
          <th scope="col" class="cell-number">
            {t('backtest.later')}
          </th>
          <th scope="col" class="cell-number">
            {t('backtest.missed')}
          </th>
          <th scope="col">
            <span class="hidden">{t('backtest.take')}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {[best, ...others].map((c) => (
          <tr key={`${c.field} ${c.value}`}>
            <th scope="row">
              {isField(c.field) ? t(`settings.${c.field}`) : c.field} <span class="num">{c.value}</span>
            </th>
            <td class="cell-number num">{suggestion.now}</td>
            <td class="cell-number num">{c.then}</td>
            <td class="cell-number num">{formatAge(c.later_s * 1000, lang.value)}</td>
            <td class="cell-number num">{c.missed ?? NONE}</td>
            <td>
              <button type="button" class="ack" onClick={() => take(suggestion.alarm, c.field, c.value)}>
                {t('backtest.take')}
              </button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface Props {
  readonly report: BacktestReport;
  readonly from: string | null;
  readonly alarm: string;
}

/** What would have been: the sums, each day, and every alarm that would be new or gone, with its time. */
export function Result({ report, from, alarm }: Props) {
  if (report.suggestion !== undefined) return <Suggestions suggestion={report.suggestion} />;
  const others = report.per_alarm.filter((a) => a.alarm !== alarm && a.now !== a.then);
  return (
    <div class="backtest-result">
      <Sums report={report} />
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
