/** The server's time by a local clock that is wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServerClock } from '../dist/core/server-clock.js';

/** A local clock that is wrong by `clockErrorMs`, and a server with a `[request, response]` latency per request, or null. */
function createWorld(clockErrorMs, latencies) {
  const world = { real: 5_000_000, clockErrorMs, requests: 0 };
  const request = async () => {
    const latency = latencies[world.requests++ % latencies.length];
    if (!latency) throw new Error('no answer');
    world.real += latency[0];
    const serverTime = world.real;
    world.real += latency[1];
    return serverTime;
  };
  world.serverClock = new ServerClock(request, () => world.real + world.clockErrorMs);
  return world;
}

test('the sample with the shortest round trip is used', async () => {
  const { serverClock: time } = createWorld(-420_000, [[300, 20], [4, 6], null, [80, 80], [5, 200]]);
  assert.equal(await time.sync(), true);
  assert.ok(Math.abs(time.offsetMs - 420_000) <= 1, `${time.offsetMs}`);
  assert.equal(time.errorMs, 5);
});

test('measurements are repeated after an interval, and sooner after a failure', async () => {
  const available = createWorld(0, [[1, 1]]);
  await available.serverClock.sync();
  assert.equal(await available.serverClock.sync(), false);
  available.real += 601_000;
  assert.equal(await available.serverClock.sync(), true);
  const unavailable = createWorld(0, [null]);
  assert.equal(await unavailable.serverClock.sync(), false);
  assert.equal(unavailable.requests, 1, 'a failed first request ends the measurement');
  await unavailable.serverClock.sync();
  assert.equal(unavailable.requests, 1, 'no immediate retry');
  unavailable.real += 6_000;
  await unavailable.serverClock.sync();
  assert.equal(unavailable.requests, 2);
});

test('before the first measurement any observed time is used', () => {
  const { serverClock: time, real } = createWorld(660_000, []);
  time.observe(real);
  assert.equal(time.now(), real);
});

test('an observed time is a lower bound of the server time, and a late one changes nothing', async () => {
  const world = createWorld(0, [[1, 1]]);
  await world.serverClock.sync();
  world.serverClock.observe(world.real - 3_000);
  assert.equal(world.serverClock.now(), world.real, 'a burst of old ticks changes nothing');
  world.clockErrorMs = -500;
  world.serverClock.observe(world.real);
  assert.equal(world.serverClock.now(), world.real, 'the local clock was set back');
});

test('a moved local clock leads to an early measurement', async () => {
  for (const movedMs of [3_600_000, -3_600_000]) {
    const world = createWorld(0, [[1, 1]]);
    await world.serverClock.sync();
    world.real += 6_000;
    world.clockErrorMs = movedMs;
    world.serverClock.observe(world.real);
    assert.equal(world.serverClock.now(), world.real, 'the observed time is the best estimate');
    assert.equal(await world.serverClock.sync(), true, `${movedMs}`);
    assert.ok(Math.abs(world.serverClock.now() - world.real) <= 1);
  }
});

test('a sample during which the local clock was moved is discarded', async () => {
  const world = createWorld(0, [[5, 5]]);
  const request = async () => {
    world.real += 10;
    if (world.requests++ === 0) world.clockErrorMs = -60_000;
    return world.real;
  };
  world.serverClock = new ServerClock(request, () => world.real + world.clockErrorMs);
  assert.equal(await world.serverClock.sync(), true);
  assert.ok(Math.abs(world.serverClock.now() - world.real) <= 10, `${world.serverClock.now() - world.real}`);
});
