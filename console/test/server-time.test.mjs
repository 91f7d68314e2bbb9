import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './fixture/modules.mjs';

const { ServerTime } = await load('net/server-time.js');

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
  world.time = new ServerTime(request, () => world.real + world.clockErrorMs);
  return world;
}

test('the sample with the shortest round trip is used', async () => {
  const { time } = createWorld(-420_000, [[300, 20], [4, 6], null, [80, 80], [5, 200]]);
  assert.equal(await time.sync(), true);
  assert.ok(Math.abs(time.offsetMs - 420_000) <= 1, `${time.offsetMs}`);
  assert.equal(time.errorMs, 5);
});

test('measurements are repeated after an interval, and sooner after a failure', async () => {
  const available = createWorld(0, [[1, 1]]);
  await available.time.sync();
  assert.equal(await available.time.sync(), false);
  available.real += 601_000;
  assert.equal(await available.time.sync(), true);
  const unavailable = createWorld(0, [null]);
  assert.equal(await unavailable.time.sync(), false);
  assert.equal(unavailable.requests, 1, 'a failed first request ends the measurement');
  await unavailable.time.sync();
  assert.equal(unavailable.requests, 1, 'no immediate retry');
  unavailable.real += 6_000;
  await unavailable.time.sync();
  assert.equal(unavailable.requests, 2);
});

test('before the first measurement any observed time is used', () => {
  const { time, real } = createWorld(660_000, []);
  time.observe(real);
  assert.equal(time.now(), real);
});

test('an observed time is a lower bound of the server time, and a late one changes nothing', async () => {
  const world = createWorld(0, [[1, 1]]);
  await world.time.sync();
  world.time.observe(world.real - 3_000);
  assert.equal(world.time.now(), world.real, 'a burst of old ticks changes nothing');
  world.clockErrorMs = -500;
  world.time.observe(world.real);
  assert.equal(world.time.now(), world.real, 'the local clock was set back');
});

test('a moved local clock leads to an early measurement', async () => {
  for (const movedMs of [3_600_000, -3_600_000]) {
    const world = createWorld(0, [[1, 1]]);
    await world.time.sync();
    world.real += 6_000;
    world.clockErrorMs = movedMs;
    world.time.observe(world.real);
    assert.equal(await world.time.sync(), true, `${movedMs}`);
    assert.ok(Math.abs(world.time.now() - world.real) <= 1);
  }
});

test('a sample during which the local clock was moved is discarded', async () => {
  const world = createWorld(0, [[5, 5]]);
  const request = async () => {
    world.real += 10;
    if (world.requests++ === 0) world.clockErrorMs = -60_000;
    return world.real;
  };
  world.time = new ServerTime(request, () => world.real + world.clockErrorMs);
  assert.equal(await world.time.sync(), true);
  assert.ok(Math.abs(world.time.now() - world.real) <= 10, `${world.time.now() - world.real}`);
});
