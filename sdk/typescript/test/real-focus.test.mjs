/** The client of Focus against a real server: TICKCAST_BIN is the path of the binary. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { startServer } from '../../../console/test/fixture/server.mjs';
import { until } from '../../../console/test/fixture/until.mjs';
import { FocusClient } from '../dist/focus/index.js';
import './fixture/crypto.mjs';
import { signToken, TOKEN_SETTINGS } from './fixture/tokens.mjs';

let server;
const clients = [];

before(async () => {
  // A person counts as idle soon, so that the test need not wait.
  server = await startServer({ TICKCAST__FOCUS__IDLE_AFTER: '1s', TICKCAST__DRAIN__GRACE: '500ms', ...TOKEN_SETTINGS });
});

after(async () => {
  clients.forEach((client) => client.close());
  await server?.close();
});

async function open(credential) {
  let leave = () => {};
  const activity = { onActivity: () => () => {}, onTabSwitch: (run) => ((leave = run), () => {}) };
  const client = new FocusClient({ url: server.url, credential, WebSocket, activity, idleAfterMs: 1_000, platform: { random: () => 0.1 } });
  const page = { client, errors: [], phases: new Set(), leave: () => leave(), get shown() { return client.getSnapshot(); } };
  client.onError((error) => page.errors.push(error));
  client.subscribe(() => page.phases.add(page.shown.connection.phase));
  client.open();
  clients.push(client);
  await until('the client has loaded', () => page.shown.loaded && page.shown.stats);
  return page;
}

test('two devices show one session, which outlives a restart of the server', async () => {
  const one = await open({ userId: 'ada' });
  const { ok, session } = await one.client.start({ targetMinutes: 0.5, subject: 'Latin' });
  assert.equal(ok, true);
  const two = await open({ userId: 'ada' });
  await until('the other device shows it', () => two.shown.isTracked && two.shown.session.id === session.id);
  await until('seconds are idle without activity', () => [one, two].every(({ shown }) => shown.idle && shown.session.idleSeconds > 0));
  one.client.reportActivity();
  one.leave();
  await until('the activity and the tab switch count', () => [one, two].every(({ shown }) => shown.session.tabSwitches === 1 && shown.activity.at(-1).kind !== 'idle'));
  const { shown } = one;
  assert.equal(shown.activity.reduce((sum, { seconds }) => sum + seconds, 0), shown.session.elapsedSeconds);

  await server.kill('SIGTERM');
  await until('the devices count on', () => [one, two].every(({ shown }) => shown.times === 'continued' && shown.session.elapsedSeconds > 3));
  const before = one.shown.session.elapsedSeconds;
  await server.start();
  await until('the devices return', () => [one, two].every(({ shown }) => shown.times === 'live' && shown.session.elapsedSeconds > before), 30_000);

  assert.equal((await two.client.pause()).ok, true);
  await until('the pause arrives', () => one.shown.session.status === 'paused');
  assert.equal((await one.client.resume()).ok, true);
  await until('both count', () => [one, two].every(({ shown }) => shown.session.status === 'active' && shown.times === 'live'));
  const ended = await two.client.stop();
  assert.deepEqual([ended.ok, ended.session.status], [true, 'completed']);
  await until('the end arrives', () => one.shown.session.status === 'completed' && one.shown.stats.completedSessions === 1);
  assert.equal(one.shown.score.score, ended.session.focusScore);
  assert.equal(one.shown.stats.dayStreak, 1);
  assert.deepEqual([one.errors, two.errors], [[], []]);
});

test('history, changes and deletion, by a token that expires meanwhile', async () => {
  const page = await open({ token: () => signToken({ sub: 'grace' }, 2) });
  assert.match((await page.client.start({ targetMinutes: 0 })).error.message, /Invalid target minutes/);
  const { session } = await page.client.start({ targetMinutes: 25 });
  await until('it counts', () => page.shown.isTracked);
  await until('a fresh token was presented', () => page.shown.session.elapsedSeconds >= 3 && page.shown.times === 'live');
  const changed = await page.client.update(session.id, { subject: 'Greek', targetMinutes: 50 });
  assert.deepEqual([changed.value.targetMinutes, page.shown.session.subject], [50, 'Greek']);
  const { session: other } = await page.client.start({ targetMinutes: 5 });
  await until('the next one counts', () => page.shown.isTracked && page.shown.session.id === other.id);
  assert.deepEqual((await page.client.list({ status: 'active', before: other.id })).value.map(({ id }) => id), [session.id]);
  assert.equal((await page.client.track(session.id)).session.id, session.id);
  await until('the first one counts again', () => page.shown.isTracked && page.shown.session.id === session.id);
  assert.equal((await page.client.remove(session.id)).ok, true);
  assert.equal(page.shown.session, null);
  await until('the open one is found', async () => (await page.client.list()).value.length === 1);
  assert.deepEqual([page.errors.length, [...page.phases]], [1, ['connecting', 'online']], 'the socket outlives its tokens');
});
