/** The address is the screen's state: each route has one address, and each address one route. */
import { type AlarmFilter, isStateChip, LIST_TABS, NO_FILTER } from './alarm-filter.ts';
import { formatPanes, PENS_MAX, parsePanes, penOfTag, type SetPane } from './trend-set.ts';
import { formatSpan, OVERLAYS, type Overlay, parseSpan, type Span, spanMs, type View } from './trend-view.ts';
import { type AlarmRecordKind, RECORD_KINDS } from './types.ts';

export const ALARM_TABS = [...LIST_TABS, 'untrusted', 'history'] as const;
export type AlarmTab = (typeof ALARM_TABS)[number];

/** What is left out of a filter is '' or 0: all. */
export interface AlarmsRoute extends AlarmFilter {
  readonly page: 'alarms';
  readonly tab: AlarmTab;
  /** The alarm whose history is shown; '' for all. */
  readonly alarm: string;
  /** The kind of record that the history shows; '' for all. */
  readonly kind: AlarmRecordKind | '';
  /** The history in the order in which the room knew, or in which it happened. */
  readonly order: 'at' | 'src';
  /** The history shows how everything stood then, in milliseconds; null: what happened. */
  readonly moment: number | null;
}

export const KPI_DAYS = [1, 7, 30, 90] as const;
export type KpiView = 'report' | 'actors';

export interface KpiRoute {
  readonly page: 'kpi';
  readonly view: KpiView;
  readonly position: string;
  /** Length of the period that ends now, unless both ends are given. */
  readonly days: number;
  readonly from: number | null;
  readonly to: number | null;
}

/** What may be left out of a trend's picture. */
export const TREND_LAYERS = ['limits', 'alarms'] as const;
export type TrendLayer = (typeof TREND_LAYERS)[number];

export interface TrendRoute extends View {
  readonly page: 'trend';
  readonly panes: readonly SetPane[];
  /** The same pens of another time, drawn pale. */
  readonly overlay: Overlay | '';
  /** The pen whose limits are drawn; '' where a pane has only one. */
  readonly focus: string;
  readonly hide: readonly TrendLayer[];
}

export type Route =
  | { readonly page: 'overview' }
  | { readonly page: 'site'; readonly site: string }
  | AlarmsRoute
  | KpiRoute
  | TrendRoute
  | { readonly page: 'backtest'; readonly alarm: string; readonly id: string }
  | { readonly page: 'gateways' }
  | { readonly page: 'ledger'; readonly gateway: string }
  | { readonly page: 'store' }
  | { readonly page: 'quarantine'; readonly gateway: string; readonly code: number; readonly id: number }
  | { readonly page: 'settings'; readonly q: string }
  | { readonly page: 'revisions' }
  | { readonly page: 'missing'; readonly path: string };

function alarmsRoute(query: URLSearchParams): AlarmsRoute {
  const text = (key: string): string => query.get(key) ?? '';
  const priority = Number(query.get('priority') ?? 0);
  const state = text('state');
  return {
    page: 'alarms',
    tab: ALARM_TABS.find((tab) => tab === query.get('tab')) ?? 'active',
    site: text('site'),
    area: text('area'),
    position: text('position'),
    priority: [1, 2, 3, 4].includes(priority) ? priority : 0,
    state: isStateChip(state) ? state : '',
    q: text('q'),
    alarm: text('alarm'),
    kind: RECORD_KINDS.find((kind) => kind === query.get('kind')) ?? '',
    order: query.get('order') === 'src' ? 'src' : 'at',
    moment: time(query, 'moment'),
  };
}

function time(query: URLSearchParams, key: string): number | null {
  const ms = Date.parse(query.get(key) ?? '');
  return Number.isNaN(ms) ? null : ms;
}

function kpiRoute(query: URLSearchParams): KpiRoute {
  const days = Number(query.get('days'));
  return {
    page: 'kpi',
    view: query.get('view') === 'actors' ? 'actors' : 'report',
    position: query.get('position') ?? '',
    days: KPI_DAYS.find((d) => d === days) ?? KPI.days,
    from: time(query, 'from'),
    to: time(query, 'to'),
  };
}

function trendRoute(query: URLSearchParams): TrendRoute {
  const hidden = (query.get('hide') ?? '').split(',');
  return {
    page: 'trend',
    panes: parsePanes(query.get('tags') ?? '', query.get('one') ?? ''),
    spanMs: parseSpan(query.get('span')) ?? spanMs(USUAL_SPAN),
    until: time(query, 'to'),
    overlay: OVERLAYS.find((overlay) => overlay === query.get('over')) ?? '',
    focus: query.get('pen') ?? '',
    hide: TREND_LAYERS.filter((layer) => hidden.includes(layer)),
  };
}

/** A whole number above 0, else 0. */
function whole(text: string | null): number {
  const n = Number(text);
  return Number.isSafeInteger(n) && n > 0 ? n : 0;
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
    case 'store':
    case 'revisions':
      return { page: first };
    case 'site':
      return second === undefined ? { page: 'missing', path } : { page: 'site', site: second };
    case 'alarms':
      return alarmsRoute(query);
    case 'kpi':
      return kpiRoute(query);
    case 'backtest':
      return { page: 'backtest', alarm: query.get('alarm') ?? '', id: query.get('id') ?? '' };
    case 'ledger':
      return { page: 'ledger', gateway: query.get('gateway') ?? '' };
    case 'quarantine':
      return {
        page: 'quarantine',
        gateway: query.get('gateway') ?? '',
        code: whole(query.get('code')),
        id: whole(query.get('id')),
      };
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
    // Names of tags stay readable: these need no escape in a query.
    .map(([key, value]) => `${key}=${encodeURIComponent(value).replace(/%(2F|2C|3A|3B)/g, decodeURIComponent)}`)
    .join('&');
  return query === '' ? path : `${path}?${query}`;
}

const isoOf = (ms: number | null): string => (ms === null ? '' : new Date(ms).toISOString());

function trendQuery(route: TrendRoute): readonly (readonly [string, string])[] {
  const { tags, one } = formatPanes(route.panes);
  return [
    ['tags', tags],
    ['one', one],
    ['span', formatSpan(route.spanMs)],
    ['to', isoOf(route.until)],
    ['over', route.overlay],
    ['pen', route.focus],
    ['hide', route.hide.join(',')],
  ];
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
        ['area', route.area],
        ['position', route.position],
        ['priority', route.priority === 0 ? '' : String(route.priority)],
        ['state', route.state],
        ['q', route.q],
        ['alarm', route.alarm],
        ['kind', route.kind],
        ['order', route.order === 'at' ? '' : route.order],
        ['moment', isoOf(route.moment)],
      ]);
    case 'kpi':
      return withQuery('/kpi', [
        ['view', route.view === 'report' ? '' : route.view],
        ['position', route.position],
        ['days', route.days === KPI.days ? '' : String(route.days)],
        ['from', isoOf(route.from)],
        ['to', isoOf(route.to)],
      ]);
    case 'backtest':
      return withQuery('/backtest', [
        ['alarm', route.alarm],
        ['id', route.id],
      ]);
    case 'trend':
      return withQuery('/trend', trendQuery(route));
    case 'ledger':
      return withQuery('/ledger', [['gateway', route.gateway]]);
    case 'quarantine':
      return withQuery('/quarantine', [
        ['gateway', route.gateway],
        ['code', route.code === 0 ? '' : String(route.code)],
        ['id', route.id === 0 ? '' : String(route.id)],
      ]);
    case 'settings':
      return withQuery('/settings', [['q', route.q]]);
    case 'gateways':
    case 'store':
    case 'revisions':
      return `/${route.page}`;
    case 'missing':
      return route.path;
  }
}

export const ALARMS: AlarmsRoute = {
  ...NO_FILTER,
  page: 'alarms',
  tab: 'active',
  alarm: '',
  kind: '',
  order: 'at',
  moment: null,
};
export const KPI: KpiRoute = { page: 'kpi', view: 'report', position: '', days: 30, from: null, to: null };

/** A quarter of an hour before and after a moment, or up to now if that is not over yet. */
export function trendAround(tags: readonly string[], ms: number, nowMs: number): TrendRoute {
  const until = ms + QUARTER_MS;
  return { ...trendOf(tags, '1h'), until: until < nowMs ? until : null };
}

const QUARTER_MS = 15 * 60_000;

const USUAL_SPAN: Span = '8h';

/** In one pane. */
export function trendOf(tags: readonly string[], span: Span = USUAL_SPAN): TrendRoute {
  const pens = tags.slice(0, PENS_MAX).map(penOfTag);
  const panes = pens.length === 0 ? [] : [{ pens, oneAxis: false }];
  return { page: 'trend', panes, spanMs: spanMs(span), until: null, overlay: '', focus: '', hide: [] };
}
