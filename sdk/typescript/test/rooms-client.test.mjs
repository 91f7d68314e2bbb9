/** The rooms client against simulated sockets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Clock, settle } from './fixture/clock.mjs';
import { joined, Member, NOW, ready, running } from './fixture/rooms.mjs';
import { MemoryStorage } from './fixture/storage.mjs';

test('a client presents its credential, below the path of the server', async () => {
  for (const [credential, query, auth] of [
    [undefined, {}, {}],
    [{ userId: 'ada' }, { userId: 'ada' }, {}],
    [{ token: 't' }, {}, { token: 't' }],
    [{ token: async () => 'fresh' }, {}, { token: 'fresh' }],
  ]) {
    const { socket } = await new Member({ credential }).open();
    assert.deepEqual([socket.url, socket.options.path, socket.options.query, socket.options.auth], ['http://h', '/timers/socket.io/', query, auth]);
  }
});

test('a link joins before it is online, and again with its resume secret', async () => {
  const member = new Member();
  member.client.join('r', { name: 'Ann' });
  await member.open();
  member.socket.connect();
  assert.equal(member.snapshot.connection.phase, 'connecting');
  assert.deepEqual(member.socket.sent[0].payload, { sessionId: 'r', name: 'Ann' });
  member.socket.ack('session:join', joined());
  assert.deepEqual([member.snapshot.connection.phase, member.snapshot.canSendCommands, member.snapshot.times], ['online', true, 'live']);
  const socket = await member.redial();
  assert.deepEqual([member.snapshot.canSendCommands, member.snapshot.room.sessionId, member.snapshot.times], [false, 'r', 'continued']);
  socket.connect();
  assert.deepEqual(socket.sent[0].payload, { sessionId: 'r', name: 'Ann', resume: 'secret of r' });
});

test('the resume secret is kept without browser storage', async () => {
  for (const storage of [null, new MemoryStorage({ forbidden: true })]) {
    const member = await new Member({ storage }).join();
    const socket = await member.redial();
    socket.connect();
    assert.equal(socket.sent[0].payload.resume, 'secret of r');
  }
});

test('the membership of a tab survives its reload', async () => {
  const member = await new Member().join();
  const reloaded = new Member({ storage: member.secrets });
  reloaded.client.join('r');
  await reloaded.open();
  reloaded.socket.connect();
  assert.equal(reloaded.socket.sent[0].payload.resume, 'secret of r');
});

test('leaving while a join is pending ends the membership', async () => {
  const member = new Member();
  member.client.join('r');
  await member.open();
  member.socket.connect();
  member.client.leave();
  member.socket.ack('session:join', joined());
  assert.deepEqual([member.snapshot.room, member.socket.types], [null, ['session:leave']]);
  member.socket.ack('session:leave', { error: { code: 'UNAVAILABLE', message: 'away' } });
  await member.clock.advance(1_000);
  assert.deepEqual(member.socket.types, ['session:leave'], 'a failed leave is retried');
  member.socket.ack('session:leave', { sessionId: 'r' });
  await member.clock.advance(1_000);
  assert.deepEqual(member.socket.types, []);
});

test('a failed join of another room still ends the earlier membership', async () => {
  const member = await new Member().join();
  member.client.join('full');
  assert.deepEqual(member.socket.types, ['session:leave', 'session:join']);
  member.socket.ack('session:leave', { sessionId: 'r' });
  member.socket.receive('error', { code: 'ROOM_FULL', message: 'full' });
  member.socket.ack('session:join', { error: { code: 'ROOM_FULL', message: 'full' } });
  assert.deepEqual([member.snapshot.joinError.code, member.errors], ['ROOM_FULL', []]);
  member.client.join('full');
  member.socket.ack('session:join', joined('full'));
  assert.deepEqual([member.snapshot.joinError, member.snapshot.room.sessionId], [null, 'full']);
});

test('a room that does not exist is reported once, and a link without a room is online', async () => {
  const member = new Member();
  member.client.join('gone');
  await member.open();
  member.socket.connect();
  member.socket.receive('error', { code: 'SESSION_NOT_FOUND', message: 'gone' });
  member.socket.ack('session:join', { error: { code: 'SESSION_NOT_FOUND', message: 'gone' } });
  assert.deepEqual([member.snapshot.connection.phase, member.snapshot.joinError.code, member.errors], ['online', 'SESSION_NOT_FOUND', []]);
  await member.clock.advance(5_000);
  assert.deepEqual(member.socket.types, []);
});

test('a room created while a join is pending is the one displayed', async () => {
  const member = await new Member().open();
  member.socket.connect();
  member.client.join('a');
  member.client.create({ duration: 60, name: 'Ann' });
  assert.deepEqual(member.socket.sent.at(-1).payload, { duration: 60, name: 'Ann' });
  member.socket.receive('session:joined', joined('a'));
  member.socket.ack('session:join', joined('a'));
  assert.equal(member.snapshot.room, null);
  member.socket.receive('session:joined', joined('b'));
  member.socket.ack('session:create', joined('b'));
  assert.deepEqual([member.snapshot.room.sessionId, member.snapshot.target], ['b', { sessionId: 'b', name: 'Ann' }]);
});

test('a join that fails because the store is unavailable is retried, and no commands are sent meanwhile', async () => {
  const member = await new Member().join();
  const socket = await member.redial();
  socket.connect();
  socket.ack('session:join', { error: { code: 'UNAVAILABLE', message: 'away' } });
  assert.deepEqual([member.snapshot.canSendCommands, member.snapshot.lastJoinError.code], [false, 'UNAVAILABLE']);
  assert.equal((await member.client.send({ type: 'timer:start' })).error.code, 'not_joined');
  await member.clock.advance(1_000);
  assert.equal(socket.sent[0].payload.resume, 'secret of r');
  socket.ack('session:join', joined());
  assert.equal(member.snapshot.canSendCommands, true);
});

test('a command is displayed at once, then the state of the server', async () => {
  const member = await new Member().join();
  const result = member.client.send({ type: 'timer:start', duration: 5 });
  assert.deepEqual([member.phase, member.snapshot.remainingSeconds], ['running', 5]);
  assert.deepEqual(member.socket.sent[0].payload, { sessionId: 'r', duration: 5 });
  member.socket.ack('timer:start', { error: { code: 'UNAVAILABLE', message: 'away' } });
  assert.equal(member.phase, 'ready');
  const { ok, error } = await result;
  assert.deepEqual([ok, error.code, error.command.type, member.errors], [false, 'UNAVAILABLE', 'timer:start', ['command UNAVAILABLE']]);
  const accepted = member.client.send({ type: 'timer:start' });
  member.socket.ack('timer:start', running(2));
  assert.deepEqual(await accepted, { ok: true });
});

test('two quick commands do not flicker between their answers', async () => {
  const member = await new Member().join();
  member.client.send({ type: 'timer:start' });
  member.client.send({ type: 'timer:pause' });
  const phases = [member.phase];
  member.client.subscribe(() => phases.at(-1) !== member.phase && phases.push(member.phase));
  const { socket } = member;
  socket.receive('timer:state', running(2));
  socket.ack('timer:start', running(2));
  const paused = { ...ready, isPaused: true, pausedAt: NOW, rev: 3 };
  socket.receive('timer:state', paused);
  socket.ack('timer:pause', paused);
  assert.deepEqual(phases, ['paused']);
});

test('a state that arrives while a command is pending is displayed with the answer, or at the next check', async () => {
  const member = await new Member().join();
  member.client.send({ type: 'timer:reset' });
  member.socket.receive('timer:state', running(2));
  assert.equal(member.phase, 'ready');
  await member.clock.advance(1_000);
  assert.equal(member.phase, 'running');
});

test('the display counts every second by the local clock, an hour off, with and without a connection', async () => {
  for (const offsetMs of [0, 3_600_000, -3_600_000]) {
    const member = await new Member({ offsetMs }).join();
    const { clock } = member;
    clock.time = NOW;
    await clock.advance(0);
    member.socket.receive('timer:state', running(2));
    const shown = [member.snapshot.remainingSeconds];
    member.client.subscribe(() => shown.at(-1) !== member.snapshot.remainingSeconds && shown.push(member.snapshot.remainingSeconds));
    await clock.advance(3_500);
    member.socket.end();
    await clock.advance(57_000);
    assert.deepEqual(shown, Array.from({ length: 61 }, (_, index) => 60 - index), `${offsetMs}`);
  }
});

test('a connection without an answer is aborted, and the lost command is reported', async () => {
  const member = await new Member().join();
  const result = member.client.send({ type: 'timer:start' });
  await member.clock.advance(4_000);
  assert.equal(member.snapshot.times, 'continued');
  await member.clock.advance(23_000);
  assert.equal(member.sockets[0].closed, true);
  assert.equal(member.phase, 'ready');
  assert.equal((await result).error.code, 'outcome_unknown');
});

test('missing ticks are noticed', async () => {
  const member = await new Member().join();
  member.socket.receive('timer:state', running(2, { endsAt: NOW + 600_000 }));
  await member.clock.advance(5_000);
  assert.equal(member.snapshot.times, 'continued');
  member.socket.receive('timer:tick', { sessionId: 'r', remainingTime: 595, serverTime: member.clock.time, endsAt: NOW + 600_000 });
  await member.clock.advance(1_000);
  assert.equal(member.snapshot.times, 'live');
  await member.clock.advance(16_000);
  assert.equal(member.sockets[0].closed, true);
});

test('a client whose membership is taken over joins as a new member once, and reports a lost command', async () => {
  for (const byCommand of [false, true]) {
    const member = await new Member().join();
    const takenOver = { code: 'NOT_JOINED', message: 'taken over' };
    if (byCommand) {
      member.client.send({ type: 'timer:start' });
      member.socket.ack('timer:start', { error: takenOver });
    } else {
      member.socket.receive('error', takenOver);
    }
    assert.deepEqual(member.socket.types, ['session:join']);
    assert.equal(member.socket.sent[0].payload.resume, undefined);
    assert.deepEqual(member.errors, byCommand ? ['command taken_over'] : []);
    member.socket.ack('session:join', joined('r', { clientId: 'other' }));
    assert.equal(member.snapshot.room.clientId, 'other');
  }
});

test('a new membership is adopted, and the end of the room is reported', async () => {
  const member = await new Member().join();
  member.socket.receive('session:joined', joined('r', { clientId: 'new', resume: 'new secret' }));
  assert.deepEqual([member.snapshot.room.clientId, [...member.secrets.items.values()]], ['new', ['new secret']]);
  member.socket.receive('error', { code: 'SESSION_NOT_FOUND', message: 'gone' });
  assert.deepEqual([member.snapshot.room, member.snapshot.joinError.code], [null, 'SESSION_NOT_FOUND']);
});

test('a completion during a disconnect is detected after reconnecting', async () => {
  const member = await new Member().join();
  member.socket.receive('timer:state', running(2));
  const socket = await member.redial();
  const state = { ...ready, startedAt: NOW, rev: 3, serverTime: NOW + 120_000 };
  socket.connect();
  socket.ack('session:join', joined('r', { state }));
  assert.equal(member.snapshot.completedAt, NOW + 60_000);
  assert.equal(member.events.at(-1), 'session:joined');
});

test('refusals end the attempts, other failures do not', async () => {
  for (const [fail, phase] of [
    [(socket) => socket.refuse(new Error('Unauthorized')), 'refused'],
    [(socket) => socket.refuse(new Error('Too many connections')), 'offline'],
    [(socket) => socket.refuse(Object.assign(new Error('websocket error'), { type: 'TransportError' })), 'offline'],
    [(socket) => (socket.connect(), socket.disconnect()), 'refused'],
    [(socket) => (socket.connect(), socket.end(4403, '')), 'refused'],
    [(socket) => (socket.connect(), socket.end(1012, '{"reconnectAfterMs":7000}')), 'offline'],
  ]) {
    const member = await new Member().open();
    fail(member.socket);
    const { connection } = member.snapshot;
    assert.equal(connection.phase, phase);
    if (connection.error.code === 1012) assert.equal(connection.retryAt, member.clock.time + 7_000);
  }
});

test('a fresh token is presented by an event, and its answer is no answer to a command', async () => {
  const encode = (exp) => `x.${Buffer.from(JSON.stringify({ exp })).toString('base64url')}.x`;
  const clock = new Clock();
  const member = new Member({ clock, credential: { token: () => encode(clock.time / 1000 + 100) } });
  await member.open();
  member.socket.connect();
  await clock.advance(51_000);
  assert.equal(member.socket.sent.at(-1).type, 'auth');
  member.socket.ack('auth', { expiresAt: clock.time + 100_000 });
  await clock.advance(51_000);
  member.socket.ack('auth', { error: { code: 'UNAUTHORIZED', message: 'no' } });
  await clock.advance(5_000);
  assert.equal(member.socket.types.filter((type) => type === 'auth').length, 1, 'it is tried again');
  assert.deepEqual(member.errors, []);
});

test('nonsense changes nothing', async () => {
  const member = await new Member().join();
  const { snapshot } = member;
  for (const type of ['timer:state', 'timer:tick', 'timer:completed', 'session:joined', 'session:user-joined', 'session:user-left', 'a later event', 'going-away']) {
    for (const payload of [undefined, null, 7, 'x', [], {}, { sessionId: 'r' }, { sessionId: 'other', state: null }]) member.socket.receive(type, payload);
  }
  member.socket.receive('error', undefined);
  member.socket.receive('timer:state', { ...running(2), endsAt: 'soon' });
  await settle();
  assert.deepEqual(member.snapshot, snapshot);
  member.client.send({ type: 'timer:start' });
  member.socket.ack('timer:start', 'nonsense');
  assert.equal(member.phase, 'ready');
});

test('a listener can close the client, also while that connects', async () => {
  for (const isDue of [({ connection }) => connection.phase === 'online', ({ room }) => room !== null]) {
    const token = `x.${btoa(JSON.stringify({ exp: NOW / 1000 + 3_600 }))}.x`;
    const member = new Member({ credential: { token: () => token } });
    member.client.subscribe(() => isDue(member.snapshot) && member.client.close());
    member.client.subscribe(() => member.snapshot.room && member.client.close());
    await member.join();
    await settle();
    assert.deepEqual([member.clock.waiting, member.socket.closed, member.snapshot.connection.phase], [0, true, 'closed']);
  }
});

test('nothing remains of a closed client', async () => {
  const member = await new Member().join();
  member.socket.receive('timer:state', running(2, { endsAt: NOW + 600_000 }));
  member.client.close();
  await settle();
  assert.deepEqual([member.clock.waiting, member.socket.closed, member.snapshot.connection.phase], [0, true, 'closed']);
});
