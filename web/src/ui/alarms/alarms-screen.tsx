import { useMemo, useRef } from 'preact/hooks';
import { completeAlarm } from '../../model/alarm-complete.ts';
import {
  choices,
  countPriority,
  countState,
  inTab,
  LIST_TABS,
  passes,
  STATE_CHIPS,
  type StateChip,
} from '../../model/alarm-filter.ts';
import { PRIORITIES } from '../../model/alarm-list.ts';
import { ALARM_TABS, ALARMS, type AlarmsRoute, type AlarmTab, KPI } from '../../model/route.ts';
import type { Alarm } from '../../model/types.ts';
import { alarms, alarmsLoaded, loadUntrusted, stateCounts } from '../../state/alarms.ts';
import { sites, siteTitle } from '../../state/plant.ts';
import { t } from '../../state/prefs.ts';
import { navigate, route } from '../../state/router.ts';
import { AlarmSymbol } from '../alarm-symbol.tsx';
import { Go } from '../go.tsx';
import { useEvery } from '../use-every.ts';
import { AlarmTable } from './alarm-table.tsx';
import { HiddenList } from './hidden-list.tsx';
import { History } from './history.tsx';

const ALWAYS: ReadonlySet<AlarmTab> = new Set(['active', 'unacked', 'shelved', 'suppressed', 'oos', 'history']);

function numbersOf(all: readonly Alarm[]): Readonly<Partial<Record<AlarmTab, number>>> {
  const numbers: Partial<Record<AlarmTab, number>> = {};
  for (const tab of LIST_TABS) numbers[tab] = all.filter((a) => inTab(a, tab)).length;
  const untrusted = stateCounts.value?.untrusted;
  return untrusted === undefined ? numbers : { ...numbers, untrusted };
}

/** The lists with how many are in each; some are only there when they are not empty. */
export function AlarmTabs({ at }: { readonly at: AlarmsRoute | null }) {
  const numbers = numbersOf(alarms.value);
  return (
    <nav class="tabs" aria-label={t('alarms.title')}>
      {ALARM_TABS.filter((tab) => ALWAYS.has(tab) || at?.tab === tab || (numbers[tab] ?? 0) > 0).map((tab) => (
        <Go key={tab} to={{ ...(at ?? ALARMS), tab, state: '' }} current={at?.tab === tab} testid={`tab-${tab}`}>
          {t(`alarms.tab.${tab}`)}
          {numbers[tab] === undefined ? null : <span class="num tab-number">{numbers[tab]}</span>}
        </Go>
      ))}
      <Go to={KPI} current={route.value.page === 'kpi'} testid="tab-kpi">
        {t('alarms.tab.kpi')}
      </Go>
    </nav>
  );
}

interface FacetProps {
  readonly at: AlarmsRoute;
  readonly list: readonly Alarm[];
  readonly facet: 'site' | 'area' | 'position';
}

/** One of many: a list to choose from, each with the number that choosing it shows. Not there where there is nothing to choose. */
function Facet({ at, list, facet }: FacetProps) {
  const found = choices(list, at, facet);
  const names = facet === 'site' ? sites.value.map((site) => site.name) : [...found.keys()];
  const chosen = at[facet];
  if (facet !== 'site' && names.length < 2 && chosen === '') return null;
  const all = chosen !== '' && !names.includes(chosen) ? [...names, chosen] : names;
  return (
    <label class="inline">
      {t(`alarms.filter.${facet}`)}
      <select
        data-testid={`filter-${facet}`}
        value={chosen}
        onChange={(event) => navigate({ ...at, [facet]: event.currentTarget.value }, 'replace')}
      >
        <option value="">{t('alarms.filter.all')}</option>
        {all.map((name) => (
          <option key={name} value={name}>
            {`${name} ${facet === 'site' ? siteTitle(name) : ''} (${found.get(name) ?? 0})`}
          </option>
        ))}
      </select>
    </label>
  );
}

function PriorityChips({ at, list }: { readonly at: AlarmsRoute; readonly list: readonly Alarm[] }) {
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
          <span class="num">{countPriority(list, at, p)}</span>
        </button>
      ))}
    </fieldset>
  );
}

function StateChips({ at, list }: { readonly at: AlarmsRoute; readonly list: readonly Alarm[] }) {
  const shown = STATE_CHIPS.map((state): readonly [StateChip, number] => [state, countState(list, at, state)]);
  return (
    <fieldset class="chips">
      <legend class="hidden">{t('alarms.filter.state')}</legend>
      {shown
        .filter(([state, n]) => n > 0 || at.state === state)
        .map(([state, n]) => (
          <button
            key={state}
            type="button"
            class="chip"
            aria-pressed={at.state === state}
            data-testid={`filter-${state}`}
            onClick={() => navigate({ ...at, state: at.state === state ? '' : state }, 'replace')}
          >
            {t(`chip.${state}`)} <span class="num">{n}</span>
          </button>
        ))}
    </fieldset>
  );
}

function Search({ at }: { readonly at: AlarmsRoute }) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <input
      ref={field}
      type="search"
      class="list-search"
      data-testid="filter-q"
      data-key="/"
      placeholder={t('alarms.filter.q')}
      aria-label={t('alarms.filter.q')}
      value={at.q}
      onInput={(event) => navigate({ ...at, q: event.currentTarget.value }, 'replace')}
      onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}
    />
  );
}

const UNTRUSTED_MS = 5_000;

/** Alarms whose inputs are unknown: also those that are normal, which no list has. */
function UntrustedList({ at }: { readonly at: AlarmsRoute }) {
  const { value: list, failed } = useEvery(loadUntrusted, UNTRUSTED_MS, '');
  if (failed !== '') return <p class="page-note fault">{failed}</p>;
  if (list === null) return <p class="page-note">{t('app.loading')}</p>;
  const shown = list.map(completeAlarm).filter((a) => passes(a, at));
  const empty = t(list.length > 0 ? 'settings.empty' : 'alarms.empty.untrusted');
  return <HiddenList alarms={shown} tab="untrusted" empty={empty} />;
}

function Body({ at, inList }: { readonly at: AlarmsRoute; readonly inList: readonly Alarm[] }) {
  const shown = useMemo(() => inList.filter((a) => passes(a, at)), [inList, at]);
  if (at.tab === 'history') return <History at={at} />;
  if (at.tab === 'untrusted') return <UntrustedList at={at} />;
  if (!alarmsLoaded.value) return <p class="page-note">{t('app.loading')}</p>;
  // That nothing matches must not look like nothing being there.
  const empty = t(inList.length > 0 ? 'settings.empty' : `alarms.empty.${at.tab}`);
  if (at.tab === 'active' || at.tab === 'unacked' || at.tab === 'confirm') {
    const { site, area, position, priority, state, q, tab } = at;
    return <AlarmTable key={[tab, site, area, position, priority, state, q].join('|')} alarms={shown} empty={empty} />;
  }
  return <HiddenList alarms={shown} tab={at.tab} empty={empty} />;
}

const NO_ALARMS: readonly Alarm[] = [];

export function AlarmsScreen({ at }: { readonly at: AlarmsRoute }) {
  const all = alarms.value;
  const { tab } = at;
  const inList = useMemo(
    () => (tab === 'history' || tab === 'untrusted' ? NO_ALARMS : all.filter((a) => inTab(a, tab))),
    [all, tab],
  );
  const filtered = tab !== 'history';
  return (
    <div class="page page-full">
      <header class="page-head">
        <h1>{t('alarms.title')}</h1>
        <AlarmTabs at={at} />
      </header>
      <div class="filters">
        <Facet at={at} list={filtered ? inList : all} facet="site" />
        <Facet at={at} list={filtered ? inList : all} facet="area" />
        <Facet at={at} list={filtered ? inList : all} facet="position" />
        {filtered ? (
          <>
            <PriorityChips at={at} list={inList} />
            {tab === 'active' || tab === 'unacked' ? <StateChips at={at} list={inList} /> : null}
            <Search at={at} />
          </>
        ) : null}
      </div>
      <Body at={at} inList={inList} />
    </div>
  );
}
