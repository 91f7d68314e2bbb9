/** The golden transcripts of Clockit, replayed against the client. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Clock, settle } from './fixture/clock.mjs';
import { Page } from './fixture/clockit.mjs';
import { readTranscripts } from './fixture/transcript.mjs';

/** How an application says what a transcript's client sends. */
const SUBMIT = {
  'session-start': (client, payload) => client.start(payload),
  'session-stop': (client, { sessionId }) => client.stop(sessionId),
  'session-pause': (client, { sessionId }) => client.pause(sessionId),
  'session-resume': (client, { sessionId }) => client.resume(sessionId),
  'session-remove': (client, { sessionId }) => client.remove(sessionId),
  'session-attach': (client, { sessionId, goal }) => client.attachGoal(sessionId, goal),
  'session-detach': (client, { sessionId, goalId }) => client.detachGoal(sessionId, goalId),
};

const transcripts = (await readTranscripts('clockit')).filter(({ lines }) => lines[0].text === 'v1');

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** What a client displays of its sessions, without the time of running ones. */
function states(page) {
  return [...page.snapshot.sessions.values()].map(({ state }) => state);
}

async function replay({ lines }) {
  const clock = new Clock();
  const page = (await new Page(clock).open()).ready([], 0);
  const log = { ticks: 0, results: [], sent: 0, compared: 0 };
  let pending = null;
  for (const [index, { kind, text }] of lines.entries()) {
    const message = parse(text);
    if (kind === '>' && SUBMIT[message?.type] && message.payload) {
      const result = SUBMIT[message.type](page.client, message.payload);
      const sent = page.socket.commands.at(-1);
      assert.deepEqual(JSON.parse(JSON.stringify(sent.payload)), message.payload, text);
      assert.equal(sent.type, message.type);
      pending = { id: sent.id, result, hasAnswer: message.id !== undefined };
      log.sent += 1;
    } else if (kind === '>') {
      pending = null;
    } else if (kind === '<' && message.type === 'ready') {
      // Another client of the same user connects here, and must display what this one displays.
      const other = await new Page(clock).open();
      other.socket.open().receive(message);
      assert.deepEqual(states(other), states(page), `line ${index}`);
      log.compared += 1;
    } else if (kind === '<') {
      const isAnswer = message.type === 'ack' || message.type === 'error';
      if (isAnswer && pending) message.id = pending.id;
      page.socket.receive(message);
      if (message.type === 'tick') log.ticks += checkTicks(page, message);
    }
    if (pending && isLastOf(lines, index)) {
      if (!pending.hasAnswer && page.snapshot.pending.length > 0) page.ack();
      log.results.push(await pending.result);
      pending = null;
    }
  }
  await settle();
  return { log, page };
}

/** The exchange of a command ends before the next line that is no message of the server. */
function isLastOf(lines, index) {
  return lines[index + 1]?.kind !== '<';
}

function checkTicks(page, { payload }) {
  for (const { sessionId, elapsedMs } of payload) assert.equal(page.elapsed(sessionId), elapsedMs);
  return payload.length;
}

for (const transcript of transcripts) {
  test(`the client follows ${transcript.name}`, async () => {
    const { log, page } = await replay(transcript);
    assert.deepEqual(page.snapshot.pending, []);
    assert.ok(log.sent > 0 && log.results.length === log.sent);
    const refusals = transcript.lines.filter(({ kind, text }, index) => kind === '<' && text.includes('"type":"error"') && isCommand(transcript.lines[index - 1]));
    assert.equal(log.results.filter(({ ok }) => !ok).length, refusals.length);
    if (transcript.name !== 'faults.txt') assert.ok(log.ticks > 0 || log.compared > 0);
  });
}

function isCommand({ kind, text }) {
  const message = parse(text);
  return kind === '>' && SUBMIT[message?.type] !== undefined && Boolean(message.payload);
}

test('transcripts of every kind were found', () => {
  assert.deepEqual(transcripts.map(({ name }) => name), ['faults.txt', 'goals-v1.txt', 'life-v1.txt', 'start-again.txt']);
});
