import { formatClock } from '../../model/format.ts';
import { lastAction } from '../../state/action.ts';
import { newBuild } from '../../state/live.ts';
import { t } from '../../state/prefs.ts';
import { Counters } from './counters.tsx';

export function StatusLine() {
  const action = lastAction.value;
  return (
    <footer class="status">
      <output
        class={`status-text status-${action?.tone ?? 'plain'}`}
        aria-label={t('status.label')}
        data-testid="status-line"
      >
        {action === null ? (
          t('status.ready')
        ) : (
          <>
            <span class="num">{formatClock(action.at)}</span> {action.text}
          </>
        )}
      </output>
      <Counters />
      {newBuild.value ? (
        <span class="status-build">
          {t('app.newBuild')}{' '}
          <button type="button" class="flat" onClick={() => location.reload()}>
            {t('app.reload')}
          </button>
        </span>
      ) : null}
    </footer>
  );
}
