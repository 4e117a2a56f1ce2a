import assert from 'node:assert/strict';
import test from 'node:test';
import { ALARMS, formatRoute, KPI, parseRoute, type Route, trendAround, trendOf } from '../src/model/route.ts';
import { PENS_MAX, penOfTag } from '../src/model/trend-set.ts';
import { spanMs } from '../src/model/trend-view.ts';

const ROUTES: readonly (readonly [string, Route])[] = [
  ['/', { page: 'overview' }],
  ['/site/S1', { page: 'site', site: 'S1' }],
  ['/alarms', ALARMS],
  ['/alarms?tab=history&site=S1&alarm=S1/L_T1.high', { ...ALARMS, tab: 'history', site: 'S1', alarm: 'S1/L_T1.high' }],
  ['/alarms?area=North&position=main&state=latched', { ...ALARMS, area: 'North', position: 'main', state: 'latched' }],
  ['/alarms?tab=history&kind=shelve&order=src', { ...ALARMS, tab: 'history', kind: 'shelve', order: 'src' }],
  ['/kpi', KPI],
  ['/kpi?view=actors&position=main&days=7', { ...KPI, view: 'actors', position: 'main', days: 7 }],
  [
    '/kpi?from=2026-11-01T00:00:00.000Z&to=2026-11-08T00:00:00.000Z',
    { ...KPI, from: Date.UTC(2026, 10, 1), to: Date.UTC(2026, 10, 8) },
  ],
  ['/backtest?alarm=S1/L_T1.high&id=7', { page: 'backtest', alarm: 'S1/L_T1.high', id: '7' }],
  ['/alarms?tab=unacked&priority=2', { ...ALARMS, tab: 'unacked', priority: 2 }],
  ['/trend?tags=S1/L_T1,S1/L_T2&span=8h', trendOf(['S1/L_T1', 'S1/L_T2'])],
  [
    '/trend?tags=S1/L_T1&span=7d&to=2026-11-24T10:00:00.000Z',
    { ...trendOf(['S1/L_T1'], '7d'), until: Date.UTC(2026, 10, 24, 10) },
  ],
  [
    '/trend?tags=S1/L_T1~0..10,S1/L_T2~own;S1/F_PU1~range~step&one=2&span=5400s&over=week&pen=S1/L_T2&hide=alarms',
    {
      page: 'trend',
      panes: [
        {
          pens: [
            { tag: 'S1/L_T1', scale: { low: 0, high: 10 }, draw: 'tag' },
            { tag: 'S1/L_T2', scale: 'own', draw: 'tag' },
          ],
          oneAxis: false,
        },
        { pens: [{ tag: 'S1/F_PU1', scale: 'range', draw: 'step' }], oneAxis: true },
      ],
      spanMs: 5_400_000,
      until: null,
      overlay: 'week',
      focus: 'S1/L_T2',
      hide: ['alarms'],
    },
  ],
  ['/store', { page: 'store' }],
  ['/gateways', { page: 'gateways' }],
  ['/quarantine', { page: 'quarantine', gateway: '', code: 0, id: 0 }],
  ['/quarantine?gateway=gw-s1&code=7&id=12', { page: 'quarantine', gateway: 'gw-s1', code: 7, id: 12 }],
  ['/ledger', { page: 'ledger', gateway: '' }],
  ['/ledger?gateway=gw-s1', { page: 'ledger', gateway: 'gw-s1' }],
  ['/settings?q=level', { page: 'settings', q: 'level' }],
  ['/revisions', { page: 'revisions' }],
];

for (const [address, route] of ROUTES) {
  test(`the address ${address} is a screen, and the screen has that address`, () => {
    const url = new URL(address, 'https://x');
    assert.deepEqual(parseRoute(url.pathname, url.search), route);
    assert.equal(formatRoute(route), address);
  });
}

test('what is wrong in an address falls back to what is usual', () => {
  const one = { ...trendOf(['a']), spanMs: spanMs('8h') };
  assert.deepEqual(parseRoute('/trend', '?tags=,a,a,;;&span=9y&to=never&over=year&hide=all&one=x'), one);
  assert.deepEqual(parseRoute('/alarms', '?tab=x&priority=7&state=Q&kind=never&order=odd'), ALARMS);
  assert.deepEqual(parseRoute('/kpi', '?days=3&from=never'), KPI);
  assert.deepEqual(parseRoute('/quarantine', '?code=x&id=-1'), { page: 'quarantine', gateway: '', code: 0, id: 0 });
  assert.equal(parseRoute('/site', '').page, 'missing');
  assert.equal(parseRoute('/site/a/b', '').page, 'missing');
  assert.equal(parseRoute('/nothing', '').page, 'missing');
  assert.deepEqual(parseRoute('/site/%E0%A4%A', ''), { page: 'site', site: '%E0%A4%A' });
});

test('a trend has no more pens than it can show', () => {
  const many = Array.from({ length: 20 }, (_, i) => `S1/T${i}`);
  const route = parseRoute('/trend', `?tags=${many.join(',')}`);
  assert.deepEqual(route.page === 'trend' && route.panes[0]?.pens, many.slice(0, PENS_MAX).map(penOfTag));
});

test('the trend of an alarm shows a quarter of an hour around it, and follows the present where that is not over', () => {
  const at = Date.UTC(2026, 10, 24, 10);
  assert.equal(trendAround(['S1/L'], at, at + 3_600_000).until, at + 900_000);
  assert.equal(trendAround(['S1/L'], at, at + 60_000).until, null);
});
