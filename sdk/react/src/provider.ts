/** The connections that the components below share. */
import { createContext, createElement, useContext, useEffect, useState, type ReactElement, type ReactNode } from 'react';
import { Connections, type ClientFactory } from './connections.js';
import type { Lease, SharedClient } from './lease.js';
import { hasOptions, inherit, isSameConnection, type HookOptions } from './options.js';

const TickcastContext = createContext<Connections | null>(null);

/** The properties of a `TickcastProvider`. */
export interface TickcastProviderProps extends HookOptions {
  readonly children?: ReactNode;
}

/**
 * Shares one connection for each system among the hooks below. Another `url`, user or storage replaces the connections;
 * other functions are used from then on.
 */
export function TickcastProvider({ children, ...options }: TickcastProviderProps): ReactElement {
  return createElement(TickcastContext.Provider, { value: useOwnConnections(options) }, children);
}

/** Returns the provider's connections, or those of the component if it has options of its own or no provider. */
export function useConnections({ onError: _, ...options }: HookOptions = {}): Connections {
  const shared = useContext(TickcastContext);
  const own = useOwnConnections(inherit(shared?.latest, options));
  return shared && !hasOptions(options) ? shared : own;
}

/** Returns a client that is open while the component is mounted. */
export function useLease<C extends SharedClient>(name: string, create: ClientFactory<C>, options: HookOptions = {}): Lease<C> {
  const lease = useConnections(options).lease(name, create);
  useListener(lease, (client, listener) => client.onError(listener), options.onError);
  useEffect(() => lease.acquire(), [lease]);
  return lease;
}

/** Adds a listener to a client while the component is mounted. The function may be another one in each render. */
export function useListener<C extends SharedClient, T>(
  lease: Lease<C> | null,
  add: (client: C, listener: (value: T) => void) => () => void,
  listener: ((value: T) => void) | undefined,
): void {
  const [latest] = useState<{ listener: typeof listener }>({ listener });
  useEffect(() => {
    latest.listener = listener;
  });
  useEffect(() => (lease ? add(lease.client, (value) => latest.listener?.(value)) : undefined), [lease, latest]);
}

function useOwnConnections(options: HookOptions): Connections {
  const [held, setHeld] = useState(() => new Connections(options));
  let connections = held;
  if (!isSameConnection(held.options, options)) {
    connections = new Connections(options);
    setHeld(connections);
  }
  useEffect(() => connections.update(options));
  return connections;
}
