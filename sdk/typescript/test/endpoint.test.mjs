/** URLs of a server, and where credentials go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { httpUrl, webSocketTarget } from '../dist/core/endpoint.js';
import { sendRequest } from '../dist/core/http.js';

test('endpoints are below the path of the server, without its query', () => {
  for (const [base, path, query, url] of [
    ['http://h:4000', 'session', { userId: 'a&b' }, 'http://h:4000/session?userId=a%26b'],
    ['https://h/?token=x.y#/rooms', 'timesync', {}, 'https://h/timesync'],
    ['wss://h/timers/', 'session', {}, 'https://h/timers/session'],
    ['http://h:8443/a/b', 'sessions', { limit: '2' }, 'http://h:8443/a/b/sessions?limit=2'],
  ]) {
    assert.equal(httpUrl(base, path, query).href, url);
  }
  assert.throws(() => httpUrl('no url', 'session'), TypeError);
});

test('a WebSocket has the protocol of its server', () => {
  assert.deepEqual(webSocketTarget(httpUrl('https://h', 'session'), { userId: 'ada' }), { url: 'wss://h/session?userId=ada' });
  assert.deepEqual(webSocketTarget(httpUrl('http://h', 'session'), {}), { url: 'ws://h/session' });
});

/** Returns what a request sends, and its result. */
async function request(credential, answer = new Response('{"a":1}')) {
  const sent = [];
  const fetch = async (url, init) => {
    sent.push([url.href, init.headers]);
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const result = await sendRequest({ url: 'http://h', credential, fetch }, { path: 'x', read: (response) => response.json() });
  return { sent: sent[0], result };
}

test('a token is sent in a header and never in an HTTP URL', async () => {
  assert.deepEqual((await request({ userId: 'a b' })).sent, ['http://h/x?userId=a+b', {}]);
  assert.deepEqual((await request({ token: 't' })).sent, ['http://h/x', { authorization: 'Bearer t' }]);
  assert.deepEqual((await request({ token: async () => 'fresh' })).sent, ['http://h/x', { authorization: 'Bearer fresh' }]);
  assert.deepEqual((await request(undefined)).sent, ['http://h/x', {}]);
});

test('failures of requests are values', async () => {
  const error = async (answer) => (await request({ token: 't' }, answer)).result.error;
  const busy = await error(new Response('{"error":"busy","message":"too many"}', { status: 429, headers: { 'retry-after': '3' } }));
  assert.deepEqual([busy.kind, busy.status, busy.message, busy.retryAfterMs], ['http', 429, 'too many', 3_000]);
  assert.deepEqual((await error(new Response('{"error":"no"}', { status: 401 }))).message, 'no');
  const page = await error(new Response('<html>', { status: 502, statusText: 'Bad Gateway' }));
  assert.deepEqual([page.status, page.message, page.details, 'retryAfterMs' in page], [502, 'Bad Gateway', undefined, false]);
  assert.deepEqual([(await error(new TypeError('no network'))).status, (await error(new Response('no JSON'))).status], [0, 0]);
  const failing = await request({ token: () => Promise.reject(new Error('signed out')) });
  assert.deepEqual([failing.sent, failing.result.error.message], [undefined, 'Error: signed out']);
});
