/**
 * The punch clock behind the proxy of the page's host, with the configurations of `deploy/punch-clock`: the page and its
 * logins on the old server, the working day on two nodes. Sessions are cookies of the real next-auth.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import jwt from 'next-auth/jwt';
import { WebSocket } from 'ws';
import { answerTo, connectionsAt } from './fixture/host-member.mjs';
import { PROXIES, startHostProxy } from './fixture/host-proxy.mjs';
import { startOldPage } from './fixture/old-page.mjs';
import { startRedis } from './fixture/redis.mjs';
import { startServer } from './fixture/server.mjs';
import { until } from './fixture/until.mjs';

const SECRET = 'the secret of a next-auth server';
/** The page, which the shipped configuration allows. */
const PAGE = 'https://app.example.com';
const CONFIGURATION = new URL('../../deploy/punch-clock/tickcast.toml', import.meta.url);
const PUNCH_CLOCK = { name: 'punch-clock', health: '/', unknown: '/api/session/none' };
const MEGABYTE = 1024 * 1024;

let folder;
let redis;
let old;
let nodes;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickcast-punch-clock-'));
  await writeFile(join(folder, 'secrets'), SECRET);
  redis = await startRedis();
  old = await startOldPage();
  const settings = {
    TICKCAST__STORE__URL: redis.url,
    TICKCAST__AUTH__NEXT_AUTH__SECRET_FILE: join(folder, 'secrets'),
  };
  const file = await readFile(CONFIGURATION, 'utf8');
  nodes = [await startServer(settings, file), await startServer(settings, file)];
});

after(async () => {
  for (const node of nodes ?? []) await node.close();
  old?.close();
  await redis?.close();
  await rm(folder, { recursive: true, force: true });
});

/** The header `cookie` of a person whom next-auth has logged in. */
async function cookieOf(user, more = {}) {
  const token = await jwt.encode({ token: { sub: user, name: user, ...more }, secret: SECRET });
  const chunks = token.match(/.{1,3900}/g);
  const name = '__Secure-next-auth.session-token';
  if (chunks.length === 1) return `${name}=${token}`;
  return chunks.map((chunk, nth) => `${name}.${nth}=${chunk}`).join('; ');
}

test('the shipped configuration of the nodes is valid without a warning', async () => {
  const set = `auth.next_auth.secret_file=${join(folder, 'secrets')}`;
  const { TICKCAST_BIN: binary, ...env } = process.env;
  const options = ['--config', CONFIGURATION.pathname, '--set', set, 'config', 'check'];
  const { stderr } = await promisify(execFile)(binary, options, { env });
  assert.equal(stderr, '');
});

test('the rewrites of Next.js come before its own routes and send the same paths', async () => {
  const { default: config } = await import('../../deploy/punch-clock/next.config.mjs');
  const { beforeFiles, ...others } = await config.rewrites();
  assert.deepEqual(others, {});
  const sources = ['/api/session', '/api/session/:path*', '/api/heartbeat', '/api/daily-logs'];
  assert.deepEqual(beforeFiles.map(({ source }) => source), sources);
  for (const { source, destination } of beforeFiles) assert.equal(destination, `http://127.0.0.11:4000${source}`);
});

for (const kind of PROXIES) {
  describe(kind, () => {
    let proxy;

    before(async () => {
      proxy = await startHostProxy(PUNCH_CLOCK, kind, nodes, old);
    });

    after(() => proxy?.close());

    test('the path decides which server answers', () => routes(proxy));
    test('a page works with its cookie, its beacon and its socket', () => page(proxy));
    test('a write by cookie needs the origin of the page', () => origins(proxy));
    test('cookies, addresses and hosts arrive as they were sent', () => forwarded(proxy));
    test('the nodes refuse what is too large, not the proxy', () => largeBodies(proxy));
    test('while Redis is unavailable the nodes answer, not the proxy', () => outage(proxy));
  });
}

/** Which server answers a request without a session, and the status. */
const ROUTES = [
  ['GET', '/', 'old', 200],
  ['GET', '/api/auth/session', 'old', 200],
  ['GET', '/api/sessions', 'old', 200],
  ['GET', '/api/sessionx', 'old', 200],
  ['GET', '/api/heartbeat/x', 'old', 200],
  ['GET', '/api/daily-logs-export', 'old', 200],
  ['GET', '/x/api/session', 'old', 200],
  ['GET', '/?to=/api/session', 'old', 200],
  ['GET', '/api/health', 'old', 200],
  ['GET', '/api/session', 'tickcast', 401],
  ['POST', '/api/session', 'tickcast', 401],
  ['DELETE', '/api/session', 'tickcast', 401],
  ['PUT', '/api/session/zone', 'tickcast', 401],
  ['POST', '/api/heartbeat', 'tickcast', 401],
  ['GET', '/api/daily-logs?limit=5&page=2', 'tickcast', 401],
  ['POST', '/api/daily-logs', 'tickcast', 401],
  ['GET', '/api/session/none', 'tickcast', 404],
];

async function routes(proxy) {
  for (const [method, path, server, status] of ROUTES) {
    const answer = await answerTo(proxy, method, path);
    assert.deepEqual([answer.server, answer.status], [server, status], `${method} ${path}: ${answer.text}`);
  }
}

async function page(proxy) {
  const user = `ann-${proxy.kind}`;
  // Longer than a cookie can be: next-auth sends it in chunks.
  const headers = { cookie: await cookieOf(user, { roles: 'x'.repeat(6_000) }), origin: PAGE };
  const messages = [];
  const socket = new WebSocket(`${proxy.url.replace('http', 'ws')}/api/session/live`, { headers });
  socket.on('message', (text) => messages.push(JSON.parse(text)));
  await once(socket, 'open');
  await until('the document', () => messages.find(({ type }) => type === 'session'));
  const entry = (id, type, ago) => ({ id, type, timestamp: Date.now() - ago });
  const post = (path, body, contentType = 'application/json') =>
    fetch(`${proxy.url}${path}`, { method: 'POST', headers: { ...headers, 'content-type': contentType }, body });
  const beacon = JSON.stringify({ entries: [entry(1, 'IN', 60_000)] });
  const answer = await (await post('/api/session', beacon, 'text/plain;charset=UTF-8')).json();
  assert.equal(answer.data.userId, user);
  assert.equal(answer.data.userName, user);
  assert.equal((await post('/api/heartbeat', '{}')).status, 200);
  await until('the change', () => messages.find(({ payload }) => payload.currentStatus === 'IN'));
  await until('a tick', () => messages.find(({ type }) => type === 'tick'));
  const read = await (await fetch(`${proxy.url}/api/session`, { headers })).json();
  assert.deepEqual(read.data.entries, answer.data.entries);
  socket.close();
  await once(socket, 'close');
}

async function origins(proxy) {
  const cookie = await cookieOf('eve');
  for (const [origin, status] of [[PAGE, 200], ['https://evil.example', 403], ['null', 403], [undefined, 403]]) {
    const headers = { cookie, 'content-type': 'text/plain;charset=UTF-8', ...(origin && { origin }) };
    const response = await fetch(`${proxy.url}/api/session`, { method: 'POST', headers, body: '{}' });
    assert.equal(response.status, status, `${origin}: ${await response.text()}`);
  }
}

async function forwarded(proxy) {
  const user = `zoe-${proxy.kind}`;
  const forged = { 'x-forwarded-for': '6.6.6.6', forwarded: 'for=6.6.6.6', 'x-forwarded-proto': 'https' };
  const headers = { cookie: await cookieOf(user), origin: PAGE, ...forged };
  const socket = new WebSocket(`${proxy.url.replace('http', 'ws')}/api/session/live`, { headers });
  await once(socket, 'message');
  const connections = (await Promise.all(nodes.map((node) => connectionsAt(node, user)))).flat();
  assert.deepEqual(connections.map(({ address }) => address), ['127.0.0.1']);
  socket.close();
  await (await fetch(`${proxy.url}/forwarded?${proxy.kind}`, { headers })).text();
  const seen = old.requests.findLast(({ path }) => path === `/forwarded?${proxy.kind}`);
  assert.equal(seen.headers.cookie, headers.cookie);
  assert.equal(seen.headers.host, `127.0.0.1:${proxy.port}`);
  assert.equal(seen.headers['x-forwarded-for'], '127.0.0.1');
  const replaced = old.requests.filter(({ path }) => /^\/api\/(session|heartbeat|daily-logs)(\/|\?|$)/.test(path));
  assert.deepEqual(replaced.filter(({ path }) => path !== '/api/heartbeat/x'), [], 'nothing is written twice');
}

async function largeBodies(proxy) {
  const headers = { cookie: await cookieOf('max'), origin: PAGE, 'content-type': 'application/json' };
  for (const [bytes, status] of [[MEGABYTE - 100, 200], [MEGABYTE + 100, 413]]) {
    const body = JSON.stringify({ padding: 'x'.repeat(bytes) });
    const response = await fetch(`${proxy.url}/api/session`, { method: 'POST', headers, body });
    const text = await response.text();
    assert.equal(response.status, status, `${bytes}: ${text}\n${proxy.log()}`);
    assert.match(response.headers.get('content-type'), /^application\/json/, text);
  }
}

/** Waits until every node answers `/readyz` with this status. */
async function nodesAre(status) {
  await until(`/readyz answers ${status}`, async () => {
    const answers = await Promise.all(nodes.map(({ internalUrl }) => fetch(`${internalUrl}/readyz`)));
    return answers.every((answer) => answer.status === status);
  });
}

async function outage(proxy) {
  const headers = { cookie: await cookieOf('ben'), origin: PAGE };
  const save = () => fetch(`${proxy.url}/api/session`, { method: 'POST', headers, body: '{}' });
  await nodesAre(200);
  redis.signal('SIGSTOP');
  try {
    await nodesAre(503);
    const response = await save();
    const text = await response.text();
    assert.equal(response.status, 503, text);
    assert.deepEqual(JSON.parse(text), { error: 'Failed to update session' });
  } finally {
    redis.signal('SIGCONT');
  }
  await nodesAre(200);
  await until('a save is taken again', async () => (await save()).status === 200);
}
