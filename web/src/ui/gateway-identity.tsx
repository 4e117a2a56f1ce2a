import { useState } from 'preact/hooks';
import { daysUntil } from '../model/certificate.ts';
import { formatShort, NONE, parseTime } from '../model/format.ts';
import type { Gateway } from '../model/types.ts';
import { say, wordsOf } from '../state/action.ts';
import { second } from '../state/clock.ts';
import { ask } from '../state/http.ts';
import { t } from '../state/prefs.ts';
import { may } from '../state/session.ts';

/** Fewer days than this, and it should have renewed itself. */
const DAYS_WARN = 20;

export type IdentityDo = 'enrol' | 'revoke' | 'window';

interface CellProps {
  readonly gateway: Gateway;
  readonly onDo: (what: IdentityDo) => void;
}

/** The certificate of a gateway, and what can be done about it. */
export function CertificateCell({ gateway, onDo }: CellProps) {
  const { certificate } = gateway;
  const days = certificate === null ? null : daysUntil(certificate.until, second.value);
  const button = (what: IdentityDo, role: 'engineer' | 'admin') => (
    <button
      type="button"
      class="row-button"
      data-testid={`${what}-${gateway.name}`}
      aria-label={`${t(`identity.${what}`)} ${gateway.name}`}
      disabled={!may(role)}
      title={may(role) ? undefined : t('error.denied')}
      onClick={() => onDo(what)}
    >
      {t(`identity.${what}`)}
    </button>
  );
  return (
    <td class={days !== null && days < DAYS_WARN ? 'cell-odd' : ''} data-testid={`certificate-${gateway.name}`}>
      {certificate === null || days === null ? (
        NONE
      ) : (
        <span class="num" title={certificate.fingerprint}>
          {t('identity.days', { n: days })} {certificate.fingerprint.slice(0, 8)}
        </span>
      )}{' '}
      {button('enrol', 'engineer')} {button('revoke', 'engineer')} {button('window', 'admin')}
    </td>
  );
}

interface Token {
  readonly token: string;
  readonly until: string;
}

function Enrol({ name }: { readonly name: string }) {
  const [token, setToken] = useState<Token | null>(null);
  const [busy, setBusy] = useState(false);
  const make = async () => {
    setBusy(true);
    try {
      setToken((await ask<Token>('POST', `/gateways/${encodeURIComponent(name)}/enrolment`)).body);
    } catch (error) {
      say('bad', wordsOf(error));
    }
    setBusy(false);
  };
  if (token === null) {
    return (
      <>
        <p class="panel-note">{t('identity.enrolNote')}</p>
        <p class="panel-note">
          <button type="button" class="button" data-testid="enrol-make" disabled={busy} onClick={() => void make()}>
            {t('identity.make')}
          </button>
        </p>
      </>
    );
  }
  const until = parseTime(token.until);
  return (
    <>
      <p class="panel-note">
        {t('identity.once', { until: until === null ? NONE : formatShort(until, second.value) })}
      </p>
      <pre class="panel-note" data-testid="enrol-token">
        {token.token}
      </pre>
      <p class="panel-note">{t('identity.type')}</p>
      <pre class="panel-note">penstock-gateway enrol - --host {location.hostname} --dir /etc/penstock/keys</pre>
    </>
  );
}

function WithReason({
  name,
  what,
  then,
}: {
  readonly name: string;
  readonly what: 'revoke' | 'window';
  readonly then: () => void;
}) {
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const path = what === 'revoke' ? 'revocation' : 'renewal_window';
  const send = async () => {
    setBusy(true);
    try {
      await ask('POST', `/gateways/${encodeURIComponent(name)}/${path}`, { body: { reason: reason.trim() } });
      say('good', t(`identity.${what}Done`, { name }));
      then();
    } catch (error) {
      say('bad', wordsOf(error));
    }
    setBusy(false);
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <p class="panel-note">{t(`identity.${what}Note`)}</p>
      <p class="panel-note">
        <label>
          {t('identity.reason')}{' '}
          <input
            class="comment"
            data-testid="identity-reason"
            value={reason}
            maxLength={500}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </label>{' '}
        <button type="submit" class="button" data-testid="identity-send" disabled={busy || reason.trim() === ''}>
          {t(`identity.${what}`)}
        </button>
      </p>
    </form>
  );
}

interface PanelProps {
  readonly name: string;
  readonly what: IdentityDo;
  readonly close: () => void;
}

/** What was chosen for one gateway: made, sent, or shown once. */
export function IdentityPanel({ name, what, close }: PanelProps) {
  return (
    <section class="panel" data-testid="identity-panel">
      <h2>
        {t(`identity.${what}Title`, { name })}{' '}
        <button type="button" class="row-button" data-testid="identity-close" onClick={close}>
          {t('identity.close')}
        </button>
      </h2>
      {what === 'enrol' ? <Enrol name={name} /> : <WithReason name={name} what={what} then={close} />}
    </section>
  );
}
