import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './fixture/modules.mjs';

const { INITIAL_MODEL, newestRunning, reduce, sessionPhase } = await load('clockit/model.js');
const { diffSessions } = await load('clockit/diff.js');

const running = (sessionId, more = {}) => ({
  sessionId,
  userId: 'ada',
  label: sessionId,
  startedAt: 10_400,
  accumulatedMs: 0,
  running: true,
  goals: [],
  ...more,
});
const paused = (sessionId, more) => running(sessionId, { running: false, pausedAt: 1, ...more });
const stopped = (sessionId, more) => running(sessionId, { running: false, endedAt: 1, ...more });
const ready = (list, serverTime = 12_900) => ({ type: 'ready', payload: list, sessions: list, serverTime, rev: 1 });
const update = (payload) => ({ type: 'session-update', payload, rev: 2 });
const after = (...messages) => messages.reduce(reduce, INITIAL_MODEL);
const elapsed = (model) => Object.fromEntries([...model.sessions].map(([id, { elapsedMs }]) => [id, elapsedMs]));

test('a new client shows the last whole second, as all others do', () => {
  assert.deepEqual(elapsed(after(ready([running('a')]))), { a: 1_600 });
  assert.deepEqual(elapsed(after(ready([running('a', { accumulatedMs: 5_000 })]))), { a: 6_600 });
  assert.deepEqual(elapsed(after(ready([running('a', { startedAt: 12_500 })]))), { a: 0 });
});

test('a paused or stopped session shows its accumulated time', () => {
  const model = after(ready([paused('a', { accumulatedMs: 7 }), stopped('b', { accumulatedMs: 8 })]));
  assert.deepEqual(elapsed(model), { a: 7, b: 8 });
  assert.deepEqual([...model.sessions.values()].map(({ state }) => sessionPhase(state)), ['paused', 'stopped']);
});

test('ticks arrive as a list or as an object', () => {
  const tick = { sessionId: 'a', elapsedMs: 2_600, running: true };
  const model = after(ready([running('a')]), { type: 'tick', payload: [tick], serverTime: 13_000 });
  assert.deepEqual(elapsed(model), { a: 2_600 });
  assert.equal(model.beatMs, 13_000);
  assert.deepEqual(elapsed(after(ready([running('a')]), { type: 'tick', payload: tick })), { a: 2_600 });
});

test('a tick of another run or of an unknown session is ignored', () => {
  const late = { type: 'tick', payload: [{ sessionId: 'a', elapsedMs: 99, running: true }, { sessionId: 'x', elapsedMs: 1, running: true }] };
  assert.deepEqual(elapsed(after(ready([paused('a', { accumulatedMs: 7 })]), late)), { a: 7 });
});

test('the final tick of a stopped session keeps its value', () => {
  const final = { type: 'tick', payload: [{ sessionId: 'a', elapsedMs: 1_850, running: false }] };
  assert.deepEqual(elapsed(after(ready([running('a')]), update(stopped('a', { accumulatedMs: 1_850 })), final)), { a: 1_850 });
});

test('an update keeps the position and the time of a continuing run', () => {
  const tick = { type: 'tick', payload: [{ sessionId: 'a', elapsedMs: 4_600, running: true }] };
  const model = after(ready([running('a'), running('b')]), tick, update(running('a', { label: 'renamed' })));
  assert.deepEqual([...model.sessions.keys()], ['a', 'b']);
  assert.equal(model.sessions.get('a').elapsedMs, 4_600);
  assert.equal(model.sessions.get('a').state.label, 'renamed');
});

test('a resumed session starts with its accumulated time', () => {
  const model = after(ready([paused('a', { accumulatedMs: 3_000 })]), update(running('a', { startedAt: 12_950, accumulatedMs: 3_000 })));
  assert.deepEqual(elapsed(model), { a: 3_000 });
});

test('a new session is last, and a removed one disappears', () => {
  const model = after(ready([running('a'), running('b')]), update(running('c')), update({ ...running('b'), removed: true }));
  assert.deepEqual([...model.sessions.keys()], ['a', 'c']);
});

test('a snapshot and a second ready replace the whole list, and a ready may set the time back', () => {
  const first = [ready([running('a'), running('b')], 20_000)];
  const snapshot = { type: 'session-snapshot', payload: [running('b')], serverTime: 21_000, rev: 3 };
  assert.deepEqual(elapsed(after(...first, snapshot)), { b: 10_600 });
  assert.deepEqual(elapsed(after(...first, ready([running('a')], 12_000))), { a: 1_600 });
});

test('unknown messages are ignored', () => {
  const model = after(ready([running('a')]));
  assert.equal(reduce(model, { type: 'session-stopped', payload: {} }), model);
});

test('the newest running session is the one with the latest start', () => {
  const list = [running('a', { startedAt: 5 }), running('b', { startedAt: 9 }), running('c', { startedAt: 7 }), paused('d', { startedAt: 11 })];
  assert.equal(newestRunning(after(ready(list))).state.sessionId, 'b');
  assert.equal(newestRunning(INITIAL_MODEL), undefined);
});

test('state changes yield a diff, ticks and a first load do not', () => {
  const kinds = (before, message) => diffSessions(before, reduce(before, message)).map(({ kind, state }) => `${state.sessionId} ${kind}`);
  const model = after(ready([running('a'), paused('b')]));
  assert.deepEqual(diffSessions(INITIAL_MODEL, model), []);
  assert.deepEqual(kinds(model, update(stopped('a'))), ['a stopped']);
  assert.deepEqual(kinds(model, update(paused('a'))), ['a paused']);
  assert.deepEqual(kinds(model, update(running('b'))), ['b running']);
  assert.deepEqual(kinds(model, update(running('c'))), ['c running']);
  assert.deepEqual(kinds(model, update({ ...running('a'), removed: true })), ['a removed']);
  assert.deepEqual(kinds(model, update(running('a', { goals: [{ id: 'g' }] }))), ['a goals']);
  assert.deepEqual(kinds(model, { type: 'tick', payload: [{ sessionId: 'a', elapsedMs: 1, running: true }] }), []);
});
