/** Texts in the language of the page, and the locale in which numbers and times are written. */
import { messages as de } from './de.js';
import { messages as en } from './en.js';

/**
 * A key of the catalogue. English has all of them; a test compares the other languages with it.
 * @typedef {keyof typeof en} MessageKey
 */

const CATALOGUES = { en, de };

/** The languages of the page, by their codes in BCP 47. */
export const LANGUAGES = Object.keys(CATALOGUES);

let current = createTexts('en', 'en');

/** Sets the language of all later texts, and the locale of numbers and times. */
export function setLanguage(language, locale) {
  current = createTexts(language, locale);
}

/** Returns the locale of numbers and times, such as `en-GB`. */
export function locale() {
  return current.locale;
}

/**
 * Returns a text with its values filled in: the value `name` replaces `{name}`. If the text has plural forms, the value
 * `count` decides between them.
 * @param {MessageKey} key
 */
export function t(key, values = {}) {
  const message = current.messages[key];
  const text = typeof message === 'object' ? (message[current.plurals.select(values.count)] ?? message.other) : message;
  return text.replace(/\{(\w+)\}/g, (_, name) => written(values[name]));
}

/** Returns a list as a text, such as `Ann and Ben`. */
export function listed(texts) {
  return current.lists.format(texts);
}

function written(value) {
  return typeof value === 'number' ? current.numbers.format(value) : String(value ?? '');
}

function createTexts(language, locale) {
  return {
    locale,
    messages: CATALOGUES[language],
    plurals: new Intl.PluralRules(language),
    numbers: new Intl.NumberFormat(locale),
    lists: new Intl.ListFormat(language),
  };
}
