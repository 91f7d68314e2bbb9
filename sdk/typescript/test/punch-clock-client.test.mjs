/** The punch clock's client against a simulated server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PunchClockClient } from '../dist/punch-clock/index.js';
import { Clock, settle } from './fixture/clock.mjs';
import { FakeSockets } from './fixture/sockets.mjs';
import { MemoryStorage } from './fixture/storage.mjs';

const START = 1_700_000_000_000;

function workDay(entries = [], more = {}) {
  const last = entries.at(-1);
  return {
    userId: 'ada',
    currentStatus: last?.type ?? 'OUT',
    entries,
    dailyStats: { totalWorkMinutes: 0, totalBreakMinutes: 0, isComplete: false },
    currentTheme: 'minimal',
    sessionStartTime: last?.type === 'IN' ? last.timestamp : null,
    updatedAt: '2023-11-14T22:13:20.000Z',
    ...more,
  };
}

/** A page and its server, which unites the posted punches; `answer` can replace its answers to POST. */
class Page {
  sockets = new FakeSockets();
  errors = [];
  requests = [];
  entries = [];
  answer = null;

  constructor({ clock = new Clock(), offsetMs = 0, ...options } = {}) {
    this.clock = clock;
    clock.time = Math.max(clock.time, START);
    clock.random = 1;
    this.platform = clock.platform(offsetMs);
    this.client = new PunchClockClient({
      url: 'http://h/punch',
      credential: { userId: 'ada' },
      WebSocket: this.sockets.WebSocket,
      fetch: (url, init) => this.#fetch(url, init),
      platform: this.platform,
      ...options,
    });
    this.client.onError((error) => this.errors.push(`${error.kind} ${error.code}`));
  }

  async #fetch(url, { method, body }) {
    const path = url.pathname.replace('/punch/', '');
    if (path === 'timesync') return Response.json({ result: this.clock.time });
    this.requests.push(`${method} ${path} ${body ?? ''}`);
    if (path !== 'api/session' || method !== 'POST') return Response.json({ success: true, data: workDay(this.entries), logs: [], pagination: { currentPage: 1, totalPages: 0, totalLogs: 0 } });
    if (this.answer) return this.answer();
    const ids = new Set(this.entries.map(({ id }) => id));
    this.entries.push(...(JSON.parse(body).entries ?? []).filter(({ id }) => !ids.has(id)));
    return Response.json({ success: true, data: workDay(this.entries), ignored: [] });
  }

  get socket() {
    return this.sockets.last;
  }

  get snapshot() {
    return this.client.getSnapshot();
  }

  get posts() {
    return this.requests.filter((request) => request.startsWith('POST api/session'));
  }

  async open() {
    this.client.open();
    await settle();
    return this;
  }

  ready(day = workDay(this.entries)) {
    this.socket.open().receive({ type: 'session', payload: day });
    return this;
  }
}

const unauthorized = () => Response.json({ error: 'Unauthorized' }, { status: 401 });
const away = () => Response.json({ error: 'Failed to update session' }, { status: 503 });

test('a punch is displayed at once, and stored once', async () => {
  const page = (await new Page().open()).ready();
  assert.equal(page.socket.url, 'ws://h/punch/api/session/live?userId=ada');
  const result = page.client.clockIn();
  assert.deepEqual([page.snapshot.day.currentStatus, page.snapshot.pending.length], ['IN', 1]);
  const { ok, day, ignored } = await result;
  assert.deepEqual([ok, day.entries.length, ignored, page.snapshot.pending], [true, 1, [], []]);
  const [punch] = day.entries;
  assert.deepEqual([punch.type, punch.timestamp], ['IN', START]);
  assert.match(punch.time, /^\d\d:\d\d:\d\d$/);
  await page.client.clockOut();
  assert.deepEqual([page.snapshot.day.currentStatus, page.posts.length], ['OUT', 2]);
});

test('the seconds of work and break are counted by the server\'s time, by a clock that is an hour off', async () => {
  for (const offsetMs of [0, 3_600_000, -3_600_000]) {
    const page = (await new Page({ offsetMs }).open()).ready();
    await page.client.clockIn();
    const seconds = [];
    page.client.subscribe(() => {
      const { workSeconds, breakSeconds } = page.snapshot;
      const shown = `${workSeconds} ${breakSeconds}`;
      if (shown !== seconds.at(-1)) seconds.push(shown);
    });
    await page.clock.advance(2_000);
    page.socket.end();
    assert.equal(page.snapshot.times, 'continued');
    await page.clock.advance(1_000);
    await page.client.clockOut();
    await page.clock.advance(2_000);
    assert.deepEqual(seconds, ['1 0', '2 0', '3 0', '0 0', '0 1', '0 2'], `${offsetMs}`);
  }
});

test('a punch waits for a server that is away or a login by cookies that has expired, and keeps its time', async () => {
  for (const [failing, options] of [[away, {}], [unauthorized, { credential: undefined }], [() => Promise.reject(new TypeError('offline')), {}]]) {
    const page = (await new Page(options).open()).ready();
    page.answer = failing;
    const result = page.client.clockIn();
    await page.clock.advance(600_000);
    assert.deepEqual([page.snapshot.day.currentStatus, page.snapshot.pending.length, page.errors], ['IN', 1, []]);
    page.answer = null;
    await page.clock.advance(40_000);
    assert.equal((await result).day.entries[0].timestamp, START);
    assert.equal(new Set(page.posts).size, 1, 'every attempt has the same id');
    assert.ok(page.posts.length > 3);
  }
});

test('a punch whose token is not accepted fails with its time, by which it can be stored later', async () => {
  const page = (await new Page({ credential: { token: () => 't' } }).open()).ready();
  page.answer = unauthorized;
  const { error } = await page.client.clockIn();
  await page.clock.advance(60_000);
  assert.deepEqual([error.code, page.posts.length, page.snapshot.day.currentStatus], ['http_401', 2, 'OUT'], 'another token was asked for once');
  page.answer = null;
  await page.clock.advance(60_000);
  const { day } = await page.client.punch(error.command.payload.entries[0]);
  assert.deepEqual([day.entries[0].timestamp, day.currentStatus], [START, 'IN']);
});

test('a refused punch is reported and no longer displayed', async () => {
  const page = (await new Page().open()).ready();
  page.answer = () => Response.json({ error: 'entries[0] is malformed' }, { status: 400 });
  const { ok, error } = await page.client.clockIn();
  assert.deepEqual([ok, error.code, error.message, page.errors], [false, 'http_400', 'entries[0] is malformed', ['command http_400']]);
  assert.deepEqual([page.snapshot.day.currentStatus, page.snapshot.pending], ['OUT', []]);
});

test('punches survive a reload', async () => {
  const [clock, storage] = [new Clock(), new MemoryStorage()];
  const page = (await new Page({ clock, storage }).open()).ready();
  page.answer = away;
  page.client.clockIn();
  await settle();
  assert.equal(page.snapshot.pendingIsStored, true);
  page.platform.hide();
  page.platform.crash();
  await clock.advance(3_600_000);
  const reloaded = await new Page({ clock, storage }).open();
  assert.deepEqual([reloaded.entries[0].timestamp, reloaded.snapshot.pending], [START, []]);
});

test('what another device does is displayed, and missing ticks are noticed', async () => {
  const page = (await new Page().open()).ready();
  page.socket.receive({ type: 'session', payload: workDay([{ id: 1, timestamp: START - 60_000, type: 'IN' }]) });
  assert.equal(page.snapshot.workSeconds, 60);
  await page.clock.advance(5_000);
  assert.deepEqual([page.snapshot.times, page.snapshot.workSeconds], ['continued', 65]);
  page.socket.receive({ type: 'tick', payload: { liveWorkSeconds: 65, liveBreakSeconds: 0 } });
  assert.equal(page.snapshot.times, 'live');
  await page.clock.advance(16_000);
  assert.equal(page.sockets.all[0].readyState, 2);
});

test('the answer to a request is displayed', async () => {
  const page = (await new Page().open()).ready();
  page.entries.push({ id: 'other', timestamp: START - 5_000, type: 'IN' });
  await page.client.setTheme('dark');
  assert.equal(page.snapshot.workSeconds, 5);
});

test('a move to another node is not noticed', async () => {
  const entries = [{ id: 1, timestamp: START, type: 'IN' }];
  const page = (await new Page().open()).ready(workDay(entries));
  const phases = new Set();
  page.client.subscribe(() => phases.add(page.snapshot.connection.phase));
  const [old] = page.sockets.all;
  old.receive({ type: 'going-away', payload: { withinMs: 400 } });
  await page.clock.advance(100);
  page.ready(workDay(entries, { currentTheme: 'dark' }));
  old.receive({ type: 'session', payload: workDay([]) });
  assert.deepEqual([page.snapshot.day.currentTheme, page.snapshot.day.entries.length, old.readyState], ['dark', 1, 1]);
  page.socket.receive({ type: 'tick', payload: {} });
  assert.equal(old.readyState, 2);
  assert.deepEqual([...phases], ['online']);
});

test('the other requests have the form of the contract, and a heartbeat is sent while connected', async () => {
  const page = (await new Page().open()).ready();
  assert.equal((await page.client.setTheme('dark')).ok, true);
  assert.equal((await page.client.setZone('Europe/Berlin')).ok, true);
  assert.equal((await page.client.reset()).ok, true);
  assert.deepEqual((await page.client.logs({ date: '2026-01-01', page: 2 })).value.logs, []);
  await page.clock.advance(30_000);
  page.socket.end();
  await page.clock.advance(600);
  assert.deepEqual(page.requests, [
    'POST api/session {"currentTheme":"dark","updatedAt":"2023-11-14T22:13:20.000Z"}',
    'PUT api/session/zone {"zone":"Europe/Berlin"}',
    'DELETE api/session ',
    'GET api/daily-logs ',
    'POST api/heartbeat {}',
  ]);
});

test('without a socket the day is requested, and what waits is sent when the page is left', async () => {
  const page = await new Page().open();
  page.entries.push({ id: 'other', timestamp: START - 5_000, type: 'IN' });
  const { ok, value } = await page.client.refresh();
  assert.deepEqual([ok, value, page.snapshot.day.currentStatus], [true, page.snapshot.day, 'IN']);
  assert.equal((await page.client.punch({ id: 'late', timestamp: START - 1_000, type: 'OUT' })).ok, true);
  assert.deepEqual(page.entries.map(({ id }) => id), ['other', 'late']);
  page.answer = away;
  page.client.punch({ id: 'waits', timestamp: START, type: 'IN' });
  await settle();
  page.answer = null;
  page.requests.length = 0;
  page.client.saveOnLeave({ currentTheme: 'dark' });
  await settle();
  const [{ updatedAt, ...left }, ...others] = page.posts.map((post) => JSON.parse(post.slice('POST api/session '.length)));
  assert.deepEqual([left, others], [{ currentTheme: 'dark', entries: [{ id: 'waits', timestamp: START, type: 'IN' }] }, []]);
  assert.equal(updatedAt, page.snapshot.day.updatedAt);
});

test('nonsense changes nothing, and the server\'s errors are reported', async () => {
  const page = (await new Page().open()).ready();
  const { day } = page.snapshot;
  for (const payload of [undefined, null, 7, {}, { ...workDay(), entries: [null] }, { ...workDay(), entries: [{ id: 1, timestamp: 'x', type: 'IN' }] }, workDay([], { currentStatus: 'AWAY' })]) {
    page.socket.receive({ type: 'session', payload });
    page.socket.receive({ type: 'tick', payload });
  }
  assert.equal(page.snapshot.day, day);
  page.socket.receive({ type: 'error', payload: { code: 'time_uncertain', message: 'away' } });
  assert.deepEqual(page.errors, ['server time_uncertain']);
  page.answer = () => new Response('<html>');
  page.client.clockIn();
  await settle();
  assert.equal(page.snapshot.pending.length, 1, 'an answer without a day is none');
});

test('a punch is not repeated before the time that a busy server names', async () => {
  const page = (await new Page().open()).ready();
  page.answer = () => Response.json({ error: 'busy' }, { status: 503, headers: { 'retry-after': '30' } });
  page.client.clockIn();
  await page.clock.advance(29_000);
  const posts = () => page.requests.filter((request) => request.startsWith('POST api/session ')).length;
  assert.equal(posts(), 1);
  await page.clock.advance(5_000);
  assert.equal(posts(), 2);
});

test('a punch that waits is sent by its own client, when that is closed and opened again', async () => {
  const page = (await new Page({ storage: new MemoryStorage() }).open()).ready();
  page.answer = () => Promise.reject(new TypeError('offline'));
  page.client.clockIn();
  await settle();
  page.client.close();
  page.answer = null;
  await page.open();
  page.client.clockOut();
  await settle();
  assert.deepEqual([page.entries.map(({ type }) => type), page.snapshot.pending], [['IN', 'OUT'], []]);
});

test('nothing remains of a closed client', async () => {
  const page = (await new Page().open()).ready(workDay([{ id: 1, timestamp: START, type: 'IN' }]));
  page.answer = () => new Promise(() => {});
  const result = page.client.clockOut();
  page.client.close();
  await settle();
  assert.deepEqual([page.clock.waiting, (await result).error.code, page.snapshot.connection.phase], [0, 'closed', 'closed']);
});
