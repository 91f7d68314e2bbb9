/** The Clockit client against real servers: TICKCAST_BIN is the path of the binary. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { startServer } from '../../../console/test/fixture/server.mjs';
import { until } from '../../../console/test/fixture/until.mjs';
import { ClockitClient, ClockitHistory } from '../dist/clockit/index.js';
import './fixture/crypto.mjs';
import { MemoryStorage } from './fixture/storage.mjs';
import { signToken, TOKEN_SETTINGS } from './fixture/tokens.mjs';

let server;
const clients = [];

before(async () => {
  server = await startServer(TOKEN_SETTINGS);
});

after(async () => {
  clients.forEach((client) => client.close());
  await server?.close();
});

/** A client that records the phases of its connection, its errors, and the displayed seconds of its first session. */
function open(userId, options = {}) {
  const client = new ClockitClient({ url: server.url, credential: { userId }, WebSocket, ...options });
  const record = { phases: [], errors: [], seconds: [], arrivals: new Map() };
  client.subscribe(() => {
    const { connection, sessions } = client.getSnapshot();
    if (record.phases.at(-1) !== connection.phase) record.phases.push(connection.phase);
    const [first] = sessions.values();
    const second = first && Math.floor(first.elapsedMs / 1000);
    if (second === undefined || second === record.seconds.at(-1)) return;
    record.seconds.push(second);
    record.arrivals.set(second, Date.now());
  });
  client.onError((error) => record.errors.push(error));
  client.open();
  clients.push(client);
  const session = (label) => [...client.getSnapshot().sessions.values()].find(({ state }) => state.label === label);
  const reaches = (phase, label) => until(`${label} is ${phase}`, () => session(label)?.phase === phase);
  const online = () => until('the client is online', () => client.getSnapshot().connection.phase === 'online');
  return { client, record, session, reaches, online };
}

const isGapless = (seconds) => seconds.every((second, index) => index === 0 || second === seconds[index - 1] + 1);

test('two devices show the same second, and what either does', async () => {
  const [one, two] = [open('ada'), open('ada')];
  const result = await one.client.start({ label: 'Write', goals: [{ id: 'g', title: 'Draft', completed: false, colour: 'red' }] });
  assert.equal(result.ok, true);
  const id = result.sessionId;
  for (const { reaches } of [one, two]) await reaches('running', 'Write');
  assert.equal(two.session('Write').state.goals[0].colour, 'red');
  await until('both show some seconds', () => [one, two].every(({ record }) => record.seconds.length > 4));
  const common = one.record.seconds.filter((second) => second > 0 && two.record.arrivals.has(second));
  assert.ok(common.length > 1);
  for (const second of common) assert.ok(Math.abs(one.record.arrivals.get(second) - two.record.arrivals.get(second)) < 900);
  assert.ok(Math.abs(one.client.serverNow() - Date.now()) < 1_000);

  const both = await Promise.all([one.client.pause(id), two.client.resume(id)]);
  assert.deepEqual(both.map(({ ok }) => ok), [true, true]);
  await until('both show what the server decided', () => one.session('Write').phase === two.session('Write').phase);
  await two.client.stop(id);
  for (const { reaches } of [one, two]) await reaches('stopped', 'Write');
  assert.equal(one.session('Write').elapsedMs, two.session('Write').elapsedMs);
  await one.client.attachGoal(id, { id: 'h', title: 'Print', completed: false });
  await one.client.detachGoal(id, 'g');
  await until('the goals arrive', () => two.session('Write').state.goals.map(({ title }) => title).join() === 'Print');
  await two.client.remove(id);
  await until('it is gone on both', () => [one, two].every(({ session }) => session('Write') === undefined));
  const refused = await one.client.stop(id);
  assert.deepEqual([refused.ok, refused.error.code], [false, 'unknown_session']);
  assert.deepEqual(one.record.phases, ['connecting', 'online']);
});

test('a killed server is noticed, the display continues, and a waiting command is carried out once', async () => {
  const { client, record, session, reaches, online } = open('outage');
  await client.start({ label: 'Long' });
  await until('some seconds are shown', () => record.seconds.length > 2);
  await server.kill('SIGKILL');
  await until('the client is offline', () => client.getSnapshot().connection.phase === 'offline');
  assert.equal(client.getSnapshot().times, 'continued');
  const started = client.start({ label: 'Offline' });
  const shown = record.seconds.length;
  await until('the display continues', () => record.seconds.length > shown + 2);
  await server.start();
  client.retryNow();
  await online();
  assert.equal((await started).ok, true);
  await reaches('running', 'Offline');
  const recovered = record.seconds.length;
  await until('ticks arrive again', () => record.seconds.length > recovered + 1);
  assert.ok(isGapless(record.seconds), `${record.seconds}`);
  assert.equal([...client.getSnapshot().sessions.values()].filter(({ state }) => state.label === 'Offline').length, 1);
  assert.ok(session('Long').elapsedMs > 3_000);
});

test('a command whose page was left before the answer is carried out once by the next page', async () => {
  const storage = new MemoryStorage();
  const first = open('reload', { storage });
  await first.online();
  server.signal('SIGSTOP');
  try {
    const result = first.client.start({ label: 'Once' });
    first.client.close();
    assert.equal((await result).error.code, 'adopted');
  } finally {
    server.signal('SIGCONT');
  }
  const second = open('reload', { storage });
  assert.equal(second.client.getSnapshot().pending.length, 1);
  await until('it is answered', () => second.client.getSnapshot().pending.length === 0);
  await second.reaches('running', 'Once');
  assert.equal(second.client.getSnapshot().sessions.size, 1);
  assert.deepEqual([second.record.errors, storage.items.size], [[], 1]);
});

test('a socket outlives its token, and a bad token is refused after one more', async () => {
  const issued = [];
  const token = () => {
    issued.push(signToken({ sub: 'grace' }, 3));
    return issued.at(-1);
  };
  const { client, record, online } = open('', { credential: { token } });
  await online();
  await client.start({ label: 'Tokens' });
  await until('the first token has expired', () => record.seconds.length > 4);
  assert.ok(issued.length > 2);
  assert.deepEqual([record.phases, record.errors], [['connecting', 'online'], []]);
  const bad = open('', { credential: { token: ({ rejected }) => (rejected ? 'worse' : 'bad') } });
  await until('it is refused', () => bad.client.getSnapshot().connection.phase === 'refused');
  assert.deepEqual(bad.record.phases, ['connecting', 'offline', 'connecting', 'refused']);
});

test('the history is read, exported and imported', async () => {
  const credential = { userId: 'history' };
  const { client } = open('history');
  const { sessionId } = await client.start({ label: 'Filed', comment: '=1+1' });
  await client.stop(sessionId);
  const history = new ClockitHistory({ url: server.url, credential });
  const page = await until('the row is stored', async () => {
    const result = await history.page({ limit: 5 });
    return result.ok && result.value.sessions.length === 1 && result.value;
  });
  assert.deepEqual([page.sessions[0].label, page.sessions[0].sessionId, page.next], ['Filed', sessionId, undefined]);
  const csv = await (await history.csv()).value.text();
  assert.match(csv, /Filed/);
  assert.ok((await (await history.csv({ forSpreadsheets: true })).value.text()).includes("'=1+1"));
  assert.deepEqual(await history.import(csv), { ok: true, value: { stored: 0, repeated: 1 } });
  const rows = [{ startedIso: '2026-01-01T10:00:00Z', endedIso: '2026-01-01T11:00:00Z', label: 'Old' }];
  assert.deepEqual((await history.import(rows)).value, { stored: 1, repeated: 0 });
  const fault = await history.import([{ startedIso: 'yesterday', endedIso: '' }]);
  assert.deepEqual([fault.ok, fault.error.kind, fault.error.status], [false, 'http', 422]);
  assert.equal(fault.error.details.rows[0].column, 'startedIso');
  const unknown = await new ClockitHistory({ url: 'http://127.0.0.1:1', credential }).page();
  assert.deepEqual([unknown.ok, unknown.error.status], [false, 0]);
  const refused = await new ClockitHistory({ url: server.url, credential: { token: 'bad' } }).page();
  assert.equal(refused.error.status, 401);
});
