/** Rooms, driven by the real client of Socket.IO: the version that people have, and the newest. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { io as newest } from 'socket.io-client';
import { io as contract } from 'socket.io-client-4.8.1';
import { startServer } from './fixture/server.mjs';
import { until } from './fixture/until.mjs';

const ACK_MS = 10_000;
const CLIENTS = { '4.8.1': contract, newest };
const TRANSPORTS = { 'default transports': undefined, websocket: ['websocket'], polling: ['polling'] };

let server;

before(async () => {
  // One of them says more at once than people do.
  server = await startServer({ TICKCAST__LIMITS__MESSAGE_BURST: '1000000' });
});

after(() => server?.close());

/** Someone with a client that remembers all it was told. */
class Person {
  constructor(io, url, options = {}) {
    this.heard = [];
    this.socket = io(url, { reconnectionDelay: 100, forceNew: true, ...options });
    this.socket.onAny((name, payload) => this.heard.push({ name, payload }));
  }

  async ask(name, ...payload) {
    return this.socket.timeout(ACK_MS).emitWithAck(name, ...payload);
  }

  of(name) {
    return this.heard.filter((event) => event.name === name).map((event) => event.payload);
  }

  async hears(name, fits = () => true) {
    return until(`${name} is heard`, () => this.of(name).find(fits));
  }

  close() {
    this.socket.close();
  }
}

async function withPeople(io, count, options, scene) {
  const people = Array.from({ length: count }, () => new Person(io, server.url, options));
  try {
    await scene(...people);
  } finally {
    people.forEach((person) => person.close());
  }
}

for (const [version, io] of Object.entries(CLIENTS)) {
  describe(`socket.io-client ${version}`, () => {
    for (const [name, transports] of Object.entries(TRANSPORTS)) {
      test(`two people share a countdown over ${name}`, () =>
        withPeople(io, 2, transports && { transports }, async (ann, ben) => {
          const created = await ann.ask('session:create', { duration: 90, name: 'Ann' });
          assert.deepEqual(await ann.hears('session:joined'), created);
          assert.match(created.sessionId, /^[0-9a-z]{16}$/);
          assert.equal(created.state.duration, 90);
          assert.deepEqual(
            created.clients.map((client) => client.name),
            ['Ann'],
          );

          const joined = await ben.ask('session:join', created.sessionId);
          assert.equal(joined.name, 'User 1');
          assert.equal(joined.count, 2);
          const came = await ann.hears('session:user-joined');
          assert.equal(came.client.id, joined.clientId);

          const started = await ben.ask('timer:start', { duration: 1.2 });
          assert.equal(started.duration, 2, 'fractions round up');
          assert.deepEqual(await ann.hears('timer:state', (state) => state.rev === started.rev), started);
          assert.deepEqual(await ben.hears('timer:state', (state) => state.rev === started.rev), started);

          for (const person of [ann, ben]) {
            const completed = await person.hears('timer:completed');
            assert.equal(completed.completedAt, started.endsAt);
            const names = person.heard.map((event) => event.name);
            const at = names.indexOf('timer:completed');
            assert.deepEqual(names.slice(at - 1, at + 2), ['timer:tick', 'timer:completed', 'timer:state']);
            assert.equal(person.heard[at - 1].payload.remainingTime, 0);
            assert.equal(person.heard[at + 1].payload.remainingTime, 2);
            assert.equal(person.of('timer:completed').length, 1);
          }

          assert.deepEqual(await ben.ask('session:leave'), { sessionId: created.sessionId });
          const gone = await ann.hears('session:user-left');
          assert.equal(gone.client.id, joined.clientId);
          assert.equal(gone.count, 1);
        }));
    }

    test('what has no effect is told as an error and in the answer', () =>
      withPeople(io, 1, {}, async (ann) => {
        const check = async (code, name, ...payload) => {
          const { error } = await ann.ask(name, ...payload);
          assert.equal(error?.code, code, `${name} ${JSON.stringify(payload)}: ${JSON.stringify(error)}`);
          assert.deepEqual(ann.of('error').at(-1), error);
        };
        for (const name of ['start', 'pause', 'resume', 'reset', 'adjust'].map((kind) => `timer:${kind}`)) {
          await check('NOT_JOINED', name, { seconds: 1 });
        }
        await check('NOT_JOINED', 'session:leave');
        await check('SESSION_NOT_FOUND', 'session:join', 'nowhere');
        await check('INVALID_PAYLOAD', 'session:join', { sessionId: 5 });
        await check('INVALID_PAYLOAD', 'session:join');
        await check('INVALID_PAYLOAD', 'session:create', 'text');
        await check('INVALID_DURATION', 'session:create', { duration: -1 });
        await check('INVALID_PAYLOAD', 'no:such', {});
        const { sessionId } = await ann.ask('session:create');
        for (const duration of [0, -5, 'x', {}, [], Number.NaN, 86_401, true]) {
          await check('INVALID_DURATION', 'timer:start', { duration });
        }
        await check('NOT_JOINED', 'timer:start', { sessionId: 'other', duration: 5 });
        await check('INVALID_SECONDS', 'timer:adjust', { seconds: 3601 });
        await check('INVALID_SECONDS', 'timer:adjust', {});
        const still = await ann.ask('timer:pause', { sessionId });
        assert.equal(still.isRunning, false);
        assert.equal(ann.of('error').at(-1).code, 'INVALID_SECONDS', 'a no-op is no error');
      }));

    test('bytes are refused, and the client goes on', () =>
      withPeople(io, 1, {}, async (ann) => {
        await ann.ask('session:create');
        ann.socket.emit('timer:start', Buffer.from('abc'));
        assert.equal((await ann.hears('error')).code, 'INVALID_PAYLOAD');
        assert.equal((await ann.ask('timer:start', 60)).isRunning, true);
      }));

    test('a connection that comes back with its secret is not noticed', () =>
      withPeople(io, 2, {}, async (ann, ben) => {
        const created = await ann.ask('session:create', { name: 'Ann' });
        const joined = await ben.ask('session:join', { sessionId: created.sessionId, name: 'Ben' });
        await ann.hears('session:user-joined');
        const before = ann.heard.length;
        ben.socket.io.engine.close();
        const { sessionId } = created;
        const back = await until('back', () =>
          ben.ask('session:join', { sessionId, resume: joined.resume }).catch(() => null),
        );
        assert.equal(back.clientId, joined.clientId);
        assert.equal(back.name, 'Ben');
        await ann.ask('timer:start', 60);
        await ben.hears('timer:state', (state) => state.isRunning);
        assert.deepEqual(
          ann.heard.slice(before).filter((event) => event.name.startsWith('session:')),
          [],
        );
      }));

    test('a node that stops has its clients come again', async () => {
      const own = await startServer();
      const ben = new Person(io, own.url);
      try {
        const created = await ben.ask('session:create', { name: 'Ben' });
        const reasons = [];
        ben.socket.on('disconnect', (reason) => reasons.push(reason));
        await own.kill('SIGINT');
        await until('the end is noticed', () => reasons.length > 0);
        assert.notEqual(reasons[0], 'io server disconnect', 'a client never comes back from that');
        await own.start();
        const back = await ben.ask('session:join', { sessionId: created.sessionId, resume: created.resume });
        assert.equal(back.clientId, created.clientId);
      } finally {
        ben.close();
        await own.close();
      }
    });
  });
}

test('ten thousand emits are carried out in order', () =>
  withPeople(newest, 1, {}, async (ann) => {
    await ann.ask('session:create');
    const answers = [];
    for (let nth = 1; nth <= 10_000; nth++) {
      ann.socket.emit('timer:start', nth, (state) => answers.push(state.duration));
    }
    await until('all are answered', () => answers.length === 10_000, 60_000);
    assert.ok(answers.every((duration, nth) => nth === 0 || answers[nth - 1] < duration));
  }));
