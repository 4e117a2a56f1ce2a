// The HMI in Chromium against the real server and gateways: what an operator sees and does. Screenshots go to build/artefacts.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { chromium } from 'playwright-core';
import { Penstock, artefacts, password, sleep, until } from '../lib/penstock.mjs';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

describe('the operator\'s browser', { concurrency: false }, () => {
  const p = new Penstock({ build: 'release' });
  const complaints = [];
  let browser, operator, viewer;

  before(async () => {
    mkdirSync(artefacts, { recursive: true });
    await p.prepare();
    await p.startServer();
    for (let n = 1; n <= 5; n++) p.startGateway(`gw-s${n}`, { speed: 300 });
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGS });
  });
  after(async () => {
    await browser?.close();
    await p.stop();
  });

  const url = (path) => `https://localhost:${p.ports.web}${path}`;
  const shot = (page, name) => page.screenshot({ path: join(artefacts, `${name}.png`) });

  /** A browser of its own; every complaint of its console counts, but for the answers that a test asks for. */
  async function open(options = {}) {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1600, height: 950 }, ...options });
    const page = await context.newPage();
    page.on('console', (m) => {
      if (['error', 'warning'].includes(m.type()) && !/status of (401|422|412|503)|ERR_CONNECTION_REFUSED|WebSocket connection to|ERR_EMPTY_RESPONSE|ERR_CONNECTION_(RESET|CLOSED)/.test(m.text())) complaints.push(m.text());
    });
    page.on('pageerror', (e) => complaints.push(String(e)));
    page.on('request', (r) => {
      if (!r.url().startsWith(url('/').slice(0, -1)) && !/^(data|blob):/.test(r.url())) complaints.push(`a request to another origin: ${r.url()}`);
    });
    return page;
  }

  async function logIn(page, user) {
    await page.goto(url('/'));
    await page.getByTestId('login-user').fill(user);
    await page.getByTestId('login-password').fill(password(user));
    await page.getByTestId('login-submit').click();
    await page.getByTestId('site-tile-S1').waitFor();
  }

  test('a wrong password is refused in words, the right one opens the overview', async () => {
    operator = await open();
    await operator.goto(url('/'));
    await operator.getByTestId('login-user').fill('operator');
    await operator.getByTestId('login-password').fill('not the password');
    await operator.getByTestId('login-submit').click();
    await operator.getByTestId('login-error').waitFor();
    await logIn(operator, 'operator');
    for (let n = 1; n <= 5; n++) await operator.getByTestId(`site-tile-S${n}`).waitFor();
    viewer = await open({ colorScheme: 'light' });
    await logIn(viewer, 'viewer');
    await sleep(3000);
    await shot(operator, 'overview-light');
  });

  test('values change by themselves', async () => {
    await operator.goto(url('/site/S1'));
    const value = operator.getByTestId('value-S1/L_T1').first();
    await value.waitFor();
    const first = await value.innerText();
    await until('another level', async () => (await value.innerText()) !== first);
    await shot(operator, 'site-light');
  });

  test('an alarm rises, is acknowledged in one browser, and the other shows it', async () => {
    const session = await p.login('operator');
    for (const page of [operator, viewer]) await page.goto(url('/alarms'));
    await operator.getByTestId(/^alarm-row-/).first().waitFor({ timeout: 60000 });
    await shot(operator, 'alarms-light');
    // Alarms come and go while this looks, and a press is refused when the rows have just moved: so it tries again, as a person would.
    const ack = await until('an acknowledgement from the browser', async () => {
      const open = (await session.get('/api/alarms?state=unacked')).json.alarms[0];
      if (!open) return null;
      const button = operator.getByTestId(`alarm-ack-${open.name}`);
      await button.click({ timeout: 2000 }).catch(() => {});
      await sleep(700);
      return (await p.sql(`select k.name, j.actor, j.call from alarm_journal j join config_key k on k.key = j.alarm_key where j.kind = 'ack' order by seq desc limit 1`))[0];
    });
    assert.equal(ack.actor, 'operator');
    assert.equal(await viewer.getByTestId(/^alarm-ack-/).count(), 0, 'a viewer has no button for it');
    await until('the other browser shows by whom, or the row is gone because the alarm is over', async () => {
      const row = viewer.getByTestId(`alarm-row-${ack.name}`);
      if ((await row.count()) === 0 || /operator/i.test(await row.innerText())) return true;
      const now = (await session.get('/api/alarms')).json.alarms.find((x) => x.name === ack.name);
      return !now || now.call !== Number(ack.call); // it rang anew meanwhile: the row is about that
    });
    await shot(viewer, 'alarms-other-browser');
  });

  test('the banner is on every page', async () => {
    for (const path of ['/', '/site/S2', '/alarms', '/trend?tags=S1/L_T1', '/gateways']) {
      await operator.goto(url(path));
      await operator.getByTestId('banner').waitFor();
    }
  });

  test('a trend draws what is stored', async () => {
    await operator.goto(url('/trend?tags=S1/L_T1,S1/PD&span=10m'));
    await operator.locator('canvas').first().waitFor();
    await operator.getByTestId('pen-S1/L_T1').waitFor();
    const inked = () => operator.locator('canvas').first().evaluate((c) => {
      const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
      const colours = new Set();
      for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200) colours.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
      return colours.size;
    });
    await until('ink on the canvas', async () => (await inked()) > 2);
    await shot(operator, 'trend-light');
  });

  test('dark and Chinese', async () => {
    await operator.goto(url('/'));
    await operator.getByTestId('theme-toggle').click();
    await operator.getByTestId('lang-toggle').click();
    await operator.getByTestId('site-tile-S1').waitFor();
    assert.match(await operator.locator('body').innerText(), /[一-鿿]/, 'Chinese text');
    await sleep(1500);
    await shot(operator, 'overview-dark-zh');
    await operator.goto(url('/site/S3'));
    await operator.getByTestId('value-S3/L_T4').first().waitFor();
    await shot(operator, 'site-dark-zh');
    await operator.getByTestId('theme-toggle').click();
    await operator.getByTestId('lang-toggle').click();
  });

  test('an engineer changes a limit with a reason; a fault is shown at its field', async () => {
    const engineer = await open();
    await logIn(engineer, 'engineer');
    await engineer.goto(url('/settings'));
    await engineer.getByTestId('setting-edit-S1/PD.high').click();
    await engineer.getByTestId('setting-limit').fill('1000');
    await engineer.getByTestId('setting-reason').fill('too far');
    await engineer.getByTestId('setting-save').click();
    await engineer.getByTestId('setting-fault-limit').waitFor();
    await shot(engineer, 'settings-fault');
    await engineer.getByTestId('setting-limit').fill('55');
    await engineer.getByTestId('setting-reason').fill('tried in a browser');
    await engineer.getByTestId('setting-save').click();
    await until('the revision', async () => (await p.sql('select reason from config_revision order by revision desc limit 1'))[0].reason === 'tried in a browser');
    await engineer.context().close();
  });

  test('the pages have no serious fault of accessibility', async () => {
    for (const path of ['/', '/site/S1', '/alarms', '/gateways', '/trend?tags=S1/L_T1']) {
      await operator.goto(url(path));
      await operator.getByTestId('banner').waitFor();
      await sleep(800);
      const source = (await import('node:fs')).readFileSync(axe, 'utf8');
      await operator.evaluate(source);
      const found = await operator.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
      const serious = found.violations.filter((v) => ['serious', 'critical'].includes(v.impact));
      assert.deepEqual(serious.map((v) => `${path}: ${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join('; ')}`), []);
    }
  });

  test('without the database the screen says that nothing is stored', async () => {
    await operator.goto(url('/'));
    await p.stopDatabase('immediate');
    await operator.getByTestId('store-away').waitFor({ timeout: 60000 });
    await shot(operator, 'store-away');
    await p.startDatabase();
    await operator.getByTestId('store-away').waitFor({ state: 'detached', timeout: 60000 });
  });

  test('without the server the whole screen says that it is not live, and comes back by itself', async () => {
    await operator.goto(url('/site/S1'));
    await operator.getByTestId('value-S1/L_T1').first().waitFor();
    await p.kill(p.server);
    await operator.getByTestId('not-live').waitFor({ timeout: 60000 });
    await shot(operator, 'not-live');
    await p.startServer();
    await operator.getByTestId('not-live').waitFor({ state: 'detached', timeout: 60000 });
    const value = operator.getByTestId('value-S1/L_T1').first();
    const first = await value.innerText();
    await until('values move again', async () => (await value.innerText()) !== first);
  });

  test('no complaint in the console, no request to another origin', () => {
    assert.deepEqual(complaints, []);
  });
});
