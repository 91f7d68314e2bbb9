/**
 * What time the server has, by a clock of our own that may be wrong by minutes: asked now and then by the rules of
 * `POST /timesync`, and held against each time that the server tells besides.
 */

/** Questions of one round; the quickest answer says it best. */
const ASKED = 5;

/** How long one answer may take. */
const ANSWER_MS = 5_000;

/** A told time that lies so far back says that it came late, or that our clock was moved: it is asked. */
const DOUBTED_MS = 1_500;

/** How long a clock is believed: a bad one is off by some ten milliseconds then. */
const ASK_EVERY_MS = 10 * 60_000;

/** How soon it is asked again after a round without an answer. */
const ASK_AGAIN_MS = 5_000;

export class ServerTime {
  #ask;
  #now;
  #askNextAt = -Infinity;
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
    const now = this.#now();
    // A clock that was set back would otherwise wait for its old time.
    const wasSetBack = now < this.#askedAt;
    if (this.#asking || (now < this.#askNextAt && !wasSetBack)) return false;
    this.#asking = true;
    const answers = [];
    for (let nth = 0; nth < ASKED; nth++) {
      const answer = await this.#once().catch(() => null);
      // Our clock was moved while we waited.
      if (answer && answer.withinMs >= 0) answers.push(answer);
      else if (answer === null && answers.length === 0) break;
    }
    this.#asking = false;
    this.#askedAt = this.#now();
    this.#askNextAt = this.#askedAt + (answers.length > 0 ? ASK_EVERY_MS : ASK_AGAIN_MS);
    const best = answers.sort((a, b) => a.withinMs - b.withinMs)[0];
    if (best) Object.assign(this, best);
    return best !== undefined;
  }

  /** Takes in a time that the server has told: it is at least that late there. */
  told(serverMs) {
    const aheadMs = serverMs - this.now();
    if (aheadMs > 0 || this.withinMs === Infinity) this.offsetMs += aheadMs;
    else if (aheadMs < -DOUBTED_MS) this.#askNextAt = Math.min(this.#askNextAt, this.#askedAt + ASK_AGAIN_MS);
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
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  const { result } = await answer.json();
  if (typeof result !== 'number') throw new Error('no time was told');
  return result;
}
