import { t } from '../state/prefs.ts';
import { Go } from './go.tsx';

/** What can be looked at of the gateways. */
export function GatewayTabs({ at }: { readonly at: 'gateways' | 'ledger' }) {
  return (
    <nav class="tabs" aria-label={t('gateways.title')}>
      <Go to={{ page: 'gateways' }} current={at === 'gateways'} testid="tab-gateways">
        {t('gateways.links')}
      </Go>
      <Go to={{ page: 'ledger', gateway: '' }} current={at === 'ledger'} testid="tab-ledger">
        {t('nav.ledger')}
      </Go>
    </nav>
  );
}
