/** The session that a page displays, its score, and what counts as activity. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pageActivity } from '../dist/focus/activity.js';
import { continued, INITIAL_MODEL, uncounted, withPending, withSession, withTick } from '../dist/focus/model.js';
import { isFocusSession, parseFocusMessage } from '../dist/focus/protocol.js';
import { explainScore } from '../dist/focus/score.js';
import { counters } from './fixture/focus.mjs';
import { readTranscripts } from './fixture/transcript.mjs';

const session = (more = {}) => ({ id: 's', status: 'active', subject: 'General', targetMinutes: 25, focusScore: 0, updatedAt: '1', ...counters(0), ...more });
const tick = (...numbers) => ({ idle: false, ...counters(...numbers) });
const runs = (model) => model.runs.map(({ kind, seconds }) => `${seconds} ${kind}`);

test('the score is that of the server', () => {
  for (const [targetMinutes, numbers, expected] of [
    [25, [1500], 100],
    [25, [1200, 300, 3], 64],
    [25, [3000], 200],
    [25, [0], 0],
    [25, [60, 0, 9], 0],
    [1, [1], 2],
    [2, [3], 3],
    [100, [90, 30], 1],
    [1e308, [86_400], 0],
    [5e-324, [1], 1_000_000_000_000],
    [5e-324, [0, 60], 0],
  ]) {
    assert.equal(explainScore(counters(...numbers), targetMinutes).score, expected, `${targetMinutes} ${numbers}`);
  }
  const { completion, activityRatio, tabSwitchPenalty, idlePenalty } = explainScore(counters(1200, 300, 3), 25);
  assert.deepEqual([completion, activityRatio, tabSwitchPenalty, idlePenalty], [1, 0.8, 6, 10]);
});

test('seconds become runs, also those that were not seen one by one', () => {
  let model = withSession(INITIAL_MODEL, session(counters(90, 10)), 0);
  model = withTick(model, tick(91, 10), 1_000);
  model = withTick(model, { ...tick(91, 11), idle: true }, 2_000);
  assert.deepEqual([runs(model), model.idle], [['100 unseen', '1 active', '1 idle'], true]);
  model = withTick(model, tick(94, 20), 14_000);
  assert.deepEqual([runs(model), model.idle], [['100 unseen', '1 active', '10 idle', '3 active'], false]);
  model = withSession(model, session({ status: 'paused', updatedAt: '2', ...counters(92, 18) }), 15_000);
  assert.deepEqual([runs(model), model.session.elapsedSeconds], [['100 unseen', '1 active', '9 idle'], 110], 'the server has counted less');
  for (let nth = 0; nth < 2_000; nth++) model = withTick({ ...model, session: { ...model.session, status: 'active' } }, tick(93 + (nth >> 1), 18 + ((nth + 1) >> 1)), 0);
  assert.equal(model.runs.length, 1_000);
  assert.equal(model.runs.reduce((sum, { seconds }) => sum + seconds, 0), model.session.elapsedSeconds);
});

test('no second is shown twice, and older documents and late ticks have no effect', () => {
  const model = withTick(withSession(INITIAL_MODEL, session({ updatedAt: '5' }), 0), tick(8), 8_000);
  assert.equal(withTick(model, tick(7), 8_000), model);
  assert.equal(withTick(model, tick(1), 8_000).session.elapsedSeconds, 1, 'a display that is far ahead is wrong');
  assert.equal(withSession(model, session({ updatedAt: '4', status: 'paused' }), 9_000), model);
  assert.deepEqual(withSession(model, session({ updatedAt: '6', subject: 'Latin', ...counters(7) }), 9_000), { ...model, session: { ...model.session, subject: 'Latin', updatedAt: '6' } });
  const paused = withSession(model, session({ updatedAt: '6', status: 'paused', ...counters(7) }), 9_000);
  assert.equal(paused.session.elapsedSeconds, 7, 'the counters of a pause stand');
  assert.equal(withTick(paused, tick(9), 10_000), paused);
});

test('seconds continue by the local clock for as long as the server lets a client return', () => {
  const model = withTick(withSession(INITIAL_MODEL, session(), 0), tick(10), 10_000);
  const at = (beatMs, idleFromMs) => {
    const more = uncounted(model, beatMs, idleFromMs);
    const { elapsedSeconds, activeSeconds, idleSeconds } = continued(model, more ?? { seconds: 0, idle: 0 }).session;
    return more && [elapsedSeconds, activeSeconds, idleSeconds];
  };
  assert.deepEqual(at(12_000, 20_000), [12, 12, 0]);
  assert.deepEqual(at(20_000, 18_000), [20, 18, 2], 'a second is idle if it is later than 15 s after the activity');
  assert.deepEqual(at(20_000, 9_000), [20, 10, 10]);
  assert.deepEqual(at(40_000, 60_000), [40, 40, 0]);
  assert.deepEqual(at(9_000, 60_000), [10, 10, 0], 'a clock that was set back');
  assert.equal(at(41_000, 60_000), null);
  assert.equal(uncounted(withPending(model, [{ payload: { sessionId: 's', status: 'paused' } }]), 12_000, 0), null);
});

test('commands that wait are displayed, except for those of other sessions and after an end', () => {
  const model = withSession(INITIAL_MODEL, session(), 0);
  const status = (...payloads) => withPending(model, payloads.map((payload) => ({ payload }))).session.status;
  const pause = { sessionId: 's', status: 'paused' };
  assert.equal(status(pause, { sessionId: 's', status: 'active' }), 'active');
  assert.equal(status({ sessionId: 's', status: 'abandoned' }, pause), 'abandoned');
  assert.equal(status({ sessionId: 'other', status: 'paused' }, { status: 'nonsense', sessionId: 's' }, {}), 'active');
});

test('input is activity, and leaving the page is a tab switch, but closing it is none', () => {
  const [window, document] = [new EventTarget(), Object.assign(new EventTarget(), { visibilityState: 'visible' })];
  const log = [];
  const source = pageActivity({ window, document });
  const stops = [source.onActivity(() => log.push('activity')), source.onTabSwitch(() => log.push('tabSwitch'))];
  const show = (visibilityState) => {
    document.visibilityState = visibilityState;
    document.dispatchEvent(new Event('visibilitychange'));
  };
  const take = () => log.splice(0);
  for (const type of ['pointermove', 'pointerdown', 'keydown', 'wheel', 'touchstart']) window.dispatchEvent(new Event(type));
  assert.equal(take().length, 5);
  show('hidden');
  show('visible');
  assert.deepEqual(take(), ['tabSwitch']);
  window.dispatchEvent(new Event('pagehide'));
  show('hidden');
  assert.deepEqual(take(), []);
  window.dispatchEvent(new Event('pageshow'));
  show('visible');
  show('hidden');
  assert.deepEqual(take(), ['tabSwitch'], 'a page that returned from the back/forward cache');
  stops.forEach((stop) => stop());
  window.dispatchEvent(new Event('keydown'));
  show('hidden');
  assert.deepEqual(take(), []);
  pageActivity().onTabSwitch(() => assert.fail('there is no page'))();
});

/** A page that has all sockets of a transcript. */
function replay({ lines }) {
  const log = { ticks: 0, predictions: 0, scores: 0, documents: 0 };
  let model = INITIAL_MODEL;
  let [now, beatMs, lastReportAt, isReported] = [0, 0, 0, false];
  for (const { kind, text } of lines) {
    if (kind === '@') now = Number(text);
    if (kind === '~') beatMs = Number(text) * 1000;
    if (kind === '>' && /"type":"(start|activity)"/.test(text)) [lastReportAt, isReported] = [now, true];
    if (kind === '<') {
      const received = JSON.parse(text.slice(2));
      const message = parseFocusMessage(received);
      // No client waits for it.
      assert.ok(message || received.type === 'tabSwitchAck', text);
      if (message?.type !== 'tick') continue;
      const predicted = continued(model, uncounted(model, beatMs, lastReportAt + 15_000) ?? { seconds: 0, idle: 0 });
      const next = withTick(model, message.tick, beatMs);
      // Activity between two ticks is not known to a prediction.
      if (!isReported && next !== model && beatMs - model.beatMs <= 30_000) {
        const [{ elapsedSeconds, activeSeconds, idleSeconds }, expected] = [predicted.session, next.session];
        assert.deepEqual([elapsedSeconds, activeSeconds, idleSeconds], [expected.elapsedSeconds, expected.activeSeconds, expected.idleSeconds], text);
        log.predictions += 1;
      }
      [model, isReported] = [next, false];
      log.ticks += 1;
    }
    const answer = kind === '=' && text.startsWith('2') ? JSON.parse(text.slice(4)) : {};
    for (const document of [answer.session, ...(answer.sessions ?? [])].filter(Boolean)) {
      assert.ok(isFocusSession(document), text);
      model = withSession(model, document, Math.floor(now / 1000) * 1000);
      log.documents += 1;
      // The target of an ended session can be changed, its score not.
      if (document.endedAt === null || document.subject === 'Greek') continue;
      assert.equal(explainScore(document, document.targetMinutes).score, document.focusScore, text);
      log.scores += 1;
    }
    assert.equal(model.runs.reduce((sum, { seconds }) => sum + seconds, 0), model.session?.elapsedSeconds ?? 0, text);
  }
  return log;
}

for (const transcript of await readTranscripts('focus')) {
  test(`a page follows ${transcript.name}`, () => {
    const log = replay(transcript);
    assert.ok(log.documents > 3 && log.scores > 0, JSON.stringify(log));
    if (transcript.name === 'session.txt') assert.ok(log.ticks > 6 && log.predictions > 3, JSON.stringify(log));
    if (transcript.name === 'drops.txt') assert.ok(log.ticks > 4 && log.predictions > 1, JSON.stringify(log));
  });
}
