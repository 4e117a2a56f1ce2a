import { formatShort, parseTime } from '../../model/format.ts';
import type { Alarm } from '../../model/types.ts';
import { unstored } from '../../state/alarms.ts';
import { second } from '../../state/clock.ts';
import { t } from '../../state/prefs.ts';

/** "? since 14:02": an input is unknown. */
export function Untrusted({ alarm }: { readonly alarm: Alarm }) {
  if (!alarm.untrusted) return null;
  const since = parseTime(alarm.untrusted_since);
  const when = since === null ? '' : formatShort(since, second.value);
  return (
    <b class="badge badge-doubt num" title={t('alarms.untrusted')}>
      ? {when}
    </b>
  );
}

/** What is to be known of a row beside its state: how often it rose, first out, chatter, not stored, time not believed. */
export function Marks({ alarm }: { readonly alarm: Alarm }) {
  return (
    <>
      {alarm.since_ack > 1 ? (
        <b class="badge num" title={t('marks.times', { n: alarm.since_ack })} data-testid={`times-${alarm.name}`}>
          ×{alarm.since_ack}
        </b>
      ) : null}
      {alarm.first ? (
        <b class="badge badge-first" title={t('marks.firstText')}>
          {t('marks.first')}
        </b>
      ) : null}
      {alarm.chatter ? (
        <b class="badge" title={t('marks.chatterText')}>
          {t('marks.chatter')}
        </b>
      ) : null}
      {alarm.suspect ? (
        <b class="badge" title={t('marks.suspectText')}>
          {t('marks.suspect')}
        </b>
      ) : null}
      {unstored.value.has(alarm.name) ? (
        <b class="badge badge-unstored" title={t('marks.unstoredText')} data-testid={`unstored-${alarm.name}`}>
          {t('marks.unstored')}
        </b>
      ) : null}
    </>
  );
}
