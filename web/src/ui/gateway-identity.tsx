import { useState } from 'preact/hooks';
import { daysUntil } from '../model/certificate.ts';
import { formatDate, formatShort, NONE, parseTime } from '../model/format.ts';
import type { Gateway } from '../model/types.ts';
import { say, wordsOf } from '../state/action.ts';
import { second } from '../state/clock.ts';
import { ask } from '../state/http.ts';
import { t } from '../state/prefs.ts';
import { may } from '../state/session.ts';

/** Fewer days than this, and it should have renewed itself. */
const DAYS_WARN = 20;

type IdentityDo = 'enrol' | 'revoke' | 'window';

interface CellProps {
  readonly gateway: Gateway;
  readonly open: () => void;
}

function daysOf(gateway: Gateway): number | null {
  return gateway.certificate === null ? null : daysUntil(gateway.certificate.until, second.value);
}

/** How long the certificate of a gateway is good; opens what can be done about it. */
export function CertificateCell({ gateway, open }: CellProps) {
  const days = daysOf(gateway);
  const text = days === null ? NONE : t('identity.days', { n: days });
  return (
    <td class={days !== null && days < DAYS_WARN ? 'cell-odd' : ''}>
      <button
        type="button"
        class="row-button num"
        data-testid={`certificate-${gateway.name}`}
        aria-label={`${text} ${t('identity.title', { name: gateway.name })}`}
        onClick={open}
      >
        {text}
      </button>
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
      <pre class="panel-note">
        penstock-gateway enrol - --host ADDRESS [--port N] --name {location.hostname} --dir DIR
      </pre>
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
  readonly gateway: Gateway;
  readonly close: () => void;
}

const CHOICES = [
  ['enrol', 'engineer'],
  ['revoke', 'engineer'],
  ['window', 'admin'],
] as const;

function Facts({ gateway }: { readonly gateway: Gateway }) {
  const { certificate } = gateway;
  const until = certificate === null ? null : parseTime(certificate.until);
  if (certificate === null || until === null) return <p class="panel-note">{t('identity.unknown')}</p>;
  return (
    <p class="panel-note" data-testid="identity-facts">
      {t('identity.until', { until: formatDate(until), n: daysOf(gateway) ?? 0 })}{' '}
      <span class="num">SHA-256 {certificate.fingerprint}</span>
    </p>
  );
}

/** The certificate of one gateway: what it is, and what can be made, sent or shown once. */
export function IdentityPanel({ gateway, close }: PanelProps) {
  const { name } = gateway;
  const [what, setWhat] = useState<IdentityDo | null>(null);
  return (
    <div data-testid="identity-panel">
      <h3 class="panel-note">{t('identity.title', { name })}</h3>
      <Facts gateway={gateway} />
      <p class="panel-note">
        {CHOICES.map(([choice, role]) => (
          <button
            key={choice}
            type="button"
            data-testid={`identity-${choice}`}
            aria-pressed={what === choice}
            disabled={!may(role)}
            title={may(role) ? undefined : t('error.denied')}
            onClick={() => setWhat(choice)}
          >
            {t(`identity.${choice}`)}
          </button>
        ))}
      </p>
      {what === null ? null : what === 'enrol' ? (
        <Enrol key="enrol" name={name} />
      ) : (
        <WithReason key={what} name={name} what={what} then={close} />
      )}
    </div>
  );
}
