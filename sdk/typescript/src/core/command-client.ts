/** A client whose commands wait in an outbox until the server has answered them, also over a reload of the page. */
import type { Command } from './errors.js';
import { LiveClient, type ClientOptions } from './live-client.js';
import { Outbox, type OutboxLimits } from './outbox.js';
import { outboxStorage, type KeyValueStorage, type OutboxStorage } from './outbox-storage.js';

/** How often, in checks, the client looks for commands of pages that have gone. */
const ADOPT_CHECKS = 30;

/** The options of a client with an outbox. */
export interface CommandClientOptions extends ClientOptions {
  /**
   * Where commands wait that have no answer yet, so that they survive a reload: `localStorage` or `sessionStorage`. Needs
   * an `account`, or the credential `userId`; without storage they wait in memory.
   */
  readonly storage?: KeyValueStorage | null;
  /** Names the user in the storage, so that the commands of one are never sent as another. */
  readonly account?: string;
}

/** The part of a snapshot that is about commands. */
export interface PendingCommands {
  /** The commands without an answer, oldest first. */
  readonly pending: readonly Command[];
  /** Whether the pending commands would survive a reload. */
  readonly pendingIsStored: boolean;
}

/** See the module. `Value` are the further fields of a command's success. */
export abstract class CommandClient<Snapshot extends PendingCommands, Value extends object> extends LiveClient<Snapshot> {
  protected readonly storage: OutboxStorage;
  protected readonly outbox: Outbox<Value>;
  #checks = 0;

  /** `system` names the commands in the storage. */
  constructor(system: string, options: CommandClientOptions, limits?: OutboxLimits) {
    super(options);
    this.storage = outboxStorage(system, options, this.platform);
    this.outbox = new Outbox({
      ...(limits ? { limits } : {}),
      platform: this.platform,
      storage: this.storage,
      send: (command) => this.sendCommand(command),
      onTimeout: () => this.handleCommandTimeout(),
      onChange: () => this.publish(),
      onError: (error) => this.errors.notify(error),
    });
  }

  /** Connects, and takes over commands that earlier pages have left in the storage. */
  override open(): void {
    this.outbox.adopt();
    super.open();
  }

  /** Disconnects. Commands that are stored wait for the next client with this storage; others fail with `closed`, and so do new ones. */
  override close(): void {
    super.close();
    this.outbox.close();
    this.publish();
  }

  /** Sends a command; returns whether that was possible. */
  protected abstract sendCommand(command: Command): boolean;

  /** Runs when a command has no answer. */
  protected handleCommandTimeout(): void {}

  protected describePending(): PendingCommands {
    return { pending: this.outbox.pending, pendingIsStored: this.storage.isStored };
  }

  protected override maintain(): void {
    if (++this.#checks % ADOPT_CHECKS === 0) this.outbox.adopt();
    this.outbox.maintain();
  }

  protected override handleHide(): void {
    this.storage.release();
  }
}
