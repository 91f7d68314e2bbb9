/** The messages that user actions send, and their names on the page. */

export const LIMITS = { label: 500, comment: 4000, goals: 500 };

const NAMES = {
  'session-start': 'Start',
  'session-stop': 'Stop',
  'session-pause': 'Pause',
  'session-resume': 'Resume',
  'session-remove': 'Remove',
  'session-attach': 'Goal change',
  'session-detach': 'Goal removal',
};

export const start = ({ label, comment, goals }) => ({
  type: 'session-start',
  payload: { label, goals, ...(comment ? { comment } : {}) },
});
export const stop = (sessionId) => ({ type: 'session-stop', payload: { sessionId } });
export const pause = (sessionId) => ({ type: 'session-pause', payload: { sessionId } });
export const resume = (sessionId) => ({ type: 'session-resume', payload: { sessionId } });
export const remove = (sessionId) => ({ type: 'session-remove', payload: { sessionId } });
export const attach = (sessionId, goal) => ({ type: 'session-attach', payload: { sessionId, goal } });
export const detach = (sessionId, goalId) => ({ type: 'session-detach', payload: { sessionId, goalId } });

export function commandName({ type, payload }) {
  return type === 'session-start' ? `Start “${payload.label}”` : NAMES[type];
}

export function newGoal(title) {
  return { id: randomId(), title, completed: false, groupId: '', groupName: '' };
}

/** Returns the goal as completed or open. Keeps every other field that the server stores in it. */
export function withCompleted(goal, completed, now) {
  const { completedAt: _, ...rest } = goal;
  return completed ? { ...rest, completed, completedAt: now } : { ...rest, completed };
}

/** Splits free text into titles at commas and line breaks. */
export function parseGoalTitles(text) {
  return text.split(/[,\n]/).map((title) => title.trim()).filter(Boolean);
}

/** Returns a random UUID. `crypto.randomUUID` exists only in secure contexts, not on a page over plain HTTP. */
export function randomId(crypto = globalThis.crypto) {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
