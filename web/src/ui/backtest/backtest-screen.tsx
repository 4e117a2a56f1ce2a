import { useMemo, useState } from 'preact/hooks';
import { BACKTEST_DAYS, type Backtest, backtestOf, isUnderWay, suggestionOf } from '../../model/backtest.ts';
import { formatDateTime } from '../../model/format.ts';
import type { Route } from '../../model/route.ts';
import {
  bodyOf,
  difference,
  formOf,
  hasDeadband,
  hasLimit,
  type SettingForm,
  storedBody,
} from '../../model/setting-form.ts';
import type { AlarmSetting } from '../../model/types.ts';
import { askBacktest, cancelBacktest, draft } from '../../state/backtests.ts';
import { serverNow } from '../../state/clock.ts';
import { get } from '../../state/http.ts';
import { plantLoaded, settings } from '../../state/plant.ts';
import { t } from '../../state/prefs.ts';
import { may } from '../../state/session.ts';
import { Difference } from '../difference.tsx';
import { Go } from '../go.tsx';
import { useEvery } from '../use-every.ts';
import { Result } from './result.tsx';

type At = Extract<Route, { readonly page: 'backtest' }>;

const REFRESH_MS = 1_000;
const EARLIER_MS = 3_000;

function Running({ test }: { readonly test: Backtest }) {
  const percent = Math.round(test.progress * 100);
  return (
    <div class="backtest-run">
      <label>
        {test.state === 'waiting' ? t('backtest.waiting') : t('backtest.running', { p: percent })}{' '}
        <progress max={1} value={test.progress} />
      </label>
      <button type="button" data-testid="backtest-cancel" onClick={() => void cancelBacktest(String(test.id))}>
        {t('backtest.cancel')}
      </button>
    </div>
  );
}

function Answer({ id, alarm }: { readonly id: string; readonly alarm: string }) {
  const [done, setDone] = useState(false);
  const load = async (signal: AbortSignal): Promise<Backtest> => {
    const test = await get<Backtest>(`/backtest?id=${encodeURIComponent(id)}`, signal);
    setDone(!isUnderWay(test.state));
    return test;
  };
  const { value: test, failed } = useEvery(load, done ? 0 : REFRESH_MS, id);
  if (failed !== '') return <p class="page-note fault">{failed}</p>;
  if (test === null) return <p class="page-note">{t('app.loading')}</p>;
  return (
    <section class="panel" data-testid="backtest" data-state={test.state}>
      <h2>{t('backtest.result')}</h2>
      {isUnderWay(test.state) ? <Running test={test} /> : null}
      {test.state === 'cancelled' ? <p class="panel-note">{t('backtest.cancelled')}</p> : null}
      {test.state === 'failed' ? (
        <p class="fault" role="alert">
          {t('backtest.failed', { why: test.error ?? '' })}
        </p>
      ) : null}
      {test.report === undefined || test.report === null ? null : (
        <Result report={test.report} from={test.from} alarm={alarm} />
      )}
    </section>
  );
}

const FIELDS = ['limit', 'deadband', 'on_delay_s', 'off_delay_s'] as const;

/** The few fields that decide how often an alarm rings, as they are and as they are to be tried. */
function Question({ setting }: { readonly setting: AlarmSetting }) {
  const tried = draft.value?.alarm === setting.name ? draft.value.body : null;
  const [form, setForm] = useState<SettingForm>(() =>
    formOf(tried === null ? setting : ({ ...tried, name: setting.name, revision: setting.revision } as AlarmSetting)),
  );
  const [off, setOff] = useState(false);
  // What the draft has in fields that are not shown here goes along.
  const stored = tried === null ? setting : ({ ...tried, revision: setting.revision } as AlarmSetting);
  const body = bodyOf(form, stored);
  const changes = difference(storedBody(setting), off ? null : body);
  const { kind } = setting;
  const fields = FIELDS.filter((f) => (f !== 'limit' || hasLimit(kind)) && (f !== 'deadband' || hasDeadband(kind)));
  const run = () => askBacktest(setting.name, backtestOf(setting.name, off ? null : body, serverNow()));
  return (
    <form
      class="panel editor backtest-question"
      data-testid="backtest-form"
      onSubmit={(event) => {
        event.preventDefault();
        void run();
      }}
    >
      <h2>{t('backtest.question', { alarm: setting.name })}</h2>
      <p class="hint">{t('backtest.text', { days: BACKTEST_DAYS })}</p>
      <div class="pair">
        {fields.map((field) => (
          <label key={field} class="field">
            {t(`settings.${field}`)}
            <input
              class="num"
              inputMode="decimal"
              data-testid={`try-${field}`}
              disabled={off}
              value={form[field]}
              onInput={(event) => setForm({ ...form, [field]: event.currentTarget.value })}
            />
          </label>
        ))}
        <label class="field">
          {t('settings.priority')}
          <select
            data-testid="try-priority"
            disabled={off}
            value={form.priority}
            onChange={(event) => setForm({ ...form, priority: event.currentTarget.value })}
          >
            {form.priority === '' ? <option value="">{t('settings.byClass')}</option> : null}
            {(['1', '2', '3', '4'] as const).map((p) => (
              <option key={p} value={p}>
                {p} {t(`priority.${p}`)}
              </option>
            ))}
          </select>
        </label>
      </div>
      <label class="field-check">
        <input type="checkbox" checked={off} onChange={(event) => setOff(event.currentTarget.checked)} />
        {t('backtest.without')}
      </label>
      {off || changes.length === 0 ? null : <Difference changes={changes} />}
      <div class="buttons">
        <button
          type="submit"
          class="main"
          data-testid="backtest-run"
          disabled={!may('engineer') || (changes.length === 0 && !off)}
        >
          {t('backtest.run')}
        </button>
        <button
          type="button"
          data-testid="backtest-suggest"
          disabled={!may('engineer')}
          onClick={() => void askBacktest(setting.name, suggestionOf(setting.name, serverNow()))}
        >
          {t('actors.suggest')}
        </button>
        <Go to={{ page: 'settings', q: setting.name }} class="far">
          {t('backtest.toSetting')}
        </Go>
      </div>
      {may('engineer') ? null : <p class="hint">{t('why.engineer')}</p>}
    </form>
  );
}

function Earlier({ at }: { readonly at: At }) {
  const load = async (signal: AbortSignal) =>
    (await get<{ backtests: readonly Backtest[] }>('/backtests', signal)).backtests;
  const { value: list } = useEvery(load, EARLIER_MS, at.id);
  if (list === null || list.length === 0) return null;
  return (
    <section class="panel">
      <h2>{t('backtest.earlier')}</h2>
      <ul class="backtests">
        {list.map((test) => {
          const name = test.suggest ?? test.name ?? at.alarm;
          const what = test.suggest === null ? '' : t('actors.suggest');
          return (
            <li key={test.id}>
              <Go to={{ page: 'backtest', alarm: name, id: String(test.id) }} current={at.id === String(test.id)}>
                {name}
              </Go>{' '}
              <span class="num hint">
                {test.created === null ? '' : formatDateTime(Date.parse(test.created))} {test.by} {what}{' '}
                {t(`backtest.state.${test.state}`)}
              </span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** "What would this have done?": a change is tried on the last weeks before it goes live. Nothing is changed by it. */
export function BacktestScreen({ at }: { readonly at: At }) {
  const all = settings.value;
  const setting = useMemo(() => all.find((s) => s.name === at.alarm), [all, at.alarm]);
  return (
    <div class="page">
      <header class="page-head">
        <h1>{t('backtest.title')}</h1>
        <span class="page-fact">{at.alarm}</span>
      </header>
      <div class="backtest">
        <div>
          {setting === undefined ? (
            <p class="page-note">{t(plantLoaded.value ? 'backtest.noAlarm' : 'app.loading')}</p>
          ) : (
            <Question key={`${setting.revision} ${JSON.stringify(draft.value)}`} setting={setting} />
          )}
          <Earlier at={at} />
        </div>
        {at.id === '' ? (
          <p class="page-note">{t('backtest.notYet')}</p>
        ) : (
          <Answer key={at.id} id={at.id} alarm={at.alarm} />
        )}
      </div>
    </div>
  );
}
