/**
 * The server's time, derived from a local clock that may be wrong by minutes: measured now and then by
 * `POST /timesync`, and compared with each server time in other messages.
 */

/** Samples per measurement; the one with the shortest round trip is used. */
const SAMPLES = 5;

const RESPONSE_TIMEOUT_MS = 5_000;

/** An observed time this far in the past is late, or the local clock was moved: a new measurement is due soon. */
const SUSPICIOUS_LAG_MS = 1_500;

/** Validity of a measurement; a bad local clock drifts by some ten milliseconds in that time. */
const SYNC_INTERVAL_MS = 10 * 60_000;

/** Delay after a measurement without an answer. */
const RETRY_MS = 5_000;

export class ServerTime {
  #request;
  #now;
  #nextSyncAt = -Infinity;
  #lastSyncAt = -Infinity;
  #syncing = false;

  /** How far the server's clock is ahead of the local one, and the error bound of that: half the round trip. */
  offsetMs = 0;
  errorMs = Infinity;

  constructor(request = requestServerTime, now = Date.now) {
    this.#request = request;
    this.#now = now;
  }

  now() {
    return this.#now() + this.offsetMs;
  }

  /** Measures the offset if that is due. Returns whether the offset was updated. */
  async sync() {
    const now = this.#now();
    // Otherwise a clock that was set back would wait until it reaches its old time.
    const wasSetBack = now < this.#lastSyncAt;
    if (this.#syncing || (now < this.#nextSyncAt && !wasSetBack)) return false;
    this.#syncing = true;
    const samples = [];
    for (let nth = 0; nth < SAMPLES; nth++) {
      const sample = await this.#sample().catch(() => null);
      // A negative round trip means that the local clock was moved during the request.
      if (sample && sample.errorMs >= 0) samples.push(sample);
      else if (sample === null && samples.length === 0) break;
    }
    this.#syncing = false;
    this.#lastSyncAt = this.#now();
    this.#nextSyncAt = this.#lastSyncAt + (samples.length > 0 ? SYNC_INTERVAL_MS : RETRY_MS);
    const best = samples.sort((a, b) => a.errorMs - b.errorMs)[0];
    if (best) Object.assign(this, best);
    return best !== undefined;
  }

  /** Processes a server time from a message. It is a lower bound of the server's current time. */
  observe(serverMs) {
    const aheadMs = serverMs - this.now();
    if (aheadMs > 0 || this.errorMs === Infinity) this.offsetMs += aheadMs;
    else if (aheadMs < -SUSPICIOUS_LAG_MS) this.#nextSyncAt = Math.min(this.#nextSyncAt, this.#lastSyncAt + RETRY_MS);
  }

  async #sample() {
    const sentAt = this.#now();
    const serverMs = await this.#request();
    const receivedAt = this.#now();
    return { offsetMs: serverMs - (sentAt + receivedAt) / 2, errorMs: (receivedAt - sentAt) / 2 };
  }
}

async function requestServerTime() {
  const response = await fetch('timesync', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: '1', method: 'timesync' }),
    signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS),
  });
  const { result } = await response.json();
  if (typeof result !== 'number') throw new Error('timesync returned no time');
  return result;
}
