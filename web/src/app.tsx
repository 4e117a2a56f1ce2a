import { useEffect } from 'preact/hooks';
import type { Route } from './model/route.ts';
import type { Session } from './model/types.ts';
import { startLive, stopLive } from './state/live.ts';
import { loadPlant } from './state/plant.ts';
import { t } from './state/prefs.ts';
import { route } from './state/router.ts';
import { changingPassword, login } from './state/session.ts';
import { AlarmsScreen } from './ui/alarms/alarms-screen.tsx';
import { Frame } from './ui/frame/frame.tsx';
import { GatewaysScreen } from './ui/gateways.tsx';
import { lazy } from './ui/lazy.tsx';
import { LoginPage } from './ui/login.tsx';
import { Overview } from './ui/overview/overview.tsx';
import { PasswordPage } from './ui/password.tsx';
import { SiteScreen } from './ui/site/site-screen.tsx';

const TrendScreen = lazy(async () => (await import('./ui/trend/trend-screen.tsx')).TrendScreen);
const SettingsScreen = lazy(async () => (await import('./ui/settings/settings-screen.tsx')).SettingsScreen);
const BacktestScreen = lazy(async () => (await import('./ui/backtest/backtest-screen.tsx')).BacktestScreen);
const KpiScreen = lazy(async () => (await import('./ui/alarms/kpi-screen.tsx')).KpiScreen);
const LedgerScreen = lazy(async () => (await import('./ui/ledger.tsx')).LedgerScreen);
const QuarantineScreen = lazy(async () => (await import('./ui/quarantine.tsx')).QuarantineScreen);
const StoreScreen = lazy(async () => (await import('./ui/store.tsx')).StoreScreen);
const RevisionsScreen = lazy(async () => (await import('./ui/settings/revisions.tsx')).RevisionsScreen);

function Screen({ at }: { readonly at: Route }) {
  switch (at.page) {
    case 'overview':
      return <Overview />;
    case 'site':
      return <SiteScreen key={at.site} name={at.site} />;
    case 'alarms':
      return <AlarmsScreen at={at} />;
    case 'kpi':
      return <KpiScreen at={at} />;
    case 'backtest':
      return <BacktestScreen key={at.alarm} at={at} />;
    case 'trend':
      return <TrendScreen at={at} />;
    case 'gateways':
      return <GatewaysScreen />;
    case 'ledger':
      return <LedgerScreen at={at} />;
    case 'store':
      return <StoreScreen />;
    case 'quarantine':
      return <QuarantineScreen at={at} />;
    case 'settings':
      return <SettingsScreen q={at.q} />;
    case 'revisions':
      return <RevisionsScreen />;
    case 'missing':
      return <p class="page-note">{t('app.missing', { path: at.path })}</p>;
  }
}

function Inside({ session }: { readonly session: Session }) {
  useEffect(() => {
    startLive();
    void loadPlant();
    return stopLive;
  }, []);
  return (
    <Frame session={session}>
      <Screen at={route.value} />
    </Frame>
  );
}

export function App() {
  const who = login.value;
  if (who.state !== 'in') return <LoginPage login={who} />;
  if (who.session.must_change_password || changingPassword.value) return <PasswordPage session={who.session} />;
  return <Inside key={who.session.user} session={who.session} />;
}
