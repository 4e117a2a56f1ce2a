import assert from 'node:assert/strict';
import test from 'node:test';
import { ALARMS, formatRoute, PENS_MAX, parseRoute, type Route, trendOf } from '../src/model/route.ts';

const ROUTES: readonly (readonly [string, Route])[] = [
  ['/', { page: 'overview' }],
  ['/site/S1', { page: 'site', site: 'S1' }],
  ['/alarms', ALARMS],
  [
    '/alarms?tab=history&site=S1&alarm=S1/L_T1.high',
    { page: 'alarms', tab: 'history', site: 'S1', priority: 0, alarm: 'S1/L_T1.high' },
  ],
  ['/alarms?tab=unacked&priority=2', { ...ALARMS, tab: 'unacked', priority: 2 }],
  ['/trend?tags=S1/L_T1,S1/L_T2&span=8h', trendOf(['S1/L_T1', 'S1/L_T2'])],
  [
    '/trend?tags=S1/L_T1&span=7d&to=2026-11-24T10:00:00.000Z',
    { page: 'trend', tags: ['S1/L_T1'], span: '7d', until: Date.UTC(2026, 10, 24, 10) },
  ],
  ['/gateways', { page: 'gateways' }],
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
  assert.deepEqual(parseRoute('/trend', '?tags=,a,a,&span=9y&to=never'), {
    page: 'trend',
    tags: ['a'],
    span: '8h',
    until: null,
  });
  assert.deepEqual(parseRoute('/alarms', '?tab=x&priority=7'), ALARMS);
  assert.equal(parseRoute('/site', '').page, 'missing');
  assert.equal(parseRoute('/site/a/b', '').page, 'missing');
  assert.equal(parseRoute('/nothing', '').page, 'missing');
  assert.deepEqual(parseRoute('/site/%E0%A4%A', ''), { page: 'site', site: '%E0%A4%A' });
});

test('a trend has no more pens than it can show', () => {
  const many = Array.from({ length: 20 }, (_, i) => `S1/T${i}`);
  const route = parseRoute('/trend', `?tags=${many.join(',')}`);
  assert.equal(route.page === 'trend' && route.tags.length, PENS_MAX);
});
