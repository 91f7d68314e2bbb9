/** Announces changes to screen readers through a polite live region. Ticks are never announced. */

export function createAnnouncer(node) {
  return function announce(text) {
    // A live region ignores an unchanged text; an inaudible trailing space makes it differ.
    node.textContent = node.textContent === text ? `${text}\u00a0` : text;
  };
}
