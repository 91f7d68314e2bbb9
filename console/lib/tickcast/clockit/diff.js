/** Returns the changes from one model to the next. Ticks are no changes, and neither is a first load. */
export function diffSessions(before, after) {
    if (!before.loaded || before.sessions === after.sessions)
        return [];
    const changes = [];
    for (const [id, session] of after.sessions) {
        const kind = changeKind(before.sessions.get(id), session);
        if (kind)
            changes.push({ kind, session });
    }
    for (const [id, session] of before.sessions) {
        if (!after.sessions.has(id))
            changes.push({ kind: 'removed', session });
    }
    return changes;
}
function changeKind(old, { state, phase }) {
    if (old?.state === state)
        return null;
    if (!old || old.phase !== phase)
        return phase;
    return sameGoals(old.state, state) ? null : 'goals';
}
function sameGoals(a, b) {
    return JSON.stringify(a.goals) === JSON.stringify(b.goals);
}
