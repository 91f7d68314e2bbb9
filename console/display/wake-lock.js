/** Keeps the screen on while the page is visible, if the browser can. */

export function keepScreenOn(document, { wakeLock } = navigator) {
  if (!wakeLock) return;
  // A browser refuses when its battery is low; the next time that the page becomes visible is another chance.
  const request = () => document.visibilityState === 'visible' && wakeLock.request('screen').catch(() => {});
  document.addEventListener('visibilitychange', request);
  request();
}
