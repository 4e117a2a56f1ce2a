import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { formatAge, formatDateTime, formatNumber, formatShort, NONE, parseTime } from '../../model/format.ts';
import { ALARMS, trendAround, trendOf } from '../../model/route.ts';
import {
  ALARM_KINDS,
  type Alarm,
  type AlarmDetail,
  type AlarmDo,
  type AlarmKind,
  type AlarmRecord,
  type Text,
  type Why,
  type WhyPart,
} from '../../model/types.ts';
import { whyLine } from '../../model/why.ts';
import { wordsOf } from '../../state/action.ts';
import { alarmNow, noteOf } from '../../state/alarms.ts';
import { second, serverNow } from '../../state/clock.ts';
import { detailOf } from '../../state/dock.ts';
import { get, isAbort } from '../../state/http.ts';
import { tags } from '../../state/plant.ts';
import { lang, t, tt } from '../../state/prefs.ts';
import { may } from '../../state/session.ts';
import { AlarmSymbol } from '../alarm-symbol.tsx';
import { Marks, Untrusted } from '../alarms/marks.tsx';
import { eventWords, whoWords } from '../alarms/record-words.ts';
import { DoButton } from '../do-button.tsx';
import { fieldName } from '../field-name.ts';
import { Go } from '../go.tsx';
import { Icon } from '../icons.tsx';

const WHY_MS = 2_000;
/** Somebody goes through the list with the keys: only where he stays is asked for. */
const SETTLE_MS = 150;

const query = (path: string, name: string): string => `${path}?name=${encodeURIComponent(name)}`;

function useDetail(name: string, stamp: string) {
  const [detail, setDetail] = useState<AlarmDetail | null>(null);
  const [failed, setFailed] = useState('');
  useEffect(() => {
    const gone = new AbortController();
    const timer = setTimeout(async () => {
      try {
        setDetail(await get<AlarmDetail>(query('/alarm', name), gone.signal));
        setFailed('');
      } catch (error) {
        if (!isAbort(error)) setFailed(wordsOf(error));
      }
    }, SETTLE_MS);
    return () => {
      clearTimeout(timer);
      gone.abort();
    };
  }, [name, stamp]);
  return { detail, failed };
}

function useWhy(name: string) {
  const [why, setWhy] = useState<Why | null>(null);
  const [failed, setFailed] = useState('');
  useEffect(() => {
    const gone = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const load = async () => {
      try {
        setWhy(await get<Why>(query('/alarm/why', name), gone.signal));
        setFailed('');
      } catch (error) {
        if (isAbort(error)) return;
        setFailed(wordsOf(error));
      }
      timer = setTimeout(() => void load(), WHY_MS);
    };
    timer = setTimeout(() => void load(), SETTLE_MS);
    return () => {
      clearTimeout(timer);
      gone.abort();
    };
  }, [name]);
  return { why, failed };
}

/** The whole stands above the table already. */
const partsOf = (why: Why): readonly WhyPart[] => (why.parts[0]?.text === why.source ? why.parts.slice(1) : why.parts);

function WhySection({ name }: { readonly name: string }) {
  const { why, failed } = useWhy(name);
  const words = { yes: t('whyOn.true'), no: t('whyOn.false'), unknown: t('whyOn.unknown') };
  return (
    <section data-testid="why">
      <h3>{t('whyOn.title')}</h3>
      {failed === '' ? null : <p class="fault">{failed}</p>}
      {why === null ? null : (
        <>
          <p>
            <code>{why.source}</code>
            <b data-testid="why-condition">
              {' → '}
              {why.condition === null ? words.unknown : why.condition ? words.yes : words.no}
            </b>
          </p>
          <table class="why">
            <caption class="hidden">{t('whyOn.title')}</caption>
            <tbody>
              {partsOf(why).map((part) => {
                const line = whyLine(part, words);
                return (
                  <tr key={`${part.pos} ${part.len} ${part.depth}`} class={`why-${line.state}`}>
                    <th scope="row" style={{ paddingLeft: `${line.depth}rem` }}>
                      <code>{line.text}</code>
                    </th>
                    <td class="num">
                      {line.value}
                      {line.uncertain ? (
                        <b class="mark" title={t('quality.uncertain')}>
                          {' '}
                          ?
                        </b>
                      ) : null}
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </>
      )}
    </section>
  );
}

const isText = (value: unknown): value is Text =>
  typeof value === 'object' && value !== null && 'en' in value && typeof value.en === 'string';

/** A text of the configuration, in whichever form it is stored. */
function words(value: unknown): string {
  if (typeof value === 'string') return value;
  if (isText(value)) return tt({ en: value.en, zh: 'zh' in value ? value.zh : '' });
  return '';
}

const GUIDANCE = ['cause', 'consequence', 'action'] as const;

function Guidance({ config }: { readonly config: Readonly<Record<string, unknown>> }) {
  const texts = GUIDANCE.map((field) => [field, words(config[field])] as const).filter(([, text]) => text !== '');
  const seconds = config['time_to_act_s'];
  return (
    <section data-testid="guidance">
      <h3>{t('guidance.title')}</h3>
      {texts.length === 0 ? <p class="hint">{t('guidance.none')}</p> : null}
      <dl class="guidance">
        {texts.map(([field, text]) => (
          <div key={field}>
            <dt>{t(`guidance.${field}`)}</dt>
            <dd>{text}</dd>
          </div>
        ))}
        {typeof seconds === 'number' ? (
          <div>
            <dt>{t('guidance.time')}</dt>
            <dd>{formatAge(seconds * 1000, lang.value)}</dd>
          </div>
        ) : null}
      </dl>
    </section>
  );
}

const time = (text: string | null): string => {
  const ms = parseTime(text);
  return ms === null ? NONE : formatDateTime(ms);
};

function factsOf(a: Alarm): readonly (readonly [label: string, value: ComponentChildren])[] {
  const flag = (on: boolean): string => t(on ? 'settings.yes' : 'settings.no');
  const facts: (readonly [string, ComponentChildren])[] = [
    [t('facts.letter'), `${a.letter} ${t(`letter.${a.letter}`)}`],
    [t('facts.base'), `${a.base} ${t(`letter.${a.base}`)}`],
    [t('facts.occ'), t('facts.occText', { occ: a.occ, call: a.call, since: a.since_ack })],
    [t('col.time'), time(a.raised)],
    [t('facts.changed'), time(a.changed)],
    [t('col.acked'), a.acked_by === null ? NONE : `${a.acked_by} ${time(a.acked_at)}`],
    [t('facts.untrusted'), a.untrusted ? time(a.untrusted_since) : flag(false)],
    [t('facts.latched'), flag(a.latched)],
    [t('facts.confirm'), flag(a.confirm_due)],
    [t('facts.pending'), flag(a.pending)],
    [t('facts.ring'), flag(a.ring)],
    [t('facts.first'), flag(a.first)],
    [t('facts.chatter'), flag(a.chatter)],
    [t('facts.position'), a.position === '' ? NONE : a.position],
    [t('facts.class'), a.class === '' ? NONE : a.class],
  ];
  if (a.shelved !== null) {
    const { until, by, reason, one_shot } = a.shelved;
    const end = `${time(until)}${one_shot ? ` (${t('shelve.oneShot')})` : ''}`;
    facts.push([t('counts.shelved'), `${by ?? ''}: ${reason} → ${end}`]);
  }
  if (a.out_of_service !== null) {
    const { since, by, reason } = a.out_of_service;
    facts.push([t('counts.oos'), `${by ?? ''} ${time(since)}: ${reason}`]);
  }
  if (a.suppressed_by.length > 0) facts.push([t('counts.suppressed'), a.suppressed_by.join(', ')]);
  if (a.accumulated !== null) facts.push([t('facts.accumulated'), formatNumber(a.accumulated, 2)]);
  return facts;
}

function Facts({ alarm }: { readonly alarm: Alarm }) {
  return (
    <section>
      <h3>{t('facts.title')}</h3>
      <dl class="facts">
        {factsOf(alarm).map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd class="num">{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

const isKind = (text: string): text is AlarmKind => ALARM_KINDS.some((kind) => kind === text);

const SHOWN_ELSEWHERE: ReadonlySet<string> = new Set([...GUIDANCE, 'time_to_act_s', 'name', 'message', 'revision']);

/** What is stored, without the marks that only programs need. */
function settingWords(field: string, value: unknown): string {
  if (field === 'kind' && typeof value === 'string' && isKind(value)) return t(`kind.${value}`);
  if (typeof value === 'boolean') return t(value ? 'settings.yes' : 'settings.no');
  if (Array.isArray(value)) return value.join(', ');
  return words(value) || JSON.stringify(value);
}

function SettingSection({ detail }: { readonly detail: AlarmDetail }) {
  const fields = Object.entries(detail.config).filter(([field]) => !SHOWN_ELSEWHERE.has(field));
  return (
    <section>
      <h3>{t('detail.setting')}</h3>
      <dl class="facts">
        {fields.map(([field, value]) => (
          <div key={field}>
            <dt>{fieldName(field)}</dt>
            <dd class="num">{settingWords(field, value)}</dd>
          </div>
        ))}
        {detail.cost === null ? null : (
          <div>
            <dt>{t('detail.cost')}</dt>
            <dd class="num">{String(detail.cost)}</dd>
          </div>
        )}
      </dl>
      <p class="links">
        <Go to={{ page: 'settings', q: detail.name }}>{t('nav.settings')}</Go>
        <Go to={{ page: 'backtest', alarm: detail.name, id: '' }} testid="detail-backtest">
          {t('backtest.open')}
        </Go>
      </p>
    </section>
  );
}

function Journal({ name, records }: { readonly name: string; readonly records: readonly AlarmRecord[] }) {
  return (
    <section data-testid="detail-journal">
      <h3>
        {t('detail.journal')}{' '}
        <Go to={{ ...ALARMS, tab: 'history', alarm: name }} class="more">
          {t('alarms.tab.history')}
        </Go>
      </h3>
      <ul class="journal">
        {records.map((r) => {
          const at = parseTime(r.src);
          return (
            <li key={r.seq}>
              <span class="num">{at === null ? NONE : formatShort(at, second.peek())}</span>
              <span>
                {eventWords(r)}{' '}
                <span class="num hint">
                  {r.from}→{r.to}
                </span>{' '}
                {whoWords(r)}
                {r.comment === '' ? '' : `: ${r.comment}`}
              </span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

const OPERATOR: readonly AlarmDo[] = ['ack', 'confirm', 'reset', 'shelve', 'unshelve', 'comment'];
const ENGINEER: readonly AlarmDo[] = ['suppress', 'oos', 'in_service', 'disable', 'enable'];

/** What can be asked; confirming and resetting are only there where the alarm knows them. */
function Actions({ alarm }: { readonly alarm: Alarm }) {
  const fits = (what: AlarmDo): boolean => {
    if (what === 'confirm') return alarm.confirm_due;
    if (what === 'reset') return alarm.latched || alarm.base === 'E' || alarm.base === 'F';
    if (what === 'unshelve') return alarm.shelved !== null;
    if (what === 'in_service') return alarm.out_of_service !== null;
    if (what === 'enable') return alarm.letter === 'Z';
    return what !== 'disable' || alarm.letter !== 'Z';
  };
  return (
    <div class="actions">
      {OPERATOR.filter(fits).map((what) => (
        <DoButton key={what} what={what} alarm={alarm} />
      ))}
      {may('engineer') ? (
        <>
          {ENGINEER.filter(fits).map((what) => (
            <DoButton key={what} what={what} alarm={alarm} />
          ))}
          {alarm.suppressed_by.map((source) => (
            <DoButton
              key={source}
              what="unsuppress"
              alarm={alarm}
              source={source}
              label={`${t('do.unsuppress')}: ${source}`}
            />
          ))}
          {alarm.accumulated === null ? null : <DoButton what="zero" alarm={alarm} />}
        </>
      ) : null}
    </div>
  );
}

function Head({ alarm }: { readonly alarm: Alarm }) {
  const raised = parseTime(alarm.raised);
  const tag = alarm.tag === null ? undefined : tags.value.get(alarm.tag);
  const decimals = tag?.decimals ?? 2;
  const trend =
    tag === undefined ? null : raised === null ? trendOf([tag.name]) : trendAround([tag.name], raised, serverNow());
  const note = noteOf(alarm);
  return (
    <>
      <p class="detail-message">{tt(alarm.message)}</p>
      {note === null ? null : <p class="fault">{note}</p>}
      <p>
        <b>{t(`letter.${alarm.letter}`)}</b> <Untrusted alarm={alarm} /> <Marks alarm={alarm} />
      </p>
      {alarm.value === null ? null : (
        <p class="num">
          {formatNumber(alarm.value, decimals)} {alarm.unit}
          {alarm.limit === null ? '' : ` (${t('col.limit')} ${formatNumber(alarm.limit, decimals)} ${alarm.unit})`}
        </p>
      )}
      <p class="links">
        <Go to={{ page: 'site', site: alarm.site }} testid="detail-site">
          {t('detail.site', { site: alarm.site })}
        </Go>
        {trend === null ? null : (
          <Go to={trend} testid="detail-trend">
            {t('detail.trend')}
          </Go>
        )}
      </p>
    </>
  );
}

/** One alarm in full: what to do about it, what may be asked, why it is on, everything that is known of it. */
export function Detail({ name }: { readonly name: string }) {
  const live = alarmNow(name);
  // The list is told of every change; what is only in the answer is asked for again then.
  const stamp = live === undefined ? 'A' : `${live.letter} ${live.call} ${live.changed ?? ''}`;
  const { detail, failed } = useDetail(name, stamp);
  const alarm = live ?? detail;
  return (
    <section class="panel detail" aria-label={name} data-testid="detail">
      <h2>
        {alarm === null ? null : (
          <AlarmSymbol priority={alarm.priority} letter={alarm.letter} untrusted={alarm.untrusted} />
        )}
        <span class="detail-name">{name}</span>
        <button
          type="button"
          class="flat"
          aria-label={t('dock.close')}
          data-testid="detail-close"
          onClick={() => {
            detailOf.value = null;
          }}
        >
          <Icon name="close" size={16} />
        </button>
      </h2>
      {failed === '' ? null : (
        <p class="fault" role="alert">
          {failed}
        </p>
      )}
      {alarm === null ? (
        <p class="page-note">{t('app.loading')}</p>
      ) : (
        <>
          <Head alarm={alarm} />
          <Actions alarm={alarm} />
          {detail === null ? null : <Guidance config={detail.config} />}
          <WhySection name={name} />
          <Facts alarm={alarm} />
          {detail === null ? null : <SettingSection detail={detail} />}
          {detail === null ? null : <Journal name={name} records={detail.journal} />}
        </>
      )}
    </section>
  );
}
