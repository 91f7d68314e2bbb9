/** A rolling restart of all nodes behind HAProxy, as operators deploy it: no display misses a second, and no member leaves its room. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { until } from '../../../console/test/fixture/until.mjs';
import { ClockitClient } from '../dist/clockit/index.js';
import { RoomsClient } from '../dist/rooms/index.js';
import { startCluster, startHaproxy } from './fixture/cluster.mjs';
import './fixture/crypto.mjs';

const DEVICES = 12;

let cluster;
let haproxy;
const clients = [];

before(async () => {
  cluster = await startCluster(3);
  haproxy = await startHaproxy(cluster.nodes);
});

after(async () => {
  clients.forEach((client) => client.close());
  await haproxy?.close();
  await cluster?.close();
});

/** Records the phases of a client's connection, and its displayed seconds. */
function record(client, displayed) {
  const log = { phases: new Set(), seconds: [] };
  client.subscribe(() => {
    log.phases.add(client.getSnapshot().connection.phase);
    const second = displayed(client.getSnapshot());
    if (second !== undefined && second !== null && second !== log.seconds.at(-1)) log.seconds.push(second);
  });
  client.open();
  clients.push(client);
  return log;
}

test('timers and rooms go on through a rolling restart', async () => {
  const devices = Array.from({ length: DEVICES }, () => {
    const client = new ClockitClient({ url: haproxy.url, credential: { userId: 'ada' }, WebSocket, continueLocally: false });
    return { client, log: record(client, ({ sessions }) => [...sessions.values()].map(({ elapsedMs }) => Math.floor(elapsedMs / 1000))[0]) };
  });
  const members = ['Ann', 'Ben'].map((name) => {
    const client = new RoomsClient({ url: haproxy.url, io });
    const presence = [];
    client.onEvent(({ event: { type, payload } }) => type.startsWith('session:user') && presence.push(`${payload.client.name} ${type}`));
    return { name, client, presence, log: record(client, ({ remainingSeconds }) => remainingSeconds) };
  });
  const [ann, ben] = members;
  ann.client.create({ duration: 600, name: ann.name });
  await until('the room exists', () => ann.client.getSnapshot().room);
  ben.client.join(ann.client.getSnapshot().room.sessionId, { name: ben.name });
  await devices[0].client.start({ label: 'Through' });
  await until('all are online', () => devices.every(({ log }) => log.seconds.length > 0) && members.every(({ client }) => client.getSnapshot().canSendCommands));
  await ann.client.send({ type: 'timer:start' });
  const ids = members.map(({ client }) => client.getSnapshot().room.clientId);
  await until('seconds are shown', () => devices.every(({ log }) => log.seconds.length > 2));
  await cluster.restart();
  const shown = devices.map(({ log }) => log.seconds.length);
  await until('ticks continue', () => devices.every(({ log }, index) => log.seconds.length > shown[index] + 1));
  for (const { log } of devices) {
    assert.deepEqual(log.seconds, log.seconds.map((_, index) => log.seconds[0] + index));
    assert.deepEqual([...log.phases], ['connecting', 'online']);
  }
  for (const { log } of members) {
    const seconds = log.seconds.slice(log.seconds.indexOf(599));
    assert.deepEqual(seconds, seconds.map((_, index) => 599 - index));
    assert.deepEqual([...log.phases], ['connecting', 'online']);
  }
  assert.deepEqual(members.map(({ client }) => client.getSnapshot().room.clientId), ids);
  assert.deepEqual([ann.presence, ben.presence], [['Ben session:user-joined'], []], 'nobody left the room');
});
