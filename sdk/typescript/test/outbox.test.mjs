/** The outbox of commands, and its storage that pages of one browser share. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbox } from '../dist/core/outbox.js';
import { OutboxStorage } from '../dist/core/outbox-storage.js';
import { randomId } from '../dist/core/platform.js';
import { Clock } from './fixture/clock.mjs';
import './fixture/crypto.mjs';
import { MemoryStorage } from './fixture/storage.mjs';

function createOutbox({ online = true, dead = false, clock = new Clock(), storage = null, prefix = 'ann' } = {}) {
  const platform = clock.platform();
  clock.random = 1;
  const sent = [];
  const errors = [];
  const kept = new OutboxStorage(storage, prefix, platform);
  const outbox = new Outbox({
    platform,
    storage: kept,
    send: (command) => sent.push(command) > 0,
    onChange: () => {},
    onTimeout: () => dead && outbox.setOnline(false),
    onError: ({ code, command }) => errors.push([command.payload.sessionId, code]),
  });
  outbox.adopt();
  outbox.setOnline(online);
  const ack = () => outbox.settle({ id: sent.at(-1).id, ok: true, value: { rev: 1, sessionId: 's' } });
  const error = (retry) => outbox.settle({ id: sent.at(-1).id, ok: false, code: 'busy', message: '', retry });
  const submit = (type, sessionId) => outbox.submit(`session-${type}`, { sessionId });
  return { outbox, clock, platform, kept, sent, errors, ack, error, submit };
}

const names = (sent) => sent.map(({ type, payload }) => `${type.slice(8)} ${payload.sessionId}`);

test('commands are sent one at a time, in order, and their results are told', async () => {
  const { outbox, sent, submit, ack, error } = createOutbox();
  const results = [submit('pause', 'a'), submit('resume', 'a')];
  assert.deepEqual(names(sent), ['pause a']);
  ack();
  assert.deepEqual(names(sent), ['pause a', 'resume a']);
  error(false);
  assert.deepEqual(outbox.pending, []);
  assert.deepEqual(await results[0], { ok: true, rev: 1, sessionId: 's' });
  const { ok, error: failure } = await results[1];
  assert.deepEqual([ok, failure.kind, failure.code, failure.command.type], [false, 'command', 'busy', 'session-resume']);
});

test('a command submitted offline is sent after reconnecting', () => {
  const { outbox, sent, submit } = createOutbox({ online: false });
  submit('stop', 'a');
  assert.deepEqual(sent, []);
  outbox.setOnline(true);
  assert.deepEqual(names(sent), ['stop a']);
});

test('an unanswered command is sent again with the same id after a reconnect, and after a handover', () => {
  for (const phases of [[false, true], [true]]) {
    const { outbox, sent, submit, ack } = createOutbox();
    submit('stop', 'a');
    phases.forEach((online) => outbox.setOnline(online));
    assert.deepEqual(names(sent), ['stop a', 'stop a']);
    assert.equal(sent[0].id, sent[1].id);
    ack();
    ack();
    assert.deepEqual(outbox.pending, []);
  }
});

test('a repeated answer does not settle the next command', () => {
  const { outbox, sent, submit, ack } = createOutbox();
  submit('stop', 'a');
  submit('stop', 'b');
  ack();
  outbox.settle({ id: sent[0].id, ok: true, value: { rev: 1, sessionId: 'a' } });
  assert.deepEqual(outbox.pending.map(({ payload }) => payload.sessionId), ['b']);
});

test('a retryable error is retried with growing delays and a limit', async () => {
  const { clock, sent, errors, submit, error } = createOutbox();
  submit('pause', 'a');
  submit('stop', 'a');
  for (const delay of [2_000, 4_000, 8_000, 8_000]) {
    error(true);
    const before = sent.length;
    await clock.advance(delay - 1);
    assert.equal(sent.length, before);
    await clock.advance(1);
    assert.equal(sent.length, before + 1);
  }
  error(true);
  assert.equal(new Set(sent.slice(0, 5).map(({ id }) => id)).size, 1);
  assert.deepEqual(errors, [['a', 'busy']]);
  assert.deepEqual(names(sent).at(-1), 'stop a');
});

test('a command without an answer is sent again, or waits for the next connection', async () => {
  const alive = createOutbox();
  alive.submit('pause', 'a');
  await alive.clock.advance(12_000);
  assert.deepEqual(names(alive.sent), ['pause a', 'pause a']);
  const dead = createOutbox({ dead: true });
  dead.submit('pause', 'a');
  await dead.clock.advance(60_000);
  assert.deepEqual(names(dead.sent), ['pause a']);
  dead.outbox.setOnline(true);
  assert.deepEqual(names(dead.sent), ['pause a', 'pause a']);
});

test('the command that caused the disconnect is not sent again', () => {
  const { outbox, sent, errors, submit } = createOutbox();
  submit('pause', 'a');
  submit('stop', 'b');
  outbox.failCurrent('too_large');
  assert.deepEqual(errors, [['a', 'too_large']]);
  assert.deepEqual(names(sent), ['pause a', 'stop b']);
});

test('a command that the server may have forgotten is not sent again, because it could be carried out twice', async () => {
  for (const [movedMs, expected] of [[241_000, 'outcome_unknown'], [-3_600_000, 'outcome_unknown'], [-30_000, null]]) {
    const { outbox, platform, sent, errors, submit } = createOutbox();
    submit('start', 'a');
    outbox.setOnline(false);
    platform.offsetMs += movedMs;
    outbox.setOnline(true);
    assert.deepEqual(errors, expected ? [['a', expected]] : []);
    assert.equal(sent.length, expected ? 1 : 2);
  }
});

test('a command that was never sent may wait for a day', async () => {
  for (const [hours, expected] of [[23, ['stop a']], [25, []]]) {
    const { outbox, clock, sent, errors, submit } = createOutbox({ online: false });
    submit('stop', 'a');
    await clock.advance(hours * 3_600_000);
    outbox.setOnline(true);
    assert.deepEqual(names(sent), expected);
    assert.deepEqual(errors, expected.length ? [] : [['a', 'expired']]);
  }
});

test('the queue holds twenty commands, each at most as large as the server accepts', async () => {
  const { outbox, errors, submit } = createOutbox({ online: false });
  for (let i = 0; i < 20; i++) submit('stop', `s${i}`);
  assert.equal((await submit('stop', 'one more')).error.code, 'queue_full');
  assert.deepEqual([outbox.pending.length, errors], [20, [['one more', 'queue_full']]]);
  const other = createOutbox();
  assert.equal((await other.submit('stop', 'x'.repeat(70_000))).error.code, 'too_large');
});

test('commands survive a reload, and are sent once, as the same client with the same ids', async () => {
  const [clock, storage] = [new Clock(), new MemoryStorage()];
  const page = createOutbox({ clock, storage });
  page.submit('pause', 'a');
  page.submit('stop', 'b');
  page.kept.release();
  const reloaded = createOutbox({ clock, storage });
  assert.equal(reloaded.kept.clientId, page.kept.clientId);
  assert.deepEqual(reloaded.sent, page.sent, 'the same id');
  reloaded.ack();
  reloaded.ack();
  assert.deepEqual(names(reloaded.sent), ['pause a', 'stop b']);
  assert.deepEqual(createOutbox({ clock, storage }).outbox.pending, [], 'answered commands are gone');
});

test('commands of a page that crashed are adopted after its lease, those of a living page are not', async () => {
  const [clock, storage] = [new Clock(), new MemoryStorage()];
  const crashed = createOutbox({ clock, storage, online: false });
  crashed.submit('stop', 'a');
  const living = createOutbox({ clock, storage, online: false });
  living.submit('stop', 'b');
  const other = createOutbox({ clock, storage });
  for (let second = 0; second < 200; second++) {
    await clock.advance(1_000);
    living.outbox.maintain();
    other.outbox.adopt();
  }
  assert.deepEqual(names(other.outbox.pending), ['stop a']);
});

test('a frozen page whose commands were adopted drops them', async () => {
  const [clock, storage] = [new Clock(), new MemoryStorage()];
  const frozen = createOutbox({ clock, storage, online: false });
  const result = frozen.submit('stop', 'a');
  await clock.advance(3_600_000);
  const other = createOutbox({ clock, storage });
  assert.deepEqual(names(other.sent), ['stop a']);
  other.ack();
  frozen.outbox.setOnline(true);
  assert.deepEqual(frozen.sent, []);
  assert.equal((await result).error.code, 'adopted');
  assert.deepEqual(frozen.errors, [], 'nothing went wrong');
});

test('a page that returns before anybody adopted its commands keeps them', async () => {
  const [clock, storage] = [new Clock(), new MemoryStorage()];
  const page = createOutbox({ clock, storage, online: false });
  page.submit('stop', 'a');
  page.kept.release();
  page.outbox.maintain();
  assert.deepEqual(createOutbox({ clock, storage }).sent, []);
  page.outbox.setOnline(true);
  assert.deepEqual(names(page.sent), ['stop a']);
});

test('a full or forbidden storage loses nothing while the page is open', async () => {
  const full = new MemoryStorage();
  for (const [name, storage] of [['full', full], ['forbidden', new MemoryStorage({ forbidden: true })], ['absent', null]]) {
    full.full = false;
    const { kept, sent, submit, ack, outbox } = createOutbox({ storage });
    full.full = true;
    submit('pause', 'a');
    submit('stop', 'a');
    assert.equal(kept.isStored, false, name);
    ack();
    ack();
    outbox.maintain();
    assert.deepEqual(names(sent), ['pause a', 'stop a'], name);
  }
});

test('a storage that becomes full keeps no answered command', () => {
  const [clock, storage] = [new Clock(), new MemoryStorage()];
  const page = createOutbox({ clock, storage });
  page.submit('pause', 'a');
  page.submit('stop', 'b');
  storage.full = true;
  page.ack();
  storage.full = false;
  page.kept.release();
  assert.deepEqual(createOutbox({ clock, storage }).sent, []);
});

test('damaged records are removed, and the commands of another user are left alone', () => {
  const [clock, storage] = [new Clock(), new MemoryStorage()];
  const ben = createOutbox({ clock, storage, prefix: 'ben', online: false });
  ben.submit('stop', 'b');
  ben.kept.release();
  const damaged = ['', '{', 'null', '7', '{"aliveAt":0}', '{"aliveAt":0,"clientId":"c","commands":[null,7,{},{"command":{"id":"x"}}]}'];
  damaged.forEach((text, index) => storage.setItem(`ann.outbox.${index}`, text));
  const { outbox } = createOutbox({ clock, storage });
  assert.deepEqual(outbox.pending, []);
  assert.deepEqual([...storage.items.keys()].filter((key) => key.startsWith('ann.outbox.')), []);
  assert.deepEqual(names(createOutbox({ clock, storage, prefix: 'ben' }).sent), ['stop b']);
});

test('a sent command of another client is reported, because a repetition would be carried out twice', () => {
  const [clock, storage] = [new Clock(), new MemoryStorage()];
  const page = createOutbox({ clock, storage });
  page.submit('stop', 'sent');
  page.submit('stop', 'waiting');
  page.kept.release();
  storage.removeItem('ann.client');
  const other = createOutbox({ clock, storage });
  assert.deepEqual(other.errors, [['sent', 'outcome_unknown']]);
  assert.deepEqual(names(other.sent), ['stop waiting']);
});

test('an outbox that is opened again continues the commands that it has left in the storage', () => {
  const { outbox, sent, submit, ack, kept } = createOutbox({ online: false, storage: new MemoryStorage() });
  submit('stop', 'a');
  outbox.close();
  assert.deepEqual([outbox.pending.length, kept.isStored], [0, false]);
  outbox.adopt();
  submit('stop', 'b');
  outbox.setOnline(true);
  ack();
  ack();
  assert.deepEqual([names(sent), kept.adopt().commands], [['stop a', 'stop b'], []]);
});

test('a closed outbox fails the commands that are not stored', async () => {
  for (const [storage, code] of [[null, 'closed'], [new MemoryStorage(), 'adopted']]) {
    const { outbox, submit } = createOutbox({ storage, online: false });
    const result = submit('stop', 'a');
    outbox.close();
    assert.deepEqual([(await result).error.code, outbox.pending], [code, []]);
    assert.equal((await submit('stop', 'b')).error.code, 'closed', 'at once');
    outbox.adopt();
    submit('stop', 'c');
    assert.equal(outbox.pending.at(-1).payload.sessionId, 'c');
  }
});

test('ids are random UUIDs, also without randomUUID', () => {
  const old = { getRandomValues: (bytes) => bytes.fill(255) };
  assert.equal(randomId(old), 'ffffffff-ffff-4fff-bfff-ffffffffffff');
  assert.match(randomId(), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
});
