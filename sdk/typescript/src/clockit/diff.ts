/** The differences between two models, for notifications and histories. */
import type { Model, SessionPhase, Session } from './model.js';
import type { SessionState } from './protocol.js';

/** A change of one session: its new phase, its removal, or its goals. */
export interface SessionChange {
  readonly kind: SessionPhase | 'removed' | 'goals';
  readonly session: Session;
}

/** Returns the changes from one model to the next. Ticks are no changes, and neither is a first load. */
export function diffSessions(before: Model, after: Model): SessionChange[] {
  if (!before.loaded || before.sessions === after.sessions) return [];
  const changes: SessionChange[] = [];
  for (const [id, session] of after.sessions) {
    const kind = changeKind(before.sessions.get(id), session);
    if (kind) changes.push({ kind, session });
  }
  for (const [id, session] of before.sessions) {
    if (!after.sessions.has(id)) changes.push({ kind: 'removed', session });
  }
  return changes;
}

function changeKind(old: Session | undefined, { state, phase }: Session): SessionChange['kind'] | null {
  if (old?.state === state) return null;
  if (!old || old.phase !== phase) return phase;
  return sameGoals(old.state, state) ? null : 'goals';
}

function sameGoals(a: SessionState, b: SessionState): boolean {
  return JSON.stringify(a.goals) === JSON.stringify(b.goals);
}
