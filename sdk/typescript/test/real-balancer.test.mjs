/**
 * A rolling restart of all nodes behind load balancers, as operators deploy them: no display misses a second, no member leaves its room, no event of an
 * organisation is missed or repeated, and a focus session counts on.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { until } from '../../../console/test/fixture/until.mjs';
import { ClockitClient } from '../dist/clockit/index.js';
import { FocusClient } from '../dist/focus/index.js';
import { RoomsClient } from '../dist/rooms/index.js';
import { StudioClient } from '../dist/studio/index.js';
import { BALANCERS, startBalancer } from './fixture/balancers.mjs';
import { startCluster } from './fixture/cluster.mjs';
import './fixture/crypto.mjs';
import { signToken, TOKEN_SETTINGS } from './fixture/tokens.mjs';

/** So many that some are on each node. */
const DEVICES = 6;

let cluster;
let balancers = [];
const clients = [];

before(async () => {
  cluster = await startCluster(TOKEN_SETTINGS);
  balancers = await Promise.all(BALANCERS.map((kind) => startBalancer(kind, cluster.nodes)));
});

after(async () => {
  clients.forEach((client) => client.close());
  await Promise.all(balancers.map((balancer) => balancer.close()));
  await cluster?.close();
});

/** Opens a client, and records the phases of its connection and its displayed seconds. */
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

/** The devices of a person with a running timer. */
async function openDevices({ kind, url }) {
  const devices = Array.from({ length: DEVICES }, () => {
    const client = new ClockitClient({ url, credential: { userId: kind }, WebSocket, continueLocally: false });
    return { client, ...record(client, ({ sessions }) => [...sessions.values()].map(({ elapsedMs }) => Math.floor(elapsedMs / 1000))[0]) };
  });
  await devices[0].client.start({ label: 'Through' });
  return devices;
}

/** Two members of a room with a running countdown. */
async function openRoom({ url }) {
  const members = ['Ann', 'Ben'].map((name) => {
    const client = new RoomsClient({ url, io });
    const presence = [];
    client.onEvent(({ event: { type, payload } }) => type.startsWith('session:user') && presence.push(`${payload.client.name} ${type}`));
    return { name, client, presence, ...record(client, ({ remainingSeconds }) => remainingSeconds) };
  });
  const [ann, ben] = members;
  ann.client.create({ duration: 600, name: ann.name });
  await until('the room exists', () => ann.client.getSnapshot().room);
  ben.client.join(ann.client.getSnapshot().room.sessionId, { name: ben.name });
  await until('the room has both', () => members.every(({ client }) => client.getSnapshot().canSendCommands));
  await ann.client.send({ type: 'timer:start' });
  for (const member of members) member.id = member.client.getSnapshot().room.clientId;
  return members;
}

/** A person with a focus session. */
async function openFocus({ kind, url }) {
  const client = new FocusClient({ url, credential: { userId: kind }, WebSocket });
  const person = { client, times: new Set(), ...record(client, ({ session }) => session?.elapsedSeconds) };
  await until('the client is online', () => client.getSnapshot().loaded);
  await client.start({ targetMinutes: 25 });
  await until('seconds count', () => person.seconds.length > 1);
  client.subscribe(() => person.times.add(client.getSnapshot().times));
  return person;
}

/** Members of an organisation, of whom the first starts and stops entries until `stop` is called. */
async function openStudio({ kind, url }) {
  const members = ['ann', 'ben', 'eve'].map((name) => {
    const client = new StudioClient({ url, io, credential: { token: signToken({ sub: name, org_id: kind }) } });
    const events = [];
    client.onEvent(({ type, payload }) => events.push(`${type} ${payload.timeEntryId}`));
    return { client, events, ...record(client, () => null) };
  });
  await until('the organisation is loaded', () => members.every(({ client }) => client.getSnapshot().times === 'live'));
  const [expected, failures] = [[], []];
  let isOver = false;
  const work = async ([{ client }]) => {
    for (let sessionId = 1; !isOver; sessionId++) {
      const started = await client.start({ taskTypeId: 1, sessionId });
      const stopped = started.ok ? await client.stop(started.value.id) : started;
      if (stopped.ok) expected.push(`timer:started ${stopped.value.id}`, `timer:stopped ${stopped.value.id}`);
      else failures.push(stopped.error.message);
    }
  };
  const ended = work(members);
  return { members, expected, failures, stop: () => ((isOver = true), ended) };
}

test('timers, rooms, organisations and focus sessions go on through a rolling restart', async () => {
  const groups = await Promise.all(
    balancers.map(async (balancer) => ({
      ...balancer,
      devices: await openDevices(balancer),
      members: await openRoom(balancer),
      person: await openFocus(balancer),
      studio: await openStudio(balancer),
    })),
  );
  const all = groups.flatMap(({ devices, members, person }) => [...devices, ...members, person]);
  const shownSince = (counts) => all.every(({ seconds }, index) => seconds.length > counts[index] + 2);
  await until('seconds are shown', () => shownSince(all.map(() => 0)));
  await cluster.restart();
  const counts = all.map(({ seconds }) => seconds.length);
  await until('seconds are shown after the restart', () => shownSince(counts));
  await Promise.all(groups.map(({ studio }) => studio.stop()));
  for (const { kind, devices, members, person, studio } of groups) {
    for (const { seconds } of [...devices, person]) assert.deepEqual(seconds, seconds.map((_, index) => seconds[0] + index), kind);
    for (const { seconds, client, id } of members) {
      const counted = seconds.slice(seconds.indexOf(599));
      assert.deepEqual(counted, counted.map((_, index) => 599 - index), kind);
      assert.equal(client.getSnapshot().room.clientId, id, kind);
    }
    assert.deepEqual([...person.times], ['live'], kind);
    for (const { phases } of [...devices, ...members, person]) assert.deepEqual([...phases], ['connecting', 'online'], kind);
    assert.deepEqual(members.map(({ presence }) => presence), [['Ben session:user-joined'], []], `${kind}: nobody left the room`);
    studio.expected.sort();
    assert.ok(studio.expected.length > 20, kind);
    assert.deepEqual(studio.failures, [], kind);
    for (const { client, events, phases } of studio.members) {
      await until('the last event has arrived', () => client.getSnapshot().entries.size === 0 && events.length >= studio.expected.length);
      // Around a move, two links deliver events.
      assert.deepEqual([...events].sort(), studio.expected, kind);
      assert.deepEqual([...phases], ['connecting', 'online'], kind);
    }
  }
});
