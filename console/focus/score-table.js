/** How the score of the session comes about, as a sum. */
import { el, setText } from '../dom.js';
import { formatPercent } from '../format.js';
import { t } from '../i18n/translate.js';

export function createScoreTable() {
  const rows = {
    completion: createRow(t('focus.score.completion')),
    activity: createRow(t('focus.score.activity')),
    switches: createRow(t('focus.score.switches')),
    idle: createRow(t('focus.score.idle')),
    total: createRow(t('focus.score.total'), 'score-total'),
  };
  const body = el('tbody', {}, ...Object.values(rows).map(({ node }) => node));
  const table = el('table', { class: 'score' }, el('caption', { class: 'visually-hidden' }, t('focus.score.title')), body);
  const hint = el('p', { class: 'muted hint' }, t('focus.score.hint'));

  return {
    node: el('section', { 'aria-labelledby': 'score-title' }, el('div', { class: 'section-head' }, el('h2', { id: 'score-title' }, t('focus.score.title'))), table, hint),
    update({ score, completion, activityRatio, tabSwitchPenalty, idlePenalty }, { tabSwitches, idleSeconds }) {
      rows.completion.set('', formatPercent(completion));
      rows.activity.set('', t('focus.score.factor', { share: formatPercent(activityRatio) }));
      rows.switches.set(t('focus.score.count', { count: tabSwitches }), t('focus.score.minus', { points: round(tabSwitchPenalty) }));
      rows.idle.set(t('focus.score.seconds', { count: idleSeconds }), t('focus.score.minus', { points: round(idlePenalty) }));
      rows.total.set('', t('focus.score.points', { count: score }));
    },
  };
}

function createRow(name, kind = null) {
  const cause = el('td', { class: 'muted' });
  const value = el('td', {});
  return {
    node: el('tr', { class: kind }, el('th', { scope: 'row' }, name), cause, value),
    set(causeText, valueText) {
      setText(cause, causeText);
      setText(value, valueText);
    },
  };
}

function round(points) {
  return Math.round(points * 10) / 10;
}
