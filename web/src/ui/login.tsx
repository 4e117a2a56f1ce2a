import { useEffect, useRef, useState } from 'preact/hooks';
import { wordsOf } from '../state/action.ts';
import { Problem } from '../state/http.ts';
import { t } from '../state/prefs.ts';
import { type Login, logIn } from '../state/session.ts';
import { Preferences } from './frame/top-bar.tsx';

function wordsOfRefusal(error: unknown): string {
  if (error instanceof Problem && error.status === 401) return t('login.wrong');
  if (error instanceof Problem && error.status === 429)
    return t('login.tooMany', { s: Math.max(1, error.retryAfterS) });
  return wordsOf(error);
}

function LoginForm({ ended }: { readonly ended: boolean }) {
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState('');
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => first.current?.focus(), []);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setRefusal('');
    try {
      await logIn(user.trim(), password);
    } catch (error) {
      setRefusal(wordsOfRefusal(error));
      setBusy(false);
    }
  };
  return (
    <form class="card" onSubmit={submit}>
      <h1>{t('login.title')}</h1>
      {ended && refusal === '' ? <p class="note">{t('login.ended')}</p> : null}
      <label>
        {t('login.user')}
        <input
          data-testid="login-user"
          name="user"
          autocomplete="username"
          autocapitalize="none"
          spellcheck={false}
          ref={first}
          required
          value={user}
          onInput={(event) => setUser(event.currentTarget.value)}
        />
      </label>
      <label>
        {t('login.password')}
        <input
          data-testid="login-password"
          name="password"
          type="password"
          autocomplete="current-password"
          required
          value={password}
          onInput={(event) => setPassword(event.currentTarget.value)}
        />
      </label>
      {refusal === '' ? null : (
        <p class="fault" role="alert" data-testid="login-error">
          {refusal}
        </p>
      )}
      <button type="submit" class="main" data-testid="login-submit" disabled={busy}>
        {t(busy ? 'login.busy' : 'login.submit')}
      </button>
    </form>
  );
}

/** Before anybody is known: the form, or why nobody can be known at present. */
export function LoginPage({ login }: { readonly login: Exclude<Login, { state: 'in' }> }) {
  return (
    <div class="outside">
      <header class="top">
        <span class="product">{t('app.name')}</span>
        <span class="spread" />
        <Preferences />
      </header>
      <main>
        {login.state === 'out' ? (
          <LoginForm ended={login.ended} />
        ) : (
          <p class="card" role="status" data-testid={`login-${login.state}`}>
            {t(
              login.state === 'asking'
                ? 'login.asked'
                : login.state === 'store_away'
                  ? 'login.storeAway'
                  : 'login.noServer',
            )}
          </p>
        )}
      </main>
    </div>
  );
}
