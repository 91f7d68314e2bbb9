/** The Clockit client against a simulated server: displays, commands and faults. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Clock, settle } from './fixture/clock.mjs';
import { openTicking, Page, paused, running, START, stopped, update } from './fixture/clockit.mjs';
import { MemoryStorage } from './fixture/storage.mjs';

const range = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

test('a client names its user, its dialect and itself', async () => {
  const clock = new Clock();
  const [page, other] = [await new Page(clock).open(), await new Page(clock).open()];
  const url = new URL(page.socket.url);
  assert.equal(`${url.origin}${url.pathname}`, 'ws://h/timers/session');
  const { client, ...query } = Object.fromEntries(url.searchParams);
  assert.deepEqual(query, { dialect: 'v1', userId: 'ada' });
  assert.match(client, /^[0-9a-f-]{36}$/);
  assert.notEqual(client, new URL(other.socket.url).searchParams.get('client'));
});

test('a token is sent as a subprotocol, and in the URL only if it cannot be one', async () => {
  const token = (page) => [page.socket.protocols, new URL(page.socket.url).searchParams.get('token')];
  const open = (value) => new Page(new Clock(), { credential: { token: value } }).open();
  assert.deepEqual(token(await open('a.b-c_d')), [['tickcast', 'bearer.a.b-c_d'], null]);
  assert.deepEqual(token(await open('a/b=')), [undefined, 'a/b=']);
});

test('a snapshot is the same object until something changes', async () => {
  const { clock, page, tick } = await openTicking();
  await clock.advance(1_000);
  tick([page.socket]);
  const { snapshot } = page;
  let calls = 0;
  page.client.subscribe(() => calls++);
  tick([page.socket]);
  page.socket.receive({ type: 'unknown' });
  page.socket.receive(update({ nonsense: true }));
  await clock.advance(10);
  assert.equal(page.snapshot, snapshot);
  assert.equal(calls, 0);
});

test('a listener that throws affects nothing else', async () => {
  const page = await new Page(new Clock()).open();
  const uncaught = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const thrown = new Promise((resolve) => process.once('uncaughtException', resolve));
  let [calls, throws] = [0, true];
  page.client.subscribe(() => {
    if (!throws) return;
    throws = false;
    throw new Error('of a listener');
  });
  const stop = page.client.subscribe(() => calls++);
  page.ready();
  const callsOfReady = calls;
  stop();
  page.socket.receive(update(running('s')));
  assert.equal((await thrown).message, 'of a listener');
  uncaught.forEach((listener) => process.on('uncaughtException', listener));
  assert.ok(callsOfReady > 0);
  assert.equal(calls, callsOfReady);
  assert.equal(page.snapshot.sessions.size, 1);
});

test('the time of the server is measured on each connection', async () => {
  const clock = new Clock();
  const page = (await new Page(clock, { offsetMs: 500 }).open()).ready([], clock.time - 40);
  for (let sample = 1; sample <= 5; sample++) {
    const [ping] = page.socket.sent.slice(-1);
    assert.deepEqual([page.socket.sent.length, ping.type], [sample, 'time-ping']);
    await clock.advance(20);
    page.socket.receive({ type: 'time-pong', t0: ping.t0, t1: clock.time - 10, t2: clock.time - 10 });
    await settle();
  }
  assert.ok(Math.abs(page.client.serverNow() - clock.time) <= 1);
  page.socket.end();
  await clock.advance(1_000);
  page.ready();
  assert.equal(page.socket.sent.length, 1);
  page.socket.receive({ type: 'error', payload: { code: 'time_uncertain', message: 'no', retry: true } });
  await settle();
  assert.deepEqual(page.errors, [], 'the answer to the ping is not reported');
});

test('a display continues by the local clock, an hour off, while the connection is lost', async () => {
  for (const offsetMs of [0, 3_600_000, -3_600_000]) {
    const { clock, page, session, pass } = await openTicking({ offsetMs });
    await pass(3);
    page.socket.end();
    assert.equal(page.snapshot.times, 'continued');
    await clock.advance(7_000);
    page.ready([session]);
    assert.equal(page.snapshot.times, 'live');
    await pass(2);
    assert.deepEqual(page.displayed, range(0, page.displayed.at(-1)), `${offsetMs}`);
    assert.equal(page.displayed.at(-1), Math.floor((clock.time - START - 20) / 1000));
  }
});

test('a display stays at the last known time if the application wants that', async () => {
  const { clock, page, pass } = await openTicking({ continueLocally: false });
  await pass(3);
  page.socket.end();
  await clock.advance(7_000);
  assert.deepEqual([page.snapshot.times, page.displayed.at(-1)], ['last-known', 2]);
});

test('missing ticks are noticed, the display continues, and a dead link is replaced', async () => {
  const { clock, page, pass, tick } = await openTicking();
  await pass(3);
  await clock.advance(6_000);
  assert.equal(page.snapshot.times, 'continued');
  assert.ok(page.displayed.at(-1) >= 7);
  tick([page.socket]);
  assert.equal(page.snapshot.times, 'live');
  await clock.advance(17_000);
  assert.equal(page.sockets.all.length, 2);
  assert.equal(page.sockets.all[0].readyState, 2);
});

test('an idle link is probed, and a half-open one replaced', async () => {
  const clock = new Clock();
  const page = (await new Page(clock).open()).ready();
  await clock.advance(5_000);
  const pings = () => page.sockets.all[0].sent.filter(({ type }) => type === 'time-ping').length;
  const before = pings();
  page.platform.wake();
  await clock.advance(1_000);
  assert.ok(pings() > before, 'a page that wakes up asks for an answer');
  page.sockets.all[0].receive({ type: 'time-pong', t0: pings(), t1: clock.time, t2: clock.time });
  await clock.advance(28_000);
  assert.equal(page.sockets.all.length, 1);
  await clock.advance(20_000);
  assert.equal(page.sockets.all.length, 2);
  page.ready();
  page.platform.wake();
  await clock.advance(12_000);
  assert.equal(page.sockets.all.length, 3, 'a link that does not answer after a wake is replaced sooner');
});

test('a page that was frozen for an hour reconnects when it wakes up, and shows the right time', async () => {
  for (const knowsItsEnd of [true, false]) {
    const { clock, page, session, pass } = await openTicking();
    await pass(3);
    page.platform.frozen = true;
    await clock.advance(3_600_000);
    page.platform.frozen = false;
    if (knowsItsEnd) page.socket.end();
    page.platform.wake();
    await clock.advance(knowsItsEnd ? 0 : 16_000);
    assert.equal(page.sockets.all.length, 2);
    page.ready([session]);
    await pass(2);
    assert.equal(page.displayed.at(-1), Math.floor((clock.time - START - 20) / 1000));
  }
});

test('a local clock that is moved while the page is offline is corrected by the next connection', async () => {
  for (const movedMs of [3_600_000, -3_600_000]) {
    const { clock, page, session, pass } = await openTicking();
    await pass(3);
    page.socket.end();
    page.platform.offsetMs = movedMs;
    await clock.advance(7_000);
    page.ready([session]);
    await pass(3);
    assert.equal(page.displayed.at(-1), Math.floor((clock.time - START - 20) / 1000));
  }
});

test('commands have the messages of the contract', async () => {
  const page = (await new Page(new Clock()).open()).ready();
  const { client } = page;
  const goal = { id: 'g', title: 't', completed: false, colour: 'red' };
  for (const [submit, type, payload] of [
    [() => client.start({ label: 'l', goals: [goal], comment: 'c' }), 'session-start', { label: 'l', goals: [goal], comment: 'c' }],
    [() => client.stop('s'), 'session-stop', { sessionId: 's' }],
    [() => client.pause('s'), 'session-pause', { sessionId: 's' }],
    [() => client.resume('s'), 'session-resume', { sessionId: 's' }],
    [() => client.remove('s'), 'session-remove', { sessionId: 's' }],
    [() => client.attachGoal('s', goal), 'session-attach', { sessionId: 's', goal }],
    [() => client.detachGoal('s', 'g'), 'session-detach', { sessionId: 's', goalId: 'g' }],
  ]) {
    const result = submit();
    const { id, ...sent } = page.socket.commands.at(-1);
    assert.deepEqual(sent, { type, payload });
    page.ack();
    assert.deepEqual(await result, { ok: true, rev: 2, sessionId: 's' });
  }
});

test('errors are told with their command, or on their own', async () => {
  const page = (await new Page(new Clock()).open()).ready();
  const result = page.client.stop('s');
  const { id } = page.socket.commands[0];
  page.socket.receive({ type: 'error', id, payload: { code: 'unknown_session', message: 'no', retry: false } });
  page.socket.receive({ type: 'error', payload: { code: 'damaged', message: 'broken', retry: false } });
  page.socket.receive({ type: 'error' });
  const command = { id, type: 'session-stop', payload: { sessionId: 's' } };
  const error = { kind: 'command', code: 'unknown_session', message: 'no', command };
  assert.deepEqual(await result, { ok: false, error });
  assert.deepEqual(page.errors, [
    error,
    { kind: 'server', type: 'error', code: 'damaged', message: 'broken', retry: false },
    { kind: 'server', type: 'error', code: 'unknown', message: '', retry: false },
  ].map(({ type, ...rest }) => rest));
});

test('a message that is too large fails its command, and the next one is sent', async () => {
  const clock = new Clock();
  const page = (await new Page(clock).open()).ready();
  const [large, next] = [page.client.stop('large'), page.client.stop('next')];
  page.socket.end(4413);
  assert.equal((await large).error.code, 'too_large');
  await clock.advance(1_000);
  page.ready();
  assert.equal(page.socket.commands[0].payload.sessionId, 'next');
  page.ack();
  assert.equal((await next).ok, true);
});

test('two pages that press opposite buttons show what the server decided', async () => {
  const clock = new Clock();
  const pages = [await new Page(clock).open(), await new Page(clock).open()];
  pages.forEach((page) => page.ready([running('s')]));
  const results = [pages[0].client.pause('s'), pages[1].client.resume('s')];
  for (const state of [paused('s'), running('s', { startedAt: clock.time })]) pages.forEach((page) => page.socket.receive(update(state)));
  pages.forEach((page) => page.ack());
  assert.deepEqual((await Promise.all(results)).map(({ ok }) => ok), [true, true]);
  assert.deepEqual(pages.map((page) => page.snapshot.sessions.get('s').phase), ['running', 'running']);
  assert.deepEqual(pages[0].changes, ['s paused', 's running']);
});

test('commands of a page survive its reload, and those of another user wait', async () => {
  const [clock, storage] = [new Clock(), new MemoryStorage()];
  const page = await new Page(clock, { storage }).open();
  page.client.stop('s');
  assert.equal(page.snapshot.pendingIsStored, true);
  page.platform.hide();
  page.platform.crash();
  const ben = (await new Page(clock, { storage, credential: { userId: 'ben' } }).open()).ready();
  assert.deepEqual(ben.socket.commands, []);
  const reloaded = (await new Page(clock, { storage }).open()).ready();
  assert.deepEqual(reloaded.snapshot.pending.map(({ type }) => type), ['session-stop']);
  assert.equal(reloaded.socket.commands.length, 1);
});

test('without an account the commands of a token are not stored', async () => {
  for (const [account, stored] of [[undefined, false], ['ada', true]]) {
    const page = await new Page(new Clock(), { storage: new MemoryStorage(), credential: { token: 't' }, account }).open();
    page.client.stop('s');
    assert.equal(page.snapshot.pendingIsStored, stored);
  }
});

test('after close nothing runs, commands fail, and the client can be opened again', async () => {
  const { clock, page, session } = await openTicking();
  const result = page.client.stop('s');
  page.client.close();
  assert.equal((await result).error.code, 'closed');
  page.client.retryNow();
  await settle();
  assert.deepEqual([clock.waiting, page.sockets.all.length], [0, 1]);
  assert.deepEqual([page.snapshot.connection.phase, page.snapshot.times], ['closed', 'last-known']);
  await page.open();
  page.ready([{ ...session, ...stopped('s') }]);
  assert.equal(page.snapshot.sessions.get('s').phase, 'stopped');
});

test('an environment without a WebSocket is an error at once', () => {
  const { WebSocket } = globalThis;
  delete globalThis.WebSocket;
  try {
    assert.throws(() => new Page(new Clock(), { WebSocket: undefined }), /pass the option `WebSocket`/);
  } finally {
    if (WebSocket) globalThis.WebSocket = WebSocket;
  }
});
