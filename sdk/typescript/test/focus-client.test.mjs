/** The client of Focus against a simulated server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from './fixture/clock.mjs';
import { counters, FocusPage, FocusServer, openCounting } from './fixture/focus.mjs';
import { MemoryStorage } from './fixture/storage.mjs';

const away = () => Response.json({ message: 'the store is unavailable' }, { status: 503 });
const expired = () => Response.json({ message: 'Token expired' }, { status: 401 });
const puts = ({ requests }) => requests.filter((request) => request.startsWith('PUT'));

test('a session is created, counted, displayed and scored', async () => {
  const page = await (await new FocusPage().open()).ready();
  assert.equal(page.socket.url, 'ws://h/f/ws/sessions?userId=ada');
  assert.deepEqual([page.snapshot.loaded, page.snapshot.session, page.snapshot.times], [true, null, 'live']);
  const { ok, session } = await page.client.start({ targetMinutes: 1, subject: 'Latin' });
  assert.deepEqual([ok, session.subject, page.server.requests.at(-1)], [true, 'Latin', 'POST api/sessions {"targetMinutes":1,"subject":"Latin"}']);
  assert.deepEqual(page.starts.map(({ sessionId }) => sessionId), [session.id]);
  assert.equal(page.snapshot.isTracked, false);
  await page.started();
  assert.deepEqual([page.snapshot.isTracked, page.snapshot.times, page.shown], [true, 'live', 'active 0 = 0 + 0']);
  await page.clock.advance(1_005);
  assert.equal(page.shown, 'active 0 = 0 + 0', 'the first tick is 0');
  page.socket.receive({ type: 'tick', idle: false, ...counters(0) });
  await page.ticks([counters(1), counters(2), counters(2, 1, 1)]);
  assert.deepEqual([page.shown, page.snapshot.idle, page.seconds], ['active 3 = 2 + 1', true, [0, 1, 2, 3]]);
  assert.deepEqual(page.snapshot.activity, [{ kind: 'active', seconds: 2 }, { kind: 'idle', seconds: 1 }]);
  assert.deepEqual([page.snapshot.score.score, page.snapshot.score.tabSwitchPenalty], [1, 2]);
  assert.equal(page.snapshot, page.snapshot);
  const stopped = page.client.stop('abandoned');
  assert.equal(page.shown, 'abandoned 3 = 2 + 1', 'displayed at once');
  assert.equal((await stopped).session.status, 'abandoned');
  assert.deepEqual(puts(page.server), [`PUT api/sessions/${session.id}/end {"status":"abandoned"}`]);
  page.socket.receive({ type: 'stopped', sessionId: session.id, focusScore: 0 });
  assert.deepEqual([page.snapshot.isTracked, page.snapshot.session.status, page.snapshot.times, page.errors], [false, 'abandoned', 'live', []]);
});

test('a client that is opened continues the newest active session, and resumes no paused one', async () => {
  for (const [status, options, expected] of [
    ['active', {}, 1],
    ['active', { continueOnOpen: false }, 0],
    ['paused', {}, 0],
    ['completed', {}, 0],
  ]) {
    const server = new FocusServer();
    server.add();
    server.add({ status, ...counters(60) });
    const page = await (await new FocusPage({ server, ...options }).open()).ready();
    assert.equal(page.starts.length, expected, status);
    assert.deepEqual([page.snapshot.session?.status, page.snapshot.isTracked], [status === 'completed' ? undefined : status, expected === 1]);
    if (status === 'completed') continue;
    assert.deepEqual(page.snapshot.activity, [{ kind: 'unseen', seconds: 60 }]);
    assert.equal(page.snapshot.times, options.continueOnOpen === false ? 'last-known' : 'live');
    await page.client.resume();
    assert.equal(page.starts.length, 1);
    await page.started();
    await page.client.stop();
    server.add();
    await page.pass(61_000);
    assert.equal(page.starts.length, options.continueOnOpen === false ? 1 : 2, 'a session of another device');
  }
});

test('activity is reported once a second and a tab switch once, while seconds count', async () => {
  const page = await (await new FocusPage().open()).ready();
  const report = () => [page.act(), page.leave()];
  report();
  await page.client.start({ targetMinutes: 25 });
  report();
  await page.started();
  await page.clock.advance(1_000);
  for (let ms = 0; ms < 2_000; ms += 100) {
    page.act();
    await page.clock.advance(100);
  }
  page.leave();
  assert.deepEqual(page.sent, ['start', 'activity', 'activity', 'tabSwitch']);
  assert.deepEqual(page.socket.commands[1], { type: 'activity' });
  page.platform.offsetMs -= 3_600_000;
  page.act();
  assert.equal(page.sent.at(-1), 'activity', 'a clock that was set back does not silence the reports');
  page.client.pause();
  const { id } = page.socket.commands[3];
  page.socket.receive({ type: 'error', id, message: 'the session is not tracked', code: 'invalid_message', retry: false });
  await page.clock.advance(1_000);
  report();
  page.socket.end();
  report();
  assert.deepEqual([page.socket.commands.length, page.errors], [5, []]);
});

test('a pause stops the display at once, and a resumption starts it again', async () => {
  const page = await openCounting();
  await page.ticks([counters(1), counters(2)]);
  const paused = page.client.pause();
  assert.equal(page.snapshot.session.status, 'paused');
  assert.equal((await paused).session.status, 'paused');
  page.socket.receive({ type: 'tick', idle: false, ...counters(3) });
  assert.deepEqual([page.shown, page.snapshot.times], ['paused 2 = 2 + 0', 'live']);
  await page.pass(20_000);
  assert.equal(page.sockets.all.length, 1, 'a paused session has no ticks');
  const resumed = page.client.resume();
  assert.equal(page.snapshot.session.status, 'active');
  await resumed;
  await page.ticks([counters(3)]);
  assert.deepEqual([page.shown, page.starts.length], ['active 3 = 3 + 0', 1]);
  assert.deepEqual(puts(page.server).map((put) => put.slice(-19)), ['{"status":"paused"}', '{"status":"active"}']);
});

test('a command waits for a server that is away or a login by cookies that has expired, and survives a reload', async () => {
  const cookies = { credential: undefined, account: 'ada' };
  for (const [failing, options] of [[away, {}], [expired, cookies], [() => Promise.reject(new TypeError('offline')), {}]]) {
    const [server, storage] = [new FocusServer(), new MemoryStorage()];
    const page = await openCounting({ server, storage, ...options });
    server.answer = (method) => method === 'PUT' && failing();
    page.client.pause();
    await page.clock.advance(60_000);
    assert.deepEqual([page.snapshot.pending.length, page.snapshot.pendingIsStored, page.snapshot.session.status], [1, true, 'paused']);
    page.platform.hide();
    page.platform.crash();
    const reloaded = await (await new FocusPage({ server, storage, ...options }).open()).ready();
    assert.deepEqual([reloaded.starts, reloaded.snapshot.session.status], [[], 'paused'], 'a start would resume it');
    server.answer = () => undefined;
    await reloaded.clock.advance(40_000);
    assert.deepEqual([reloaded.snapshot.pending, [...server.sessions.values()][0].status, reloaded.starts], [[], 'paused', []]);
    assert.equal(page.errors.length + reloaded.errors.length, 0);
  }
});

test('a command is not sent a second time while its request runs, so that it cannot overtake the next one', async () => {
  const page = await openCounting();
  let answerLate;
  page.server.answer = (method) => (method === 'PUT' ? new Promise((resolve) => (answerLate = resolve)) : undefined);
  const paused = page.client.pause();
  const resumed = page.client.resume();
  await page.pass(29_000);
  page.server.answer = () => undefined;
  answerLate(Response.json({ session: page.server.change(page.snapshot.session.id, { status: 'paused' }) }));
  assert.deepEqual([(await paused).ok, (await resumed).ok, puts(page.server).map((request) => request.split(' ')[2])], [true, true, ['{"status":"paused"}', '{"status":"active"}']]);
});

test('a command that has no effect fails, and the display returns to what the server says', async () => {
  const page = await (await new FocusPage().open()).ready();
  assert.equal((await page.client.pause()).error.code, 'no_session');
  const { session } = await page.client.start({ targetMinutes: 25 });
  await page.started();
  page.server.answer = (method) => method === 'PUT' && Response.json({ message: 'the history is full' }, { status: 400 });
  const refused = await page.client.stop();
  assert.deepEqual([refused.error.code, refused.error.message, page.snapshot.session.status, page.snapshot.isTracked], ['http_400', 'the history is full', 'active', true]);
  page.server.answer = () => undefined;
  page.server.change(session.id, { status: 'cancelled' });
  assert.deepEqual([(await page.client.pause()).error.code, page.snapshot.session.status], ['ended', 'cancelled']);
  assert.deepEqual([(await page.client.stop()).error.code, (await page.client.track(session.id)).error.code, (await page.client.track('none')).error.code], ['ended', 'ended', 'http_404']);
  assert.equal((await page.client.start({ targetMinutes: 1 })).ok, true);
  page.server.sessions.clear();
  assert.deepEqual([(await page.client.stop()).error.code, page.snapshot.session], ['http_404', null]);
  assert.deepEqual(page.errors.length, 7);
});

test('the creation of a session is not repeated: if it took place, the session appears', async () => {
  const page = await (await new FocusPage().open()).ready();
  const { server } = page;
  server.answer = (method) => method === 'POST' && (server.add({ targetMinutes: 5 }), Promise.reject(new TypeError('lost')));
  const [one, two] = await Promise.all([page.client.start({ targetMinutes: 5 }), page.client.start({ targetMinutes: 5 })]);
  assert.deepEqual([one.error.code, two.error.code], ['outcome_unknown', 'busy']);
  await page.clock.advance(6_000);
  assert.deepEqual([server.sessions.size, page.snapshot.session.targetMinutes, page.starts.length], [1, 5, 1]);
  server.answer = () => Response.json({ message: 'Invalid target minutes' }, { status: 400 });
  assert.deepEqual((await page.client.start({ targetMinutes: -1 })).error.message, 'Invalid target minutes');
});

test('seconds continue by the local clock while the connection is lost, also by a clock that is an hour off', async () => {
  for (const offsetMs of [0, 3_600_000, -3_600_000]) {
    const page = await openCounting({ offsetMs });
    await page.ticks([counters(1), counters(2)]);
    page.socket.end();
    await page.clock.advance(20_000);
    assert.deepEqual([page.snapshot.times, page.shown, page.snapshot.idle], ['continued', 'active 22 = 15 + 7', true], `${offsetMs}`);
    assert.deepEqual(page.seconds, Array.from({ length: 23 }, (_, second) => second));
    await page.clock.advance(12_000);
    assert.deepEqual([page.snapshot.times, page.shown], ['last-known', 'active 2 = 2 + 0'], 'the server has stopped the clock when the socket went');
    page.client.close();
  }
});

test('a pause while the connection is lost stops the display where the server has stopped', async () => {
  const page = await openCounting();
  await page.ticks([counters(1), counters(2)]);
  page.server.answer = away;
  page.socket.end();
  await page.clock.advance(5_000);
  assert.equal(page.shown, 'active 7 = 7 + 0');
  page.client.pause();
  await page.clock.advance(1_000);
  assert.equal(page.shown, 'paused 2 = 2 + 0');
  page.client.close();
});

test('a return starts the session again, and its seconds go on', async () => {
  const page = await openCounting();
  await page.ticks([counters(1)]);
  page.socket.end();
  await page.clock.advance(3_000);
  assert.equal(page.sockets.all.length, 2);
  page.socket.open().receive({ type: 'connected' });
  await page.started();
  assert.deepEqual([page.starts.length, page.shown, page.snapshot.times], [1, 'active 4 = 4 + 0', 'live'], 'no second is taken back');
  await page.ticks([counters(5)]);
  assert.deepEqual(page.seconds, [0, 1, 2, 3, 4, 5]);
});

test('a session that another device has paused or ended meanwhile is not resumed by a return', async () => {
  for (const status of ['paused', 'completed']) {
    const page = await openCounting();
    await page.ticks([counters(1)]);
    page.server.change(page.snapshot.session.id, { status, ...counters(3) });
    page.socket.end();
    await page.clock.advance(1_500);
    await page.ready();
    assert.deepEqual([page.starts, page.shown], [[], `${status} 3 = 3 + 0`]);
  }
  const server = new FocusServer();
  server.answer = (_, path) => path.endsWith('stats') && away();
  const page = await openCounting({ server });
  server.answer = (method, path) => method === 'GET' && !path.endsWith('stats') && new Promise(() => {});
  page.socket.end();
  await page.clock.advance(1_500);
  await page.ready();
  assert.deepEqual([page.starts, page.snapshot.stats.streak], [[], 0], 'other answers do not matter');
  await page.clock.advance(3_000);
  assert.equal(page.starts.length, 1, 'an answer is not waited for as long as the server waits for the return');
});

test('what another device does is displayed', async () => {
  const page = await openCounting();
  const { id } = page.snapshot.session;
  await page.ticks([counters(1)]);
  page.server.change(id, { status: 'paused', ...counters(2) });
  await page.clock.advance(6_000);
  assert.deepEqual([page.shown, page.snapshot.times], ['paused 2 = 2 + 0', 'live'], 'ticks are missing');
  page.server.change(id, { status: 'active' });
  await page.ticks([counters(3), counters(4), counters(5), counters(6), counters(7), counters(8)]);
  assert.equal(page.shown, 'active 8 = 8 + 0', 'ticks arrive again');
  page.server.change(id, { status: 'completed', focusScore: 7 });
  page.socket.receive({ type: 'stopped', sessionId: id, focusScore: 7 });
  await settle();
  assert.deepEqual([page.snapshot.session.focusScore, page.snapshot.stats.completedSessions, page.snapshot.isTracked], [7, 1, false]);
  const other = page.server.add({ subject: 'Greek' });
  await page.pass(61_000);
  assert.deepEqual([page.snapshot.session.subject, page.starts.at(-1).sessionId], ['Greek', other.id]);
  await page.started();
  page.server.sessions.delete(other.id);
  page.socket.receive({ type: 'stopped', sessionId: other.id, focusScore: 0 });
  await settle();
  assert.deepEqual([page.snapshot.session, page.errors], [null, []]);
});

test('two tabs of one person that do opposite things agree', async () => {
  const server = new FocusServer();
  const one = await openCounting({ server });
  const two = await (await new FocusPage({ server }).open()).ready();
  await Promise.all([one.client.pause(), two.client.resume(), one.client.stop('cancelled'), two.client.stop('completed')]);
  await Promise.all([one, two].map((page) => page.clock.advance(6_000)));
  assert.deepEqual([one.snapshot.session.status, two.snapshot.session.status], ['cancelled', 'cancelled'], 'the first end stands');
  assert.deepEqual([one.snapshot.pending, two.snapshot.pending], [[], []]);
});

test('a link without ticks is replaced, unless the session is paused', async () => {
  const page = await openCounting();
  await page.ticks([counters(1)]);
  await page.clock.advance(4_500);
  assert.deepEqual([page.snapshot.times, page.shown], ['continued', 'active 5 = 5 + 0']);
  await page.clock.advance(12_000);
  assert.equal(page.sockets.all[0].readyState, 2);
});

test('a start is repeated if the server is busy, and not if the session has ended', async () => {
  const page = await (await new FocusPage().open()).ready();
  const { session } = await page.client.start({ targetMinutes: 25 });
  const refuse = (code, retry) => page.socket.receive({ type: 'error', id: page.starts.at(-1).id, message: code, code, retry });
  refuse('busy', true);
  assert.equal(page.starts.length, 1);
  await page.clock.advance(1_000);
  assert.equal(page.starts.length, 2);
  page.server.change(session.id, { status: 'abandoned' });
  refuse('not_found', false);
  await settle();
  assert.deepEqual([page.snapshot.session.status, page.errors], ['abandoned', []]);
  await page.client.start({ targetMinutes: 25 });
  refuse('limit', false);
  await page.clock.advance(4_000);
  assert.deepEqual([page.starts.length, page.errors, page.snapshot.isTracked], [3, ['server limit'], false]);
  await page.client.resume();
  assert.equal(page.starts.length, 4);
  await page.clock.advance(30_000);
  assert.equal(page.sockets.all[0].readyState, 2, 'a server that does not answer is left');
});

test('the other requests have the form of the contract', async () => {
  const page = await (await new FocusPage({ zone: 'Europe/Berlin' }).open()).ready();
  const one = page.server.add({ status: 'completed' });
  page.server.requests.length = 0;
  assert.equal((await page.client.list({ status: 'completed', limit: 5, before: one.id })).value[0].id, one.id);
  assert.equal((await page.client.update(one.id, { subject: 'Greek' })).value.subject, 'Greek');
  assert.equal((await page.client.remove(one.id)).ok, true);
  assert.equal((await page.client.remove(one.id)).error.message, 'Session not found');
  assert.deepEqual(page.server.requests, ['GET api/sessions', `PUT api/sessions/${one.id} {"subject":"Greek"}`, `DELETE api/sessions/${one.id}`, 'GET api/users/me/stats', `DELETE api/sessions/${one.id}`]);
  let search;
  const other = new FocusPage({ fetch: async (url) => ((search = url.search), Response.json({ sessions: [] })) });
  assert.equal((await other.client.list({ status: undefined, limit: 5 })).ok, true);
  assert.equal(search, '?limit=5&userId=ada');
});

test('nonsense changes nothing, and the server\'s errors are reported once', async () => {
  const page = await openCounting();
  await page.ticks([counters(1)]);
  const { session } = page.snapshot;
  for (const more of [{}, { idle: 7 }, { idle: true, elapsedSeconds: 'x' }, { sessionId: 5 }, { sessionId: 'other', focusScore: NaN }]) {
    for (const type of ['tick', 'started', 'stopped', 'a later version', 'tabSwitchAck']) page.socket.receive({ type, ...more });
  }
  for (const text of ['', '[]', 'null', '{"type":7}']) page.socket.receive(text);
  assert.equal(page.snapshot.session, session);
  page.socket.receive({ type: 'error', message: 'not JSON', code: 'invalid_json', retry: false });
  page.platform.wake();
  page.socket.receive({ type: 'error', message: 'later', code: 'time_uncertain', retry: true });
  assert.deepEqual(page.errors, ['server invalid_json'], 'a request for the time has no answer, and is repeated');
  for (const body of ['<html>', '{"session":{}}', '{"sessions":[{}]}', '{"session":null,"sessions":null}']) {
    page.server.answer = () => new Response(body);
    assert.equal((await page.client.list()).ok, false);
    assert.equal((await page.client.start({ targetMinutes: 1 })).error.code, 'outcome_unknown');
  }
  page.errors.length = 0;
  page.server.answer = () => Response.json({ message: 'damaged' }, { status: 500 });
  await page.clock.advance(14_000);
  assert.deepEqual(page.errors, ['http 500']);
  assert.equal(page.snapshot.session, session);
});

test('nothing remains of a closed client', async () => {
  const page = await openCounting();
  await page.ticks([counters(1)]);
  page.server.answer = () => new Promise(() => {});
  page.socket.end();
  await page.clock.advance(1_500);
  page.socket.open().receive({ type: 'connected' });
  const result = page.client.stop();
  page.client.close();
  await settle();
  assert.deepEqual([page.clock.waiting, (await result).error.code, page.snapshot.connection.phase, page.snapshot.times], [0, 'closed', 'closed', 'last-known']);
  page.act();
});
