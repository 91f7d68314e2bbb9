/** The list of members in the room. */
import { el, setText } from '../dom.js';
import { t } from '../i18n/translate.js';
import { createKeyedList } from '../keyed-list.js';

export function createMemberList() {
  const title = el('h2', { id: 'members-title', tabindex: '-1' }, t('rooms.members.title'));
  const countText = el('span', { class: 'muted', 'data-count': true });
  const list = el('ul', { class: 'members', 'aria-labelledby': 'members-title' });
  const moreText = el('p', { class: 'muted' });
  const updateList = createKeyedList(list, { create: () => createMember(), onFocusLost: () => title.focus() });
  const node = el('section', { 'aria-labelledby': 'members-title' }, el('div', { class: 'section-head' }, title, countText), list, moreText);

  return {
    node,
    update({ clients, count, clientId }) {
      setText(countText, t('rooms.members.count', { count }));
      updateList(clients.map((client) => ({ ...client, isSelf: client.id === clientId })), ({ id }) => id);
      setText(moreText, count > clients.length ? t('rooms.members.more', { count: count - clients.length }) : '');
    },
  };
}

function createMember() {
  const name = el('span', { class: 'member-name' });
  const selfMark = el('span', { class: 'muted' });
  return {
    node: el('li', { class: 'member' }, name, selfMark),
    update(member) {
      setText(name, member.name);
      setText(selfMark, member.isSelf ? t('rooms.members.self') : '');
    },
  };
}
