/** Who is in the room. */
import { el, setText } from '../dom.js';
import { plural } from '../format.js';
import { keyed } from '../keyed.js';

export function createPeople() {
  const title = el('h2', { id: 'people-title', tabindex: '-1' }, 'In this room');
  const count = el('span', { class: 'muted', 'data-count': true });
  const list = el('ul', { class: 'people', 'aria-labelledby': 'people-title' });
  const more = el('p', { class: 'muted' });
  const updateList = keyed(list, { create: () => createPerson(), onFocusLost: () => title.focus() });
  const node = el('section', { 'aria-labelledby': 'people-title' }, el('div', { class: 'section-head' }, title, count), list, more);

  return {
    node,
    update({ clients, count: all, clientId }) {
      setText(count, plural(all, 'person', 'people'));
      updateList(clients.map((client) => ({ ...client, isMe: client.id === clientId })), ({ id }) => id);
      setText(more, all > clients.length ? `and ${all - clients.length} more` : '');
    },
  };
}

function createPerson() {
  const name = el('span', { class: 'person-name' });
  const me = el('span', { class: 'muted' });
  return {
    node: el('li', { class: 'person' }, name, me),
    update(person) {
      setText(name, person.name);
      setText(me, person.isMe ? 'you' : '');
    },
  };
}
