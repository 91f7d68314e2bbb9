/** Archived days as rows of a history. */
import { t } from '../i18n/translate.js';
import { dayOfLog } from './archive.js';

/** The most that the server returns at once, which is more than a history shows. */
const DAYS_MAX = 366;

/** Returns `{ok, rows, isComplete}` of the days from `from` to `to`. */
export async function loadRows(logs, { from, to }) {
  const result = await logs({ limit: DAYS_MAX });
  if (!result.ok) return { ok: false };
  const days = result.value.logs.map((log) => ({ day: dayOfLog(log), label: t('punch.today.work'), seconds: log.dailyStats.totalWorkMinutes * 60 }));
  return { ok: true, rows: days.filter(({ day }) => day >= from && day <= to), isComplete: true };
}
