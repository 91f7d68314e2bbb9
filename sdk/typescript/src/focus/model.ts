/** A session as last reported by the server, and its next seconds by the local clock. Pure. */
import type { Command } from '../core/errors.js';
import { isOpen, isStatus, type FocusCounters, type FocusSession, type FocusTick } from './protocol.js';

/** Neighbouring seconds of one kind; `unseen` ones were counted before this client displayed the session. */
export interface ActivityRun {
  readonly kind: 'active' | 'idle' | 'unseen';
  readonly seconds: number;
}

/** A session with its newest counters. */
export interface FocusModel {
  readonly session: FocusSession | null;
  /** Whether the last counted second is idle. */
  readonly idle: boolean;
  /** All counted seconds, in order. */
  readonly runs: readonly ActivityRun[];
  /** The whole second of the server's time to which the counters belong. */
  readonly beatMs: number;
}

export const INITIAL_MODEL: FocusModel = { session: null, idle: false, runs: [], beatMs: 0 };

/** Counters that are ahead of the server's by less are kept until the server's are ahead: no second is shown twice. */
const AHEAD_MAX_SECONDS = 5;

/** A run lasts for more than 15 s with the default settings, so that these cover four hours at least. */
const RUNS_MAX = 1_000;

/** How long after its last socket has gone the server lets another one continue the count. */
const RETURN_WITHIN_MS = 30_000;

/** Returns the model after a document of the server, which was read at a second of its time. Older documents have no effect. */
export function withSession(model: FocusModel, session: FocusSession, beatMs: number): FocusModel {
  const { session: known } = model;
  if (known?.id !== session.id) {
    return { session, idle: false, runs: appended([], { kind: 'unseen', seconds: session.elapsedSeconds }), beatMs };
  }
  if (session.updatedAt < known.updatedAt) return model;
  const isActive = session.status === 'active' && known.status === 'active';
  const isLate = session.elapsedSeconds === known.elapsedSeconds || isAhead(known, session);
  // While no socket tracks the session, the counters stay; the seconds since then can count later.
  if (isActive && isLate) return { ...model, session: { ...session, ...countersOf(known) } };
  const { idle } = model;
  return { session, idle: isActive && idle, runs: counted(model.runs, known, session, idle), beatMs };
}

/** Returns the model after a tick. A session that is not active has no ticks: they precede its last document. */
export function withTick(model: FocusModel, tick: FocusTick, beatMs: number): FocusModel {
  const { session } = model;
  if (session?.status !== 'active' || isAhead(session, tick)) return model;
  return {
    session: { ...session, ...countersOf(tick) },
    idle: tick.idle,
    runs: counted(model.runs, session, tick, tick.idle),
    beatMs,
  };
}

/** Seconds that have probably passed since the server has counted; the last `idle` ones are idle. */
export interface UncountedSeconds {
  readonly seconds: number;
  readonly idle: number;
}

/**
 * Returns the seconds of an active session until a whole second of the server's time; those later than `idleFromMs` are
 * idle. Returns null after the time within which the server continues the count.
 */
export function uncounted({ session, beatMs: countedMs }: FocusModel, beatMs: number, idleFromMs: number): UncountedSeconds | null {
  const ms = beatMs - countedMs;
  if (session?.status !== 'active' || ms > RETURN_WITHIN_MS) return null;
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const active = Math.max(0, Math.floor((idleFromMs - countedMs) / 1000));
  return { seconds, idle: Math.max(0, seconds - active) };
}

/** Returns the model with further seconds, of which the last ones are idle. */
export function continued(model: FocusModel, { seconds, idle }: UncountedSeconds): FocusModel {
  const { session } = model;
  if (session === null || seconds === 0) return model;
  const next = {
    ...session,
    elapsedSeconds: session.elapsedSeconds + seconds,
    activeSeconds: session.activeSeconds + seconds - idle,
    idleSeconds: session.idleSeconds + idle,
  };
  return { ...model, session: next, idle: idle > 0, runs: counted(model.runs, session, next, idle > 0) };
}

/** Returns the model with commands that the server has not answered. */
export function withPending(model: FocusModel, commands: readonly Command[]): FocusModel {
  return commands.reduce((next, { payload }) => {
    const { session } = next;
    const { sessionId, status } = payload;
    if (session === null || session.id !== sessionId || !isOpen(session) || !isStatus(status)) return next;
    return { ...next, session: { ...session, status }, idle: status === 'active' && next.idle };
  }, model);
}

function isAhead(displayed: FocusCounters, { elapsedSeconds }: FocusCounters): boolean {
  return displayed.elapsedSeconds > elapsedSeconds && displayed.elapsedSeconds - elapsedSeconds < AHEAD_MAX_SECONDS;
}

function countersOf({ elapsedSeconds, activeSeconds, idleSeconds, tabSwitches }: FocusCounters): FocusCounters {
  return { elapsedSeconds, activeSeconds, idleSeconds, tabSwitches };
}

/** Of several seconds at once only their sums are known; the last one is known to be idle or not. */
function counted(runs: readonly ActivityRun[], before: FocusCounters, after: FocusCounters, isIdle: boolean): readonly ActivityRun[] {
  const seconds = after.elapsedSeconds - before.elapsedSeconds;
  if (seconds < 0) return trimmed(runs, -seconds);
  const idleSeconds = Math.min(seconds, Math.max(0, after.idleSeconds - before.idleSeconds));
  const idle: ActivityRun = { kind: 'idle', seconds: idleSeconds };
  const active: ActivityRun = { kind: 'active', seconds: seconds - idleSeconds };
  return isIdle ? appended(appended(runs, active), idle) : appended(appended(runs, idle), active);
}

function appended(runs: readonly ActivityRun[], run: ActivityRun): readonly ActivityRun[] {
  if (run.seconds === 0) return runs;
  const last = runs.at(-1);
  if (last?.kind === run.kind) return [...runs.slice(0, -1), { ...last, seconds: last.seconds + run.seconds }];
  if (runs.length < RUNS_MAX) return [...runs, run];
  const [first, second, ...rest] = runs as [ActivityRun, ActivityRun, ...ActivityRun[]];
  return [{ kind: 'unseen', seconds: first.seconds + second.seconds }, ...rest, run];
}

/** The server counts fewer seconds than were displayed, because this client was away for too long. */
function trimmed(runs: readonly ActivityRun[], surplus: number): readonly ActivityRun[] {
  const kept = [...runs];
  let left = surplus;
  for (let last = kept.at(-1); last && left > 0; last = kept.at(-1)) {
    kept.pop();
    if (last.seconds > left) kept.push({ ...last, seconds: last.seconds - left });
    left -= last.seconds;
  }
  return kept;
}
