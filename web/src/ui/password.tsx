import { useState } from 'preact/hooks';
import type { Session } from '../model/types.ts';
import { say, wordsOf } from '../state/action.ts';
import { Problem } from '../state/http.ts';
import { t } from '../state/prefs.ts';
import { changingPassword, logOut, setPassword } from '../state/session.ts';
import { Preferences } from './frame/top-bar.tsx';

const LENGTH_MIN = 12;

function wordsOfRefusal(error: unknown): string {
  if (error instanceof Problem && error.faults.length > 0) return error.faults.map((f) => f.detail).join('; ');
  return wordsOf(error);
}

export function PasswordPage({ session }: { readonly session: Session }) {
  const must = session.must_change_password;
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const [again, setAgain] = useState('');
  const [refusal, setRefusal] = useState('');
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    if ([...next].length < LENGTH_MIN) return setRefusal(t('password.short'));
    if (next !== again) return setRefusal(t('password.differ'));
    setBusy(true);
    try {
      await setPassword(must ? '' : current, next);
      say('good', t('password.done'));
    } catch (error) {
      setRefusal(wordsOfRefusal(error));
      setBusy(false);
    }
    return undefined;
  };
  const field = (
    label: string,
    testid: string,
    value: string,
    set: (text: string) => void,
    autocomplete: 'current-password' | 'new-password',
  ) => (
    <label>
      {label}
      <input
        type="password"
        data-testid={testid}
        autocomplete={autocomplete}
        required
        value={value}
        onInput={(event) => set(event.currentTarget.value)}
      />
    </label>
  );
  return (
    <div class="outside">
      <header class="top">
        <span class="product">{t('app.name')}</span>
        <span class="spread" />
        <Preferences />
      </header>
      <main>
        <form class="card" onSubmit={submit}>
          <h1>{t('password.title')}</h1>
          {must ? <p class="note">{t('password.must')}</p> : null}
          <input
            class="hidden"
            name="username"
            autocomplete="username"
            value={session.user}
            readOnly
            tabIndex={-1}
            aria-hidden="true"
          />
          {must ? null : field(t('password.current'), 'password-current', current, setCurrent, 'current-password')}
          {field(t('password.new'), 'password-new', next, setNext, 'new-password')}
          {field(t('password.again'), 'password-again', again, setAgain, 'new-password')}
          {refusal === '' ? null : (
            <p class="fault" role="alert" data-testid="password-error">
              {refusal}
            </p>
          )}
          <div class="buttons">
            <button type="submit" class="main" data-testid="password-submit" disabled={busy}>
              {t('password.submit')}
            </button>
            <button
              type="button"
              onClick={() => {
                if (must) void logOut().catch((e: unknown) => setRefusal(wordsOf(e)));
                else changingPassword.value = false;
              }}
            >
              {t(must ? 'user.logout' : 'password.cancel')}
            </button>
          </div>
        </form>
      </main>
    </div>
  );
}
