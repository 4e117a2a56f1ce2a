import { ALARMS, type Route, trendOf } from '../../model/route.ts';
import { t } from '../../state/prefs.ts';
import { route } from '../../state/router.ts';
import { Go } from '../go.tsx';
import { Icon, type IconName } from '../icons.tsx';

const ITEMS: readonly { readonly page: Extract<IconName, Route['page']>; readonly to: Route }[] = [
  { page: 'overview', to: { page: 'overview' } },
  { page: 'alarms', to: ALARMS },
  { page: 'trend', to: trendOf([]) },
  { page: 'gateways', to: { page: 'gateways' } },
  { page: 'settings', to: { page: 'settings', q: '' } },
  { page: 'revisions', to: { page: 'revisions' } },
];

/** Screens that are reached from another one. */
const PARENTS: Readonly<Partial<Record<Route['page'], Route['page']>>> = {
  site: 'overview',
  kpi: 'alarms',
  backtest: 'settings',
  ledger: 'gateways',
  quarantine: 'gateways',
  store: 'gateways',
};

export function Rail() {
  const at = PARENTS[route.value.page] ?? route.value.page;
  return (
    <nav class="rail" aria-label={t('nav.label')}>
      {ITEMS.map(({ page, to }) => (
        <Go key={page} to={to} current={at === page} testid={`nav-${page}`}>
          <Icon name={page} />
          <span>{t(`nav.${page}`)}</span>
        </Go>
      ))}
    </nav>
  );
}
