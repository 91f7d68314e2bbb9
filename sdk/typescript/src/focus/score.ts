/** How the score of a session comes about. Pure. */
import type { FocusCounters } from './protocol.js';

/** The highest score of any server. */
const SCORE_MAX = 1_000_000_000_000;

const PENALTY_PER_TAB_SWITCH = 2;
const IDLE_SECONDS_PER_PENALTY = 30;

/** A score and its parts: `max(0, round(100 × completion × activityRatio − tabSwitchPenalty − idlePenalty))`. */
export interface FocusScore {
  readonly score: number;
  /** The share of the target that has passed; 1 is the whole target, and more is possible. */
  readonly completion: number;
  /** The share of active seconds. */
  readonly activityRatio: number;
  readonly tabSwitchPenalty: number;
  readonly idlePenalty: number;
}

/**
 * Returns the score that a session would have if it ended with these counters. A server can limit scores
 * (`focus.score_max`), so that `focusScore` of the ended session is lower.
 */
export function explainScore(counters: FocusCounters, targetMinutes: number): FocusScore {
  const { elapsedSeconds, activeSeconds, idleSeconds, tabSwitches } = counters;
  const completion = elapsedSeconds / (targetMinutes * 60 || 1);
  const activityRatio = activeSeconds / (elapsedSeconds || 1);
  const tabSwitchPenalty = tabSwitches * PENALTY_PER_TAB_SWITCH;
  const idlePenalty = idleSeconds / IDLE_SECONDS_PER_PENALTY;
  // A tiny target makes the completion infinite, and no number if no second is active.
  const rounded = Math.round(100 * completion * activityRatio - (tabSwitchPenalty + idlePenalty)) || 0;
  return { score: Math.min(SCORE_MAX, Math.max(0, rounded)), completion, activityRatio, tabSwitchPenalty, idlePenalty };
}
