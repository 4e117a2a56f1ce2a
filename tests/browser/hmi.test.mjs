// The HMI in Chromium against the real server and gateways: what an operator sees and does. Screenshots go to build/artefacts.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { chromium } from 'playwright-core';
import { configBreaches } from '../lib/invariants.mjs';
import { Penstock, artefacts, password, sleep, until } from '../lib/penstock.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SCREEN = { ignoreHTTPSErrors: true, viewport: { width: 1600, height: 950 } };
const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  // Sound waits for a person's hand here, whatever the browser has learnt of pages that play.
  '--autoplay-policy=document-user-activation-required'];

const PATIENCE_MS = 120_000;
/** Answers that the tests ask for; what a browser says of a server that is killed, whatever it was just reading; a canvas that a test looks at again. */
const EXPECTED = /status of (401|403|422|412|503)|WebSocket connection to|ERR_(EMPTY_RESPONSE|SOCKET_NOT_CONNECTED|CONTENT_LENGTH_MISMATCH|INCOMPLETE_CHUNKED_ENCODING|CONNECTION_(REFUSED|RESET|CLOSED))|willReadFrequently/;

describe('the operator\'s browser', { concurrency: false }, () => {
  const p = new Penstock({ build: 'release' });
  const complaints = [];
  let browser, operator, viewer;

  before(async () => {
    mkdirSync(artefacts, { recursive: true });
    await p.prepare();
    p.settings = { link: { ca_key: p.pkiFile('ca.key') } };
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

  /** A browser of its own. Whatever is waited for may take long where much else runs: the time is there to end a hang alone. */
  async function contextOf(options = {}) {
    const context = await browser.newContext({ ...SCREEN, ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    return context;
  }

  /** Every complaint of its console counts, but for the answers that a test asks for, and for looking at the canvas more than once. */
  async function open(options = {}) {
    const page = await (await contextOf(options)).newPage();
    page.on('console', (m) => {
      if (['error', 'warning'].includes(m.type()) && !EXPECTED.test(m.text())) complaints.push(m.text());
    });
    page.on('pageerror', (e) => complaints.push(String(e)));
    page.on('request', (r) => {
      if (!r.url().startsWith(url('/').slice(0, -1)) && !/^(data|blob):/.test(r.url())) complaints.push(`a request to another origin: ${r.url()}`);
    });
    return page;
  }

  /** In the page as it is: what it keeps in memory stays. */
  async function enter(page, user) {
    await page.getByTestId('login-user').fill(user);
    await page.getByTestId('login-password').fill(password(user));
    await page.getByTestId('login-submit').click();
  }

  async function logIn(page, user) {
    await page.goto(url('/'));
    await enter(page, user);
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
    assert.equal(await operator.locator('.figures .unit').first().innerText(), '/ 5', 'the server is no station');
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
    await operator.getByTestId(/^alarm-row-/).first().waitFor();
    await shot(operator, 'alarms-light');
    // Alarms come and go while this looks, and a press is refused when the rows have just moved: so it tries again, as a person would.
    const newest = async () => (await p.sql(
      `select k.name, j.actor, j.call from alarm_journal j join config_key k on k.key = j.alarm_key where j.kind = 'ack' order by seq desc limit 1`))[0];
    const ack = await until('an acknowledgement from the browser', async () => {
      await operator.getByTestId(/^alarm-ack-/).first().click({ timeout: 2000 }).catch(() => {});
      return until('its record', newest, 3).catch(() => null);
    });
    assert.equal(ack.actor, 'operator');
    assert.equal(await viewer.getByTestId(/^alarm-ack-/).count(), 0, 'a viewer has no button for it');
    await until('the other browser shows by whom, or the row is gone because the alarm is over', async () => {
      const [text] = await viewer.getByTestId(`alarm-row-${ack.name}`).allInnerTexts();
      if (text === undefined || /operator/i.test(text)) return true;
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
    await operator.getByTestId('nav-alarms').getByText(/[一-鿿]/).waitFor();
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

  // --- A bench: a site of its own whose alarms are on and off as the configuration says, at a position of its own.

  let engineer;
  let atDesk;

  async function engineerPage() {
    if (atDesk === undefined) {
      atDesk = await open();
      await logIn(atDesk, 'engineer');
    }
    return atDesk;
  }

  /** Makes or changes one item, as an engineer does. */
  async function put(path, value) {
    const old = await engineer.get(`/api/${path}`);
    const headers = old.status === 200 ? { 'If-Match': `"${old.json.revision}"` } : { 'If-None-Match': '*' };
    const answer = await engineer.put(`/api/${path}`, { headers, body: { reason: 'a test', value } });
    assert.ok(answer.status === 200 || answer.status === 201, answer.text);
  }

  /** An alarm of the bench; on: whether its condition holds. */
  const bench = (name, on, fields = {}) =>
    put(`alarm-settings/T/${name}`, { name: `T/${name}`, kind: 'expr', expr: on ? 'true' : 'false', priority: 3, ...fields });
  const benchAlarm = async (name) =>
    (await engineer.get('/api/alarms?site=T&state=all')).json.alarms.find((a) => a.name === `T/${name}`);
  const letterOf = (name, letter) => until(`T/${name} is ${letter}`, async () => (await benchAlarm(name))?.letter === letter);

  /** Counts the presses of the mouse from now on. */
  async function countClicks(page) {
    await page.evaluate(() => {
      window.pressed = 0;
      document.addEventListener('pointerdown', () => (window.pressed += 1), true);
    });
    return () => page.evaluate(() => window.pressed);
  }

  const row = (page, name) => page.getByTestId(`alarm-row-T/${name}`);
  const status = (page, text) => page.getByTestId('status-line').getByText(text).waitFor();
  const number = async (page, counter) => Number(/\d+/.exec(await page.getByTestId(`counter-${counter}`).innerText())[0]);

  /** Opens an alarm from the list that it is in, and asks something of it. */
  async function askFor(page, tab, name, what, text) {
    await page.goto(url(`/alarms?site=T${tab === '' ? '' : `&tab=${tab}`}`));
    if (tab === '') await row(page, name).click({ position: { x: 300, y: 10 } });
    else await page.getByTestId(`open-T/${name}`).click();
    await page.getByTestId('detail').getByTestId(`do-${what}-T/${name}`).click();
    if (text === undefined) return;
    await page.getByTestId('request-text').fill(text);
    await page.getByTestId('request-send').click();
  }

  test('an alarm of the banner is acknowledged with one press of the mouse, on any page', async () => {
    engineer = await p.login('engineer');
    await put('sites/T', { name: 'T', title: { en: 'Bench', zh: '试验台' }, position: 'bench' });
    const guidance = { cause: 'Somebody tests', consequence: 'Nothing', action: { en: 'Read on', zh: '继续' }, severity: 'severe', time_to_act_s: 60 };
    await bench('first', true, { priority: 1, message: { en: 'The bench is on', zh: '试验台启动' }, ...guidance });
    await operator.goto(url('/trend?tags=S1/L_T1'));
    await operator.getByTestId('banner-row-T/first').waitFor();
    const clicks = await countClicks(operator);
    await operator.getByTestId('banner-ack-T/first').click();
    await until('the server knows by whom', async () => (await benchAlarm('first')).acked_by === 'operator');
    await operator.getByTestId('banner-row-T/first').waitFor({ state: 'detached' });
    assert.equal(await clicks(), 1);
  });

  test('what to do about an alarm is two presses away, with what it means and how long there is', async () => {
    await operator.goto(url('/'));
    await operator.getByTestId('site-tile-S1').waitFor();
    const clicks = await countClicks(operator);
    await operator.getByTestId('nav-alarms').click();
    await row(operator, 'first').click({ position: { x: 300, y: 10 } });
    const guidance = operator.getByTestId('guidance');
    await guidance.getByText('Read on').waitFor();
    for (const text of ['Somebody tests', 'Nothing', '1 min']) await guidance.getByText(text, { exact: true }).waitFor();
    assert.ok((await clicks()) <= 2);
    await shot(operator, 'alarm-detail');
  });

  test('"why is it on?" shows the rule with its values, and follows them', async () => {
    await put('alarm-settings/S1/bench', { name: 'S1/bench', kind: 'expr', expr: 'L_T1 > 0 m and L_T1 < 100 m', priority: 4 });
    await operator.goto(url('/alarms?q=S1/bench'));
    await operator.getByTestId('alarm-row-S1/bench').click({ position: { x: 300, y: 10 } });
    const why = operator.getByTestId('why');
    await why.getByTestId('why-condition').getByText('true').waitFor();
    await why.getByText('L_T1 < 100 m', { exact: true }).waitFor();
    const first = await why.innerText();
    assert.match(first, /\d m\b/, 'a value has its unit');
    await until('another level', async () => (await why.innerText()) !== first);
  });

  test('an alarm is shelved with a reason in four presses at most, is listed with what is left, and comes back', async () => {
    await bench('second', true, { priority: 2 });
    await operator.goto(url('/alarms?site=T'));
    await row(operator, 'second').waitFor();
    const clicks = await countClicks(operator);
    await row(operator, 'second').click({ position: { x: 300, y: 10 } });
    await operator.getByTestId('detail').getByTestId('do-shelve-T/second').click();
    await operator.getByTestId('shelve-15min').click();
    await operator.getByTestId('request-text').fill('the sensor is cleaned');
    await operator.getByTestId('request-send').click();
    await status(operator, 'T/second: shelved');
    assert.ok((await clicks()) <= 4);
    await row(operator, 'second').waitFor({ state: 'detached' });
    assert.equal((await benchAlarm('second')).shelved.reason, 'the sensor is cleaned');
    await until('it is counted', async () => (await number(operator, 'shelved')) === 1);
    await operator.getByTestId('tab-shelved').click();
    await row(operator, 'second').getByText('the sensor is cleaned').waitFor();
    await row(operator, 'second').getByText(/^1\d min/).waitFor();
    await shot(operator, 'alarms-shelved');
    await row(operator, 'second').getByTestId('do-unshelve-T/second').click();
    await status(operator, 'T/second: no longer shelved');
    await letterOf('second', 'B');
  });

  test('an engineer suppresses, takes out of service and disables; each is listed with who and why, counted, and ended', async () => {
    const page = await engineerPage();
    const names = { suppressed: 'suppress', oos: 'oos', disabled: 'disable' };
    for (const [state, what] of Object.entries(names)) {
      await bench(state, true);
      await letterOf(state, 'B');
      await askFor(page, '', state, what, `because of ${what}`);
      await until(`${state} holds`, async () => (await benchAlarm(state)).letter !== 'B');
      await page.goto(url(`/alarms?site=T&tab=${state}`));
      await row(page, state).getByText(state === 'suppressed' ? 'manual' : `because of ${what}`).waitFor();
      await until(`${state} is counted`, async () => (await number(page, state)) >= 1);
      await page.getByTestId(`tab-${state}`).waitFor();
      await shot(page, `alarms-${state}`);
    }
    for (const [state, what, text] of [['suppressed', 'unsuppress'], ['oos', 'in_service'], ['disabled', 'enable', 'it is needed']]) {
      await askFor(page, state, state, what, text);
      await letterOf(state, 'B');
    }
    await operator.goto(url('/alarms?site=T'));
    await row(operator, 'oos').click({ position: { x: 300, y: 10 } });
    await operator.getByTestId('detail').waitFor();
    assert.equal(await operator.getByTestId('do-oos-T/oos').count(), 0, 'an operator has no button for it');
  });

  test('a latched alarm returns, and is acknowledged, confirmed and reset, each when it is its turn', async () => {
    const latch = { latch: true, confirm: true };
    await bench('latch', true, latch);
    await letterOf('latch', 'B');
    await bench('latch', false, latch);
    await letterOf('latch', 'E');
    await operator.goto(url('/alarms?site=T'));
    // A press is refused when the rows have just moved: then it is pressed again, as a person would.
    await until('it is acknowledged', async () => {
      await operator.getByTestId('alarm-ack-T/latch').click({ timeout: 2000 }).catch(() => {});
      return until('its record', async () => (await benchAlarm('latch')).letter === 'F', 3).catch(() => false);
    });
    await operator.getByTestId('tab-confirm').waitFor();
    await row(operator, 'latch').getByTestId('do-confirm-T/latch').click();
    await status(operator, 'T/latch: confirmed');
    await row(operator, 'latch').getByTestId('do-reset-T/latch').click();
    await status(operator, 'T/latch: reset');
    await letterOf('latch', 'A');
  });

  test('the list goes by the keys: move, acknowledge, open, close, help', async () => {
    for (const name of ['key-1', 'key-2', 'key-3']) await bench(name, true, { priority: 2 });
    await operator.goto(url('/alarms?q=T/key'));
    for (const name of ['key-1', 'key-2', 'key-3']) await row(operator, name).waitFor();
    const rows = await operator.getByTestId(/^alarm-row-T\/key/).evaluateAll((all) => all.map((r) => r.dataset.testid.slice(12)));
    await row(operator, rows[0]).click({ position: { x: 300, y: 10 } });
    await operator.getByTestId('detail').waitFor();
    const detail = (name) => operator.locator(`[data-testid="detail"][aria-label="T/${name}"]`).waitFor();
    await detail(rows[0]);
    await operator.keyboard.press('ArrowDown');
    await detail(rows[1]);
    await operator.keyboard.press('Space');
    await status(operator, `T/${rows[1]}: acknowledged`);
    await operator.keyboard.press('ArrowUp');
    await operator.keyboard.press('a');
    await status(operator, `T/${rows[0]}: acknowledged`);
    await operator.keyboard.press('Escape');
    await operator.getByTestId('detail').waitFor({ state: 'detached' });
    // Acknowledged ones go down once the list, which a key holds for some seconds, may move: the cursor stays where it is.
    const current = await operator.locator('.alarm-row-current').getAttribute('data-testid');
    await operator.keyboard.press('Enter');
    await detail(current.slice('alarm-row-T/'.length));
    await operator.keyboard.press('Escape');
    await operator.keyboard.press('Shift+A');
    await letterOf(rows[2], 'C');
    await operator.keyboard.press('?');
    await operator.getByTestId('help').waitFor();
    await operator.keyboard.press('Escape');
    await operator.getByTestId('help').waitFor({ state: 'detached' });
  });

  test('sound: off is said, silence stops it and acknowledges nothing, the next alarm sounds again', async () => {
    // A page that nobody has touched yet: the browser plays nothing. For the browser, each look that a test takes at a page is a
    // person's hand, so none is taken before the page has asked for its sound.
    const storageState = await operator.context().storageState();
    const fresh = await contextOf({ storageState });
    const page = await fresh.newPage();
    await page.addInitScript(() => {
      globalThis.AudioContext = class extends globalThis.AudioContext {
        constructor() {
          super();
          console.info(`sound was ${this.state}`);
        }
      };
    });
    const asked = page.waitForEvent('console', (m) => m.text().startsWith('sound was '));
    await page.goto(url('/alarms?site=T'));
    assert.equal((await asked).text(), 'sound was suspended');
    await page.getByTestId('sound-off').waitFor();
    await page.keyboard.press('x');
    await page.getByTestId('sound-off').waitFor({ state: 'detached' });
    const sounding = (priority) => page.locator(`[data-testid="silence"][data-sounding="${priority}"]`).waitFor();
    await page.getByTestId('sound-state').click();
    await page.getByTestId('sound-position').selectOption('bench');
    await page.keyboard.press('Escape');
    await sounding(2);
    await page.keyboard.press('s');
    await sounding('');
    assert.equal((await benchAlarm('second')).letter, 'B');
    await until('the server has heard it', async () => !(await benchAlarm('second')).ring);
    await bench('ringing', true, { priority: 4 });
    await sounding(4);
    await page.getByTestId('silence').click();
    await sounding('');
    await page.getByTestId('sound-state').click();
    await page.getByTestId('sound-position').selectOption({ index: 0 });
    await page.keyboard.press('Escape');
    await fresh.close();
  });

  test('what one person has begun is gone for the next, after a logout and when the session has ended', async () => {
    const page = await open();
    await logIn(page, 'operator');
    await page.goto(url('/alarms?site=T'));
    const ends = {
      logout: async () => {
        await page.getByTestId('user-menu').click();
        await page.getByTestId('logout').click();
      },
      // The server ends it, and tells the page.
      session: () => page.evaluate(() => fetch('/api/session', { method: 'DELETE', headers: { 'X-Penstock': '1' } })),
    };
    for (const [how, next] of [['logout', 'engineer'], ['session', 'operator']]) {
      await row(page, 'second').click({ position: { x: 300, y: 10 } });
      await page.getByTestId('detail').getByTestId('do-shelve-T/second').click();
      await page.getByTestId('request-text').fill('half a reason');
      await page.getByTestId('silence').click();
      await status(page, 'Silenced');
      await ends[how]();
      await page.getByTestId('login-user').waitFor();
      await enter(page, next);
      await page.getByTestId('user-menu').getByText(`The ${next}`).waitFor();
      await row(page, 'second').waitFor();
      for (const left of ['dock', 'request-form', 'detail']) assert.equal(await page.getByTestId(left).count(), 0, `${left} after ${how}`);
      assert.match(await page.getByTestId('status-line').innerText(), /Ready|Connected again/); // a page that was held up says the latter
      await shot(page, `next-person-${how}`);
    }
    await page.context().close();
  });

  test('the history goes back in both orders, and shows how everything stood at a moment', async () => {
    // More than one page of them.
    const items = Array.from({ length: 220 }, (_, i) => ({ alarm: 'T/second', do: 'comment', comment: `comment ${i}` }));
    const said = await engineer.post('/api/alarms/requests', { body: { items } });
    assert.equal(said.status, 200, said.text);
    const records = operator.getByTestId(/^history-row-/);
    // Its answer is there, and the list shows it.
    const loaded = async (order, ask) => {
      const answer = operator.waitForResponse((r) => r.url().includes('/api/alarms/history?') && r.url().includes('order=src') === (order === 'src'));
      await ask();
      await answer;
      await operator.locator('.history[aria-busy=false]').waitFor();
    };
    await loaded('at', () => operator.goto(url('/alarms?tab=history')));
    for (const order of ['at', 'src']) {
      if (order === 'src') await loaded(order, () => operator.getByTestId('history-order').selectOption(order));
      assert.equal(await records.count(), 200, `a page in the order ${order}`);
      await loaded(order, () => operator.getByTestId('history-older').click());
      assert.ok((await records.count()) > 200, `older ones in the order ${order}`);
    }
    const [{ at_us: at }] = await p.sql(`select max(at_us) as at_us from alarm_journal j join config_key k on k.key = j.alarm_key
                                          where k.name = 'T/second' and j.kind = 'shelve'`);
    await operator.goto(url(`/alarms?tab=history&site=T&moment=${new Date(Number(at / 1000n) + 1).toISOString()}`));
    const then = operator.getByTestId('past-row-T/second');
    await then.getByText('the sensor is cleaned').waitFor();
    assert.equal(await then.getAttribute('data-letter'), 'G');
    await shot(operator, 'history-past');
    await operator.getByTestId('history-records').click();
    await records.first().waitFor();
  });

  test('the key figures are the server\'s, each with how it is counted; bad actors have their shares', async () => {
    const to = new Date(Math.floor(Date.now() / 60000) * 60000 + 60000);
    const period = `from=${new Date(to - 86400000).toISOString()}&to=${to.toISOString()}`;
    await operator.goto(url(`/kpi?position=bench&${period}`));
    await operator.getByTestId('kpi-report').waitFor();
    const { figures } = (await engineer.get(`/api/alarms/kpi?position=bench&${period}`)).json;
    const n = figures.find((f) => f.name === 'n');
    const shown = operator.getByTestId('kpi-n');
    assert.equal(await shown.locator('b').innerText(), String(n.value));
    assert.ok(n.value >= 5);
    await shown.getByText(n.definition).waitFor();
    for (const id of ['mean10', 'peak10', 'floods', 'flood_pct', 'top10_pct', 'standing', 'tta_p50', 'rationalised_pct']) {
      await operator.getByTestId(`kpi-${id}`).waitFor();
    }
    assert.equal(await operator.getByTestId('kpi-priorities').getByRole('row').count(), 5, 'four priorities below their titles');
    await operator.getByTestId('kpi-held').getByText('the sensor is cleaned').waitFor();
    await shot(operator, 'kpi');
    await operator.getByTestId('kpi-view-actors').click();
    await operator.getByTestId('actor-T/first').waitFor();
    await shot(operator, 'kpi-actors');
  });

  test('an engineer tries a limit on the past, sees what it would have done, and looks for a better setting', async () => {
    const page = await engineerPage();
    const alarm = await until('an alarm of a limit that has rung', async () => (await p.sql(
      `select k.name from alarm_annunciation a join config_key k on k.key = a.alarm_key where k.name ~ '/L_T.\\.(high|low)$' order by a.at_us limit 1`))[0]?.name);
    await page.goto(url(`/settings?q=${alarm}`));
    await page.getByTestId(`setting-edit-${alarm}`).click();
    const limit = Number(await page.getByTestId('setting-limit').inputValue());
    await page.getByTestId('setting-limit').fill((limit - 0.05).toFixed(2));
    await page.getByTestId('setting-try').click();
    await page.getByTestId('backtest-run').click();
    await page.locator('[data-testid="backtest"][data-state="done"]').waitFor();
    const id = new URL(page.url()).searchParams.get('id');
    const { report, name } = (await engineer.get(`/api/backtest?id=${id}`)).json;
    assert.equal(name, alarm);
    assert.ok(report.now.n > 0, 'there is a past');
    const sums = page.getByTestId('backtest-n').getByRole('cell');
    assert.deepEqual(await sums.allInnerTexts(), [String(report.now.n), String(report.then.n)]);
    await page.getByTestId('backtest-changes').getByText(`${report.n_added} new, ${report.n_removed} gone`).waitFor();
    await shot(page, 'backtest');
    await page.getByTestId('backtest-suggest').click();
    await page.getByTestId('suggestions').waitFor();
    await page.getByTestId('suggestion-present').waitFor();
    await shot(page, 'backtest-suggestions');
  });

  test('an engineer makes an alarm of any kind, told by the server what is wrong, and reads what a review would ask', async () => {
    const page = await engineerPage();
    await page.goto(url('/settings'));
    await page.getByTestId('setting-new').click();
    await page.getByTestId('setting-kind').selectOption('expr');
    await page.getByTestId('setting-expr').fill('L_T1 >');
    await page.getByTestId('setting-name').fill('S1/made');
    await page.getByTestId('setting-reason').fill('made in a browser');
    await page.getByTestId('setting-save').click();
    await page.getByTestId('setting-fault-expr').waitFor();
    await page.getByTestId('setting-expr').fill('L_T1 > 1000 m');
    await page.getByTestId('setting-save').click();
    await page.getByTestId('setting-row-S1/made').waitFor();
    await page.getByTestId('settings-checks').click();
    await page.getByTestId('finding-no_action-S1/made').waitFor();
    await shot(page, 'findings');
  });

  test('an engineer enrols a gateway, shown once, and revokes with a reason; an operator may not', async () => {
    await operator.goto(url('/gateways'));
    await operator.getByTestId('certificate-gw-s5').click();
    assert.ok(await operator.getByTestId('identity-enrol').isDisabled());
    const page = await open();
    await logIn(page, 'engineer');
    await page.goto(url('/gateways'));
    await until('its certificate is shown', async () => /^(89|90) d$/.test(await page.getByTestId('certificate-gw-s5').innerText()));
    await page.getByTestId('certificate-gw-s5').click();
    assert.match(await page.getByTestId('identity-facts').innerText(), /SHA-256 [0-9a-f]{64}/);
    await page.getByTestId('gateway-health').waitFor(); // nobody configured its tags
    assert.equal(await page.getByTestId('health-link').innerText(), 'connected');
    assert.match(await page.getByTestId('health-certificate_days').innerText(), /^(89|90) d$/);
    await page.getByTestId('identity-enrol').click();
    await page.getByTestId('enrol-make').click();
    const token = await page.getByTestId('enrol-token').innerText();
    assert.match(token.trim(), /^PSK1-gw-s5-[A-Z2-7]{26}-[A-Z2-7]{32}$/);
    await shot(page, 'enrol');
    await page.getByTestId('identity-close').click();
    await page.getByTestId('identity-panel').waitFor({ state: 'detached' });
    await page.getByTestId('certificate-gw-s5').click();
    assert.equal(await page.getByTestId('enrol-token').count(), 0, 'it is shown once');
    await page.getByTestId('identity-revoke').click();
    assert.ok(await page.getByTestId('identity-send').isDisabled(), 'not without a reason');
    await page.getByTestId('identity-reason').fill('the cabinet was open');
    await page.getByTestId('identity-send').click();
    await page.locator('[data-testid="gateway-row-gw-s5"][data-state="down"]').waitFor();
    await shot(page, 'revoked');
    await until('it is in the audit', async () => (await p.sql(
      `select from audit where action = 'gateway.revoke' and object = 'gw-s5' and actor = 'engineer' and detail ~ 'the cabinet was open'`)).length === 1);
    await page.context().close();
  });

  /** Serious faults of accessibility of the page as it stands. */
  async function seriousFaults(page) {
    await page.evaluate(axe);
    const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    const serious = found.violations.filter((v) => ['serious', 'critical'].includes(v.impact));
    return serious.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join('; ')}`);
  }

  // --- Two people

  /** The newest revision: who made it, who agreed, why, and what it says of one alarm (null: that it is removed). */
  const newest = async (alarm) => (await p.sql(
    `select revision, actor, second_actor as second, reason, body from config_revision left join
       (config_item join config_key on config_key.key = config_item.key and kind = 'alarm' and name = $1) using (revision)
      order by revision desc limit 1`, [alarm]))[0];
  const lastRevision = async () => (await p.sql('select max(revision) as n from config_revision'))[0].n;
  const refusals = () => p.sql(`select actor, object, detail from audit where action = 'config.second_refused' order by audit_id`);

  async function agree(page, name, word = password(name)) {
    await page.getByTestId('second-name').fill(name);
    await page.getByTestId('second-password').fill(word);
    await page.getByTestId('second-agree').click();
  }
  const secondFault = (page, text) => page.getByTestId('second-fault').getByText(text).waitFor();

  test('a limit of a highly managed alarm is changed by two people; the first alone, and who is nobody to agree, change nothing', async () => {
    const page = await engineerPage();
    const alarm = 'S1/L_T1.high_high';
    const setting = async () => (await engineer.get(`/api/alarm-settings/${alarm}`)).json;
    const was = await setting();
    const before = await lastRevision();
    await page.goto(url(`/settings?q=${alarm}`));
    await page.getByTestId(`setting-edit-${alarm}`).click();
    await page.getByTestId('setting-limit').fill('6.25');
    await page.getByTestId('setting-reason').fill('two of us');
    await page.getByTestId('setting-save').click();
    await page.getByTestId('second-alarms').getByText(alarm).waitFor();
    assert.match(await page.getByTestId('second-changes').innerText(), /6\.3 → 6\.25\s+Why: two of us/);
    await shot(page, 'second-form');
    assert.deepEqual(await seriousFaults(page), []);

    await agree(page, 'engineer');
    await secondFault(page, 'That is you.');
    await agree(page, 'admin', 'not the password');
    await secondFault(page, 'name or password is wrong');
    assert.equal(await page.getByTestId('second-password').inputValue(), '', 'a password that was sent is not kept');
    await agree(page, 'operator');
    await secondFault(page, 'must be an engineer or administrator');
    await shot(page, 'second-refused');
    await page.getByTestId('theme-toggle').click();
    await page.getByTestId('lang-toggle').click();
    await page.getByTestId('second-alarms').getByText(alarm).waitFor();
    await shot(page, 'second-form-dark-zh');
    await page.getByTestId('theme-toggle').click();
    await page.getByTestId('lang-toggle').click();
    // Past the form, the server says the same.
    const { revision, ...value } = was;
    const himself = await engineer.put(`/api/alarm-settings/${alarm}`, {
      headers: { 'If-Match': `"${revision}"` },
      body: { reason: 'me twice', value: { ...value, limit: 6.25 }, second: { name: 'engineer', password: password('engineer') } },
    });
    assert.equal(himself.status, 422, himself.text);
    assert.deepEqual(himself.json.errors.map((e) => e.pointer), ['/second/name']);
    assert.equal(await lastRevision(), before, 'nothing was changed');
    assert.deepEqual(await setting(), was);
    await until('the refusals are in the audit', async () => (await refusals()).length === 2);
    assert.deepEqual((await refusals()).map((r) => [r.actor, r.object]), [['engineer', 'admin'], ['engineer', 'operator']]);

    await agree(page, 'admin');
    await page.getByTestId('setting-editor').waitFor({ state: 'detached' });
    await page.getByTestId(`setting-limit-${alarm}`).getByText('6.25').waitFor();
    const made = await newest(alarm);
    assert.ok(made.revision > before);
    assert.deepEqual([made.actor, made.second, made.reason, made.body.limit], ['engineer', 'admin', 'two of us', 6.25]);
    assert.deepEqual(await setting(), { ...was, limit: 6.25, revision: Number(made.revision) });
    const audit = await p.sql(`select actor, detail from audit where action = 'config.change' and object = $1`, [`revision ${made.revision}`]);
    assert.deepEqual(audit, [{ actor: 'engineer', detail: 'two of us (second person: admin)' }]);
    await page.goto(url('/revisions'));
    const line = page.getByTestId(`revision-${made.revision}`);
    await line.getByText('engineer', { exact: true }).waitFor();
    await page.getByTestId(`second-${made.revision}`).getByText('admin').waitFor();
    await shot(page, 'second-revision');
  });

  test('what was changed while the second person read is looked at again, not written over', async () => {
    const page = await engineerPage();
    const alarm = 'S2/L_T3.high_high';
    const { revision, ...value } = (await engineer.get(`/api/alarm-settings/${alarm}`)).json;
    await page.goto(url(`/settings?q=${alarm}`));
    await page.getByTestId(`setting-edit-${alarm}`).click();
    await page.getByTestId('setting-limit').fill('6.2');
    await page.getByTestId('setting-reason').fill('too late');
    await page.getByTestId('setting-save').click();
    await page.getByTestId('second-form').waitFor();
    const meanwhile = await engineer.put(`/api/alarm-settings/${alarm}`, {
      headers: { 'If-Match': `"${revision}"` },
      body: { reason: 'was faster', value: { ...value, limit: 6.35, deadband: 0.2 }, second: { name: 'admin', password: password('admin') } },
    });
    assert.equal(meanwhile.status, 200, meanwhile.text);
    await agree(page, 'admin');
    await page.getByTestId('second-form').waitFor({ state: 'detached' });
    await page.getByTestId('setting-error').getByText('all else is as it is now').waitFor();
    assert.equal(await page.getByTestId('setting-limit').inputValue(), '6.2', 'what was typed stays');
    assert.equal(await page.getByTestId('setting-deadband').inputValue(), '0.2', 'and the rest is as it is now');
    assert.equal((await newest(alarm)).reason, 'was faster');
    await shot(page, 'second-conflict');
    await page.getByTestId('setting-save').click();
    await agree(page, 'admin');
    await page.getByTestId(`setting-limit-${alarm}`).getByText('6.20').waitFor();
    const made = await newest(alarm);
    assert.deepEqual([made.actor, made.second, made.reason, made.body.limit, made.body.deadband], ['engineer', 'admin', 'too late', 6.2, 0.2]);
  });

  test('a highly managed alarm is disabled and deleted by two people, and whoever is asked may leave it', async () => {
    const page = await engineerPage();
    const managed = { name: 'T/managed', kind: 'expr', expr: 'true', priority: 1, class: 'highly_managed' };
    const second = { name: 'admin', password: password('admin') };
    const answer = await engineer.post('/api/config', { body: { reason: 'a test', put: [{ kind: 'alarm', value: managed }], second } });
    assert.equal(answer.status, 200, answer.text);
    await letterOf('managed', 'B');
    const before = await lastRevision();
    await askFor(page, '', 'managed', 'disable', 'the tank is emptied');
    await page.getByTestId('second-alarms').getByText('T/managed').waitFor();
    assert.match(await page.getByTestId('second-changes').innerText(), /Why: the tank is emptied/);
    assert.doesNotMatch(await page.locator('body').innerText(), /"second"/, 'in the words of the screen, not of the interface');
    await shot(page, 'second-request');
    await page.getByTestId('second-cancel').click();
    await page.getByTestId('second-form').waitFor({ state: 'detached' });
    assert.equal((await benchAlarm('managed')).letter, 'B');
    await page.getByTestId('do-disable-T/managed').click();
    await page.getByTestId('request-text').fill('the tank is emptied');
    await page.getByTestId('request-send').click();
    await agree(page, 'admin', 'not the password');
    await secondFault(page, 'name or password is wrong');
    assert.equal((await benchAlarm('managed')).letter, 'B');
    assert.equal(await lastRevision(), before, 'nothing was changed');
    await agree(page, 'admin');
    await status(page, 'T/managed: disabled');
    await page.getByTestId('second-form').waitFor({ state: 'detached' });
    await letterOf('managed', 'Z');
    const disabled = await newest('T/managed');
    assert.ok(disabled.revision > before);
    assert.deepEqual([disabled.actor, disabled.second, disabled.reason, disabled.body.enabled], ['engineer', 'admin', 'the tank is emptied', false]);

    await page.goto(url('/settings?q=T/managed'));
    await page.getByTestId('setting-edit-T/managed').click();
    await page.getByTestId('setting-reason').fill('the tank is gone');
    await page.getByTestId('setting-delete').click();
    await page.getByTestId('setting-delete-sure').click();
    await agree(page, 'admin');
    await page.getByTestId('setting-row-T/managed').waitFor({ state: 'detached' });
    const removed = await newest('T/managed');
    assert.ok(removed.revision > disabled.revision);
    assert.deepEqual([removed.actor, removed.second, removed.reason, removed.body], ['engineer', 'admin', 'the tank is gone', null]);
    assert.equal((await engineer.get('/api/alarm-settings/T/managed')).status, 404);
    assert.deepEqual(await configBreaches(p), []);
  });

  test('the pages have no serious fault of accessibility', async () => {
    for (const path of ['/', '/site/S1', '/alarms', '/kpi', '/gateways', '/trend?tags=S1/L_T1']) {
      await operator.goto(url(path));
      await operator.getByTestId('banner').waitFor();
      await sleep(800);
      assert.deepEqual(await seriousFaults(operator), [], path);
    }
  });

  test('without the database the screen says that nothing is stored, and marks what the journal lacks', async () => {
    await operator.goto(url('/alarms'));
    await operator.getByTestId(/^alarm-row-/).first().waitFor();
    await p.stopDatabase('immediate');
    await operator.getByTestId('store-away').waitFor();
    // The stations go on, and so do their alarms: what the journal does not have yet is marked.
    await operator.getByTestId(/^unstored-/).first().waitFor();
    await operator.getByTestId('journal-behind').waitFor();
    await shot(operator, 'store-away');
    await p.startDatabase();
    await operator.getByTestId('store-away').waitFor({ state: 'detached' });
    await operator.getByTestId('journal-behind').waitFor({ state: 'detached' });
  });

  test('without the server the whole screen says that it is not live, and comes back by itself', async () => {
    await operator.goto(url('/site/S1'));
    await operator.getByTestId('value-S1/L_T1').first().waitFor();
    await p.kill(p.server);
    await operator.getByTestId('not-live').waitFor();
    await shot(operator, 'not-live');
    await p.startServer();
    await operator.getByTestId('not-live').waitFor({ state: 'detached' });
    const value = operator.getByTestId('value-S1/L_T1').first();
    const first = await value.innerText();
    await until('values move again', async () => (await value.innerText()) !== first, PATIENCE_MS / 1000); // gateways come back when they next try
  });

  test('no complaint in the console, no request to another origin', () => {
    assert.deepEqual(complaints, []);
  });
});
