import assert from 'node:assert/strict';
import test from 'node:test';
import { ask } from '../src/state/http.ts';
import { checkSession, findSession, logIn, login, logOut, personal, sessionEnded } from '../src/state/session.ts';

type Reply = () => Promise<Response>;

const answer =
  (status: number, body: unknown): Reply =>
  () =>
    Promise.resolve(new Response(status === 204 ? null : JSON.stringify(body), { status }));
const sessionOf = (user: string): Reply => answer(200, { user, title: user, role: 'operator' });

/** What the server says next to "METHOD /path". */
const replies = new Map<string, Reply>();
globalThis.fetch = (path, init) => {
  const reply = replies.get(`${init?.method} ${String(path)}`);
  return reply === undefined ? Promise.reject(new Error(`nobody answers ${String(path)}`)) : reply();
};

async function enter(user: string): Promise<void> {
  replies.set('POST /api/session', sessionOf(user));
  await logIn(user, 'password');
}

/** An answer that comes when it is told to. */
function later(): { readonly reply: Reply; readonly come: (reply: Reply) => Promise<void> } {
  let come: (reply: Reply) => void = () => undefined;
  const which = new Promise<Reply>((resolve) => {
    come = resolve;
  });
  return {
    reply: async () => (await which)(),
    async come(reply) {
      come(reply);
      await new Promise((done) => setTimeout(done, 0));
    },
  };
}

const form = personal('empty');

test('what one person has begun is gone when he logs out', async () => {
  await enter('erna');
  form.value = 'half filled in';
  replies.set('DELETE /api/session', answer(204, null));
  await logOut();
  assert.equal(form.value, 'empty');
  assert.deepEqual(login.value, { state: 'out', ended: false });
});

test('it is gone when the session has ended, however the page hears of it', async () => {
  const ways: readonly (() => unknown)[] = [
    sessionEnded,
    checkSession,
    () => ask('POST', '/alarms/requests').catch(() => undefined),
  ];
  for (const hear of ways) {
    await enter('erna');
    form.value = 'half filled in';
    for (const what of ['GET /api/session', 'POST /api/alarms/requests']) replies.set(what, answer(401, {}));
    const heard = Promise.resolve(hear());
    await Promise.race([heard, new Promise((done) => setTimeout(done, 0))]);
    assert.equal(form.value, 'empty');
    assert.deepEqual(login.value, { state: 'out', ended: true });
  }
});

test('it is gone when somebody else has logged in by another page of the browser, and stays while it is the same person', async () => {
  await enter('erna');
  form.value = 'half filled in';
  replies.set('GET /api/session', sessionOf('erna'));
  await findSession();
  assert.equal(form.value, 'half filled in');
  replies.set('GET /api/session', sessionOf('olaf'));
  await findSession();
  assert.equal(form.value, 'empty');
  assert.ok(login.value.state === 'in' && login.value.session.user === 'olaf');
});

test('what was asked for by somebody who has left goes no further', async () => {
  const told: string[] = [];
  for (const outcome of [answer(200, {}), answer(403, {}), () => Promise.reject(new Error('cut'))]) {
    await enter('erna');
    const request = later();
    replies.set('POST /api/alarms/requests', request.reply);
    const tell = () => told.push(form.value);
    void ask('POST', '/alarms/requests').then(tell, tell);
    sessionEnded();
    await enter('olaf');
    await request.come(outcome);
  }
  assert.deepEqual(told, []);
});

test('what he still asks for, and what is only read, is answered', async () => {
  await enter('erna');
  replies.set('POST /api/alarms/requests', answer(200, { results: [] }));
  assert.deepEqual((await ask('POST', '/alarms/requests')).body, { results: [] });
  const list = later();
  replies.set('GET /api/alarms', list.reply);
  const reading = ask('GET', '/alarms');
  sessionEnded();
  await list.come(answer(200, { alarms: [] }));
  assert.deepEqual((await reading).body, { alarms: [] });
});
