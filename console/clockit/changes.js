/** What happened between two models, as `{kind, state, elapsedMs}`: for announcements and the history. */
import { phaseOf } from './store.js';

/** Kinds: `running`, `paused`, `stopped`, `removed`, `goals`. A first load is no news. */
export function changes(before, after) {
  if (!before.loaded || before.sessions === after.sessions) return [];
  const found = [];
  for (const [id, { state, elapsedMs }] of after.sessions) {
    const kind = kindOf(before.sessions.get(id)?.state, state);
    if (kind) found.push({ kind, state, elapsedMs });
  }
  for (const [id, { state, elapsedMs }] of before.sessions) {
    if (!after.sessions.has(id)) found.push({ kind: 'removed', state, elapsedMs });
  }
  return found;
}

function kindOf(old, state) {
  if (old === state) return null;
  const phase = phaseOf(state);
  if (!old || phaseOf(old) !== phase) return phase;
  return JSON.stringify(old.goals) === JSON.stringify(state.goals) ? null : 'goals';
}
