/** The rooms client moves to another node, and keeps its membership. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joined, Member, running } from './fixture/rooms.mjs';

test('a move to another node keeps the membership, and the room is never left', async () => {
  const member = await new Member().join();
  const [old] = member.sockets;
  old.receive('timer:state', running(2));
  const phases = [];
  member.client.subscribe(() => phases.push(member.snapshot.connection.phase, member.snapshot.canSendCommands));
  old.receive('going-away', { withinMs: 1_000 });
  await member.clock.advance(200);
  const next = member.socket;
  next.connect();
  assert.equal(next.sent[0].payload.resume, 'secret of r');
  next.receive('session:joined', joined('r', { state: running(2) }));
  next.ack('session:join', joined('r', { state: running(2), count: 3 }));
  assert.equal(member.snapshot.room.count, 3);
  next.receive('timer:tick', { sessionId: 'r', serverTime: member.clock.time });
  assert.equal(old.closed, true);
  assert.deepEqual(new Set(phases), new Set(['online', true]));
  member.client.send({ type: 'timer:pause' });
  assert.deepEqual(next.types, ['timer:pause']);
});

test('a node whose store is unavailable is no next node', async () => {
  const member = await new Member().join();
  member.socket.receive('going-away', { withinMs: 10_000 });
  await member.clock.advance(1_250);
  const [, unavailable] = member.sockets;
  unavailable.connect();
  unavailable.ack('session:join', { error: { code: 'UNAVAILABLE', message: 'away' } });
  assert.deepEqual([member.snapshot.connection.phase, unavailable.closed, member.sockets[0].closed], ['online', true, false]);
  await member.clock.advance(150);
  assert.equal(member.sockets.length, 3);
});

test('a command in flight during a move is answered by the old node, sent again, or reported', async () => {
  for (const [answer, expected] of [
    [running(3), { ok: true }],
    [{ error: { code: 'NOT_JOINED', message: 'taken over' } }, 'sent again'],
    [null, 'outcome_unknown'],
  ]) {
    const member = await new Member().join();
    const [old] = member.sockets;
    old.receive('going-away', { withinMs: 0 });
    await member.clock.advance(0);
    const result = member.client.send({ type: 'timer:start' });
    member.socket.connect();
    member.socket.ack('session:join', joined());
    assert.equal(old.closed, false, 'the old link stays for the answer');
    if (answer) old.ack('timer:start', answer);
    if (expected === 'sent again') {
      assert.deepEqual(member.socket.types, ['timer:start']);
      member.socket.ack('timer:start', running(3));
    }
    if (!answer) await member.clock.advance(5_000);
    const { ok, error } = await result;
    assert.equal(ok ? true : error.code, answer ? true : expected);
    assert.deepEqual(member.snapshot.canSendCommands, true);
  }
});

test('the news that the next link has taken over the membership is no loss of it', async () => {
  const takenOver = { code: 'NOT_JOINED', message: 'taken over' };
  const begin = async () => {
    const member = await new Member().join();
    member.socket.receive('going-away', { withinMs: 0 });
    await member.clock.advance(0);
    const result = member.client.send({ type: 'timer:start' });
    const [old, next] = member.sockets;
    next.connect();
    old.ack('timer:start', { error: takenOver });
    old.receive('error', takenOver);
    assert.deepEqual(old.types, [], 'the old link does not join again');
    return { member, old, next, result };
  };
  const moved = await begin();
  moved.next.ack('session:join', joined());
  assert.deepEqual(moved.next.types, ['timer:start'], 'the refused command is sent again');
  moved.next.ack('timer:start', running(2));
  assert.deepEqual([await moved.result, moved.member.snapshot.room.resume], [{ ok: true }, 'secret of r']);

  for (const fail of [({ next }) => next.end(), ({ member }) => member.clock.advance(10_000)]) {
    const failed = await begin();
    await fail(failed);
    assert.equal(failed.old.sent[0].payload.resume, 'secret of r', 'the membership returns to the old link');
    assert.equal((await failed.result).error.code, 'not_joined');
    failed.old.ack('session:join', joined());
    assert.equal(failed.member.snapshot.canSendCommands, true);
  }
});
