/** The Clockit client moves to another node: no second is missing or doubled, and no command is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTicking, START, update } from './fixture/clockit.mjs';

const range = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

test('a move to another node misses and doubles no second, whenever it happens within one', async () => {
  for (const atMs of range(0, 19).map((step) => step * 50)) {
    const { clock, page, session, pass } = await openTicking();
    await pass(3);
    await clock.advance(atMs);
    const [old] = page.sockets.all;
    old.receive({ type: 'going-away', payload: { withinMs: 100 } });
    await clock.advance(25);
    page.ready([session]);
    await pass(1, () => [old, page.socket].filter(({ readyState }) => readyState === 1), 40);
    assert.equal(old.readyState, 2);
    await pass(2);
    assert.deepEqual(page.displayed, range(0, page.displayed.at(-1)), `${atMs}`);
    assert.equal(page.displayed.at(-1), Math.floor((clock.time - START - 20) / 1000));
    assert.equal(page.snapshot.times, 'live');
  }
});

test('a tick that only the old node sends is displayed, and one that both send once', async () => {
  const { clock, page, session, tick } = await openTicking();
  const [old] = page.sockets.all;
  await clock.advance(2_000);
  tick([old]);
  old.receive({ type: 'going-away', payload: { withinMs: 0 } });
  await clock.advance(0);
  page.ready([session]);
  await clock.advance(1_000);
  let calls = 0;
  page.client.subscribe(() => calls++);
  tick([old]);
  assert.deepEqual([page.seconds('s'), calls], [Math.floor((Math.floor(clock.time / 1000) * 1000 - START) / 1000), 1]);
  tick([page.socket]);
  assert.equal(calls, 1);
});

test('a command in flight during a move is repeated with its id, and either answer counts', async () => {
  for (const answering of [0, 1]) {
    const { clock, page, session } = await openTicking();
    const result = page.client.pause('s');
    page.sockets.all[0].receive({ type: 'going-away', payload: { withinMs: 0 } });
    await clock.advance(0);
    page.ready([session]);
    const [before, after] = page.sockets.all.map(({ commands }) => commands);
    assert.deepEqual([before.length, after], [1, before]);
    assert.equal(new URL(page.sockets.all[0].url).searchParams.get('client'), new URL(page.sockets.all[1].url).searchParams.get('client'));
    page.ack(page.sockets.all[answering]);
    assert.equal((await result).ok, true);
    page.ack(page.sockets.all[1 - answering]);
    assert.deepEqual(page.snapshot.pending, []);
    assert.equal(page.sockets.all[1].commands.length, 1);
  }
});

test('a state of the old node does not replace the newer one', async () => {
  const { clock, page, session } = await openTicking();
  page.sockets.all[0].receive({ type: 'going-away', payload: { withinMs: 0 } });
  await clock.advance(0);
  page.ready([{ ...session, label: 'new' }]);
  page.sockets.all[0].receive(update({ ...session, label: 'old' }));
  assert.equal(page.snapshot.sessions.get('s').state.label, 'new');
});
