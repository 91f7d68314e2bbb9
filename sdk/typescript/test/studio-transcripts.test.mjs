/** The golden transcripts of Studio, replayed against the model of the client and the validation of results. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INITIAL_MODEL, putAll, putEntry, reduce } from '../dist/studio/model.js';
import { costOf } from '../dist/studio/money.js';
import { isEntryList, isTaskType, isTaskTypes, isTimeEntry, parseErrorCode, parseResult, parseStudioEvent } from '../dist/studio/protocol.js';
import { readTranscripts } from './fixture/transcript.mjs';

const IS_VALID = {
  'taskTypes.list': isTaskTypes,
  'taskTypes.create': isTaskType,
  'taskTypes.update': isTaskType,
  'timer.start': isTimeEntry,
  'timer.stop': isTimeEntry,
  'timer.getActive': (result) => result === null || isTimeEntry(result),
  'timeEntries.list': isEntryList,
  'timeEntries.adjust': isTimeEntry,
};

/** Follows the events alone, and then the answers of calls too. */
function replay({ name, lines }) {
  const log = { events: 0, results: 0, errors: 0, costs: 0, lists: 0 };
  let byEvents = INITIAL_MODEL;
  let model = INITIAL_MODEL;
  const rates = new Map();
  let call;
  for (const { kind, text } of lines) {
    if (kind === '>') call = /^\S+ \S+ (\S+) ?(.*)$/s.exec(text);
    if (kind === '<') {
      const [, type, payload] = /^(\S+) (.*)$/s.exec(text);
      const event = parseStudioEvent({ type, payload: JSON.parse(payload) });
      assert.ok(event, `${name}: ${text}`);
      log.costs += checkCost(event, rates);
      byEvents = reduce(byEvents, event);
      model = reduce(model, event);
      log.events += 1;
    }
    if (kind !== '=') continue;
    const envelope = JSON.parse(text);
    const procedure = call[1].replace('timeTracking.', '');
    if (parseErrorCode(envelope)) {
      assert.equal(parseResult(envelope), undefined);
      log.errors += 1;
      continue;
    }
    const result = parseResult(envelope);
    assert.equal(IS_VALID[procedure](result), true, `${name}: ${text}`);
    log.results += 1;
    if (['timer.start', 'timer.stop', 'timeEntries.adjust'].includes(procedure)) {
      model = putEntry(model, result, null);
      rates.set(result.id, result.hourlyRateSnapshot);
    }
    if (call[2] === '{"isRunning":true}') log.lists += checkList(result, byEvents, model);
  }
  return log;
}

/** The cost of an entry that has ended, by its minutes and its rate. */
function checkCost({ type, payload }, rates) {
  if (type !== 'timer:stopped') return 0;
  assert.deepEqual(costOf(payload.durationMinutes, rates.get(payload.timeEntryId)), payload.cost);
  return 1;
}

/** A client that has followed the events has the entries of the list; one that has the answers too knows all of them. */
function checkList({ entries }, byEvents, model) {
  const listed = putAll(INITIAL_MODEL, entries, INITIAL_MODEL).entries;
  assert.deepEqual(model.entries, listed);
  for (const [id, { notes: _, ...entry }] of listed) assert.deepEqual(byEvents.entries.get(id), entry);
  assert.equal(byEvents.entries.size, listed.size);
  return 1;
}

for (const transcript of await readTranscripts('studio')) {
  test(`the client follows ${transcript.name}`, () => {
    const log = replay(transcript);
    if (transcript.name === 'faults.txt') assert.ok(log.errors > 40, JSON.stringify(log));
    if (transcript.name !== 'life.txt') return;
    assert.deepEqual([log.events, log.costs, log.lists, log.errors], [10, 2, 1, 0]);
    assert.ok(log.results > 20);
  });
}
