/** German texts of all histories. */

export const history = {
  'history.range': 'Zeitraum',
  'history.range.week': 'Letzte 7 Tage',
  'history.range.month': 'Letzte 4 Wochen',
  'history.range.quarter': 'Letzte 12 Wochen',
  'history.range.year': 'Letzte 52 Wochen',
  'history.unit': 'Balken',
  'history.byDay': 'Nach Tagen',
  'history.byWeek': 'Nach Wochen',
  'history.day': 'Tag',
  'history.week': 'Woche',
  'history.weekOf': 'Woche ab {day}',
  'history.total': 'Summe',
  'history.others': 'Andere',
  'history.table': 'Tabelle des Verlaufs',
  'history.captionDays': 'Zeit nach Tagen. Tage ohne Zeit fehlen.',
  'history.captionWeeks': 'Zeit nach Wochen. Wochen ohne Zeit fehlen.',
  'history.sum': 'Summe {time}',
  'history.sumOf': '{period}: {time}',
  'history.failed': 'Der Verlauf kann gerade nicht geladen werden.',
  'history.partial': { other: 'Nur die neuesten {count} Einträge zählen.' },
};
