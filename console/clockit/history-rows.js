/** Finished sessions as rows of a history. */
import { dayOf } from '../calendar.js';
import { t } from '../i18n/translate.js';

/** The most that the server returns at once. */
const PAGE_ROWS = 500;

/** Twenty requests: more would keep the page waiting, and thirty sessions on each day of a year are fewer. */
const ROWS_MAX = 10_000;

/** Returns `{ok, rows, isComplete}` of the sessions that were started from the day `from` on. A session counts on the day of its start. */
export async function loadRows(history, { from }) {
  const rows = [];
  let before;
  while (rows.length < ROWS_MAX) {
    const result = await history.page({ limit: PAGE_ROWS, before });
    if (!result.ok) return { ok: false };
    const { sessions, next } = result.value;
    rows.push(...sessions.map(rowOf));
    // The newest ends come first, and no session ends before its start.
    const isPast = sessions.length > 0 && dayOf(sessions.at(-1).endedIso) < from;
    if (!next || isPast) return { ok: true, rows: rows.filter(({ day }) => day >= from), isComplete: true };
    before = next;
  }
  return { ok: true, rows, isComplete: false };
}

function rowOf({ startedIso, label, comment, durationSeconds }) {
  return { day: dayOf(startedIso), label: label || comment || t('clockit.untitled'), seconds: Number(durationSeconds) || 0 };
}
