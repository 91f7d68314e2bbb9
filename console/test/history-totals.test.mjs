/** The models of histories: calendar days, totals by period and label, rows of finished sessions, CSV. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './fixture/modules.mjs';

const { addDays, dayOf, weekStart } = await load('calendar.js');
const { csvFile } = await load('csv.js');
const { LABELS_MAX, totalsOf } = await load('history/totals.js');
const { loadRows } = await load('clockit/history-rows.js');

const MONDAY = 1;
const SUNDAY = 7;

test('days are added across months and clock changes, and weeks begin as the locale wants', () => {
  assert.equal(addDays('2026-02-28', 1), '2026-03-01');
  assert.equal(addDays('2026-03-29', 1), '2026-03-30');
  assert.equal(addDays('2026-01-01', -1), '2025-12-31');
  for (const [day, first, start] of [
    ['2026-11-29', MONDAY, '2026-11-23'],
    ['2026-11-30', MONDAY, '2026-11-30'],
    ['2026-11-29', SUNDAY, '2026-11-29'],
    ['2026-12-05', SUNDAY, '2026-11-29'],
  ]) {
    assert.equal(weekStart(day, first), start);
  }
  assert.equal(dayOf(new Date(2026, 10, 29, 0, 0, 1)), '2026-11-29');
  assert.equal(dayOf(new Date(2026, 10, 29, 23, 59, 59)), '2026-11-29');
});

test('times are added up by day and label, and periods without time are there too', () => {
  const rows = [
    { day: '2026-11-27', label: 'a', color: '#112233', seconds: 60 },
    { day: '2026-11-29', label: 'a', seconds: 30 },
    { day: '2026-11-29', label: 'b', seconds: 100 },
    { day: '2026-11-26', label: 'b', seconds: 1_000 },
  ];
  assert.deepEqual(totalsOf(rows, { unit: 'day', from: '2026-11-27', to: '2026-11-29' }), {
    periods: ['2026-11-27', '2026-11-28', '2026-11-29'],
    series: [
      { label: 'b', color: undefined, seconds: [0, 0, 100], total: 100 },
      { label: 'a', color: '#112233', seconds: [60, 0, 30], total: 90 },
    ],
    totalSeconds: 190,
  });
});

test('a week that begins before the period counts its days from then on', () => {
  const rows = ['2026-11-23', '2026-11-25', '2026-11-30'].map((day) => ({ day, label: 'a', seconds: 10 }));
  const { periods, series } = totalsOf(rows, { unit: 'week', from: '2026-11-24', to: '2026-12-01' });
  assert.equal(periods.length, 2);
  assert.deepEqual(series, [{ label: 'a', color: undefined, seconds: [10, 10], total: 20 }]);
});

test('labels with little time are combined, and no time is lost', () => {
  const rows = Array.from({ length: 10 }, (_, index) => ({ day: '2026-11-29', label: `l${index}`, seconds: index + 1 }));
  const { series, totalSeconds } = totalsOf(rows, { unit: 'day', from: '2026-11-29', to: '2026-11-29' });
  assert.equal(series.length, LABELS_MAX);
  assert.deepEqual(series.at(-1), { label: null, color: undefined, seconds: [15], total: 15 });
  assert.equal(totalSeconds, 55);
});

test('pages of a history are read as far back as the period begins', async () => {
  const session = (day) => ({ startedIso: `${day}T12:00:00Z`, endedIso: `${day}T13:00:00Z`, durationSeconds: 3_600, label: 'x' });
  const pages = [[session('2026-11-29'), session('2026-11-28')], [session('2026-11-20')], [session('2026-11-01')], [session('2026-10-01')]];
  const asked = [];
  const history = {
    async page({ before = '0' }) {
      asked.push(before);
      const index = Number(before);
      return { ok: true, value: { sessions: pages[index], ...(index < 3 ? { next: String(index + 1) } : {}) } };
    },
  };
  const { rows, isComplete } = await loadRows(history, { from: '2026-11-20' });
  assert.deepEqual(rows.map(({ day }) => day), ['2026-11-29', '2026-11-28', '2026-11-20']);
  assert.deepEqual([isComplete, asked], [true, ['0', '1', '2']]);
  assert.deepEqual(await loadRows({ page: async () => ({ ok: false }) }, { from: '2026-11-20' }), { ok: false });
});

test('a CSV file quotes cells, and no text of it runs as a formula', async () => {
  const file = csvFile(['name', 'note'], [['a "b", c', '=1+1'], [-3, undefined]]);
  assert.equal(await file.text(), 'name,note\r\n"a ""b"", c",\'=1+1\r\n-3,\r\n');
  assert.deepEqual([...new Uint8Array(await file.arrayBuffer()).slice(0, 3)], [0xef, 0xbb, 0xbf]);
});
