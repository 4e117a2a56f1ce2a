import { isHidden, isUnacked } from '../../model/alarm-list.ts';
import { formatShort, parseTime } from '../../model/format.ts';
import type { Alarm } from '../../model/types.ts';
import { acknowledge, alarmsLoaded, noteOf, pending } from '../../state/alarms.ts';
import { second } from '../../state/clock.ts';
import { openDetail } from '../../state/dock.ts';
import { t, tt } from '../../state/prefs.ts';
import { may } from '../../state/session.ts';
import { AlarmSymbol } from '../alarm-symbol.tsx';
import { Marks, Untrusted } from '../alarms/marks.tsx';
import { alarmNumbers } from '../frame/banner.tsx';

/** The alarms of one site, most urgent first; the hidden ones with their marks at the end. */
export function SiteAlarms({ alarms }: { readonly alarms: readonly Alarm[] }) {
  if (alarms.length === 0)
    return <p class="panel-note">{t(alarmsLoaded.value ? 'site.noAlarms' : 'banner.loading')}</p>;
  return (
    <ul class="site-alarms">
      {alarms.map((alarm) => {
        const raised = parseTime(alarm.raised);
        const note = noteOf(alarm);
        return (
          <li key={alarm.name} data-testid={`alarm-row-${alarm.name}`} data-letter={alarm.letter}>
            <AlarmSymbol priority={alarm.priority} letter={alarm.letter} untrusted={alarm.untrusted} />
            <span class="num site-alarm-time">{raised === null ? '' : formatShort(raised, second.value)}</span>
            <span class="site-alarm-text">
              <button
                type="button"
                class="link"
                data-testid={`open-${alarm.name}`}
                onClick={() => openDetail(alarm.name)}
              >
                {tt(alarm.message)}
              </button>{' '}
              <Marks alarm={alarm} />
              <Untrusted alarm={alarm} /> <span class="num">{alarmNumbers(alarm)}</span>
              {isHidden(alarm) && alarm.base !== 'A' ? <span class="hint"> ({t(`letter.${alarm.base}`)})</span> : null}
              {note === null ? null : <em class="row-note">{note}</em>}
            </span>
            {may('operator') && isUnacked(alarm) ? (
              <button
                type="button"
                class="ack"
                data-testid={`alarm-ack-${alarm.name}`}
                disabled={pending.value.has(alarm.name)}
                aria-label={t('alarms.ackOne', { alarm: alarm.name })}
                onClick={() => void acknowledge([alarm])}
              >
                {t('col.ack')}
              </button>
            ) : (
              <span class="site-alarm-state">{t(`letterShort.${alarm.letter}`)}</span>
            )}
          </li>
        );
      })}
    </ul>
  );
}
