/** The client of Focus moves to another node: no second is missing, and no paused session is resumed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from './fixture/clock.mjs';
import { counters, openCounting } from './fixture/focus.mjs';

test('a move to another node starts the session there first, and misses no second', async () => {
  for (const atMs of [0, 250, 500, 750, 950]) {
    const page = await openCounting();
    await page.ticks([counters(1), counters(2)]);
    await page.clock.advance(atMs);
    const phases = new Set();
    page.client.subscribe(() => phases.add(`${page.snapshot.connection.phase} ${page.snapshot.times}`));
    const [old] = page.sockets.all;
    old.receive({ type: 'going-away', payload: { withinMs: 100 } });
    await page.clock.advance(25);
    page.socket.open().receive({ type: 'connected' });
    await page.answerTime();
    const alive = () => page.sockets.all.filter(({ readyState }) => readyState === 1);
    await page.ticks([counters(3)], () => [old]);
    assert.deepEqual([page.starts.length, alive().length], [1, 2]);
    await page.started();
    page.act();
    assert.equal(alive().length, 2, 'the old link stays until a tick arrives');
    await page.ticks([counters(4), counters(5)], alive);
    assert.deepEqual([page.seconds, [...phases], alive()], [[0, 1, 2, 3, 4, 5], ['online live'], [page.socket]]);
  }
});

test('a move does not resume a paused session, and one that a busy node refuses is repeated', async () => {
  const page = await openCounting();
  await page.client.pause();
  page.socket.receive({ type: 'going-away', payload: { withinMs: 0 } });
  await page.clock.advance(0);
  page.socket.open().receive({ type: 'connected' });
  await settle();
  assert.deepEqual([page.starts, page.sockets.all[0].readyState, page.snapshot.isTracked], [[], 2, false]);
  await page.client.resume();
  await page.started();
  await page.ticks([counters(1)]);
  page.client.start({ targetMinutes: 5 });
  await settle();
  page.socket.receive({ type: 'going-away', payload: { withinMs: 0 } });
  await page.clock.advance(0);
  page.socket.open().receive({ type: 'connected' });
  assert.equal(page.starts[0]?.sessionId, page.snapshot.session.id, 'a start without an answer is repeated on the next link');
  await page.started();
  await page.ticks([counters(1)]);
  const current = page.socket;
  current.receive({ type: 'going-away', payload: { withinMs: 5_000 } });
  await page.clock.advance(1_250);
  page.socket.open().receive({ type: 'connected' });
  page.socket.receive({ type: 'error', id: page.starts[0].id, message: 'later', code: 'unavailable', retry: true });
  assert.deepEqual([page.sockets.all.at(-1).readyState, current.readyState], [2, 1]);
  await page.clock.advance(1_000);
  assert.equal(page.sockets.all.length, 5);
  page.socket.open().receive({ type: 'connected' });
  await page.started();
  await page.ticks([counters(4)]);
  assert.deepEqual([current.readyState, page.snapshot.isTracked, page.errors], [2, true, []]);
});

test('the ticks of an old link do not count for a session that was started after a move', async () => {
  const page = await openCounting();
  await page.ticks([counters(500)]);
  const [old] = page.sockets.all;
  old.receive({ type: 'going-away', payload: { withinMs: 0 } });
  await page.clock.advance(0);
  page.socket.open().receive({ type: 'connected' });
  await page.started();
  await page.client.start({ targetMinutes: 5 });
  await page.started();
  await page.ticks([counters(501)], () => [old]);
  assert.equal(page.snapshot.session.elapsedSeconds < 3, true);
});
