/** Events of time tracking by the real Socket.IO client, with its default transports, on two nodes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { ISO, Member, startStudio } from './fixture/studio.mjs';
import { until } from './fixture/until.mjs';

let studio;
let organizations = 0;

before(async () => {
  studio = await startStudio();
});

after(() => studio?.close());

/** Connects two members of a new organisation at each node; the first is at the first node. */
async function withMembers(run, options) {
  organizations += 1;
  const at = (node) => studio.member(organizations, node);
  const members = await Promise.all([...studio.nodes, ...studio.nodes].map(at));
  try {
    for (const member of members) assert.equal(await member.connect(options), null);
    await run(...members);
  } finally {
    members.forEach((member) => member.close());
  }
}

/** Asserts that all members have received exactly these events, in this order. */
async function allReceive(members, names) {
  for (const member of members) await member.received(names.length);
  for (const member of members) {
    assert.deepEqual(member.names(), names);
    assert.deepEqual(member.events, members[0].events);
  }
  return members[0].events.map(({ payload }) => payload);
}

for (const [name, transports] of [['the default transports'], ['polling', ['polling']], ['websocket', ['websocket']]]) {
  test(`all sockets of the organisation receive each event once and in order over ${name}`, () =>
    withMembers(
      async (ann, ben, ...others) => {
        const members = [ann, ben, ...others];
        const types = await ann.trpc.taskTypes.list.query();
        const entry = await ann.trpc.timer.start.mutate({ taskTypeId: 2, sessionId: 12, notes: 'private' });
        const start = new Date(Date.parse(entry.startTime) - 90 * 60_000).toISOString();
        await ben.trpc.timeEntries.adjust.mutate({ timeEntryId: entry.id, startTime: start });
        const stopped = await ann.trpc.timer.stop.mutate({ timeEntryId: entry.id });
        const end = new Date(Date.parse(start) + 15 * 60_000).toISOString();
        await ben.trpc.timeEntries.adjust.mutate({ timeEntryId: entry.id, endTime: end });
        const names = ['timer:started', 'timer:adjusted', 'timer:started', 'timer:stopped', 'timer:adjusted'];
        const payloads = await allReceive(members, names);

        const times = payloads.map(({ serverTime }) => serverTime);
        times.forEach((time) => assert.ok(Number.isInteger(time) && Math.abs(time - Date.now()) < 60_000));
        const [started, moved, restarted, stop, corrected] = payloads.map(({ serverTime: _, ...rest }) => rest);
        const ids = { sessionId: 12, projectId: null, trackId: null };
        assert.deepEqual(Object.keys(payloads[0]), ['timeEntryId', 'taskType', ...Object.keys(ids), 'startTime', 'userId', 'serverTime']);
        const begin = { timeEntryId: entry.id, taskType: types[1], ...ids, startTime: entry.startTime, userId: ann.user };
        assert.deepEqual(started, begin);
        assert.deepEqual(restarted, { ...begin, startTime: start, userId: ben.user });
        const running = { endTime: null, durationMinutes: null };
        assert.deepEqual(moved, { timeEntryId: entry.id, startTime: start, ...running, userId: ben.user });
        assert.equal(stopped.durationMinutes, 90);
        const cost = { hours: 1, minutes: 30, cost: 112.5, formattedCost: '$112.50' };
        const { endTime } = stopped;
        assert.match(endTime, ISO);
        assert.deepEqual(stop, { timeEntryId: entry.id, endTime, durationMinutes: 90, cost, userId: ann.user });
        const change = { startTime: start, endTime: end, durationMinutes: 15, userId: ben.user };
        assert.deepEqual(corrected, { timeEntryId: entry.id, ...change });
      },
      transports && { transports },
    ));
}

test('an adjustment that ends a running entry is followed by its stop', () =>
  withMembers(async (ann, ...others) => {
    const { id, startTime } = await ann.trpc.timer.start.mutate({ taskTypeId: 5, trackId: 1 });
    await ann.trpc.timeEntries.adjust.mutate({ timeEntryId: id, endTime: startTime });
    const payloads = await allReceive([ann, ...others], ['timer:started', 'timer:adjusted', 'timer:stopped']);
    assert.deepEqual(payloads[2].cost, { hours: 0, minutes: 0, cost: 0, formattedCost: '$0.00' });
    assert.equal(payloads[2].endTime, startTime);
  }));

test('an event arrives within 200 ms of the answer, also from the other node', () =>
  withMembers(async (ann, ben) => {
    // A busy machine delays single events: the fastest of ten must be in time.
    const delays = [];
    for (let session = 1; session <= 10; session++) {
      const begin = performance.now();
      const arrived = once(ben.socket, 'timer:started').then(() => performance.now() - begin);
      await ann.trpc.timer.start.mutate({ taskTypeId: 1, sessionId: session });
      delays.push(await arrived);
    }
    assert.ok(Math.min(...delays) < 200, `${delays} ms`);
  }));

test('refused calls and other organisations cause no events', () =>
  withMembers(async (ann, ben, ...others) => {
    const eve = await studio.member(`other-${organizations}`);
    assert.equal(await eve.connect(), null);
    try {
      await ann.trpc.timer.start.mutate({ taskTypeId: 1, sessionId: 1 });
      await assert.rejects(ben.trpc.timer.start.mutate({ taskTypeId: 1, sessionId: 1 }));
      await assert.rejects(ben.trpc.timer.stop.mutate({ timeEntryId: 9 }));
      await ann.trpc.taskTypes.create.mutate({ name: 'x', hourlyRate: '1' });
      await ben.trpc.timer.stop.mutate({ timeEntryId: 1 });
      await allReceive([ann, ben, ...others], ['timer:started', 'timer:stopped']);
      const own = await eve.trpc.timer.start.mutate({ taskTypeId: 1, projectId: 8 });
      await eve.received(1);
      assert.deepEqual([eve.names(), own.id, eve.events[0].payload.projectId], [['timer:started'], 1, 8]);
    } finally {
      eve.close();
    }
  }));

test('unknown events of the page are ignored, and the socket goes on', () =>
  withMembers(async (ann, ...others) => {
    ann.socket.emit('subscribe:organization', organizations + 1);
    ann.socket.emit('subscribe:organization', { organizationId: 'x' }, 7);
    ann.socket.emit('timer:started', { timeEntryId: 1 });
    await ann.trpc.timer.start.mutate({ taskTypeId: 1, sessionId: 1 });
    await allReceive([ann, ...others], ['timer:started']);
    assert.ok(ann.socket.connected);
  }));

test('a client that leaves the namespace and returns receives each later event once', () =>
  withMembers(async (ann, ben, ...others) => {
    for (let round = 1; round <= 5; round++) {
      ann.socket.disconnect();
      const { id } = await ben.trpc.timer.start.mutate({ taskTypeId: 1, sessionId: round });
      ann.socket.connect();
      assert.equal(await ann.connected(), null);
      await ben.trpc.timer.stop.mutate({ timeEntryId: id });
      await ann.received(round);
    }
    assert.deepEqual(ann.names(), Array(5).fill('timer:stopped'), 'not what was started while it was away');
    await allReceive([ben, ...others], Array(5).fill(['timer:started', 'timer:stopped']).flat());
  }));

test('two tabs of one browser, one of which multiplexes, receive each event once', async () => {
  organizations += 1;
  const ann = await studio.member(organizations);
  const tab = new Member(studio.nodes[1], ann.user, ann.cookie);
  try {
    assert.deepEqual(await Promise.all([ann.connect(), tab.connect({ forceNew: false })]), [null, null]);
    await ann.trpc.timer.start.mutate({ taskTypeId: 1, sessionId: 1 });
    await allReceive([ann, tab], ['timer:started']);
  } finally {
    ann.close();
    tab.close();
  }
});

test('a socket without a valid session gets the connect error of the contract', async () => {
  const forged = (await studio.member(1)).cookie.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
  for (const cookie of [undefined, forged, 'connect.sid=s%3Aabc.def', await studio.web.visit('/')]) {
    for (const transports of [undefined, ['websocket']]) {
      const guest = new Member(studio.nodes[0], 0, cookie);
      const error = await guest.connect({ reconnection: false, ...(transports && { transports }) });
      guest.close();
      assert.equal(error, 'Unauthorized: No valid session', String(cookie));
    }
  }
});

test('the end of a session closes its sockets on each node, and no event follows', () =>
  withMembers(async (ann, ben, cem, dan) => {
    const tab = new Member(studio.nodes[1], ann.user, ann.cookie);
    assert.equal(await tab.connect(), null);
    const ended = Promise.all([ann, tab].map(({ socket }) => once(socket, 'disconnect')));
    await studio.web.visit('/logout', ann.cookie);
    assert.deepEqual((await ended).map(([reason]) => reason), Array(2).fill('io server disconnect'));
    await assert.rejects(ann.trpc.taskTypes.list.query(), /You must be logged in/);
    await ben.trpc.timer.start.mutate({ taskTypeId: 1, sessionId: 1 });
    await allReceive([ben, cem, dan], ['timer:started']);
    assert.deepEqual([...ann.names(), ...tab.names()], []);
    tab.close();
  }));

test('a client whose node stops receives the later events at the other one', async () => {
  organizations += 1;
  const ann = await studio.member(organizations, studio.nodes[0]);
  const ben = await studio.member(organizations, studio.nodes[1]);
  try {
    assert.equal(await ann.connect(), null);
    const reasons = [];
    ann.socket.on('disconnect', (reason) => reasons.push(reason));
    await studio.nodes[0].kill('SIGKILL');
    await until('the socket is closed', () => reasons.length > 0);
    await studio.nodes[0].start();
    await until('the socket is open again', () => ann.socket.connected);
    await ben.trpc.timer.start.mutate({ taskTypeId: 1, sessionId: 1 });
    await ann.received(1);
    assert.deepEqual(ann.names(), ['timer:started']);
  } finally {
    ann.close();
  }
});
