/** The model of Clockit: messages in, sessions out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diffSessions } from '../dist/clockit/diff.js';
import { continueLocally, INITIAL_MODEL, newestRunning, reduce } from '../dist/clockit/model.js';
import { parseServerMessage } from '../dist/clockit/protocol.js';
import { paused, ready as readyAt, running, stopped, update } from './fixture/clockit.mjs';

const ready = (list, serverTime = 12_900) => readyAt(list, serverTime);
const apply = (model, message) => reduce(model, parseServerMessage(message));
const after = (...messages) => messages.reduce(apply, INITIAL_MODEL);
const elapsed = (model) => Object.fromEntries([...model.sessions].map(([id, { elapsedMs }]) => [id, elapsedMs]));
const tick = (ticks, serverTime) => ({ type: 'tick', payload: ticks.map(([sessionId, elapsedMs]) => ({ sessionId, elapsedMs, running: true })), serverTime });

test('a new client shows the last whole second, as all others do', () => {
  assert.deepEqual(elapsed(after(ready([running('a')]))), { a: 1_600 });
  assert.deepEqual(elapsed(after(ready([running('a', { accumulatedMs: 5_000 })]))), { a: 6_600 });
  assert.deepEqual(elapsed(after(ready([running('a', { startedAt: 12_500 })]))), { a: 0 });
});

test('a paused or stopped session shows its accumulated time', () => {
  const model = after(ready([paused('a', { accumulatedMs: 7 }), stopped('b', { accumulatedMs: 8 })]));
  assert.deepEqual(elapsed(model), { a: 7, b: 8 });
  assert.deepEqual([...model.sessions.values()].map(({ phase }) => phase), ['paused', 'stopped']);
});

test('ticks move the time, and a repeated or late tick changes nothing', () => {
  const model = after(ready([running('a')]), tick([['a', 2_600]], 13_000));
  assert.deepEqual([elapsed(model), model.beatMs], [{ a: 2_600 }, 13_000]);
  for (const late of [tick([['a', 2_600]], 13_000), tick([['a', 1_600]], 12_000)]) assert.equal(apply(model, late), model);
});

test('a displayed time that is far ahead is corrected: a clock was moved', () => {
  const model = continueLocally(after(ready([running('a')])), 3_612_000);
  assert.deepEqual(elapsed(model), { a: 3_601_600 });
  const corrected = apply(model, tick([['a', 2_600]], 13_000));
  assert.deepEqual([elapsed(corrected), corrected.beatMs], [{ a: 2_600 }, 13_000]);
  assert.deepEqual(elapsed(apply(model, ready([running('a')], 13_900))), { a: 2_600 });
});

test('a time that continued locally is kept until the ticks of the server are ahead', () => {
  const model = continueLocally(after(ready([running('a'), paused('p', { accumulatedMs: 7 })])), 14_000);
  assert.deepEqual(elapsed(model), { a: 3_600, p: 7 });
  const reconnected = apply(model, ready([running('a'), paused('p', { accumulatedMs: 7 })], 13_900));
  assert.deepEqual(elapsed(reconnected), { a: 3_600, p: 7 });
  assert.deepEqual(elapsed(apply(reconnected, tick([['a', 4_600]], 15_000))), { a: 4_600, p: 7 });
});

test('a tick of another run or of an unknown session is ignored', () => {
  const late = tick([['a', 99], ['x', 1]], 13_000);
  assert.deepEqual(elapsed(after(ready([paused('a', { accumulatedMs: 7 })]), late)), { a: 7 });
});

test('the final tick of a stopped session keeps its value', () => {
  const final = { type: 'tick', payload: [{ sessionId: 'a', elapsedMs: 1_850, running: false }], serverTime: 12_250 };
  assert.deepEqual(elapsed(after(ready([running('a')]), update(stopped('a', { accumulatedMs: 1_850 })), final)), { a: 1_850 });
});

test('an update keeps the position and the time of a continuing run', () => {
  const model = after(ready([running('a'), running('b')]), tick([['a', 4_600]], 15_000), update(running('a', { label: 'renamed' })));
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

test('a snapshot and a second ready replace the whole list, and either may set the time back', () => {
  const first = [ready([running('a'), running('b')], 20_000)];
  const snapshot = (serverTime, list) => ({ type: 'session-snapshot', payload: list, serverTime, rev: 3 });
  assert.deepEqual(elapsed(after(...first, snapshot(21_000, [running('b')]))), { b: 10_600 });
  assert.deepEqual(elapsed(after(...first, ready([running('a')], 12_000))), { a: 1_600 });
  const moved = after(ready([running('a')], 9_000_000), snapshot(12_000, [running('a', { accumulatedMs: 8_989_000 })]), update(running('b', { startedAt: 12_500 })));
  assert.deepEqual(elapsed(moved), { a: 8_990_600, b: 0 });
});

test('messages without valid content are ignored, and so is invalid content among valid', () => {
  for (const message of [
    { type: 'session-stopped', payload: {} },
    { type: 'ready' },
    { type: 'ready', payload: 7, serverTime: 1 },
    { type: 'ready', payload: [], serverTime: 'now' },
    { type: 'session-snapshot', payload: [], serverTime: null },
    { type: 'session-update' },
    { type: 'session-update', payload: { sessionId: 'a' } },
    { type: 'session-update', payload: running('a', { startedAt: '5' }) },
  ]) {
    assert.equal(parseServerMessage(message), null, JSON.stringify(message));
  }
  const nonsense = [null, 7, 'x', {}, running('b', { goals: null }), running('c', { accumulatedMs: null })];
  assert.deepEqual(elapsed(after(ready([running('a'), ...nonsense]))), { a: 1_600 });
  const model = after(ready([running('a')]));
  for (const payload of [undefined, null, 7, [null, 7, {}], [{ sessionId: 'a', elapsedMs: 'x', running: true }]]) {
    assert.deepEqual(elapsed(apply(model, { type: 'tick', payload, serverTime: 'x' })), { a: 1_600 });
  }
});

test('the newest running session is the one with the latest start', () => {
  const list = [running('a', { startedAt: 5 }), running('b', { startedAt: 9 }), running('c', { startedAt: 7 }), paused('d', { startedAt: 11 })];
  assert.equal(newestRunning(after(ready(list)).sessions).state.sessionId, 'b');
  assert.equal(newestRunning(new Map()), undefined);
});

test('state changes yield a diff, ticks and a first load do not', () => {
  const kinds = (before, message) => diffSessions(before, apply(before, message)).map(({ kind, session }) => `${session.state.sessionId} ${kind}`);
  const model = after(ready([running('a'), paused('b')]));
  assert.deepEqual(diffSessions(INITIAL_MODEL, model), []);
  assert.deepEqual(kinds(model, update(stopped('a'))), ['a stopped']);
  assert.deepEqual(kinds(model, update(paused('a'))), ['a paused']);
  assert.deepEqual(kinds(model, update(running('b'))), ['b running']);
  assert.deepEqual(kinds(model, update(running('c'))), ['c running']);
  assert.deepEqual(kinds(model, update({ ...running('a'), removed: true })), ['a removed']);
  assert.deepEqual(kinds(model, update(running('a', { goals: [{ id: 'g' }] }))), ['a goals']);
  assert.deepEqual(kinds(model, tick([['a', 9_600]], 20_000)), []);
});
