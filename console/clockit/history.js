/** Finished sessions, newest first, and the way to take all of them away as CSV. */
import { el, setText } from '../dom.js';
import { hms, instant, plural } from '../format.js';
import { request } from '../identity.js';

const SHOWN = 20;

/** Several sessions stopped together are one reason to look, and the server gets time to file them. */
const SETTLE_MS = 300;
const ANSWER_MS = 10_000;

export function createHistory({ who, onFailed }) {
  const list = el('ol', { class: 'history-list', 'data-history': true });
  const note = el('p', { class: 'muted hint' }, 'What you stop is kept here.');
  let asked = 0;
  let timer = null;

  async function load() {
    const mine = ++asked;
    try {
      const { sessions, next } = await (await get(who, '/sessions', { limit: SHOWN })).json();
      if (mine === asked) show(sessions, next);
    } catch {
      if (mine === asked) setText(note, 'The history cannot be read just now.');
    }
  }

  function show(sessions, next) {
    list.replaceChildren(...sessions.map(row));
    const rest = next ? `The newest ${sessions.length}. The CSV has all of them.` : '';
    setText(note, sessions.length === 0 ? 'What you stop is kept here.' : rest);
  }

  function refresh() {
    clearTimeout(timer);
    timer = setTimeout(load, SETTLE_MS);
  }

  const node = el(
    'section',
    { class: 'history', 'aria-labelledby': 'history-title' },
    el('div', { class: 'section-head' }, el('h2', { id: 'history-title' }, 'History'), download(who, onFailed)),
    list,
    note,
  );
  return { node, refresh };
}

function row({ label, comment, startedIso, endedIso, durationSeconds, goals }) {
  const titles = (Array.isArray(goals) ? goals : []).map((goal) => goal.title).filter(Boolean);
  const done = (Array.isArray(goals) ? goals : []).filter((goal) => goal.completed).length;
  return el(
    'li',
    { class: 'history-row' },
    el('span', { class: 'history-name' }, label || comment || 'Untitled'),
    el('span', { class: 'history-time' }, hms(Number(durationSeconds) * 1000)),
    el(
      'span',
      { class: 'history-when muted' },
      el('time', { datetime: endedIso ?? startedIso }, instant(endedIso ?? startedIso)),
      titles.length > 0 ? `, ${done} of ${plural(titles.length, 'goal')} done` : null,
    ),
  );
}

/** A trusted user gets a plain link. A token must not stand in an address, so its file is fetched. */
function download(who, onFailed) {
  const { url } = request(who, '/sessions.csv');
  if (!who.token) return el('a', { class: 'quiet', href: url, download: 'tickcast-sessions.csv' }, 'Download CSV');
  return el('button', { type: 'button', class: 'quiet', click: () => save(who).catch(onFailed) }, 'Download CSV');
}

async function save(who) {
  const blob = await (await get(who, '/sessions.csv')).blob();
  const href = URL.createObjectURL(blob);
  el('a', { href, download: 'tickcast-sessions.csv' }).click();
  setTimeout(() => URL.revokeObjectURL(href), ANSWER_MS);
}

async function get(who, path, query) {
  const { url, headers } = request(who, path, query);
  const answer = await fetch(url, { headers, signal: AbortSignal.timeout(ANSWER_MS) });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return answer;
}
