/** The connections that the components below share. */
import { createContext, createElement, useContext, useEffect, useState, type ReactElement, type ReactNode } from 'react';
import { Connections, type ClientFactory } from './connections.js';
import type { Client, RefCountedClient } from './ref-counted-client.js';
import { hasOptions, inherit, isSameConnection, type HookOptions } from './options.js';

const TickcastContext = createContext<Connections | null>(null);

/** The properties of a `TickcastProvider`. */
export interface TickcastProviderProps extends HookOptions {
  readonly children?: ReactNode;
}

/**
 * Shares one connection for each system among the hooks below. Another `url`, user or storage replaces the connections;
 * other functions are used from then on. A provider inside another takes the options that it does not have from there.
 */
export function TickcastProvider({ children, ...options }: TickcastProviderProps): ReactElement {
  return createElement(TickcastContext.Provider, { value: useOwnConnections(options) }, children);
}

/** Returns the provider's connections, or those of the component if it has options of its own or no provider. */
export function useConnections({ onError: _, ...options }: HookOptions = {}): Connections {
  const shared = useContext(TickcastContext);
  const own = useOwnConnections(options);
  return shared && !hasOptions(options) ? shared : own;
}

/** Returns a client that is open while the component is mounted. */
export function useSharedClient<C extends Client>(name: string, create: ClientFactory<C>, options: HookOptions = {}): RefCountedClient<C> {
  const shared = useConnections(options).client(name, create);
  useListener(shared, (client, listener) => client.onError(listener), options.onError);
  useEffect(() => shared.acquire(), [shared]);
  return shared;
}

/** Adds a listener to a client while the component is mounted. The function may be another one in each render. */
export function useListener<C extends Client, T>(
  shared: RefCountedClient<C> | null,
  add: (client: C, listener: (value: T) => void) => () => void,
  listener: ((value: T) => void) | undefined,
): void {
  const [latest] = useState<{ listener: typeof listener }>({ listener });
  useEffect(() => {
    latest.listener = listener;
  });
  useEffect(() => (shared ? add(shared.client, (value) => latest.listener?.(value)) : undefined), [shared, latest]);
}

function useOwnConnections(own: HookOptions): Connections {
  const outer = useContext(TickcastContext);
  const [held, setHeld] = useState(() => new Connections(own, outer));
  let connections = held;
  if (!isSameConnection(held.options, inherit(outer?.latest, own))) {
    connections = new Connections(own, outer);
    setHeld(connections);
  }
  useEffect(() => connections.update(own, outer));
  return connections;
}
