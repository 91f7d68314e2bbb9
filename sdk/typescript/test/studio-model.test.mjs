/** The model of an organisation's entries, and their costs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EntryDisplay } from '../dist/studio/display.js';
import { INITIAL_MODEL, isIncomplete, putAll, putEntry, reduce } from '../dist/studio/model.js';
import { costOf, wholeMinutes } from '../dist/studio/money.js';
import { parseStudioEvent } from '../dist/studio/protocol.js';
import { adjusted, NOW, started, stopped, taskType, timeEntry } from './fixture/studio.mjs';

const apply = (model, ...events) => events.reduce((next, [type, payload]) => reduce(next, parseStudioEvent({ type, payload })), model);
const ids = ({ entries }) => [...entries.keys()];

test('costs are those of the server', () => {
  for (const [minutes, rate, hours, rest, formatted] of [
    [15, '50.50', 0, 15, '$12.63'],
    [0, '75.00', 0, 0, '$0.00'],
    [125, '0.00', 2, 5, '$0.00'],
    [60, '75.00', 1, 0, '$75.00'],
    [90, '75.00', 1, 30, '$112.50'],
    [1, '0.30', 0, 1, '$0.01'],
    [1, '0.29', 0, 1, '$0.00'],
    [1_000_000, '99999999.99', 16_666, 40, '$1666666666500.00'],
  ]) {
    const cost = costOf(minutes, rate);
    assert.deepEqual([cost.hours, cost.minutes, cost.formattedCost], [hours, rest, formatted], `${minutes} min at ${rate}`);
  }
  assert.equal(costOf(15, '50.50').cost, 12.625);
  for (const [ms, minutes] of [[0, 0], [29_999, 0], [30_000, 1], [89_999, 1], [90_000, 2]]) assert.equal(wholeMinutes(ms), minutes, `${ms}`);
});

test('an entry that has ended never runs again, whichever message arrives late', () => {
  const ended = apply(INITIAL_MODEL, ['timer:started', started(1, NOW)], ['timer:stopped', stopped(1, NOW + 1)]);
  assert.deepEqual(ids(ended), []);
  assert.deepEqual(ids(apply(ended, ['timer:started', started(1, NOW)])), []);
  assert.deepEqual(ids(putEntry(ended, timeEntry(1, NOW), null)), []);
  assert.deepEqual(ids(putAll(ended, [timeEntry(1, NOW), timeEntry(2, NOW)], INITIAL_MODEL)), [2]);
  assert.deepEqual(ids(apply(INITIAL_MODEL, ['timer:stopped', stopped(1, NOW + 1)], ['timer:started', started(1, NOW)])), []);
  const corrected = apply(INITIAL_MODEL, ['timer:started', started(1, NOW)], ['timer:adjusted', adjusted(1, NOW, NOW + 1, { endTime: new Date(NOW).toISOString(), durationMinutes: 0 })]);
  assert.deepEqual(ids(corrected), []);
});

test('an event that is late changes nothing that is newer, and a correction without its start is loaded', () => {
  const corrected = apply(INITIAL_MODEL, ['timer:started', started(1, NOW)], ['timer:adjusted', adjusted(1, NOW - 60_000, NOW + 9)]);
  const late = apply(corrected, ['timer:adjusted', adjusted(1, NOW - 30_000, NOW + 5)], ['timer:started', started(1, NOW)]);
  assert.equal(Date.parse(late.entries.get(1).startTime), NOW - 60_000);
  const overtakes = parseStudioEvent({ type: 'timer:adjusted', payload: adjusted(2, NOW - 60_000, NOW + 9) });
  assert.deepEqual([isIncomplete(corrected, overtakes, NOW), isIncomplete(apply(corrected, ['timer:stopped', stopped(2, NOW)]), overtakes, NOW)], [true, false]);
});

test('a list replaces what was known before it was asked for, and nothing that has changed since', () => {
  const before = apply(INITIAL_MODEL, ['timer:started', started(1, NOW)], ['timer:started', started(2, NOW)]);
  const since = apply(before, ['timer:started', started(3, NOW)], ['timer:adjusted', adjusted(2, NOW - 60_000, NOW + 5)]);
  const after = putAll(since, [timeEntry(2, NOW), timeEntry(4, NOW)], before);
  assert.deepEqual(ids(after).sort(), [2, 3, 4]);
  const { startTime, notes, userId } = after.entries.get(2);
  assert.deepEqual([Date.parse(startTime), notes, userId], [NOW - 60_000, 'note 2', 7], 'the newer start, and what only the list has');
  const newer = putAll(since, [timeEntry(2, NOW, { startTime: new Date(NOW - 1_000).toISOString(), updatedAt: new Date(NOW + 6).toISOString() })], before);
  assert.equal(Date.parse(newer.entries.get(2).startTime), NOW - 1_000);
});

test('a moved start keeps who started the entry, its rate and its notes', () => {
  const loaded = putEntry(INITIAL_MODEL, timeEntry(1, NOW, { hourlyRateSnapshot: '50.00' }), taskType(1));
  const moved = apply(loaded, ['timer:adjusted', adjusted(1, NOW - 60_000, NOW + 5)], ['timer:started', started(1, NOW - 60_000, { serverTime: NOW + 5 })]);
  const { userId, hourlyRate, notes, startTime } = moved.entries.get(1);
  assert.deepEqual([userId, hourlyRate, notes, Date.parse(startTime)], [7, '50.00', 'note 1', NOW - 60_000]);
});

test('the display counts seconds, and stays the same object until something changes', () => {
  const display = new EntryDisplay();
  const { entries } = putAll(INITIAL_MODEL, [timeEntry(2, NOW - 90_500), timeEntry(1, NOW + 5_000)], INITIAL_MODEL);
  const shown = display.at(NOW, entries);
  assert.deepEqual([...shown.values()].map(({ entry, elapsedSeconds, cost }) => [entry.id, elapsedSeconds, cost.formattedCost]), [[1, 0, '$0.00'], [2, 90, '$2.00']]);
  assert.equal(display.at(NOW, entries), shown);
  assert.notEqual(display.at(NOW + 1_000, entries), shown);
  const none = display.at(NOW, new Map());
  const empty = new Map();
  assert.notEqual(display.at(NOW, empty), none);
  assert.equal(display.at(NOW, empty), display.at(NOW + 1_000, empty));
});

test('nonsense is no event', () => {
  for (const type of ['timer:started', 'timer:stopped', 'timer:adjusted', 'timer:later']) {
    for (const payload of [undefined, null, 7, 'x', [], {}, { timeEntryId: '1', serverTime: NOW }, { timeEntryId: 1 }]) assert.equal(parseStudioEvent({ type, payload }), null);
  }
  assert.equal(parseStudioEvent({ type: 'timer:started', payload: started(1, NOW, { startTime: 'soon' }) }), null);
  assert.equal(parseStudioEvent({ type: 'timer:started', payload: started(1, NOW, { taskType: { id: 1, name: 'x', hourlyRate: 'free' } }) }), null);
  assert.equal(parseStudioEvent({ type: 'timer:adjusted', payload: adjusted(1, NOW, NOW, { endTime: 'later' }) }), null);
});
