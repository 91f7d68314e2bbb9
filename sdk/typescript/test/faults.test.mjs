/** What every client has to bear: closes, tokens that expire, storage that fails, frozen pages, wrong clocks, and messages that it does not know. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from './fixture/clock.mjs';
import { MemoryStorage } from './fixture/storage.mjs';
import { openPage, openTicking, SYSTEMS } from './fixture/systems.mjs';

const HOUR = 3_600_000;

/** With the largest jitter, so that delays are those of the backoff. */
const CLOSES = [
  [1006, '', 1_000],
  [1011, '', 1_000],
  [1012, '{"reconnectAfterMs":4000}', 4_000],
  [1013, '{"reconnectAfterMs":250}', 250],
  [1013, '{"reconnectAfterMs":1e12}', 300_000],
  [1012, '{"reconnectAfterMs":-1}', 1_000],
  [1013, 'nonsense', 1_000],
  [4408, '', 1_000],
  [4429, '', 8_000],
  [4401, 'Unauthorized', null],
  [4403, 'Forbidden', null],
];

for (const system of SYSTEMS) {
  test(`${system}: each close is followed by its reconnect, or by none until the application asks for one`, async () => {
    for (const [code, reason, delayMs] of CLOSES) {
      const page = await openTicking(system);
      page.fail(code, reason);
      const name = `${code} ${reason}`;
      const { connection } = page.client.getSnapshot();
      if (delayMs === null) {
        assert.deepEqual([connection.phase, connection.error.kind, connection.error.code, connection.error.message], ['refused', 'refused', code, reason]);
        await page.clock.advance(HOUR);
        assert.equal(page.dials, 1, name);
        page.client.retryNow();
        await settle();
      } else {
        assert.deepEqual([connection.phase, connection.error.code, connection.retryAt - page.platform.now()], ['offline', code, delayMs], name);
        await page.clock.advance(delayMs - 1);
        assert.equal(page.dials, 1, name);
        await page.clock.advance(1);
      }
      assert.equal(page.dials, 2, name);
      await page.accept();
      await page.pass(1);
      assert.deepEqual([page.phase, page.shown], ['online', page.seconds], name);
      page.client.close();
      assert.equal(page.clock.waiting, 0, `${name}: a timer remains`);
    }
  });

  test(`${system}: a token that has expired while offline is replaced once`, async () => {
    let serial = 0;
    const rejected = [];
    const token = (request) => {
      rejected.push(request.rejected);
      if (request.rejected !== undefined) serial += 1;
      return `token-${serial}`;
    };
    const page = await openTicking(system, { credential: { token } });
    assert.equal(page.token, 'token-0');
    page.fail(1006, '');
    await page.clock.advance(1_000);
    page.fail(4401, 'Unauthorized');
    await page.clock.advance(2_000);
    assert.deepEqual([page.token, rejected.filter(Boolean), page.phase], ['token-1', ['token-0'], 'connecting']);
    await page.accept();
    await page.pass(1);
    assert.deepEqual([page.phase, page.shown, page.errors], ['online', page.seconds, []]);
    page.fail(4401, 'Unauthorized');
    await page.clock.advance(8_000);
    page.fail(4401, 'Unauthorized');
    await page.clock.advance(HOUR);
    assert.deepEqual([page.phase, page.dials], ['refused', 4], 'a fresh token that is refused is not presented again');
    page.client.close();
  });

  test(`${system}: a storage that is full or forbidden changes nothing while the page is open`, async () => {
    for (const storage of [new MemoryStorage({ forbidden: true }), Object.assign(new MemoryStorage(), { full: true })]) {
      const page = await openTicking(system, { storage, account: 'ada' });
      page.fail(1006, '');
      await page.clock.advance(1_000);
      await page.accept();
      await settle();
      const result = page.command();
      await settle();
      assert.equal(page.client.getSnapshot().pendingIsStored ?? false, false);
      page.answer();
      assert.deepEqual([(await result).ok, page.errors], [true, []]);
      page.client.close();
    }
  });

  test(`${system}: a page that was frozen for an hour is right again when it returns`, async () => {
    // Without ticks, Socket.IO itself notices that its pings have no answer.
    for (const isTold of system === 'studio' ? [true] : [true, false]) {
      const page = await openTicking(system);
      page.platform.frozen = true;
      await page.clock.advance(HOUR);
      page.platform.frozen = false;
      // The back/forward cache ends the sockets of a page; the page is not always told.
      if (isTold) page.fail(1006, '');
      page.platform.wake();
      assert.notEqual(page.client.getSnapshot().times, 'live', 'at once');
      let waited = 0;
      for (; page.dials === 1 && waited < 20_000; waited += 1_000) await page.clock.advance(1_000);
      assert.deepEqual([page.dials, waited <= (isTold ? 1_000 : 15_000)], [2, true], `${waited} ms`);
      await page.accept();
      await page.pass(1);
      assert.deepEqual([page.phase, page.shown, page.client.getSnapshot().times, page.errors], ['online', page.seconds, 'live', []]);
      page.client.close();
    }
  });

  test(`${system}: a clock that is an hour off, or is moved by an hour, changes no second`, async () => {
    for (const offsetMs of [HOUR, -HOUR]) {
      const page = await openTicking(system, { offsetMs });
      const shown = [page.shown];
      page.client.subscribe(() => page.shown !== shown.at(-1) && shown.push(page.shown));
      page.fail(1006, '');
      await page.clock.advance(4_000);
      assert.deepEqual(shown, [2, 3, 4, 5, 6].slice(0, shown.length), `${offsetMs}`);
      assert.ok(shown.length >= 4, `${system} ${offsetMs}: ${shown}`);
      await page.accept();
      await page.pass(1);
      page.platform.offsetMs = 0;
      await page.pass(3);
      assert.deepEqual([page.shown, page.phase], [page.seconds, 'online']);
      page.client.close();
    }
  });

  test(`${system}: messages of a later version, and nonsense, change nothing`, async () => {
    const page = await openTicking(system);
    const before = page.client.getSnapshot();
    for (const type of ['a later version', 'tick', 'ready', 'session', 'session-snapshot', 'session-update', 'started', 'stopped', 'timer:state', 'timer:completed', 'session:joined', 'going-away', 'time-pong', 'auth', 'ack', 'constructor', '__proto__', '']) {
      for (const payload of [undefined, null, 0, 'x', [], [null], { sessionId: {} }, { withinMs: 'soon' }, { entries: 5 }]) page.send({ type, payload });
    }
    await settle();
    const after = page.client.getSnapshot();
    for (const field of Object.keys(before)) assert.equal(after[field], before[field], field);
    await page.pass(1);
    assert.deepEqual([page.phase, page.shown, page.dials], ['online', page.seconds, 1]);
    page.client.close();
  });

  test(`${system}: a server that accepts and says nothing is left`, async () => {
    const page = await openPage(system);
    if (system === 'rooms') page.page.socket.connect();
    else if (system !== 'studio') page.sockets.last.open();
    await page.clock.advance(12_000);
    assert.ok(page.dials > 1);
    page.client.close();
    assert.equal(page.clock.waiting, 0);
  });
}
