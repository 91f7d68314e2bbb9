/** Time tracking by the real tRPC client on two nodes: each procedure with its results and its errors. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TRPCClientError } from '@trpc/client';
import { ISO, Member, startStudio } from './fixture/studio.mjs';

const FIRST_TYPES = [
  ['Setup', '50.00', 'billable', '#3B82F6'],
  ['Recording', '75.00', 'billable', '#EF4444'],
  ['Mixing', '60.00', 'billable', '#10B981'],
  ['Mastering', '80.00', 'billable', '#8B5CF6'],
  ['Break', '0.00', 'non-billable', '#6B7280'],
];
const NUMBERS = { BAD_REQUEST: [-32600, 400], UNAUTHORIZED: [-32001, 401], NOT_FOUND: [-32004, 404] };
const ONE_TARGET = 'Exactly one of sessionId, projectId, or trackId must be provided';

let studio;
let organizations = 0;

before(async () => {
  studio = await startStudio();
});

after(() => studio?.close());

/** Returns two members of a new organisation, one at each node. */
async function newOrganization() {
  organizations += 1;
  return Promise.all(studio.nodes.map((node) => studio.member(organizations, node)));
}

/** Asserts that a call fails with exactly this error. */
async function fails(call, code, path, message) {
  const error = await call.then(
    (result) => assert.fail(`no error, but ${JSON.stringify(result)}`),
    (error) => error,
  );
  assert.ok(error instanceof TRPCClientError, String(error));
  const [number, httpStatus] = NUMBERS[code];
  assert.deepEqual(error.data, { code, httpStatus, path: `timeTracking.${path}` }, error.message);
  assert.equal(error.shape.code, number);
  if (message instanceof RegExp) assert.match(error.message, message);
  else assert.equal(error.message, message);
}

/** Asserts that all dates are ISO strings with milliseconds, and returns the values without them. */
function withoutDates(value) {
  const entries = Object.entries(value).map(([key, inner]) => {
    if (/(At|Time)$/.test(key) && inner !== null) {
      assert.match(inner, ISO, key);
      return [key, 'date'];
    }
    return [key, inner !== null && typeof inner === 'object' ? withoutDates(inner) : inner];
  });
  return Object.fromEntries(entries);
}

test('a new organisation has the task types of the contract, byte for byte', async () => {
  const [ann, ben] = await newOrganization();
  const { status, type, text } = await ann.raw('GET', 'timeTracking.taskTypes.list');
  const [{ createdAt, updatedAt }] = JSON.parse(text).result.data;
  assert.match(createdAt, ISO);
  assert.equal(createdAt, updatedAt);
  const expected = FIRST_TYPES.map(([name, hourlyRate, category, color], place) => ({
    id: place + 1,
    name,
    description: null,
    hourlyRate,
    category,
    color,
    sortOrder: place + 1,
    isActive: true,
    createdAt,
    updatedAt,
  }));
  assert.deepEqual([status, type], [200, 'application/json']);
  assert.equal(text, JSON.stringify({ result: { data: expected } }));
  assert.deepEqual(await ben.trpc.taskTypes.list.query(), expected, 'the other node has the same');
  assert.deepEqual(await ben.batched.taskTypes.list.query({ includeInactive: true }), expected);
});

test('a task type is created and changed, and inactive ones are listed on request', async () => {
  const [ann, ben] = await newOrganization();
  const made = await ann.trpc.taskTypes.create.mutate({ name: 'Foley', hourlyRate: '12.345' });
  assert.equal(
    JSON.stringify(withoutDates(made)),
    '{"id":6,"name":"Foley","description":null,"hourlyRate":"12.35","category":"billable","color":null,' +
      '"sortOrder":0,"isActive":true,"createdAt":"date","updatedAt":"date"}',
  );
  const full = {
    name: 'É😀'.padEnd(100, 'x'),
    description: '',
    hourlyRate: '1e2',
    category: 'non-billable',
    color: '#aBcDeF',
    sortOrder: -3,
  };
  const created = await ann.trpc.taskTypes.create.mutate({ ...full, organizationId: 99, id: 77, isActive: false });
  assert.deepEqual(withoutDates(created), {
    id: 7,
    ...full,
    hourlyRate: '100.00',
    isActive: true,
    createdAt: 'date',
    updatedAt: 'date',
  });
  assert.deepEqual(
    (await ben.trpc.taskTypes.list.query({})).map(({ id }) => id),
    [7, 6, 1, 2, 3, 4, 5],
    'by sortOrder',
  );
  const data = { name: 'Archived', hourlyRate: '.5', isActive: false, sortOrder: 0 };
  const updated = await ben.trpc.taskTypes.update.mutate({ id: 7, data });
  assert.deepEqual({ ...created, ...data, hourlyRate: '0.50', updatedAt: updated.updatedAt }, updated);
  const ids = async (input) => (await ann.trpc.taskTypes.list.query(input)).map(({ id }) => id);
  assert.deepEqual(await ids(), [6, 1, 2, 3, 4, 5]);
  assert.deepEqual(await ids({ includeInactive: true }), [7, 6, 1, 2, 3, 4, 5], 'equal places are ordered by name');
  await fails(
    ann.trpc.timer.start.mutate({ taskTypeId: 7, sessionId: 1 }),
    'BAD_REQUEST',
    'timer.start',
    'Cannot start timer: task type is inactive',
  );
  await fails(
    ann.trpc.taskTypes.update.mutate({ id: 8, data: {} }),
    'NOT_FOUND',
    'taskTypes.update',
    'Task type not found',
  );
});

test('an entry is started, found, stopped, corrected and listed, with the keys in the order of the contract', async () => {
  const [ann, ben] = await newOrganization();
  const types = await ann.trpc.taskTypes.list.query();
  const { text: none } = await ann.raw('GET', 'timeTracking.timer.getActive', { input: '{"sessionId":12}' });
  assert.equal(none, '{"result":{"data":null}}');
  assert.equal(await ann.trpc.timer.getActive.query({ projectId: 3 }), null);

  const started = await ann.trpc.timer.start.mutate({ taskTypeId: 2, sessionId: 12, notes: 'take 1' });
  const { taskType, ...entry } = started;
  assert.equal(
    JSON.stringify(withoutDates(entry)),
    '{"id":1,"taskTypeId":2,"sessionId":12,"projectId":null,"trackId":null,"startTime":"date","endTime":null,' +
      '"durationMinutes":null,"hourlyRateSnapshot":"75.00","manuallyAdjusted":false,"billable":true,' +
      `"notes":"take 1","createdBy":${ann.user},"createdAt":"date","updatedAt":"date"}`,
  );
  assert.deepEqual(taskType, types[1]);
  assert.equal(Object.keys(started).at(-1), 'taskType');
  assert.deepEqual(await ben.trpc.timer.getActive.query({ sessionId: 12 }), started);

  const { startTime } = started;
  const hours = (count) => new Date(Date.parse(startTime) + count * 3_600_000).toISOString();
  const moved = await ben.trpc.timeEntries.adjust.mutate({ timeEntryId: 1, startTime: hours(-2) });
  assert.deepEqual(moved, { ...entry, startTime: hours(-2), manuallyAdjusted: true, updatedAt: moved.updatedAt });
  const stopped = await ann.trpc.timer.stop.mutate({ timeEntryId: 1 });
  const { endTime, durationMinutes, updatedAt } = stopped;
  assert.deepEqual(stopped, { ...moved, endTime, durationMinutes, updatedAt });
  assert.equal(durationMinutes, Math.round((Date.parse(endTime) - Date.parse(hours(-2))) / 60_000));
  assert.equal(await ben.trpc.timer.getActive.query({ sessionId: 12 }), null);

  const change = { timeEntryId: 1, startTime: hours(-3), endTime: hours(-2.75), notes: '' };
  const adjusted = await ben.trpc.timeEntries.adjust.mutate(change);
  assert.equal(JSON.stringify(Object.keys(adjusted)), JSON.stringify(Object.keys(entry)));
  assert.deepEqual([adjusted.durationMinutes, adjusted.notes, adjusted.startTime], [15, '', hours(-3)]);
  const running = await ben.trpc.timer.start.mutate({ taskTypeId: 5, trackId: -4, sessionId: 0, projectId: null });
  assert.deepEqual([running.id, running.trackId, running.billable, running.createdBy], [2, -4, false, ben.user]);
  for (const client of [ann.trpc, ben.batched]) {
    assert.deepEqual(await client.timeEntries.list.query(), {
      entries: [running, { ...adjusted, taskType: types[1] }],
      stats: { totalHours: 0.25, totalCost: 18.75 },
    });
  }
  const { text } = await ann.raw('GET', 'timeTracking.timeEntries.list', { input: '{"limit":1}' });
  assert.deepEqual(Object.keys(JSON.parse(text).result.data), ['entries', 'stats', 'nextCursor']);
});

test('stats are summed first and rounded last, and a rate is that of the start', async () => {
  const [ann] = await newOrganization();
  const { id } = await ann.trpc.taskTypes.create.mutate({ name: 'Half a cent', hourlyRate: '50.50' });
  for (let session = 1; session <= 3; session++) {
    const { id: timeEntryId, startTime } = await ann.trpc.timer.start.mutate({ taskTypeId: id, sessionId: session });
    const begin = Date.parse(startTime) - 3_600_000;
    const [start, end] = [begin, begin + 15 * 60_000].map((ms) => new Date(ms).toISOString());
    const { durationMinutes } = await ann.trpc.timeEntries.adjust.mutate({ timeEntryId, startTime: start, endTime: end });
    assert.equal(durationMinutes, 15);
  }
  await ann.trpc.taskTypes.update.mutate({ id, data: { hourlyRate: '999' } });
  const { entries, stats } = await ann.trpc.timeEntries.list.query({ taskTypeIds: [id] });
  assert.deepEqual(stats, { totalHours: 0.75, totalCost: 37.88 }, '3 × 12.625 is 37.875');
  assert.deepEqual(
    entries.map(({ hourlyRateSnapshot, taskType }) => [hourlyRateSnapshot, taskType.hourlyRate]),
    Array(3).fill(['50.50', '999.00']),
  );
  assert.deepEqual((await ann.trpc.timeEntries.list.query({ sessionId: 2 })).stats, { totalHours: 0.25, totalCost: 12.63 });
});

test('each refusal has its code, number, status, path and message', async () => {
  const [ann, ben] = await newOrganization();
  const { id } = await ann.trpc.timer.start.mutate({ taskTypeId: 1, projectId: 5 });
  const running = 'Cannot start timer: active timer already running for this session/project/track';
  const { timer, timeEntries, taskTypes } = ben.trpc;
  await fails(timer.start.mutate({ taskTypeId: 2, projectId: 5 }), 'BAD_REQUEST', 'timer.start', running);
  await fails(timer.start.mutate({ taskTypeId: 99, projectId: 6 }), 'NOT_FOUND', 'timer.start', 'Task type not found');
  for (const target of [{}, { sessionId: 1, trackId: 2 }, { sessionId: 0 }, { sessionId: null, projectId: 0 }]) {
    await fails(timer.start.mutate({ taskTypeId: 1, ...target }), 'BAD_REQUEST', 'timer.start', ONE_TARGET);
    await fails(timer.getActive.query(target), 'BAD_REQUEST', 'timer.getActive', ONE_TARGET);
  }
  const two = { sessionId: 1, projectId: 1 };
  await fails(timeEntries.list.query(two), 'BAD_REQUEST', 'timeEntries.list', ONE_TARGET);
  const unknown = { timeEntryId: 777 };
  await fails(timer.stop.mutate(unknown), 'NOT_FOUND', 'timer.stop', 'Time entry not found');
  await fails(timeEntries.adjust.mutate(unknown), 'NOT_FOUND', 'timeEntries.adjust', 'Time entry not found');
  await timer.stop.mutate({ timeEntryId: id });
  const stopped = 'Cannot stop timer: timer is not running';
  await fails(ann.trpc.timer.stop.mutate({ timeEntryId: id }), 'BAD_REQUEST', 'timer.stop', stopped);
  const future = new Date(Date.now() + 3_600_000).toISOString();
  const past = new Date(Date.now() - 86_400_000).toISOString();
  const adjust = (change) => timeEntries.adjust.mutate({ timeEntryId: id, ...change });
  await fails(adjust({ startTime: future }), 'BAD_REQUEST', 'timeEntries.adjust', /future/);
  await fails(adjust({ endTime: past }), 'BAD_REQUEST', 'timeEntries.adjust', /before/);
  await fails(adjust({ startTime: '2026-02-30T00:00:00Z' }), 'BAD_REQUEST', 'timeEntries.adjust', /startTime/);
  await fails(taskTypes.create.mutate({ name: '', hourlyRate: '1' }), 'BAD_REQUEST', 'taskTypes.create', /name/);
  assert.equal((await adjust({ startTime: past, endTime: past })).durationMinutes, 0, 'an end may equal the start');
  assert.equal((await adjust({ endTime: future })).endTime, future, 'an end may be in the future');
});

test('a batch is one request, and each call has its own result', async () => {
  const [ann] = await newOrganization();
  const { taskTypes, timer, timeEntries } = ann.batched;
  const [types, active, list] = await Promise.all([
    taskTypes.list.query(),
    timer.getActive.query({ sessionId: 1 }),
    timeEntries.list.query(),
  ]);
  assert.deepEqual([types.length, active, list.entries, ann.requests.length], [5, null, [], 1]);
  const outcomes = await Promise.allSettled([
    timer.start.mutate({ taskTypeId: 1, sessionId: 1 }),
    timer.start.mutate({ taskTypeId: 1, sessionId: 1 }),
    timer.start.mutate({ taskTypeId: 99, sessionId: 2 }),
  ]);
  assert.deepEqual(
    outcomes.map(({ value, reason }) => value?.id ?? reason.data.code),
    [1, 'BAD_REQUEST', 'NOT_FOUND'],
    'the calls of a batch are carried out in order',
  );
  assert.deepEqual([ann.requests.length, ann.requests[1].status], [2, 207]);
  await assert.rejects(Promise.all([timer.stop.mutate({ timeEntryId: 9 }), timer.stop.mutate({ timeEntryId: 8 })]));
  assert.equal(ann.requests[2].status, 404, 'equal statuses are the status of the batch');
});

test('members see only their own organisation, whatever they name', async () => {
  const [ann] = await newOrganization();
  const [eve] = await newOrganization();
  const { id } = await ann.trpc.timer.start.mutate({ taskTypeId: 1, sessionId: 1 });
  const { id: typeId } = await ann.trpc.taskTypes.create.mutate({ name: 'Secret', hourlyRate: '1' });
  const named = { organizationId: organizations - 1, orgId: organizations - 1 };
  const headers = { 'x-test-org-id': String(organizations - 1), 'x-test-user-id': '1' };
  await fails(eve.trpc.timer.stop.mutate({ timeEntryId: id, ...named }), 'NOT_FOUND', 'timer.stop', 'Time entry not found');
  assert.equal(await eve.trpc.timer.getActive.query({ sessionId: 1, ...named }), null);
  assert.deepEqual((await eve.trpc.timeEntries.list.query(named)).entries, []);
  await fails(
    eve.trpc.timer.start.mutate({ taskTypeId: typeId, sessionId: 1, ...named }),
    'NOT_FOUND',
    'timer.start',
    'Task type not found',
  );
  const { text } = await eve.raw('GET', 'timeTracking.timeEntries.list', { input: JSON.stringify(named), headers });
  assert.deepEqual(JSON.parse(text).result.data.entries, []);
  assert.equal((await eve.trpc.timer.start.mutate({ taskTypeId: 1, sessionId: 1 })).id, 1, 'ids count per organisation');
});

test('clients without a login are refused, after the path and the verb and before the input', async () => {
  const message = 'You must be logged in to access this resource';
  const guest = new Member(studio.nodes[0], 0, undefined);
  const visitor = new Member(studio.nodes[1], 0, await studio.web.visit('/'));
  for (const { trpc, batched } of [guest, visitor]) {
    await fails(trpc.taskTypes.list.query(), 'UNAUTHORIZED', 'taskTypes.list', message);
    await fails(batched.timer.start.mutate({ nonsense: 1 }), 'UNAUTHORIZED', 'timer.start', message);
    await fails(trpc.timeEntries.generateInvoice.mutate({}), 'NOT_FOUND', 'timeEntries.generateInvoice', /^No procedure found on path "timeTracking\.timeEntries\.generateInvoice"$/);
  }
  const { status, text } = await guest.raw('GET', 'timeTracking.timer.start');
  assert.equal(status, 405);
  assert.match(text, /Unsupported GET-request to mutation procedure at path \\"timeTracking\.timer\.start\\"/);
});

test('ids of users that are no numbers stay texts', async () => {
  const ann = await studio.member('studio-north', studio.nodes[0], 'ann');
  const started = await ann.trpc.timer.start.mutate({ taskTypeId: 1, sessionId: 1 });
  assert.equal(started.createdBy, 'ann');
});
