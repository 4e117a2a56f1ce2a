import { formatClock, formatSince } from '../../model/format.ts';
import { second } from '../../state/clock.ts';
import { link } from '../../state/live.ts';
import { store } from '../../state/plant.ts';
import { t } from '../../state/prefs.ts';

/** Silence is never shown as health: a frame around everything, and since when. */
export function NotLive() {
  const state = link.value;
  if (state.state !== 'lost') return null;
  const text = state.since === null ? t('notLive.never') : t('notLive.since', { time: formatClock(state.since) });
  return (
    <div class="not-live" role="alert" data-testid="not-live">
      <p>
        <strong>{text}</strong> {t('notLive.retry')}
      </p>
    </div>
  );
}

export function StoreAway() {
  const { state, since, text } = store.value;
  if (state !== 'away') return null;
  return (
    <div class="store-away" role="alert" data-testid="store-away">
      <strong>{t('store.away', { time: formatSince(since, second.value) })}</strong> {t('store.awayText')}
      {text === '' ? null : <span class="store-away-why"> ({text})</span>}
    </div>
  );
}
