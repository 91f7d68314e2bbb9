/** The Studio client against a simulated server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Clock, settle } from './fixture/clock.mjs';
import { adjusted, failure, NOW, Page, started, stopped, success, taskType, timeEntry } from './fixture/studio.mjs';
import { MemoryStorage } from './fixture/storage.mjs';

test('a client loads what runs, below the path of the server, by a token or by cookies', async () => {
  const page = new Page({ credential: { token: 't' } });
  page.running = [timeEntry(2, NOW - 5_000), timeEntry(1, NOW - 65_000)];
  await page.connect();
  assert.deepEqual([page.socket.url, page.socket.options.path, page.socket.options.auth], ['http://h', '/studio/socket.io/', { token: 't' }]);
  assert.deepEqual(page.displayed, ['1 65', '2 5']);
  assert.deepEqual([page.snapshot.taskTypes.length, page.snapshot.loaded, page.snapshot.times], [2, true, 'live']);
  assert.deepEqual(page.calls.map(({ name, input, headers, credentials }) => [name, input, headers.authorization, credentials]), [
    ['taskTypes.list', { includeInactive: true }, 'Bearer t', undefined],
    ['timeEntries.list', { isRunning: true }, 'Bearer t', undefined],
  ]);
  const byCookie = await new Page().connect();
  assert.deepEqual([byCookie.calls[0].credentials, byCookie.calls[0].headers.authorization], ['include', undefined]);
});

test('events of all members are displayed, by a clock that is an hour off', async () => {
  for (const offsetMs of [0, 3_600_000, -3_600_000]) {
    const page = await new Page({ offsetMs }).connect();
    page.socket.receive('timer:started', started(1, NOW));
    await page.clock.advance(2_000);
    assert.deepEqual([page.displayed, page.snapshot.entries.get(1).entry.userId], [['1 2'], 8], `${offsetMs}`);
    page.socket.receive('timer:adjusted', adjusted(1, NOW - 60_000, NOW + 2_000));
    page.socket.receive('timer:started', started(1, NOW - 60_000, { serverTime: NOW + 2_000 }));
    assert.deepEqual([page.displayed, page.snapshot.entries.get(1).cost.formattedCost], [['1 62'], '$1.00']);
    page.socket.receive('timer:stopped', stopped(1, NOW + 3_000));
    assert.deepEqual(page.displayed, []);
    assert.deepEqual(page.events, ['timer:started 1', 'timer:adjusted 1', 'timer:started 1', 'timer:stopped 1']);
    assert.equal(page.callsOf('timeEntries.list').length, 1, 'events need no calls');
  }
});

test('what runs is counted while the connection is lost, and loaded again', async () => {
  const page = new Page();
  page.running = [timeEntry(1, NOW)];
  await page.connect();
  page.socket.end();
  await page.clock.advance(500);
  assert.deepEqual([page.snapshot.times, page.snapshot.connection.phase], ['continued', 'connecting']);
  await page.clock.advance(2_500);
  assert.deepEqual(page.displayed, ['1 3']);
  page.running = [timeEntry(2, NOW + 1_000)];
  page.socket.connect();
  assert.equal(page.snapshot.times, 'continued', 'the entries are those of the lost connection');
  await page.clock.advance(0);
  assert.deepEqual([page.displayed, page.snapshot.times], [['2 2'], 'live']);
});

test('a page that returns from a suspension is live again when the server has told its time', async () => {
  const page = await new Page().connect();
  await page.clock.advance(60_000);
  page.platform.wake();
  assert.equal(page.snapshot.times, 'live', 'a silent server is no suspension');
  page.platform.frozen = true;
  await page.clock.advance(3_600_000);
  page.platform.frozen = false;
  page.platform.wake();
  assert.deepEqual([page.snapshot.times, page.snapshot.connection.phase], ['continued', 'online']);
  await page.clock.advance(1_000);
  assert.deepEqual([page.snapshot.times, page.snapshot.connection.phase], ['live', 'online']);
});

test('an entry whose start was missed is loaded with its rate and its notes', async () => {
  const page = await new Page().connect();
  page.running = [timeEntry(1, NOW - 60_000, { hourlyRateSnapshot: '120.00' })];
  page.socket.receive('timer:started', started(1, NOW - 60_000));
  assert.equal(page.snapshot.entries.get(1).cost.formattedCost, '$1.00');
  await page.clock.advance(0);
  const { entry, cost } = page.snapshot.entries.get(1);
  assert.deepEqual([cost.formattedCost, entry.notes], ['$2.00', 'note 1']);
});

test('events that arrive while the list is on its way are newer than the list', async () => {
  const page = await new Page().open();
  let answer;
  page.answers['timeEntries.list'] = () => new Promise((resolve) => (answer = resolve));
  page.socket.connect();
  await settle();
  page.socket.receive('timer:started', started(2, NOW));
  page.socket.receive('timer:stopped', stopped(1, NOW));
  answer(success({ entries: [timeEntry(1, NOW - 60_000), timeEntry(3, NOW - 1_000)], stats: { totalHours: 0, totalCost: 0 } }));
  await settle();
  assert.deepEqual(page.displayed, ['2 0', '3 1']);
});

test('a load that is asked for during another one follows it', async () => {
  const page = await new Page().open();
  const answers = [];
  page.answers['timeEntries.list'] = () => new Promise((resolve) => answers.push(resolve));
  page.socket.connect();
  await settle();
  for (const _ of [1, 2]) page.client.reload();
  page.socket.end();
  await page.clock.advance(500);
  page.socket.connect();
  await settle();
  assert.equal(answers.length, 1);
  answers[0](success({ entries: [timeEntry(1, NOW)], stats: { totalHours: 0, totalCost: 0 } }));
  await settle();
  assert.equal(answers.length, 2);
  answers[1](success({ entries: [timeEntry(2, NOW)], stats: { totalHours: 0, totalCost: 0 } }));
  await page.clock.advance(60_000);
  assert.deepEqual([answers.length, page.displayed], [2, ['2 60']]);
});

test('a load that fails is repeated and reported once, and ends with the connection', async () => {
  const page = new Page();
  page.clock.random = 1;
  page.answers['timeEntries.list'] = () => failure(503, 'SERVICE_UNAVAILABLE', 'the store is unavailable');
  await page.connect();
  const { loaded, loadError, taskTypes, times } = page.snapshot;
  assert.deepEqual([loaded, loadError.status, loadError.message, taskTypes.length, times], [false, 503, 'the store is unavailable', 2, 'continued']);
  await page.clock.advance(7_000);
  assert.equal(page.callsOf('timeEntries.list').length, 4);
  assert.deepEqual(page.errors, ['http 503']);
  delete page.answers['timeEntries.list'];
  await page.clock.advance(8_000);
  assert.deepEqual([page.snapshot.loadError, page.snapshot.times], [null, 'live']);
  page.answers['timeEntries.list'] = () => new Response('<html>');
  page.client.reload();
  await page.clock.advance(0);
  assert.deepEqual([page.snapshot.loadError.status, page.snapshot.times], [0, 'live']);
  const calls = page.calls.length;
  page.socket.refuse(new Error('gone'));
  await page.clock.advance(60_000);
  assert.equal(page.calls.length, calls);
});

test('a command is carried out once, and its result is displayed', async () => {
  const page = await new Page().connect();
  page.answers['timer.start'] = () => success({ ...timeEntry(5, NOW), taskType: taskType(1) });
  const result = await page.client.start({ taskTypeId: 1, sessionId: 5, notes: 'take' });
  assert.deepEqual([result.ok, result.value.id, page.displayed, page.snapshot.pending], [true, 5, ['5 0'], []]);
  const [{ method, input, headers }] = page.callsOf('timer.start');
  assert.deepEqual([method, input, headers['content-type']], ['POST', { taskTypeId: 1, sessionId: 5, notes: 'take' }, 'application/json']);
  page.socket.receive('timer:started', started(5, NOW, { userId: 7 }));
  assert.equal(page.snapshot.entries.get(5).entry.notes, 'note 5');
  page.answers['timeEntries.adjust'] = () => success(timeEntry(5, NOW - 1_000, { updatedAt: new Date(NOW + 1).toISOString() }));
  assert.equal((await page.client.adjust({ timeEntryId: 5, startTime: new Date(NOW - 1_000) })).ok, true);
  assert.deepEqual([page.callsOf('timeEntries.adjust')[0].input, page.displayed], [{ timeEntryId: 5, startTime: new Date(NOW - 1_000).toISOString() }, ['5 1']]);
  assert.equal(page.snapshot.entries.get(5).entry.taskType.name, 'Type 1', 'an answer without a type keeps it');
  page.answers['timer.stop'] = () => success(timeEntry(5, NOW, { endTime: new Date(NOW).toISOString(), durationMinutes: 0 }));
  assert.equal((await page.client.stop(5)).ok, true);
  assert.deepEqual(page.displayed, []);
});

test('a call without an answer is repeated with its id, and one that is refused is not', async () => {
  const page = await new Page().connect();
  page.answers['timer.stop'] = () => Promise.reject(new TypeError('offline'));
  const waiting = page.client.stop(1);
  await settle();
  assert.equal(page.snapshot.pending.length, 1);
  page.answers['timer.stop'] = () => failure(503, 'SERVICE_UNAVAILABLE');
  await page.clock.advance(2_000);
  page.answers['timer.stop'] = () => success(timeEntry(1, NOW, { endTime: new Date(NOW).toISOString() }));
  await page.clock.advance(10_000);
  assert.equal((await waiting).ok, true);
  const keys = page.callsOf('timer.stop').map(({ headers }) => headers['idempotency-key']);
  assert.deepEqual([keys.length, new Set(keys).size], [3, 1]);
  page.answers['timer.start'] = () => failure(400, 'BAD_REQUEST', 'Cannot start timer: task type is inactive');
  const { ok, error } = await page.client.start({ taskTypeId: 2, trackId: 1 });
  assert.deepEqual([ok, error.code, error.message, error.command.type], [false, 'BAD_REQUEST', 'Cannot start timer: task type is inactive', 'timeTracking.timer.start']);
  page.answers['timer.start'] = () => new Response('<html>', { status: 502 });
  const lost = page.client.start({ taskTypeId: 2, trackId: 1 });
  await page.clock.advance(60_000);
  assert.equal((await lost).error.code, 'http_502');
  assert.deepEqual([page.callsOf('timer.start').length, page.errors], [6, ['command BAD_REQUEST', 'command http_502']]);
});

test('a call survives a reload for as long as the server remembers it', async () => {
  for (const [awayMs, expected] of [[60_000, 1], [240_001, 0]]) {
    const [clock, storage] = [new Clock(), new MemoryStorage()];
    const page = await new Page({ clock, storage, account: 'ada' }).connect();
    page.answers['timer.stop'] = () => new Promise(() => {});
    page.client.stop(1);
    await settle();
    assert.equal(page.snapshot.pendingIsStored, true);
    const [{ headers }] = page.callsOf('timer.stop');
    page.platform.hide();
    page.platform.crash();
    await clock.advance(awayMs);
    const reloaded = new Page({ clock, storage, account: 'ada' });
    reloaded.answers['timer.stop'] = () => success(timeEntry(1, NOW, { endTime: new Date(NOW).toISOString() }));
    await reloaded.connect();
    const repeated = reloaded.callsOf('timer.stop');
    assert.deepEqual(repeated.map((call) => call.headers['idempotency-key']), Array(expected).fill(headers['idempotency-key']));
    assert.deepEqual([reloaded.snapshot.pending, reloaded.errors], [[], expected ? [] : ['command outcome_unknown']]);
  }
});

test('task types are changed, and the entries that run have the new ones', async () => {
  const page = await new Page().connect();
  page.answers['taskTypes.create'] = (input) => {
    page.types = [...page.types, taskType(3, { name: input.name, sortOrder: 0 })];
    return success(page.types[2]);
  };
  const created = await page.client.createTaskType({ name: 'Live', hourlyRate: '5', color: '#FFFFFF' });
  assert.deepEqual([created.value.name, page.snapshot.taskTypes.map(({ id }) => id)], ['Live', [3, 1, 2]]);
  await page.clock.advance(0);
  assert.equal(page.callsOf('taskTypes.list').length, 2);
  page.answers['taskTypes.update'] = ({ id, data }) => success(taskType(id, data));
  await page.client.updateTaskType(2, { isActive: false });
  assert.deepEqual(page.callsOf('taskTypes.update')[0].input, { id: 2, data: { isActive: false } });
});

test('entries are listed by filters, with dates', async () => {
  const page = await new Page().connect();
  page.running = [timeEntry(1, NOW, { endTime: new Date(NOW).toISOString() })];
  const range = { start: new Date(NOW), end: '2026-01-01T00:00:00Z' };
  const { value } = await page.client.entries({ taskTypeIds: [1], dateRange: range, limit: 50, cursor: '1_2' });
  assert.equal(value.entries[0].notes, 'note 1');
  assert.deepEqual(page.calls.at(-1).input, { taskTypeIds: [1], dateRange: { start: new Date(NOW).toISOString(), end: '2026-01-01T00:00:00Z' }, limit: 50, cursor: '1_2' });
  page.answers['timer.getActive'] = ({ sessionId }) => success(sessionId === 1 ? timeEntry(1, NOW) : null);
  assert.deepEqual([(await page.client.activeEntry({ sessionId: 1 })).value.id, (await page.client.activeEntry({ sessionId: 2 })).value], [1, null]);
  page.answers['timeEntries.list'] = () => failure(400, 'BAD_REQUEST', 'limit must be from 1 to 1000');
  assert.deepEqual((({ status, message }) => [status, message])((await page.client.entries({ limit: 0 })).error), [400, 'limit must be from 1 to 1000']);
});

test('a token that is not accepted is replaced once, and fresh ones are presented on the socket', async () => {
  const requests = [];
  const clock = new Clock();
  const encode = (exp) => `x.${Buffer.from(JSON.stringify({ exp, serial: requests.length })).toString('base64url')}.x`;
  const token = (request) => (requests.push(request), encode(clock.time / 1000 + 100));
  const page = await new Page({ clock, credential: { token } }).connect();
  let refused = 1;
  page.answers['timer.stop'] = () => (refused-- > 0 ? failure(401, 'UNAUTHORIZED') : success(timeEntry(1, NOW, { endTime: new Date(NOW).toISOString() })));
  assert.equal((await page.client.stop(1)).ok, true);
  const [first, second] = page.callsOf('timer.stop').map(({ headers }) => headers.authorization);
  assert.deepEqual([first !== second, requests.at(-1)], [true, { rejected: first.slice('Bearer '.length) }]);
  refused = 9;
  assert.equal((await page.client.stop(1)).error.code, 'UNAUTHORIZED');
  assert.equal(page.callsOf('timer.stop').length, 4);
  await clock.advance(51_000);
  assert.equal(page.socket.sent.at(-1).type, 'auth');
  page.socket.ack('auth', { expiresAt: clock.time + 100_000 });
  await clock.advance(51_000);
  assert.deepEqual([page.socket.types, page.sockets.length], [['auth'], 1]);
});

test('a move to another node loses no event and repeats none', async () => {
  const page = await new Page().connect();
  const [old] = page.sockets;
  const phases = new Set();
  page.client.subscribe(() => phases.add(page.snapshot.connection.phase));
  old.receive('going-away', { withinMs: 400 });
  await page.clock.advance(100);
  page.running = [timeEntry(1, NOW), timeEntry(2, NOW)];
  old.receive('timer:started', started(1, NOW));
  page.socket.connect();
  page.socket.receive('timer:started', started(1, NOW));
  old.receive('timer:started', started(2, NOW));
  assert.deepEqual(page.events, ['timer:started 1', 'timer:started 2']);
  assert.equal(old.closed, false);
  await page.clock.advance(1_000);
  assert.deepEqual([old.closed, page.displayed, [...phases]], [true, ['1 1', '2 1'], ['online']]);
});

test('refusals end the attempts, and errors of the server are reported', async () => {
  const page = await new Page().open();
  page.socket.refuse(new Error('Unauthorized: No valid session'));
  assert.deepEqual([page.snapshot.connection.phase, page.snapshot.connection.error.message], ['refused', 'Unauthorized: No valid session']);
  page.client.retryNow();
  await settle();
  page.socket.connect();
  page.socket.receive('error', { code: 'UNAVAILABLE', message: 'away' });
  const { entries } = page.snapshot;
  for (const payload of [undefined, null, 7, {}, { timeEntryId: 1 }]) page.socket.receive('timer:started', payload);
  page.socket.receive('a later event', { timeEntryId: 1, serverTime: NOW });
  assert.deepEqual([page.errors, page.snapshot.entries], [['server UNAVAILABLE'], entries]);
});

test('nothing remains of a closed client', async () => {
  const page = new Page();
  page.running = [timeEntry(1, NOW)];
  page.answers['taskTypes.list'] = () => failure(503, 'SERVICE_UNAVAILABLE');
  await page.connect();
  page.answers['timer.stop'] = () => new Promise(() => {});
  const result = page.client.stop(1);
  page.client.close();
  await settle();
  assert.deepEqual([page.clock.waiting, page.socket.closed, (await result).error.code, page.snapshot.connection.phase], [0, true, 'closed', 'closed']);
});
