/** Whether the page is visible. Outside browsers nothing is called. */

/** Calls a function each time that the page is hidden or shown; returns a function that ends it. */
export function onVisibilityChange(run: (isVisible: boolean) => void): () => void {
  if (typeof document === 'undefined') return () => {};
  const page = document;
  const listener = () => run(page.visibilityState === 'visible');
  page.addEventListener('visibilitychange', listener);
  return () => page.removeEventListener('visibilitychange', listener);
}
