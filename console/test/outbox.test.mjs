import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Clock } from './fixture/clock.mjs';
import { load } from './fixture/modules.mjs';

const { Outbox } = await load('clockit/outbox.js');
const commands = await load('clockit/commands.js');

function outbox({ online = true, dead = false } = {}) {
  const clock = new Clock();
  const sent = [];
  const failed = [];
  const box = new Outbox(
    {
      send: (message) => sent.push(message) > 0,
      onChange: () => {},
      onUnanswered: () => dead && box.setOnline(false),
      onFailed: (message, { code }) => failed.push([message.payload.sessionId, code]),
    },
    clock.platform,
  );
  box.setOnline(online);
  const ack = () => box.settle({ type: 'ack', id: sent.at(-1).id });
  const error = (retry) => box.settle({ type: 'error', id: sent.at(-1).id, payload: { code: 'busy', message: '', retry } });
  return { box, clock, sent, failed, ack, error };
}

const names = (sent) => sent.map(({ type, payload }) => `${type.slice(8)} ${payload.sessionId}`);

test('commands go one at a time, in order', () => {
  const { box, sent, ack } = outbox();
  box.submit(commands.pause('a'));
  box.submit(commands.resume('a'));
  assert.deepEqual(names(sent), ['pause a']);
  ack();
  assert.deepEqual(names(sent), ['pause a', 'resume a']);
  ack();
  assert.deepEqual(box.pending, []);
});

test('what is given offline is sent once the link is back', () => {
  const { box, sent } = outbox({ online: false });
  box.submit(commands.stop('a'));
  assert.deepEqual(sent, []);
  box.setOnline(true);
  assert.deepEqual(names(sent), ['stop a']);
});

test('an unanswered command is sent again with the same id after a lost link', () => {
  const { box, sent, ack } = outbox();
  box.submit(commands.stop('a'));
  box.setOnline(false);
  box.setOnline(true);
  assert.deepEqual(names(sent), ['stop a', 'stop a']);
  assert.equal(sent[0].id, sent[1].id);
  ack();
  ack();
  assert.deepEqual(box.pending, []);
});

test('a late repeat of an answer does not settle the next command', () => {
  const { box, sent, ack } = outbox();
  box.submit(commands.stop('a'));
  box.submit(commands.stop('b'));
  ack();
  box.settle({ type: 'ack', id: sent[0].id });
  assert.deepEqual(box.pending.map(({ payload }) => payload.sessionId), ['b']);
});

test('an error worth a retry is tried again, later each time, and not for ever', () => {
  const { box, clock, sent, failed, error } = outbox();
  box.submit(commands.pause('a'));
  box.submit(commands.stop('a'));
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
  assert.deepEqual(failed, [['a', 'busy']]);
  assert.deepEqual(names(sent).at(-1), 'stop a');
});

test('another error ends the command at once', () => {
  const { box, clock, failed, error } = outbox();
  box.submit(commands.pause('a'));
  error(false);
  assert.deepEqual(failed, [['a', 'busy']]);
  assert.deepEqual(box.pending, []);
  assert.equal(clock.waiting, 0);
});

test('a command without an answer is sent again', () => {
  const { box, clock, sent } = outbox();
  box.submit(commands.pause('a'));
  clock.advance(12_000);
  assert.deepEqual(names(sent), ['pause a', 'pause a']);
});

test('where no answer means a dead link, the command waits for the next one', () => {
  const { box, clock, sent } = outbox({ dead: true });
  box.submit(commands.pause('a'));
  clock.advance(60_000);
  assert.deepEqual(names(sent), ['pause a']);
  box.setOnline(true);
  assert.deepEqual(names(sent), ['pause a', 'pause a']);
});

test('the command that cost the link is not sent again', () => {
  const { box, sent, failed } = outbox();
  box.submit(commands.pause('a'));
  box.submit(commands.stop('b'));
  box.failFirst({ code: 'too_large' });
  assert.deepEqual(failed, [['a', 'too_large']]);
  assert.deepEqual(names(sent), ['pause a', 'stop b']);
});

test('a command sent too long ago is not sent again, for it could happen twice', () => {
  const { box, clock, sent, failed } = outbox();
  box.submit(commands.start({ label: 'a', goals: [] }));
  box.setOnline(false);
  clock.advance(241_000);
  box.setOnline(true);
  assert.equal(sent.length, 1);
  assert.deepEqual(failed, [[undefined, 'outcome_unknown']]);
});

test('a command that was never sent may wait as long as it must', () => {
  const { box, clock, sent } = outbox({ online: false });
  box.submit(commands.stop('a'));
  clock.advance(3_600_000);
  box.setOnline(true);
  assert.deepEqual(names(sent), ['stop a']);
});

test('the queue takes twenty, and nothing larger than the server takes', () => {
  const { box, failed } = outbox({ online: false });
  for (let i = 0; i < 20; i++) assert.equal(box.submit(commands.stop(`s${i}`)), true);
  assert.equal(box.submit(commands.stop('one more')), false);
  assert.deepEqual(failed, [['one more', 'queue_full']]);
  const other = outbox();
  assert.equal(other.box.submit(commands.attach('a', commands.newGoal('x'.repeat(70_000)))), false);
  assert.deepEqual(other.failed, [['a', 'too_large']]);
});

test('a goal keeps what the server keeps in it', () => {
  const goal = { id: 'g', title: 't', completed: false, groupId: '', groupName: '', colour: 'red' };
  const done = commands.withCompleted(goal, true, 5);
  assert.deepEqual(done, { ...goal, completed: true, completedAt: 5 });
  assert.deepEqual(commands.withCompleted(done, false, 6), goal);
});

test('goal titles are separated by commas or lines', () => {
  assert.deepEqual(commands.goalTitles(' a, b\n\n c ,,d'), ['a', 'b', 'c', 'd']);
});

test('ids are random UUIDs, also where there is no randomUUID', () => {
  const old = { getRandomValues: (bytes) => bytes.fill(255) };
  assert.equal(commands.randomId(old), 'ffffffff-ffff-4fff-bfff-ffffffffffff');
  assert.match(commands.randomId(), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
});
