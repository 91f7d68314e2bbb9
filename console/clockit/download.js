/** The download of all finished sessions as CSV. */
import { downloadFile } from '../csv.js';
import { el } from '../dom.js';
import { t } from '../i18n/translate.js';

const FILE_NAME = 'tickcast-sessions.csv';

/** A user id or a cookie needs a plain link. A token must not appear in a URL, so its file is fetched. */
export function createDownload({ history, identity, onError }) {
  // People open the file in a spreadsheet, which would run texts as formulas: the server guards them with `bom=1`.
  const href = `sessions.csv?${new URLSearchParams({ ...(identity.userId ? { userId: identity.userId } : {}), bom: 1 })}`;
  if (!identity.token) return el('a', { class: 'tertiary', href, download: FILE_NAME }, t('clockit.history.download'));
  return el('button', { type: 'button', class: 'tertiary', click: () => fetchCsv(history, onError) }, t('clockit.history.download'));
}

async function fetchCsv(history, onError) {
  const result = await history.csv({ forSpreadsheets: true });
  if (!result.ok) return onError();
  downloadFile(result.value, FILE_NAME);
}
