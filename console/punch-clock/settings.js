/** The settings of the punch clock: target, zone and theme, and the deletion of the day. */
import { createConfirmButton } from '../confirm-button.js';
import { el, setText } from '../dom.js';
import { createField, createSelect } from '../field.js';
import { t } from '../i18n/translate.js';

/** The server's default themes; a theme that the server does not know is ignored, and the page says so. */
const THEMES = { minimal: 'punch.theme.minimal', aurora: 'punch.theme.aurora', dark: 'punch.theme.dark' };

const HOURS_MAX = 24;

export function createSettings({ targetHours, setTarget, setZone, setTheme, reset }) {
  const target = el('input', { id: 'punch-target', type: 'number', inputmode: 'decimal', min: 0.5, max: HOURS_MAX, step: 0.25, required: true, value: targetHours });
  target.addEventListener('change', () => target.reportValidity() && setTarget(target.valueAsNumber));
  const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zone = createSelect({ id: 'punch-zone', options: zones(ownZone), value: ownZone });
  const saveZone = el('button', { type: 'button', class: 'secondary', click: () => setZone(zone.value) }, t('punch.zone.save'));
  const theme = createSelect({ id: 'punch-theme', options: Object.entries(THEMES).map(([value, key]) => [value, t(key)]), value: 'minimal' });
  theme.addEventListener('change', () => setTheme(theme.value));
  const confirmation = createReset(reset);
  const note = el('p', { class: 'muted hint', role: 'status' });
  const node = el(
    'section',
    { class: 'punch-settings', 'aria-labelledby': 'punch-settings-title' },
    el('div', { class: 'section-head' }, el('h2', { id: 'punch-settings-title' }, t('punch.settings'))),
    createField(t('punch.target'), target),
    el('div', { class: 'zone-row' }, createField(t('punch.zone'), zone), saveZone),
    createField(t('punch.theme'), theme),
    note,
    confirmation,
  );

  return {
    node,
    note: (text) => setText(note, text),
    update({ currentTheme }) {
      if (![...theme.options].some(({ value }) => value === currentTheme)) theme.append(el('option', { value: currentTheme }, currentTheme));
      if (!theme.matches(':focus') && theme.value !== currentTheme) theme.value = currentTheme;
    },
  };
}

function createReset(run) {
  const texts = { open: t('punch.reset'), question: t('punch.reset.question'), confirm: t('punch.reset.confirm'), keep: t('punch.reset.keep') };
  return createConfirmButton({ texts, run }).node;
}

function zones(own) {
  // Browsers leave UTC out of their list.
  const names = new Set(['UTC', own, ...(Intl.supportedValuesOf?.('timeZone') ?? [])]);
  return [...names].sort().map((name) => [name, name]);
}
