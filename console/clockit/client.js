/** One person's live sessions: the link, the model it feeds and the commands on their way. */
import { Connection } from '../net/connection.js';
import { followHints } from '../net/hints.js';
import { Silence } from '../net/silence.js';
import { changes } from './changes.js';
import { Outbox } from './outbox.js';
import { EMPTY, newestRunning, reduce } from './store.js';

const LOOK_MS = 1_000;
const TOO_LARGE = 4413;

export class ClockitClient {
  #connection;
  #outbox;
  #silence = new Silence();
  #heardSinceSent = true;
  #options;

  model = EMPTY;
  /** Ticks are due and do not come: what is shown may be old although the link seems open. */
  quiet = false;

  /** `onChange()` after anything shown may differ, `onNews(changes)`, `onFailed(message, fault)`. */
  constructor(options) {
    this.#options = options;
    this.#outbox = new Outbox({
      send: (message) => this.#send(message),
      onUnanswered: () => this.#heardSinceSent || this.#connection.drop(),
      onChange: options.onChange,
      onFailed: options.onFailed,
    });
    this.#connection = new Connection({
      url: options.url,
      isGreeting: (message) => message.type === 'ready',
      onMessage: (message) => this.#hear(message),
      onChange: (link) => this.#follow(link),
    });
  }

  get link() {
    return this.#connection.state;
  }

  get pending() {
    return this.#outbox.pending;
  }

  /** What is on the page is what the server says now. */
  get fresh() {
    return this.link.phase === 'online' && !this.quiet;
  }

  open() {
    this.#connection.open();
    followHints(this.#connection);
    setInterval(() => this.#look(), LOOK_MS);
  }

  retryNow() {
    this.#connection.retryNow();
  }

  submit(command) {
    return this.#outbox.submit(command);
  }

  #send(message) {
    this.#heardSinceSent = false;
    return this.#connection.send(message);
  }

  #hear(message) {
    this.#heardSinceSent = true;
    if (message.type === 'ack') return this.#outbox.settle(message);
    if (message.type === 'error') return this.#fault(message);
    const before = this.model;
    this.model = reduce(before, message);
    if (message.type === 'ready') this.#outbox.setOnline(true);
    if (message.type === 'tick') this.#silence.heard();
    const news = message.type === 'tick' ? [] : changes(before, this.model);
    if (news.length > 0) this.#options.onNews(news);
    this.#options.onChange();
  }

  #fault(message) {
    if (message.id === undefined) this.#options.onFailed(null, message.payload);
    else this.#outbox.settle(message);
  }

  #follow(link) {
    this.#silence.heard();
    this.quiet = false;
    if (link.code === TOO_LARGE) this.#outbox.failFirst({ code: 'too_large' });
    if (link.phase !== 'online') this.#outbox.setOnline(false);
    this.#options.onChange();
  }

  #look() {
    const expectsTicks = this.link.phase === 'online' && newestRunning(this.model) !== undefined;
    const heard = this.#silence.look(expectsTicks);
    const quiet = heard !== 'heard';
    if (heard === 'dead') this.#connection.drop();
    else if (quiet !== this.quiet) {
      this.quiet = quiet;
      this.#options.onChange();
    }
  }
}
