/** Error notices that stay until they are dismissed. Only the newest few are kept; equal texts appear once. */
import { el } from '../dom.js';
import { t } from '../i18n/translate.js';

const LIMIT = 4;

export function createNotices(region, focusFallback) {
  const notices = new Map();

  function dismiss(text) {
    const notice = notices.get(text);
    const losesFocus = notice.contains(document.activeElement);
    notices.delete(text);
    notice.remove();
    if (losesFocus) (region.querySelector('button') ?? focusFallback).focus();
  }

  return function notify(text) {
    if (notices.has(text)) dismiss(text);
    if (notices.size >= LIMIT) dismiss(notices.keys().next().value);
    const button = el('button', { type: 'button', class: 'tertiary', click: () => dismiss(text) }, t('shell.dismiss'));
    const notice = el('div', { class: 'notice', 'data-notice': true }, el('p', {}, text), button);
    notices.set(text, notice);
    region.append(notice);
  };
}
