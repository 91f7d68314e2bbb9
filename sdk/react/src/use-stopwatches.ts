/** A user's stopwatches, which tick on every device. */
import { useMemo, useSyncExternalStore } from 'react';
import { ClockitClient, type ClockitSnapshot, type SessionChange } from '@tickcast/client/clockit';
import type { ClientOptions, HookOptions } from './options.js';
import { useLease, useListener } from './provider.js';

/** The options of `useStopwatches`. */
export interface StopwatchesOptions extends HookOptions {
  /** Called with changes of stopwatches, which ticks are not. */
  readonly onSessionChanges?: ((changes: readonly SessionChange[]) => void) | undefined;
}

/** The commands of a client. They never reject, and stay the same functions while the connection is one. */
type StopwatchCommands = Pick<ClockitClient, 'start' | 'stop' | 'pause' | 'resume' | 'remove' | 'attachGoal' | 'detachGoal' | 'retryNow' | 'serverNow'>;

/** The state of a `ClockitClient`, and its commands. */
export interface Stopwatches extends ClockitSnapshot, StopwatchCommands {}

/** The state on a server, and before a connection. */
const INITIAL: ClockitSnapshot = {
  connection: { phase: 'closed' },
  sessions: new Map(),
  loaded: false,
  times: 'last-known',
  pending: [],
  pendingIsStored: false,
};

/** Returns the stopwatches of the user, each second anew while one is running, and what changes them. */
export function useStopwatches({ onSessionChanges, ...options }: StopwatchesOptions = {}): Stopwatches {
  const lease = useLease('clockit', createClient, options);
  useListener(lease, (client, listener) => client.onSessionChanges(listener), onSessionChanges);
  const snapshot = useSyncExternalStore(lease.subscribe, lease.getSnapshot, () => INITIAL);
  const commands = useMemo(() => commandsOf(() => lease.client), [lease]);
  return useMemo(() => ({ ...snapshot, ...commands }), [snapshot, commands]);
}

function createClient(options: ClientOptions): ClockitClient {
  return new ClockitClient(options);
}

function commandsOf(client: () => ClockitClient): StopwatchCommands {
  return {
    start: (session) => client().start(session),
    stop: (id) => client().stop(id),
    pause: (id) => client().pause(id),
    resume: (id) => client().resume(id),
    remove: (id) => client().remove(id),
    attachGoal: (id, goal) => client().attachGoal(id, goal),
    detachGoal: (id, goalId) => client().detachGoal(id, goalId),
    retryNow: () => client().retryNow(),
    serverNow: () => client().serverNow(),
  };
}
