/** The way into a room: what one is called, a new room, or one that somebody has sent. */
import { el, setAttribute } from '../dom.js';
import { roomIn } from '../route.js';
import { createDuration } from './duration.js';

/** As many as the server takes unless told otherwise. */
const NAME_MAX = 80;

export function createDoor({ memory, create, visit }) {
  const name = el('input', { id: 'room-name', maxlength: NAME_MAX, autocomplete: 'nickname', value: memory.name, placeholder: 'User 1' });
  const duration = createDuration('room-create');
  const id = el('input', { id: 'room-id', required: true, pattern: '.*\\S.*', autocapitalize: 'none', spellcheck: 'false', autocomplete: 'off' });
  const open = el('button', { type: 'submit', class: 'primary' }, 'Create a room');
  const enter = el('button', { type: 'submit', class: 'secondary' }, 'Join');
  name.addEventListener('input', () => (memory.name = name.value.trim()));

  const node = el(
    'section',
    { class: 'door' },
    el('h2', {}, 'Share a countdown'),
    el('p', { class: 'muted' }, 'Everyone in a room sees the same second, and anyone may start, pause or move it.'),
    el('div', { class: 'field' }, el('label', { for: 'room-name' }, 'Your name (optional)'), name),
    el('form', { class: 'door-form', submit: submitted(() => create(duration.seconds())) }, duration.node, open),
    el(
      'form',
      { class: 'door-form', submit: submitted(() => visit(roomIn(id.value))) },
      el('div', { class: 'field' }, el('label', { for: 'room-id' }, 'Or the link or id of a room'), id),
      enter,
    ),
  );

  return {
    node,
    update({ online }) {
      setAttribute(open, 'aria-disabled', online ? null : 'true');
    },
  };
}

function submitted(run) {
  return (event) => {
    event.preventDefault();
    if (event.submitter?.getAttribute('aria-disabled') !== 'true') run();
  };
}
