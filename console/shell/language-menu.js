/** Selects the language of the page. Texts that are already displayed are not written again, so the page is loaded again. */
import { el } from '../dom.js';
import { createSelect } from '../field.js';
import { saveLanguage } from '../i18n/language.js';
import { LANGUAGES, t } from '../i18n/translate.js';

export function renderLanguageMenu(slot, current, storage) {
  const options = LANGUAGES.map((language) => [language, nameOf(language)]);
  const select = createSelect({ id: 'language', options, value: current, change: () => choose(select.value, storage) });
  for (const option of select.options) option.lang = option.value;
  slot.replaceChildren(el('label', { class: 'visually-hidden', for: 'language' }, t('shell.language')), select);
}

function choose(language, storage) {
  saveLanguage(storage, language);
  location.reload();
}

/** Returns the name of a language in itself. */
function nameOf(language) {
  const name = new Intl.DisplayNames(language, { type: 'language' }).of(language);
  return name.charAt(0).toLocaleUpperCase(language) + name.slice(1);
}
