import { en, type StoreKey } from '../i18n/store-en.ts';
import { zh } from '../i18n/store-zh.ts';
import { filled, type Params } from '../i18n/text.ts';
import { formatAge, formatBytes, formatCount, formatDate, formatDateTime, NONE } from '../model/format.ts';
import {
  bySize,
  bytesPerSample,
  type Level,
  oldestOf,
  type StoreHealth,
  totalOf,
  type Verdict,
  verdictsOf,
} from '../model/store-health.ts';
import { serverNow } from '../state/clock.ts';
import { get } from '../state/http.ts';
import { lang, t } from '../state/prefs.ts';
import { GatewayTabs } from './gateway-tabs.tsx';
import { Go } from './go.tsx';
import { useEvery } from './use-every.ts';
import './store.css';

const REFRESH_MS = 10_000;
const TEN_YEARS_US = 3652 * 86_400 * 1e6;

const w = (key: StoreKey, params?: Params): string => filled((lang.value === 'zh' ? zh : en)[key], params);

const moment = (us: number | null): string => (us === null ? NONE : formatDateTime(us / 1000));
const age = (us: number): string => (us < 1e6 ? `${Math.ceil(us / 1000)} ms` : formatAge(us / 1000, lang.value));

/** When the disk is full, if it goes on like this. */
function fullWords(fullUs: number | null): string {
  if (fullUs === null || fullUs - serverNow() * 1000 > TEN_YEARS_US) return w('never');
  return formatDate(fullUs / 1000);
}

/** What is filled in, for every sentence. */
function paramsOf(health: StoreHealth, { about }: Verdict): Params {
  const { pending, packer, disk, audit, spool } = health;
  switch (about) {
    case 'store':
      return {
        lag: age(health.lag_us),
        why: health.text === '' ? t('error.storeAway') : health.text,
        records: formatCount(pending.records),
        bytes: formatBytes(pending.bytes),
      };
    case 'packer':
      return packer === null
        ? {}
        : { lag: age(packer.lag_us), rows: formatCount(packer.hot_rows), error: packer.error ?? '' };
    case 'disk':
      return disk === null
        ? {}
        : { free: formatBytes(disk.free), bytes: formatBytes(disk.bytes), path: disk.path || w('limit') };
    case 'forecast':
      return disk === null
        ? {}
        : { grow: formatBytes(Math.round(disk.grow_bytes_day ?? 0)), when: fullWords(disk.full_at_us) };
    case 'audit':
      return audit === null
        ? {}
        : {
            sealed: formatCount(audit.sealed),
            behind: formatCount(audit.behind),
            when: moment(audit.broken_us ?? audit.checkpoint_us),
          };
    case 'spool':
      return spool === null ? {} : { files: formatCount(spool.aside), room: formatBytes(spool.room) };
  }
}

const SIGNS: Readonly<Record<Level, string>> = { well: '✓', watch: '!', bad: '✕', unknown: '?' };

function Verdicts({ health }: { readonly health: StoreHealth }) {
  return (
    <section class="panel">
      <h2>{w('verdicts')}</h2>
      <ul class="verdicts">
        {verdictsOf(health, serverNow() * 1000).map((verdict) => (
          <li key={verdict.about} data-testid={`store-${verdict.about}`} data-level={verdict.level}>
            <span class={`verdict verdict-${verdict.level}`} aria-hidden="true">
              {SIGNS[verdict.level]}
            </span>
            <b>{w(verdict.level)}</b>
            <span>{w(verdict.words, paramsOf(health, verdict))}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Facts({ health }: { readonly health: StoreHealth }) {
  const { history, packer, pending } = health;
  const each = bytesPerSample(health);
  const facts: readonly (readonly [StoreKey, string])[] = [
    ['from', moment(history?.from_us ?? null)],
    ['samples', history === null ? NONE : formatCount(history.samples)],
    ['size', history === null ? NONE : formatBytes(history.bytes)],
    ['perSample', each === null ? NONE : w('perSampleUnit', { n: each.toFixed(each < 100 ? 2 : 0) })],
    ['chunks', history === null ? NONE : formatCount(history.chunks)],
    [
      'hot',
      packer === null
        ? NONE
        : w('hotText', { samples: formatCount(packer.hot_samples), rows: formatCount(packer.hot_rows) }),
    ],
    ['packed', moment(packer?.last_us ?? null)],
    ['waiting', w('waitingText', { records: formatCount(pending.records), bytes: formatBytes(pending.bytes) })],
  ];
  return (
    <section class="panel">
      <h2>{w('history')}</h2>
      <dl class="store-facts" data-testid="store-facts">
        {facts.map(([key, text]) => (
          <div key={key} data-fact={key}>
            <dt>{w(key)}</dt>
            <dd class="num">{text}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Kept({ retention, history }: Pick<StoreHealth, 'retention' | 'history'>) {
  return (
    <section class="panel scroll">
      <h2>{w('retention')}</h2>
      {retention === null || retention.length === 0 ? (
        <p class="panel-note">{w('noRetention')}</p>
      ) : (
        <table class="table" data-testid="store-retention">
          <thead>
            <tr>
              <th scope="col">{w('class')}</th>
              <th scope="col" class="cell-number">
                {w('keep')}
              </th>
              <th scope="col">{w('oldest')}</th>
              <th scope="col" class="cell-number">
                {w('size')}
              </th>
              <th scope="col">{w('dropped')}</th>
              <th scope="col" class="cell-number">
                {w('expired')}
              </th>
            </tr>
          </thead>
          <tbody>
            {retention.map((row) => (
              <tr key={row.class}>
                <th scope="row">{row.name}</th>
                <td class="cell-number num">
                  {row.keep_days === null ? w('forever') : w('days', { n: formatCount(row.keep_days) })}
                </td>
                <td class="num">{moment(oldestOf(row, history))}</td>
                <td class="cell-number num">{formatBytes(row.bytes)}</td>
                <td class="num">{moment(row.dropped_before_us)}</td>
                <td class="cell-number num">{formatCount(row.expired_samples)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Tables({ tables }: { readonly tables: StoreHealth['tables'] }) {
  return (
    <section class="panel scroll">
      <h2>{w('tables')}</h2>
      <table class="table" data-testid="store-tables">
        <thead>
          <tr>
            <th scope="col">{w('table')}</th>
            <th scope="col" class="cell-number">
              {w('size')}
            </th>
            <th scope="col" class="cell-number">
              {w('rows')}
            </th>
          </tr>
        </thead>
        <tbody>
          {bySize(tables).map((row) => (
            <tr key={row.name}>
              <th scope="row">{row.name === '' ? w('others') : row.name}</th>
              <td class="cell-number num">{formatBytes(row.bytes)}</td>
              <td class="cell-number num">{formatCount(Math.round(row.rows))}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">{w('total')}</th>
            <td class="cell-number num">{formatBytes(totalOf(tables))}</td>
            <td />
          </tr>
        </tfoot>
      </table>
    </section>
  );
}

/** How the database is: what is well and what is not, what it holds, for how long, and when the disk is full. */
export function StoreScreen() {
  const { value, failed } = useEvery((signal) => get<StoreHealth>('/store', signal), REFRESH_MS, 'store');
  return (
    <div class="page" data-testid="store">
      <header class="page-head">
        <h1>{t('nav.store')}</h1>
        <GatewayTabs at="store" />
        {failed === '' ? null : <strong class="fault">{failed}</strong>}
      </header>
      <p class="page-note">
        {w('beside')}{' '}
        <Go to={{ page: 'ledger', gateway: '' }} class="more" testid="store-ledger">
          {w('toLedger')}
        </Go>
      </p>
      {value === null ? (
        failed === '' ? (
          <p class="page-note">{t('app.loading')}</p>
        ) : null
      ) : (
        <div class="store-parts">
          <div>
            <Verdicts health={value} />
            <Kept retention={value.retention} history={value.history} />
          </div>
          <div>
            <Facts health={value} />
            <Tables tables={value.tables} />
          </div>
        </div>
      )}
    </div>
  );
}
