import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './fixture/modules.mjs';

const { commandName, createCommands, newGoal, parseGoalTitles, withCompleted } = await load('clockit/commands.js');

/** A client whose queue holds one command. */
function createClient() {
  let pending = [];
  const submit = (type, payload) => pending.length === 0 && (pending = [{ id: '1', type, payload }]);
  return {
    getSnapshot: () => ({ pending }),
    start: (payload) => submit('session-start', payload),
    stop: (sessionId) => submit('session-stop', { sessionId }),
  };
}

test('a command reports whether the client has accepted it', () => {
  const accepted = [];
  const commands = createCommands(createClient(), (command) => accepted.push(command));
  assert.equal(commands.start({ label: 'a', comment: '', goals: [] }), true);
  assert.equal(commands.stop('s'), false, 'the queue is full');
  assert.deepEqual(accepted, [{ id: '1', type: 'session-start', payload: { label: 'a', goals: [] } }]);
  assert.equal(commandName(accepted[0]), 'Start “a”');
  assert.equal(commandName({ type: 'session-attach' }), 'Goal change');
});

test('a goal keeps its unknown fields', () => {
  const goal = { id: 'g', title: 't', completed: false, groupId: '', groupName: '', colour: 'red' };
  const done = withCompleted(goal, true, 5);
  assert.deepEqual(done, { ...goal, completed: true, completedAt: 5 });
  assert.deepEqual(withCompleted(done, false, 6), goal);
  assert.notEqual(newGoal('a').id, newGoal('a').id);
});

test('goal titles are separated by commas or line breaks', () => {
  assert.deepEqual(parseGoalTitles(' a, b\n\n c ,,d'), ['a', 'b', 'c', 'd']);
});
