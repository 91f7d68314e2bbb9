import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './fixture/modules.mjs';

const { EMPTY, newestRunning, phaseOf, reduce } = await load('clockit/store.js');
const { changes } = await load('clockit/changes.js');

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
const after = (...messages) => messages.reduce(reduce, EMPTY);
const shown = (model) => Object.fromEntries([...model.sessions].map(([id, { elapsedMs }]) => [id, elapsedMs]));

test('a newcomer shows the last whole second, as everyone else does', () => {
  assert.deepEqual(shown(after(ready([running('a')]))), { a: 1_600 });
  assert.deepEqual(shown(after(ready([running('a', { accumulatedMs: 5_000 })]))), { a: 6_600 });
  assert.deepEqual(shown(after(ready([running('a', { startedAt: 12_500 })]))), { a: 0 });
});

test('what does not run shows what it has gathered', () => {
  const model = after(ready([paused('a', { accumulatedMs: 7 }), stopped('b', { accumulatedMs: 8 })]));
  assert.deepEqual(shown(model), { a: 7, b: 8 });
  assert.deepEqual([...model.sessions.values()].map(({ state }) => phaseOf(state)), ['paused', 'stopped']);
});

test('ticks come as a list and as an object', () => {
  const tick = { sessionId: 'a', elapsedMs: 2_600, running: true };
  const model = after(ready([running('a')]), { type: 'tick', payload: [tick], serverTime: 13_000 });
  assert.deepEqual(shown(model), { a: 2_600 });
  assert.equal(model.beatMs, 13_000);
  assert.deepEqual(shown(after(ready([running('a')]), { type: 'tick', payload: tick })), { a: 2_600 });
});

test('a tick of another run, or of nothing known, changes nothing', () => {
  const late = { type: 'tick', payload: [{ sessionId: 'a', elapsedMs: 99, running: true }, { sessionId: 'x', elapsedMs: 1, running: true }] };
  assert.deepEqual(shown(after(ready([paused('a', { accumulatedMs: 7 })]), late)), { a: 7 });
});

test('the final tick of a stopped session holds its value', () => {
  const final = { type: 'tick', payload: [{ sessionId: 'a', elapsedMs: 1_850, running: false }] };
  assert.deepEqual(shown(after(ready([running('a')]), update(stopped('a', { accumulatedMs: 1_850 })), final)), { a: 1_850 });
});

test('an update keeps the place and the time of a run that goes on', () => {
  const tick = { type: 'tick', payload: [{ sessionId: 'a', elapsedMs: 4_600, running: true }] };
  const model = after(ready([running('a'), running('b')]), tick, update(running('a', { label: 'renamed' })));
  assert.deepEqual([...model.sessions.keys()], ['a', 'b']);
  assert.equal(model.sessions.get('a').elapsedMs, 4_600);
  assert.equal(model.sessions.get('a').state.label, 'renamed');
});

test('a resumed session begins with what it had gathered', () => {
  const model = after(ready([paused('a', { accumulatedMs: 3_000 })]), update(running('a', { startedAt: 12_950, accumulatedMs: 3_000 })));
  assert.deepEqual(shown(model), { a: 3_000 });
});

test('a new session comes last, a removed one goes', () => {
  const model = after(ready([running('a'), running('b')]), update(running('c')), update({ ...running('b'), removed: true }));
  assert.deepEqual([...model.sessions.keys()], ['a', 'c']);
});

test('a snapshot and a second ready replace the whole list, and a ready may turn time back', () => {
  const first = [ready([running('a'), running('b')], 20_000)];
  const snapshot = { type: 'session-snapshot', payload: [running('b')], serverTime: 21_000, rev: 3 };
  assert.deepEqual(shown(after(...first, snapshot)), { b: 10_600 });
  assert.deepEqual(shown(after(...first, ready([running('a')], 12_000))), { a: 1_600 });
});

test('unknown messages are passed over', () => {
  const model = after(ready([running('a')]));
  assert.equal(reduce(model, { type: 'session-stopped', payload: {} }), model);
});

test('the newest running session is the one that began last', () => {
  const list = [running('a', { startedAt: 5 }), running('b', { startedAt: 9 }), running('c', { startedAt: 7 }), paused('d', { startedAt: 11 })];
  assert.equal(newestRunning(after(ready(list))).state.sessionId, 'b');
  assert.equal(newestRunning(EMPTY), undefined);
});

test('changes tell what happened, ticks and a first load do not', () => {
  const kinds = (before, message) => changes(before, reduce(before, message)).map(({ kind, state }) => `${state.sessionId} ${kind}`);
  const model = after(ready([running('a'), paused('b')]));
  assert.deepEqual(changes(EMPTY, model), []);
  assert.deepEqual(kinds(model, update(stopped('a'))), ['a stopped']);
  assert.deepEqual(kinds(model, update(paused('a'))), ['a paused']);
  assert.deepEqual(kinds(model, update(running('b'))), ['b running']);
  assert.deepEqual(kinds(model, update(running('c'))), ['c running']);
  assert.deepEqual(kinds(model, update({ ...running('a'), removed: true })), ['a removed']);
  assert.deepEqual(kinds(model, update(running('a', { goals: [{ id: 'g' }] }))), ['a goals']);
  assert.deepEqual(kinds(model, { type: 'tick', payload: [{ sessionId: 'a', elapsedMs: 1, running: true }] }), []);
});
