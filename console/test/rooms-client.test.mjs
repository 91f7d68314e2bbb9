/** The rooms page's client against a server that says what the test wants. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './fixture/modules.mjs';

globalThis.location = { protocol: 'http:', host: 'h' };
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

/** A client and the server that it speaks to. */
function meet() {
  const world = { sent: [], failed: [], entered: [], dropped: [], now: NOW, kept: new Map() };
  const memory = {
    name: '',
    resume: (room) => world.kept.get(room),
    keep: (room, secret) => world.kept.set(room, secret),
    forget: (room) => world.kept.delete(room),
  };
  let options;
  const connection = {
    state: { phase: 'connecting' },
    send(message) {
      if (this.state.phase !== 'online') return false;
      world.sent.push(message);
      return true;
    },
    drop: (code) => {
      world.dropped.push(code);
      world.lose();
    },
  };
  const set = (phase) => {
    connection.state = { phase };
    options.onChange();
  };
  const time = { now: () => world.now, keep: async () => false, told: () => {} };
  const client = new RoomsClient({
    who: null,
    memory,
    time,
    now: () => world.now,
    connect: (given) => ((options = given), connection),
    onChange: () => {},
    onMessage: () => {},
    onEntered: (room) => world.entered.push(room),
    onFailed: ({ message }) => world.failed.push(message),
  });
  return Object.assign(world, {
    client,
    online: () => {
      set('online');
      options.onMessage({ type: 'connected' });
    },
    lose: () => set('offline'),
    tell: (type, payload) => options.onMessage({ type, payload }),
    /** Answers the oldest message of a type that is not answered yet. */
    answer: (type, payload) => {
      const nth = world.sent.findIndex((message) => message.type === type);
      assert.notEqual(nth, -1, `${type} was not asked`);
      const [{ id }] = world.sent.splice(nth, 1);
      options.onMessage({ type: 'answer', id, payload });
    },
    types: () => world.sent.map((message) => message.type),
  });
}

function inRoom() {
  const world = meet();
  world.client.join('r');
  world.online();
  world.tell('session:joined', joined());
  world.answer('session:join', joined());
  return world;
}

const phase = ({ client: { shown } }) => (shown.isRunning ? 'running' : shown.isPaused ? 'paused' : 'ready');

test('a room is come into with the link, and again with its secret when the link comes back', () => {
  const world = inRoom();
  assert.deepEqual(world.entered, ['r']);
  assert.equal(world.client.drives, true);
  world.lose();
  assert.equal(world.client.drives, false);
  assert.equal(world.client.model.room.sessionId, 'r', 'it is shown on');
  world.online();
  assert.deepEqual(world.sent.at(-1).payload, { sessionId: 'r', name: undefined, resume: 'secret of r' });
});

test('where nothing can be stored the secret is known all the same', () => {
  const world = inRoom();
  world.kept.clear();
  world.lose();
  world.online();
  assert.equal(world.sent.at(-1).payload.resume, 'secret of r');
});

test('who leaves before they are let in is not left in the room', () => {
  const world = meet();
  world.client.join('r');
  world.online();
  world.client.leave();
  assert.deepEqual(world.types(), ['session:join', 'session:leave']);
  world.answer('session:join', joined());
  assert.deepEqual(world.entered, []);
  world.answer('session:leave', { error: { code: 'UNAVAILABLE', message: 'away' } });
  world.client.look();
  assert.deepEqual(world.types(), ['session:leave'], 'until it is done');
  world.answer('session:leave', { sessionId: 'r' });
  world.client.look();
  assert.deepEqual(world.types(), []);
});

test('who goes to a room that is refused is not left in the one before', () => {
  const world = inRoom();
  world.client.join('full');
  assert.deepEqual(world.types(), ['session:leave', 'session:join']);
  world.answer('session:leave', { sessionId: 'r' });
  world.answer('session:join', { error: { code: 'ROOM_FULL', message: 'full' } });
  assert.equal(world.client.refused.code, 'ROOM_FULL');
  world.client.join('full');
  assert.equal(world.types().at(-1), 'session:join', 'the same room may be tried again');
  world.answer('session:join', joined('full'));
  assert.deepEqual([world.client.refused, world.entered.at(-1)], [null, 'full']);
});

test('a room that is made while another is being joined is the one that is shown', () => {
  const world = meet();
  world.client.join('a');
  world.online();
  world.client.create(60);
  world.tell('session:joined', joined('a'));
  world.answer('session:join', joined('a'));
  assert.deepEqual(world.entered, []);
  world.tell('session:joined', joined('b'));
  world.answer('session:create', joined('b'));
  assert.deepEqual(world.entered, ['b']);
  assert.equal(world.client.model.room.sessionId, 'b');
});

test('what the store’s absence refuses is tried again, and nothing can be pressed meanwhile', () => {
  const world = inRoom();
  world.lose();
  world.online();
  world.answer('session:join', { error: { code: 'UNAVAILABLE', message: 'away' } });
  assert.equal(world.client.drives, false);
  assert.equal(world.client.drive('timer:start'), false);
  world.client.look();
  assert.equal(world.sent.at(-1).payload.resume, 'secret of r');
  world.answer('session:join', joined());
  assert.equal(world.client.drives, true);
});

test('a press is shown at once and stays as the server says', () => {
  const world = inRoom();
  world.client.drive('timer:start', {});
  assert.equal(phase(world), 'running');
  world.answer('timer:start', { error: { code: 'UNAVAILABLE', message: 'away' } });
  assert.equal(phase(world), 'ready');
  assert.deepEqual(world.failed, ['away']);
});

test('two quick presses do not flicker between their answers', () => {
  const world = inRoom();
  world.client.drive('timer:start', {});
  world.client.drive('timer:pause');
  const seen = [phase(world)];
  const note = () => seen.at(-1) !== phase(world) && seen.push(phase(world));
  world.tell('timer:state', running(2));
  note();
  world.answer('timer:start', running(2));
  note();
  const paused = { ...ready, isPaused: true, pausedAt: NOW, rev: 3 };
  world.tell('timer:state', paused);
  note();
  world.answer('timer:pause', paused);
  note();
  assert.deepEqual(seen, ['paused']);
});

test('what others do while a press waits is shown with its answer, or soon without it', () => {
  const world = inRoom();
  world.client.drive('timer:reset');
  world.tell('timer:state', running(2));
  assert.equal(phase(world), 'ready');
  world.client.look();
  assert.equal(phase(world), 'running');
});

test('a link that is lost under a press says so, and one that does not answer is given up', () => {
  const world = inRoom();
  world.client.drive('timer:start', {});
  world.now += 4_000;
  world.client.look();
  assert.equal(world.client.quiet, true);
  world.now += 22_000;
  world.client.look();
  assert.deepEqual(world.dropped, [undefined]);
  assert.equal(phase(world), 'ready');
  assert.equal(world.failed.length, 1);
});

test('a link on which no ping comes in time is given up', () => {
  const world = inRoom();
  world.tell('opened', { pingInterval: 60_000, pingTimeout: 10_000 });
  world.now += 74_000;
  world.client.look();
  assert.deepEqual(world.dropped, []);
  world.now += 2_000;
  world.client.look();
  assert.equal(world.dropped.length, 1);
});

test('who is taken over becomes somebody else, once, and is told if a press was lost', () => {
  for (const byPress of [false, true]) {
    const world = inRoom();
    const taken = { code: 'NOT_JOINED', message: 'taken over' };
    if (byPress) {
      world.client.drive('timer:start', {});
      world.answer('timer:start', { error: taken });
    } else {
      world.tell('error', taken);
    }
    assert.deepEqual(world.types(), ['session:join']);
    assert.equal(world.sent[0].payload.resume, undefined);
    assert.equal(world.failed.length, byPress ? 1 : 0);
    world.answer('session:join', joined('r', { clientId: 'other' }));
    assert.equal(world.client.model.room.clientId, 'other');
  }
});

test('a room that ends while one is in it is said to be gone, and a membership that is given anew is taken', () => {
  const world = inRoom();
  world.tell('session:joined', joined('r', { clientId: 'anew', resume: 'new' }));
  assert.deepEqual([world.client.model.room.clientId, world.kept.get('r')], ['anew', 'new']);
  world.tell('error', { code: 'SESSION_NOT_FOUND', message: 'gone' });
  assert.deepEqual([world.client.model.room, world.client.refused.code], [null, 'SESSION_NOT_FOUND']);
});

test('a zero that nobody could tell is known afterwards', () => {
  const world = inRoom();
  world.tell('timer:state', running(2));
  world.lose();
  world.now += 120_000;
  world.online();
  const state = { ...ready, startedAt: NOW, rev: 3, serverTime: NOW + 120_000 };
  world.tell('session:joined', joined('r', { state }));
  world.tell('timer:state', state);
  world.answer('session:join', joined('r', { state }));
  assert.equal(world.client.model.completedAt, NOW + 60_000);
});
