import { costOf, wholeMinutes } from './money.js';
/** The displayed entries, in the order of their creation; the same object until they or the second change. */
export class EntryDisplay {
    #source = new Map();
    #beatMs = 0;
    #displayed = new Map();
    /** Returns the displayed entries at a whole second of the server's time. */
    at(beatMs, source) {
        const isSame = source === this.#source && (source.size === 0 || beatMs === this.#beatMs);
        if (isSame)
            return this.#displayed;
        const sorted = [...source.values()].sort((a, b) => a.id - b.id);
        this.#displayed = new Map(sorted.map((entry) => [entry.id, displayEntry(entry, beatMs)]));
        [this.#source, this.#beatMs] = [source, beatMs];
        return this.#displayed;
    }
}
function displayEntry(entry, beatMs) {
    const elapsedMs = Math.max(0, beatMs - Date.parse(entry.startTime));
    return { entry, elapsedSeconds: Math.floor(elapsedMs / 1000), cost: costOf(wholeMinutes(elapsedMs), entry.hourlyRate) };
}
