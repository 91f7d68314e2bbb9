/** Selects the user: a form for a page without an identity, and a menu to switch. Submits to the URL of the current page. */
import { el } from '../dom.js';
import { t } from '../i18n/translate.js';
import { saveUserId, SITE } from '../identity.js';

const USER_ID_MAX = 128;

/** The same in all languages, because it names a user. */
const DEFAULT_USER_ID = 'me';

export function renderUserForm(main, storage) {
  main.replaceChildren(
    el(
      'section',
      { class: 'user-prompt' },
      el('h2', {}, t('user.choose')),
      el('p', { class: 'muted' }, t('user.hint')),
      userForm(storage, { id: 'choose-user', value: DEFAULT_USER_ID, action: t('user.show') }),
      el('p', { class: 'muted' }, t('user.siteHint')),
      el('a', { class: 'secondary', href: `./?${new URLSearchParams({ login: SITE })}${location.hash}` }, t('user.site')),
    ),
  );
  main.querySelector('input').select();
}

export function renderUserMenu(slot, identity, storage) {
  const name = identity.userId ?? t(identity.token ? 'user.byLink' : 'user.bySite');
  const summary = el('summary', {}, el('span', { class: 'user-name' }, name), el('span', { class: 'user-switch' }, t('user.switch')));
  const details = el('details', { class: 'user-menu' }, summary, userForm(storage, { id: 'switch-user', value: '', action: t('user.switchAction') }));
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
    title: t('input.notBlank'),
    autocomplete: 'username',
    autocapitalize: 'none',
    spellcheck: 'false',
  });
  const submit = () => saveUserId(storage, input.value.trim());
  return el(
    'form',
    { class: 'row-form', method: 'get', action: `./${location.hash}`, submit },
    el('label', { for: id }, t('user.id')),
    input,
    el('button', { type: 'submit', class: 'primary' }, action),
  );
}
