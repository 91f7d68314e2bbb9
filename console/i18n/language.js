/** The language of the page: the reader's choice in this browser, else a language that the browser prefers. */
import { attempt } from '../storage.js';

const KEY = 'tickcast.language';
const DEFAULT = 'en';

/** Returns one of `supported`. `preferred` is the browser's list, such as `['de-AT', 'en']`. */
export function readLanguage({ storage, preferred, supported }) {
  const chosen = attempt(() => storage?.getItem(KEY));
  const wanted = [chosen, ...preferred.map(baseOf)];
  return wanted.find((language) => supported.includes(language)) ?? DEFAULT;
}

/** Saves the reader's choice. Does nothing if the browser forbids storage. */
export function saveLanguage(storage, language) {
  attempt(() => storage?.setItem(KEY, language));
}

/** Returns the browser's variant of a language, such as `de-AT` for `de`, which decides how dates are written. */
export function localeOf(language, preferred) {
  return preferred.find((tag) => baseOf(tag) === language && isTag(tag)) ?? language;
}

/** Browsers name some locales of an operating system by texts such as `en-US@posix`, which their formats refuse. */
function isTag(text) {
  return attempt(() => Intl.getCanonicalLocales(text)) !== undefined;
}

function baseOf(tag) {
  return tag.split('-')[0].toLowerCase();
}
