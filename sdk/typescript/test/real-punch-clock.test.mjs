/** The punch clock's client against a real server: TICKCAST_BIN is the path of the binary. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { startServer } from '../../../console/test/fixture/server.mjs';
import { until } from '../../../console/test/fixture/until.mjs';
import { PunchClockClient } from '../dist/punch-clock/index.js';
import './fixture/crypto.mjs';

let server;
const clients = [];

before(async () => {
  server = await startServer();
});

after(async () => {
  clients.forEach((client) => client.close());
  await server?.close();
});

async function open(userId) {
  const client = new PunchClockClient({ url: server.url, credential: { userId }, WebSocket });
  client.open();
  clients.push(client);
  await until('the day is loaded', () => client.getSnapshot().day);
  return client;
}

test('two devices show one day, and a punch outlives a killed server', async () => {
  const [one, two] = [await open('ada'), await open('ada')];
  assert.equal((await one.clockIn()).ok, true);
  await until('the other device shows it', () => two.getSnapshot().day.currentStatus === 'IN');
  await until('both count', () => [one, two].every((client) => client.getSnapshot().workSeconds >= 2 && client.getSnapshot().times === 'live'));
  assert.ok(Math.abs(one.getSnapshot().workSeconds - two.getSnapshot().workSeconds) <= 1);

  await server.kill('SIGKILL');
  await until('the devices are offline', () => [one, two].every((client) => client.getSnapshot().connection.phase === 'offline'));
  const stopped = one.clockOut();
  assert.equal(one.getSnapshot().day.currentStatus, 'OUT');
  await until('the break is counted', () => one.getSnapshot().breakSeconds >= 1);
  await server.start();
  const { ok, day } = await stopped;
  assert.deepEqual([ok, day.entries.map(({ type }) => type)], [true, ['IN', 'OUT']]);
  two.retryNow();
  await until('the other device shows it', () => two.getSnapshot().day.currentStatus === 'OUT' && two.getSnapshot().connection.phase === 'online');

  const both = await Promise.all([one.clockIn(), two.clockOut()]);
  assert.deepEqual(both.map(({ ok }) => ok), [true, true]);
  const shown = (client) => JSON.stringify(client.getSnapshot().day.entries);
  await until('both show what the server decided', () => shown(one) === shown(two) && [one, two].every((client) => client.getSnapshot().pending.length === 0));
});

test('theme, zone, reset and archive', async () => {
  const client = await open('grace');
  await client.clockIn();
  const themed = await client.setTheme('dark');
  assert.deepEqual([themed.ok, themed.value.day.currentTheme], [true, 'dark']);
  const unknown = await client.setTheme('no such theme');
  assert.equal(unknown.value.ignored[0].id, 'currentTheme');
  assert.equal((await client.setZone('Europe/Berlin')).ok, true);
  assert.equal((await client.setZone('Mars/Olympus')).error.status, 400);
  assert.equal((await client.reset()).ok, true);
  await until('the day is empty', () => client.getSnapshot().day.entries.length === 0);
  assert.equal(client.getSnapshot().day.currentTheme, 'dark');
  const { logs, pagination } = (await client.logs({ limit: 5 })).value;
  assert.deepEqual([logs, pagination.totalLogs], [[], 0]);
});
