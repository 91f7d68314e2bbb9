/** Tells screen readers, politely, what changed. Never used for ticks. */

export function createAnnouncer(node) {
  return function announce(text) {
    // A live region stays silent when its text does not change; a space that nobody hears makes it differ.
    node.textContent = node.textContent === text ? `${text}\u00a0` : text;
  };
}
