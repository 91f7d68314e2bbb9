/** The commands that user actions send, their names on the page, and the goals that they contain. */
import { t } from '../i18n/translate.js';
import { randomId } from '../lib/tickcast/index.js';

export const LIMITS = { label: 500, comment: 4000, goals: 500 };

const NAMES = {
  'session-start': 'clockit.command.start',
  'session-stop': 'clockit.command.stop',
  'session-pause': 'clockit.command.pause',
  'session-resume': 'clockit.command.resume',
  'session-remove': 'clockit.command.remove',
  'session-attach': 'clockit.command.attach',
  'session-detach': 'clockit.command.detach',
};

/** Returns functions that send a command. Each returns whether the client has accepted it; `onAccepted(command)` is told. */
export function createCommands(client, onAccepted) {
  const accepting = (submit) => (...content) => {
    const before = client.getSnapshot().pending.length;
    submit(...content);
    const { pending } = client.getSnapshot();
    const isAccepted = pending.length > before;
    if (isAccepted) onAccepted(pending.at(-1));
    return isAccepted;
  };
  return {
    start: accepting(({ label, comment, goals }) => client.start({ label, goals, ...(comment ? { comment } : {}) })),
    stop: accepting((sessionId) => client.stop(sessionId)),
    pause: accepting((sessionId) => client.pause(sessionId)),
    resume: accepting((sessionId) => client.resume(sessionId)),
    remove: accepting((sessionId) => client.remove(sessionId)),
    attachGoal: accepting((sessionId, goal) => client.attachGoal(sessionId, goal)),
    detachGoal: accepting((sessionId, goalId) => client.detachGoal(sessionId, goalId)),
  };
}

export function commandName({ type, payload }) {
  return t(NAMES[type], { label: payload?.label });
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
