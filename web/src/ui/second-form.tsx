import { useRef, useState } from 'preact/hooks';
import type { Second } from '../model/second.ts';
import type { FieldChange } from '../model/setting-form.ts';
import type { Touched } from '../model/types.ts';
import { t } from '../state/prefs.ts';
import { wordsBefore, wordsOfTouched } from '../state/second.ts';
import { Difference } from './difference.tsx';
import { useFocus } from './use-focus.ts';

interface Props {
  /** What the server said when it wanted a second person. */
  readonly touched: Touched | undefined;
  /** What is agreed to: on the button. */
  readonly doing: string;
  /** What becomes of the fields; it may be in a part of the first one's form that is not in sight. */
  readonly changes: readonly FieldChange[];
  readonly reason: string;
  /** Repeats the request; '' when it went through, else why not. */
  readonly onAgree: (second: Second) => Promise<string>;
  readonly onCancel: () => void;
}

/** Asks for the second person's name and password, where the first one's change is. A password is gone as soon as it is sent. */
export function SecondForm({ touched, doing, changes, reason, onAgree, onCancel }: Props) {
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [fault, setFault] = useState('');
  const [busy, setBusy] = useState(false);
  const first = useRef<HTMLInputElement>(null);
  useFocus(first);
  const agree = async () => {
    const second = { name: name.trim(), password };
    const before = wordsBefore(second);
    setFault(before);
    if (busy || before !== '') return;
    setPassword('');
    setBusy(true);
    setFault(await onAgree(second));
    setBusy(false);
  };
  return (
    <form
      class="panel request"
      data-testid="second-form"
      aria-label={t('second.title')}
      autocomplete="off"
      onSubmit={(event) => {
        event.preventDefault();
        void agree();
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        onCancel();
      }}
    >
      <h2>{t('second.title')}</h2>
      <p class="request-names" data-testid="second-alarms">
        {wordsOfTouched(touched)}
      </p>
      <div data-testid="second-changes">
        {changes.length === 0 ? null : <Difference changes={changes} />}
        <p>{t('second.reason', { reason })}</p>
      </div>
      <p class="hint">{t('second.who')}</p>
      <label class="field">
        {t('second.name')}
        <input
          ref={first}
          data-testid="second-name"
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <label class="field">
        {t('second.password')}
        <input
          type="password"
          data-testid="second-password"
          autocomplete="new-password"
          value={password}
          onInput={(event) => setPassword(event.currentTarget.value)}
        />
      </label>
      {fault === '' ? null : (
        <p class="fault" role="alert" data-testid="second-fault">
          {fault}
        </p>
      )}
      <div class="buttons">
        <button type="submit" class="main" data-testid="second-agree" disabled={busy}>
          {t('second.agree', { doing })}
        </button>
        <button type="button" data-testid="second-cancel" onClick={onCancel}>
          {t('ask.cancel')}
        </button>
      </div>
    </form>
  );
}
