import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './fixture/modules.mjs';

const { countdownPhase, predict, remainingMs } = await load('rooms/countdown.js');
const { INITIAL_MODEL, announcementOf, reduce } = await load('rooms/model.js');
const { createPresenceFeed } = await load('rooms/presence-feed.js');
const { hashOfRoom, pageFromHash, roomIdFromHash, roomIdFromInput } = await load('route.js');
const { socketIo } = await load('net/socketio.js');

const NOW = 1_000_000;
const ready = { sessionId: 'r', duration: 60, remainingTime: 60, isRunning: false, isPaused: false, serverTime: NOW, rev: 3 };
const running = { ...ready, isRunning: true, startedAt: NOW - 10_000, endsAt: NOW + 50_000, remainingTime: 50 };
const paused = { ...ready, isPaused: true, pausedAt: NOW, remainingTime: 20 };

test('the effect of a command is predicted', () => {
  const check = (state, type, payload, phase, seconds) => {
    const after = predict(state, { type, payload }, NOW);
    assert.deepEqual([countdownPhase(after), remainingMs(after, NOW) / 1000], [phase, seconds], `${type} ${countdownPhase(state)}`);
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

test('an older state and a state of another room are ignored', () => {
  const joined = { sessionId: 'r', clientId: 'c', state: running, clients: [], count: 0 };
  const model = reduce(INITIAL_MODEL, { type: 'session:joined', payload: joined });
  const after = (type, payload) => reduce(model, { type, payload });
  assert.equal(after('timer:state', { ...paused, rev: 2 }), model);
  assert.equal(after('timer:state', { ...paused, rev: 4 }).room.state.isPaused, true);
  assert.equal(after('timer:state', { ...paused, sessionId: 'other', rev: 4 }), model);
  assert.equal(after('session:user-left', { sessionId: 'r', clients: [1], count: 7 }).room.count, 7);
  assert.equal(after('timer:completed', { sessionId: 'r', completedAt: 5 }).completedAt, 5);
});

test('changes by others are announced, repeated states are not', () => {
  const check = (before, after, text, completedAt = null) => {
    const announced = announcementOf({ type: 'timer:state', payload: { ...after, rev: 4 } }, { room: { state: before }, completedAt });
    assert.equal(announced, text);
  };
  check(ready, running, 'The countdown has started.');
  check({ ...running, startedAt: 1 }, running, 'The countdown has started.');
  check(running, { ...running, endsAt: NOW + 9 }, 'The end time has changed.');
  check(running, paused, 'The countdown is paused.');
  check(paused, { ...paused, remainingTime: 80 }, 'The remaining time has changed.');
  check({ ...paused, startedAt: running.startedAt }, running, 'The countdown has resumed.');
  check(running, ready, 'The countdown was reset.');
  check(running, ready, '', NOW);
  assert.equal(announcementOf({ type: 'timer:state', payload: ready }, { room: { state: ready }, completedAt: null }), '');
});

test('a restart clears the completion', () => {
  const joined = { sessionId: 'r', state: ready, clients: [], count: 0 };
  const at = (...messages) => messages.reduce(reduce, reduce(INITIAL_MODEL, { type: 'session:joined', payload: joined }));
  const completed = { type: 'timer:completed', payload: { sessionId: 'r', completedAt: NOW } };
  const state = (payload, rev) => ({ type: 'timer:state', payload: { ...payload, rev } });
  assert.equal(at(completed, state(ready, 4)).completedAt, NOW);
  assert.equal(at(completed, state(ready, 4), state(running, 5), state(ready, 6)).completedAt, null);
});

test('presence changes are announced in batches', () => {
  const announced = [];
  let run;
  const add = createPresenceFeed((text) => announced.push(text), (callback) => (run = callback));
  const addMember = (name, type = 'session:user-joined') => add({ type, payload: { client: { name } } });
  addMember('Ann');
  run();
  for (const name of ['Ben', 'Cem', 'Dan']) addMember(name);
  addMember('Ann', 'session:user-left');
  run();
  assert.deepEqual(announced, ['Ann has joined.', '3 people have joined. Ann has left.']);
});

test('URLs map to rooms and back', () => {
  for (const id of ['abc', 'a b/c#é']) assert.equal(roomIdFromHash(hashOfRoom(id)), id);
  assert.deepEqual(['', '#/', '#/rooms', '#/room/x', '#/room/'].map(pageFromHash), ['timers', 'timers', 'rooms', 'rooms', 'timers']);
  assert.equal(roomIdFromInput(' abc '), 'abc');
  assert.equal(roomIdFromInput('https://host/?x=1#/room/abc'), 'abc');
});

test('Socket.IO packets are decoded and encoded', () => {
  const protocol = socketIo({ token: 't' });
  const replies = [];
  const read = (text) => protocol.read(text, (reply) => replies.push(reply));
  assert.deepEqual(read('0{"sid":"x"}'), { type: 'open', payload: { sid: 'x' } });
  assert.deepEqual(read('2'), { type: 'ping' });
  assert.deepEqual(replies, ['40{"token":"t"}', '3']);
  assert.deepEqual(read('40{"sid":"y"}'), { type: 'connect' });
  assert.deepEqual(read('42["timer:tick",{"a":1}]'), { type: 'timer:tick', payload: { a: 1 } });
  assert.deepEqual(read('4312[{"a":1}]'), { type: 'ack', id: 12, payload: { a: 1 } });
  assert.deepEqual(read('44{"message":"no"}'), { type: 'connect_error', payload: { message: 'no' } });
  for (const invalid of ['', '6', '42', '42{}', '42[5]', 'x']) assert.equal(read(invalid), null, invalid);
  assert.equal(protocol.write({ type: 'session:leave', id: 3 }), '423["session:leave"]');
  assert.equal(protocol.write({ type: 'timer:start', payload: 5 }), '42["timer:start",5]');
});
