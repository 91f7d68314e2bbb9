/** The golden transcripts of the punch clock: what a page computes from a document equals the ticks of the server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { liveSeconds, withPunches } from '../dist/punch-clock/day.js';
import { isWorkDay, parseDay } from '../dist/punch-clock/protocol.js';
import { readTranscripts } from './fixture/transcript.mjs';

function replay({ lines }) {
  const log = { days: 0, ticks: 0, predictions: 0 };
  let day = null;
  let beatMs = 0;
  let posted = [];
  for (const { kind, text } of lines) {
    if (kind === '~') beatMs = Number(text) * 1000;
    if (kind === '>') posted = parsePosted(text);
    if (kind !== '<') continue;
    const message = JSON.parse(text);
    if (message.type === 'tick') {
      const { workSeconds, breakSeconds } = liveSeconds(day, beatMs);
      assert.deepEqual({ liveWorkSeconds: workSeconds, liveBreakSeconds: breakSeconds }, message.payload, text);
      log.ticks += 1;
    } else {
      const next = parseDay(message);
      assert.ok(isWorkDay(next), text);
      log.predictions += checkPrediction(day, posted, next);
      [day, posted] = [next, []];
      log.days += 1;
    }
  }
  return log;
}

function parsePosted(text) {
  const [, json] = /^POST \/api\/session (.*)$/.exec(text) ?? [];
  try {
    return JSON.parse(json).entries ?? [];
  } catch {
    return [];
  }
}

/** One new punch that the server stores as it was posted is displayed in advance as it will be. */
function checkPrediction(day, posted, next) {
  const added = posted.filter((punch) => day && !day.entries.some(({ id }) => id === punch.id));
  const stored = next.entries.find(({ id }) => id === added[0]?.id);
  const isNewest = next.entries.at(-1) === stored;
  if (added.length !== 1 || !stored || !isNewest || stored.timestamp !== added[0].timestamp) return 0;
  const predicted = withPunches(day, added);
  assert.deepEqual([predicted.currentStatus, predicted.sessionStartTime], [next.currentStatus, next.sessionStartTime]);
  return 1;
}

for (const transcript of await readTranscripts('punch_clock')) {
  test(`a page follows ${transcript.name}`, () => {
    const log = replay(transcript);
    if (transcript.name === 'day.txt') assert.ok(log.predictions > 0 && log.ticks > 1, JSON.stringify(log));
    if (transcript.name === 'midnight.txt') assert.ok(log.days > 1, JSON.stringify(log));
  });
}
