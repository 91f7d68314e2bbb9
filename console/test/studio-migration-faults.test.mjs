/**
 * Time tracking behind the proxy of the old host, with the configurations of `deploy/studio`: a slow client, a Redis
 * that does not answer, and a node that stops.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { answerTo, connectionsAt, fails } from './fixture/host-member.mjs';
import { startStudioHost } from './fixture/studio-host.mjs';
import { PROXIES, startStudioProxy } from './fixture/studio-proxy.mjs';
import { until } from './fixture/until.mjs';

/** Entries of a list of 27 MB, which is more than what the sockets between its client and Redis hold. */
const ENTRIES = 1_500;
/** 18 KB. */
const NOTE = '🎙'.repeat(4_500);
/** Entries of one page of the history. */
const PAGE_ENTRIES = 100;
/** Entries that are started, and then stopped, in one request. */
const BATCH = 10;
/** Longer than the proxies need to notice that no node is ready: two checks, one a second. */
const OUTAGE_MS = 4_000;
/** Members, each of an organisation, who call one after the other while a node stops. */
const CALLERS = 6;

let host;
let longList;

before(async () => {
  host = await startStudioHost();
});

after(() => host?.close());

for (const kind of PROXIES) {
  describe(kind, () => {
    let proxy;

    before(async () => {
      proxy = await startStudioProxy(kind, host.nodes, host.old);
    });

    after(() => proxy?.close());

    test('a list of entries is read no faster than its client', () => slowList(proxy));
    test('while Redis is unavailable the nodes answer, not the proxy', () => outage(proxy));
    test('a node stops under load without a failed call', () => stoppingNode(kind));
  });
}

/** Writes finished entries, in batches. */
async function writeEntries(member, count) {
  const batch = async (procedure, inputs) => {
    const path = `/api/trpc/${inputs.map(() => `timeTracking.timer.${procedure}`).join(',')}?batch=1`;
    const body = JSON.stringify(Object.fromEntries(inputs.entries()));
    const headers = { 'content-type': 'application/json' };
    const response = await member.fetch(path, { method: 'POST', headers, body });
    assert.equal(response.status, 200, procedure);
    return (await response.json()).map(({ result }) => result.data);
  };
  for (let written = 0; written < count; written += BATCH) {
    const starts = Array.from({ length: BATCH }, (_, nth) => ({ taskTypeId: 2, sessionId: nth + 1, notes: NOTE }));
    const started = await batch('start', starts);
    await batch('stop', started.map(({ id }) => ({ timeEntryId: id })));
  }
}

/** Returns how many pages of histories the nodes have read. */
async function pagesRead(nodes) {
  const counts = nodes.map(async ({ internalUrl }) => {
    const metrics = await (await fetch(`${internalUrl}/metrics`)).text();
    const lines = metrics.matchAll(/^tickcast_store_duration_seconds_count\{.*operation="history".*\} (\d+)$/gm);
    return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
  });
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

/** A client that stops reading makes the node stop reading from Redis; the whole list arrives when it continues. */
async function slowList(proxy) {
  longList ??= await host.newMember(proxy).then(async (member) => {
    // A node that has the view of a subscriber reads the board from it.
    assert.equal(await member.connect(), null);
    await writeEntries(member, ENTRIES);
    member.close();
    return member;
  });
  const before = await pagesRead(host.nodes);
  const headers = { cookie: longList.cookie };
  const response = await fetch(`${proxy.url}/api/trpc/timeTracking.timeEntries.list`, { headers });
  assert.equal(response.status, 200);
  const reader = response.body.getReader();
  const parts = [(await reader.read()).value];
  let pages = 0;
  await until('no page is read any more', async () => {
    const previous = pages;
    pages = (await pagesRead(host.nodes)) - before;
    return pages > 0 && pages === previous;
  });
  assert.ok(pages < ENTRIES / PAGE_ENTRIES, `${pages} pages are read for a client that does not read`);
  for (let part = await reader.read(); !part.done; part = await reader.read()) parts.push(part.value);
  const { entries, stats } = JSON.parse(Buffer.concat(parts).toString()).result.data;
  assert.equal(entries.length, ENTRIES);
  assert.equal(new Set(entries.map(({ id }) => id)).size, ENTRIES);
  assert.ok(entries.every(({ notes, taskType }) => notes === NOTE && taskType.color === '#EF4444'));
  assert.deepEqual(Object.keys(stats), ['totalHours', 'totalCost']);
}

/** Redis does not answer: no node is ready, connected sockets stay, and calls get the errors of the nodes. */
async function outage(proxy) {
  const member = await host.newMember(proxy);
  assert.equal(await member.connect(), null);
  await until('the transport is upgraded', () => member.transport === 'websocket');
  const isReady = async ({ internalUrl }) => (await fetch(`${internalUrl}/readyz`)).status === 200;
  host.redis.signal('SIGSTOP');
  try {
    await until('no node is ready', async () => !(await Promise.all(host.nodes.map(isReady))).includes(true));
    const end = Date.now() + OUTAGE_MS;
    const moved = [];
    while (Date.now() < end) {
      const unknown = await answerTo(proxy, 'GET', '/api/trpc/timeTracking.none');
      assert.equal(JSON.parse(unknown.text).error.data.path, 'timeTracking.none');
      const open = await answerTo(proxy, 'GET', '/socket.io/?EIO=4&transport=polling');
      assert.equal(open.status, 200, open.text);
      const path = `/socket.io/?EIO=4&transport=polling&sid=${JSON.parse(open.text.slice(1)).sid}`;
      // The session ends behind its connect: a thousand that nobody ends are the most of one address.
      const connect = await fetch(`${proxy.url}${path}`, { method: 'POST', body: '40\x1e1' });
      const answer = await connect.text();
      if (answer !== 'ok') moved.push(`${connect.status} ${answer}`);
    }
    // A proxy notices the nodes one after the other, and moves the client that it serves just then.
    assert.ok(moved.length <= host.nodes.length, `${moved.length} polling clients reach two nodes: ${moved.slice(0, 5)}`);
    await fails(member.trpc.timeTracking.taskTypes.list.query(), 'SERVICE_UNAVAILABLE');
    assert.equal(member.socket.connected, true);
  } finally {
    host.redis.signal('SIGCONT');
  }
  await until('all nodes are ready', async () => !(await Promise.all(host.nodes.map(isReady))).includes(false));
  const entry = await member.trpc.timeTracking.timer.start.mutate({ taskTypeId: 1, sessionId: 1 });
  assert.equal((await member.event('timer:started')).timeEntryId, entry.id);
  member.close();
}

/** SIGTERM to one of two nodes, while clients call and are connected. */
async function stoppingNode(kind) {
  const settings = { TICKCAST__DRAIN__NOTICE: '5s', TICKCAST__DRAIN__GRACE: '2s' };
  const nodes = [await host.startNode(settings), await host.startNode(settings)];
  const proxy = await startStudioProxy(kind, nodes, host.old);
  const { members, close } = await host.membersOnBothNodes(proxy, nodes);
  try {
    await stopUnderLoad(proxy, nodes, members);
  } finally {
    close();
    await proxy.close();
    await nodes[1].close();
  }
}

async function stopUnderLoad(proxy, nodes, members) {
  const [moved, other] = members;
  const callers = [];
  for (let nth = 0; nth < CALLERS; nth += 1) callers.push(await host.newMember(proxy));
  const load = new Load(callers);
  try {
    await until('there is load', () => load.calls > 10 * CALLERS);
    const reconnected = once(moved.socket.io, 'reconnect');
    nodes[0].signal('SIGTERM');
    assert.equal(await nodes[0].exitCode(), 0);
    await reconnected;
    const calls = load.calls;
    await until('the remaining node serves the load', () => load.calls > calls + 10 * CALLERS);
  } finally {
    await load.stop();
  }
  assert.deepEqual(load.failures, [], `of ${load.calls} calls`);
  const entry = await other.trpc.timeTracking.timer.start.mutate({ taskTypeId: 1, projectId: 1 });
  for (const member of members) await member.event('timer:started', ({ timeEntryId }) => timeEntryId === entry.id);
  assert.equal((await connectionsAt(nodes[1], moved.user)).length, 1);
}

/** Clients that start, query and stop timers, each one after the other. */
class Load {
  calls = 0;
  failures = [];
  #running = true;
  #callers;

  constructor(members) {
    this.#callers = members.map(({ trpc }) => this.#run(trpc.timeTracking.timer));
  }

  async #run(timer) {
    while (this.#running) {
      const started = await this.#call(() => timer.start.mutate({ taskTypeId: 1, trackId: 1 }));
      const active = await this.#call(() => timer.getActive.query({ trackId: 1 }));
      if (active && started && active.id !== started.id) this.failures.push(`${active.id} is not ${started.id}`);
      if (started) await this.#call(() => timer.stop.mutate({ timeEntryId: started.id }));
    }
  }

  async #call(call) {
    this.calls += 1;
    return call().catch((error) => this.failures.push(String(error)) && null);
  }

  async stop() {
    this.#running = false;
    await Promise.all(this.#callers);
  }
}
