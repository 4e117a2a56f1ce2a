// The trend workbench and the store's page in Chromium, over history that a gateway brought. Screenshots go to build/artefacts.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { chromium } from 'playwright-core';
import { data, dict, welcomed } from '../lib/link.mjs';
import { Penstock, artefacts, password, until } from '../lib/penstock.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const ARGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  // What is downloaded is fetched outside of the page, where the context's word about certificates does not count.
  '--ignore-certificate-errors'];
/** Whatever is waited for may take long where much else runs: the time is there to end a hang alone. */
const PATIENCE_MS = 120_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const BAD = 0x82;
const UNCERTAIN = 0x43;

const tag = (name, more) => ({ name: `S1/${name}`, gateway: 'gw-a', low: 0, high: 100, unit: 'm', decimals: 1, stale_s: 120, ...more });
const config = {
  sites: [{ name: 'S1', title: 'Station 1' }], gateways: [{ name: 'gw-a', site: 'S1' }],
  tags: [
    tag('LEVEL', { title: { en: 'Level of the tank', zh: '水池液位' } }), tag('FLOW', { unit: 'L/s' }), tag('QUIET', { unit: 'kW' }),
    ...Array.from({ length: 30 }, (_, i) => tag(`PEN${i}`)),
    { name: 'S1/RUN', gateway: 'gw-a', type: 'bool', stale_s: 120 }, { name: 'S1/TWICE', expr: 'LEVEL * 2', unit: 'm' },
  ],
  alarms: [
    { name: 'S1/LEVEL.high', kind: 'high', tag: 'S1/LEVEL', limit: 90, deadband: 1, priority: 1, message: { en: 'Level high', zh: '液位高' } },
    { name: 'S1/LEVEL.low', kind: 'low', tag: 'S1/LEVEL', limit: 10, deadband: 1, priority: 3, message: { en: 'Level low', zh: '液位低' } },
  ],
};

/** Minutes before now of what the level is: 30 to 20 nothing came, 15 to 12 it was bad, 10 to 8 uncertain. */
function levelAt(ago) {
  if (ago < 30 && ago > 20) return null;
  const quality = ago <= 15 && ago > 12 ? BAD : ago <= 10 && ago > 8 ? UNCERTAIN : 0;
  return { value: 40 + (ago % 20), quality };
}

describe('the trend workbench in the browser', { concurrency: false }, () => {
  const p = new Penstock({ build: 'release', config });
  const complaints = [];
  const asked = [];
  const start = Math.floor(Date.now() / MINUTE) * MINUTE;
  let browser, page, g;
  let seq = 1;

  /** One record: [alias, value, quality] at a time. */
  const record = (ms, ...values) => data({ seq: seq++, samples: values.map(([alias, value, quality = 0]) => [alias, BigInt(Math.round(ms)) * 1000n, value, quality]) });

  before(async () => {
    mkdirSync(artefacts, { recursive: true });
    await p.prepare({ gateways: ['gw-a'] });
    await p.startServer();
    g = await welcomed(p, 'gw-a', { next: 0, answers: true });
    g.send(dict({ seq: 0, entries: [[1, 'LEVEL'], [2, 'FLOW'], [3, 'RUN', 1]] }));
    // The same hour, a day and a week ago: what may be laid over; and a year ago, a single day of it.
    for (const days of [300, 7, 1]) {
      for (let ago = 60; ago >= 0; ago--) g.send(record(start - days * DAY - ago * MINUTE, [1, 20 + days / 10]));
      await g.acked(seq - 1); // so many may be on the way at once
    }
    for (let ago = 120; ago >= 1; ago--) {
      const level = levelAt(ago);
      const others = [[2, ago], [3, ago % 40 < 20]];
      g.send(level === null ? record(start - ago * MINUTE, ...others) : record(start - ago * MINUTE, [1, level.value, level.quality], ...others));
    }
    await g.acked(seq - 1);
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGS });
    page = await open();
  });
  after(async () => {
    await browser?.close();
    g?.end();
    await p.stop();
  });

  const url = (path) => `https://localhost:${p.ports.web}${path}`;
  const id = (name) => page.getByTestId(name);
  const text = async (name) => (await id(name).innerText()).trim();
  const search = () => new URL(page.url()).searchParams;
  const addressed = (key, value) => until(`${key}=${value} in the address`, () => search().get(key) === value);

  async function open(options = {}) {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1920, height: 1080 }, acceptDownloads: true, ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    const one = await context.newPage();
    one.on('console', (m) => {
      if (['error', 'warning'].includes(m.type()) && !/status of 401|willReadFrequently/.test(m.text())) complaints.push(m.text());
    });
    one.on('pageerror', (e) => complaints.push(String(e)));
    one.on('request', (r) => {
      if (r.url().includes('/api/samples?')) asked.push(new URL(r.url()).searchParams);
    });
    await one.goto(url('/'));
    await one.getByTestId('login-user').fill('operator');
    await one.getByTestId('login-password').fill(password('operator'));
    await one.getByTestId('login-submit').click();
    await one.getByTestId('site-tile-S1').waitFor();
    return one;
  }

  const loaded = (on = page) => on.locator('[data-testid=trend-charts][data-loading=false]').waitFor();

  async function go(path) {
    await page.goto(url(path));
    await loaded();
  }

  /** Nothing that keeps a person with a screen reader out. */
  async function accessible(name) {
    await page.screenshot({ path: join(artefacts, `${name}.png`) });
    await page.evaluate(axe);
    const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    assert.deepEqual(found.violations.filter((v) => ['serious', 'critical'].includes(v.impact)).map((v) => `${v.id}: ${v.nodes[0].target}`), []);
  }

  /** The plot within its axes. */
  const plot = (pane = 1) => id(`pane-${pane}`).locator('.u-over').boundingBox();

  /** The pointer over a time, `ago` minutes before `start`, in a view that ends then and is an hour long. */
  async function pointAt(ago) {
    const box = await plot();
    await page.mouse.move(box.x + (box.width * (60 - ago)) / 60, box.y + box.height / 2);
  }

  /** Until something is so while the pointer is there, wherever the plot moves meanwhile. */
  const pointing = (ago, what, condition) =>
    until(what, async () => {
      await pointAt(ago);
      return condition();
    });

  const hour = (tags, more = '') => `/trend?tags=${tags}&span=1h&to=${new Date(start).toISOString()}${more}`;

  test('a tag is searched for and becomes a pen; the next goes where it is told to', async () => {
    await page.goto(url('/trend'));
    await page.getByText('Add a tag to see its trend').waitFor();
    await accessible('trend-empty');
    await id('trend-search').fill('tank');
    await page.keyboard.press('Enter');
    await id('pen-S1/LEVEL').waitFor();
    await id('trend-search').fill('s1/flow');
    await page.keyboard.press('Enter');
    await id('pen-S1/FLOW').waitFor();
    await id('trend-into-2').click();
    await id('trend-search').fill('run');
    await page.keyboard.press('Enter');
    await id('pane-2').waitFor();
    await addressed('tags', 'S1/LEVEL,S1/FLOW;S1/RUN');
    await id('pen-pane-S1/FLOW').selectOption('2');
    await addressed('tags', 'S1/LEVEL;S1/RUN,S1/FLOW');
    await page.goBack();
    await addressed('tags', 'S1/LEVEL,S1/FLOW;S1/RUN');
    await id('pen-remove-S1/FLOW').click();
    await addressed('tags', 'S1/LEVEL;S1/RUN');
  });

  test('four panes of eight pens are drawn, and no more are taken', async () => {
    const panes = [['LEVEL', 'FLOW'], [], [], []].map((pens, i) => [...pens, ...Array.from({ length: 8 - pens.length }, (_, k) => `PEN${i * 8 + k - (i > 0 ? 2 : 0)}`)]);
    const asText = (all) => all.map((pens) => pens.map((name) => `S1/${name}`).join(',')).join(';');
    await go(hour(asText(panes)));
    await id('pane-4').locator('canvas').first().waitFor();
    assert.equal(await page.locator('.trend-pane').count(), 4);
    assert.equal(await page.locator('[data-testid^=pen-cursor-]').count(), 32);
    await pointing(40.5, 'the value at the cursor', async () => (await text('pen-cursor-S1/FLOW')) === '41.0');
    assert.match(await id('trend-search').getAttribute('placeholder'), /full: 8 pens/);
    assert.ok(await id('trend-search').isDisabled());
    assert.equal(await id('trend-into-5').count(), 0);
    await accessible('trend-full');
  });

  test('a calculated tag is said to have no history, where it is chosen and where nothing is drawn', async () => {
    await go(hour('S1/LEVEL'));
    await id('trend-search').fill('twice');
    assert.match(await text('trend-found-S1/TWICE'), /calculated, not stored/);
    await go(hour('S1/LEVEL;S1/TWICE'));
    assert.match(await text('pen-S1/TWICE'), /calculated, not stored/);
    assert.doesNotMatch(await text('pen-S1/LEVEL'), /calculated/);
    assert.match(await text('pane-2'), /Calculated from other tags: history does not keep it/);
    await accessible('trend-calculated');
  });

  test('a set that a person has named is found again by its name', async () => {
    await go('/trend?tags=S1/LEVEL,S1/FLOW~own;S1/RUN&span=4h');
    await id('my-sets').click();
    await id('set-name').fill('Tank and pump');
    await accessible('trend-sets');
    await id('set-save').click();
    await page.goto(url('/trend'));
    await id('my-sets').click();
    await id('set-Tank and pump').click();
    await addressed('tags', 'S1/LEVEL,S1/FLOW~own;S1/RUN');
    await addressed('span', '4h');
    await id('pen-S1/RUN').waitFor();
    assert.equal(await id('set-name').count(), 0, 'the list is closed');
    await id('my-sets').click();
    await id('set-remove-Tank and pump').click();
    await page.getByText('You have not named a set yet').waitFor();
    await page.keyboard.press('Escape');
    assert.equal(await id('set-name').count(), 0);
  });

  test('what another window keeps is not undone by this one', async () => {
    await go('/trend?tags=S1/LEVEL&span=4h');
    const other = await page.context().newPage();
    await other.goto(url('/trend?tags=S1/FLOW&span=8h'));
    for (const window of [page, other]) await window.getByTestId('my-sets').click(); // both have looked before one keeps something
    const keep = async (window, name) => {
      await window.getByTestId('set-name').fill(name);
      await window.getByTestId('set-save').click();
    };
    await keep(other, 'Of the other');
    await id('set-Of the other').waitFor(); // the browser tells this window of it
    await keep(page, 'Of this');
    await other.close();
    await id('my-sets').click();
    for (const name of ['Of the other', 'Of this']) await id(`set-remove-${name}`).click();
    await page.keyboard.press('Escape');
  });

  test('one cursor over all panes says what each pen was, and how good', async () => {
    await go(hour('S1/LEVEL,S1/FLOW;S1/RUN'));
    await pointing(40.5, 'the value at the cursor', async () => (await text('pen-cursor-S1/FLOW')) === '41.0');
    assert.equal(await text('pen-quality-S1/LEVEL'), 'good');
    assert.equal(await text('pen-cursor-S1/RUN'), 'on');
    const lines = await page.locator('.chart-cursor').evaluateAll((all) => all.map((line) => Math.round(line.getBoundingClientRect().left)));
    assert.equal(lines.length, 2);
    assert.equal(lines[0], lines[1], 'at the same time, above each other');
    for (const [ago, says] of [[25, 'no samples'], [13.5, 'bad'], [9, 'uncertain'], [5.5, 'good']]) {
      await pointing(ago, `${ago} minutes ago: ${says}`, async () => (await text('pen-quality-S1/LEVEL')) === says);
    }
    assert.equal(await text('pen-cursor-S1/LEVEL'), '46.0');
    assert.deepEqual([await text('pen-min-S1/LEVEL'), await text('pen-max-S1/LEVEL')], ['40.0', '59.0']);
    assert.match(await text('pen-average-S1/FLOW'), /^(≈ )?30\.\d$/);
    await accessible('trend-cursor');
  });

  /** Of the pen's own colour, in the columns of the plot between two times. */
  async function ink(from, to) {
    await page.mouse.move(1, 1);
    const area = await plot();
    return id('pane-1').locator('canvas').evaluate((canvas, { left, width, top, height, a, b }) => {
      const px = devicePixelRatio;
      const rect = canvas.getBoundingClientRect();
      const pen = getComputedStyle(document.documentElement).getPropertyValue('--pen-1').trim();
      const [r, g, blue] = [1, 3, 5].map((i) => Number.parseInt(pen.slice(i, i + 2), 16));
      const x = (left - rect.left + (width * (60 - a)) / 60 + 3) * px;
      const end = (left - rect.left + (width * (60 - b)) / 60 - 3) * px;
      const { data: pixels } = canvas.getContext('2d').getImageData(x, (top - rect.top) * px, end - x, height * px);
      let n = 0;
      for (let i = 0; i < pixels.length; i += 4) if (Math.abs(pixels[i] - r) + Math.abs(pixels[i + 1] - g) + Math.abs(pixels[i + 2] - blue) < 24) n++;
      return n;
    }, { left: area.x, width: area.width, top: area.y, height: area.height, a: from, b: to });
  }

  test('no line crosses what is missing or bad; what is uncertain is drawn thinner', async () => {
    await go(hour('S1/LEVEL', '&hide=limits,alarms'));
    await until('a line', async () => (await ink(45, 35)) > 50);
    assert.equal(await ink(30, 21), 0, 'nothing came');
    assert.equal(await ink(15, 12), 0, 'bad');
    const [uncertain, certain] = [await ink(9.8, 8.2), await ink(7.8, 6.2)];
    assert.ok(uncertain > 0 && uncertain < certain * 0.8, `${uncertain} dotted, ${certain} whole`);
  });

  /** The colour of the paper at a value, on a scale of 0 to 100, where no line is. */
  async function paper(value) {
    await page.mouse.move(1, 1);
    const area = await plot();
    return id('pane-1').locator('canvas').evaluate((canvas, { left, width, top, height }) => {
      const px = devicePixelRatio;
      const rect = canvas.getBoundingClientRect();
      const { data: pixels } = canvas.getContext('2d').getImageData((left - rect.left + width * 0.2) * px, (top - rect.top + height) * px, 20 * px, 3 * px);
      const seen = new Map();
      for (let i = 0; i < pixels.length; i += 4) {
        const colour = pixels.slice(i, i + 4).join();
        seen.set(colour, (seen.get(colour) ?? 0) + 1);
      }
      return [...seen].sort((a, b) => b[1] - a[1])[0][0];
    }, { left: area.x, width: area.width, top: area.y, height: area.height * (1 - value / 100) });
  }

  test('beyond the limits of the pen that stands out the paper is tinted', async () => {
    await go(hour('S1/LEVEL~0..100,S1/FLOW~0..100', '&pen=S1/LEVEL&hide=alarms'));
    await until('a line', async () => (await ink(45, 35)) > 50);
    const within = await paper(75);
    await until('the band above', async () => (await paper(95)) !== within);
    assert.notEqual(await paper(5), within, 'and the one below');
    assert.notEqual(await paper(5), await paper(95), 'each in the colour of its priority');
    assert.equal(await paper(85), within, 'up to the limit nothing');
    await id('trend-show-limits').uncheck();
    await until('no band', async () => (await paper(95)) === within && (await paper(5)) === within);
    await addressed('hide', 'limits,alarms');
    await id('trend-show-limits').check();
    await id('pen-focus-S1/FLOW').click();
    await until('another pen has no limits', async () => (await paper(95)) === within);
  });

  test('wheel, drag and keys move the view; the address follows, and back goes back', async () => {
    await go(hour('S1/LEVEL'));
    const first = page.url();
    await pointAt(30);
    await page.mouse.wheel(0, -300);
    await until('a shorter span in the address', () => /^\d+s$/.test(search().get('span') ?? ''));
    const closer = Number.parseInt(search().get('span'));
    assert.ok(closer < 3600 && closer > 600, `${closer} s`);
    const box = await plot();
    const was = search().get('to');
    await page.mouse.move(box.x + box.width * 0.3, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + 40, { steps: 5 });
    await page.mouse.up();
    await until('an earlier time in the address', () => search().get('to') < was);
    assert.equal(Number.parseInt(search().get('span'), 10), closer, 'dragging does not zoom');
    await page.goBack();
    await addressed('to', was);
    await page.goBack();
    await until('where it began', () => page.url() === first);
    await id('trend-charts').focus();
    await page.keyboard.press('Shift+ArrowLeft');
    await addressed('to', new Date(start - HOUR / 4).toISOString());
    await page.keyboard.press('End');
    await addressed('to', null);
    await page.keyboard.press('ArrowLeft');
    await until('the cursor by keys', async () => (await text('trend-time')) !== '');
  });

  test('a key that comes as soon as the address has followed is not lost', async () => {
    await go(hour('S1/LEVEL'));
    await id('trend-charts').focus();
    await page.evaluate(() => {
      const push = history.pushState;
      history.pushState = (...to) => {
        history.pushState = push;
        push.apply(history, to);
        setTimeout(() => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'End', bubbles: true })), 0);
      };
    });
    await page.keyboard.press('Shift+ArrowLeft');
    await addressed('to', null);
  });

  test('Shift and drag show a stretch', async () => {
    await go(hour('S1/LEVEL'));
    const box = await plot();
    await page.keyboard.down('Shift');
    await page.mouse.move(box.x + box.width * 0.25, box.y + 30);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 30, { steps: 4 });
    await page.mouse.up();
    await page.keyboard.up('Shift');
    await until('its quarter of an hour', () => Math.abs(Number.parseInt(search().get('span'), 10) - 900) <= 5);
  });

  test('a view that moves asks only for what came into sight, and again for nothing', async () => {
    // Of a view that follows the present some of it is asked for again once live values come.
    await go(hour('S1/LEVEL,S1/FLOW').replace('span=1h', 'span=10m'));
    asked.length = 0;
    for (let ago = 5; ago <= 10; ago += 5) {
      await id('trend-back').click();
      await addressed('to', new Date(start - ago * MINUTE).toISOString());
      await loaded();
    }
    assert.ok(asked.length > 0, 'something came into sight');
    const spans = asked.map((q) => Number(q.get('to')) - Number(q.get('from')));
    assert.ok(asked.every((q) => q.getAll('tag').length === 2), 'both pens with one request');
    assert.ok(spans.every((us) => us <= 600e6), `each for less than the whole view: ${spans}`);
    asked.length = 0;
    await page.goBack();
    await addressed('to', new Date(start - 5 * MINUTE).toISOString());
    await loaded();
    await new Promise((done) => setTimeout(done, 300));
    assert.deepEqual(asked, [], 'what was seen is still there');
  });

  test('a year opens with no more points than pixels', async () => {
    await go(hour('S1/LEVEL,S1/FLOW,S1/RUN'));
    asked.length = 0;
    await id('span-1y').click();
    await until('asked', () => asked.length > 0);
    await loaded();
    const points = asked.reduce((sum, q) => sum + (Number(q.get('points')) * 365 * DAY * 1000) / (Number(q.get('to')) - Number(q.get('from'))), 0);
    assert.ok(points <= 1920, `${points} in sight`);
    await until('the most of today', async () => (await text('pen-max-S1/LEVEL')) === '59.0');
    await until('what was 300 days ago', async () => (await text('pen-min-S1/LEVEL')) === '20.1');
    await accessible('trend-year');
  });

  test('yesterday and last week are laid over', async () => {
    await go(hour('S1/LEVEL', '&over=day&pen=S1/LEVEL'));
    const row = id('pen-S1/LEVEL');
    await pointing(40.5, 'the value of yesterday', async () => /\b20\.1\b/.test(await row.innerText()));
    await id('trend-over').selectOption('week');
    await loaded();
    await pointing(40.5, 'the value of last week', async () => /\b20\.7\b/.test(await row.innerText()));
    await addressed('over', 'week');
    await accessible('trend-overlay');
  });

  test('an alarm is marked where it was raised and where it was over, and listed in words', async () => {
    g.send(record(Date.now(), [1, 95]));
    await until('the alarm', async () => (await p.sql(`select 1 from alarm_journal where kind = 'raise'`)).length === 1);
    g.send(record(Date.now() + 1, [1, 50]));
    await until('its end', async () => (await p.sql(`select 1 from alarm_journal where kind = 'rtn'`)).length === 1);
    await go('/trend?tags=S1/LEVEL&span=10m');
    await id('trend-events').locator('summary').click();
    await id('trend-events').locator('[data-kind=raise]').waitFor();
    assert.match(await id('trend-events').innerText(), /S1\/LEVEL\.high\s+raised 95\.0 m/);
    await id('trend-events').locator('[data-kind=rtn]').waitFor();
    await accessible('trend-alarms');
    await id('trend-events').locator('[data-kind=raise] button').first().click();
    await until('what happened at the cursor', async () => /S1\/LEVEL\.high raised/.test(await text('trend-time')));
    await id('trend-show-alarms').uncheck();
    await addressed('hide', 'alarms');
    assert.equal(await id('trend-events').count(), 0);
  });

  test('live values run on, hold stops them, and live goes on', async () => {
    await go('/trend?tags=S1/FLOW&span=10m');
    g.send(record(Date.now(), [2, 77.7]));
    await until('the live value in sight', async () => (await text('pen-max-S1/FLOW')) === '77.7');
    const before = Date.now();
    await id('trend-hold').click();
    const to = Date.parse(await until('held', () => search().get('to')));
    // The clock of the page follows the server's, which is this one's.
    assert.ok(to > before - 10_000 && to <= Date.now() + 1_000, `held at ${to} between ${before} and ${Date.now()}`);
    await id('trend-live').click();
    await addressed('to', null);
  });

  test('a scale is fixed by hand, wrong ends are refused, a tag is drawn as steps, a pane has one axis', async () => {
    await go(hour('S1/LEVEL,S1/FLOW'));
    await id('pen-scale-S1/LEVEL').selectOption('fixed');
    await id('pen-high-S1/LEVEL').fill('-5');
    await page.getByText('Two numbers, the lower one first.').waitFor();
    await id('pen-high-S1/LEVEL').fill('250');
    await page.keyboard.press('Enter');
    await addressed('tags', 'S1/LEVEL~0..250,S1/FLOW');
    await id('pen-step-S1/FLOW').check();
    await addressed('tags', 'S1/LEVEL~0..250,S1/FLOW~step');
    await id('pane-one-1').click();
    await addressed('one', '1');
    await addressed('tags', 'S1/LEVEL~0..250,S1/FLOW~step');
    await id('pen-scale-S1/FLOW').selectOption('range');
    await addressed('tags', 'S1/LEVEL~range,S1/FLOW~range~step');
    await accessible('trend-scales');
  });

  test('the address shows the same to another person, in the other theme and language', async () => {
    await go(hour('S1/LEVEL~0..60,S1/FLOW;S1/RUN', '&over=day&pen=S1/LEVEL'));
    const other = await open({ viewport: { width: 1280, height: 800 } });
    await other.getByTestId('theme-toggle').click();
    await other.getByTestId('lang-toggle').click();
    await other.goto(page.url());
    await loaded(other);
    await other.getByTestId('pane-2').waitFor();
    assert.equal(await other.getByTestId('pen-high-S1/LEVEL').inputValue(), '60');
    assert.equal(await other.getByTestId('trend-over').inputValue(), 'day');
    for (const pen of ['pen-min-S1/LEVEL', 'pen-average-S1/FLOW', 'pen-max-S1/LEVEL']) assert.equal((await other.getByTestId(pen).innerText()).trim(), await text(pen));
    const mine = page;
    page = other;
    await accessible('trend-dark-zh-1280');
    page = mine;
    await other.context().close();
  });

  test('the samples are taken away as CSV, and the picture as PNG', async () => {
    await go(hour('S1/LEVEL,S1/FLOW'));
    const [csv] = await Promise.all([page.waitForEvent('download'), id('trend-csv').click()]);
    const query = new URL(csv.url()).searchParams;
    assert.deepEqual(query.getAll('tag'), ['S1/LEVEL', 'S1/FLOW']);
    assert.equal(Number(query.get('to')), start * 1000);
    assert.match(readFileSync(await csv.path(), 'utf8'), /^"?S1\/LEVEL"?,/m);
    const [png] = await Promise.all([page.waitForEvent('download'), id('trend-png').click()]);
    assert.match(png.suggestedFilename(), /^trend-.*\.png$/);
    await png.saveAs(join(artefacts, 'trend-picture.png'));
    const bytes = readFileSync(await png.path());
    assert.equal(bytes.subarray(1, 4).toString(), 'PNG');
    assert.ok(bytes.readUInt32BE(16) > 1000, 'as wide as the charts');
  });

  test('a tag without samples says so, one that is not configured can be left out', async () => {
    await go(hour('S1/QUIET'));
    await page.getByText('No samples here.').waitFor();
    await page.goto(url(hour('S1/LEVEL,S1/GONE')));
    await id('trend-unknown').waitFor();
    assert.match(await text('trend-unknown'), /S1\/GONE/);
    await id('trend-unknown').getByRole('button').click();
    await addressed('tags', 'S1/LEVEL');
  });

  test('what was asked for a view that is left is let go of', async () => {
    let held = 0;
    let left = false;
    const gone = [];
    page.on('requestfailed', (r) => gone.push(`${r.failure().errorText} ${new URL(r.url()).pathname}`));
    await page.route('**/api/samples?**', (route) => {
      if (left) return route.continue();
      held += 1;
      return undefined;
    });
    await page.goto(url('/trend?tags=S1/FLOW&span=24h'));
    await until('asked', () => held > 0);
    left = true;
    await id('span-90d').click();
    await until('the first request is given up', () => gone.includes('net::ERR_ABORTED /api/samples'));
    await loaded();
    await page.unroute('**/api/samples?**');
    page.removeAllListeners('requestfailed');
  });

  test('what is too much for one answer is asked for in parts', async () => {
    await page.route('**/api/samples?**', (route) => {
      if (new URL(route.request().url()).searchParams.getAll('tag').length === 1) return route.continue();
      return route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify({ title: 'Service Unavailable', status: 503, detail: 'too many samples wait', code: 'busy' }) });
    });
    await page.goto(url('/trend?tags=S1/LEVEL,S1/FLOW,S1/RUN&span=2h'));
    await loaded();
    assert.equal(await id('trend-failed').count(), 0);
    for (const tag of ['LEVEL', 'FLOW', 'RUN']) await until(tag, async () => (await text(`pen-max-S1/${tag}`)) !== '—');
    await page.unroute('**/api/samples?**');
    complaints.splice(0, complaints.length, ...complaints.filter((c) => !/status of 503/.test(c)));
  });

  test('what cannot be loaded is said, and tried again', async () => {
    await page.route('**/api/samples?**', (route) => route.abort());
    await page.goto(url('/trend?tags=S1/LEVEL&span=3d'));
    await id('trend-failed').waitFor();
    await page.unroute('**/api/samples?**');
    await id('trend-failed').getByRole('button').click();
    await id('trend-failed').waitFor({ state: 'detached' });
    await loaded();
    complaints.splice(0, complaints.length, ...complaints.filter((c) => !/ERR_FAILED/.test(c)));
  });

  test('the store says how it is, what it holds and for how long', async () => {
    await page.goto(url('/gateways'));
    await id('tab-store').click();
    await id('store-store').waitFor();
    await until('the store keeps up', async () => (await id('store-store').getAttribute('data-level')) === 'well');
    await id('store-facts').waitFor();
    await until('its tables', async () => (await id('store-tables').locator('tbody tr').count()) > 3);
    await accessible('store');
    await id('theme-toggle').click();
    await id('lang-toggle').click();
    await accessible('store-dark-zh');
    assert.match(await text('store-store'), /正常/);
    await id('store-ledger').click();
    await page.getByTestId('ledger').waitFor();
  });

  test('the console of the browser had nothing to complain about', () => assert.deepEqual(complaints, []));
});
