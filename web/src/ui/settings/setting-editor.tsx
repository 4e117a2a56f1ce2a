import { useEffect, useState } from 'preact/hooks';
import { NONE } from '../../model/format.ts';
import type { Second } from '../../model/second.ts';
import {
  bodyOf,
  COMMON_FIELDS,
  difference,
  EXTRA,
  type ExtraField,
  emptyForm,
  type FaultField,
  type FieldChange,
  faultsByField,
  formOf,
  hasDeadband,
  hasLimit,
  hasSource,
  KIND_FIELDS,
  ofGateway,
  rebased,
  type SettingField,
  type SettingForm,
  storedBody,
} from '../../model/setting-form.ts';
import { ALARM_KINDS, type AlarmKind, type AlarmSetting, type Touched } from '../../model/types.ts';
import { say, wordsOf } from '../../state/action.ts';
import { draft } from '../../state/backtests.ts';
import { ask, get, itemPath, Problem } from '../../state/http.ts';
import { loadPlant, tags } from '../../state/plant.ts';
import { t } from '../../state/prefs.ts';
import { navigate } from '../../state/router.ts';
import { isSecondNeeded, wordsOfSecond } from '../../state/second.ts';
import { fieldName } from '../field-name.ts';
import { SecondForm } from '../second-form.tsx';

interface Props {
  /** undefined: a new one. */
  readonly setting: AlarmSetting | undefined;
  readonly onClose: () => void;
}

/** What a class may say for its alarms. */
const BY_CLASS: ReadonlySet<ExtraField> = new Set(['ack', 'latch', 'confirm', 'comment', 'shelvable']);

type Faults = ReadonlyMap<FaultField, string>;

const NO_FAULTS: Faults = new Map();
/** Of those of a gateway each has its one already. */
const KINDS: readonly AlarmKind[] = ALARM_KINDS.filter((kind) => !ofGateway(kind));

/** Sends what was on the screen when it was pressed, again just so with a second person; says what became of it. */
type Change = (second: { readonly second?: Second }) => Promise<string>;

type Doing = 'settings.create' | 'settings.save' | 'settings.delete';

/** What is asked for, and what the second person is shown of it. */
interface Asked {
  readonly change: Change;
  readonly doing: Doing;
  readonly changes: readonly FieldChange[];
}

interface Waiting extends Asked {
  readonly touched: Touched | undefined;
}

interface FieldProps {
  readonly field: Exclude<SettingField, 'enabled' | 'kind'> | 'reason';
  readonly label: string;
  readonly value: string;
  readonly faults: Faults;
  readonly onInput: (text: string) => void;
  readonly numeric?: boolean;
  readonly disabled?: boolean;
  readonly list?: string;
}

function Field({ field, label, value, faults, onInput, numeric = false, disabled = false, list }: FieldProps) {
  const fault = faults.get(field);
  return (
    <label class={fault === undefined ? 'field' : 'field field-faulty'}>
      {label}
      <input
        data-testid={`setting-${field}`}
        inputMode={numeric ? 'decimal' : undefined}
        class={numeric ? 'num' : undefined}
        list={list}
        disabled={disabled}
        aria-invalid={fault !== undefined}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      {fault === undefined ? null : (
        <span class="fault" data-testid={`setting-fault-${field}`}>
          {fault}
        </span>
      )}
    </label>
  );
}

interface ExtraProps {
  readonly field: ExtraField;
  readonly form: SettingForm;
  readonly faults: Faults;
  readonly set: (part: Partial<SettingForm>) => void;
}

/** A field of one kind, or one that is mostly left to the class. */
function ExtraInput({ field, form, faults, set }: ExtraProps) {
  const how = EXTRA[field];
  const value = form.extra[field];
  const put = (text: string) => set({ extra: { ...form.extra, [field]: text } });
  const fault = faults.get(field);
  const told =
    fault === undefined ? null : (
      <span class="fault" data-testid={`setting-fault-${field}`}>
        {fault}
      </span>
    );
  const style = fault === undefined ? 'field' : 'field field-faulty';
  if (typeof how !== 'string') {
    return (
      <label class={style}>
        {fieldName(field)}
        <select data-testid={`setting-${field}`} value={value} onChange={(event) => put(event.currentTarget.value)}>
          <option value="">{BY_CLASS.has(field) ? t('settings.default') : NONE}</option>
          {how.map((choice) => (
            <option key={choice} value={choice}>
              {t(`choice.${choice}`)}
            </option>
          ))}
        </select>
        {told}
      </label>
    );
  }
  if (how === 'rule' || field === 'cause' || field === 'consequence' || field === 'action') {
    return (
      <label class={`${style} field-wide`}>
        {fieldName(field)}
        <textarea
          rows={how === 'rule' ? 3 : 2}
          class={how === 'rule' ? 'num' : undefined}
          spellcheck={how !== 'rule'}
          data-testid={`setting-${field}`}
          aria-invalid={fault !== undefined}
          value={value}
          onInput={(event) => put(event.currentTarget.value)}
        />
        {told}
      </label>
    );
  }
  return (
    <Field
      field={field}
      label={fieldName(field)}
      value={value}
      faults={faults}
      onInput={put}
      numeric={how === 'number' || how === 'quantity'}
      {...(how === 'tag' ? { list: 'tag-names' } : {})}
    />
  );
}

function ExtraInputs({ fields, ...rest }: Omit<ExtraProps, 'field'> & { readonly fields: readonly ExtraField[] }) {
  if (fields.length === 0) return null;
  return (
    <div class="pair">
      {fields.map((field) => (
        <ExtraInput key={field} field={field} {...rest} />
      ))}
    </div>
  );
}

function RangeHint({ name }: { readonly name: string }) {
  const tag = tags.value.get(name);
  if (tag === undefined) return null;
  return <p class="hint">{t('settings.range', { tag: tag.name, low: tag.low, high: tag.high, unit: tag.unit })}</p>;
}

/** One alarm's setting. The server checks; what it refuses is said at the field it means. */
export function SettingEditor({ setting, onClose }: Props) {
  const isNew = setting === undefined;
  /** As it was when it came into the form: what differs from it was typed. */
  const [base, setBase] = useState(setting);
  const [form, setForm] = useState(() => (isNew ? emptyForm('') : formOf(setting)));
  const [reason, setReason] = useState('');
  const [faults, setFaults] = useState<Faults>(NO_FAULTS);
  const [general, setGeneral] = useState('');
  const [busy, setBusy] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const [waiting, setWaiting] = useState<Waiting | null>(null);
  const set = (part: Partial<SettingForm>) => setForm((before) => ({ ...before, ...part }));

  useEffect(() => {
    const close = (event: KeyboardEvent) => event.key === 'Escape' && onClose();
    document.addEventListener('keydown', close);
    return () => document.removeEventListener('keydown', close);
  }, [onClose]);

  const refuse = async (error: unknown) => {
    say('bad', t('settings.failed', { why: wordsOf(error) }));
    if (!(error instanceof Problem)) return setGeneral(wordsOf(error));
    const byField = faultsByField(error.faults);
    setFaults(byField);
    setGeneral(byField.get('') ?? (byField.size > 0 ? '' : wordsOf(error)));
    // 412 for one item by its address, a conflict for a list of changes.
    if ((error.status !== 412 && error.code !== 'conflict') || base === undefined) return undefined;
    try {
      const now = await get<AlarmSetting>(itemPath('alarm-settings', form.name));
      setForm((typed) => rebased(typed, base, now));
      setBase(now);
      setGeneral(t('settings.conflict'));
      await loadPlant();
    } catch (again) {
      setGeneral(wordsOf(again));
    }
    return undefined;
  };

  const done = async (words: string) => {
    say('good', words);
    await loadPlant();
    onClose();
  };
  const stopWaiting = () => {
    setWaiting(null);
    setBusy(false);
  };
  const send = async (asked: Asked) => {
    if (reason.trim() === '') return setFaults(new Map([['reason', t('settings.reasonNeeded')]]));
    setBusy(true);
    setFaults(NO_FAULTS);
    setGeneral('');
    try {
      await done(await asked.change({}));
    } catch (error) {
      if (isSecondNeeded(error)) {
        say('plain', t('settings.failed', { why: t('second.needed') }));
        return setWaiting({ ...asked, touched: error.touched });
      }
      setBusy(false);
      await refuse(error);
    }
    return undefined;
  };
  const agree = async (change: Change, second: Second): Promise<string> => {
    try {
      await done(await change({ second }));
      return '';
    } catch (error) {
      const words = wordsOfSecond(error);
      if (words !== null) {
        say('bad', t('settings.failed', { why: words }));
        return words;
      }
      stopWaiting();
      await refuse(error);
      return '';
    }
  };
  const save = () => {
    const body = { reason: reason.trim(), value: bodyOf(form, base) };
    const seen = base === undefined ? { create: true } : { ifMatch: base.revision };
    const change: Change = async (second) => {
      const path = itemPath('alarm-settings', form.name.trim());
      const answer = await ask<{ revision: number }>('PUT', path, { body: { ...body, ...second }, ...seen });
      return t('settings.saved', { alarm: form.name, revision: answer.body.revision });
    };
    const changes = difference(base === undefined ? null : storedBody(base), body.value);
    return send({ change, changes, doing: isNew ? 'settings.create' : 'settings.save' });
  };
  const remove = () => {
    // By a list, even of one: a removal by its address has no body, where a second person could be named.
    const body = { reason: reason.trim(), remove: [{ kind: 'alarm', name: form.name, revision: base?.revision }] };
    const change: Change = async (second) => {
      const answer = await ask<{ revision: number }>('POST', '/config', { body: { ...body, ...second } });
      return t('settings.deleted', { alarm: form.name, revision: answer.body.revision });
    };
    return send({ change, changes: [], doing: 'settings.delete' });
  };
  /** A new alarm's name follows its tag and kind until it is typed over. */
  const setSource = (source: string, kind: AlarmKind) => {
    const follows = form.name === '' || form.name === `${form.source}.${form.kind}`;
    set({ source, kind, ...(isNew && follows ? { name: source === '' ? '' : `${source}.${kind}` } : {}) });
  };

  const field = { faults };
  const more = { form, faults, set };
  return (
    <div class="editor-side">
      {/* It is still read while the second person decides, but not changed. */}
      <section
        class="editor-scroll"
        aria-label={t('settings.editing', { alarm: form.name })}
        {...(waiting === null ? {} : { tabIndex: 0 })}
      >
        <form
          class="panel editor"
          data-testid="setting-editor"
          inert={waiting !== null}
          onSubmit={(event) => {
            event.preventDefault();
            void save();
          }}
        >
          <h2>{isNew ? t('settings.new') : t('settings.editing', { alarm: form.name })}</h2>
          {isNew ? (
            <>
              <label class="field">
                {t('settings.kind')}
                <select
                  data-testid="setting-kind"
                  value={form.kind}
                  onChange={(event) =>
                    setSource(form.source, KINDS.find((k) => k === event.currentTarget.value) ?? 'high')
                  }
                >
                  {KINDS.map((kind) => (
                    <option key={kind} value={kind}>
                      {t(`kind.${kind}`)}
                    </option>
                  ))}
                </select>
              </label>
              {hasSource(form.kind) ? (
                <Field
                  {...field}
                  field="source"
                  label={t('settings.tag')}
                  value={form.source}
                  list="tag-names"
                  onInput={(source) => setSource(source, form.kind)}
                />
              ) : null}
              <Field
                {...field}
                field="name"
                label={t('settings.name')}
                value={form.name}
                onInput={(name) => set({ name })}
              />
            </>
          ) : null}
          <datalist id="tag-names">
            {[...tags.value.keys()].map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
          {hasLimit(form.kind) ? (
            <>
              <RangeHint name={form.source} />
              <div class="pair">
                <Field
                  {...field}
                  field="limit"
                  label={t(form.kind === 'runtime' ? 'settings.hours' : 'settings.quantity')}
                  value={form.limit}
                  numeric
                  onInput={(limit) => set({ limit })}
                />
                {hasDeadband(form.kind) ? (
                  <Field
                    {...field}
                    field="deadband"
                    label={t('settings.deadband')}
                    value={form.deadband}
                    numeric
                    onInput={(deadband) => set({ deadband })}
                  />
                ) : null}
              </div>
            </>
          ) : null}
          <ExtraInputs fields={KIND_FIELDS[form.kind]} {...more} />
          <div class="pair">
            <Field
              {...field}
              field="on_delay_s"
              label={t(form.kind === 'disc' ? 'settings.travel_s' : 'settings.on_delay_s')}
              value={form.on_delay_s}
              numeric
              onInput={(on_delay_s) => set({ on_delay_s })}
            />
            <Field
              {...field}
              field="off_delay_s"
              label={t('settings.off_delay_s')}
              value={form.off_delay_s}
              numeric
              onInput={(off_delay_s) => set({ off_delay_s })}
            />
          </div>
          <div class="pair">
            <label class="field">
              {t('settings.priority')}
              <select
                data-testid="setting-priority"
                value={form.priority}
                onChange={(event) => set({ priority: event.currentTarget.value })}
              >
                <option value="">{t('settings.byClass')}</option>
                {(['1', '2', '3', '4'] as const).map((p) => (
                  <option key={p} value={p}>
                    {p} {t(`priority.${p}`)}
                  </option>
                ))}
              </select>
              {faults.has('priority') ? <span class="fault">{faults.get('priority')}</span> : null}
            </label>
            <label class="field field-check">
              <input
                type="checkbox"
                data-testid="setting-enabled"
                checked={form.enabled}
                onChange={(event) => set({ enabled: event.currentTarget.checked })}
              />
              {t('settings.enabled')}
            </label>
          </div>
          <Field
            {...field}
            field="message_en"
            label={t('settings.message_en')}
            value={form.message_en}
            onInput={(message_en) => set({ message_en })}
          />
          <Field
            {...field}
            field="message_zh"
            label={t('settings.message_zh')}
            value={form.message_zh}
            onInput={(message_zh) => set({ message_zh })}
          />
          <details data-testid="setting-more" open={COMMON_FIELDS.some((name) => faults.has(name))}>
            <summary>{t('settings.more')}</summary>
            <ExtraInputs fields={COMMON_FIELDS} {...more} />
          </details>
          <Field {...field} field="reason" label={t('settings.reason')} value={reason} onInput={setReason} />
          {general === '' ? null : (
            <p class="fault" role="alert" data-testid="setting-error">
              {general}
            </p>
          )}
          <div class="buttons">
            <button type="submit" class="main" data-testid="setting-save" disabled={busy}>
              {t(isNew ? 'settings.create' : 'settings.save')}
            </button>
            {isNew ? null : (
              <button
                type="button"
                data-testid="setting-try"
                onClick={() => {
                  draft.value = { alarm: form.name, body: bodyOf(form, base) };
                  navigate({ page: 'backtest', alarm: form.name, id: '' });
                }}
              >
                {t('settings.try')}
              </button>
            )}
            <button type="button" data-testid="setting-cancel" onClick={onClose}>
              {t('settings.cancel')}
            </button>
            {isNew || ofGateway(form.kind) ? null : deleting ? (
              <button
                type="button"
                class="danger"
                data-testid="setting-delete-sure"
                disabled={busy}
                onClick={() => void remove()}
              >
                {t('settings.deleteSure', { alarm: form.name })}
              </button>
            ) : (
              <button type="button" class="far" data-testid="setting-delete" onClick={() => setDeleting(true)}>
                {t('settings.delete')}
              </button>
            )}
          </div>
        </form>
      </section>
      {waiting === null ? null : (
        <SecondForm
          touched={waiting.touched}
          doing={t(waiting.doing)}
          changes={waiting.changes}
          reason={reason.trim()}
          onAgree={(second) => agree(waiting.change, second)}
          onCancel={stopWaiting}
        />
      )}
    </div>
  );
}
