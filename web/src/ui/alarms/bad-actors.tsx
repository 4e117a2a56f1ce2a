import { suggestionOf } from '../../model/backtest.ts';
import { formatAge, formatNumber, NONE } from '../../model/format.ts';
import { type FigureReport, type ParetoLine, pareto } from '../../model/kpi.ts';
import type { KpiRoute } from '../../model/route.ts';
import { askBacktest } from '../../state/backtests.ts';
import { serverNow } from '../../state/clock.ts';
import { openDetail } from '../../state/dock.ts';
import { get } from '../../state/http.ts';
import { lang, t } from '../../state/prefs.ts';
import { may } from '../../state/session.ts';
import { useEvery } from '../use-every.ts';
import { periodOf } from './kpi-screen.tsx';

const WIDTH = 560;
const HEIGHT = 150;
const BARS_MAX = 40;
const AXIS = 18;

/** Bars by frequency, and above them the sum of their shares as a line. */
function Pareto({ lines }: { readonly lines: readonly ParetoLine[] }) {
  const shown = lines.slice(0, BARS_MAX);
  const highest = Math.max(1, ...shown.map((l) => l.n));
  const step = WIDTH / Math.max(10, shown.length);
  const y = (sum: number): number => HEIGHT - (HEIGHT * sum) / 100;
  const path = shown.map((l, i) => `${i === 0 ? 'M' : 'L'}${(i + 0.5) * step} ${y(l.sum)}`).join('');
  return (
    <svg
      class="pareto"
      viewBox={`-${AXIS * 2} -8 ${WIDTH + AXIS * 4} ${HEIGHT + 16}`}
      role="img"
      aria-label={t('actors.pareto')}
    >
      <title>{t('actors.pareto')}</title>
      {[0, 50, 100].map((share) => (
        <g key={share}>
          <path class="pareto-grid" d={`M0 ${y(share)}h${WIDTH}`} />
          <text x={-4} y={y(share) + 4}>
            {Math.round((highest * share) / 100)}
          </text>
          <text class="pareto-right" x={WIDTH + 4} y={y(share) + 4}>
            {share} %
          </text>
        </g>
      ))}
      {shown.map((l, i) => (
        <rect
          key={l.alarm}
          x={i * step + step * 0.15}
          y={HEIGHT - (HEIGHT * l.n) / highest}
          width={step * 0.7}
          height={(HEIGHT * l.n) / highest}
        >
          <title>{`${l.alarm}: ${l.n}`}</title>
        </rect>
      ))}
      <path class="pareto-sum" d={path} />
    </svg>
  );
}

function ActorRow({ line }: { readonly line: ParetoLine }) {
  return (
    <tr data-testid={`actor-${line.alarm}`}>
      <th scope="row">
        <button type="button" class="link" onClick={() => openDetail(line.alarm)}>
          {line.alarm}
        </button>
      </th>
      <td class="cell-number num">{line.n}</td>
      <td class="cell-number num">{formatNumber(line.share, 1)} %</td>
      <td class="cell-number num">{formatNumber(line.sum, 1)} %</td>
      <td class="cell-number num">{line.chatters}</td>
      <td class="cell-number num">{formatNumber(line.psi, 3)}</td>
      <td class="cell-number num">{line.fleeting}</td>
      <td class="cell-number num">{line.activeMs === null ? NONE : formatAge(line.activeMs, lang.value)}</td>
      <td class="cell-number num">{line.unackedPct === null ? NONE : `${formatNumber(line.unackedPct, 0)} %`}</td>
      <td>{line.stale ? t('actors.stale') : line.standing ? t('actors.standing') : ''}</td>
      <td>
        <button
          type="button"
          class="ack"
          aria-disabled={!may('engineer')}
          title={may('engineer') ? undefined : t('why.engineer')}
          data-testid={`suggest-${line.alarm}`}
          onClick={() => void askBacktest(line.alarm, suggestionOf(line.alarm, serverNow()))}
        >
          {t('actors.suggest')}
        </button>
      </td>
    </tr>
  );
}

/** Which alarms ring most, and for each of them a better setting, found by trying on its own history. */
export function BadActors({ at }: { readonly at: KpiRoute }) {
  const period = periodOf(at);
  const query = new URLSearchParams({ ...period, ...(at.position === '' ? {} : { position: at.position }) }).toString();
  const load = (signal: AbortSignal) => get<FigureReport>(`/alarms/bad_actors?${query}`, signal);
  const { value: answer, failed } = useEvery(load, 0, query);
  if (failed !== '') return <p class="page-note fault">{failed}</p>;
  if (answer === null) return <p class="page-note">{t('app.loading')}</p>;
  const lines = pareto(answer);
  if (lines.length === 0) return <p class="page-note">{t('actors.none')}</p>;
  return (
    <section class="panel" data-testid="bad-actors">
      <Pareto lines={lines} />
      <div class="scroll">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">{t('history.alarm')}</th>
              {(['n', 'share', 'sum', 'chatters', 'psi', 'fleeting', 'active', 'unacked'] as const).map((column) => (
                <th key={column} scope="col" class="cell-number" title={t(`actorsText.${column}`)}>
                  {t(`actors.${column}`)}
                </th>
              ))}
              <th scope="col">{t('col.state')}</th>
              <th scope="col">
                <span class="hidden">{t('actors.suggest')}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {lines.map((line) => (
              <ActorRow key={line.alarm} line={line} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
