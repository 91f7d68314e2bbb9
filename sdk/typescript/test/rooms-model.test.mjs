/** The model of a room, and the predicted effect of commands. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countdownPhase, predict, remainingMs, remainingSeconds } from '../dist/rooms/countdown.js';
import { INITIAL_MODEL, reduce } from '../dist/rooms/model.js';

const NOW = 1_000_000;
const ready = { sessionId: 'r', duration: 60, remainingTime: 60, isRunning: false, isPaused: false, serverTime: NOW, rev: 3 };
const running = { ...ready, isRunning: true, startedAt: NOW - 10_000, endsAt: NOW + 50_000, remainingTime: 50 };
const paused = { ...ready, isPaused: true, pausedAt: NOW, remainingTime: 20 };

test('the effect of a command is predicted', () => {
  const check = (state, type, payload, phase, seconds) => {
    const after = predict(state, { type, ...payload }, NOW);
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

test('a display does not go back by a second in one run', () => {
  const at = (now, displayed) => remainingSeconds(running, NOW + now, displayed);
  const displayed = { state: running, seconds: 48 };
  assert.deepEqual([at(2_000, null), at(3_000, displayed), at(1_999, displayed), at(-9_000, displayed)], [48, 47, 48, 59]);
  assert.equal(at(1_999, { state: { ...running, endsAt: NOW + 49_000 }, seconds: 48 }), 49, 'another run');
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

test('a restart clears the completion', () => {
  const joined = { sessionId: 'r', state: ready, clients: [], count: 0 };
  const at = (...messages) => messages.reduce(reduce, reduce(INITIAL_MODEL, { type: 'session:joined', payload: joined }));
  const completed = { type: 'timer:completed', payload: { sessionId: 'r', completedAt: NOW } };
  const state = (payload, rev) => ({ type: 'timer:state', payload: { ...payload, rev } });
  assert.equal(at(completed, state(ready, 4)).completedAt, NOW);
  assert.equal(at(completed, state(ready, 4), state(running, 5), state(ready, 6)).completedAt, null);
});
