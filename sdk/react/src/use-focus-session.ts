/** A person's focus session, and the activity on the page that it counts. */
import { useMemo } from 'react';
import { FocusClient, type FocusOptions } from '@tickcast/client/focus';
import type { HookOptions } from './options.js';
import { useClient, type ClientState, type System } from './use-client.js';

/** The settings of a `FocusClient`. They are taken when the first component is mounted. */
type FocusSettings = Pick<FocusOptions, 'continueOnOpen' | 'activity' | 'idleAfterMs' | 'zone'>;

type Unset<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** The options of `useFocusSession`. */
export interface FocusSessionOptions extends HookOptions, Unset<FocusSettings> {}

type FocusCommand = 'start' | 'track' | 'pause' | 'resume' | 'stop' | 'reportActivity' | 'reportTabSwitch' | 'list' | 'update' | 'remove' | 'retryNow' | 'serverNow';

/** The state of a `FocusClient`, and its commands. */
export type FocusSessionState = ClientState<FocusClient, FocusCommand>;

const SYSTEM: Omit<System<FocusClient, FocusCommand>, 'create'> = {
  name: 'focus',
  initial: {
    connection: { phase: 'closed' },
    loaded: false,
    session: null,
    isTracked: false,
    idle: false,
    activity: [],
    score: null,
    stats: null,
    times: 'last-known',
    pending: [],
    pendingIsStored: false,
  },
  commands: ['start', 'track', 'pause', 'resume', 'stop', 'reportActivity', 'reportTabSwitch', 'list', 'update', 'remove', 'retryNow', 'serverNow'],
};

/** Returns the session of the person, each second anew while it counts, and what changes it. Input on the page is activity. */
export function useFocusSession({ continueOnOpen, activity, idleAfterMs, zone, ...options }: FocusSessionOptions = {}): FocusSessionState {
  const system = useMemo<System<FocusClient, FocusCommand>>(() => {
    const settings = Object.entries({ continueOnOpen, activity, idleAfterMs, zone }).filter(([, value]) => value !== undefined);
    return { ...SYSTEM, create: (client) => new FocusClient({ ...client, ...(Object.fromEntries(settings) as FocusSettings) }) };
  }, [continueOnOpen, activity, idleAfterMs, zone]);
  return useClient(system, options)[0];
}
