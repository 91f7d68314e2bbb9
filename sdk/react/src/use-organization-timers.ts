/** The time entries of an organisation that run, of all members. */
import { useMemo } from 'react';
import { StudioClient, type StudioEvent } from '@tickcast/client/studio';
import { requireIo, type ClientOptions, type HookOptions } from './options.js';
import { useListener } from './provider.js';
import { useClient, type ClientState, type System } from './use-client.js';

/** The options of `useOrganizationTimers`. The credential is a token that names the organisation, or the page's cookies. */
export interface OrganizationTimersOptions extends HookOptions {
  /** Called with each event of the organisation, those of this member's own commands too. */
  readonly onEvent?: ((event: StudioEvent) => void) | undefined;
}

type StudioCommand = 'start' | 'stop' | 'adjust' | 'createTaskType' | 'updateTaskType' | 'activeEntry' | 'reload' | 'retryNow' | 'serverNow';

/** The state of a `StudioClient`, and its commands. */
export interface OrganizationTimers extends ClientState<StudioClient, StudioCommand> {
  /** Returns entries by their start, newest first, and the sums over all that match: all of them without a `limit`. */
  listEntries: StudioClient['entries'];
}

const SYSTEM: System<StudioClient, StudioCommand> = {
  name: 'studio',
  create: createClient,
  initial: {
    connection: { phase: 'closed' },
    entries: new Map(),
    taskTypes: [],
    loaded: false,
    loadError: null,
    times: 'continued',
    pending: [],
    pendingIsStored: false,
  },
  commands: ['start', 'stop', 'adjust', 'createTaskType', 'updateTaskType', 'activeEntry', 'reload', 'retryNow', 'serverNow'],
};

/** Returns the entries that run, each second anew, the task types, and what changes them. */
export function useOrganizationTimers({ onEvent, ...options }: OrganizationTimersOptions = {}): OrganizationTimers {
  const [state, shared] = useClient(SYSTEM, options);
  useListener(shared, (client, listener) => client.onEvent(listener), onEvent);
  const listEntries = useMemo<StudioClient['entries']>(() => (filter) => shared.client.entries(filter), [shared]);
  return useMemo(() => ({ ...state, listEntries }), [state, listEntries]);
}

function createClient({ credential, ...options }: ClientOptions): StudioClient {
  if (credential && !('token' in credential)) throw new TypeError('an organisation is named by a token: the credential `userId` names none');
  return new StudioClient({ ...options, io: requireIo(options), ...(credential ? { credential } : {}) });
}
