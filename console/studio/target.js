/** What an entry belongs to: a session, a project or a track, by the number that the organisation gives it. */
import { el } from '../dom.js';
import { createField, createSelect } from '../field.js';
import { t } from '../i18n/translate.js';
import { attempt } from '../storage.js';

const KINDS = { projectId: 'studio.target.project', sessionId: 'studio.target.session', trackId: 'studio.target.track' };

const NAMED = { projectId: 'studio.target.projectNumber', sessionId: 'studio.target.sessionNumber', trackId: 'studio.target.trackNumber' };

const STORAGE_KEY = 'tickcast.studio.target';

/** Returns the name of what an entry belongs to, such as `Project 12`. */
export function targetName(entry) {
  const kind = Object.keys(NAMED).find((name) => entry[name] != null);
  return kind ? t(NAMED[kind], { number: String(entry[kind]) }) : '';
}

/** Two fields for a kind and a number. `isRequired` is false for a filter. */
export function createTargetInput({ id, isRequired, storage = null, onChange = () => {} }) {
  const stored = attempt(() => JSON.parse(storage?.getItem(STORAGE_KEY))) ?? {};
  const options = Object.entries(KINDS).map(([value, key]) => [value, t(key)]);
  const kind = createSelect({ id: `${id}-kind`, options, value: stored.kind, change: handleChange });
  const number = el('input', {
    id: `${id}-number`,
    type: 'number',
    inputmode: 'numeric',
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    step: 1,
    required: isRequired,
    value: stored.number ?? '',
    change: handleChange,
  });

  function handleChange() {
    if (!number.checkValidity()) return;
    attempt(() => storage?.setItem(STORAGE_KEY, JSON.stringify({ kind: kind.value, number: number.value })));
    onChange();
  }

  return {
    node: el('div', { class: 'target' }, createField(t('studio.target.kind'), kind), createField(t('studio.target.number'), number)),
    /** Reports a missing or wrong number to the reader; returns the target, or null. */
    read() {
      if (!number.reportValidity()) return null;
      return number.value === '' ? {} : { [kind.value]: number.valueAsNumber };
    },
  };
}
