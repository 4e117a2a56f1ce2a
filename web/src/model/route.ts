/** The address is the screen's state: each route has one address, and each address one route. */

export const SPANS = ['10m', '1h', '4h', '8h', '24h', '3d', '7d'] as const;
export type Span = (typeof SPANS)[number];

const SPAN_MS: Readonly<Record<Span, number>> = {
  '10m': 600_000,
  '1h': 3_600_000,
  '4h': 14_400_000,
  '8h': 28_800_000,
  '24h': 86_400_000,
  '3d': 259_200_000,
  '7d': 604_800_000,
};

export const spanMs = (span: Span): number => SPAN_MS[span];

export const PENS_MAX = 8;

export type AlarmTab = 'active' | 'unacked' | 'history';

export interface AlarmsRoute {
  readonly page: 'alarms';
  readonly tab: AlarmTab;
  /** '' and 0: all of them. */
  readonly site: string;
  readonly priority: number;
  /** The alarm whose history is shown; '' for all. */
  readonly alarm: string;
}

export interface TrendRoute {
  readonly page: 'trend';
  readonly tags: readonly string[];
  readonly span: Span;
  /** Right edge in milliseconds; null follows the present. */
  readonly until: number | null;
}

export type Route =
  | { readonly page: 'overview' }
  | { readonly page: 'site'; readonly site: string }
  | AlarmsRoute
  | TrendRoute
  | { readonly page: 'gateways' }
  | { readonly page: 'settings'; readonly q: string }
  | { readonly page: 'revisions' }
  | { readonly page: 'missing'; readonly path: string };

const isSpan = (text: string | null): text is Span => SPANS.some((s) => s === text);

function alarmsRoute(query: URLSearchParams): AlarmsRoute {
  const tab = query.get('tab');
  const priority = Number(query.get('priority') ?? 0);
  return {
    page: 'alarms',
    tab: tab === 'unacked' || tab === 'history' ? tab : 'active',
    site: query.get('site') ?? '',
    priority: [1, 2, 3, 4].includes(priority) ? priority : 0,
    alarm: query.get('alarm') ?? '',
  };
}

function trendRoute(query: URLSearchParams): TrendRoute {
  const tags = (query.get('tags') ?? '').split(',').filter((name) => name !== '');
  const span = query.get('span');
  const until = Date.parse(query.get('to') ?? '');
  return {
    page: 'trend',
    tags: [...new Set(tags)].slice(0, PENS_MAX),
    span: isSpan(span) ? span : '8h',
    until: Number.isNaN(until) ? null : until,
  };
}

/** A path segment as text; a broken escape is taken as it stands. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function parseRoute(path: string, search: string): Route {
  const query = new URLSearchParams(search);
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decode);
  const [first = 'overview', second] = parts;
  if (parts.length > (first === 'site' ? 2 : 1)) return { page: 'missing', path };
  switch (first) {
    case 'overview':
    case 'gateways':
    case 'revisions':
      return { page: first };
    case 'site':
      return second === undefined ? { page: 'missing', path } : { page: 'site', site: second };
    case 'alarms':
      return alarmsRoute(query);
    case 'trend':
      return trendRoute(query);
    case 'settings':
      return { page: 'settings', q: query.get('q') ?? '' };
    default:
      return { page: 'missing', path };
  }
}

function withQuery(path: string, pairs: readonly (readonly [string, string])[]): string {
  const query = pairs
    .filter(([, value]) => value !== '')
    // Names of tags stay readable: a slash and a comma need no escape in a query.
    .map(
      ([key, value]) =>
        `${key}=${encodeURIComponent(value).replace(/%2F/g, '/').replace(/%2C/g, ',').replace(/%3A/g, ':')}`,
    )
    .join('&');
  return query === '' ? path : `${path}?${query}`;
}

export function formatRoute(route: Route): string {
  switch (route.page) {
    case 'overview':
      return '/';
    case 'site':
      return `/site/${encodeURIComponent(route.site)}`;
    case 'alarms':
      return withQuery('/alarms', [
        ['tab', route.tab === 'active' ? '' : route.tab],
        ['site', route.site],
        ['priority', route.priority === 0 ? '' : String(route.priority)],
        ['alarm', route.alarm],
      ]);
    case 'trend':
      return withQuery('/trend', [
        ['tags', route.tags.join(',')],
        ['span', route.span],
        ['to', route.until === null ? '' : new Date(route.until).toISOString()],
      ]);
    case 'settings':
      return withQuery('/settings', [['q', route.q]]);
    case 'gateways':
    case 'revisions':
      return `/${route.page}`;
    case 'missing':
      return route.path;
  }
}

export const ALARMS: AlarmsRoute = { page: 'alarms', tab: 'active', site: '', priority: 0, alarm: '' };

export function trendOf(tags: readonly string[], span: Span = '8h'): TrendRoute {
  return { page: 'trend', tags: tags.slice(0, PENS_MAX), span, until: null };
}
