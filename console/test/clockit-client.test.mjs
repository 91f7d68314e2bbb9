/** The timers client against a simulated connection. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './fixture/modules.mjs';

const { ClockitClient } = await load('clockit/client.js');
const { start } = await load('clockit/commands.js');

function createWorld() {
  const world = { sent: [] };
  let options;
  const connection = {
    state: { phase: 'connecting' },
    send: (message) => world.sent.push(message) > 0,
    abort: () => {},
  };
  const setPhase = (phase) => {
    connection.state = { phase };
    options.onStateChange(connection.state);
  };
  world.client = new ClockitClient({
    url: 'ws://h/session?userId=ann&dialect=v1',
    connect: (connectionOptions) => ((options = connectionOptions), connection),
    onChange: () => {},
    onSessionChanges: () => {},
    onError: () => {},
  });
  world.query = new URL(options.url).searchParams;
  world.connect = () => {
    setPhase('online');
    options.onMessage({ type: 'ready', payload: [], sessions: [], serverTime: 1, rev: 0 });
  };
  world.disconnect = () => setPhase('offline');
  return world;
}

test('a page names itself to the server, and repeats a command under the same name and id', () => {
  const [page, other] = [createWorld(), createWorld()];
  assert.deepEqual([page.query.get('userId'), page.query.get('dialect')], ['ann', 'v1']);
  assert.match(page.query.get('client'), /^[0-9a-f-]{36}$/);
  assert.notEqual(page.query.get('client'), other.query.get('client'));
  page.connect();
  page.client.submit(start({ label: 'Write', goals: [] }));
  page.disconnect();
  page.connect();
  assert.equal(page.sent.length, 2);
  assert.deepEqual(page.sent[0], page.sent[1]);
  page.disconnect();
});
