import type { ComponentChildren } from 'preact';
import { sortAlarms } from '../../model/alarm-list.ts';
import { formatDateTime, formatShort, NONE, parseTime } from '../../model/format.ts';
import type { AlarmTab } from '../../model/route.ts';
import { formatRest, restS } from '../../model/shelf.ts';
import type { Alarm, AlarmDo, AlarmRecord, AlarmRecordKind, Revision } from '../../model/types.ts';
import { second, serverNow } from '../../state/clock.ts';
import { openDetail } from '../../state/dock.ts';
import { whenFree } from '../../state/history.ts';
import { get } from '../../state/http.ts';
import { settings } from '../../state/plant.ts';
import { t, tt } from '../../state/prefs.ts';
import { AlarmSymbol } from '../alarm-symbol.tsx';
import { DoButton } from '../do-button.tsx';
import { Go } from '../go.tsx';
import { useEvery } from '../use-every.ts';
import { Marks, Untrusted } from './marks.tsx';

type HiddenTab = Extract<AlarmTab, 'shelved' | 'suppressed' | 'oos' | 'disabled' | 'untrusted'>;

const WEEK_MS = 7 * 86_400_000;
const RECORDS = 200;

/** Records of one kind of an alarm in the last days: what its present state alone does not say. */
function useRecords(alarm: Alarm, kind: AlarmRecordKind, wanted: boolean): readonly AlarmRecord[] | null {
  const load = async (signal: AbortSignal): Promise<readonly AlarmRecord[]> => {
    if (!wanted) return [];
    const query = new URLSearchParams({
      alarm: alarm.name,
      kind,
      from: new Date(serverNow() - WEEK_MS).toISOString(),
      limit: String(RECORDS),
    });
    const ask = () => get<{ records: readonly AlarmRecord[] }>(`/alarms/history?${query.toString()}`, signal);
    return (await whenFree(ask)).records;
  };
  return useEvery(load, 0, `${alarm.name} ${kind} ${alarm.changed ?? ''} ${wanted}`).value;
}

const when = (text: string | null | undefined): string => {
  const ms = parseTime(text ?? null);
  return ms === null ? NONE : formatShort(ms, second.value);
};

function Rest({ until }: { readonly until: string | null }) {
  const s = restS(until, second.value);
  if (s === null) return <>{NONE}</>;
  return <>{formatRest(s, { s: t('unit.s'), min: t('unit.min'), h: t('unit.h') })}</>;
}

function Times({ alarm }: { readonly alarm: Alarm }) {
  const known = alarm.shelved?.n_7d;
  const records = useRecords(alarm, 'shelve', known === undefined);
  return <>{known ?? records?.length ?? '…'}</>;
}

/** By what, and since when each of them. */
function Suppressors({ alarm }: { readonly alarm: Alarm }) {
  const records = useRecords(alarm, 'suppress', true);
  return (
    <>
      {alarm.suppressed_by.map((source) => {
        const since = records?.find((r) => r.source === source)?.at;
        return (
          <span key={source} class="suppressor">
            <b>{source}</b> {since === undefined ? '' : t('hidden.since', { time: when(since) })}
          </span>
        );
      })}
    </>
  );
}

/** Disabling is a change of the setting: its revision knows who did it, and why. */
function DisabledBy({ alarm }: { readonly alarm: Alarm }) {
  const revision = settings.value.find((s) => s.name === alarm.name)?.revision;
  const load = async (signal: AbortSignal): Promise<Revision | undefined> => {
    if (revision === undefined) return undefined;
    const path = `/revisions?before=${revision + 1}&limit=1`;
    return (await whenFree(() => get<{ revisions: readonly Revision[] }>(path, signal))).revisions[0];
  };
  const { value: change } = useEvery(load, 0, String(revision));
  return (
    <>
      {when(alarm.changed)} {change?.actor ?? ''} {change?.reason ?? ''}
    </>
  );
}

interface Column {
  readonly key: string;
  readonly title: string;
  readonly number?: boolean;
  readonly cell: (a: Alarm) => ComponentChildren;
}

function columnsOf(tab: HiddenTab): readonly Column[] {
  switch (tab) {
    case 'shelved':
      return [
        { key: 'rest', title: t('hidden.rest'), number: true, cell: (a) => <Rest until={a.shelved?.until ?? null} /> },
        {
          key: 'until',
          title: t('hidden.until'),
          cell: (a) => (
            <>
              {when(a.shelved?.until)}{' '}
              {a.shelved?.one_shot === true ? <b class="badge">{t('shelve.oneShot')}</b> : null}
            </>
          ),
        },
        { key: 'by', title: t('col.who'), cell: (a) => a.shelved?.by ?? NONE },
        { key: 'why', title: t('hidden.why'), cell: (a) => a.shelved?.reason ?? NONE },
        { key: 'times', title: t('hidden.times'), number: true, cell: (a) => <Times alarm={a} /> },
      ];
    case 'suppressed':
      return [{ key: 'by', title: t('hidden.by'), cell: (a) => <Suppressors alarm={a} /> }];
    case 'oos':
      return [
        { key: 'since', title: t('hidden.sinceTitle'), cell: (a) => when(a.out_of_service?.since) },
        { key: 'by', title: t('col.who'), cell: (a) => a.out_of_service?.by ?? NONE },
        { key: 'why', title: t('hidden.whyOrder'), cell: (a) => a.out_of_service?.reason ?? NONE },
      ];
    case 'disabled':
      return [{ key: 'since', title: t('hidden.sinceTitle'), cell: (a) => <DisabledBy alarm={a} /> }];
    case 'untrusted':
      return [{ key: 'since', title: t('hidden.sinceTitle'), cell: (a) => when(a.untrusted_since) }];
  }
}

const ENDS: Readonly<Record<HiddenTab, AlarmDo | null>> = {
  shelved: 'unshelve',
  suppressed: 'unsuppress',
  oos: 'in_service',
  disabled: 'enable',
  untrusted: null,
};

function End({ alarm, tab }: { readonly alarm: Alarm; readonly tab: HiddenTab }) {
  const what = ENDS[tab];
  if (what === null) return null;
  if (what === 'unsuppress' && alarm.suppressed_by.length > 0) {
    return (
      <>
        {alarm.suppressed_by.map((source) => (
          <DoButton
            key={source}
            what={what}
            alarm={alarm}
            source={source}
            class="ack"
            label={alarm.suppressed_by.length > 1 ? `${t(`do.${what}`)}: ${source}` : t(`do.${what}`)}
          />
        ))}
      </>
    );
  }
  return (
    <>
      {tab === 'shelved' ? <DoButton what="shelve" alarm={alarm} class="ack" label={t('hidden.again')} /> : null}
      <DoButton what={what} alarm={alarm} class="ack" />
    </>
  );
}

interface Props {
  readonly alarms: readonly Alarm[];
  readonly tab: HiddenTab;
  /** What is said where there is none. */
  readonly empty: string;
}

/** Alarms that are not in the alarm list, with why not; what is beneath is always said. */
export function HiddenList({ alarms, tab, empty }: Props) {
  const columns = columnsOf(tab);
  const sorted =
    tab === 'shelved'
      ? [...alarms].sort((a, b) => (a.shelved?.until ?? '9').localeCompare(b.shelved?.until ?? '9'))
      : sortAlarms(alarms, 'urgency');
  if (alarms.length === 0) return <p class="page-note">{empty}</p>;
  return (
    <div class="panel scroll" data-testid={`list-${tab}`}>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{t('col.priority')}</th>
            <th scope="col">{t('col.site')}</th>
            <th scope="col">{t('history.alarm')}</th>
            <th scope="col">{t('col.message')}</th>
            <th scope="col">{t('hidden.base')}</th>
            {columns.map((c) => (
              <th key={c.key} scope="col" class={c.number === true ? 'cell-number' : ''}>
                {c.title}
              </th>
            ))}
            <th scope="col">
              <span class="hidden">{t('hidden.end')}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {sorted.map((a) => (
            <tr key={a.name} data-testid={`alarm-row-${a.name}`} data-letter={a.letter}>
              <td class="cell-sym">
                <span class="sym-pair">
                  <AlarmSymbol priority={a.priority} letter={a.base} size={16} />
                  {a.letter >= 'G' ? <AlarmSymbol priority={a.priority} letter={a.letter} size={14} /> : null}
                </span>
              </td>
              <td>
                <Go to={{ page: 'site', site: a.site }}>{a.site}</Go>
              </td>
              <th scope="row">
                <button type="button" class="link" data-testid={`open-${a.name}`} onClick={() => openDetail(a.name)}>
                  {a.name}
                </button>
              </th>
              <td class="cell-wrap" title={formatDateTime(parseTime(a.changed) ?? 0)}>
                <Marks alarm={a} />
                {tt(a.message)}
              </td>
              <td>
                {t(`letterShort.${a.base}`)} <Untrusted alarm={a} />
              </td>
              {columns.map((c) => (
                <td key={c.key} class={c.number === true ? 'cell-number num' : 'cell-wrap'}>
                  {c.cell(a)}
                </td>
              ))}
              <td class="row-buttons">
                <End alarm={a} tab={tab} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
