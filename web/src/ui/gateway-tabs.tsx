import { t } from '../state/prefs.ts';
import { Go } from './go.tsx';

/** What can be looked at of the gateways. */
export function GatewayTabs({ at }: { readonly at: 'gateways' | 'ledger' | 'quarantine' | 'store' }) {
  return (
    <nav class="tabs" aria-label={t('gateways.title')}>
      <Go to={{ page: 'gateways' }} current={at === 'gateways'} testid="tab-gateways">
        {t('gateways.links')}
      </Go>
      <Go to={{ page: 'ledger', gateway: '' }} current={at === 'ledger'} testid="tab-ledger">
        {t('nav.ledger')}
      </Go>
      <Go
        to={{ page: 'quarantine', gateway: '', code: 0, id: 0 }}
        current={at === 'quarantine'}
        testid="tab-quarantine"
      >
        {t('nav.quarantine')}
      </Go>
      <Go to={{ page: 'store' }} current={at === 'store'} testid="tab-store">
        {t('nav.store')}
      </Go>
    </nav>
  );
}
