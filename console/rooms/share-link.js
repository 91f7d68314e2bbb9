/** The link to the room, with a copy button. */
import { el } from '../dom.js';
import { hashOfRoom } from '../route.js';

export function createShareLink({ announce }) {
  const link = el('input', { id: 'room-link', readonly: true, spellcheck: 'false' });
  link.addEventListener('focus', () => link.select());
  const copyButton = el('button', { type: 'button', class: 'secondary', click: copy }, 'Copy link');
  const node = el(
    'section',
    { class: 'share' },
    el('label', { for: 'room-link' }, 'Anyone with this link can join'),
    el('div', { class: 'share-row' }, link, copyButton),
  );

  async function copy() {
    link.select();
    try {
      await navigator.clipboard.writeText(link.value);
      announce('Link copied.');
    } catch {
      announce('The link is selected. Copy it with the keyboard.');
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
