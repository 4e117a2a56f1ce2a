// Walks the screens in Chromium against the fake server: what must be seen is seen, without one report in the console and without one
// violation of the content policy. Pictures go to the directory given, or to build/smoke.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { FakeServer } from './fake-server.mjs';
import { alarmSteps } from './smoke-alarms.mjs';

const out = process.argv[2] ?? fileURLToPath(new URL('../build/smoke', import.meta.url));
mkdirSync(out, { recursive: true });

const fake = new FakeServer();
const port = await fake.listen();
const base = `https://localhost:${port}`;
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
const reports = [];

async function open(viewport = { width: 1600, height: 950 }) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport, locale: 'en-GB' });
  const page = await context.newPage();
  page.setDefaultTimeout(Number(process.env.TIMEOUT_MS ?? 20_000));
  page.on('console', (message) => reports.push(`${message.type()}: ${message.text()} ${message.location().url}`));
  page.on('pageerror', (error) => reports.push(`error: ${error.stack}`));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) =>
      console.error(`CSP ${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}`),
    );
  });
  return page;
}

const axe = readFileSync(fileURLToPath(new URL('../node_modules/axe-core/axe.min.js', import.meta.url)), 'utf8');

/** Findings of the accessibility rules, contrast of 7:1 included. */
async function accessibility(page, name) {
  await page.evaluate(axe);
  return page.evaluate(async (screen) => {
    const result = await globalThis.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
      rules: { 'color-contrast-enhanced': { enabled: true } },
    });
    const short = (node) => `${node.target} ${node.any[0]?.message ?? ''}`;
    return result.violations.map((v) => `${screen}: ${v.id}: ${v.nodes.slice(0, 3).map(short).join(' | ')}`);
  }, name);
}

const id = (page, name) => page.getByTestId(name);
const shot = async (page, name) => {
  await page.waitForTimeout(400);
  await page.screenshot({ path: join(out, `${name}.png`) });
};

async function logIn(page, user) {
  await page.goto(base);
  await id(page, 'login-user').fill(user);
  await id(page, 'login-password').fill('password');
  await id(page, 'login-submit').click();
  await id(page, 'link-state')
    .getByText(/LIVE|实时/)
    .waitFor();
}

const SCREENS = [
  '/',
  '/site/S4',
  '/alarms',
  '/alarms?tab=shelved',
  '/alarms?tab=suppressed',
  '/alarms?tab=oos',
  '/alarms?tab=history',
  '/kpi',
  '/kpi?view=actors',
  '/backtest?alarm=S1/L_T1.high',
  '/trend?tags=S1/L_T1,S4/L_T5;S1/F_PU1,S1/P_PU1;S1/S_PU1&over=day',
  '/gateways',
  '/store',
  '/settings',
  '/revisions',
];

const steps = {
  async 'a wrong password is refused in words'(page) {
    await page.goto(base);
    await shot(page, 'login');
    await id(page, 'login-user').fill('operator');
    await id(page, 'login-password').fill('nonsense');
    await id(page, 'login-submit').click();
    await id(page, 'login-error').waitFor();
  },
  async 'the overview shows every site, and the values move'(page) {
    fake.raise('S1/L_T1.high', 5.92, 240_000);
    fake.raise('S4/L_T5.low', 0.61, 90_000);
    fake.raise('S2/PD.low', 58.2, 30_000);
    fake.raise('S5/P_PU10.high', 63.4, 4000);
    fake.raise('S3/L_T4.low', 0.64, 7_400_000);
    fake.ask('ack', 'S3/L_T4.low', { call: 1 }, 'operator');
    fake.raise('S4/L_T7.high', 5.9, 600_000);
    fake.normal('S4/L_T7.high');
    fake.set('S2/L_T2', { value: 3.31, quality: 0x82, at: Date.now() - 190_000 });
    fake.set('S4/L_T6', { value: 4.02, quality: 0x87, at: Date.now() - 640_000 });
    fake.set('S3/L_T3', { value: 6.44, quality: 0x43 });
    fake.set('S5/PS', { value: null, quality: 0xac, at: null });
    await logIn(page, 'operator');
    for (const site of ['S1', 'S2', 'S3', 'S4', 'S5']) await id(page, `site-tile-${site}`).waitFor();
    const first = await id(page, 'value-S1/PD').textContent();
    await page.waitForFunction(
      (old) => document.querySelector('[data-testid="value-S1/PD"]')?.textContent !== old,
      first,
    );
    await page.waitForTimeout(1500);
    await shot(page, 'overview-light-en');
    await id(page, 'theme-toggle').click();
    await shot(page, 'overview-dark-en');
    await id(page, 'lang-toggle').click();
    await shot(page, 'overview-dark-zh');
    await id(page, 'theme-toggle').click();
    await shot(page, 'overview-light-zh');
    await id(page, 'lang-toggle').click();
  },
  async 'a site that is cut off says so, on its tile and on its page'(page) {
    fake.cut('gw-s3');
    await id(page, 'cut-S3').waitFor();
    await page.waitForTimeout(2500);
    await shot(page, 'overview-cut');
    await id(page, 'site-tile-S3').click();
    await page.locator('[data-testid="value-S3/L_T3"][data-quality="cut"]').waitFor();
    await shot(page, 'site-cut');
    fake.mend('gw-s3');
    await page.locator('[data-testid="value-S3/L_T4"][data-quality="good"]').waitFor();
  },
  async 'a site page shows station, values, alarms and a trend'(page) {
    await page.goto(`${base}/site/S1`);
    await id(page, 'value-S1/L_T1').waitFor();
    await id(page, 'site-trend').locator('canvas').waitFor();
    await page.waitForTimeout(1500);
    await shot(page, 'site-light-en');
    await id(page, 'theme-toggle').click();
    await page.goto(`${base}/site/S4`);
    await id(page, 'site-trend').locator('canvas').waitFor();
    await page.waitForTimeout(1500);
    await shot(page, 'site-dark-en');
    await id(page, 'theme-toggle').click();
  },
  async 'an alarm is acknowledged from its row and disappears from the banner'(page) {
    await id(page, 'nav-alarms').click();
    await id(page, 'alarm-row-S1/L_T1.high').waitFor();
    await shot(page, 'alarms-light-en');
    await id(page, 'alarm-ack-S2/PD.low').click();
    await page.locator('[data-testid="alarm-row-S2/PD.low"][data-letter="C"]').waitFor();
    await id(page, 'status-line').getByText('S2/PD.low: acknowledged').waitFor();
  },
  async 'the visible page is acknowledged without the critical ones, which need a second step'(page) {
    await id(page, 'ack-visible').click();
    await page.locator('[data-testid="alarm-row-S4/L_T5.low"][data-letter="C"]').waitFor();
    await id(page, 'critical-step').waitFor();
    assert.equal(await id(page, 'alarm-row-S1/L_T1.high').getAttribute('data-letter'), 'B');
    await shot(page, 'alarms-critical');
    await id(page, 'critical-confirm').click();
    await page.locator('[data-testid="alarm-row-S1/L_T1.high"][data-letter="C"]').waitFor();
  },
  async 'one key acknowledges the first alarm of the banner on any screen'(page) {
    await id(page, 'nav-overview').click();
    fake.raise('S5/PD.low', 55.5);
    await id(page, 'banner-row-S5/PD.low').waitFor();
    await page.waitForTimeout(600);
    await page.keyboard.press('F8');
    await id(page, 'banner-row-S5/PD.low').waitFor({ state: 'detached' });
    assert.equal(fake.alarms.get('S5/PD.low').letter, 'C');
  },
  async 'a call that has rung again is not acknowledged by an old row'(page) {
    fake.raise('S2/L_T2.low', 0.6);
    await id(page, 'banner-row-S2/L_T2.low').waitFor();
    const result = await page.evaluate(async () => {
      const answer = await fetch('/api/alarms/ack', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'X-Penstock': '1' },
        body: JSON.stringify({ items: [{ alarm: 'S2/L_T2.low', call: 0 }] }),
      });
      return (await answer.json()).results[0].result;
    });
    assert.equal(result, 'STALE_CALL');
  },
  async 'the list holds still under the pointer, and the keys work'(page) {
    await id(page, 'nav-alarms').click();
    await id(page, 'alarm-row-S2/L_T2.low').hover();
    fake.raise('S4/L_T7.low', 0.4);
    await id(page, 'alarms-fresh').waitFor();
    assert.equal(await id(page, 'alarm-row-S4/L_T7.low').count(), 0);
    await id(page, 'alarms-fresh').click();
    await id(page, 'alarm-row-S4/L_T7.low').waitFor();
    await page.waitForTimeout(600);
    await id(page, 'alarm-rows').focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('a');
    await page.locator('[data-testid="alarm-row-S4/L_T7.low"][data-letter="C"]').waitFor();
    await page.keyboard.press('g');
    await page.waitForURL('**/site/S4');
  },
  ...alarmSteps({ fake, base, id, shot, logIn, open, accessibility, browser }),
  async 'the history lists what happened'(page) {
    await id(page, 'nav-alarms').click();
    await id(page, 'tab-history').click();
    await page.locator('[data-testid^="history-row-"]').first().waitFor();
    await shot(page, 'alarms-history');
  },
  async 'a trend takes a second pen by name, and its address is its state'(page) {
    await page.goto(`${base}/trend?tags=S1/L_T1&span=8h`);
    await id(page, 'trend-canvas').locator('canvas').waitFor();
    await page.waitForTimeout(1500);
    await shot(page, 'trend-one-light');
    await id(page, 'trend-search').fill('s4 l_t5');
    await page.keyboard.press('Enter');
    await id(page, 'pen-S4/L_T5').waitFor();
    await id(page, 'trend-search').fill('s1/pd');
    await page.keyboard.press('Enter');
    await id(page, 'trend-search').fill('s_pu1');
    await page.keyboard.press('Enter');
    await page.waitForURL('**S1/S_PU1**');
    await id(page, 'span-4h').click();
    await page.waitForTimeout(1500);
    const box = await id(page, 'trend-canvas').boundingBox();
    await page.mouse.move(box.x + box.width * 0.6, box.y + box.height * 0.5);
    await shot(page, 'trend-many-light');
    await id(page, 'theme-toggle').click();
    await shot(page, 'trend-many-dark');
    await id(page, 'lang-toggle').click();
    await id(page, 'span-24h').click();
    await page.waitForTimeout(1500);
    await shot(page, 'trend-many-dark-zh');
    await id(page, 'lang-toggle').click();
    await id(page, 'theme-toggle').click();
  },
  async 'every screen keeps the rules of accessibility, in both themes'(page) {
    const findings = [];
    for (const theme of ['light', 'dark']) {
      for (const screen of SCREENS) {
        await page.goto(base + screen);
        await id(page, 'link-state').getByText('LIVE').waitFor();
        await page.waitForTimeout(800);
        findings.push(...(await accessibility(page, `${screen} (${theme})`)));
      }
      await id(page, 'theme-toggle').click();
    }
    assert.deepEqual(findings, []);
  },
  async 'no screen is wider than a small desk screen, nor with the largest text'(page) {
    await page.setViewportSize({ width: 1280, height: 800 });
    for (const size of ['100', '125', '150']) {
      for (const [i, screen] of SCREENS.entries()) {
        await page.goto(base + screen);
        await id(page, 'link-state').getByText('LIVE').waitFor();
        await page.waitForTimeout(600);
        const wide = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        assert.ok(wide <= 0, `${screen} at ${size} % is ${wide} px too wide`);
        if (i < 4) await shot(page, `small-${size}-${i}`);
      }
      await page.getByRole('button', { name: 'The operator' }).waitFor();
      await id(page, 'scale-toggle').click();
    }
    await page.setViewportSize({ width: 1600, height: 950 });
  },
  async 'the gateways are listed with what they owe'(page) {
    await id(page, 'nav-gateways').click();
    await id(page, 'gateway-row-gw-s1').waitFor();
    fake.cut('gw-s2');
    await page.locator('[data-testid="gateway-row-gw-s2"][data-state="down"]').waitFor();
    await shot(page, 'gateways');
    fake.mend('gw-s2');
  },
  async 'an operator may look at limits, but not change them'(page) {
    await id(page, 'nav-settings').click();
    await id(page, 'setting-row-S1/L_T1.high').waitFor();
    assert.equal(await id(page, 'setting-edit-S1/L_T1.high').count(), 0);
  },
  async 'a store that is away is said on every screen, and acknowledging is refused in words'(page) {
    await id(page, 'nav-overview').click();
    fake.setStore('away', 'connection refused');
    await id(page, 'store-away').waitFor();
    fake.raise('S1/L_T1.high', 6.1);
    await id(page, 'banner-ack-S1/L_T1.high').click();
    await id(page, 'status-line').getByText('Not acknowledged: the database is away').waitFor();
    await shot(page, 'store-away');
    fake.setStore('ok');
    await id(page, 'store-away').waitFor({ state: 'detached' });
  },
  async 'silence is shown as such, and it comes back by itself'(page) {
    fake.silent = true;
    await id(page, 'not-live').waitFor();
    await shot(page, 'not-live');
    await id(page, 'theme-toggle').click();
    await shot(page, 'not-live-dark');
    await id(page, 'theme-toggle').click();
    fake.silent = false;
    await id(page, 'not-live').waitFor({ state: 'detached' });
  },
  async 'an alarm that was raised meanwhile is there after it'(page) {
    fake.silent = true;
    fake.raise('S3/L_T3.high', 6.2);
    fake.silent = false;
    await id(page, 'banner-row-S3/L_T3.high').waitFor();
  },
  async "a page whose browser has somebody else's session by now says whose, and has nothing of the first one"(page) {
    await page.goto(`${base}/alarms?q=S3/L_T3.high`);
    await id(page, 'alarm-row-S3/L_T3.high').click({ position: { x: 60, y: 8 } });
    await id(page, 'do-comment-S3/L_T3.high').click();
    await id(page, 'request-text').fill('half a comment');
    const engineer = { user: 'engineer', title: 'The engineer', role: 'engineer' };
    for (const session of fake.sessions.values()) Object.assign(session, engineer);
    for (const client of fake.clients) client.socket.terminate();
    await id(page, 'user-menu').getByText('The engineer').waitFor();
    await id(page, 'dock').waitFor({ state: 'detached' });
    await id(page, 'alarm-row-S3/L_T3.high').waitFor();
  },
  async 'an ended session leads to the login page'(page) {
    for (const session of [...fake.sessions.values()]) fake.endSession(session);
    await id(page, 'login-user').waitFor();
  },
  async 'an engineer changes a limit with a reason; faults are said at their field'(page) {
    await logIn(page, 'engineer');
    await id(page, 'nav-settings').click();
    await id(page, 'settings-filter').fill('t1');
    await id(page, 'setting-edit-S1/L_T1.high').click();
    await id(page, 'setting-limit').fill('99');
    await id(page, 'setting-reason').fill('spring level');
    await id(page, 'setting-save').click();
    await id(page, 'setting-fault-limit').waitFor();
    await shot(page, 'settings-fault');
    await id(page, 'setting-limit').fill('5.4');
    await id(page, 'setting-save').click();
    await id(page, 'setting-limit-S1/L_T1.high').getByText('5.40').waitFor();
    await id(page, 'nav-revisions').click();
    await page.getByText('spring level').waitFor();
    await shot(page, 'revisions');
  },
  async 'a new alarm is made and deleted again'(page) {
    await id(page, 'nav-settings').click();
    await id(page, 'setting-new').click();
    await id(page, 'setting-source').fill('S1/PS');
    await id(page, 'setting-limit').fill('40');
    await id(page, 'setting-reason').fill('new tap');
    await shot(page, 'settings-new');
    await id(page, 'setting-save').click();
    await id(page, 'setting-edit-S1/PS.high').click();
    await id(page, 'setting-reason').fill('not needed');
    await id(page, 'setting-delete').click();
    await id(page, 'setting-delete-sure').click();
    await id(page, 'setting-row-S1/PS.high').waitFor({ state: 'detached' });
  },
  async 'what touches a highly managed alarm is changed, disabled and deleted by two people, and both are named'(page) {
    const agree = async (name, password) => {
      await id(page, 'second-name').fill(name);
      await id(page, 'second-password').fill(password);
      await id(page, 'second-agree').click();
    };
    const fault = (text) => id(page, 'second-fault').getByText(text).waitFor();
    await page.goto(`${base}/settings?q=S3/L_T4.low`);
    await id(page, 'setting-edit-S3/L_T4.low').click();
    await id(page, 'setting-limit').fill('0.6');
    await id(page, 'setting-reason').fill('pump was changed');
    await id(page, 'setting-save').click();
    await id(page, 'second-alarms').getByText('S3/L_T4.low').waitFor();
    await id(page, 'second-changes').getByText('pump was changed').waitFor();
    await id(page, 'second-changes').locator('ins').getByText('0.6', { exact: true }).waitFor();
    await agree('engineer', 'password');
    await fault('That is you.');
    await agree('admin', 'wrong');
    await fault('name or password is wrong');
    assert.equal(await id(page, 'second-password').inputValue(), '', 'a password that was sent is not kept');
    await agree('operator', 'password');
    await fault('must be an engineer or administrator');
    await shot(page, 'second-form');
    assert.deepEqual(await accessibility(page, 'second person'), []);
    await id(page, 'lang-toggle').click();
    await agree('admin', 'wrong');
    await fault('第二人的用户名或密码不正确');
    await agree('admin', 'wrong');
    await fault('第二人的用户名或密码不正确');
    await agree('admin', 'wrong');
    await fault('请等待 9 秒后再试');
    await shot(page, 'second-form-zh');
    await id(page, 'lang-toggle').click();
    fake.secondTries = 3;
    await id(page, 'second-name').press('Escape');
    await id(page, 'second-form').waitFor({ state: 'detached' });
    assert.equal(await id(page, 'setting-limit').inputValue(), '0.6', 'what was typed stays');
    await id(page, 'setting-save').click();
    await agree('admin', 'password');
    await id(page, 'setting-limit-S3/L_T4.low').getByText('0.60').waitFor();

    fake.raise('S3/L_T4.low', 0.5);
    await page.goto(`${base}/alarms?q=S3/L_T4.low`);
    await id(page, 'alarm-row-S3/L_T4.low').click({ position: { x: 60, y: 8 } });
    await id(page, 'do-disable-S3/L_T4.low').click();
    await id(page, 'request-text').fill('tank is emptied');
    await id(page, 'request-send').click();
    await id(page, 'second-alarms').getByText('S3/L_T4.low').waitFor();
    await id(page, 'second-changes').getByText('tank is emptied').waitFor();
    await agree('admin', 'wrong');
    await fault('name or password is wrong');
    assert.notEqual(fake.alarms.get('S3/L_T4.low').letter, 'Z');
    await shot(page, 'second-request');
    await agree('admin', 'password');
    await id(page, 'status-line').getByText('S3/L_T4.low: disabled').waitFor();
    await id(page, 'second-form').waitFor({ state: 'detached' });
    await id(page, 'detail-close').click();

    await page.goto(`${base}/settings?q=S3/L_T4.low`);
    await id(page, 'setting-edit-S3/L_T4.low').click();
    await id(page, 'setting-reason').fill('tank is gone');
    await id(page, 'setting-delete').click();
    await id(page, 'setting-delete-sure').click();
    await agree('admin', 'password');
    await id(page, 'setting-row-S3/L_T4.low').waitFor({ state: 'detached' });
    await id(page, 'nav-revisions').click();
    const row = page.locator('[data-testid^="revision-"]').filter({ hasText: 'tank is gone' });
    await row.getByText('engineer', { exact: true }).waitFor();
    await row.getByText('agreed: admin').waitFor();
    await shot(page, 'revisions-second');
  },
  async 'who came with a one-time code sets a password first'(page) {
    await id(page, 'user-menu').click();
    await id(page, 'logout').click();
    await id(page, 'login-user').fill('new');
    await id(page, 'login-password').fill('password');
    await id(page, 'login-submit').click();
    await id(page, 'password-new').fill('a-long-enough-phrase');
    await id(page, 'password-again').fill('a-long-enough-phrase');
    await shot(page, 'password');
    await id(page, 'password-submit').click();
    await id(page, 'nav-overview').click();
    await id(page, 'site-tile-S1').waitFor();
  },
};

let failed = 0;
const page = await open();
for (const [name, step] of Object.entries(steps)) {
  try {
    await step(page);
    console.log(`ok    ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}\n${error.stack}`);
    await page.screenshot({ path: join(out, `failed-${failed}.png`) });
  }
}
// The one report that is right: the browser notes each refused request.
const odd = reports.filter(
  (text) => !/Failed to load resource: the server responded with a status of (401|403|412|422|429|503)/.test(text),
);
if (odd.length > 0) failed += 1;
for (const text of odd) console.log(`console: ${text}`);
await browser.close();
await fake.close();
console.log(failed === 0 ? 'all passed' : `${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
