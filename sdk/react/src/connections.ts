/** The clients of one user at one server, by the systems and rooms that components use. */
import { MemoryStorage } from './memory-storage.js';
import { clientOptions, inherit, type ClientOptions, type HookOptions } from './options.js';
import { RefCountedClient, type Client } from './ref-counted-client.js';

/** Creates a client. */
export type ClientFactory<C extends Client> = (options: ClientOptions) => C;

/** See the module. Nothing is created before a component reads it. */
export class Connections {
  readonly options: HookOptions;
  #own: HookOptions;
  #outer: Connections | null;
  /** The client that joins a room continues the membership of the one that has created it, also without a storage. */
  readonly #memberships = new MemoryStorage();
  readonly #clients = new Map<string, RefCountedClient<Client>>();

  /** `own` are the options of the component, and `outer` the connections of the provider around it. */
  constructor(own: HookOptions, outer: Connections | null) {
    this.#own = own;
    this.#outer = outer;
    this.options = this.latest;
  }

  /** The options of the last render: clients call the functions that the components have now. */
  get latest(): HookOptions {
    return inherit(this.#outer?.latest, this.#own);
  }

  /** Takes over the functions of a later render: the token provider and the listener for errors. */
  update(own: HookOptions, outer: Connections | null): void {
    this.#own = own;
    this.#outer = outer;
  }

  /** Returns the options of a client that no component shares. */
  clientOptions(): ClientOptions {
    const { onError: _, ...options } = this.options;
    const resolved = clientOptions(options, () => this.latest);
    return { ...resolved, tabStorage: resolved.tabStorage ?? this.#memberships };
  }

  /**
   * Returns the client with a name, which all callers share. `create` has to be the same for each name. A client that is
   * not used any more is kept with what it knows, unless it is `temporary`.
   */
  client<C extends Client>(name: string, create: ClientFactory<C>, { temporary = false } = {}): RefCountedClient<C> {
    const found = this.#clients.get(name);
    if (found) return found as unknown as RefCountedClient<C>;
    const created = () => {
      const client = create(this.clientOptions());
      client.onError((error) => this.latest.onError?.(error));
      return client;
    };
    const shared = new RefCountedClient<C>(created, (isUsed) => temporary && this.#keep(name, shared as unknown as RefCountedClient<Client>, isUsed));
    this.#clients.set(name, shared as unknown as RefCountedClient<Client>);
    return shared;
  }

  /** A component that was hidden uses its client again, although that was dropped. */
  #keep(name: string, shared: RefCountedClient<Client>, isUsed: boolean) {
    const kept = this.#clients.get(name);
    if (isUsed && kept === undefined) this.#clients.set(name, shared);
    if (!isUsed && kept === shared) this.#clients.delete(name);
  }
}
