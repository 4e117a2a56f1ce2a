import { useEffect, useRef, useState } from 'preact/hooks';
import type { Session } from '../../model/types.ts';
import { say, wordsOf } from '../../state/action.ts';
import { t } from '../../state/prefs.ts';
import { changingPassword, logOut } from '../../state/session.ts';
import { Icon } from '../icons.tsx';

export function UserMenu({ session }: { readonly session: Session }) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return undefined;
    const close = (event: Event) => {
      const outside =
        event instanceof KeyboardEvent ? event.key === 'Escape' : !root.current?.contains(event.target as Node);
      if (outside) setOpen(false);
    };
    document.addEventListener('pointerdown', close);
    document.addEventListener('keydown', close);
    return () => {
      document.removeEventListener('pointerdown', close);
      document.removeEventListener('keydown', close);
    };
  }, [open]);
  return (
    <div class="user" ref={root}>
      {/* On a narrow screen the name is not shown. */}
      <button
        type="button"
        class="flat"
        data-testid="user-menu"
        title={`${session.title} ${t(`role.${session.role}`)}`}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <Icon name="user" size={18} />
        <span class="user-name">{session.title}</span>
        <span class="user-role">{t(`role.${session.role}`)}</span>
      </button>
      {open ? (
        <div class="menu">
          <button
            type="button"
            data-testid="change-password"
            onClick={() => {
              setOpen(false);
              changingPassword.value = true;
            }}
          >
            {t('user.password')}
          </button>
          <button
            type="button"
            data-testid="logout"
            onClick={() => logOut().catch((e: unknown) => say('bad', wordsOf(e)))}
          >
            {t('user.logout')}
          </button>
        </div>
      ) : null}
    </div>
  );
}
