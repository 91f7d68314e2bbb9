/** The entries of all members that run: task, time, cost, and the ways to stop and to correct them. */
import { el, setAttribute, setText, setVisible } from '../dom.js';
import { formatElapsed, formatInstant, formatMoney } from '../format.js';
import { t } from '../i18n/translate.js';
import { createKeyedList } from '../keyed-list.js';
import { targetName } from './target.js';
import { createTaskName, setColor } from './task-type.js';

/** `stop(id)` and `correct(entry, opener)` are called by the buttons. */
export function createRunningList({ stop, correct }) {
  const title = el('h2', { id: 'running-title', tabindex: '-1' }, t('studio.running.title'));
  const sum = el('span', { class: 'muted', 'data-sum': true });
  const list = el('ul', { class: 'entries', 'aria-labelledby': 'running-title' });
  const empty = el('p', { class: 'muted hint' }, t('studio.running.empty'));
  const updateList = createKeyedList(list, {
    create: () => createEntry({ stop, correct }),
    onFocusLost: (neighbour) => (neighbour?.querySelector('button') ?? title).focus(),
  });

  return {
    node: el('section', { 'aria-labelledby': 'running-title' }, el('div', { class: 'section-head' }, title, sum), list, empty),
    update({ entries, pending, online }) {
      const running = [...entries.values()];
      const stopping = new Set(pending.map(({ payload }) => payload.timeEntryId));
      updateList(running.map((one) => ({ ...one, isPending: stopping.has(one.entry.id), online })), ({ entry }) => entry.id);
      setVisible(empty, running.length === 0);
      const cost = running.reduce((total, one) => total + one.cost.cost, 0);
      setText(sum, running.length === 0 ? '' : t('studio.running.sum', { count: running.length, cost: formatMoney(cost) }));
    },
  };
}

function createEntry({ stop, correct }) {
  let current;
  const task = createTaskName('h3');
  const about = el('p', { class: 'muted entry-about' });
  const notes = el('p', { class: 'entry-notes' });
  const time = el('span', { class: 'entry-time', role: 'timer' });
  const cost = el('span', { class: 'muted entry-cost' });
  const stopButton = el('button', { type: 'button', class: 'secondary', click: () => stopButton.getAttribute('aria-disabled') !== 'true' && stop(current.id) }, t('studio.stop'));
  const correctButton = el('button', { type: 'button', class: 'tertiary', click: () => correct(current, correctButton) }, t('studio.correct'));
  const node = el(
    'li',
    { class: 'entry' },
    el('div', { class: 'entry-head' }, task.node, about, notes),
    el('div', { class: 'entry-values' }, time, cost),
    el('div', { class: 'entry-actions' }, stopButton, correctButton),
  );

  return {
    node,
    update({ entry, elapsedSeconds, cost: { cost: amount }, isPending, online }) {
      current = entry;
      const name = `${entry.taskType?.name ?? t('studio.unknownType')}, ${targetName(entry)}`;
      setAttribute(node, 'data-entry-id', entry.id);
      task.update(entry.taskType);
      setColor(node, entry.taskType?.color);
      setText(about, t('studio.about', { target: targetName(entry), user: String(entry.userId), start: formatInstant(entry.startTime) }));
      setText(notes, entry.notes ?? '');
      setVisible(notes, Boolean(entry.notes));
      setText(time, formatElapsed(elapsedSeconds * 1000));
      setText(cost, formatMoney(amount));
      setAttribute(stopButton, 'aria-label', t('studio.stopNamed', { name }));
      setAttribute(correctButton, 'aria-label', t('studio.correctNamed', { name }));
      setAttribute(stopButton, 'aria-disabled', isPending || !online ? 'true' : null);
    },
  };
}
