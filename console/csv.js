/** CSV files (RFC 4180) that spreadsheets open, and their download. */
import { el } from './dom.js';

/** How long a downloaded file stays in memory, for the browser to store it. */
const DOWNLOAD_MS = 10_000;

/** Without it, Excel does not read UTF-8. */
const BYTE_ORDER_MARK = '\uFEFF';

/** A spreadsheet takes texts that begin like this for formulas. */
const FORMULA = /^[=+\-@\t\r]/;

/** Returns a file with a header line. Texts that spreadsheets would run as formulas begin with `'`. */
export function csvFile(columns, rows) {
  const lines = [columns, ...rows].map((cells) => cells.map(cell).join(','));
  return new Blob([BYTE_ORDER_MARK, lines.map((line) => `${line}\r\n`).join('')], { type: 'text/csv;charset=utf-8' });
}

/** Lets the reader store a file. */
export function downloadFile(blob, name) {
  const href = URL.createObjectURL(blob);
  el('a', { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), DOWNLOAD_MS);
}

function cell(value) {
  const text = String(value ?? '');
  const safe = typeof value === 'string' && FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
