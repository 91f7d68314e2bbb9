/** The golden transcripts of Rooms, replayed against the model and the prediction of the client. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countdownPhase, predict, remainingMs } from '../dist/rooms/countdown.js';
import { INITIAL_MODEL, reduce } from '../dist/rooms/model.js';
import { parseAnswer, parseRoomEvent } from '../dist/rooms/protocol.js';
import { readTranscripts } from './fixture/transcript.mjs';

const COMMANDS = ['timer:start', 'timer:pause', 'timer:resume', 'timer:reset', 'timer:adjust'];

/** Events of clients that only their sender receives. */
const IGNORED = ['error', 'auth'];

/** Reads `client event payload`. */
function parse(text) {
  const [, client, type, json] = /^(\S+) (\S+) ?(.*)$/s.exec(text);
  return { client, type, payload: json === '' ? undefined : JSON.parse(json.replace('1e400', '1e300')) };
}

/** Follows the member `a` through a transcript. */
function replay({ name, lines }) {
  const log = { events: 0, predictions: 0, answers: 0 };
  let model = INITIAL_MODEL;
  let now = 0;
  for (const [index, { kind, text }] of lines.entries()) {
    if (kind === '@') now = Number(text);
    if (kind === '=') {
      const answer = parseAnswer(JSON.parse(text.replace(/^\S+ ?/, '') || 'null'));
      log.answers += Object.keys(answer).length;
    }
    if (kind === '<') {
      const { client, type, payload } = parse(text);
      const event = parseRoomEvent({ type, payload });
      assert.equal(event === null, IGNORED.includes(type), `${name}: ${text}`);
      const isForA = client === '*' || client === 'a' || (client.startsWith('-') && client !== '-a');
      if (!event || !isForA) continue;
      model = reduce(model, event);
      log.events += 1;
      if (type === 'timer:state') assert.deepEqual(model.room.state, payload);
      if (type === 'timer:tick' && model.room.state.isRunning) {
        assert.equal(Math.ceil(remainingMs(model.room.state, payload.serverTime) / 1000), payload.remainingTime, text);
      }
    }
    const next = lines[index + 1];
    if (kind === '>' && next?.text.startsWith('* timer:state')) log.predictions += checkPrediction(model.room.state, parse(text), parse(next.text).payload, now);
  }
  return log;
}

/** The predicted display equals that of the state that the server sends. */
function checkPrediction(state, { type, payload }, actual, now) {
  if (!COMMANDS.includes(type)) return 0;
  const content = typeof payload === 'number' ? { duration: Math.ceil(payload) } : Object.fromEntries(Object.entries(payload ?? {}).filter(([, value]) => value !== null));
  // The clock of a transcript follows its beats too.
  const at = actual.serverTime ?? now;
  const predicted = predict(state, { type, ...content }, at);
  assert.equal(countdownPhase(predicted), countdownPhase(actual), type);
  assert.equal(Math.ceil(remainingMs(predicted, at) / 1000), Math.ceil(remainingMs(actual, at) / 1000), `${type} ${JSON.stringify(payload)}`);
  return 1;
}

for (const transcript of await readTranscripts('rooms')) {
  test(`the client follows ${transcript.name}`, () => {
    const log = replay(transcript);
    assert.ok(log.events > 0 && log.answers > 0);
    if (transcript.name === 'life.txt') assert.ok(log.predictions >= 8, `${log.predictions} predictions`);
  });
}
