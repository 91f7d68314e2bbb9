/** The clients of one user at one server, by the systems and rooms that components use. */
import { Lease, type SharedClient } from './lease.js';
import { clientOptions, type ClientOptions, type HookOptions } from './options.js';

/** Creates a client. */
export type ClientFactory<C extends SharedClient> = (options: ClientOptions) => C;

/** See the module. Nothing is created before a component reads it. */
export class Connections {
  readonly options: HookOptions;
  #latest: HookOptions;
  readonly #leases = new Map<string, Lease<SharedClient>>();

  constructor(options: HookOptions) {
    this.options = options;
    this.#latest = options;
  }

  /** The options of the last render. */
  get latest(): HookOptions {
    return this.#latest;
  }

  /** Takes over the functions of a later render: the token provider and the listener for errors. */
  update(options: HookOptions): void {
    this.#latest = options;
  }

  /** Returns the options of a client that belongs to no lease. */
  clientOptions(): ClientOptions {
    const { onError: _, ...options } = this.options;
    return clientOptions(options, () => this.#latest);
  }

  /** Returns the client with a name, which all callers share. `create` has to be the same for each name. */
  lease<C extends SharedClient>(name: string, create: ClientFactory<C>): Lease<C> {
    const found = this.#leases.get(name);
    if (found) return found as unknown as Lease<C>;
    const lease = new Lease<C>(() => {
      const client = create(this.clientOptions());
      client.onError((error) => this.#latest.onError?.(error));
      return client;
    });
    this.#leases.set(name, lease as unknown as Lease<SharedClient>);
    return lease;
  }
}
