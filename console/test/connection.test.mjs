import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Clock } from './fixture/clock.mjs';
import { load } from './fixture/modules.mjs';

const { backoff } = await load('net/backoff.js');
const { verdict } = await load('net/close.js');
const { Connection } = await load('net/connection.js');
const { Silence } = await load('net/silence.js');

function connect() {
  const clock = new Clock();
  const sockets = [];
  class WebSocket {
    readyState = 1;
    sent = [];
    constructor() {
      sockets.push(this);
    }
    send(text) {
      this.sent.push(JSON.parse(text));
    }
    close() {
      this.readyState = 2;
    }
    greet() {
      this.onmessage({ data: '{"type":"ready"}' });
    }
  }
  const heard = [];
  const connection = new Connection(
    { url: 'ws://x', isGreeting: ({ type }) => type === 'ready', onMessage: (m) => heard.push(m.type), onChange: () => {} },
    { ...clock.platform, WebSocket },
  );
  connection.open();
  return { clock, sockets, heard, connection };
}

test('backoff doubles up to its cap and is spread over the whole of it', () => {
  const bounds = { baseMs: 1_000, capMs: 15_000 };
  assert.deepEqual([0, 1, 2, 3, 4, 99].map((n) => backoff(n, bounds, () => 1)), [1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  assert.equal(backoff(3, bounds, () => 0), 0);
  assert.equal(backoff(3, bounds, () => 0.5), 4_000);
});

test('only 1012 and 1013 carry advice, and only sound advice is followed', () => {
  for (const [code, reason, expected] of [
    [1012, '{"reconnectAfterMs":700}', { waitMs: 700 }],
    [1013, '{"reconnectAfterMs":0}', { waitMs: 0 }],
    [1012, '', { steps: 0 }],
    [1012, '{"reconnectAfterMs":-1}', { steps: 0 }],
    [1012, '{"reconnectAfterMs":"soon"}', { steps: 0 }],
    [1013, '{"reconnectAfterMs":1e12}', { waitMs: 300_000 }],
    [1006, '{"reconnectAfterMs":700}', { steps: 0 }],
    [4401, 'Unauthorized', { refused: 'unauthorised' }],
    [4403, '', { refused: 'forbidden' }],
    [4429, '', { steps: 3 }],
  ]) {
    assert.deepEqual(verdict(code, reason), expected);
  }
});

test('it is online from the greeting on, not from the open socket', () => {
  const { sockets, connection } = connect();
  assert.equal(connection.state.phase, 'connecting');
  assert.equal(connection.send({ type: 'early' }), false);
  sockets[0].greet();
  assert.equal(connection.state.phase, 'online');
  assert.equal(connection.send({ type: 'hello' }), true);
  assert.deepEqual(sockets[0].sent, [{ type: 'hello' }]);
});

test('a lost link is tried again, each time later', () => {
  const { clock, sockets, connection } = connect();
  for (const delay of [1_000, 2_000, 4_000, 8_000, 15_000, 15_000]) {
    sockets.at(-1).onclose({ code: 1006, reason: '' });
    assert.deepEqual(connection.state, { phase: 'offline', retryAt: clock.time + delay, code: 1006 });
    clock.advance(delay - 1);
    assert.equal(connection.state.phase, 'offline');
    clock.advance(1);
    assert.equal(connection.state.phase, 'connecting');
  }
});

test('a server that greets and drops at once does not reset the backoff, one that held does', () => {
  const { clock, sockets, connection } = connect();
  for (const delay of [1_000, 2_000]) {
    sockets.at(-1).greet();
    sockets.at(-1).onclose({ code: 1006, reason: '' });
    assert.equal(connection.state.retryAt, clock.time + delay);
    clock.advance(delay);
  }
  sockets.at(-1).greet();
  clock.advance(20_000);
  sockets.at(-1).onclose({ code: 1006, reason: '' });
  assert.equal(connection.state.retryAt, clock.time + 1_000);
});

test('the advice of a restarting server is followed', () => {
  const { clock, sockets, connection } = connect();
  sockets[0].greet();
  sockets[0].onclose({ code: 1012, reason: '{"reconnectAfterMs":3210}' });
  assert.equal(connection.state.retryAt, clock.time + 3_210);
});

test('who is refused is not tried again until asked to', () => {
  const { clock, sockets, connection } = connect();
  sockets[0].onclose({ code: 4401, reason: 'Unauthorized' });
  assert.equal(connection.state.refused, 'unauthorised');
  assert.equal(clock.waiting, 0);
  connection.retryNow();
  assert.equal(sockets.length, 2);
});

test('a link that never greets is given up, and its late words are not heard', () => {
  const { clock, sockets, heard, connection } = connect();
  clock.advance(10_000);
  assert.equal(connection.state.phase, 'offline');
  assert.equal(sockets[0].readyState, 2);
  assert.equal(sockets[0].onmessage, null);
  assert.deepEqual(heard, []);
});

test('retry now opens one socket and leaves no second try behind', () => {
  const { clock, sockets, connection } = connect();
  sockets[0].onclose({ code: 1006, reason: '' });
  connection.retryNow();
  connection.retryNow();
  sockets[1].greet();
  clock.advance(60_000);
  assert.equal(sockets.length, 2);
  assert.equal(connection.state.phase, 'online');
});

test('what is not a message is passed over', () => {
  const { sockets, heard } = connect();
  for (const data of ['', '{', 'null', '7', '[]', '{"type":1}']) sockets[0].onmessage({ data });
  sockets[0].greet();
  assert.deepEqual(heard, ['ready']);
});

test('silence is noticed while ticks are due, and only then', () => {
  const silence = new Silence();
  const looks = (count, due) => Array.from({ length: count }, () => silence.look(due));
  assert.deepEqual(looks(5, true), ['heard', 'heard', 'heard', 'quiet', 'quiet']);
  silence.heard();
  assert.deepEqual(looks(30, false).filter((heard) => heard !== 'heard'), []);
  assert.equal(looks(15, true).at(-1), 'dead');
});
