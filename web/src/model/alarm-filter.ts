/** Which alarms a list shows, and how many there would be behind each chip. */
import { isListed, isUnacked } from './alarm-list.ts';
import type { Alarm } from './types.ts';

/** States that a chip stands for; "latched" is E and F, "untrusted" and "chatter" go across the letters. */
export const STATE_CHIPS = ['B', 'C', 'D', 'latched', 'untrusted', 'chatter'] as const;
export type StateChip = (typeof STATE_CHIPS)[number];

export const isStateChip = (text: string): text is StateChip => STATE_CHIPS.some((chip) => chip === text);

/** '' and 0: all. */
export interface AlarmFilter {
  readonly site: string;
  readonly area: string;
  readonly position: string;
  readonly priority: number;
  readonly state: StateChip | '';
  /** Words that its name or its message must have, each of them. */
  readonly q: string;
}

export type Facet = keyof AlarmFilter;

export const NO_FILTER: AlarmFilter = { site: '', area: '', position: '', priority: 0, state: '', q: '' };

export function inState(a: Alarm, state: StateChip): boolean {
  switch (state) {
    case 'latched':
      return a.letter === 'E' || a.letter === 'F';
    case 'untrusted':
      return a.untrusted;
    case 'chatter':
      return a.chatter;
    default:
      return a.letter === state;
  }
}

function hasWords(a: Alarm, q: string): boolean {
  const text = `${a.name} ${a.message.en} ${a.message.zh}`.toLowerCase();
  return q
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

const TESTS: Readonly<Record<Facet, (a: Alarm, f: AlarmFilter) => boolean>> = {
  site: (a, f) => f.site === '' || a.site === f.site,
  area: (a, f) => f.area === '' || a.area === f.area,
  position: (a, f) => f.position === '' || a.position === f.position,
  priority: (a, f) => f.priority === 0 || a.priority === f.priority,
  state: (a, f) => f.state === '' || inState(a, f.state),
  q: (a, f) => f.q === '' || hasWords(a, f.q),
};
const FACETS = Object.keys(TESTS) as readonly Facet[];

/** Whether it passes; without the one facet whose choices are counted. */
export function passes(a: Alarm, filter: AlarmFilter, without?: Facet): boolean {
  return FACETS.every((facet) => facet === without || TESTS[facet](a, filter));
}

/** The choices of a facet that occur, each with the number that choosing it would show. */
export function choices(
  alarms: readonly Alarm[],
  filter: AlarmFilter,
  facet: 'site' | 'area' | 'position',
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const a of alarms) {
    const value = a[facet];
    if (value !== '' && passes(a, filter, facet)) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return new Map([...counts].sort(([x], [y]) => x.localeCompare(y, 'en', { numeric: true })));
}

export function countState(alarms: readonly Alarm[], filter: AlarmFilter, state: StateChip): number {
  return alarms.filter((a) => passes(a, filter, 'state') && inState(a, state)).length;
}

export function countPriority(alarms: readonly Alarm[], filter: AlarmFilter, priority: number): number {
  return alarms.filter((a) => passes(a, filter, 'priority') && a.priority === priority).length;
}

/** The lists, each with what belongs in it. */
export const LIST_TABS = ['active', 'unacked', 'confirm', 'shelved', 'suppressed', 'oos', 'disabled'] as const;
export type ListTab = (typeof LIST_TABS)[number];

export function inTab(a: Alarm, tab: ListTab): boolean {
  switch (tab) {
    case 'active':
      return isListed(a);
    case 'unacked':
      return isUnacked(a);
    case 'confirm':
      return a.confirm_due;
    case 'shelved':
      return a.letter === 'G';
    case 'suppressed':
      return a.letter === 'H';
    case 'oos':
      return a.letter === 'I';
    case 'disabled':
      return a.letter === 'Z';
  }
}
