/** The connection against sockets in memory: reconnects, and moves to another node. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoff } from '../dist/core/backoff.js';
import { reconnectPolicy } from '../dist/core/close-policy.js';
import { Connection } from '../dist/core/connection.js';
import { LinkMonitor } from '../dist/core/link-monitor.js';
import { webSocketDial } from '../dist/core/web-socket-link.js';
import { Clock } from './fixture/clock.mjs';
import { FakeSockets } from './fixture/sockets.mjs';

async function openConnection(options = {}) {
  const world = { clock: new Clock(), sockets: new FakeSockets(), received: [], phases: [] };
  world.clock.random = 1;
  world.connection = new Connection({
    dial: webSocketDial(world.sockets.WebSocket, () => ({ url: 'ws://x' })),
    platform: world.clock.platform(),
    isHandshake: ({ type }) => type === 'ready',
    isTick: ({ type }) => type === 'tick',
    countsAfterHandover: ({ type }) => type === 'tick',
    overlapMs: () => 2_500,
    canRenewCredential: false,
    onMessage: (message, isHandover) => world.received.push(isHandover ? `${message.type} (handover)` : message.n ? `${message.type} ${message.n}` : message.type),
    onOnline: () => {},
    onStateChange: ({ phase }) => world.phases.push(phase),
    ...options,
  });
  world.connection.open();
  await world.clock.advance(0);
  world.complete = () => world.sockets.last.open().receive({ type: 'ready' });
  return world;
}

const goingAway = (withinMs) => ({ type: 'going-away', payload: { withinMs } });

test('backoff doubles up to its cap, with jitter over the full range', () => {
  const bounds = { baseMs: 1_000, capMs: 15_000 };
  assert.deepEqual([0, 1, 2, 3, 4, 99].map((n) => backoff(n, bounds, () => 1)), [1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  assert.equal(backoff(3, bounds, () => 0), 0);
  assert.equal(backoff(3, bounds, () => 0.5), 4_000);
});

test('only 1012 and 1013 carry a delay, and only a valid delay is used', () => {
  for (const [code, reason, expected] of [
    [1012, '{"reconnectAfterMs":700}', { kind: 'after', ms: 700 }],
    [1013, '{"reconnectAfterMs":0}', { kind: 'after', ms: 0 }],
    [1012, '', { kind: 'backoff', steps: 0 }],
    [1012, 'null', { kind: 'backoff', steps: 0 }],
    [1012, '{"reconnectAfterMs":-1}', { kind: 'backoff', steps: 0 }],
    [1012, '{"reconnectAfterMs":"soon"}', { kind: 'backoff', steps: 0 }],
    [1013, '{"reconnectAfterMs":1e12}', { kind: 'after', ms: 300_000 }],
    [1006, '{"reconnectAfterMs":700}', { kind: 'backoff', steps: 0 }],
    [4401, 'Unauthorized', { kind: 'refused', reason: 'unauthorized' }],
    [4403, '', { kind: 'refused', reason: 'forbidden' }],
    [4408, '', { kind: 'backoff', steps: 0 }],
    [4413, '', { kind: 'backoff', steps: 0 }],
    [4429, '', { kind: 'backoff', steps: 3 }],
  ]) {
    assert.deepEqual(reconnectPolicy(code, reason), expected);
  }
});

test('the connection is online after the handshake, not after the socket opens', async () => {
  const { sockets, connection } = await openConnection();
  sockets.last.open();
  assert.equal(connection.state.phase, 'connecting');
  assert.equal(connection.send({ type: 'early' }), false);
  sockets.last.receive({ type: 'ready' });
  assert.equal(connection.state.phase, 'online');
  assert.equal(connection.send({ type: 'hello' }), true);
  assert.deepEqual(sockets.last.sent, [{ type: 'hello' }]);
});

test('a lost connection is retried with growing delays', async () => {
  const { clock, sockets, connection } = await openConnection();
  for (const delay of [1_000, 2_000, 4_000, 8_000, 15_000, 15_000]) {
    sockets.last.end();
    assert.deepEqual(connection.state, { phase: 'offline', retryAt: clock.time + delay, error: { kind: 'disconnected', code: 1006, message: '' } });
    await clock.advance(delay - 1);
    assert.equal(connection.state.phase, 'offline');
    await clock.advance(1);
    assert.equal(connection.state.phase, 'connecting');
  }
});

test('a short connection does not reset the backoff, a stable one does', async () => {
  const { clock, sockets, connection, complete } = await openConnection();
  for (const delay of [1_000, 2_000]) {
    complete();
    sockets.last.end();
    assert.equal(connection.state.retryAt, clock.time + delay);
    await clock.advance(delay);
  }
  complete();
  await clock.advance(20_000);
  sockets.last.end();
  assert.equal(connection.state.retryAt, clock.time + 1_000);
});

test('the delay sent by a restarting server is used, and too many connections wait longer', async () => {
  const { clock, sockets, connection, complete } = await openConnection();
  complete();
  sockets.last.end(1012, '{"reconnectAfterMs":3210}');
  assert.equal(connection.state.retryAt, clock.time + 3_210);
  await clock.advance(3_210);
  complete();
  await clock.advance(20_000);
  sockets.last.end(4429);
  assert.equal(connection.state.retryAt, clock.time + 8_000);
});

test('a refused connection is retried only on request', async () => {
  for (const [code, reason] of [[4401, 'unauthorized'], [4403, 'forbidden']]) {
    const { clock, sockets, connection } = await openConnection();
    sockets.last.end(code, 'no');
    assert.deepEqual(connection.state, { phase: 'refused', error: { kind: 'refused', reason, code, message: 'no' } });
    assert.equal(clock.waiting, 0);
    connection.open();
    await clock.advance(0);
    assert.equal(sockets.all.length, 2);
  }
});

test('a connection without a handshake is aborted, and its late messages are ignored', async () => {
  const { clock, sockets, received, connection } = await openConnection();
  const [silent] = sockets.all;
  silent.open();
  await clock.advance(10_000);
  assert.equal(connection.state.phase, 'offline');
  assert.equal(silent.readyState, 2);
  silent.receive({ type: 'ready' });
  silent.end();
  assert.deepEqual(received, []);
  await clock.advance(1_000);
  assert.equal(sockets.all.length, 2);
});

test('an attempt on request opens one socket and leaves no other attempt scheduled', async () => {
  const { clock, sockets, connection, complete } = await openConnection();
  sockets.last.end();
  connection.open();
  connection.open();
  await clock.advance(0);
  complete();
  await clock.advance(60_000);
  assert.equal(sockets.all.length, 2);
  assert.equal(connection.state.phase, 'online');
});

test('nothing remains of a closed connection', async () => {
  for (const prepare of [() => {}, (world) => world.sockets.last.end(), (world) => world.complete()]) {
    const world = await openConnection();
    prepare(world);
    world.connection.close();
    assert.equal(world.clock.waiting, 0);
    assert.deepEqual(world.connection.state, { phase: 'closed' });
    assert.ok(world.sockets.last.readyState >= 2);
  }
});

test('invalid messages are ignored', async () => {
  const { sockets, received, complete } = await openConnection();
  for (const data of ['', '{', 'null', '7', '[]', '{"type":1}', '"ready"']) sockets.last.receive(data);
  sockets.last.onmessage({ data: new ArrayBuffer(8) });
  complete();
  assert.deepEqual(received, ['ready']);
});

test('a client moves to another node before its node closes the link, and is never offline', async () => {
  const { clock, sockets, received, phases, complete } = await openConnection();
  complete();
  const [old] = sockets.all;
  old.receive(goingAway(16_000));
  await clock.advance(3_999);
  assert.equal(sockets.all.length, 1, 'the dial is spread over the first quarter of the time');
  await clock.advance(1);
  assert.equal(sockets.all.length, 2);
  old.receive({ type: 'tick', n: 1 });
  complete();
  old.receive({ type: 'tick', n: 2 });
  old.receive({ type: 'session-update' });
  assert.equal(old.readyState, 1, 'the old link stays until the new one ticks');
  sockets.last.receive({ type: 'tick', n: 2 });
  assert.equal(old.readyState, 2);
  old.receive({ type: 'tick', n: 3 });
  assert.deepEqual(received, ['ready', 'tick 1', 'ready (handover)', 'tick 2', 'tick 2']);
  assert.deepEqual(phases, ['connecting', 'online']);
  await clock.advance(60_000);
  assert.equal(sockets.all.length, 2);
});

test('without running timers the old link is closed at once, and without ticks after a time', async () => {
  for (const overlapMs of [2_500, 0]) {
    const { clock, sockets, complete } = await openConnection({ overlapMs: () => overlapMs });
    complete();
    sockets.last.receive(goingAway(0));
    await clock.advance(0);
    complete();
    await clock.advance(Math.max(0, overlapMs - 1));
    assert.equal(sockets.all[0].readyState, overlapMs ? 1 : 2);
    await clock.advance(1);
    assert.equal(sockets.all[0].readyState, 2);
  }
});

test('a refused dial is repeated quickly as long as the old link lives', async () => {
  const { clock, sockets, phases, complete } = await openConnection();
  complete();
  sockets.last.receive(goingAway(8_000));
  await clock.advance(2_000);
  for (const delay of [150, 300, 600]) {
    sockets.last.end();
    await clock.advance(delay - 1);
    const dialled = sockets.all.length;
    await clock.advance(1);
    assert.equal(sockets.all.length, dialled + 1);
  }
  complete();
  assert.deepEqual(phases, ['connecting', 'online']);
});

test('a dial in progress continues when the old link ends first', async () => {
  const { clock, sockets, phases, received, complete } = await openConnection();
  complete();
  sockets.all[0].receive(goingAway(2_000));
  await clock.advance(500);
  sockets.all[0].end(1012, '{"reconnectAfterMs":9000}');
  complete();
  assert.deepEqual(phases, ['connecting', 'online', 'connecting', 'online']);
  assert.deepEqual(received, ['ready', 'ready']);
  assert.equal(sockets.all.length, 2);
});

test('the advice of the close counts if no next link could be dialled', async () => {
  const { clock, sockets, connection, complete } = await openConnection();
  complete();
  sockets.all[0].receive(goingAway(8_000));
  await clock.advance(2_000);
  sockets.last.end();
  sockets.all[0].end(1012, '{"reconnectAfterMs":700}');
  assert.equal(connection.state.retryAt, clock.time + 700);
  await clock.advance(700);
  assert.equal(sockets.all.length, 3, 'the dial of the handover is not repeated besides');
});

test('after the announced time, dials follow the usual backoff', async () => {
  const { clock, sockets, complete } = await openConnection();
  complete();
  sockets.last.receive(goingAway(100));
  await clock.advance(25);
  for (const delay of [150, 2_000, 4_000, 8_000, 15_000, 15_000]) {
    sockets.last.end();
    const dialled = sockets.all.length;
    await clock.advance(delay - 1);
    assert.equal(sockets.all.length, dialled);
    await clock.advance(1);
    assert.equal(sockets.all.length, dialled + 1);
  }
});

test('a handover that is refused waits for the end of the old link', async () => {
  const { clock, sockets, connection, complete } = await openConnection();
  complete();
  sockets.all[0].receive(goingAway(2_000));
  await clock.advance(500);
  sockets.last.end(4401);
  await clock.advance(60_000);
  assert.equal(sockets.all.length, 2);
  assert.equal(connection.state.phase, 'online');
});

test('an announcement without a valid time is ignored, and a repeated one too', async () => {
  const { clock, sockets, complete } = await openConnection();
  complete();
  for (const payload of [undefined, null, 7, {}, { withinMs: '5' }, { withinMs: -1 }, { withinMs: null }]) {
    sockets.last.receive({ type: 'going-away', payload });
  }
  await clock.advance(60_000);
  assert.equal(sockets.all.length, 1);
  sockets.last.receive(goingAway(2_000));
  sockets.last.receive(goingAway(2_000));
  await clock.advance(500);
  assert.equal(sockets.all.length, 2);
  sockets.all[0].receive(goingAway(10));
  await clock.advance(9_000);
  assert.equal(sockets.all.length, 2);
});

test('a node that announces its end during the handshake is left after it', async () => {
  const { clock, sockets, complete } = await openConnection();
  sockets.last.open().receive(goingAway(2_000));
  complete();
  await clock.advance(500);
  assert.equal(sockets.all.length, 2);
});

test('missing ticks are detected only while ticks are due', () => {
  const monitor = new LinkMonitor();
  const checks = (count, due) => Array.from({ length: count }, () => monitor.check(due));
  assert.deepEqual(checks(5, true), ['ok', 'ok', 'ok', 'stale', 'stale']);
  monitor.receive(true);
  assert.deepEqual(checks(29, false).filter((condition) => condition !== 'ok'), []);
  monitor.receive(false);
  assert.equal(checks(15, true).at(-1), 'dead');
});

test('a silent link is probed and then counts as dead', () => {
  const monitor = new LinkMonitor();
  const conditions = Array.from({ length: 40 }, () => monitor.check(false));
  assert.deepEqual([conditions[28], conditions[29], conditions[30], conditions[38], conditions[39]], ['ok', 'probe', 'ok', 'ok', 'dead']);
  monitor.reset();
  monitor.suspect();
  assert.equal(monitor.check(false), 'probe');
});
