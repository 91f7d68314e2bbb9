/** What the hooks of all systems do: they share a client, and return its state and its commands. */
import { useMemo, useSyncExternalStore } from 'react';
import type { ClientFactory } from './connections.js';
import type { Client, RefCountedClient, SnapshotOf } from './ref-counted-client.js';
import type { HookOptions } from './options.js';
import { useSharedClient } from './provider.js';

/** The names of the methods of a client. */
type MethodOf<C> = { [K in keyof C]: C[K] extends (...parameters: any[]) => unknown ? K : never }[keyof C];

/** How a system appears to components. */
export interface System<C extends Client, K extends MethodOf<C>> {
  readonly name: string;
  readonly create: ClientFactory<C>;
  /** The state on a server, and before there is a client. */
  readonly initial: SnapshotOf<C>;
  /** The methods that components call. */
  readonly commands: readonly K[];
}

/** The state of a client and its commands, which stay the same functions while the connection is one. */
export type ClientState<C extends Client, K extends keyof C> = SnapshotOf<C> & Pick<C, K>;

/** Returns the state of a system and its commands, and the client for listeners. */
export function useClient<C extends Client, K extends MethodOf<C>>(system: System<C, K>, options: HookOptions): [ClientState<C, K>, RefCountedClient<C>] {
  const shared = useSharedClient(system.name, system.create, options);
  const snapshot = useSyncExternalStore(shared.subscribe, shared.getSnapshot, () => system.initial);
  const commands = useMemo(() => commandsOf(shared, system.commands), [shared, system.commands]);
  const state = useMemo(() => ({ ...(snapshot as object), ...commands }) as ClientState<C, K>, [snapshot, commands]);
  return [state, shared];
}

/** A command reads the client when it is called: rendering on a server creates none. */
function commandsOf<C extends Client, K extends MethodOf<C>>(shared: RefCountedClient<C>, names: readonly K[]): Pick<C, K> {
  const call = (name: K) => (...parameters: unknown[]) => (shared.client[name] as (...all: unknown[]) => unknown).apply(shared.client, parameters);
  return Object.fromEntries(names.map((name) => [name, call(name)])) as Pick<C, K>;
}
