/** The golden transcripts of the punch clock: the totals that a page displays are those of the server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTranscripts } from '../../typescript/test/fixture/transcript.mjs';
import { dailyStatsAt } from '../dist/punch-clock/day-totals.js';

/** Returns how many documents were compared. */
function compare({ lines }) {
  let now = 0;
  let compared = 0;
  for (const { kind, text } of lines) {
    if (kind === '@') now = Number(text);
    if (kind === '~') now = Math.max(now, Number(text) * 1000);
    const message = kind === '<' ? JSON.parse(text) : null;
    if (message?.type !== 'session') continue;
    const { entries, dailyStats } = message.payload;
    assert.deepEqual(dailyStatsAt(entries, now), dailyStats, text);
    compared += 1;
  }
  return compared;
}

test('the totals of every document', async () => {
  let compared = 0;
  for (const transcript of await readTranscripts('punch_clock')) compared += compare(transcript);
  assert.ok(compared > 8, `${compared} documents`);
});

test('punches that do not stand count for nothing, and a clock that is behind gives no negative time', () => {
  const punch = (minute, type) => ({ id: minute, timestamp: minute * 60_000, type });
  const stats = (entries, minute) => Object.values(dailyStatsAt(entries, minute * 60_000));
  assert.deepEqual(stats([], 5), [0, 0, false]);
  assert.deepEqual(stats([punch(0, 'OUT'), punch(1, 'IN'), punch(2, 'IN'), punch(5, 'OUT'), punch(6, 'OUT')], 9), [4, 4, false]);
  assert.deepEqual(stats([punch(10, 'IN')], 5), [0, 0, false]);
  assert.deepEqual(stats([punch(0, 'IN')], 479.9), [480, 0, false], 'complete is decided before rounding');
  assert.deepEqual(stats([punch(0, 'IN')], 480), [480, 0, true]);
});
