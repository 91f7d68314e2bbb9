import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './fixture/modules.mjs';

const { hms, instant, plural, secondOf } = await load('format.js');

test('elapsed time is whole seconds in two digits, and hours never wrap', () => {
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
    assert.equal(hms(ms), text);
  }
});

test('the second hand goes from 0 to 59', () => {
  assert.deepEqual([0, 999, 1_000, 59_999, 60_000, -1].map(secondOf), [0, 0, 1, 59, 0, 0]);
});

test('an instant that cannot be read is shown as it came', () => {
  assert.equal(instant('yesterday'), 'yesterday');
  assert.equal(instant(undefined), '');
  assert.match(instant('2024-05-06T07:08:09Z', 'en-GB'), /6 May/);
});

test('one of a thing is singular', () => {
  assert.deepEqual([0, 1, 2].map((n) => plural(n, 'goal')), ['0 goals', '1 goal', '2 goals']);
});
