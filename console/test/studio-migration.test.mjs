/**
 * Time tracking behind the proxy of the old host, with the configurations of `deploy/studio`: login, sessions and
 * everything else on the old server, calls of timeTracking and Socket.IO on two nodes.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { after, before, describe, test } from 'node:test';
import { httpBatchLink, splitLink } from '@trpc/client';
import { answerTo, connectionsAt, fails, HostMember, ORIGIN } from './fixture/host-member.mjs';
import { SESSION_PREFIX } from './fixture/old-server.mjs';
import { CONFIGURATION, startStudioHost } from './fixture/studio-host.mjs';
import { PROXIES, startStudioProxy } from './fixture/studio-proxy.mjs';
import { until } from './fixture/until.mjs';

const JSON_BODY = { 'content-type': 'application/json' };
const MEGABYTE = 1024 * 1024;
/** Above the 10 connections of an address that the old host permits. */
const SOCKETS = 25;
/** Above the 10 calls a second of an address, with a burst of 20, that the old host permits. */
const CALLS = 200;
let host;

before(async () => {
  host = await startStudioHost({ TICKCAST__AUTH__EXPRESS_SESSION__CHECK_EVERY: '1s' });
});

after(() => host?.close());

test('the shipped configuration of the nodes is valid without a warning', async () => {
  const set = `auth.express_session.secret_file=${host.secrets}`;
  const { TICKCAST_BIN: binary, ...env } = process.env;
  const options = ['--config', CONFIGURATION.pathname, '--set', set, 'config', 'check'];
  const { stderr } = await promisify(execFile)(binary, options, { env });
  assert.equal(stderr, '');
});

for (const kind of PROXIES) {
  describe(kind, () => {
    let proxy;

    before(async () => {
      proxy = await startStudioProxy(kind, host.nodes, host.old);
    });

    after(() => proxy?.close());

    test('a login on the old server is valid on every node, and members see each other', () =>
      loginAndEvents(proxy));
    test('a logout on the old server closes the sockets of the session', () => logout(proxy));
    test('the path decides which server answers', () => routes(proxy));
    test('batches with a call of timeTracking never reach the old server', () => batches(proxy));
    test('cookies, addresses and hosts arrive as they were sent', () => forwardedHeaders(proxy));
    test('bodies up to the limits of the servers pass', () => largeBodies(proxy));
    test('streams of the old server arrive as they are sent', () => oldStream(proxy));
    // The last one: the old server then refuses logins for seconds.
    test('the limits of the old host do not apply to Tickcast', () => limits(proxy));
  });
}

async function loginAndEvents(proxy) {
  const { members: [ann, ben], close } = await host.membersOnBothNodes(proxy);
  assert.deepEqual(await ann.trpc.auth.me.query(), { userId: ann.user, organizationId: ann.organization });
  const stranger = await host.newMember(proxy);
  assert.equal(await stranger.connect(), null);

  const types = await ann.trpc.timeTracking.taskTypes.list.query();
  assert.deepEqual(types.map(({ name }) => name), ['Setup', 'Recording', 'Mixing', 'Mastering', 'Break']);
  const entry = await ann.trpc.timeTracking.timer.start.mutate({ taskTypeId: 2, sessionId: 12, organizationId: 999 });
  assert.equal(entry.createdBy, ann.user);
  for (const member of [ann, ben]) {
    const started = await member.event('timer:started');
    assert.equal(started.timeEntryId, entry.id);
    assert.equal(started.userId, ann.user);
  }
  assert.equal((await ben.trpc.timeTracking.timer.getActive.query({ sessionId: 12 })).id, entry.id);
  await ben.trpc.timeTracking.timer.stop.mutate({ timeEntryId: entry.id });
  for (const member of [ann, ben]) assert.equal((await member.event('timer:stopped')).userId, ben.user);
  for (const member of [ann, ben]) await until('the transport is upgraded', () => member.transport === 'websocket');

  const own = await stranger.trpc.timeTracking.timer.start.mutate({ taskTypeId: 1, sessionId: 12 });
  assert.equal((await stranger.event('timer:started')).timeEntryId, own.id);
  assert.equal(stranger.events.length, 1, 'events of another organisation are not received');
  await fails(stranger.trpc.timeTracking.timeEntries.generateInvoice.mutate({}), 'NOT_FOUND');
  stranger.close();
  close();
}

async function logout(proxy) {
  const [ann, ben] = [await host.newMember(proxy), await host.newMember(proxy)];
  assert.equal(await ann.connect(), null);
  assert.equal(await ann.connect({ transports: ['websocket'] }), null, 'a second page');
  assert.equal(await ben.connect(), null);
  const disconnected = once(ann.socket, 'disconnect');
  assert.deepEqual(await ann.trpc.auth.logout.mutate(), { loggedOut: true });
  assert.equal((await disconnected)[0], 'io server disconnect');
  await until('no socket of the session is left', async () => {
    const left = await Promise.all(host.nodes.map((node) => connectionsAt(node, ann.user)));
    return left.flat().length === 0;
  });
  const message = 'You must be logged in to access this resource';
  await fails(ann.trpc.timeTracking.taskTypes.list.query(), 'UNAUTHORIZED', message);
  assert.equal(await ann.connect(), 'Unauthorized: No valid session');
  assert.equal(ben.socket.connected, true);
  ann.close();
  ben.close();
}

/** Which server answers, and the status. */
const ROUTES = [
  ['GET', '/', 'old', 200],
  ['GET', '/api/health', 'old', 200],
  ['GET', '/api/trpc/auth.me', 'old', 401],
  ['GET', '/nowhere', 'old', 404],
  ['GET', '/sessions', 'old', 404],
  ['GET', '/api/trpc/timeTracking.taskTypes.list', 'tickcast', 401],
  ['GET', '/api/trpc/timeTracking.taskTypes.list?input=%7B%7D', 'tickcast', 401],
  ['GET', '/api/trpc/timeTracking.nothing', 'tickcast', 404],
  ['POST', '/api/trpc/timeTracking.taskTypes.list', 'tickcast', 415],
  ['PUT', '/api/trpc/timeTracking.taskTypes.list', 'tickcast', 405],
  ['HEAD', '/api/trpc/timeTracking.taskTypes.list', 'tickcast', 405],
  ['GET', '/api/trpc/timeTracking%2EtaskTypes%2elist', 'tickcast', 401],
  ['GET', '/api/trpc/timeTracking', 'old', 404],
  ['GET', '/api/trpc/timeTrackingX', 'old', 404],
  ['GET', '/api/trpc/timeTrackingX.list', 'old', 404],
  ['GET', '/api/trpc/xtimeTracking.list', 'old', 404],
  ['GET', '/api/trpc/auth.timeTracking.list', 'old', 404],
  ['GET', '/api/trpc/', 'old', 404],
  ['GET', '/x/api/trpc/timeTracking.taskTypes.list', 'old', 404],
  ['GET', '/?path=/api/trpc/timeTracking.taskTypes.list', 'old', 200],
  ['GET', '/socket.io/?EIO=4&transport=polling', 'tickcast', 200],
  ['GET', '/socket.io/?EIO=4&transport=polling&sid=unknown', 'tickcast', 400],
  ['GET', '/socket.iox/', 'old', 404],
  ['HEAD', '/api/health', 'old', 200],
];

async function routes(proxy) {
  for (const [method, path, server, status] of ROUTES) {
    const answer = await answerTo(proxy, method, path);
    assert.deepEqual([answer.server, answer.status], [server, status], `${method} ${path}: ${answer.text}`);
  }
  for (const [path, server] of [['timeTracking.timer.start', 'tickcast'], ['auth.me', 'old']]) {
    const asked = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' };
    const headers = { origin: ORIGIN, ...asked };
    const preflight = await answerTo(proxy, 'OPTIONS', `/api/trpc/${path}`, headers);
    assert.equal(preflight.server, server, path);
    assert.ok(preflight.status === 200 || preflight.status === 204, String(preflight.status));
    assert.equal(preflight.headers.get('access-control-allow-origin'), ORIGIN);
    assert.equal(preflight.headers.get('access-control-allow-credentials'), 'true');
    assert.match(preflight.headers.get('access-control-allow-headers'), /content-type/i);
  }
  const evil = { origin: 'https://evil.example' };
  const foreign = await answerTo(proxy, 'GET', '/api/trpc/timeTracking.taskTypes.list', evil);
  assert.deepEqual([foreign.server, foreign.status], ['tickcast', 403]);
}

async function batches(proxy) {
  const member = await host.newMember(proxy);
  const before = host.old.startedTimers.length;
  const start = { taskTypeId: 1, sessionId: 1 };
  const { auth, timeTracking } = member.client(httpBatchLink);
  const [me, list] = await Promise.allSettled([auth.me.query(), timeTracking.taskTypes.list.query()]);
  assert.equal(me.reason?.data?.code, 'NOT_FOUND', 'a mixed batch is answered by Tickcast, whatever comes first');
  assert.equal(list.value?.length, 5);
  for (const path of ['auth.logout,timeTracking.timer.start', 'auth.logout%2CtimeTracking%2Etimer.start']) {
    const body = JSON.stringify({ 1: { ...start, sessionId: path.length } });
    const response = await member.fetch(`/api/trpc/${path}?batch=1`, { method: 'POST', headers: JSON_BODY, body });
    assert.equal(response.status, 207, path);
    const [logout, started] = await response.json();
    assert.equal(logout.error.message, 'No procedure found on path "auth.logout"');
    assert.equal(started.result.data.sessionId, path.length);
  }
  assert.equal(host.old.startedTimers.length, before, 'no timer is started on the old server');

  // The client that the documentation recommends to pages that batch.
  const split = member.client((options) =>
    splitLink({
      condition: ({ path }) => path.startsWith('timeTracking.'),
      true: httpBatchLink(options),
      false: httpBatchLink(options),
    }),
  );
  const answers = await Promise.all([
    split.auth.me.query(),
    split.timeTracking.taskTypes.list.query(),
    split.timeTracking.timer.getActive.query({ sessionId: 77 }),
  ]);
  assert.deepEqual([answers[0].userId, answers[1].length, answers[2]], [member.user, 5, null]);
}

async function forwardedHeaders(proxy) {
  const member = new HostMember(proxy, 'zoe', 901, '127.0.0.9');
  const body = JSON.stringify({ userId: member.user, organizationId: member.organization });
  const response = await member.fetch('/api/trpc/auth.login', { method: 'POST', headers: JSON_BODY, body });
  assert.equal(response.headers.getSetCookie().length, 1);
  const issued = /^connect\.sid=s%3A[^;]+; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/;
  assert.match(response.headers.getSetCookie()[0], issued);

  const cookie = `theme=dark; ${member.cookie}; odd="a b, c"; k=ä%20=`;
  const forged = { 'x-forwarded-for': '6.6.6.6', forwarded: 'for=6.6.6.6', 'x-forwarded-proto': 'https' };
  const sent = { cookie: Buffer.from(cookie, 'utf8').toString('latin1'), ...forged };
  await (await fetch(`${proxy.url}/api/trpc/auth.me?forwarded`, { headers: sent })).text();
  const seen = host.old.requests.findLast(({ path }) => path === '/api/trpc/auth.me?forwarded');
  assert.equal(seen.headers.cookie, sent.cookie);
  assert.equal(seen.headers.host, `127.0.0.1:${proxy.port}`);
  assert.deepEqual([seen.ip, seen.protocol, seen.headers['x-forwarded-for']], ['127.0.0.1', 'http', '127.0.0.1']);

  const key = `${SESSION_PREFIX}${decodeURIComponent(member.cookie.split('=')[1]).slice(2).split('.')[0]}`;
  await host.redis.client.expire(key, 100);
  const list = await fetch(`${proxy.url}/api/trpc/timeTracking.taskTypes.list`, { headers: sent });
  assert.equal(list.status, 200, await list.text());
  assert.deepEqual(list.headers.getSetCookie(), [], 'Tickcast issues no cookie');
  assert.ok((await host.redis.client.ttl(key)) > 100, 'a call extends the session');
  assert.equal(await member.connect(), null);
  const connections = (await Promise.all(host.nodes.map((node) => connectionsAt(node, member.user)))).flat();
  assert.deepEqual(connections.map(({ address }) => address), ['127.0.0.9']);
  member.close();
}

async function largeBodies(proxy) {
  const member = await host.newMember(proxy);
  const post = async (path, bytes) => {
    const body = JSON.stringify({ taskTypeId: 1, sessionId: 1, padding: 'x'.repeat(bytes) });
    const response = await member.fetch(path, { method: 'POST', headers: JSON_BODY, body });
    const text = await response.text();
    assert.match(response.headers.get('content-type'), /^application\/json/, `${text}\n${proxy.log()}`);
    return { status: response.status, json: JSON.parse(text) };
  };
  const started = await post('/api/trpc/timeTracking.timer.start', 9 * MEGABYTE);
  assert.equal(started.status, 200, JSON.stringify(started.json));
  assert.equal(started.json.result.data.sessionId, 1);
  const refused = await post('/api/trpc/timeTracking.timer.start', 11 * MEGABYTE);
  assert.equal(refused.json.error.data.code, 'PAYLOAD_TOO_LARGE', 'the answer is that of the node');
  const uploaded = await post('/api/upload', 9 * MEGABYTE);
  assert.equal(uploaded.status, 200);
  assert.ok(uploaded.json.bytes > 9 * MEGABYTE);
}

async function limits(proxy) {
  const member = await host.newMember(proxy);
  const pages = Array.from({ length: SOCKETS }, () => {
    const page = new HostMember(proxy, member.user, member.organization);
    page.cookie = member.cookie;
    return page;
  });
  for (const [nth, error] of (await Promise.all(pages.map((page) => page.connect()))).entries()) {
    assert.equal(error, null, `socket ${nth}`);
  }
  const calls = Array.from({ length: CALLS }, () => member.fetch('/api/trpc/timeTracking.taskTypes.list'));
  for (const response of await Promise.all(calls)) {
    assert.equal(response.status, 200);
    await response.text();
  }
  pages.forEach((page) => page.close());

  // Envoy's configuration has no limits. A refusal is 503 by nginx and 429 by HAProxy.
  const old = Array.from({ length: CALLS }, () => answerTo(proxy, 'GET', '/api/trpc/auth.me'));
  const refused = (await Promise.all(old)).filter(({ status }) => status === 503 || status === 429);
  assert.equal(refused.length > 0, proxy.kind !== 'envoy', `${refused.length} calls are refused`);
}

async function oldStream(proxy) {
  const stop = new AbortController();
  const response = await fetch(`${proxy.url}/api/notifications/stream`, { signal: stop.signal });
  assert.equal(response.status, 200);
  const { value } = await response.body.getReader().read();
  assert.equal(new TextDecoder().decode(value), 'data: {"type":"connected"}\n\n');
  stop.abort();
}
