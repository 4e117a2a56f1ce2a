/** Sets of pens that a person has given names to: each is an address of the trends, as of the present. */
import { formatRoute, parseRoute, type TrendRoute } from './route.ts';

export interface NamedSet {
  readonly name: string;
  readonly route: TrendRoute;
}

export const SETS_MAX = 50;
export const SET_NAME_MAX = 60;

const byName = (a: NamedSet, b: NamedSet): number => a.name.localeCompare(b.name);

function setOf(name: unknown, address: unknown): NamedSet | null {
  if (typeof name !== 'string' || typeof address !== 'string' || name === '') return null;
  const [path = '', query = ''] = address.split('?');
  const route = parseRoute(path, query);
  return route.page === 'trend' && route.panes.length > 0 ? { name, route } : null;
}

/** What cannot be read is left out: it may have been written by a later version, or by hand. */
export function parseSets(text: string): readonly NamedSet[] {
  let kept: unknown;
  try {
    kept = JSON.parse(text);
  } catch {
    return [];
  }
  if (typeof kept !== 'object' || kept === null || Array.isArray(kept)) return [];
  const sets = Object.entries(kept).map(([name, address]) => setOf(name, address));
  return sets
    .filter((set) => set !== null)
    .sort(byName)
    .slice(0, SETS_MAX);
}

export function formatSets(sets: readonly NamedSet[]): string {
  return JSON.stringify(Object.fromEntries(sets.map((set) => [set.name, formatRoute(set.route)])));
}

/** Under the name of another one it takes its place. A set follows the present, wherever its view was held. null: no name, or too many. */
export function putSet(sets: readonly NamedSet[], name: string, route: TrendRoute): readonly NamedSet[] | null {
  const short = name.trim().slice(0, SET_NAME_MAX);
  const others = withoutSet(sets, short);
  if (short === '' || others.length >= SETS_MAX) return null;
  return [...others, { name: short, route: { ...route, until: null, focus: '' } }].sort(byName);
}

export function withoutSet(sets: readonly NamedSet[], name: string): readonly NamedSet[] {
  return sets.filter((set) => set.name !== name);
}
