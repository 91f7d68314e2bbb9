/** The highest score of any server. */
const SCORE_MAX = 1_000_000_000_000;
const PENALTY_PER_TAB_SWITCH = 2;
const IDLE_SECONDS_PER_PENALTY = 30;
/**
 * Returns the score that a session would have if it ended with these counters. A server can limit scores
 * (`focus.score_max`), so that `focusScore` of the ended session is lower.
 */
export function explainScore(counters, targetMinutes) {
    const { elapsedSeconds, activeSeconds, idleSeconds, tabSwitches } = counters;
    const completion = elapsedSeconds / (targetMinutes * 60 || 1);
    const activityRatio = activeSeconds / (elapsedSeconds || 1);
    const tabSwitchPenalty = tabSwitches * PENALTY_PER_TAB_SWITCH;
    const idlePenalty = idleSeconds / IDLE_SECONDS_PER_PENALTY;
    // A tiny target makes the completion infinite, and no number if no second is active.
    const rounded = Math.round(100 * completion * activityRatio - (tabSwitchPenalty + idlePenalty)) || 0;
    return { score: Math.min(SCORE_MAX, Math.max(0, rounded)), completion, activityRatio, tabSwitchPenalty, idlePenalty };
}
