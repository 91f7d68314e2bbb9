/** A user's stopwatches, which tick on every device. */
import { ClockitClient, type SessionChange } from '@tickcast/client/clockit';
import type { HookOptions } from './options.js';
import { useListener } from './provider.js';
import { useClient, type ClientState, type System } from './use-client.js';

/** The options of `useStopwatches`. */
export interface StopwatchesOptions extends HookOptions {
  /** Called with changes of stopwatches, which ticks are not. */
  readonly onSessionChanges?: ((changes: readonly SessionChange[]) => void) | undefined;
}

type StopwatchCommand = 'start' | 'stop' | 'pause' | 'resume' | 'remove' | 'attachGoal' | 'detachGoal' | 'retryNow' | 'serverNow';

/** The state of a `ClockitClient`, and its commands. */
export type Stopwatches = ClientState<ClockitClient, StopwatchCommand>;

const SYSTEM: System<ClockitClient, StopwatchCommand> = {
  name: 'clockit',
  create: (options) => new ClockitClient(options),
  initial: { connection: { phase: 'closed' }, sessions: new Map(), loaded: false, times: 'last-known', pending: [], pendingIsStored: false },
  commands: ['start', 'stop', 'pause', 'resume', 'remove', 'attachGoal', 'detachGoal', 'retryNow', 'serverNow'],
};

/** Returns the stopwatches of the user, each second anew while one is running, and what changes them. */
export function useStopwatches({ onSessionChanges, ...options }: StopwatchesOptions = {}): Stopwatches {
  const [state, shared] = useClient(SYSTEM, options);
  useListener(shared, (client, listener) => client.onSessionChanges(listener), onSessionChanges);
  return state;
}
