/** Finished sessions, newest first, and their download as CSV. */
import { el, setText } from '../dom.js';
import { formatElapsed, formatInstant, plural } from '../format.js';
import { ClockitHistory } from '../lib/tickcast/clockit/index.js';

const ROWS_MAX = 20;
const FILE_NAME = 'tickcast-sessions.csv';

/** Combines several stops into one request, and gives the server time to store them. */
const DEBOUNCE_MS = 300;

/** How long a downloaded file stays in memory, for the browser to store it. */
const DOWNLOAD_MS = 10_000;

const EMPTY_TEXT = 'Stopped timers appear here.';

export function createHistory({ identity, onDownloadError }) {
  const history = new ClockitHistory({ url: new URL('.', location.href), credential: identity });
  const list = el('ol', { class: 'history-list', 'data-history': true });
  const note = el('p', { class: 'muted hint' }, EMPTY_TEXT);
  let latestRequest = 0;
  let timer = null;

  async function load() {
    const request = ++latestRequest;
    const result = await history.page({ limit: ROWS_MAX });
    if (request !== latestRequest) return;
    if (result.ok) render(result.value.sessions, result.value.next);
    else setText(note, 'The history cannot be loaded right now.');
  }

  function render(sessions, next) {
    list.replaceChildren(...sessions.map(createRow));
    const moreText = next ? `Only the newest ${sessions.length} are shown. The CSV file contains all of them.` : '';
    setText(note, sessions.length === 0 ? EMPTY_TEXT : moreText);
  }

  function refresh() {
    clearTimeout(timer);
    timer = setTimeout(load, DEBOUNCE_MS);
  }

  const node = el(
    'section',
    { class: 'history', 'aria-labelledby': 'history-title' },
    el('div', { class: 'section-head' }, el('h2', { id: 'history-title' }, 'History'), createDownload(history, identity, onDownloadError)),
    list,
    note,
  );
  return { node, refresh };
}

function createRow({ label, comment, startedIso, endedIso, durationSeconds, goals }) {
  const titles = (Array.isArray(goals) ? goals : []).map((goal) => goal.title).filter(Boolean);
  const completed = (Array.isArray(goals) ? goals : []).filter((goal) => goal.completed).length;
  return el(
    'li',
    { class: 'history-row' },
    el('span', { class: 'history-name' }, label || comment || 'Untitled'),
    el('span', { class: 'history-time' }, formatElapsed(Number(durationSeconds) * 1000)),
    el(
      'span',
      { class: 'history-date muted' },
      el('time', { datetime: endedIso ?? startedIso }, formatInstant(endedIso ?? startedIso)),
      titles.length > 0 ? `, ${completed} of ${plural(titles.length, 'goal')} done` : null,
    ),
  );
}

/** A trusted user gets a plain link. A token must not appear in a URL, so its file is fetched. */
function createDownload(history, identity, onError) {
  // People open the file in a spreadsheet, which would run texts as formulas: the server guards them with `bom=1`.
  const href = `sessions.csv?${new URLSearchParams({ userId: identity.userId, bom: 1 })}`;
  if (!identity.token) return el('a', { class: 'tertiary', href, download: FILE_NAME }, 'Download CSV');
  return el('button', { type: 'button', class: 'tertiary', click: () => fetchCsv(history, onError) }, 'Download CSV');
}

async function fetchCsv(history, onError) {
  const result = await history.csv({ forSpreadsheets: true });
  if (!result.ok) return onError();
  const href = URL.createObjectURL(result.value);
  el('a', { href, download: FILE_NAME }).click();
  setTimeout(() => URL.revokeObjectURL(href), DOWNLOAD_MS);
}
