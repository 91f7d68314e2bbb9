import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './fixture/modules.mjs';

const { foresee, phaseOf, remainingMs } = await load('rooms/countdown.js');
const { EMPTY, reduce, spoken } = await load('rooms/store.js');
const { createComings } = await load('rooms/comings.js');
const { addressOf, pageOf, roomIn, roomOf } = await load('route.js');
const { socketIo } = await load('net/socketio.js');

const NOW = 1_000_000;
const ready = { sessionId: 'r', duration: 60, remainingTime: 60, isRunning: false, isPaused: false, serverTime: NOW, rev: 3 };
const running = { ...ready, isRunning: true, startedAt: NOW - 10_000, endsAt: NOW + 50_000, remainingTime: 50 };
const paused = { ...ready, isPaused: true, pausedAt: NOW, remainingTime: 20 };

test('what a press will leave is foreseen', () => {
  const check = (state, type, payload, phase, seconds) => {
    const after = foresee(state, { type, payload }, NOW);
    assert.deepEqual([phaseOf(after), remainingMs(after, NOW) / 1000], [phase, seconds], `${type} ${phaseOf(state)}`);
  };
  check(ready, 'timer:start', {}, 'running', 60);
  check(running, 'timer:start', { duration: 5 }, 'running', 5);
  check(running, 'timer:pause', {}, 'paused', 50);
  check(paused, 'timer:pause', {}, 'paused', 20);
  check(ready, 'timer:pause', {}, 'ready', 60);
  check(paused, 'timer:resume', {}, 'running', 20);
  check(running, 'timer:resume', {}, 'running', 50);
  for (const state of [ready, running, paused]) check(state, 'timer:reset', {}, 'ready', 60);
  check(running, 'timer:adjust', { seconds: 60 }, 'running', 110);
  check(paused, 'timer:adjust', { seconds: -5 }, 'paused', 15);
  check(running, 'timer:adjust', { seconds: -60 }, 'ready', 60);
  check(ready, 'timer:adjust', { seconds: 60 }, 'ready', 60);
});

test('a state older than the one that is shown is passed over, and another room is not this one', () => {
  const joined = { sessionId: 'r', clientId: 'c', state: running, clients: [], count: 0 };
  const model = reduce(EMPTY, { type: 'session:joined', payload: joined });
  const after = (type, payload) => reduce(model, { type, payload });
  assert.equal(after('timer:state', { ...paused, rev: 2 }), model);
  assert.equal(after('timer:state', { ...paused, rev: 4 }).room.state.isPaused, true);
  assert.equal(after('timer:state', { ...paused, sessionId: 'other', rev: 4 }), model);
  assert.equal(after('session:user-left', { sessionId: 'r', clients: [1], count: 7 }).room.count, 7);
  assert.equal(after('timer:completed', { sessionId: 'r', completedAt: 5 }).completedAt, 5);
});

test('what others do is said, what is heard twice is not', () => {
  const check = (before, after, text, completedAt = null) => {
    const said = spoken({ type: 'timer:state', payload: { ...after, rev: 4 } }, { room: { state: before }, completedAt });
    assert.equal(said, text);
  };
  check(ready, running, 'The countdown has begun.');
  check({ ...running, startedAt: 1 }, running, 'The countdown has begun.');
  check(running, { ...running, endsAt: NOW + 9 }, 'The end has moved.');
  check(running, paused, 'The countdown is paused.');
  check(paused, { ...paused, remainingTime: 80 }, 'The time that is left has changed.');
  check({ ...paused, startedAt: running.startedAt }, running, 'The countdown goes on.');
  check(running, ready, 'The countdown is reset.');
  check(running, ready, '', NOW);
  assert.equal(spoken({ type: 'timer:state', payload: ready }, { room: { state: ready }, completedAt: null }), '');
});

test('an end is over once it is begun anew', () => {
  const joined = { sessionId: 'r', state: ready, clients: [], count: 0 };
  const at = (...messages) => messages.reduce(reduce, reduce(EMPTY, { type: 'session:joined', payload: joined }));
  const completed = { type: 'timer:completed', payload: { sessionId: 'r', completedAt: NOW } };
  const state = (payload, rev) => ({ type: 'timer:state', payload: { ...payload, rev } });
  assert.equal(at(completed, state(ready, 4)).completedAt, NOW);
  assert.equal(at(completed, state(ready, 4), state(running, 5), state(ready, 6)).completedAt, null);
});

test('who comes and goes is said together', () => {
  const said = [];
  let run;
  const heard = createComings((text) => said.push(text), (later) => (run = later));
  const come = (name, type = 'session:user-joined') => heard({ type, payload: { client: { name } } });
  come('Ann');
  run();
  for (const name of ['Ben', 'Cem', 'Dan']) come(name);
  come('Ann', 'session:user-left');
  run();
  assert.deepEqual(said, ['Ann has joined.', '3 people have joined. Ann has left.']);
});

test('addresses lead to rooms and back', () => {
  for (const id of ['abc', 'a b/c#é']) assert.equal(roomOf(addressOf(id)), id);
  assert.deepEqual(['', '#/', '#/rooms', '#/room/x', '#/room/'].map(pageOf), ['timers', 'timers', 'rooms', 'rooms', 'timers']);
  assert.equal(roomIn(' abc '), 'abc');
  assert.equal(roomIn('https://host/?x=1#/room/abc'), 'abc');
});

test('Socket.IO is read and written', () => {
  const protocol = socketIo({ token: 't' });
  const replies = [];
  const read = (text) => protocol.read(text, (reply) => replies.push(reply));
  assert.deepEqual(read('0{"sid":"x"}'), { type: 'opened', payload: { sid: 'x' } });
  assert.deepEqual(read('2'), { type: 'ping' });
  assert.deepEqual(replies, ['40{"token":"t"}', '3']);
  assert.deepEqual(read('40{"sid":"y"}'), { type: 'connected' });
  assert.deepEqual(read('42["timer:tick",{"a":1}]'), { type: 'timer:tick', payload: { a: 1 } });
  assert.deepEqual(read('4312[{"a":1}]'), { type: 'answer', id: 12, payload: { a: 1 } });
  assert.deepEqual(read('44{"message":"no"}'), { type: 'refused', payload: { message: 'no' } });
  for (const nonsense of ['', '6', '42', '42{}', '42[5]', 'x']) assert.equal(read(nonsense), null, nonsense);
  assert.equal(protocol.write({ type: 'session:leave', id: 3 }), '423["session:leave"]');
  assert.equal(protocol.write({ type: 'timer:start', payload: 5 }), '42["timer:start",5]');
});
