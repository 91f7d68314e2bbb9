/** The newest finished sessions, and the ways to all of them. */
import { el, setText } from '../dom.js';
import { formatElapsed, formatInstant } from '../format.js';
import { t } from '../i18n/translate.js';
import { credentialOf } from '../identity.js';
import { ClockitHistory } from '../lib/tickcast/clockit/index.js';
import { createDownload } from './download.js';

const ROWS_MAX = 20;

/** Combines several stops into one request, and gives the server time to store them. */
const DEBOUNCE_MS = 300;

export function createHistory({ identity, onDownloadError }) {
  const history = new ClockitHistory({ url: new URL('.', location.href), credential: credentialOf(identity) });
  const list = el('ol', { class: 'history-list', 'data-history': true });
  const note = el('p', { class: 'muted hint' }, t('clockit.history.empty'));
  let latestRequest = 0;
  let timer = null;

  async function load() {
    const request = ++latestRequest;
    const result = await history.page({ limit: ROWS_MAX });
    if (request !== latestRequest) return;
    if (result.ok) render(result.value.sessions, result.value.next);
    else setText(note, t('clockit.history.failed'));
  }

  function render(sessions, next) {
    list.replaceChildren(...sessions.map(createRow));
    const moreText = next ? t('clockit.history.more', { count: sessions.length }) : '';
    setText(note, sessions.length === 0 ? t('clockit.history.empty') : moreText);
  }

  function refresh() {
    clearTimeout(timer);
    timer = setTimeout(load, DEBOUNCE_MS);
  }

  const actions = el(
    'div',
    { class: 'section-actions' },
    el('a', { class: 'tertiary', href: '#/history' }, t('clockit.history.chart')),
    createDownload({ history, identity, onError: onDownloadError }),
  );
  const head = el('div', { class: 'section-head' }, el('h2', { id: 'history-title' }, t('clockit.history.title')), actions);
  const node = el('section', { class: 'history', 'aria-labelledby': 'history-title' }, head, list, note);
  return { node, refresh };
}

function createRow({ label, comment, startedIso, endedIso, durationSeconds, goals }) {
  const titles = (Array.isArray(goals) ? goals : []).map((goal) => goal.title).filter(Boolean);
  const completed = (Array.isArray(goals) ? goals : []).filter((goal) => goal.completed).length;
  return el(
    'li',
    { class: 'history-row' },
    el('span', { class: 'history-name' }, label || comment || t('clockit.untitled')),
    el('span', { class: 'history-time' }, formatElapsed(Number(durationSeconds) * 1000)),
    el(
      'span',
      { class: 'history-date muted' },
      el('time', { datetime: endedIso ?? startedIso }, formatInstant(endedIso ?? startedIso)),
      titles.length > 0 ? t('clockit.history.goals', { done: completed, count: titles.length }) : null,
    ),
  );
}
