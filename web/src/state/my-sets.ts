/** The named sets of who sits here. They stay on this workstation: each person finds their own, and nobody else's. */
import { computed, signal } from '@preact/signals';
import { formatSets, type NamedSet, parseSets } from '../model/my-sets.ts';
import { login } from './session.ts';

const keyOf = (user: string): string => `penstock.sets.${user}`;

function stored(user: string): readonly NamedSet[] {
  try {
    return parseSets(localStorage.getItem(keyOf(user)) ?? '');
  } catch {
    return [];
  }
}

const written = signal(0);
// Another window of this workstation, or of its other screen, may keep one, too: what is kept next must not undo that.
addEventListener('storage', (event) => {
  if (event.key === null || event.key.startsWith(keyOf(''))) written.value += 1;
});
const user = computed(() => (login.value.state === 'in' ? login.value.session.user : ''));

export const mySets = computed<readonly NamedSet[]>(() => {
  void written.value;
  return user.value === '' ? [] : stored(user.value);
});

/** refused: this workstation keeps nothing. */
export type Keeping = 'kept' | 'full' | 'refused';

/**
 * Changes them as they are by now: what another window has just kept stays, also where its word of that is still on its way. The
 * change may be null: there is no room for it.
 */
export function changeSets(change: (sets: readonly NamedSet[]) => readonly NamedSet[] | null): Keeping {
  const sets = change(stored(user.peek()));
  if (sets === null) return 'full';
  try {
    localStorage.setItem(keyOf(user.peek()), formatSets(sets));
  } catch {
    return 'refused';
  }
  written.value += 1;
  return 'kept';
}
