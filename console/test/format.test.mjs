import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './fixture/modules.mjs';

const { formatElapsed, formatInstant, secondOfMinute } = await load('format.js');

test('elapsed time has two digits per field, and hours never wrap', () => {
  for (const [ms, text] of [
    [0, '00:00:00'],
    [999, '00:00:00'],
    [1_000, '00:00:01'],
    [59_999, '00:00:59'],
    [60_000, '00:01:00'],
    [3_599_999, '00:59:59'],
    [3_600_000, '01:00:00'],
    [86_400_000, '24:00:00'],
    [360_000_000, '100:00:00'],
    [-5, '00:00:00'],
    [Number.NaN, '00:00:00'],
  ]) {
    assert.equal(formatElapsed(ms), text);
  }
});

test('the second of the minute ranges from 0 to 59', () => {
  assert.deepEqual([0, 999, 1_000, 59_999, 60_000, -1].map(secondOfMinute), [0, 0, 1, 59, 0, 0]);
});

test('an invalid instant is returned unchanged', () => {
  assert.equal(formatInstant('yesterday'), 'yesterday');
  assert.equal(formatInstant(undefined), '');
  assert.match(formatInstant('2024-05-06T07:08:09Z'), /May 6/);
});
