/** The differences between two models, as `{kind, state, elapsedMs}`: for announcements and the history. */
import { sessionPhase } from './model.js';

/** Kinds: `running`, `paused`, `stopped`, `removed`, `goals`. A first load yields no changes. */
export function diffSessions(before, after) {
  if (!before.loaded || before.sessions === after.sessions) return [];
  const changes = [];
  for (const [id, { state, elapsedMs }] of after.sessions) {
    const kind = changeKind(before.sessions.get(id)?.state, state);
    if (kind) changes.push({ kind, state, elapsedMs });
  }
  for (const [id, { state, elapsedMs }] of before.sessions) {
    if (!after.sessions.has(id)) changes.push({ kind: 'removed', state, elapsedMs });
  }
  return changes;
}

function changeKind(old, state) {
  if (old === state) return null;
  const phase = sessionPhase(state);
  if (!old || sessionPhase(old) !== phase) return phase;
  return JSON.stringify(old.goals) === JSON.stringify(state.goals) ? null : 'goals';
}
