import { useMemo, useState } from 'preact/hooks';
import { formatNumber } from '../../model/format.ts';
import { trendOf } from '../../model/route.ts';
import { hasDeadband } from '../../model/setting-form.ts';
import type { AlarmSetting } from '../../model/types.ts';
import { plantLoaded, settings, tags } from '../../state/plant.ts';
import { t, tt } from '../../state/prefs.ts';
import { navigate } from '../../state/router.ts';
import { login, may } from '../../state/session.ts';
import { AlarmSymbol } from '../alarm-symbol.tsx';
import { Go } from '../go.tsx';
import { Findings } from './findings.tsx';
import { SettingEditor } from './setting-editor.tsx';

function messageOf(s: AlarmSetting): string {
  if (s.message === undefined) return '';
  if (typeof s.message === 'string') return s.message;
  return tt({ en: s.message.en, zh: 'zh' in s.message ? s.message.zh : '' });
}

function matches(s: AlarmSetting, words: readonly string[]): boolean {
  const text = `${s.name} ${s.kind} ${messageOf(s)}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

/** A limit with a unit of its own stands as it was written. */
function shown(value: number | string | undefined, decimals: number): string {
  return typeof value === 'number' ? formatNumber(value, decimals) : (value ?? '');
}

/** Of a limit that is a plain number. */
function unitOf(s: AlarmSetting, unit: string): string {
  if (s.kind === 'runtime') return 's';
  return s.kind === 'roc' ? `${unit}/s` : unit;
}

interface RowProps {
  readonly setting: AlarmSetting;
  readonly editing: boolean;
  readonly onEdit: (name: string) => void;
}

function SettingRow({ setting: s, editing, onEdit }: RowProps) {
  const tag = s.tag === undefined ? undefined : tags.value.get(s.tag);
  const decimals = tag?.decimals ?? 2;
  return (
    <tr data-testid={`setting-row-${s.name}`} class={editing ? 'row-current' : s.enabled === false ? 'row-off' : ''}>
      <td class="cell-sym">{s.priority === undefined ? null : <AlarmSymbol priority={s.priority} size={16} />}</td>
      <th scope="row">{s.name}</th>
      <td>{s.tag === undefined ? s.gateway : <Go to={trendOf([s.tag])}>{s.tag}</Go>}</td>
      <td>{t(`kind.${s.kind}`)}</td>
      <td class="cell-number num" data-testid={`setting-limit-${s.name}`}>
        {shown(s.limit, decimals)}
      </td>
      <td class="unit">{typeof s.limit === 'number' ? unitOf(s, tag?.unit ?? '') : ''}</td>
      <td class="cell-number num">{hasDeadband(s.kind) ? shown(s.deadband ?? 0, decimals) : ''}</td>
      <td class="cell-number num">{s.on_delay_s ?? ''}</td>
      <td class="cell-number num">{s.off_delay_s ?? ''}</td>
      <td>{t(s.enabled === false ? 'settings.no' : 'settings.yes')}</td>
      <td class="cell-text">{messageOf(s)}</td>
      <td class="cell-number num">{s.revision}</td>
      <td>
        {may('engineer') ? (
          <button
            type="button"
            class="row-button"
            data-testid={`setting-edit-${s.name}`}
            onClick={() => onEdit(s.name)}
          >
            {t('settings.edit')}
          </button>
        ) : null}
      </td>
    </tr>
  );
}

/** null: nothing is edited; '' : a new one. */
type Editing = string | null;

export function SettingsScreen({ q }: { readonly q: string }) {
  const [editing, setEditing] = useState<Editing>(null);
  const all = settings.value;
  const shown = useMemo(() => {
    const words = q
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '');
    return words.length === 0 ? all : all.filter((s) => matches(s, words));
  }, [all, q]);
  const [checking, setChecking] = useState(false);
  const who = login.value;
  const chosen = editing === null ? undefined : all.find((s) => s.name === editing);
  return (
    <div class="page page-full">
      <header class="page-head">
        <h1>{t('settings.title')}</h1>
        <input
          type="search"
          data-testid="settings-filter"
          placeholder={t('settings.filter')}
          aria-label={t('settings.filter')}
          value={q}
          onInput={(event) => navigate({ page: 'settings', q: event.currentTarget.value }, 'replace')}
        />
        <span class="num page-fact">{t('alarms.count', { n: shown.length })}</span>
        {may('engineer') ? (
          <button type="button" data-testid="setting-new" onClick={() => setEditing('')}>
            {t('settings.new')}
          </button>
        ) : (
          <span class="page-fact">
            {t('settings.readOnly', { role: who.state === 'in' ? t(`role.${who.session.role}`) : '' })}
          </span>
        )}
        <button
          type="button"
          aria-pressed={checking}
          data-testid="settings-checks"
          onClick={() => setChecking(!checking)}
        >
          {t('checks.open')}
        </button>
        <Go to={{ page: 'revisions' }} class="page-fact">
          {t('settings.revisions')}
        </Go>
      </header>
      <div class={editing === null ? 'settings' : 'settings settings-editing'}>
        {checking ? (
          <Findings
            stamp={String(Math.max(0, ...all.map((s) => s.revision)))}
            onEdit={(name) => setEditing(may('engineer') ? name : null)}
          />
        ) : null}
        <div class="panel scroll" hidden={checking}>
          <table class="table">
            <thead>
              <tr>
                <th scope="col">{t('col.priority')}</th>
                <th scope="col">{t('settings.alarm')}</th>
                <th scope="col">{t('settings.tag')}</th>
                <th scope="col">{t('settings.kind')}</th>
                <th scope="col" class="cell-number">
                  {t('settings.limit')}
                </th>
                <th scope="col">{t('col.unit')}</th>
                <th scope="col" class="cell-number">
                  {t('settings.deadband')}
                </th>
                <th scope="col" class="cell-number">
                  {t('settings.on_delay_s')}
                </th>
                <th scope="col" class="cell-number">
                  {t('settings.off_delay_s')}
                </th>
                <th scope="col">{t('settings.enabled')}</th>
                <th scope="col">{t('col.message')}</th>
                <th scope="col" class="cell-number">
                  {t('revisions.revision')}
                </th>
                <th scope="col">
                  <span class="hidden">{t('settings.edit')}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((s) => (
                <SettingRow key={s.name} setting={s} editing={s.name === editing} onEdit={setEditing} />
              ))}
            </tbody>
          </table>
          {shown.length === 0 ? (
            <p class="page-note">{t(plantLoaded.value ? 'settings.empty' : 'app.loading')}</p>
          ) : null}
        </div>
        {editing === null ? null : <SettingEditor key={editing} setting={chosen} onClose={() => setEditing(null)} />}
      </div>
    </div>
  );
}
