/** English texts of the display of a room. */

export const display = {
  'display.title': 'Countdown',
  'display.member': 'Display',
  'display.hint': 'Press F or click for full screen',
  'display.notConnected': 'Not connected, counted locally',
  'display.open': 'Open the display',
  'display.link': 'For a big screen: shows the time, without controls',
};
