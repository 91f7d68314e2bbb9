/** Selects the user: a form for a page without an identity, and a menu to switch. Submits to the page's URL. */
import { el } from '../dom.js';
import { saveUserId } from '../identity.js';

const USER_ID_MAX = 128;

export function renderUserForm(main, storage) {
  main.replaceChildren(
    el(
      'section',
      { class: 'user-prompt' },
      el('h2', {}, 'Choose a user'),
      el('p', { class: 'muted' }, 'Use the same user id on every device. All of them then show the same second.'),
      userForm(storage, { id: 'choose-user', value: 'me', action: 'Show timers' }),
    ),
  );
  main.querySelector('input').select();
}

export function renderUserMenu(slot, identity, storage) {
  const name = identity.token ? 'Signed in by link' : identity.userId;
  const summary = el('summary', {}, el('span', { class: 'user-name' }, name), el('span', { class: 'user-switch' }, 'Switch user'));
  const details = el('details', { class: 'user-menu' }, summary, userForm(storage, { id: 'switch-user', value: '', action: 'Switch' }));
  details.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    details.open = false;
    summary.focus();
  });
  slot.replaceChildren(details);
}

function userForm(storage, { id, value, action }) {
  const input = el('input', {
    id,
    name: 'userId',
    value,
    required: true,
    maxlength: USER_ID_MAX,
    pattern: '.*\\S.*',
    title: 'At least one character that is not a space',
    autocomplete: 'username',
    autocapitalize: 'none',
    spellcheck: 'false',
  });
  const submit = () => saveUserId(storage, input.value.trim());
  return el(
    'form',
    { class: 'row-form', method: 'get', action: './', submit },
    el('label', { for: id }, 'User id'),
    input,
    el('button', { type: 'submit', class: 'primary' }, action),
  );
}
