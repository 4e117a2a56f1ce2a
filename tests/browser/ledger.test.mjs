// What a person sees of the ledger, of records that could not be used and of gateways that are kept out, in Chromium. Screenshots go to build/artefacts.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { chromium } from 'playwright-core';
import { data, dict, peer, randomEpoch, welcomed } from '../lib/link.mjs';
import { Penstock, artefacts, password, until } from '../lib/penstock.mjs';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const config = {
  sites: [{ name: 'S1', title: 'Station 1' }], gateways: [{ name: 'gw-a', site: 'S1' }, { name: 'gw-b', site: 'S1' }],
  tags: [{ name: 'S1/A', gateway: 'gw-a', low: 0, high: 100 }], alarms: [],
};

describe('the ledger in the browser', { concurrency: false }, () => {
  const p = new Penstock({ build: 'release', config });
  let browser, page, g;

  before(async () => {
    mkdirSync(artefacts, { recursive: true });
    await p.prepare({ gateways: ['gw-a', 'gw-b'] });
    await p.startServer({ link: { limits: { breaches: 1 } } });
    g = await welcomed(p, 'gw-a', { next: 0, others: [{ epoch: randomEpoch(), oldest: 0, next: 4 }], answers: true });
    g.send(data({ seq: 0, samples: [[1, 1764000000000000n, 42.5]] }), dict({ seq: 1, entries: [[1, 'A']] }));
    await g.acked(1);
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
    const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1600, height: 950 } });
    context.setDefaultTimeout(120_000); // to end a hang alone
    page = await context.newPage();
    await page.goto(url('/'));
    await page.getByTestId('login-user').fill('engineer');
    await page.getByTestId('login-password').fill(password('engineer'));
    await page.getByTestId('login-submit').click();
    await page.getByTestId('site-tile-S1').waitFor();
  });
  after(async () => {
    await browser?.close();
    g?.end();
    await p.stop();
  });

  const url = (path) => `https://localhost:${p.ports.web}${path}`;

  /** Nothing that keeps a person with a screen reader out. */
  async function accessible(name) {
    await page.screenshot({ path: join(artefacts, `${name}.png`) });
    await page.evaluate(readFileSync(axe, 'utf8'));
    const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    assert.deepEqual(found.violations.filter((v) => ['serious', 'critical'].includes(v.impact)).map((v) => `${v.id}: ${v.nodes[0].target}`), []);
  }

  test('each gateway has its balance, what waits is told with its numbers, and the days', async () => {
    await page.getByTestId('nav-gateways').click();
    await page.getByTestId('tab-ledger').click();
    const row = page.getByTestId('ledger-row-gw-a');
    await row.waitFor();
    const figure = async (name) => (await row.locator(`[data-figure=${name}]`).innerText()).trim();
    assert.deepEqual(await Promise.all(['produced', 'stored', 'quarantined', 'dropped', 'waiting', 'lost'].map(figure)), ['6', '1', '1', '0', '4', '0']);
    await page.getByTestId('ledger-open-gw-a').click();
    assert.match(await page.getByTestId('ledger-gaps').innerText(), /Waiting at site\s+[0-9a-f]{16}\s+0\s+3/);
    // One day, or two where midnight came between.
    const days = await page.getByTestId('ledger-days').locator('tbody tr').allInnerTexts();
    assert.ok(days.every((day) => /^\d{4}-\d\d-\d\d\s/.test(day)), days.join('\n'));
    const sums = [1, 2, 3].map((column) => days.reduce((sum, day) => sum + Number(day.split(/\s+/)[column]), 0));
    assert.deepEqual(sums, [6, 1, 1], 'produced, stored, quarantined');
    assert.match(page.url(), /\/ledger\?gateway=gw-a$/);
    await accessible('ledger');
  });

  test('a record that could not be used is shown, and replayed by its engineer', async () => {
    await page.getByTestId('tab-quarantine').click();
    const [{ id }] = (await p.sql('select quarantine_id::integer as id from quarantine'));
    await page.getByTestId(`quarantine-open-${id}`).click();
    await page.getByTestId('quarantine-one').waitFor();
    assert.match(await page.getByTestId('quarantine-one').innerText(), /unknown dictionary/);
    assert.match(await page.getByTestId('quarantine-verdict').innerText(), /can be used/, 'its dictionary came after it');
    await accessible('quarantine');
    await page.getByTestId('quarantine-replay').click();
    await until('the list says by whom', async () => /replayed by engineer: 1/.test(await page.getByTestId(`quarantine-outcome-${id}`).innerText()));
    await until('it cannot be done twice', () => page.getByTestId('quarantine-replay').isDisabled());
    assert.equal((await p.sql(`select value from sample`))[0].value, 42.5);
    await page.getByTestId('quarantine-code').selectOption('7');
    await page.getByText('Nothing is in quarantine.').waitFor();
  });

  test('a gateway that is kept out says why, and an engineer lets it in', async () => {
    const b = peer(p, 'gw-b');
    await b.connected;
    b.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    await b.ended();
    await page.goto(url('/gateways'));
    const kept = page.getByTestId('gateway-kept-gw-b');
    await kept.waitFor();
    assert.match(await kept.innerText(), /bad_frame/);
    await accessible('gateways-kept-out');
    await page.getByTestId('gateway-release-gw-b').click();
    await kept.waitFor({ state: 'detached' });
    (await welcomed(p, 'gw-b')).end();
  });
});
