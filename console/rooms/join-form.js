/** The forms to enter a name and to create or join a room. */
import { el, setAttribute } from '../dom.js';
import { t } from '../i18n/translate.js';
import { roomIdFromInput } from '../route.js';
import { createDurationInput } from './duration-input.js';

/** The server's default limit. */
const NAME_MAX = 80;

export function createJoinForm({ storage, create, openRoom }) {
  const name = el('input', { id: 'room-name', maxlength: NAME_MAX, autocomplete: 'nickname', value: storage.name, placeholder: t('rooms.join.namePlaceholder') });
  const duration = createDurationInput('room-create');
  const id = el('input', { id: 'room-id', required: true, pattern: '.*\\S.*', autocapitalize: 'none', spellcheck: 'false', autocomplete: 'off' });
  const createButton = el('button', { type: 'submit', class: 'primary' }, t('rooms.join.create'));
  const joinButton = el('button', { type: 'submit', class: 'secondary' }, t('rooms.join.action'));
  name.addEventListener('input', () => (storage.name = name.value.trim()));

  const node = el(
    'section',
    { class: 'join', 'data-join': true },
    el('h2', {}, t('rooms.join.title')),
    el('p', { class: 'muted' }, t('rooms.join.hint')),
    el('div', { class: 'field' }, el('label', { for: 'room-name' }, t('rooms.join.name')), name),
    el('form', { class: 'room-form', submit: unlessDisabled(() => create(duration.seconds())) }, duration.node, createButton),
    el(
      'form',
      { class: 'room-form', submit: unlessDisabled(() => openRoom(roomIdFromInput(id.value))) },
      el('div', { class: 'field' }, el('label', { for: 'room-id' }, t('rooms.join.id')), id),
      joinButton,
    ),
  );

  return {
    node,
    update({ online }) {
      setAttribute(createButton, 'aria-disabled', online ? null : 'true');
    },
  };
}

function unlessDisabled(run) {
  return (event) => {
    event.preventDefault();
    if (event.submitter?.getAttribute('aria-disabled') !== 'true') run();
  };
}
