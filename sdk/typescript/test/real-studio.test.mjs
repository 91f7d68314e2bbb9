/** The Studio client with the real `socket.io-client` against a real server: TICKCAST_BIN is the path of the binary. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { io } from 'socket.io-client';
import { startServer } from '../../../console/test/fixture/server.mjs';
import { until } from '../../../console/test/fixture/until.mjs';
import { StudioClient } from '../dist/studio/index.js';
import './fixture/crypto.mjs';
import { signToken, TOKEN_SETTINGS } from './fixture/tokens.mjs';

let server;
const clients = [];

before(async () => {
  server = await startServer(TOKEN_SETTINGS);
});

after(async () => {
  clients.forEach((client) => client.close());
  await server?.close();
});

/** A member that records events and errors. */
async function open(user, organization, credential = { token: () => signToken({ sub: user, org_id: organization }) }) {
  const client = new StudioClient({ url: server.url, io, credential, platform: { random: () => 0.5 } });
  const record = { events: [], errors: [], phases: [] };
  client.onEvent(({ type, payload }) => record.events.push(`${type} ${payload.timeEntryId} by ${payload.userId}`));
  client.onError((error) => record.errors.push(error));
  client.subscribe(() => record.phases.at(-1) !== client.getSnapshot().connection.phase && record.phases.push(client.getSnapshot().connection.phase));
  client.open();
  clients.push(client);
  const snapshot = () => client.getSnapshot();
  const entry = (id) => snapshot().entries.get(id);
  await until('the client is live', () => snapshot().times === 'live');
  return { client, record, snapshot, entry };
}

test('members see what all of them do, with its cost, and other organisations see nothing', async () => {
  const [ann, ben, eve] = [await open('1', 1), await open('ben', 1), await open('3', 2)];
  assert.deepEqual(ann.snapshot().taskTypes.map(({ name, color }) => `${name} ${color}`).slice(0, 2), ['Setup #3B82F6', 'Recording #EF4444']);
  const created = await ann.client.createTaskType({ name: 'Live', hourlyRate: '50.5', color: '#10b981' });
  assert.deepEqual([created.value.hourlyRate, ann.snapshot().taskTypes.length], ['50.50', 6]);
  const started = await ann.client.start({ taskTypeId: created.value.id, sessionId: 12, notes: 'first take' });
  assert.equal(started.ok, true);
  const { id } = started.value;
  await until('both count', () => [ann, ben].every(({ entry }) => entry(id)?.elapsedSeconds >= 1));
  assert.ok(Math.abs(ann.entry(id).elapsedSeconds - ben.entry(id).elapsedSeconds) <= 1);
  assert.deepEqual([ben.entry(id).entry.taskType.name, ben.entry(id).entry.userId], ['Live', 1]);
  const refused = await ben.client.start({ taskTypeId: 1, sessionId: 12 });
  assert.deepEqual([refused.error.code, refused.error.message], ['BAD_REQUEST', 'Cannot start timer: active timer already running for this session/project/track']);
  const startTime = new Date(Math.floor(ben.client.serverNow()) - 15 * 60_000);
  assert.equal((await ben.client.adjust({ timeEntryId: id, startTime })).value.manuallyAdjusted, true);
  await until('Ann sees the new start', () => ann.entry(id).cost.formattedCost === '$12.63');
  assert.equal((await ben.client.activeEntry({ sessionId: 12 })).value.notes, 'first take');
  assert.equal((await ben.client.stop(id)).ok, true);
  await until('Ann sees the end', () => ann.snapshot().entries.size === 0);
  assert.deepEqual(ann.record.events, [`timer:started ${id} by 1`, `timer:adjusted ${id} by ben`, `timer:started ${id} by ben`, `timer:stopped ${id} by ben`]);
  const { entries, stats } = (await ann.client.entries({ taskTypeIds: [created.value.id], dateRange: { start: new Date(0), end: new Date(Date.now() + 60_000) } })).value;
  assert.deepEqual([entries.map(({ durationMinutes }) => durationMinutes), stats], [[15], { totalHours: 0.25, totalCost: 12.63 }]);
  assert.equal((await ann.client.entries({ limit: 0 })).error.message, 'limit must be from 1 to 1000');
  assert.deepEqual([eve.record.events, eve.snapshot().entries.size], [[], 0]);
});

test('what runs is counted over a killed server, and a stop is carried out once', async () => {
  const [ann, ben] = [await open('1', 3), await open('2', 3)];
  const { value } = await ann.client.start({ taskTypeId: 2, projectId: 5 });
  await until('Ben sees it', () => ben.entry(value.id));
  const late = await open('3', 3);
  assert.equal(late.entry(value.id).entry.startTime, value.startTime);
  await server.kill('SIGKILL');
  await until('Ben is offline', () => ben.snapshot().connection.phase === 'offline');
  const before = ben.entry(value.id).elapsedSeconds;
  await until('the display continues', () => ben.entry(value.id).elapsedSeconds > before);
  assert.equal(ben.snapshot().times, 'continued');
  const stopped = ann.client.stop(value.id);
  await server.start();
  const result = await stopped;
  assert.deepEqual([result.ok, result.value?.id], [true, value.id], JSON.stringify(result));
  ben.client.retryNow();
  await until('Ben sees the end', () => ben.snapshot().times === 'live' && ben.snapshot().entries.size === 0);
  const { entries } = (await ben.client.entries({ projectId: 5 })).value;
  assert.deepEqual(entries.map(({ endTime }) => endTime !== null), [true]);
});

test('fresh tokens keep the socket open, and a token of nobody is refused', async () => {
  let issued = 0;
  const provider = () => (issued++, signToken({ sub: '1', org_id: 4 }, 3));
  const ann = await open('1', 4, { token: provider });
  const first = issued;
  await until('a later token was presented', () => issued > first + 1);
  assert.deepEqual([ann.record.phases, ann.record.errors], [['connecting', 'online'], []]);
  const client = new StudioClient({ url: server.url, io, credential: { token: 'nonsense' } });
  clients.push(client);
  client.open();
  await until('the client is refused', () => client.getSnapshot().connection.phase === 'refused');
  const { ok, error } = await client.start({ taskTypeId: 1, sessionId: 1 });
  assert.deepEqual([ok, error.code], [false, 'UNAUTHORIZED']);
});
