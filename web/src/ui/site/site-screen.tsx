import { useMemo } from 'preact/hooks';
import { isHidden, isListed, sortAlarms } from '../../model/alarm-list.ts';
import { formatSince } from '../../model/format.ts';
import { trendOf } from '../../model/route.ts';
import { byEquipment } from '../../model/station.ts';
import { PENS_MAX } from '../../model/trend-set.ts';
import type { Alarm, Site, Tag } from '../../model/types.ts';
import { alarmsBySite } from '../../state/alarms.ts';
import { second } from '../../state/clock.ts';
import { useView } from '../../state/live.ts';
import { plantLoaded, siteLink, sites, tagsBySite } from '../../state/plant.ts';
import { t, tt } from '../../state/prefs.ts';
import { Go } from '../go.tsx';
import { lazy } from '../lazy.tsx';
import { Mimic } from './mimic.tsx';
import { SiteAlarms } from './site-alarms.tsx';
import { ValueTable } from './value-table.tsx';

const SiteTrend = lazy(async () => (await import('../trend/site-trend.tsx')).SiteTrend);

const NO_TAGS: readonly Tag[] = [];
const NO_ALARMS: readonly Alarm[] = [];

function SiteHead({ site }: { readonly site: Site }) {
  const link = siteLink(site);
  const cut = link.state === 'cut' || link.state === 'partly';
  return (
    <header class="page-head">
      <h1>
        {site.name} <span class="page-sub">{tt(site.title) === site.name ? '' : tt(site.title)}</span>
      </h1>
      <span class="page-fact">
        {[site.area, site.kind.replaceAll('_', ' ')].filter((text) => text !== '').join(' · ')}
      </span>
      <span class="page-fact">
        {t('site.gateway')} {site.gateways.join(', ')}
      </span>
      {cut ? (
        <strong class="page-cut" data-testid={`cut-${site.name}`}>
          {t('site.cut', { time: formatSince(link.since, second.value) })}
        </strong>
      ) : null}
    </header>
  );
}

function SiteBody({ site }: { readonly site: Site }) {
  const unsorted = tagsBySite.value.get(site.name) ?? NO_TAGS;
  const tags = useMemo(() => [...unsorted].sort(byEquipment), [unsorted]);
  const levels = useMemo(
    () =>
      tags
        .filter((tag) => tag.role === 'level')
        .map((tag) => tag.name)
        .slice(0, PENS_MAX),
    [tags],
  );
  const all = sortAlarms(alarmsBySite.value.get(site.name) ?? NO_ALARMS, 'urgency');
  const alarms = [...all.filter(isListed), ...all.filter(isHidden)];
  const cut = siteLink(site).state === 'cut';
  if (tags.length === 0) return <p class="page-note">{t('site.noTags')}</p>;
  return (
    <div class={cut ? 'site site-is-cut' : 'site'}>
      <section class="panel site-station" aria-label={t('site.station')}>
        <Mimic tags={tags} alarms={alarms} />
      </section>
      <section class="panel site-values" aria-label={t('site.values')}>
        <ValueTable tags={tags} alarms={alarms} />
      </section>
      <aside class="site-side">
        <section class="panel">
          <h2>{t('site.alarms')}</h2>
          <SiteAlarms alarms={alarms} />
        </section>
        {levels.length === 0 ? null : (
          <section class="panel">
            <h2>
              {t('site.levels')}
              <Go to={trendOf(levels)} class="more" testid="open-trend">
                {t('site.openTrend')}
              </Go>
            </h2>
            <SiteTrend tags={levels} />
          </section>
        )}
      </aside>
    </div>
  );
}

export function SiteScreen({ name }: { readonly name: string }) {
  useView(`site/${name}`);
  const site = sites.value.find((s) => s.name === name);
  if (site === undefined) {
    return <p class="page-note">{plantLoaded.value ? t('site.missing', { site: name }) : t('app.loading')}</p>;
  }
  return (
    <div class="page">
      <SiteHead site={site} />
      <SiteBody site={site} />
    </div>
  );
}
