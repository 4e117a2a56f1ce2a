import { useMemo } from 'preact/hooks';
import { countAlarms, isUnacked, PRIORITIES } from '../../model/alarm-list.ts';
import type { AlarmsRoute, AlarmTab } from '../../model/route.ts';
import { alarms, alarmsLoaded } from '../../state/alarms.ts';
import { sites } from '../../state/plant.ts';
import { t, tt } from '../../state/prefs.ts';
import { navigate } from '../../state/router.ts';
import { AlarmSymbol } from '../alarm-symbol.tsx';
import { Go } from '../go.tsx';
import { AlarmTable } from './alarm-table.tsx';
import { History } from './history.tsx';

const TABS: readonly AlarmTab[] = ['active', 'unacked', 'history'];

function SiteFilter({ at }: { readonly at: AlarmsRoute }) {
  return (
    <label class="inline">
      {t('alarms.filter.site')}
      <select
        data-testid="filter-site"
        value={at.site}
        onChange={(event) => navigate({ ...at, site: event.currentTarget.value }, 'replace')}
      >
        <option value="">{t('alarms.filter.all')}</option>
        {sites.value.map((site) => (
          <option key={site.name} value={site.name}>
            {tt(site.title) === site.name ? site.name : `${site.name} ${tt(site.title)}`}
          </option>
        ))}
      </select>
    </label>
  );
}

function PriorityFilter({ at }: { readonly at: AlarmsRoute }) {
  const inSite = alarms.value.filter((a) => at.site === '' || a.site === at.site);
  const { standing } = countAlarms(at.tab === 'unacked' ? inSite.filter(isUnacked) : inSite);
  return (
    <fieldset class="chips">
      <legend class="hidden">{t('alarms.filter.priority')}</legend>
      {PRIORITIES.map((p) => (
        <button
          key={p}
          type="button"
          class="chip"
          aria-pressed={at.priority === p}
          data-testid={`filter-p${p}`}
          onClick={() => navigate({ ...at, priority: at.priority === p ? 0 : p }, 'replace')}
        >
          <AlarmSymbol priority={p} size={16} />
          <span class="num">{standing[p]}</span>
        </button>
      ))}
    </fieldset>
  );
}

export function AlarmsScreen({ at }: { readonly at: AlarmsRoute }) {
  const all = alarms.value;
  const shown = useMemo(
    () =>
      all.filter(
        (a) =>
          (at.tab !== 'unacked' || isUnacked(a)) &&
          (at.site === '' || a.site === at.site) &&
          (at.priority === 0 || a.priority === at.priority),
      ),
    [all, at.tab, at.site, at.priority],
  );
  return (
    <div class="page page-full">
      <header class="page-head">
        <h1>{t('alarms.title')}</h1>
        <nav class="tabs">
          {TABS.map((tab) => (
            <Go key={tab} to={{ ...at, tab }} current={at.tab === tab} testid={`tab-${tab}`}>
              {t(`alarms.tab.${tab}`)}
            </Go>
          ))}
        </nav>
        <SiteFilter at={at} />
        {at.tab === 'history' ? null : <PriorityFilter at={at} />}
      </header>
      {at.tab === 'history' ? (
        <History at={at} />
      ) : alarmsLoaded.value ? (
        <AlarmTable key={`${at.tab} ${at.site} ${at.priority}`} alarms={shown} tab={at.tab} />
      ) : (
        <p class="page-note">{t('app.loading')}</p>
      )}
    </div>
  );
}
