/** A link to the room or to its display, with a copy button. */
import { el } from '../dom.js';
import { t } from '../i18n/translate.js';

/** `hashOf(roomId)` returns the fragment of the linked page. */
export function createShareLink({ id, label, hashOf, announce, extra = null }) {
  const link = el('input', { id, readonly: true, spellcheck: 'false' });
  link.addEventListener('focus', () => link.select());
  const copyButton = el('button', { type: 'button', class: 'secondary', click: copy }, t('rooms.share.copy'));
  const node = el(
    'section',
    { class: 'share' },
    el('label', { for: id }, label),
    el('div', { class: 'share-row' }, link, copyButton),
    extra,
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
      const url = new URL(hashOf(roomId), new URL('.', location)).href;
      if (link.value !== url) link.value = url;
    },
  };
}
