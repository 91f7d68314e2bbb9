/** The models of the punch clock's day and of the display of a room, and the identity that names a storage. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './fixture/modules.mjs';

const { dayTotals } = await load('punch-clock/day-totals.js');
const { loadTargetHours } = await load('punch-clock/target-storage.js');
const { displayOf } = await load('display/share.js');
const { accountOf } = await load('identity.js');

const punches = (...types) => types.map((type, index) => ({ id: index, type, timestamp: (index + 1) * 1_000 }));

test('work counts up to now, a break only when the work continues', () => {
  for (const [types, now, workMs, breakMs] of [
    [[], 9_000, 0, 0],
    [['IN'], 9_000, 8_000, 0],
    [['IN', 'OUT'], 9_000, 1_000, 0],
    [['IN', 'OUT', 'IN'], 9_000, 7_000, 1_000],
    [['OUT', 'IN', 'OUT'], 9_000, 1_000, 0],
    [['IN', 'IN', 'OUT'], 9_000, 2_000, 0],
    [['IN', 'OUT', 'OUT', 'IN'], 9_000, 6_000, 2_000],
    [['IN'], 500, 0, 0],
  ]) {
    const totals = dayTotals(punches(...types), now);
    assert.deepEqual([totals.workMs, totals.breakMs], [workMs, breakMs], types.join());
  }
});

test('spans name the punches that count', () => {
  const { spans } = dayTotals(punches('IN', 'IN', 'OUT'), 9_000);
  assert.deepEqual(spans, [
    { id: 0, type: 'IN', from: 1_000, to: 3_000 },
    { id: 2, type: 'OUT', from: 3_000, to: null },
  ]);
});

test('a stored target that is no sensible number of hours is ignored', () => {
  const stored = (value) => loadTargetHours({ getItem: () => value });
  assert.deepEqual([null, '', 'x', '0', '25', '-1', '7.5'].map(stored), [8, 8, 8, 8, 8, 8, 7.5]);
  assert.equal(loadTargetHours(null), 8);
});

test('the display shows the share that remains and how urgent it is', () => {
  for (const [durationSeconds, remainingSeconds, isOver, text, share, level] of [
    [600, 600, false, '10:00', 1, 'plenty'],
    [600, 150, false, '2:30', 0.25, 'soon'],
    [600, 60, false, '1:00', 0.1, 'now'],
    [600, 900, false, '15:00', 1, 'plenty'],
    [600, 600, true, '0:00', 0, 'over'],
    [0, 5, false, '0:05', 0, 'now'],
  ]) {
    assert.deepEqual(displayOf({ durationSeconds, remainingSeconds, isOver }), { text, share, level });
  }
});

test('the account of a token is its issuer and subject, and other tokens have none', () => {
  const token = (claims) => `h.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`;
  assert.equal(accountOf({ userId: 'ann' }), 'ann');
  assert.equal(accountOf({ token: token({ iss: 'https://a', sub: 'änn' }) }), 'https://a änn');
  assert.equal(accountOf({ token: token({ sub: 7 }) }), ' 7');
  for (const opaque of ['opaque', 'a.b.c', token({}), '..']) assert.equal(accountOf({ token: opaque }), undefined);
});
