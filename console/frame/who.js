/** Asks whose timers to show, and lets one switch. A plain form, so the answer is in the page's address. */
import { el } from '../dom.js';
import { remember } from '../identity.js';

const USER_ID_MAX = 128;

export function askWho(main, storage) {
  main.replaceChildren(
    el(
      'section',
      { class: 'ask' },
      el('h2', {}, 'Whose timers?'),
      el('p', { class: 'muted' }, 'Use the same name on every device, and they all show the same second.'),
      form(storage, { id: 'ask-user', value: 'me', action: 'Show timers' }),
    ),
  );
  main.querySelector('input').select();
}

export function showWho(slot, who, storage) {
  const name = who.token ? 'Signed in by link' : who.userId;
  const summary = el('summary', {}, el('span', { class: 'who-name' }, name), el('span', { class: 'who-switch' }, 'Switch user'));
  const details = el('details', { class: 'who' }, summary, form(storage, { id: 'switch-user', value: '', action: 'Switch' }));
  details.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    details.open = false;
    summary.focus();
  });
  slot.replaceChildren(details);
}

function form(storage, { id, value, action }) {
  const input = el('input', {
    id,
    name: 'userId',
    value,
    required: true,
    maxlength: USER_ID_MAX,
    pattern: '.*\\S.*',
    title: 'A name of at least one letter or digit',
    autocomplete: 'username',
    autocapitalize: 'none',
    spellcheck: 'false',
  });
  const submit = () => remember(storage, input.value.trim());
  return el(
    'form',
    { class: 'row-form', method: 'get', action: '/', submit },
    el('label', { for: id }, 'User id'),
    input,
    el('button', { type: 'submit', class: 'primary' }, action),
  );
}
