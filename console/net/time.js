/**
 * What time the server has, by a clock of our own that may be wrong by minutes: asked now and then by the rules of
 * `POST /timesync`, and held against each second that the server tells.
 */

/** Questions of one round; the quickest answer says it best. */
const ASKED = 5;

/** A told second that is off by more says that our clock was moved. */
const MOVED_MS = 1_500;

/** How long a clock is believed: a bad one is off by some ten milliseconds then. */
const ASK_EVERY_MS = 10 * 60_000;

/** How soon it is asked again after a round without an answer. */
const ASK_AGAIN_MS = 5_000;

export class ServerTime {
  #ask;
  #now;
  #askedAt = -Infinity;
  #asking = false;

  /** How far the server's clock is ahead of ours, and within what this is true: half of the way there and back. */
  offsetMs = 0;
  withinMs = Infinity;

  constructor(ask = askServer, now = Date.now) {
    this.#ask = ask;
    this.#now = now;
  }

  now() {
    return this.#now() + this.offsetMs;
  }

  /** Asks if that is due; says whether the time is known better now. */
  async keep() {
    if (this.#asking || this.#now() - this.#askedAt < ASK_EVERY_MS) return false;
    this.#asking = true;
    const answers = [];
    for (let nth = 0; nth < ASKED; nth++) {
      const answer = await this.#once().catch(() => null);
      if (answer) answers.push(answer);
    }
    this.#asking = false;
    this.#askedAt = answers.length > 0 ? this.#now() : this.#now() - ASK_EVERY_MS + ASK_AGAIN_MS;
    const best = answers.sort((a, b) => a.withinMs - b.withinMs)[0];
    if (best) Object.assign(this, best);
    return best !== undefined;
  }

  /** Takes in a second that the server has just told. */
  told(serverMs) {
    const offMs = serverMs - this.now();
    if (Math.abs(offMs) <= MOVED_MS) return;
    // Better than nothing, until it is asked.
    this.offsetMs += offMs;
    this.withinMs = MOVED_MS;
    this.#askedAt = -Infinity;
  }

  async #once() {
    const sent = this.#now();
    const serverMs = await this.#ask();
    const received = this.#now();
    return { offsetMs: serverMs - (sent + received) / 2, withinMs: (received - sent) / 2 };
  }
}

async function askServer() {
  const answer = await fetch('/timesync', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: '1', method: 'timesync' }),
  });
  const { result } = await answer.json();
  if (typeof result !== 'number') throw new Error('no time was told');
  return result;
}
