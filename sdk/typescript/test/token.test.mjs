/** Tokens that expire: while connected, while offline, by a clock that is an hour off. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expiryOf } from '../dist/core/token-refresh.js';
import { Clock } from './fixture/clock.mjs';
import { Page } from './fixture/clockit.mjs';
import { FocusPage, FocusServer } from './fixture/focus.mjs';
import { Member } from './fixture/rooms.mjs';

const HOUR = 3_600_000;

function jwt(expiresAt, serial = 0) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${encode({ alg: 'none' })}.${encode({ exp: expiresAt / 1000, serial, name: '~ü?' })}.x`;
}

/** A page whose provider issues tokens that are valid for an hour of the server's time. */
function createPage({ offsetMs = 0, token } = {}) {
  const clock = new Clock();
  const requests = [];
  const provider = (request) => {
    requests.push(request);
    return token ? token(requests.length) : jwt(clock.time + HOUR, requests.length);
  };
  const page = new Page(clock, { offsetMs, credential: { token: provider } });
  return { clock, page, requests };
}

const bearer = ({ protocols }) => protocols[1].slice('bearer.'.length);

test('the expiry of a JSON Web Token is read, and other tokens have none', () => {
  assert.equal(expiryOf(jwt(5_000)), 5_000);
  for (const token of [undefined, '', 'opaque', 'a.b.c', 'a.e30.c', '..']) assert.equal(expiryOf(token), undefined);
});

test('a fresh token is presented a minute before the expiry, also by a clock that is an hour off', async () => {
  for (const offsetMs of [0, HOUR, -HOUR]) {
    const { clock, page } = createPage({ offsetMs });
    (await page.open()).ready();
    await passAlive(clock, page, HOUR - 70_000);
    const presented = () => page.socket.sent.filter(({ type }) => type === 'auth');
    assert.deepEqual(presented(), [], `${offsetMs}`);
    await passAlive(clock, page, 11_000);
    const [{ id, payload }] = presented();
    assert.notEqual(payload.token, bearer(page.socket));
    page.socket.receive({ type: 'auth', id, payload: { expiresAt: clock.time + HOUR } });
    await passAlive(clock, page, HOUR - 70_000);
    assert.equal(presented().length, 1);
    await passAlive(clock, page, 11_000);
    assert.equal(presented().length, 2);
    assert.equal(page.sockets.all.length, 1, 'the socket stayed open');
  }
});

test('a fresh token is presented in time also if the server tells its time after the handshake', async () => {
  for (const offsetMs of [HOUR, -HOUR]) {
    const server = new FocusServer();
    const page = new FocusPage({ server, offsetMs, credential: { token: () => jwt(server.clock.time + HOUR) } });
    const presented = () => page.socket.sent.filter(({ type }) => type === 'auth').length;
    await (await page.open()).ready();
    await page.pass(HOUR - 70_000);
    assert.equal(presented(), 0, `${offsetMs}`);
    await page.pass(11_000);
    assert.equal(presented(), 1, `${offsetMs}`);
  }
});

test('tokens that seem to have expired are replaced after growing pauses, by a clock that is an hour off and cannot be set', async () => {
  const clock = new Clock();
  let requests = 0;
  const token = () => jwt(clock.time + HOUR, requests++);
  const { socket } = await new Member({ clock, offsetMs: 2 * HOUR, credential: { token }, fetch: () => Promise.reject(new TypeError('blocked')) }).open();
  socket.connect();
  for (let quarter = 0; quarter < 4 * 60; quarter++) {
    await clock.advance(250);
    if (socket.types.includes('auth')) socket.ack('auth', { expiresAt: clock.time + HOUR });
  }
  assert.equal(requests, 1 + 7, 'after 0.25, 0.5, 1, 2, 4, 8 and 16 s');
});

test('a refused fresh token is replaced, and the provider is told', async () => {
  const { clock, page, requests } = createPage();
  (await page.open()).ready();
  await passAlive(clock, page, HOUR - 60_000);
  const [first] = page.socket.sent.filter(({ type }) => type === 'auth');
  page.socket.receive({ type: 'error', id: first.id, payload: { code: 'unauthorized', message: 'no', retry: false } });
  await passAlive(clock, page, 10_000);
  assert.equal(page.socket.sent.filter(({ type }) => type === 'auth').length, 2);
  assert.deepEqual(requests.at(-1), { rejected: first.payload.token });
  assert.deepEqual(page.errors, [], 'the socket continues as before');
});

test('a fresh token that cannot be verified at present is not rejected, and is presented again', async () => {
  const { clock, page, requests } = createPage();
  (await page.open()).ready();
  await passAlive(clock, page, HOUR - 60_000);
  const presented = () => page.socket.sent.filter(({ type }) => type === 'auth');
  page.socket.receive({ type: 'error', id: presented()[0].id, payload: { code: 'unavailable', message: 'later', retry: true } });
  await passAlive(clock, page, 10_000);
  assert.deepEqual([presented().length, requests.at(-1)], [2, {}]);

  const focus = new FocusPage({ credential: { token: (request) => (requests.push(request), jwt(focus.clock.time + HOUR)) } });
  await (await focus.open()).ready();
  await focus.pass(HOUR - 59_000);
  const [{ id }] = focus.socket.sent.filter(({ type }) => type === 'auth');
  focus.socket.receive({ type: 'error', id, code: 'unavailable', message: 'later', retry: true });
  await focus.pass(10_000);
  assert.deepEqual(requests.at(-1), {});

  const member = new Member({ credential: { token: (request) => (requests.push(request), jwt(member.clock.time + HOUR)) } });
  await member.join();
  await member.clock.advance(HOUR - 59_000);
  member.socket.ack('auth', { error: { code: 'UNAVAILABLE', message: 'later' } });
  await member.clock.advance(10_000);
  assert.deepEqual([requests.at(-1), member.socket.types.filter((type) => type === 'auth').length], [{}, 1]);
});

test('a token that expired while the page was offline is replaced by the next dial', async () => {
  const { clock, page, requests } = createPage();
  (await page.open()).ready();
  page.socket.end();
  page.platform.frozen = true;
  await clock.advance(2 * HOUR);
  page.platform.frozen = false;
  await clock.advance(0);
  assert.equal(requests.length, 2);
  assert.equal(expiryOf(bearer(page.socket)), clock.time + HOUR);
});

test('after 4401 one other token is tried, and then the connection is refused', async () => {
  const { clock, page, requests } = createPage();
  await page.open();
  page.socket.open().end(4401, 'Unauthorized');
  assert.equal(page.snapshot.connection.phase, 'offline');
  await clock.advance(1_000);
  assert.deepEqual(requests, [{}, { rejected: bearer(page.sockets.all[0]) }]);
  page.socket.open().end(4401, 'Unauthorized');
  assert.equal(page.snapshot.connection.phase, 'refused');
  page.client.retryNow();
  await clock.advance(0);
  page.ready();
  page.socket.end(4401, 'Unauthorized');
  assert.equal(page.snapshot.connection.phase, 'offline', 'a connection that worked may have an expired token');
});

test('a fixed token is refused at once', async () => {
  const page = await new Page(new Clock(), { credential: { token: 'fixed' } }).open();
  page.socket.open().end(4401, 'Unauthorized');
  assert.equal(page.snapshot.connection.phase, 'refused');
});

test('a provider that fails is reported, and asked again', async () => {
  const { clock, page } = createPage({
    token: (nth) => {
      if (nth === 1) throw new Error('no session');
      return nth === 2 ? Promise.reject(new Error('offline')) : 'token';
    },
  });
  await page.open();
  assert.deepEqual(page.errors.map(({ kind, message }) => [kind, message]), [['token', 'Error: no session']]);
  assert.equal(page.snapshot.connection.error.kind, 'token');
  await clock.advance(1_000);
  assert.equal(page.errors.length, 2);
  await clock.advance(2_000);
  page.ready();
  assert.equal(page.snapshot.connection.phase, 'online');
});

test('a provider that does not answer does not block the client for ever', async () => {
  const { clock, page, requests } = createPage({ token: (nth) => (nth === 1 ? new Promise(() => {}) : 'token') });
  await page.open();
  await clock.advance(11_000);
  assert.equal(requests.length, 2);
  page.ready();
  assert.equal(page.snapshot.connection.phase, 'online');
});

/** Passes time in which the server says something, so that the link does not count as dead. */
async function passAlive(clock, page, ms) {
  for (let left = ms; left > 0; left -= 20_000) {
    page.socket.receive({ type: 'unknown' });
    await clock.advance(Math.min(left, 20_000));
  }
}
