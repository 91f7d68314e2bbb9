/** English texts of all histories. */

export const history = {
  'history.range': 'Period',
  'history.range.week': 'Last 7 days',
  'history.range.month': 'Last 4 weeks',
  'history.range.quarter': 'Last 12 weeks',
  'history.range.year': 'Last 52 weeks',
  'history.unit': 'Bars',
  'history.byDay': 'By day',
  'history.byWeek': 'By week',
  'history.day': 'Day',
  'history.week': 'Week',
  'history.weekOf': 'Week of {day}',
  'history.total': 'Total',
  'history.others': 'Others',
  'history.table': 'Table of the history',
  'history.captionDays': 'Time by day. Days without time are left out.',
  'history.captionWeeks': 'Time by week. Weeks without time are left out.',
  'history.sum': 'Total {time}',
  'history.sumOf': '{period}: {time}',
  'history.failed': 'The history cannot be loaded right now.',
  'history.partial': { other: 'Only the newest {count} records are counted.' },
};
