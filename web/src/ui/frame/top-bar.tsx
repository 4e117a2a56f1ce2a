import type { ComponentChildren } from 'preact';
import { PRIORITIES } from '../../model/alarm-list.ts';
import { formatClock, NONE } from '../../model/format.ts';
import { ALARMS, type Route } from '../../model/route.ts';
import type { Session } from '../../model/types.ts';
import { alarmCounts, alarmsLoaded, alarmsStale } from '../../state/alarms.ts';
import { second } from '../../state/clock.ts';
import { link } from '../../state/live.ts';
import { sites, store } from '../../state/plant.ts';
import { lang, SCALES, scale, t, theme, tt } from '../../state/prefs.ts';
import { route } from '../../state/router.ts';
import { AlarmSymbol } from '../alarm-symbol.tsx';
import { Go } from '../go.tsx';
import { Icon } from '../icons.tsx';
import { SoundControl } from './sound.tsx';
import { UserMenu } from './user-menu.tsx';

function Counts() {
  const counts = alarmCounts.value.unacked;
  return (
    <nav class="counts" aria-label={t('counts.label')}>
      {PRIORITIES.map((p) => (
        <Go
          key={p}
          to={{ ...ALARMS, tab: 'unacked', priority: p }}
          class={counts[p] > 0 ? 'count' : 'count count-none'}
          title={t('counts.one', { p, n: counts[p] })}
          testid={`count-${p}`}
        >
          <AlarmSymbol priority={p} />
          <span class="num">{alarmsLoaded.value ? counts[p] : NONE}</span>
        </Go>
      ))}
      {alarmsStale.value ? (
        <span class="count-stale" title={t('alarms.stale')}>
          ?
        </span>
      ) : null}
    </nav>
  );
}

function LinkState() {
  const state = link.value;
  const live = state.state === 'live';
  const time = state.state === 'lost' ? state.since : second.value;
  return (
    <div class="link-state" role="status">
      {store.value.state === 'slow' ? <span class="link-slow">{t('store.slow')}</span> : null}
      <span class={live ? 'link-dot link-dot-live' : 'link-dot'} />
      <span data-testid="link-state">{t(live ? 'link.live' : 'link.notLive')}</span>
      <span class="num clock" title={t('link.server')} data-testid="server-time">
        {time === null ? '--:--:--' : formatClock(time)}
      </span>
    </div>
  );
}

const TITLES = {
  overview: 'nav.overview',
  site: 'nav.overview',
  alarms: 'nav.alarms',
  kpi: 'nav.kpi',
  backtest: 'nav.backtest',
  trend: 'nav.trend',
  gateways: 'nav.gateways',
  ledger: 'nav.ledger',
  quarantine: 'nav.quarantine',
  store: 'nav.store',
  settings: 'nav.settings',
  revisions: 'nav.revisions',
  missing: 'nav.overview',
} as const;

function Breadcrumb({ at }: { readonly at: Route }) {
  const steps: ComponentChildren[] = [<li key="page">{t(TITLES[at.page])}</li>];
  if (at.page === 'site') {
    const site = sites.value.find((s) => s.name === at.site);
    steps[0] = (
      <li key="page">
        <Go to={{ page: 'overview' }}>{t('nav.overview')}</Go>
      </li>
    );
    if (site !== undefined && site.area !== '') steps.push(<li key="area">{site.area}</li>);
    steps.push(
      <li key="site" aria-current="page">
        {at.site}
        {site === undefined || tt(site.title) === at.site ? '' : ` ${tt(site.title)}`}
      </li>,
    );
  }
  return (
    <nav class="breadcrumb" aria-label={t('nav.breadcrumb')}>
      <ol>{steps}</ol>
    </nav>
  );
}

/** Language, theme and size of text: of this workstation, so they are there before anybody has logged in. */
export function Preferences() {
  const dark = theme.value === 'dark';
  return (
    <div class="prefs">
      <button
        type="button"
        class="flat"
        data-testid="scale-toggle"
        title={t('scale.label')}
        onClick={() => {
          const at = SCALES.indexOf(scale.value);
          scale.value = SCALES[(at + 1) % SCALES.length] ?? '100';
        }}
      >
        <span class="hidden">{t('scale.label')}</span>A <span class="num small">{scale.value} %</span>
      </button>
      <button
        type="button"
        class="flat"
        data-testid="theme-toggle"
        title={t(dark ? 'theme.toLight' : 'theme.toDark')}
        aria-label={t(dark ? 'theme.toLight' : 'theme.toDark')}
        onClick={() => {
          theme.value = dark ? 'light' : 'dark';
        }}
      >
        <Icon name={dark ? 'light' : 'dark'} size={18} />
      </button>
      <button
        type="button"
        class="flat"
        data-testid="lang-toggle"
        lang={lang.value === 'en' ? 'zh-CN' : 'en'}
        onClick={() => {
          lang.value = lang.value === 'en' ? 'zh' : 'en';
        }}
      >
        {t('lang.other')}
      </button>
    </div>
  );
}

export function TopBar({ session }: { readonly session: Session }) {
  return (
    <header class="top">
      <Go to={{ page: 'overview' }} class="product">
        {t('app.name')}
      </Go>
      <Breadcrumb at={route.value} />
      <Counts />
      <SoundControl />
      <LinkState />
      <Preferences />
      <UserMenu session={session} />
    </header>
  );
}
