/** Errors that stay until they are dismissed. Only the newest few; the same text is shown once. */
import { el } from '../dom.js';

const LIMIT = 4;

export function createNotices(region, refuge) {
  const shown = new Map();

  function dismiss(text) {
    const notice = shown.get(text);
    const loses = notice.contains(document.activeElement);
    shown.delete(text);
    notice.remove();
    if (loses) (region.querySelector('button') ?? refuge).focus();
  }

  return function notify(text) {
    if (shown.has(text)) dismiss(text);
    if (shown.size >= LIMIT) dismiss(shown.keys().next().value);
    const button = el('button', { type: 'button', class: 'quiet', click: () => dismiss(text) }, 'Dismiss');
    const notice = el('div', { class: 'notice', 'data-notice': true }, el('p', {}, text), button);
    shown.set(text, notice);
    region.append(notice);
  };
}
