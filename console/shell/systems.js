/** The systems that the server offers. A node can serve some of them only. */

/** Page loads do not wait for longer than this; without an answer, all pages are offered. */
const ANSWER_WITHIN_MS = 2_000;

const SYSTEM_OF_PAGE = {
  timers: 'clockit',
  history: 'clockit',
  rooms: 'rooms',
  display: 'rooms',
  studio: 'studio',
  'punch-clock': 'punch_clock',
  focus: 'focus',
};

/** Returns the names of the systems, or null if the server does not tell. */
export async function readSystems() {
  try {
    const response = await fetch('api/systems', { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    const { systems } = await response.json();
    return Array.isArray(systems) ? systems : null;
  } catch {
    return null;
  }
}

/** Tells whether a page has a system; `systems` is what `readSystems` returns. */
export function isOffered(page, systems) {
  return systems === null || systems.includes(SYSTEM_OF_PAGE[page]);
}
