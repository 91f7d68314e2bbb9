import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './fixture/modules.mjs';

const { announcementOf } = await load('rooms/announcements.js');
const { createPresenceFeed } = await load('rooms/presence-feed.js');
const { displayIdFromHash, hashOfDisplay, hashOfRoom, pageFromHash, roomIdFromHash, roomIdFromInput } = await load('route.js');

const NOW = 1_000_000;
const ready = { sessionId: 'r', duration: 60, remainingTime: 60, isRunning: false, isPaused: false, serverTime: NOW, rev: 3 };
const running = { ...ready, isRunning: true, startedAt: NOW - 10_000, endsAt: NOW + 50_000, remainingTime: 50 };
const paused = { ...ready, isPaused: true, pausedAt: NOW, remainingTime: 20 };

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
  for (const id of ['abc', 'a b/c#é']) assert.equal(displayIdFromHash(hashOfDisplay(id)), id);
  assert.deepEqual(['#/display/x', '#/display/', '#/history', '#/punch-clock', '#/nothing'].map(pageFromHash), ['display', 'timers', 'history', 'punch-clock', 'timers']);
  for (const page of ['room', 'display']) assert.equal(roomIdFromInput(`https://host/?x=1#/${page}/abc`), 'abc');
});
