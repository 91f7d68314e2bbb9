/** German texts of the display of a room. */

export const display = {
  'display.title': 'Countdown',
  'display.member': 'Anzeige',
  'display.hint': 'F drücken oder klicken für Vollbild',
  'display.notConnected': 'Nicht verbunden, selbst gezählt',
  'display.open': 'Anzeige öffnen',
  'display.link': 'Für einen großen Bildschirm: zeigt die Zeit, ohne Bedienung',
};
