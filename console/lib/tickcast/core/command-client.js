import { LiveClient } from './live-client.js';
import { Outbox } from './outbox.js';
import { outboxStorage } from './outbox-storage.js';
/** How often, in checks, the client looks for commands of pages that have gone. */
const ADOPT_CHECKS = 30;
/** See the module. `Value` are the further fields of a command's success. */
export class CommandClient extends LiveClient {
    storage;
    outbox;
    #checks = 0;
    /** `system` names the commands in the storage. */
    constructor(system, options, limits) {
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
    open() {
        this.outbox.adopt();
        super.open();
    }
    /** Disconnects. Commands that are stored wait for the next client with this storage; others fail with `closed`, and so do new ones. */
    close() {
        super.close();
        this.outbox.close();
        this.publish();
    }
    /** Runs when a command has no answer. */
    handleCommandTimeout() { }
    describePending() {
        return { pending: this.outbox.pending, pendingIsStored: this.storage.isStored };
    }
    maintain() {
        if (++this.#checks % ADOPT_CHECKS === 0)
            this.outbox.adopt();
        this.outbox.maintain();
    }
    handleHide() {
        this.storage.release();
    }
}
