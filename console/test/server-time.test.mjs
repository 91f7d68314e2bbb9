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
  assert.equal(away.asked, 5);
  await away.time.keep();
  assert.equal(away.asked, 5, 'not at once');
  away.real += 6_000;
  await away.time.keep();
  assert.equal(away.asked, 10);
});

test('a clock that is moved is put right by the next second that is told', async () => {
  const moved = world(0, [[1, 1]]);
  await moved.time.keep();
  moved.time.told(moved.real - 200);
  assert.equal(moved.time.now(), moved.real, 'a late tick says nothing new');
  moved.wrongMs = 3_600_000;
  moved.time.told(moved.real);
  assert.equal(moved.time.now(), moved.real);
  assert.equal(await moved.time.keep(), true, 'and it is asked');
});
