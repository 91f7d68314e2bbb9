/** What a page displays of the entries that run, at a second of the server's time. Pure. */
import type { TimerCost } from '../generated/messages.js';
import type { ActiveEntry } from './model.js';
import { costOf, wholeMinutes } from './money.js';

/** An entry that runs, and what it would be if it were stopped at the last whole second. */
export interface RunningEntry {
  readonly entry: ActiveEntry;
  readonly elapsedSeconds: number;
  readonly cost: TimerCost;
}

/** The displayed entries, in the order of their creation; the same object until they or the second change. */
export class EntryDisplay {
  #source: ReadonlyMap<number, ActiveEntry> = new Map();
  #beatMs = 0;
  #displayed: ReadonlyMap<number, RunningEntry> = new Map();

  /** Returns the displayed entries at a whole second of the server's time. */
  at(beatMs: number, source: ReadonlyMap<number, ActiveEntry>): ReadonlyMap<number, RunningEntry> {
    const isSame = source === this.#source && (source.size === 0 || beatMs === this.#beatMs);
    if (isSame) return this.#displayed;
    const sorted = [...source.values()].sort((a, b) => a.id - b.id);
    this.#displayed = new Map(sorted.map((entry) => [entry.id, displayEntry(entry, beatMs)]));
    [this.#source, this.#beatMs] = [source, beatMs];
    return this.#displayed;
  }
}

function displayEntry(entry: ActiveEntry, beatMs: number): RunningEntry {
  const elapsedMs = Math.max(0, beatMs - Date.parse(entry.startTime));
  return { entry, elapsedSeconds: Math.floor(elapsedMs / 1000), cost: costOf(wholeMinutes(elapsedMs), entry.hourlyRate) };
}
