/** The rooms client with the real `socket.io-client` against real servers: TICKCAST_BIN is the path of the binary. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { io } from 'socket.io-client';
import { startServer } from '../../../console/test/fixture/server.mjs';
import { until } from '../../../console/test/fixture/until.mjs';
import { RoomsClient } from '../dist/rooms/index.js';
import './fixture/crypto.mjs';
import { MemoryStorage } from './fixture/storage.mjs';

let server;
const clients = [];

before(async () => {
  server = await startServer();
});

after(async () => {
  clients.forEach((client) => client.close());
  await server?.close();
});

/** A member that records the phases of its connection, its errors, the displayed seconds, and who came and went. */
function open(options = {}) {
  const client = new RoomsClient({ url: server.url, io, ...options });
  const record = { phases: [], errors: [], seconds: [], presence: [] };
  client.subscribe(() => {
    const { connection, remainingSeconds } = client.getSnapshot();
    if (record.phases.at(-1) !== connection.phase) record.phases.push(connection.phase);
    if (remainingSeconds !== null && record.seconds.at(-1) !== remainingSeconds) record.seconds.push(remainingSeconds);
  });
  client.onError((error) => record.errors.push(error));
  client.onEvent(({ event: { type, payload } }) => type.startsWith('session:user') && record.presence.push(`${payload.client.name} ${type}`));
  client.open();
  clients.push(client);
  const snapshot = () => client.getSnapshot();
  const joined = () => until('the client is in its room', () => snapshot().canSendCommands);
  const is = (phase) => until(`the countdown is ${phase}`, () => snapshot().timer && (snapshot().timer.isRunning ? 'running' : snapshot().timer.isPaused ? 'paused' : 'ready') === phase);
  return { client, record, snapshot, joined, is };
}

const isGapless = (seconds) => seconds.every((second, index) => index === 0 || second === seconds[index - 1] - 1);

test('a team drives one countdown', async () => {
  const ann = open();
  ann.client.create({ duration: 90, name: 'Ann' });
  await ann.joined();
  const { sessionId } = ann.snapshot().room;
  const ben = open();
  ben.client.join(sessionId, { name: 'Ben' });
  await ben.joined();
  await until('Ann sees Ben', () => ann.snapshot().room.count === 2);
  assert.deepEqual(await ben.client.send({ type: 'timer:start', duration: 60 }), { ok: true });
  await ann.is('running');
  await until('some seconds pass', () => ann.record.seconds.at(-1) <= 57);
  const difference = Math.abs(ann.snapshot().remainingSeconds - ben.snapshot().remainingSeconds);
  assert.ok(difference <= 1, `${difference}`);
  await ann.client.send({ type: 'timer:pause' });
  await ben.is('paused');
  assert.equal(ann.snapshot().remainingSeconds, ben.snapshot().remainingSeconds);
  await ben.client.send({ type: 'timer:resume' });
  await ann.client.send({ type: 'timer:adjust', seconds: -3600 });
  await until('both see the end', () => [ann, ben].every(({ snapshot }) => snapshot().completedAt !== null));
  const refused = await ben.client.send({ type: 'timer:adjust', seconds: 1e6 });
  assert.deepEqual([refused.ok, refused.error.code], [false, 'INVALID_SECONDS']);
  await ann.client.send({ type: 'timer:start' });
  const opposite = await Promise.all([ann.client.send({ type: 'timer:pause' }), ben.client.send({ type: 'timer:reset' })]);
  assert.deepEqual(opposite, [{ ok: true }, { ok: true }]);
  // A pause behind the reset has no effect, and Ann is told the same state at another time.
  const decided = ({ snapshot }) => JSON.stringify({ ...snapshot().timer, serverTime: null });
  await until('both show what the server decided', () => decided(ann) === decided(ben));
  ben.client.leave();
  await until('Ann is alone', () => ann.snapshot().room.count === 1);
  assert.deepEqual(ann.record.presence, ['Ben session:user-joined', 'Ben session:user-left']);
  ben.client.join('no-such-room');
  await until('the room does not exist', () => ben.snapshot().joinError?.code === 'SESSION_NOT_FOUND');
});

test('a killed server is noticed, and its members return as the same', async () => {
  const storage = new MemoryStorage();
  const ann = open({ storage });
  ann.client.create({ duration: 600, name: 'Ann' });
  await ann.joined();
  await ann.client.send({ type: 'timer:start' });
  const { clientId } = ann.snapshot().room;
  await server.kill('SIGKILL');
  await until('the client is offline', () => ann.snapshot().connection.phase === 'offline');
  const shown = ann.record.seconds.length;
  await until('the display continues', () => ann.record.seconds.length > shown + 2);
  assert.equal(ann.snapshot().times, 'continued');
  await server.start();
  ann.client.retryNow();
  await ann.joined();
  assert.equal(ann.snapshot().room.clientId, clientId);
  await until('the times are live', () => ann.snapshot().times === 'live');
  assert.ok(isGapless(ann.record.seconds.slice(1)), `${ann.record.seconds}`);
});
