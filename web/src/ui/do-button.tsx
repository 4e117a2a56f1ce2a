import { whyNot } from '../model/alarm-may.ts';
import type { Alarm, AlarmDo } from '../model/types.ts';
import { pending, start } from '../state/alarms.ts';
import { t } from '../state/prefs.ts';
import { login } from '../state/session.ts';

interface Props {
  readonly what: AlarmDo;
  readonly alarm: Alarm;
  /** Which source an unsuppression means. */
  readonly source?: string;
  readonly class?: string;
  /** Not in the order of Tab: the list has keys of its own. */
  readonly still?: boolean;
  readonly label?: string;
}

/** Asks one thing of one alarm. Where that is not possible it can still be pressed, and says why. */
export function DoButton({ what, alarm, source, class: name = '', still = false, label }: Props) {
  const state = login.value;
  const why = whyNot(what, alarm, state.state === 'in' ? state.session.role : 'viewer');
  const text = label ?? t(`do.${what}`);
  return (
    <button
      type="button"
      class={name}
      tabIndex={still ? -1 : undefined}
      aria-disabled={why !== null}
      disabled={pending.value.has(alarm.name)}
      title={why === null ? undefined : t(`why.${why}`)}
      aria-label={`${text} ${alarm.name}`}
      data-testid={`do-${what}-${alarm.name}`}
      onClick={(event) => {
        event.stopPropagation();
        start(what, alarm, source);
      }}
    >
      {text}
    </button>
  );
}
