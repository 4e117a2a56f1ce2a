import { byUrgency, isUnacked } from '../../model/alarm-list.ts';
import { formatNumber, formatShort, formatSince, parseTime } from '../../model/format.ts';
import type { Site } from '../../model/types.ts';
import { alarmsLoaded, listedAlarms } from '../../state/alarms.ts';
import { second } from '../../state/clock.ts';
import { siteLink, stations, tags } from '../../state/plant.ts';
import { t, tt } from '../../state/prefs.ts';
import { totalOf } from '../../state/totals.ts';
import { AlarmSymbol } from '../alarm-symbol.tsx';
import { Go } from '../go.tsx';

const ROWS = 12;

function Figures() {
  const all = [...tags.value.values()];
  const runs = all.filter((tag) => tag.role === 'run');
  const powers = all.filter((tag) => tag.role === 'power');
  const running = totalOf(runs);
  const power = totalOf(powers);
  const live = stations.value.filter((site) => siteLink(site).state === 'up').length;
  const unsure = (whole: boolean) => (whole ? null : <span class="mark">?</span>);
  return (
    <dl class="figures">
      <div>
        <dt class="label">{t('overview.sites')}</dt>
        <dd class="num">
          {live}
          <span class="unit">/ {stations.value.length}</span>
        </dd>
      </div>
      {runs.length === 0 ? null : (
        <div>
          <dt class="label">{t('overview.running')}</dt>
          <dd class="num">
            {running.active}
            <span class="unit">/ {runs.length}</span>
            {unsure(running.whole)}
          </dd>
        </div>
      )}
      {powers.length === 0 ? null : (
        <div>
          <dt class="label">{t('overview.power')}</dt>
          <dd class="num">
            {formatNumber(power.none ? null : power.sum, 0)}
            <span class="unit">{powers[0]?.unit}</span>
            {unsure(power.whole)}
          </dd>
        </div>
      )}
    </dl>
  );
}

function CutSite({ site }: { readonly site: Site }) {
  return (
    <li>
      <Go to={{ page: 'site', site: site.name }} class="need">
        <span class="need-cut">{t('tile.cut', { time: formatSince(siteLink(site).since, second.value) })}</span>
        <b>{site.name}</b>
        <span class="need-text">{tt(site.title)}</span>
      </Go>
    </li>
  );
}

/** Beside the tiles: what waits for a person, the most urgent on top; and the whole network in three figures. */
export function Needs() {
  const cut = stations.value.filter((site) => siteLink(site).state !== 'up' && siteLink(site).state !== 'none');
  const standing = listedAlarms.value.filter((a) => isUnacked(a) || a.priority <= 2).sort(byUrgency);
  return (
    <aside class="needs">
      <Figures />
      <h2>{t('overview.needs')}</h2>
      {cut.length + standing.length === 0 ? (
        <p class="needs-none">{t(alarmsLoaded.value ? 'overview.needsNone' : 'banner.loading')}</p>
      ) : null}
      <ul>
        {cut.map((site) => (
          <CutSite key={site.name} site={site} />
        ))}
        {standing.slice(0, ROWS).map((alarm) => {
          const raised = parseTime(alarm.raised);
          return (
            <li key={alarm.name}>
              <Go to={{ page: 'site', site: alarm.site }} class="need">
                <AlarmSymbol priority={alarm.priority} letter={alarm.letter} untrusted={alarm.untrusted} />
                <b>{alarm.site}</b>
                <span class="need-text">{tt(alarm.message)}</span>
                <span class="num need-time">{raised === null ? '' : formatShort(raised, second.value)}</span>
              </Go>
            </li>
          );
        })}
      </ul>
      {standing.length > ROWS ? <p class="needs-none">{t('banner.more', { n: standing.length - ROWS })}</p> : null}
    </aside>
  );
}
