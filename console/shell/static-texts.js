/** Fills in the texts of the document that are there before a page is mounted. */
import { t } from '../i18n/translate.js';

/** `data-text` names the key of an element's text, `data-label` that of its accessible name. */
export function translateDocument(document, language) {
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll('[data-text]')) node.textContent = t(node.dataset.text);
  for (const node of document.querySelectorAll('[data-label]')) node.setAttribute('aria-label', t(node.dataset.label));
  document.querySelector('meta[name="description"]').content = t('shell.description');
}
