/** The link to the room, with a copy button. */
import { el } from '../dom.js';
import { t } from '../i18n/translate.js';
import { hashOfRoom } from '../route.js';

export function createShareLink({ announce }) {
  const link = el('input', { id: 'room-link', readonly: true, spellcheck: 'false' });
  link.addEventListener('focus', () => link.select());
  const copyButton = el('button', { type: 'button', class: 'secondary', click: copy }, t('rooms.share.copy'));
  const node = el(
    'section',
    { class: 'share' },
    el('label', { for: 'room-link' }, t('rooms.share.label')),
    el('div', { class: 'share-row' }, link, copyButton),
  );

  async function copy() {
    link.select();
    try {
      await navigator.clipboard.writeText(link.value);
      announce(t('rooms.share.copied'));
    } catch {
      announce(t('rooms.share.selected'));
    }
  }

  return {
    node,
    update(roomId) {
      const url = new URL(hashOfRoom(roomId), new URL('.', location)).href;
      if (link.value !== url) link.value = url;
    },
  };
}
