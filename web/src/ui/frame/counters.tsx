import { formatAge } from '../../model/format.ts';
import { ALARMS, type AlarmTab } from '../../model/route.ts';
import { stateCounts, unstoredSince } from '../../state/alarms.ts';
import { second } from '../../state/clock.ts';
import { lang, t } from '../../state/prefs.ts';
import { Go } from '../go.tsx';

const COUNTERS = [
  ['shelved', 'shelved'],
  ['suppressed', 'suppressed'],
  ['oos', 'oos'],
  ['disabled', 'disabled'],
  ['untrusted', 'untrusted'],
] as const satisfies readonly (readonly [string, AlarmTab])[];

/** Below this, storing is as quick as it should be. */
const BEHIND_MS = 2_000;

/** How far storing is behind; nothing while it keeps up. */
function Behind() {
  const since = unstoredSince.value;
  if (since === null || second.value - since < BEHIND_MS) return null;
  return (
    <strong class="behind" data-testid="journal-behind">
      {t('counts.behind', { age: formatAge(second.value - since, lang.value) })}
    </strong>
  );
}

/** On every page: how many alarms are not shown, and why; each leads to its list. */
export function Counters() {
  const counts = stateCounts.value;
  return (
    <nav class="counters" aria-label={t('counts.states')}>
      <Behind />
      {counts === null
        ? null
        : COUNTERS.map(([state, tab]) => (
            <Go
              key={state}
              to={{ ...ALARMS, tab }}
              class={counts[state] > 0 ? 'counter' : 'counter counter-none'}
              testid={`counter-${state}`}
            >
              {t(`counts.${state}`)} <b class="num">{counts[state]}</b>
            </Go>
          ))}
    </nav>
  );
}

/** In the alarm zone, which has one height: nothing on the screen moves when it comes, just when somebody is about to press. */
export function Flood() {
  const counts = stateCounts.value;
  if (counts === null || !counts.flooded) return null;
  return (
    <div class="flood" role="status" data-testid="flood">
      <strong>{t('counts.flood')}</strong> <span class="num">{t('counts.floodText', { n: counts.flood })}</span>
    </div>
  );
}
