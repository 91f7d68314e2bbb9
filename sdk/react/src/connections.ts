/** The clients of one user at one server, by the systems and rooms that components use. */
import { RefCountedClient, type Client } from './ref-counted-client.js';
import { clientOptions, type ClientOptions, type HookOptions } from './options.js';

/** Creates a client. */
export type ClientFactory<C extends Client> = (options: ClientOptions) => C;

/** See the module. Nothing is created before a component reads it. */
export class Connections {
  readonly options: HookOptions;
  #latest: HookOptions;
  readonly #clients = new Map<string, RefCountedClient<Client>>();

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

  /** Returns the options of a client that no component shares. */
  clientOptions(): ClientOptions {
    const { onError: _, ...options } = this.options;
    return clientOptions(options, () => this.#latest);
  }

  /** Returns the client with a name, which all callers share. `create` has to be the same for each name. */
  client<C extends Client>(name: string, create: ClientFactory<C>): RefCountedClient<C> {
    const found = this.#clients.get(name);
    if (found) return found as unknown as RefCountedClient<C>;
    const shared = new RefCountedClient<C>(() => {
      const client = create(this.clientOptions());
      client.onError((error) => this.#latest.onError?.(error));
      return client;
    });
    this.#clients.set(name, shared as unknown as RefCountedClient<Client>);
    return shared;
  }
}
