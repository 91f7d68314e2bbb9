/** Clients with wrong clocks determine the cluster's time with the npm package `timesync`. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import timesync from 'timesync';
import { startServer } from './fixture/server.mjs';

/** Far above the duration of a request on one machine, far below the error of the clocks. */
const AGREEMENT_MS = 500;

let server;

before(async () => {
  server = await startServer();
});

after(() => server?.close());

/** Returns a synchronized client of the package whose clock is wrong by `errorMs`. */
async function synchronized(errorMs) {
  const client = timesync.create({
    server: `${server.url}/timesync`,
    interval: null,
    delay: 50,
    repeat: 3,
    now: () => Date.now() + errorMs,
  });
  const failed = new Promise((_, reject) => client.on('error', reject));
  const synced = new Promise((resolve) => client.on('sync', (state) => state === 'end' && resolve()));
  client.sync();
  await Promise.race([synced, failed]);
  client.destroy();
  return client;
}

test('clients whose clocks differ by minutes agree on the time', async () => {
  const [slow, fast] = await Promise.all([synchronized(-180_000), synchronized(240_000)]);
  const difference = Math.abs(slow.now() - fast.now());
  assert.ok(difference < AGREEMENT_MS, `${difference} ms apart`);
  assert.ok(Math.abs(slow.offset - 180_000) < AGREEMENT_MS, `${slow.offset} ms off`);
});

test('invalid requests get an error', async () => {
  const post = async (body) => {
    const response = await fetch(`${server.url}/timesync`, { method: 'POST', body });
    return [response.status, (await response.json()).error?.code];
  };
  assert.deepEqual(await post('nonsense'), [400, -32700]);
  assert.deepEqual(await post('{"id":1,"method":"time"}'), [400, -32601]);
  assert.equal((await fetch(`${server.url}/timesync`, { method: 'POST', body: 'x'.repeat(5_000) })).status, 413);
});
