import type { Session } from '../../model/types.ts';
import { say, wordsOf } from '../../state/action.ts';
import { t } from '../../state/prefs.ts';
import { changingPassword, logOut } from '../../state/session.ts';
import { Icon } from '../icons.tsx';
import { useMenu } from '../use-menu.ts';

export function UserMenu({ session }: { readonly session: Session }) {
  const { open, setOpen, root } = useMenu();
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
