import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Clock } from './fixture/clock.mjs';
import { load } from './fixture/modules.mjs';

const { backoff } = await load('net/backoff.js');
const { reconnectPolicy } = await load('net/close-code.js');
const { Connection } = await load('net/connection.js');
const { TickWatchdog } = await load('net/tick-watchdog.js');

function openConnection() {
  const clock = new Clock();
  const sockets = [];
  class WebSocket {
    readyState = 1;
    sent = [];
    constructor() {
      sockets.push(this);
    }
    send(text) {
      this.sent.push(JSON.parse(text));
    }
    close() {
      this.readyState = 2;
    }
    completeHandshake() {
      this.onmessage({ data: '{"type":"ready"}' });
    }
  }
  const received = [];
  const connection = new Connection(
    { url: 'ws://x', isHandshake: ({ type }) => type === 'ready', onMessage: (m) => received.push(m.type), onStateChange: () => {} },
    { ...clock.platform, WebSocket },
  );
  connection.open();
  return { clock, sockets, received, connection };
}

test('backoff doubles up to its cap, with jitter over the full range', () => {
  const bounds = { baseMs: 1_000, capMs: 15_000 };
  assert.deepEqual([0, 1, 2, 3, 4, 99].map((n) => backoff(n, bounds, () => 1)), [1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  assert.equal(backoff(3, bounds, () => 0), 0);
  assert.equal(backoff(3, bounds, () => 0.5), 4_000);
});

test('only 1012 and 1013 carry a delay, and only a valid delay is used', () => {
  for (const [code, reason, expected] of [
    [1012, '{"reconnectAfterMs":700}', { retryAfterMs: 700 }],
    [1013, '{"reconnectAfterMs":0}', { retryAfterMs: 0 }],
    [1012, '', { backoffSteps: 0 }],
    [1012, '{"reconnectAfterMs":-1}', { backoffSteps: 0 }],
    [1012, '{"reconnectAfterMs":"soon"}', { backoffSteps: 0 }],
    [1013, '{"reconnectAfterMs":1e12}', { retryAfterMs: 300_000 }],
    [1006, '{"reconnectAfterMs":700}', { backoffSteps: 0 }],
    [4401, 'Unauthorized', { refused: 'unauthorized' }],
    [4403, '', { refused: 'forbidden' }],
    [4429, '', { backoffSteps: 3 }],
  ]) {
    assert.deepEqual(reconnectPolicy(code, reason), expected);
  }
});

test('the connection is online after the handshake, not after the socket opens', () => {
  const { sockets, connection } = openConnection();
  assert.equal(connection.state.phase, 'connecting');
  assert.equal(connection.send({ type: 'early' }), false);
  sockets[0].completeHandshake();
  assert.equal(connection.state.phase, 'online');
  assert.equal(connection.send({ type: 'hello' }), true);
  assert.deepEqual(sockets[0].sent, [{ type: 'hello' }]);
});

test('a lost connection is retried with growing delays', () => {
  const { clock, sockets, connection } = openConnection();
  for (const delay of [1_000, 2_000, 4_000, 8_000, 15_000, 15_000]) {
    sockets.at(-1).onclose({ code: 1006, reason: '' });
    assert.deepEqual(connection.state, { phase: 'offline', retryAt: clock.time + delay, code: 1006 });
    clock.advance(delay - 1);
    assert.equal(connection.state.phase, 'offline');
    clock.advance(1);
    assert.equal(connection.state.phase, 'connecting');
  }
});

test('a short connection does not reset the backoff, a stable one does', () => {
  const { clock, sockets, connection } = openConnection();
  for (const delay of [1_000, 2_000]) {
    sockets.at(-1).completeHandshake();
    sockets.at(-1).onclose({ code: 1006, reason: '' });
    assert.equal(connection.state.retryAt, clock.time + delay);
    clock.advance(delay);
  }
  sockets.at(-1).completeHandshake();
  clock.advance(20_000);
  sockets.at(-1).onclose({ code: 1006, reason: '' });
  assert.equal(connection.state.retryAt, clock.time + 1_000);
});

test('the delay sent by a restarting server is used', () => {
  const { clock, sockets, connection } = openConnection();
  sockets[0].completeHandshake();
  sockets[0].onclose({ code: 1012, reason: '{"reconnectAfterMs":3210}' });
  assert.equal(connection.state.retryAt, clock.time + 3_210);
});

test('a refused connection is retried only on request', () => {
  const { clock, sockets, connection } = openConnection();
  sockets[0].onclose({ code: 4401, reason: 'Unauthorized' });
  assert.equal(connection.state.error.reason, 'unauthorized');
  assert.equal(clock.waiting, 0);
  connection.retryNow();
  assert.equal(sockets.length, 2);
});

test('a connection without a handshake is aborted, and its late messages are ignored', () => {
  const { clock, sockets, received, connection } = openConnection();
  clock.advance(10_000);
  assert.equal(connection.state.phase, 'offline');
  assert.equal(sockets[0].readyState, 2);
  assert.equal(sockets[0].onmessage, null);
  assert.deepEqual(received, []);
});

test('retry now opens one socket and leaves no other attempt scheduled', () => {
  const { clock, sockets, connection } = openConnection();
  sockets[0].onclose({ code: 1006, reason: '' });
  connection.retryNow();
  connection.retryNow();
  sockets[1].completeHandshake();
  clock.advance(60_000);
  assert.equal(sockets.length, 2);
  assert.equal(connection.state.phase, 'online');
});

test('invalid messages are ignored', () => {
  const { sockets, received } = openConnection();
  for (const data of ['', '{', 'null', '7', '[]', '{"type":1}']) sockets[0].onmessage({ data });
  sockets[0].completeHandshake();
  assert.deepEqual(received, ['ready']);
});

test('missing ticks are detected only while ticks are due', () => {
  const watchdog = new TickWatchdog();
  const checks = (count, due) => Array.from({ length: count }, () => watchdog.check(due));
  assert.deepEqual(checks(5, true), ['ok', 'ok', 'ok', 'stale', 'stale']);
  watchdog.reset();
  assert.deepEqual(checks(30, false).filter((status) => status !== 'ok'), []);
  assert.equal(checks(15, true).at(-1), 'dead');
});
