/** Rooms, driven by the real Socket.IO client: the version in use and the newest. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { io as newest } from 'socket.io-client';
import { io as deployed } from 'socket.io-client-4.8.1';
import { startServer } from './fixture/server.mjs';
import { until } from './fixture/until.mjs';

const ACK_MS = 10_000;
const CLIENTS = { '4.8.1': deployed, newest };
const TRANSPORTS = { 'default transports': undefined, websocket: ['websocket'], polling: ['polling'] };

let server;

before(async () => {
  // One test sends more messages at once than users do.
  server = await startServer({ TICKCAST__LIMITS__MESSAGE_BURST: '1000000' });
});

after(() => server?.close());

/** A client that records all events. */
class Member {
  constructor(io, url, options = {}) {
    this.received = [];
    this.socket = io(url, { reconnectionDelay: 100, forceNew: true, ...options });
    this.socket.onAny((name, payload) => this.received.push({ name, payload }));
  }

  async request(name, ...payload) {
    return this.socket.timeout(ACK_MS).emitWithAck(name, ...payload);
  }

  payloads(name) {
    return this.received.filter((event) => event.name === name).map((event) => event.payload);
  }

  async waitFor(name, matches = () => true) {
    return until(`${name} is received`, () => this.payloads(name).find(matches));
  }

  close() {
    this.socket.close();
  }
}

async function withMembers(io, count, options, run) {
  const members = Array.from({ length: count }, () => new Member(io, server.url, options));
  try {
    await run(...members);
  } finally {
    members.forEach((member) => member.close());
  }
}

for (const [version, io] of Object.entries(CLIENTS)) {
  describe(`socket.io-client ${version}`, () => {
    for (const [name, transports] of Object.entries(TRANSPORTS)) {
      test(`a binary payload is refused once, by the acknowledgement, over ${name}`, () =>
        withMembers(io, 1, transports && { transports }, async (ann) => {
          await ann.request('session:create');
          const bytes = Buffer.from('binary');
          for (const payload of [bytes, { nested: [{ duration: bytes }, bytes] }]) {
            assert.equal((await ann.request('timer:start', payload)).error.code, 'INVALID_PAYLOAD');
          }
          assert.equal((await ann.request('timer:start', 60)).isRunning, true);
          assert.equal(ann.payloads('error').length, 2, 'one event for each refusal');
        }));

      test(`two members share a countdown over ${name}`, () =>
        withMembers(io, 2, transports && { transports }, async (ann, ben) => {
          const created = await ann.request('session:create', { duration: 90, name: 'Ann' });
          assert.deepEqual(await ann.waitFor('session:joined'), created);
          assert.match(created.sessionId, /^[0-9a-z]{16}$/);
          assert.equal(created.state.duration, 90);
          assert.deepEqual(
            created.clients.map((client) => client.name),
            ['Ann'],
          );

          const joined = await ben.request('session:join', created.sessionId);
          assert.equal(joined.name, 'User 1');
          assert.equal(joined.count, 2);
          const userJoined = await ann.waitFor('session:user-joined');
          assert.equal(userJoined.client.id, joined.clientId);

          const started = await ben.request('timer:start', { duration: 1.2 });
          assert.equal(started.duration, 2, 'fractions round up');
          assert.deepEqual(await ann.waitFor('timer:state', (state) => state.rev === started.rev), started);
          assert.deepEqual(await ben.waitFor('timer:state', (state) => state.rev === started.rev), started);

          for (const member of [ann, ben]) {
            const completed = await member.waitFor('timer:completed');
            assert.equal(completed.completedAt, started.endsAt);
            const names = member.received.map((event) => event.name);
            const at = names.indexOf('timer:completed');
            assert.deepEqual(names.slice(at - 1, at + 2), ['timer:tick', 'timer:completed', 'timer:state']);
            assert.equal(member.received[at - 1].payload.remainingTime, 0);
            assert.equal(member.received[at + 1].payload.remainingTime, 2);
            assert.equal(member.payloads('timer:completed').length, 1);
          }

          assert.deepEqual(await ben.request('session:leave'), { sessionId: created.sessionId });
          const userLeft = await ann.waitFor('session:user-left');
          assert.equal(userLeft.client.id, joined.clientId);
          assert.equal(userLeft.count, 1);
        }));
    }

    test('a rejected request gets an error event and an error in the ack', () =>
      withMembers(io, 1, {}, async (ann) => {
        const check = async (code, name, ...payload) => {
          const { error } = await ann.request(name, ...payload);
          assert.equal(error?.code, code, `${name} ${JSON.stringify(payload)}: ${JSON.stringify(error)}`);
          assert.deepEqual(ann.payloads('error').at(-1), error);
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
        const { sessionId } = await ann.request('session:create');
        for (const duration of [0, -5, 'x', {}, [], Number.NaN, 86_401, true]) {
          await check('INVALID_DURATION', 'timer:start', { duration });
        }
        await check('NOT_JOINED', 'timer:start', { sessionId: 'other', duration: 5 });
        await check('INVALID_SECONDS', 'timer:adjust', { seconds: 3601 });
        await check('INVALID_SECONDS', 'timer:adjust', {});
        const unchanged = await ann.request('timer:pause', { sessionId });
        assert.equal(unchanged.isRunning, false);
        assert.equal(ann.payloads('error').at(-1).code, 'INVALID_SECONDS', 'a no-op is not an error');
      }));

    test('a binary message is rejected, and the connection stays usable', () =>
      withMembers(io, 1, {}, async (ann) => {
        await ann.request('session:create');
        ann.socket.emit('timer:start', Buffer.from('abc'));
        assert.equal((await ann.waitFor('error')).code, 'INVALID_PAYLOAD');
        assert.equal((await ann.request('timer:start', 60)).isRunning, true);
      }));

    test('a reconnect with the resume secret is invisible to other members', () =>
      withMembers(io, 2, {}, async (ann, ben) => {
        const created = await ann.request('session:create', { name: 'Ann' });
        const joined = await ben.request('session:join', { sessionId: created.sessionId, name: 'Ben' });
        await ann.waitFor('session:user-joined');
        const before = ann.received.length;
        ben.socket.io.engine.close();
        const { sessionId } = created;
        const rejoined = await until('the member has joined again', () =>
          ben.request('session:join', { sessionId, resume: joined.resume }).catch(() => null),
        );
        assert.equal(rejoined.clientId, joined.clientId);
        assert.equal(rejoined.name, 'Ben');
        await ann.request('timer:start', 60);
        await ben.waitFor('timer:state', (state) => state.isRunning);
        assert.deepEqual(
          ann.received.slice(before).filter((event) => event.name.startsWith('session:')),
          [],
        );
      }));

    test('clients reconnect after a node stops', async () => {
      const restarted = await startServer();
      const ben = new Member(io, restarted.url);
      try {
        const created = await ben.request('session:create', { name: 'Ben' });
        const reasons = [];
        ben.socket.on('disconnect', (reason) => reasons.push(reason));
        await restarted.kill('SIGINT');
        await until('the disconnect is reported', () => reasons.length > 0);
        assert.notEqual(reasons[0], 'io server disconnect', 'a client does not reconnect after this reason');
        await restarted.start();
        const rejoined = await ben.request('session:join', { sessionId: created.sessionId, resume: created.resume });
        assert.equal(rejoined.clientId, created.clientId);
      } finally {
        ben.close();
        await restarted.close();
      }
    });
  });
}

test('ten thousand requests are carried out in order', () =>
  withMembers(newest, 1, {}, async (ann) => {
    await ann.request('session:create');
    const answers = [];
    for (let duration = 1; duration <= 10_000; duration++) {
      ann.socket.emit('timer:start', duration, (state) => answers.push(state.duration));
    }
    await until('all requests are answered', () => answers.length === 10_000, 60_000);
    assert.ok(answers.every((duration, index) => index === 0 || answers[index - 1] < duration));
  }));
