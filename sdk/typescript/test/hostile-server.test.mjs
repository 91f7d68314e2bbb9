/** Clockit clients with the WebSocket of `ws`, against servers on real sockets that misbehave. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { until } from '../../../console/test/fixture/until.mjs';
import { ClockitClient, ClockitHistory } from '../dist/clockit/index.js';
import { PunchClockClient } from '../dist/punch-clock/index.js';
import { ready, running } from './fixture/clockit.mjs';
import './fixture/crypto.mjs';
import { startNode } from './fixture/nodes.mjs';

/** Retries come at once, so that no test waits for a backoff. */
const platform = { random: () => 0.01 };

async function withClient(node, run) {
  const client = new ClockitClient({ url: node.url, credential: { userId: 'ada' }, WebSocket, platform });
  client.open();
  try {
    await run(client);
  } finally {
    client.close();
    await node.close();
  }
}

const phase = (client, expected) => until(`the client is ${expected}`, () => client.getSnapshot().connection.phase === expected);
const send = (socket, message) => socket.send(JSON.stringify(message));

test('nonsense before and after the handshake changes nothing', async () => {
  const nonsense = ['', '{', '[]', 'null', '"ready"', '{"type":"ready","payload":{}}', '{"type":"tick","payload":"x"}', '{"type":"ack"}', '\u0000', 'x'.repeat(100_000)];
  const node = await startNode((socket) => {
    for (const text of nonsense) socket.send(text);
    socket.send(Buffer.from([0, 1, 2]));
    send(socket, ready([running('s'), null, { sessionId: 's2' }], 12_000));
    for (const text of nonsense) socket.send(text);
    send(socket, { type: 'a later version', payload: [] });
    send(socket, { type: 'session-update', payload: running('last'), rev: 2 });
  });
  await withClient(node, async (client) => {
    await until('the last message has arrived', () => client.getSnapshot().sessions.has('last'));
    assert.deepEqual([...client.getSnapshot().sessions.keys()], ['s', 'last']);
    assert.equal(node.dials, 1);
  });
});

test('an answer that is no history is an error', async () => {
  for (const body of ['', 'null', '[]', '{}', '"x"', '{"sessions":{}}', '{"sessions":[null]}', '{"sessions":[{}]}', '{"logs":[{}],"pagination":{}}', '{"logs":[],"pagination":null}']) {
    const options = { url: 'http://server', fetch: async () => new Response(body) };
    const history = new ClockitHistory(options);
    const punchClock = new PunchClockClient({ ...options, WebSocket });
    for (const result of [await history.page(), await history.import([]), await punchClock.logs()]) {
      assert.deepEqual([result.ok, result.error?.kind], [false, 'http'], body);
    }
  }
});

test('each close code is followed by a reconnect or by none', async () => {
  for (const [code, reason, expected] of [
    [1000, '', 'online'],
    [1001, '', 'online'],
    [1002, '', 'online'],
    [1011, '', 'online'],
    [1012, '{"reconnectAfterMs":5}', 'online'],
    [1013, '{"reconnectAfterMs":5}', 'online'],
    [1013, 'nonsense', 'online'],
    [4408, '', 'online'],
    [4413, '', 'online'],
    [4429, '', 'online'],
    [4401, 'Unauthorized', 'refused'],
    [4403, 'Forbidden', 'refused'],
  ]) {
    const node = await startNode((socket) => {
      send(socket, ready([], 12_000));
      if (node.dials === 1) socket.close(code, reason);
    });
    await withClient(node, async (client) => {
      await until('the close has its effect', () => (expected === 'refused' ? client.getSnapshot().connection.phase === 'refused' : node.dials > 1));
      await phase(client, expected);
      assert.equal(node.dials, expected === 'refused' ? 1 : 2, `${code}`);
    });
  }
});

test('servers that refuse, vanish, or speak no HTTP are tried again', async () => {
  const node = await startNode((socket) => (node.dials < 4 ? socket.terminate() : send(socket, ready([], 12_000))));
  node.refuses = true;
  await withClient(node, async (client) => {
    await until('the server has refused', () => node.dials > 2);
    node.refuses = false;
    await phase(client, 'online');
  });
  const mute = createServer((socket) => socket.on('error', () => {}).resume().end('no HTTP at all\r\n\r\n')).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  let answers = 0;
  mute.on('connection', () => (answers += 1));
  const close = () => new Promise((resolve) => mute.close(resolve));
  await withClient({ url: `http://127.0.0.1:${mute.address().port}`, close }, async (client) => {
    await until('the server is tried again', () => answers > 2);
    assert.notEqual(client.getSnapshot().connection.phase, 'online');
  });
});

test('a move over real sockets misses and doubles no second, although the next node refuses at first', async () => {
  const START = 1_700_000_000_400;
  let beat = START + 600;
  const session = running('s', { startedAt: START });
  const onSocket = (socket) => send(socket, ready([session], beat + 10));
  const [one, two] = [await startNode(onSocket), await startNode(onSocket)];
  two.refuses = true;
  // One address leads to both, as behind a load balancer.
  let target = one.url;
  class Balanced extends WebSocket {
    constructor(url, protocols) {
      super(String(url).replace(/^ws:\/\/[^/]+/, target.replace('http', 'ws')), protocols);
    }
  }
  const client = new ClockitClient({ url: 'http://balancer', credential: { userId: 'ada' }, WebSocket: Balanced, platform });
  const displayed = [];
  const phases = new Set();
  client.subscribe(() => {
    const { sessions, connection } = client.getSnapshot();
    phases.add(connection.phase);
    const elapsedMs = sessions.get('s')?.elapsedMs;
    if (elapsedMs !== undefined && elapsedMs !== displayed.at(-1)) displayed.push(elapsedMs);
  });
  client.open();
  await phase(client, 'online');
  phases.clear();
  // Ticks come faster than in life.
  const timer = setInterval(() => {
    beat += 1_000;
    const tick = { type: 'tick', payload: [{ sessionId: 's', elapsedMs: beat - START, running: true }], serverTime: beat };
    for (const node of [one, two]) node.sockets.forEach((socket) => send(socket, tick));
  }, 30);
  try {
    await until('ticks arrive', () => displayed.length > 3);
    target = two.url;
    one.sockets.forEach((socket) => send(socket, { type: 'going-away', payload: { withinMs: 5_000 } }));
    await until('the next node has refused', () => two.dials >= 2);
    two.refuses = false;
    await until('the old link is closed', () => one.sockets.size === 0);
    const moved = displayed.length;
    await until('ticks continue', () => displayed.length > moved + 3);
    assert.deepEqual([...phases], ['online']);
  } finally {
    clearInterval(timer);
    client.close();
    await Promise.all([one.close(), two.close()]);
  }
  assert.deepEqual(displayed, displayed.map((_, index) => displayed[0] + index * 1_000));
});
