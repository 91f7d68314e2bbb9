/** Sessions written by a real express server: identity, lifetime and end. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { startRedis } from './fixture/redis.mjs';
import { startServer } from './fixture/server.mjs';
import { until } from './fixture/until.mjs';
import { startWebServer } from './fixture/web-server.mjs';

const PREFIX = 'rsm:session:';
const HOUR_S = 3600;

let folder;
let redis;
let web;
let server;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickcast-sessions-'));
  await writeFile(join(folder, 'secrets'), 'the new secret\nthe old secret\n');
  redis = await startRedis();
  web = await startWebServer(redis, { secret: 'the old secret', prefix: PREFIX, maxAge: HOUR_S * 1000 });
  server = await startServer({
    TICKCAST__AUTH__MODES: 'express-session',
    TICKCAST__AUTH__EXPRESS_SESSION__SECRET_FILE: join(folder, 'secrets'),
    TICKCAST__AUTH__EXPRESS_SESSION__URL: redis.url,
    TICKCAST__AUTH__EXPRESS_SESSION__PREFIX: PREFIX,
    TICKCAST__AUTH__EXPRESS_SESSION__CHECK_EVERY: '1s',
    TICKCAST__SOCKETIO__ANONYMOUS: 'false',
  });
});

after(async () => {
  await server?.close();
  web?.close();
  await redis?.close();
  await rm(folder, { recursive: true, force: true });
});

async function status(cookie) {
  const response = await fetch(`${server.url}/sessions`, { headers: cookie ? { cookie } : {} });
  await response.text();
  return response.status;
}

/** Opens a client of `/session` and collects its messages. */
async function openSocket(cookie) {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/session`, { headers: { cookie } });
  const received = [];
  socket.on('message', (text) => received.push(JSON.parse(text)));
  await once(socket, 'open');
  return { socket, received, closed: once(socket, 'close').then(([code]) => code) };
}

async function connectSocketIo(cookie, transports) {
  const socket = io(server.url, { extraHeaders: { cookie }, forceNew: true, reconnection: false, transports });
  const error = await Promise.race([
    once(socket, 'connect').then(() => null),
    new Promise((resolve) => socket.once('connect_error', ({ message }) => resolve(message))),
  ]);
  return { socket, error };
}

test('a session authenticates the user under the id that it contains', async () => {
  for (const [id, user] of [['42', '42'], ['ann', 'ann']]) {
    const cookie = await web.visit(`/login/${id}`);
    assert.equal(await status(`theme=dark; ${cookie}`), 200);
    const client = await openSocket(cookie);
    client.socket.send(JSON.stringify({ type: 'session-start', id: 'a', payload: { label: 'x' } }));
    const update = await until('an update', () => client.received.find(({ type }) => type === 'session-update'));
    assert.equal(update.payload.userId, user);
    client.socket.close();
  }
});

test('sessions without a login, forged cookies and missing cookies are refused', async () => {
  const visitor = await web.visit('/');
  const cookie = await web.visit('/login/42');
  const forged = cookie.replace(/%3A./, (start) => `${start.slice(0, 3)}${start[3] === 'x' ? 'y' : 'x'}`);
  const unsigned = cookie.replace('s%3A', '');
  for (const refused of [visitor, forged, unsigned, 'connect.sid=', undefined]) {
    assert.equal(await status(refused), 401, String(refused));
  }
  for (const refused of [visitor, forged]) {
    assert.equal(await (await openSocket(refused)).closed, 4401);
    assert.equal((await connectSocketIo(refused)).error, 'Unauthorized: No valid session');
  }
});

test('during a rotation both secrets are accepted', async () => {
  const rotated = await startWebServer(redis, { secret: 'the new secret', prefix: PREFIX, maxAge: HOUR_S * 1000 });
  const foreign = await startWebServer(redis, { secret: 'another secret', prefix: PREFIX, maxAge: HOUR_S * 1000 });
  try {
    assert.equal(await status(await web.visit('/login/42')), 200);
    assert.equal(await status(await rotated.visit('/login/42')), 200);
    assert.equal(await status(await foreign.visit('/login/42')), 401);
  } finally {
    rotated.close();
    foreign.close();
  }
});

test('requests extend a session, and its end closes its sockets', async () => {
  const cookie = await web.visit('/login/42');
  const other = await web.visit('/login/43');
  const key = `${PREFIX}${decodeURIComponent(cookie.split('=')[1]).slice(2).split('.')[0]}`;
  await redis.client.expire(key, 100);
  const clients = [await openSocket(cookie), await openSocket(cookie)];
  assert.ok((await redis.client.ttl(key)) <= 100, 'an open socket does not extend the session');
  assert.equal(await status(cookie), 200);
  assert.ok((await redis.client.ttl(key)) > HOUR_S - 100);
  const { socket, error } = await connectSocketIo(cookie);
  assert.equal(error, null);
  const disconnected = once(socket, 'disconnect');
  const unaffected = await openSocket(other);
  await web.visit('/logout', cookie);
  for (const client of clients) assert.equal(await client.closed, 4401);
  assert.equal((await disconnected)[0], 'io server disconnect');
  assert.equal(await status(cookie), 401);
  assert.equal(unaffected.socket.readyState, WebSocket.OPEN);
  unaffected.socket.close();
});

test('a socket of the default transports closes when the session changes its organisation', async () => {
  const cookie = await web.visit('/login/42');
  const { socket, error } = await connectSocketIo(cookie);
  assert.equal(error, null);
  await web.visit('/switch/7', cookie);
  assert.ok((await socket.emitWithAck('session:create')).sessionId, 'the organisation is the same');
  const disconnected = once(socket, 'disconnect');
  await web.visit('/switch/8', cookie);
  assert.equal((await disconnected)[0], 'io server disconnect');
  const again = await connectSocketIo(cookie);
  assert.equal(again.error, null);
  again.socket.close();
});

test('while Redis does not answer, sockets stay open and requests get 503 instead of 401', async () => {
  const cookie = await web.visit('/login/42');
  const client = await openSocket(cookie);
  redis.signal('SIGSTOP');
  try {
    assert.equal(await status(cookie), 503);
    assert.equal(await (await openSocket(cookie)).closed, 1013);
  } finally {
    redis.signal('SIGCONT');
  }
  assert.equal(client.socket.readyState, WebSocket.OPEN);
  client.socket.close();
  await until('sessions are readable again', async () => (await status(cookie)) === 200);
});
