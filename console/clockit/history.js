/** Finished sessions, newest first, and their download as CSV. */
import { el, setText } from '../dom.js';
import { formatElapsed, formatInstant, plural } from '../format.js';
import { authenticatedRequest } from '../identity.js';

const ROWS_MAX = 20;

/** Combines several stops into one request, and gives the server time to store them. */
const DEBOUNCE_MS = 300;
const RESPONSE_TIMEOUT_MS = 10_000;

const EMPTY_TEXT = 'Stopped timers appear here.';

export function createHistory({ identity, onDownloadError }) {
  const list = el('ol', { class: 'history-list', 'data-history': true });
  const note = el('p', { class: 'muted hint' }, EMPTY_TEXT);
  let latestRequest = 0;
  let timer = null;

  async function load() {
    const request = ++latestRequest;
    try {
      const { sessions, next } = await (await get(identity, 'sessions', { limit: ROWS_MAX })).json();
      if (request === latestRequest) render(sessions, next);
    } catch {
      if (request === latestRequest) setText(note, 'The history cannot be loaded right now.');
    }
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
    el('div', { class: 'section-head' }, el('h2', { id: 'history-title' }, 'History'), createDownload(identity, onDownloadError)),
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

/** People open the file in a spreadsheet, which would run texts as formulas: the server guards them with `bom=1`. */
const DOWNLOAD = ['sessions.csv', { bom: 1 }];

/** A trusted user gets a plain link. A token must not appear in a URL, so its file is fetched. */
function createDownload(identity, onError) {
  const { url } = authenticatedRequest(identity, ...DOWNLOAD);
  if (!identity.token) return el('a', { class: 'tertiary', href: url, download: 'tickcast-sessions.csv' }, 'Download CSV');
  return el('button', { type: 'button', class: 'tertiary', click: () => fetchCsv(identity).catch(onError) }, 'Download CSV');
}

async function fetchCsv(identity) {
  const blob = await (await get(identity, ...DOWNLOAD)).blob();
  const href = URL.createObjectURL(blob);
  el('a', { href, download: 'tickcast-sessions.csv' }).click();
  setTimeout(() => URL.revokeObjectURL(href), RESPONSE_TIMEOUT_MS);
}

async function get(identity, path, query) {
  const { url, headers } = authenticatedRequest(identity, path, query);
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS) });
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response;
}
