/** The address by which others come in. */
import { el } from '../dom.js';
import { addressOf } from '../route.js';

export function createShare({ announce }) {
  const link = el('input', { id: 'room-link', readonly: true, spellcheck: 'false' });
  link.addEventListener('focus', () => link.select());
  const copy = el('button', { type: 'button', class: 'secondary', click: copied }, 'Copy link');
  const node = el(
    'section',
    { class: 'share' },
    el('label', { for: 'room-link' }, 'Whoever has this link may come in'),
    el('div', { class: 'share-row' }, link, copy),
  );

  async function copied() {
    link.select();
    try {
      await navigator.clipboard.writeText(link.value);
      announce('The link is copied.');
    } catch {
      announce('The link is selected. Copy it with the keyboard.');
    }
  }

  return {
    node,
    update(room) {
      const address = new URL(addressOf(room), new URL('/', location)).href;
      if (link.value !== address) link.value = address;
    },
  };
}
