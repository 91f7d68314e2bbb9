/** The punch clock page. Keeps no model of its own. */
import { el, setVisible } from '../dom.js';
import { t } from '../i18n/translate.js';
import { createArchive } from './archive.js';
import { dayTotals } from './day-totals.js';
import { createPunchList } from './punch-list.js';
import { createSettings } from './settings.js';
import { createToday } from './today.js';
import { createWeek } from './week.js';

export function createPunchClockView({ main, actions, logs, chart, targetHours }) {
  const today = createToday({ punch: actions.punch });
  const punches = createPunchList();
  const week = createWeek();
  const archive = createArchive({ logs, onExportError: actions.onExportError });
  const settings = createSettings({ targetHours, ...actions });
  const loading = el('p', { class: 'loading' }, t('punch.loading'));
  const page = el(
    'div',
    { class: 'page' },
    el('div', { class: 'page-main' }, today.node, punches.node),
    el('div', { class: 'page-aside' }, week.node, settings.node),
    el('div', { class: 'page-wide' }, chart.node, archive.node),
  );
  main.replaceChildren(loading, page);

  return {
    note: settings.note,
    refreshArchive() {
      archive.refresh();
      chart.refresh();
    },
    update({ snapshot, archivedSeconds, targetSeconds }) {
      const { day, workSeconds, breakSeconds, pending, pendingIsStored } = snapshot;
      setVisible(loading, day === null);
      setVisible(page, day !== null, main);
      if (day === null) return;
      const totals = dayTotals(day.entries, endOfRun(day, workSeconds));
      today.update({ day, totals, runSeconds: workSeconds || breakSeconds, targetSeconds, pendingCount: pending.length, pendingIsStored });
      punches.update({ entries: day.entries, spans: totals.spans, pendingIds: idsOf(pending) });
      week.update({ today: day.lastActiveDate, workSeconds: new Map([...archivedSeconds, [day.lastActiveDate, totals.workMs / 1000]]), targetSeconds });
      settings.update(day);
    },
  };
}

/** The instant that the displayed seconds of the current run end at, so that all displayed times change together. */
function endOfRun({ sessionStartTime }, workSeconds) {
  return (sessionStartTime ?? 0) + workSeconds * 1000;
}

function idsOf(pending) {
  return new Set(pending.flatMap(({ payload }) => payload.entries).map(({ id }) => id));
}
