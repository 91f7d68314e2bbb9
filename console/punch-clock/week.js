/** The days of the current week with their work, as bars beside a target. */
import { addDays, formatDay, weekStart } from '../calendar.js';
import { el, setAttribute, setText } from '../dom.js';
import { formatMinutes } from '../format.js';
import { t } from '../i18n/translate.js';

const DAYS = 7;

export function createWeek() {
  const sum = el('span', { class: 'muted' });
  const days = Array.from({ length: DAYS }, createDay);
  const node = el(
    'section',
    { 'aria-labelledby': 'week-title' },
    el('div', { class: 'section-head' }, el('h2', { id: 'week-title' }, t('punch.week.title')), sum),
    el('ol', { class: 'week' }, ...days.map((day) => day.node)),
  );

  return {
    node,
    /** `workSeconds` is a Map by day; `today` decides which week is shown. */
    update({ today, workSeconds, targetSeconds }) {
      const first = weekStart(today);
      const seconds = days.map((_, index) => workSeconds.get(addDays(first, index)) ?? 0);
      days.forEach((day, index) => day.update({ date: addDays(first, index), today, seconds: seconds[index], targetSeconds }));
      setText(sum, t('punch.week.sum', { time: formatMinutes(seconds.reduce((total, value) => total + value, 0)) }));
    },
  };
}

function createDay() {
  const name = el('span', { class: 'week-name' });
  const bar = el('progress', { class: 'week-bar', 'aria-hidden': 'true' });
  const time = el('span', { class: 'week-time' });
  const node = el('li', { class: 'week-day' }, name, bar, time);
  return {
    node,
    update({ date, today, seconds, targetSeconds }) {
      setText(name, formatDay(date, { weekday: 'short', day: 'numeric' }));
      setText(time, seconds > 0 ? formatMinutes(seconds) : '–');
      setAttribute(node, 'aria-current', date === today ? 'date' : null);
      setAttribute(node, 'data-reached', seconds >= targetSeconds);
      bar.max = targetSeconds;
      bar.value = Math.min(seconds, targetSeconds);
    },
  };
}
