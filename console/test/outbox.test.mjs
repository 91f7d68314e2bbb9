import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Clock } from './fixture/clock.mjs';
import { load } from './fixture/modules.mjs';

const { Outbox } = await load('clockit/outbox.js');
const commands = await load('clockit/commands.js');

function createOutbox({ online = true, dead = false } = {}) {
  const clock = new Clock();
  const sent = [];
  const errors = [];
  const outbox = new Outbox(
    {
      send: (message) => sent.push(message) > 0,
      onChange: () => {},
      onTimeout: () => dead && outbox.setOnline(false),
      onError: (message, { code }) => errors.push([message.payload.sessionId, code]),
    },
    clock.platform,
  );
  outbox.setOnline(online);
  const ack = () => outbox.settle({ type: 'ack', id: sent.at(-1).id });
  const error = (retry) => outbox.settle({ type: 'error', id: sent.at(-1).id, payload: { code: 'busy', message: '', retry } });
  return { outbox, clock, sent, errors, ack, error };
}

const names = (sent) => sent.map(({ type, payload }) => `${type.slice(8)} ${payload.sessionId}`);

test('commands are sent one at a time, in order', () => {
  const { outbox, sent, ack } = createOutbox();
  outbox.submit(commands.pause('a'));
  outbox.submit(commands.resume('a'));
  assert.deepEqual(names(sent), ['pause a']);
  ack();
  assert.deepEqual(names(sent), ['pause a', 'resume a']);
  ack();
  assert.deepEqual(outbox.pending, []);
});

test('a command submitted offline is sent after reconnecting', () => {
  const { outbox, sent } = createOutbox({ online: false });
  outbox.submit(commands.stop('a'));
  assert.deepEqual(sent, []);
  outbox.setOnline(true);
  assert.deepEqual(names(sent), ['stop a']);
});

test('an unanswered command is sent again with the same id after a reconnect', () => {
  const { outbox, sent, ack } = createOutbox();
  outbox.submit(commands.stop('a'));
  outbox.setOnline(false);
  outbox.setOnline(true);
  assert.deepEqual(names(sent), ['stop a', 'stop a']);
  assert.equal(sent[0].id, sent[1].id);
  ack();
  ack();
  assert.deepEqual(outbox.pending, []);
});

test('each outbox names a client of its own, which stays the same', () => {
  const [one, other] = [createOutbox().outbox, createOutbox().outbox];
  const name = one.clientId;
  one.setOnline(false);
  one.setOnline(true);
  assert.equal(one.clientId, name);
  assert.notEqual(one.clientId, other.clientId);
});

test('a repeated answer does not settle the next command', () => {
  const { outbox, sent, ack } = createOutbox();
  outbox.submit(commands.stop('a'));
  outbox.submit(commands.stop('b'));
  ack();
  outbox.settle({ type: 'ack', id: sent[0].id });
  assert.deepEqual(outbox.pending.map(({ payload }) => payload.sessionId), ['b']);
});

test('a retryable error is retried with growing delays and a limit', () => {
  const { outbox, clock, sent, errors, error } = createOutbox();
  outbox.submit(commands.pause('a'));
  outbox.submit(commands.stop('a'));
  for (const delay of [2_000, 4_000, 8_000, 8_000]) {
    error(true);
    const before = sent.length;
    clock.advance(delay - 1);
    assert.equal(sent.length, before);
    clock.advance(1);
    assert.equal(sent.length, before + 1);
  }
  error(true);
  assert.equal(new Set(sent.slice(0, 5).map(({ id }) => id)).size, 1);
  assert.deepEqual(errors, [['a', 'busy']]);
  assert.deepEqual(names(sent).at(-1), 'stop a');
});

test('any other error fails the command at once', () => {
  const { outbox, clock, errors, error } = createOutbox();
  outbox.submit(commands.pause('a'));
  error(false);
  assert.deepEqual(errors, [['a', 'busy']]);
  assert.deepEqual(outbox.pending, []);
  assert.equal(clock.waiting, 0);
});

test('a command without an answer is sent again', () => {
  const { outbox, clock, sent } = createOutbox();
  outbox.submit(commands.pause('a'));
  clock.advance(12_000);
  assert.deepEqual(names(sent), ['pause a', 'pause a']);
});

test('a command without an answer on a dead connection waits for the next connection', () => {
  const { outbox, clock, sent } = createOutbox({ dead: true });
  outbox.submit(commands.pause('a'));
  clock.advance(60_000);
  assert.deepEqual(names(sent), ['pause a']);
  outbox.setOnline(true);
  assert.deepEqual(names(sent), ['pause a', 'pause a']);
});

test('the command that caused the disconnect is not sent again', () => {
  const { outbox, sent, errors } = createOutbox();
  outbox.submit(commands.pause('a'));
  outbox.submit(commands.stop('b'));
  outbox.failCurrent({ code: 'too_large' });
  assert.deepEqual(errors, [['a', 'too_large']]);
  assert.deepEqual(names(sent), ['pause a', 'stop b']);
});

test('a command sent too long ago is not sent again, because it could be carried out twice', () => {
  const { outbox, clock, sent, errors } = createOutbox();
  outbox.submit(commands.start({ label: 'a', goals: [] }));
  outbox.setOnline(false);
  clock.advance(241_000);
  outbox.setOnline(true);
  assert.equal(sent.length, 1);
  assert.deepEqual(errors, [[undefined, 'outcome_unknown']]);
});

test('a command that was never sent may wait without a limit', () => {
  const { outbox, clock, sent } = createOutbox({ online: false });
  outbox.submit(commands.stop('a'));
  clock.advance(3_600_000);
  outbox.setOnline(true);
  assert.deepEqual(names(sent), ['stop a']);
});

test('the queue holds twenty commands, each at most as large as the server accepts', () => {
  const { outbox, errors } = createOutbox({ online: false });
  for (let i = 0; i < 20; i++) assert.equal(outbox.submit(commands.stop(`s${i}`)), true);
  assert.equal(outbox.submit(commands.stop('one more')), false);
  assert.deepEqual(errors, [['one more', 'queue_full']]);
  const other = createOutbox();
  assert.equal(other.outbox.submit(commands.attach('a', commands.newGoal('x'.repeat(70_000)))), false);
  assert.deepEqual(other.errors, [['a', 'too_large']]);
});

test('a goal keeps its unknown fields', () => {
  const goal = { id: 'g', title: 't', completed: false, groupId: '', groupName: '', colour: 'red' };
  const done = commands.withCompleted(goal, true, 5);
  assert.deepEqual(done, { ...goal, completed: true, completedAt: 5 });
  assert.deepEqual(commands.withCompleted(done, false, 6), goal);
});

test('goal titles are separated by commas or line breaks', () => {
  assert.deepEqual(commands.parseGoalTitles(' a, b\n\n c ,,d'), ['a', 'b', 'c', 'd']);
});

test('ids are random UUIDs, also without randomUUID', () => {
  const old = { getRandomValues: (bytes) => bytes.fill(255) };
  assert.equal(commands.randomId(old), 'ffffffff-ffff-4fff-bfff-ffffffffffff');
  assert.match(commands.randomId(), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
});
