import { useEffect, useState } from 'preact/hooks';
import { formatBytes, formatCount, formatNumber, formatShort, NONE, parseTime } from '../model/format.ts';
import type { Gateway } from '../model/types.ts';
import { say, wordsOf } from '../state/action.ts';
import { second } from '../state/clock.ts';
import { ask, get, isAbort } from '../state/http.ts';
import { gatewayLinks } from '../state/plant.ts';
import { t, tt } from '../state/prefs.ts';
import { mayChange } from '../state/session.ts';
import { devicesUp, HealthPanel } from './gateway-health.tsx';
import { CertificateCell, IdentityPanel } from './gateway-identity.tsx';
import { GatewayTabs } from './gateway-tabs.tsx';
import { Go } from './go.tsx';

const REFRESH_MS = 5_000;
/** Beyond this the times of its samples are doubtful. */
const CLOCK_WARN_MS = 1_000;
/** What is just on its way waits too. */
const BACKLOG_USUAL = 64 * 1024;

function time(text: string | null): string {
  const ms = parseTime(text);
  return ms === null ? NONE : formatShort(ms, second.value);
}

/** Who is kept out, until when and why; an engineer may let it in again. */
function Kept({ gateway }: { readonly gateway: Gateway }) {
  const [busy, setBusy] = useState(false);
  const { suspended, duplicate } = gateway;
  if (suspended === null && duplicate === null) return null;
  const release = async () => {
    setBusy(true);
    try {
      await ask('POST', `/gateways/${encodeURIComponent(gateway.name)}/release`);
      say('good', t('gateways.released', { gateway: gateway.name }));
    } catch (error) {
      say('bad', wordsOf(error));
    }
    setBusy(false);
  };
  return (
    <div data-testid={`gateway-kept-${gateway.name}`}>
      {suspended === null ? null : (
        <div>{t('gateways.suspended', { until: time(suspended.until), reason: suspended.reason })}</div>
      )}
      {duplicate === null ? null : (
        <div>{t('gateways.duplicate', { until: time(duplicate.until), reason: duplicate.reason })}</div>
      )}
      <button
        type="button"
        data-testid={`gateway-release-${gateway.name}`}
        disabled={busy || !mayChange()}
        title={mayChange() ? undefined : t('error.denied')}
        onClick={() => void release()}
      >
        {t('gateways.release')}
      </button>
    </div>
  );
}

/** How far it is off, and what it says of itself where that is no good news. */
function ClockCell({ gateway }: { readonly gateway: Gateway }) {
  const offset = gateway.clock_offset_ms;
  const odd = gateway.clock_off || Math.abs(offset ?? 0) > CLOCK_WARN_MS;
  const source = gateway.clock_source === null ? '' : t(`clockSource.${gateway.clock_source}`);
  return (
    <td
      class={odd ? 'cell-number num cell-odd' : 'cell-number num'}
      title={source === '' ? undefined : `${t('gateways.clockSource')}: ${source}`}
      data-testid={`gateway-clock-${gateway.name}`}
    >
      {offset === null ? NONE : `${formatNumber(offset, 0)} ms`}
      {gateway.clock_synchronised === false ? <div class="small">{t('gateways.unsynced')}</div> : null}
    </td>
  );
}

interface RowProps {
  readonly gateway: Gateway;
  readonly open: () => void;
}

function GatewayRow({ gateway, open }: RowProps) {
  // The state itself is live; the figures beside it are as old as the last answer.
  const up = gatewayLinks.value.get(gateway.name)?.up ?? gateway.up;
  const state = !gateway.enabled ? 'disabled' : up ? 'up' : 'down';
  const devices = gateway.health?.devices ?? [];
  const odd = (n: number) => (n > 0 ? 'cell-number num cell-odd' : 'cell-number num');
  return (
    <tr data-testid={`gateway-row-${gateway.name}`} data-state={state} class={`gateway-${state}`}>
      <th scope="row" title={tt(gateway.title)}>
        <button type="button" class="row-button" data-testid={`gateway-open-${gateway.name}`} onClick={open}>
          {gateway.name}
        </button>
      </th>
      <td>
        <Go to={{ page: 'site', site: gateway.site }}>{gateway.site}</Go>
      </td>
      <td class="cell-state">
        <span class={`gateway-mark gateway-mark-${state}`} />
        {t(`gateways.${state}`)}
      </td>
      <CertificateCell gateway={gateway} open={open} />
      <td class={devices.some((d) => !d.up) ? 'num cell-odd' : 'num'}>{devicesUp(devices)}</td>
      <td class="num">{time(gateway.since)}</td>
      <td class="num">{time(gateway.last_seen)}</td>
      <td class="num" title={gateway.software === '' ? undefined : gateway.software}>
        {gateway.peer === '' ? NONE : gateway.peer}
      </td>
      <td class="cell-number num">{formatCount(gateway.records)}</td>
      <td class="cell-number num">{formatCount(gateway.duplicates)}</td>
      <td class={odd(gateway.backlog_bytes > BACKLOG_USUAL ? 1 : 0)}>{formatBytes(gateway.backlog_bytes)}</td>
      <td class="num">{time(gateway.oldest_sample)}</td>
      <td class={odd(gateway.dropped_total)}>{formatCount(gateway.dropped_total)}</td>
      <td class={odd(gateway.quarantined)}>{formatCount(gateway.quarantined)}</td>
      <td class={odd(gateway.unknown_tags)}>{formatCount(gateway.unknown_tags)}</td>
      <ClockCell gateway={gateway} />
      <td class={gateway.fault === '' ? '' : 'cell-odd cell-fault'}>
        <Kept gateway={gateway} />
        {gateway.fault === '' ? NONE : gateway.fault}
      </td>
    </tr>
  );
}

/** One gateway: how it is, and its certificate. */
function GatewayPanel({ gateway, close }: { readonly gateway: Gateway; readonly close: () => void }) {
  return (
    <section class="panel" data-testid="gateway-panel">
      <h2>
        {gateway.name} {gateway.software === '' ? null : <span class="small">{gateway.software}</span>}{' '}
        <button type="button" class="row-button" data-testid="identity-close" onClick={close}>
          {t('identity.close')}
        </button>
      </h2>
      <HealthPanel gateway={gateway} />
      <IdentityPanel gateway={gateway} close={close} />
    </section>
  );
}

const COLUMNS = ['since', 'seen', 'peer'] as const;
const FIGURES = ['records', 'duplicates', 'backlog'] as const;
const FAULTS = ['dropped', 'quarantined', 'unknown', 'clock'] as const;

export function GatewaysScreen() {
  const [list, setList] = useState<readonly Gateway[] | null>(null);
  const [failed, setFailed] = useState('');
  const [chosen, setChosen] = useState('');
  useEffect(() => {
    const gone = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const load = async () => {
      try {
        setList((await get<{ gateways: readonly Gateway[] }>('/gateways', gone.signal)).gateways);
        setFailed('');
      } catch (error) {
        if (isAbort(error)) return;
        setFailed(wordsOf(error));
      }
      timer = setTimeout(() => void load(), REFRESH_MS);
    };
    void load();
    return () => {
      gone.abort();
      clearTimeout(timer);
    };
  }, []);
  const shown = list?.find((g) => g.name === chosen);
  const up = list?.filter((g) => gatewayLinks.value.get(g.name)?.up ?? g.up).length ?? 0;
  return (
    <div class="page">
      <header class="page-head">
        <h1>{t('gateways.title')}</h1>
        <GatewayTabs at="gateways" />
        {list === null ? null : <span class="page-fact num">{t('gateways.summary', { up, n: list.length })}</span>}
        {failed === '' ? null : <strong class="fault">{failed}</strong>}
      </header>
      {shown === undefined ? null : <GatewayPanel key={shown.name} gateway={shown} close={() => setChosen('')} />}
      {list === null ? (
        <p class="page-note">{t('app.loading')}</p>
      ) : list.length === 0 ? (
        <p class="page-note">{t('gateways.empty')}</p>
      ) : (
        <div class="panel scroll">
          <table class="table">
            <thead>
              <tr>
                <th scope="col">{t('site.gateway')}</th>
                <th scope="col">{t('col.site')}</th>
                <th scope="col">{t('gateways.state')}</th>
                <th scope="col">{t('identity.certificate')}</th>
                <th scope="col">{t('gateways.devices')}</th>
                {COLUMNS.map((c) => (
                  <th key={c} scope="col">
                    {t(`gateways.${c}`)}
                  </th>
                ))}
                {FIGURES.map((c) => (
                  <th key={c} scope="col" class="cell-number">
                    {t(`gateways.${c}`)}
                  </th>
                ))}
                <th scope="col">{t('gateways.oldest')}</th>
                {FAULTS.map((c) => (
                  <th key={c} scope="col" class="cell-number">
                    {t(`gateways.${c}`)}
                  </th>
                ))}
                <th scope="col">{t('gateways.fault')}</th>
              </tr>
            </thead>
            <tbody>
              {list.map((gateway) => (
                <GatewayRow key={gateway.name} gateway={gateway} open={() => setChosen(gateway.name)} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}
