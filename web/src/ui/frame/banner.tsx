import { useEffect, useRef } from 'preact/hooks';
import { formatNumber, formatShort, parseTime } from '../../model/format.ts';
import { ALARMS } from '../../model/route.ts';
import { type Alarm, isBelow } from '../../model/types.ts';
import { say } from '../../state/action.ts';
import { acknowledge, alarmsLoaded, pending, stateCounts, urgentUnacked } from '../../state/alarms.ts';
import { second } from '../../state/clock.ts';
import { siteTitle, tags } from '../../state/plant.ts';
import { t, tt } from '../../state/prefs.ts';
import { may } from '../../state/session.ts';
import { AlarmSymbol } from '../alarm-symbol.tsx';
import { Marks } from '../alarms/marks.tsx';
import { Go } from '../go.tsx';
import { Flood } from './counters.tsx';

const ROWS = 3;
/** The key acknowledges the first line only if it has been the first for long enough to be read. */
const SETTLE_MS = 400;

export function alarmNumbers(alarm: Alarm): string {
  const tag = alarm.tag === null ? undefined : tags.value.get(alarm.tag);
  if (alarm.value === null || tag?.type === 'bool') return '';
  const decimals = tag?.decimals ?? 2;
  const value = `${formatNumber(alarm.value, decimals)} ${alarm.unit}`.trim();
  if (alarm.limit === null) return value;
  return `${value} ${isBelow(alarm.kind) ? '<' : '>'} ${formatNumber(alarm.limit, decimals)}`;
}

function BannerRow({ alarm }: { readonly alarm: Alarm }) {
  const raised = parseTime(alarm.raised);
  return (
    <li class="banner-row" data-testid={`banner-row-${alarm.name}`} data-letter={alarm.letter}>
      <AlarmSymbol priority={alarm.priority} letter={alarm.letter} untrusted={alarm.untrusted} />
      <span class="num banner-time">{raised === null ? '' : formatShort(raised, second.value)}</span>
      <Go to={{ page: 'site', site: alarm.site }} class="banner-site">
        <b>{alarm.site}</b> <span class="banner-site-title">{siteTitle(alarm.site)}</span>
      </Go>
      <Go to={{ page: 'site', site: alarm.site }} class="banner-text">
        <Marks alarm={alarm} />
        {tt(alarm.message)}
      </Go>
      <span class="num banner-numbers">{alarmNumbers(alarm)}</span>
      <span class="banner-letter">{t(`letterShort.${alarm.letter}`)}</span>
      {may('operator') ? (
        <button
          type="button"
          class="ack"
          data-testid={`banner-ack-${alarm.name}`}
          disabled={pending.value.has(alarm.name)}
          aria-label={t('alarms.ackOne', { alarm: alarm.name })}
          onClick={() => void acknowledge([alarm])}
        >
          {t('col.ack')}
        </button>
      ) : null}
    </li>
  );
}

/** The most urgent unacknowledged alarms, on every screen, always of the same height. */
export function Banner() {
  const waiting = urgentUnacked.value;
  const first = waiting[0];
  const key = first === undefined ? '' : `${first.name} ${first.call}`;
  const since = useRef({ key, at: 0 });
  if (since.current.key !== key) since.current = { key, at: performance.now() };

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== 'F8' || event.repeat) return;
      event.preventDefault();
      const [top] = urgentUnacked.peek();
      if (top === undefined) say('plain', t('ack.nothing'));
      else if (since.current.key !== `${top.name} ${top.call}` || performance.now() - since.current.at < SETTLE_MS)
        say('plain', t('banner.moved'));
      else void acknowledge([top]);
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);

  const more = waiting.length - ROWS;
  return (
    <section class="banner" aria-label={t('banner.label')} data-testid="banner">
      <ul>
        {waiting.slice(0, ROWS).map((alarm) => (
          <BannerRow key={alarm.name} alarm={alarm} />
        ))}
      </ul>
      <div class="banner-side">
        <Flood />
        {first === undefined ? (
          <span class="banner-none">{t(alarmsLoaded.value ? 'banner.none' : 'banner.loading')}</span>
        ) : null}
        {more > 0 ? (
          <Go to={{ ...ALARMS, tab: 'unacked' }} testid="banner-more">
            {t('banner.more', { n: more })}
          </Go>
        ) : null}
        {first !== undefined && may('operator') && stateCounts.value?.flooded !== true ? (
          <span class="hint">{t('banner.key')}</span>
        ) : null}
      </div>
    </section>
  );
}
