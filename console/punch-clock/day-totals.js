/** Work and breaks of a day, from its punches. Pure. */

/**
 * Returns `{workMs, breakMs, spans}` at an instant. Of two neighbours of one type the earlier counts, and an OUT before the
 * first IN does not. A break counts when the work continues after it. A span is `{type, from, to}`; the last one has no end
 * yet, so its `to` is null.
 */
export function dayTotals(entries, now) {
  const punches = entries.filter(({ type }, index) => type !== (index === 0 ? 'OUT' : entries[index - 1].type));
  const spans = punches.map(({ id, type, timestamp }, index) => ({ id, type, from: timestamp, to: punches[index + 1]?.timestamp ?? null }));
  const total = (type) => spans.filter((span) => span.type === type).reduce((sum, span) => sum + lengthOf(span, now), 0);
  return { workMs: total('IN'), breakMs: total('OUT'), spans };
}

/** The last break is open: whether the day goes on is not known. */
function lengthOf({ type, from, to }, now) {
  if (to === null) return type === 'IN' ? Math.max(0, now - from) : 0;
  return to - from;
}
