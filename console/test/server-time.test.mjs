import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './fixture/modules.mjs';

const { ServerTime } = await load('net/time.js');

/** A clock that is wrong by so much, and a server that is asked over a way there and one back. */
function world(wrongMs, ways) {
  const world = { real: 5_000_000, wrongMs, asked: 0 };
  const ask = async () => {
    const way = ways[world.asked++ % ways.length];
    if (!way) throw new Error('no answer');
    world.real += way[0];
    const told = world.real;
    world.real += way[1];
    return told;
  };
  world.time = new ServerTime(ask, () => world.real + world.wrongMs);
  return world;
}

test('the quickest answer says it best', async () => {
  const { time } = world(-420_000, [[300, 20], [4, 6], null, [80, 80], [5, 200]]);
  assert.equal(await time.keep(), true);
  assert.ok(Math.abs(time.offsetMs - 420_000) <= 1, `${time.offsetMs}`);
  assert.equal(time.withinMs, 5);
});

test('it is asked again only after a while, and soon when there was no answer', async () => {
  const there = world(0, [[1, 1]]);
  await there.time.keep();
  assert.equal(await there.time.keep(), false);
  there.real += 601_000;
  assert.equal(await there.time.keep(), true);
  const away = world(0, [null]);
  assert.equal(await away.time.keep(), false);
  assert.equal(away.asked, 1, 'whoever does not answer is not asked five times');
  await away.time.keep();
  assert.equal(away.asked, 1, 'not at once');
  away.real += 6_000;
  await away.time.keep();
  assert.equal(away.asked, 2);
});

test('before it is asked, any told time is better than none', () => {
  const { time, real } = world(660_000, []);
  time.told(real);
  assert.equal(time.now(), real);
});

test('a told time proves that it is at least so late, and one that comes late proves nothing', async () => {
  const there = world(0, [[1, 1]]);
  await there.time.keep();
  there.time.told(there.real - 3_000);
  assert.equal(there.time.now(), there.real, 'a burst of old ticks moves nothing');
  there.wrongMs = -500;
  there.time.told(there.real);
  assert.equal(there.time.now(), there.real, 'a clock that was set back');
});

test('a clock that was moved is asked for soon', async () => {
  for (const movedMs of [3_600_000, -3_600_000]) {
    const there = world(0, [[1, 1]]);
    await there.time.keep();
    there.real += 6_000;
    there.wrongMs = movedMs;
    there.time.told(there.real);
    assert.equal(await there.time.keep(), true, `${movedMs}`);
    assert.ok(Math.abs(there.time.now() - there.real) <= 1);
  }
});

test('an answer during which the clock was moved does not count', async () => {
  const there = world(0, [[5, 5]]);
  const ask = async () => {
    there.real += 10;
    if (there.asked++ === 0) there.wrongMs = -60_000;
    return there.real;
  };
  there.time = new ServerTime(ask, () => there.real + there.wrongMs);
  assert.equal(await there.time.keep(), true);
  assert.ok(Math.abs(there.time.now() - there.real) <= 10, `${there.time.now() - there.real}`);
});
