/** A person's working day, which is the same on every device and in every tab. */
import { useMemo, useSyncExternalStore } from 'react';
import type { ClientOptions, HookOptions } from '../options.js';
import { useSharedClient } from '../provider.js';
import type { SecondClock } from './second-clock.js';
import { SessionManager, type SessionState, type UserSession } from './session-manager.js';

/** What `useSessionManager` returns. The functions stay the same while the connection is one, and never reject. */
export interface SessionManagerResult extends SessionState {
  /** Displays changes at once. New entries are stored at once, and other changes 2 s after the last one. */
  updateSessionData(updates: Partial<UserSession>): void;
  /** Deletes the punches of the day, and keeps the theme. */
  resetSession(): Promise<void>;
  /** Requests the day from the server. */
  refetchSession(): Promise<void>;
  /** Saves the changes of the page now, with those that are passed. */
  saveSessionData(updates?: Partial<UserSession>): Promise<void>;
}

/** The state on a server, and before a connection. */
const INITIAL: SessionState = { sessionData: null, isLoading: true, error: null };

/** The manager behind a function, so that `useRealtimeTimer` counts by the server's time. */
const managers = new WeakMap<object, () => SessionManager>();

/** Returns how to reach the clock of the day that a function updates, if the function is that of a `useSessionManager`. */
export function clockOf(updateSessionData: object): (() => SecondClock) | undefined {
  const manager = managers.get(updateSessionData);
  return manager && (() => manager().clock);
}

/** Returns the day of the person, and what changes it. */
export function useSessionManager(options: HookOptions = {}): SessionManagerResult {
  const shared = useSharedClient('punch-clock', createManager, options);
  const state = useSyncExternalStore(shared.subscribe, shared.getSnapshot, () => INITIAL);
  const commands = useMemo(() => commandsOf(() => shared.client), [shared]);
  return useMemo(() => ({ ...state, ...commands }), [state, commands]);
}

function createManager(options: ClientOptions): SessionManager {
  return new SessionManager(options);
}

function commandsOf(manager: () => SessionManager): Omit<SessionManagerResult, keyof SessionState> {
  const commands: ReturnType<typeof commandsOf> = {
    updateSessionData: (updates) => manager().updateSessionData(updates),
    resetSession: () => manager().resetSession(),
    refetchSession: () => manager().refetchSession(),
    saveSessionData: (updates) => manager().saveSessionData(updates),
  };
  managers.set(commands.updateSessionData, manager);
  return commands;
}
