/** Sessions that a real express server has written: whose they are, how long they last, and their end. */
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
  const answer = await fetch(`${server.url}/sessions`, { headers: cookie ? { cookie } : {} });
  await answer.text();
  return answer.status;
}

/** A client of `/session`, and what it hears. */
async function open(cookie) {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/session`, { headers: { cookie } });
  const heard = [];
  socket.on('message', (text) => heard.push(JSON.parse(text)));
  await once(socket, 'open');
  return { socket, heard, closed: once(socket, 'close').then(([code]) => code) };
}

async function comesIn(cookie, transports) {
  const socket = io(server.url, { extraHeaders: { cookie }, forceNew: true, reconnection: false, transports });
  const refusal = await Promise.race([
    once(socket, 'connect').then(() => null),
    new Promise((resolve) => socket.once('connect_error', (error) => resolve(error.message))),
  ]);
  return { socket, refusal };
}

test('whoever is logged in there is known here, by the id they have there', async () => {
  for (const [id, user] of [['42', '42'], ['ann', 'ann']]) {
    const cookie = await web.visit(`/login/${id}`);
    assert.equal(await status(`theme=dark; ${cookie}`), 200);
    const client = await open(cookie);
    client.socket.send(JSON.stringify({ type: 'session-start', id: 'a', payload: { label: 'x' } }));
    const update = await until('an update', () => client.heard.find(({ type }) => type === 'session-update'));
    assert.equal(update.payload.userId, user);
    client.socket.close();
  }
});

test('visitors, forgers and nobody at all are not', async () => {
  const visitor = await web.visit('/');
  const cookie = await web.visit('/login/42');
  const forged = cookie.replace(/%3A./, (start) => `${start.slice(0, 3)}${start[3] === 'x' ? 'y' : 'x'}`);
  const unsigned = cookie.replace('s%3A', '');
  for (const refused of [visitor, forged, unsigned, 'connect.sid=', undefined]) {
    assert.equal(await status(refused), 401, String(refused));
  }
  for (const refused of [visitor, forged]) {
    assert.equal(await (await open(refused)).closed, 4401);
    assert.equal((await comesIn(refused)).refusal, 'Unauthorized: No valid session');
  }
});

test('a secret is replaced while both are good', async () => {
  const later = await startWebServer(redis, { secret: 'the new secret', prefix: PREFIX, maxAge: HOUR_S * 1000 });
  const stranger = await startWebServer(redis, { secret: 'another secret', prefix: PREFIX, maxAge: HOUR_S * 1000 });
  try {
    assert.equal(await status(await web.visit('/login/42')), 200);
    assert.equal(await status(await later.visit('/login/42')), 200);
    assert.equal(await status(await stranger.visit('/login/42')), 401);
  } finally {
    later.close();
    stranger.close();
  }
});

test('requests have a session last, and its end closes its sockets', async () => {
  const cookie = await web.visit('/login/42');
  const other = await web.visit('/login/43');
  const key = `${PREFIX}${decodeURIComponent(cookie.split('=')[1]).slice(2).split('.')[0]}`;
  await redis.client.expire(key, 100);
  const clients = [await open(cookie), await open(cookie)];
  assert.ok((await redis.client.ttl(key)) <= 100, 'a socket alone does not');
  assert.equal(await status(cookie), 200);
  assert.ok((await redis.client.ttl(key)) > HOUR_S - 100);
  const { socket, refusal } = await comesIn(cookie);
  assert.equal(refusal, null);
  const told = once(socket, 'disconnect');
  const stays = await open(other);
  await web.visit('/logout', cookie);
  for (const client of clients) assert.equal(await client.closed, 4401);
  assert.equal((await told)[0], 'io server disconnect');
  assert.equal(await status(cookie), 401);
  assert.equal(stays.socket.readyState, WebSocket.OPEN);
  stays.socket.close();
});

test('while Redis does not answer sockets stay, and nobody is taken for a stranger', async () => {
  const cookie = await web.visit('/login/42');
  const client = await open(cookie);
  redis.signal('SIGSTOP');
  try {
    assert.equal(await status(cookie), 503);
    assert.equal(await (await open(cookie)).closed, 1013);
  } finally {
    redis.signal('SIGCONT');
  }
  assert.equal(client.socket.readyState, WebSocket.OPEN);
  client.socket.close();
  await until('sessions are found again', async () => (await status(cookie)) === 200);
});
