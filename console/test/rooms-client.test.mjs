/** The rooms client against a simulated server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './fixture/modules.mjs';

globalThis.location = { href: 'http://h/' };
const { RoomsClient } = await load('rooms/client.js');

const NOW = 1_000_000;
const ready = { sessionId: 'r', duration: 60, remainingTime: 60, isRunning: false, isPaused: false, serverTime: NOW, rev: 1 };
const running = (rev) => ({ ...ready, isRunning: true, startedAt: NOW, endsAt: NOW + 60_000, rev });
const joined = (sessionId = 'r', more = {}) => ({
  sessionId,
  clientId: 'me',
  name: 'Ann',
  resume: `secret of ${sessionId}`,
  state: { ...ready, sessionId },
  clients: [],
  count: 1,
  ...more,
});

/** A client and a simulated server. */
function createWorld() {
  const world = { sent: [], errors: [], joined: [], aborts: [], now: NOW, secrets: new Map() };
  const storage = {
    name: '',
    resumeSecret: (roomId) => world.secrets.get(roomId),
    saveResumeSecret: (roomId, secret) => world.secrets.set(roomId, secret),
    deleteResumeSecret: (roomId) => world.secrets.delete(roomId),
  };
  let options;
  const connection = {
    state: { phase: 'connecting' },
    send(message) {
      if (this.state.phase !== 'online') return false;
      world.sent.push(message);
      return true;
    },
    abort: (code) => {
      world.aborts.push(code);
      world.disconnect();
    },
  };
  const setPhase = (phase) => {
    connection.state = { phase };
    options.onStateChange();
  };
  const time = { now: () => world.now, sync: async () => false, observe: () => {} };
  const client = new RoomsClient({
    identity: null,
    storage,
    time,
    now: () => world.now,
    connect: (connectionOptions) => ((options = connectionOptions), connection),
    onChange: () => {},
    onMessage: () => {},
    onJoined: (roomId) => world.joined.push(roomId),
    onError: ({ message }) => world.errors.push(message),
  });
  return Object.assign(world, {
    client,
    connect: () => {
      setPhase('online');
      options.onMessage({ type: 'connect' });
    },
    disconnect: () => setPhase('offline'),
    receive: (type, payload) => options.onMessage({ type, payload }),
    /** Acknowledges the oldest unanswered message of a type. */
    ack: (type, payload) => {
      const index = world.sent.findIndex((message) => message.type === type);
      assert.notEqual(index, -1, `${type} was not sent`);
      const [{ id }] = world.sent.splice(index, 1);
      options.onMessage({ type: 'ack', id, payload });
    },
    types: () => world.sent.map((message) => message.type),
  });
}

function createJoinedWorld() {
  const world = createWorld();
  world.client.join('r');
  world.connect();
  world.receive('session:joined', joined());
  world.ack('session:join', joined());
  return world;
}

const phase = ({ client: { predictedState } }) => (predictedState.isRunning ? 'running' : predictedState.isPaused ? 'paused' : 'ready');

test('the client joins on connect, and again with its resume secret on reconnect', () => {
  const world = createJoinedWorld();
  assert.deepEqual(world.joined, ['r']);
  assert.equal(world.client.canSendCommands, true);
  world.disconnect();
  assert.equal(world.client.canSendCommands, false);
  assert.equal(world.client.model.room.sessionId, 'r', 'the room stays visible');
  world.connect();
  assert.deepEqual(world.sent.at(-1).payload, { sessionId: 'r', name: undefined, resume: 'secret of r' });
});

test('the resume secret is kept without browser storage', () => {
  const world = createJoinedWorld();
  world.secrets.clear();
  world.disconnect();
  world.connect();
  assert.equal(world.sent.at(-1).payload.resume, 'secret of r');
});

test('leaving while a join is pending ends the membership', () => {
  const world = createWorld();
  world.client.join('r');
  world.connect();
  world.client.leave();
  assert.deepEqual(world.types(), ['session:join', 'session:leave']);
  world.ack('session:join', joined());
  assert.deepEqual(world.joined, []);
  world.ack('session:leave', { error: { code: 'UNAVAILABLE', message: 'away' } });
  world.client.check();
  assert.deepEqual(world.types(), ['session:leave'], 'a failed leave is retried');
  world.ack('session:leave', { sessionId: 'r' });
  world.client.check();
  assert.deepEqual(world.types(), []);
});

test('a failed join of another room still ends the earlier membership', () => {
  const world = createJoinedWorld();
  world.client.join('full');
  assert.deepEqual(world.types(), ['session:leave', 'session:join']);
  world.ack('session:leave', { sessionId: 'r' });
  world.ack('session:join', { error: { code: 'ROOM_FULL', message: 'full' } });
  assert.equal(world.client.joinError.code, 'ROOM_FULL');
  world.client.join('full');
  assert.equal(world.types().at(-1), 'session:join', 'the same room can be joined again');
  world.ack('session:join', joined('full'));
  assert.deepEqual([world.client.joinError, world.joined.at(-1)], [null, 'full']);
});

test('a room created while a join is pending is the one displayed', () => {
  const world = createWorld();
  world.client.join('a');
  world.connect();
  world.client.create(60);
  world.receive('session:joined', joined('a'));
  world.ack('session:join', joined('a'));
  assert.deepEqual(world.joined, []);
  world.receive('session:joined', joined('b'));
  world.ack('session:create', joined('b'));
  assert.deepEqual(world.joined, ['b']);
  assert.equal(world.client.model.room.sessionId, 'b');
});

test('a join that fails because the store is unavailable is retried, and no commands are sent meanwhile', () => {
  const world = createJoinedWorld();
  world.disconnect();
  world.connect();
  world.ack('session:join', { error: { code: 'UNAVAILABLE', message: 'away' } });
  assert.equal(world.client.canSendCommands, false);
  assert.equal(world.client.sendCommand('timer:start'), false);
  world.client.check();
  assert.equal(world.sent.at(-1).payload.resume, 'secret of r');
  world.ack('session:join', joined());
  assert.equal(world.client.canSendCommands, true);
});

test('a command is displayed at once, then the state of the server', () => {
  const world = createJoinedWorld();
  world.client.sendCommand('timer:start', {});
  assert.equal(phase(world), 'running');
  world.ack('timer:start', { error: { code: 'UNAVAILABLE', message: 'away' } });
  assert.equal(phase(world), 'ready');
  assert.deepEqual(world.errors, ['away']);
});

test('two quick commands do not flicker between their answers', () => {
  const world = createJoinedWorld();
  world.client.sendCommand('timer:start', {});
  world.client.sendCommand('timer:pause');
  const phases = [phase(world)];
  const record = () => phases.at(-1) !== phase(world) && phases.push(phase(world));
  world.receive('timer:state', running(2));
  record();
  world.ack('timer:start', running(2));
  record();
  const paused = { ...ready, isPaused: true, pausedAt: NOW, rev: 3 };
  world.receive('timer:state', paused);
  record();
  world.ack('timer:pause', paused);
  record();
  assert.deepEqual(phases, ['paused']);
});

test('a state that arrives while a command is pending is displayed with the answer, or at the next check', () => {
  const world = createJoinedWorld();
  world.client.sendCommand('timer:reset');
  world.receive('timer:state', running(2));
  assert.equal(phase(world), 'ready');
  world.client.check();
  assert.equal(phase(world), 'running');
});

test('a connection without an answer is aborted, and the lost command is reported', () => {
  const world = createJoinedWorld();
  world.client.sendCommand('timer:start', {});
  world.now += 4_000;
  world.client.check();
  assert.equal(world.client.stale, true);
  world.now += 22_000;
  world.client.check();
  assert.deepEqual(world.aborts, [undefined]);
  assert.equal(phase(world), 'ready');
  assert.equal(world.errors.length, 1);
});

test('a connection without pings is aborted', () => {
  const world = createJoinedWorld();
  world.receive('open', { pingInterval: 60_000, pingTimeout: 10_000 });
  world.now += 74_000;
  world.client.check();
  assert.deepEqual(world.aborts, []);
  world.now += 2_000;
  world.client.check();
  assert.equal(world.aborts.length, 1);
});

test('a client whose membership is taken over joins as a new member once, and reports a lost command', () => {
  for (const byCommand of [false, true]) {
    const world = createJoinedWorld();
    const takenOver = { code: 'NOT_JOINED', message: 'taken over' };
    if (byCommand) {
      world.client.sendCommand('timer:start', {});
      world.ack('timer:start', { error: takenOver });
    } else {
      world.receive('error', takenOver);
    }
    assert.deepEqual(world.types(), ['session:join']);
    assert.equal(world.sent[0].payload.resume, undefined);
    assert.equal(world.errors.length, byCommand ? 1 : 0);
    world.ack('session:join', joined('r', { clientId: 'other' }));
    assert.equal(world.client.model.room.clientId, 'other');
  }
});

test('a new membership is adopted, and the end of the room is reported', () => {
  const world = createJoinedWorld();
  world.receive('session:joined', joined('r', { clientId: 'new', resume: 'new secret' }));
  assert.deepEqual([world.client.model.room.clientId, world.secrets.get('r')], ['new', 'new secret']);
  world.receive('error', { code: 'SESSION_NOT_FOUND', message: 'gone' });
  assert.deepEqual([world.client.model.room, world.client.joinError.code], [null, 'SESSION_NOT_FOUND']);
});

test('a completion during a disconnect is detected after reconnecting', () => {
  const world = createJoinedWorld();
  world.receive('timer:state', running(2));
  world.disconnect();
  world.now += 120_000;
  world.connect();
  const state = { ...ready, startedAt: NOW, rev: 3, serverTime: NOW + 120_000 };
  world.receive('session:joined', joined('r', { state }));
  world.receive('timer:state', state);
  world.ack('session:join', joined('r', { state }));
  assert.equal(world.client.model.completedAt, NOW + 60_000);
});
