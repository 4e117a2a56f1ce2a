// The alarm part of the walk through the screens: every state with its sign, every request with its answer, sound, counters, keys.
import assert from 'node:assert/strict';

/** Counts what the operator does: presses of keys and of the pointer, as the page sees them. */
async function countActions(page, act) {
  await page.evaluate(() => {
    globalThis.actions = 0;
    globalThis.counting ??= ['keydown', 'pointerdown'].forEach((kind) => {
      document.addEventListener(kind, (e) => e.isTrusted && e.key !== 'Shift' && globalThis.actions++, true);
    });
  });
  await act();
  return page.evaluate(() => globalThis.actions);
}

/** What has the focus at the moment at which a form comes into the page: words that are typed then must not go to the list. */
const focusOf = (page, form) =>
  page.evaluate(
    (name) =>
      new Promise((done) => {
        const look = () => {
          if (document.querySelector(`[data-testid="${name}"]`) === null) return;
          watcher.disconnect();
          done(document.activeElement?.dataset.testid);
        };
        const watcher = new MutationObserver(look);
        watcher.observe(document.body, { childList: true, subtree: true });
        look();
      }),
    form,
  );

/** What stands beside a request: the letter of a row. */
const row = (page, name, letter) =>
  page.locator(`[data-testid="alarm-row-${name}"]${letter === undefined ? '' : `[data-letter="${letter}"]`}`);

/** Pressed although it says that it is not possible: then it says why. */
const refused = (page, name) => page.getByTestId(name).last().click({ force: true });

export function alarmSteps({ fake, base, id, shot, logIn, open, accessibility, browser }) {
  const status = (page, text) => id(page, 'status-line').getByText(text).waitFor();
  return {
    async 'every state has its sign, in the list and in the drawing'(page) {
      fake.raise('S1/PD.high', 101, 700_000, { first: true });
      fake.raise('S1/L_T1.high', 5.92, 300_000);
      fake.raise('S1/L_T1.high', 5.95, 200_000, { chatter: true });
      fake.raise('S2/L_T2.low', 0.66, 800_000, { suspect: true });
      fake.raise('S2/L_T2.high', 6.1, 700_000);
      fake.normal('S2/L_T2.high');
      fake.raise('S3/PD.low', 55, 500_000);
      fake.core.suppressBy('S3/PD.low', 'group booster-stopped');
      fake.ask('oos', 'S3/L_T3.low', { reason: 'transmitter sent to repair, WO 4711' });
      fake.ask('disable', 'S5/P_PU11.high', { reason: 'pump removed' });
      fake.ask('shelve', 'S1/P_PU1.high', { reason: 'bearing is watched on site', duration_s: 3000 }, 'operator');
      fake.core.distrust('S2/PD.low', Date.now() - 900_000);
      await page.goto(`${base}/alarms`);
      await row(page, 'S1/L_T1.high').getByText('×2').waitFor();
      await row(page, 'S1/PD.high', 'B').getByText('first').waitFor();
      await row(page, 'S2/L_T2.high', 'D').getByRole('gridcell', { name: 'D returned' }).waitFor();
      await row(page, 'S2/L_T2.low', 'B').getByText('time?').waitFor();
      await row(page, 'S1/L_T1.high', 'B').getByText('chatters').waitFor();
      await row(page, 'S2/PD.low').getByText('?').first().waitFor();
      const inStep = await page.evaluate(() =>
        document
          .getAnimations()
          .filter((a) => a.animationName?.startsWith('flash'))
          .map((a) => a.startTime),
      );
      assert.ok(inStep.length > 3, 'something flashes');
      assert.deepEqual([...new Set(inStep)], [0], 'all that flashes began together');
      await shot(page, 'alarms-states');
      await page.goto(`${base}/site/S1`);
      await id(page, 'mark-G').first().waitFor();
      await page.waitForTimeout(1200);
      await shot(page, 'site-states');
      await page.goto(base);
      await id(page, 'mark-H').first().waitFor();
      await shot(page, 'overview-states');
    },
    async 'a latched alarm returns, is acknowledged, confirmed and reset, each only when it is its turn'(page) {
      await page.goto(`${base}/alarms`);
      await row(page, 'S1/PD.high').click();
      await page.locator('.detail p > b', { hasText: 'active, unacknowledged' }).waitFor();
      await refused(page, 'do-reset-S1/PD.high');
      await status(page, 'S1/PD.high: It is still active');
      fake.normal('S1/PD.high');
      await row(page, 'S1/PD.high', 'E').waitFor();
      await shot(page, 'alarm-latched');
      await id(page, 'alarm-ack-S1/PD.high').click();
      await row(page, 'S1/PD.high', 'F').waitFor();
      await row(page, 'S1/PD.high').getByTestId('do-confirm-S1/PD.high').click();
      await row(page, 'S1/PD.high').getByTestId('do-reset-S1/PD.high').click();
      await status(page, 'S1/PD.high: reset');
      await id(page, 'detail-close').click();
    },
    async 'an alarm is shelved for an hour with a reason, in four actions, and listed with what is left'(page) {
      await page.goto(`${base}/alarms`);
      await row(page, 'S2/L_T2.low').click({ position: { x: 60, y: 8 } });
      await id(page, 'alarm-rows').focus();
      const actions = await countActions(page, async () => {
        const focus = focusOf(page, 'request-form');
        await page.keyboard.press('l');
        assert.equal(await focus, 'request-text');
        await page.keyboard.insertText('sensor is being cleaned');
        await id(page, 'shelve-1h').click();
        await shot(page, 'shelve-form');
        await id(page, 'request-send').click();
      });
      await status(page, 'S2/L_T2.low: shelved');
      assert.ok(actions + 1 <= 4, `${actions} presses and one word`);
      assert.equal(await page.evaluate(() => document.activeElement?.dataset.testid), 'alarm-rows', 'the keys go on');
      await id(page, 'counter-shelved').click();
      await row(page, 'S2/L_T2.low', 'G').getByText('sensor is being cleaned').waitFor();
      await row(page, 'S2/L_T2.low')
        .getByText(/5\d min|1 h 00 min/)
        .waitFor();
      await row(page, 'S2/L_T2.low').locator('td.cell-number').last().getByText('1', { exact: true }).waitFor();
      await shot(page, 'alarms-shelved');
      await row(page, 'S2/L_T2.low').getByTestId('do-unshelve-S2/L_T2.low').click();
      await row(page, 'S2/L_T2.low').waitFor({ state: 'detached' });
      await id(page, 'tab-active').click();
      await row(page, 'S2/L_T2.low', 'B').waitFor();
    },
    async "what is refused is said in the server's words, in the line and at the row"(page) {
      await id(page, 'filter-q').fill('T1');
      await row(page, 'S1/L_T1.high').click();
      await refused(page, 'do-shelve-S1/L_T1.high');
      await status(page, 'This alarm may not be shelved.');
      fake.raise('S3/L_T4.high', 6, 1000);
      await id(page, 'filter-q').fill('');
      const text = await page.evaluate(async () => {
        const answer = await fetch('/api/alarms/requests', {
          method: 'POST',
          headers: { 'Content-Type': 'application/json', 'X-Penstock': '1' },
          body: JSON.stringify({ items: [{ alarm: 'S3/L_T4.high', do: 'reset' }] }),
        });
        return (await answer.json()).results[0].text;
      });
      assert.equal(text, 'it is not latched');
    },
    async 'an alarm that wants a comment asks for it before it is sent'(page) {
      await page.goto(`${base}/alarms?q=S3/L_T4.high`);
      await row(page, 'S3/L_T4.high').waitFor();
      await page.waitForTimeout(700);
      await id(page, 'alarm-ack-S3/L_T4.high').click();
      await id(page, 'request-send').click();
      await id(page, 'request-fault').waitFor();
      await id(page, 'request-text').fill('crew is on its way');
      await page.keyboard.press('Enter');
      await row(page, 'S3/L_T4.high', 'C').waitFor();
      assert.equal(fake.core.records[0].comment, 'crew is on its way');
    },
    async 'suppressed, out of service and disabled alarms have lists that say by what, by whom, why and since when'(
      page,
    ) {
      await id(page, 'counter-suppressed').click();
      await row(page, 'S3/PD.low', 'H').getByText('group booster-stopped').waitFor();
      await row(page, 'S3/PD.low').getByText('since').waitFor();
      await shot(page, 'alarms-suppressed');
      await id(page, 'tab-oos').click();
      await row(page, 'S3/L_T3.low', 'I').getByText('WO 4711').waitFor();
      await shot(page, 'alarms-oos');
      await refused(page, 'do-in_service-S3/L_T3.low');
      await status(page, 'An engineer may do this');
      await id(page, 'tab-disabled').click();
      await row(page, 'S5/P_PU11.high', 'Z').waitFor();
      await id(page, 'counter-untrusted').click();
      await row(page, 'S2/PD.low').waitFor();
    },
    async 'one alarm in full: what to do, why it is on, what it did'(page) {
      await page.goto(`${base}/alarms`);
      await row(page, 'S1/L_T1.high').click();
      await id(page, 'guidance').getByText('Start the standby pump').waitFor();
      await id(page, 'why').getByText('S1/L_T1 > 5.8 m').first().waitFor();
      const list = await id(page, 'alarm-rows').boundingBox();
      const dock = await id(page, 'dock').boundingBox();
      assert.ok(list.x + list.width <= dock.x + 1, 'the panel covers nothing of the list');
      await shot(page, 'alarm-detail');
      fake.set('S1/L_T1', { value: 5.1 });
      await id(page, 'why-condition').getByText('false').waitFor();
      fake.set('S1/L_T1', { value: 5.1, quality: 0x82 });
      await id(page, 'why-condition').getByText('not known').waitFor();
      fake.overrides.delete('S1/L_T1');
      await id(page, 'theme-toggle').click();
      await id(page, 'lang-toggle').click();
      await shot(page, 'alarm-detail-dark-zh');
      await id(page, 'lang-toggle').click();
      assert.deepEqual(await accessibility(page, 'detail'), []);
      await id(page, 'theme-toggle').click();
      await id(page, 'detail-trend').click();
      await page.waitForURL('**/trend?tags=S1/L_T1&span=1h**');
      await page.keyboard.press('Escape');
      await id(page, 'detail').waitFor({ state: 'detached' });
    },
    async 'what is not stored yet is marked, and the delay is said'(page) {
      await page.goto(`${base}/alarms`);
      await row(page, 'S1/L_T1.high').waitFor();
      await page.waitForTimeout(1200);
      fake.core.stored = fake.core.seq;
      fake.raise('S4/L_T6.low', 0.5);
      await row(page, 'S4/L_T6.low').getByText('not stored yet').waitFor();
      await id(page, 'journal-behind').waitFor();
      await shot(page, 'alarms-unstored');
      fake.core.stored = null;
      await row(page, 'S4/L_T6.low').getByText('not stored yet').waitFor({ state: 'detached' });
      await id(page, 'journal-behind').waitFor({ state: 'detached' });
    },
    async 'silence stops the sound at once, acknowledges nothing, and the next alarm sounds again'(page) {
      await page.locator('[data-testid="silence"][data-sounding="1"]').waitFor();
      await page.keyboard.press('Control');
      await page.locator('[data-testid="sound-state"][data-state="on"]').waitFor();
      await page.keyboard.press('s');
      await page.locator('[data-testid="silence"][data-sounding=""]').waitFor();
      assert.equal(fake.alarms.get('S1/L_T1.high').letter, 'B');
      fake.raise('S5/P_PU10.high', 70);
      await page.locator('[data-testid="silence"][data-sounding="4"]').waitFor();
      fake.core.silence(null);
      await page.locator('[data-testid="silence"][data-sounding=""]').waitFor();
    },
    async 'a workstation sounds for its position alone'(page) {
      await id(page, 'sound-state').click();
      await id(page, 'sound-position').selectOption('south');
      fake.raise('S1/PD.low', 51);
      await id(page, 'banner-row-S1/PD.low').or(id(page, 'banner-more')).first().waitFor();
      await page.waitForTimeout(500);
      assert.equal(await id(page, 'silence').getAttribute('data-sounding'), '');
      await shot(page, 'sound-menu');
      await id(page, 'sound-position').selectOption('main');
      await page.locator('[data-testid="silence"][data-sounding="3"]').waitFor();
      await id(page, 'sound-test').click();
      await id(page, 'sound-position').selectOption('');
      await page.keyboard.press('Escape');
    },
    async 'a page that is opened while an alarm rings, rings; a browser that plays nothing says so'() {
      const late = await open();
      await late.addInitScript(() => {
        // As a browser does that has not seen a key yet.
        Object.defineProperty(AudioContext.prototype, 'state', { get: () => globalThis.audioState ?? 'suspended' });
        AudioContext.prototype.resume = function resume() {
          globalThis.audioState = 'running';
          this.onstatechange?.(new Event('statechange'));
          return Promise.resolve();
        };
      });
      await logIn(late, 'operator');
      await late.locator('[data-testid="silence"][data-sounding="3"]').waitFor();
      await late.evaluate(() => {
        globalThis.audioState = 'suspended';
      });
      await late.reload();
      await id(late, 'sound-off').getByText('ALARM SOUND OFF — press any key').waitFor();
      await shot(late, 'sound-off');
      assert.deepEqual(await accessibility(late, 'sound off'), []);
      await late.keyboard.press('Control');
      await id(late, 'sound-off').waitFor({ state: 'detached' });
      await late.context().close();
    },
    async 'a flood is said, on every page'(page) {
      fake.core.floodOn = 3;
      await id(page, 'flood').waitFor();
      await page.goto(`${base}/gateways`);
      await id(page, 'flood').waitFor();
      await shot(page, 'flood');
      fake.core.floodOn = 1000;
      fake.core.flooded = false;
      await id(page, 'flood').waitFor({ state: 'detached' });
    },
    async 'the chips narrow the list, and their numbers say to how many'(page) {
      await page.goto(`${base}/alarms`);
      await row(page, 'S1/L_T1.high').waitFor();
      const n = Number(await id(page, 'filter-p1').locator('.num').textContent());
      await id(page, 'filter-p1').click();
      await page.getByText(`${n} alarms`).waitFor();
      await id(page, 'filter-p1').click();
      await id(page, 'filter-area').selectOption('South');
      assert.equal(await row(page, 'S1/L_T1.high').count(), 0);
      await id(page, 'filter-area').selectOption('');
      await page.keyboard.press('Escape');
      await page.locator('h1').click();
      await page.keyboard.press('/');
      await page.keyboard.insertText('overflow');
      await page.waitForURL('**q=overflow');
      await row(page, 'S1/L_T1.high').waitFor();
    },
    async 'the keys are shown over everything, and go away again'(page) {
      await page.locator('h1').click();
      await page.keyboard.press('?');
      await id(page, 'help').waitFor();
      await shot(page, 'help');
      assert.deepEqual(await accessibility(page, 'help'), []);
      await page.keyboard.press('Escape');
      await id(page, 'help').waitFor({ state: 'detached' });
    },
    async 'a selection holds the list still'(page) {
      await page.goto(`${base}/alarms`);
      await row(page, 'S1/L_T1.high').waitFor();
      await id(page, 'alarm-select-S1/L_T1.high').click();
      await page.mouse.move(5, 5);
      await page.waitForTimeout(2500);
      fake.raise('S4/L_T6.high', 6.3);
      await id(page, 'alarms-fresh').waitFor();
      await id(page, 'alarm-select-S1/L_T1.high').click();
      await page.mouse.move(5, 5);
      await row(page, 'S4/L_T6.high', 'B').waitFor();
    },
    async 'without movement what flashes is thick instead'() {
      const context = await browser.newContext({ ignoreHTTPSErrors: true, reducedMotion: 'reduce' });
      const calm = await context.newPage();
      await logIn(calm, 'viewer');
      await calm.goto(`${base}/alarms`);
      await row(calm, 'S1/L_T1.high').waitFor();
      assert.equal(await calm.evaluate(() => document.getAnimations().length), 0);
      assert.equal(await calm.getByTestId(/^alarm-ack-/).count(), 0);
      await row(calm, 'S1/L_T1.high').click();
      await refused(calm, 'do-ack-S1/L_T1.high');
      await status(calm, 'An operator may do this; your role may not.');
      await shot(calm, 'reduced-motion');
      await context.close();
    },
    async 'the history is filtered by kind, and has two orders'(page) {
      await page.goto(`${base}/alarms?tab=history`);
      await id(page, 'history-kind').selectOption('shelve');
      await page.waitForURL('**kind=shelve**');
      await page.locator('[data-kind="shelve"]').first().waitFor();
      await page.waitForFunction(() => document.querySelector('[data-kind="raise"]') === null);
      await id(page, 'history-kind').selectOption('');
      await id(page, 'history-order').selectOption('src');
      await page.locator('[data-testid^="suspect-"]').first().waitFor();
      await shot(page, 'history-sequence');
    },
    async 'the history shows every alarm as it stood at a moment, and goes back to what happened'(page) {
      await id(page, 'history-moment').fill('2026-11-24 14:05');
      await id(page, 'history-moment').blur();
      await page.waitForURL('**moment=2026-**');
      await page.locator('[data-testid^="past-row-"]').first().waitFor();
      const few = await page.locator('[data-testid^="past-row-"]').count();
      await id(page, 'history-all').click();
      await page.waitForFunction((n) => document.querySelectorAll('[data-testid^="past-row-"]').length > n, few);
      await shot(page, 'history-past');
      await id(page, 'history-records').click();
      await page.locator('[data-testid^="history-row-"]').first().waitFor();
    },
    async 'the key figures come with their targets and definitions, for the period that was chosen'(page) {
      await id(page, 'tab-kpi').click();
      await id(page, 'kpi-mean_hour').waitFor();
      assert.equal(await id(page, 'kpi-peak10').getAttribute('data-grade'), 'poor');
      await id(page, 'kpi-flood-list').getByText('71 alarms').waitFor();
      await shot(page, 'kpi');
      await id(page, 'kpi-days-7').click();
      await page.locator('[data-testid="kpi-peak10"][data-grade="none"]').waitFor();
      await id(page, 'kpi-position').selectOption('main');
      await page.waitForURL('**position=main**');
      await id(page, 'kpi-view-actors').click();
      await id(page, 'actor-S1/P_PU1.high').waitFor();
      await shot(page, 'kpi-actors');
      await refused(page, 'suggest-S1/P_PU1.high');
      await status(page, 'An engineer may do this');
    },
    async 'an engineer tries a change on the last 30 days before it goes live, stops one, and takes a suggestion'() {
      const context = await browser.newContext({
        ignoreHTTPSErrors: true,
        locale: 'en-GB',
        viewport: { width: 1600, height: 950 },
      });
      const page = await context.newPage();
      await logIn(page, 'engineer');
      await page.goto(`${base}/settings`);
      await id(page, 'settings-checks').click();
      await id(page, 'finding-no_action-S1/P_PU1.high').waitFor();
      await shot(page, 'findings');
      await id(page, 'settings-checks').click();
      await id(page, 'setting-new').click();
      await id(page, 'setting-kind').selectOption('cusum');
      await id(page, 'setting-every_s').waitFor();
      await id(page, 'setting-kind').selectOption('expr');
      await id(page, 'setting-expr').waitFor();
      assert.equal(await id(page, 'setting-source').count(), 0);
      await shot(page, 'setting-new');
      await id(page, 'setting-cancel').click();
      await page.goto(`${base}/settings?q=P_PU1.high`);
      await id(page, 'setting-edit-S1/P_PU1.high').click();
      await id(page, 'setting-limit').fill('66');
      await id(page, 'setting-try').click();
      await page.waitForURL('**/backtest?alarm=S1/P_PU1.high');
      assert.equal(await id(page, 'try-limit').inputValue(), '66');
      await id(page, 'backtest-run').click();
      await page.locator('[data-testid="backtest"][data-state="running"]').waitFor();
      await id(page, 'backtest-cancel').click();
      await page.locator('[data-testid="backtest"][data-state="cancelled"]').waitFor();
      await id(page, 'backtest-run').click();
      await page.locator('[data-testid="backtest"][data-state="done"]').waitFor();
      await id(page, 'backtest-changes').getByText('1 new, 7 gone').waitFor();
      await shot(page, 'backtest');
      await id(page, 'backtest-suggest').click();
      await id(page, 'suggestions').waitFor();
      await shot(page, 'backtest-suggestions');
      await id(page, 'suggestion-best').getByRole('button').click();
      await page.waitForFunction(() => document.querySelector('[data-testid="try-off_delay_s"]')?.value === '20');
      await page.goto(`${base}/alarms?q=P_PU1.high&tab=shelved`);
      await id(page, 'open-S1/P_PU1.high').click();
      await id(page, 'do-suppress-S1/P_PU1.high').click();
      await id(page, 'request-text').fill('pump is rebuilt');
      await id(page, 'request-send').click();
      await status(page, 'S1/P_PU1.high: suppressed');
      await id(page, 'detail').getByText('End suppression: manual').waitFor();
      await shot(page, 'engineer-detail');
      await context.close();
    },
  };
}
