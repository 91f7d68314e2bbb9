/** Finished sessions of a user: pages of them, the whole as CSV, and imports. */
import { sendRequest } from '../core/http.js';
/** See the module. */
export class ClockitHistory {
    #options;
    constructor(options) {
        this.#options = options;
    }
    /** Returns up to `limit` rows, at most 500 and 50 by default. */
    page({ limit, before, signal } = {}) {
        return sendRequest(this.#options, {
            path: 'sessions',
            query: { limit, before },
            ...(signal ? { signal } : {}),
            read: readPage,
        });
    }
    /** Returns the whole history as CSV; for spreadsheets, in the form that is safe to open in one. */
    csv({ forSpreadsheets = false } = {}) {
        return sendRequest(this.#options, {
            path: 'sessions.csv',
            query: forSpreadsheets ? { bom: '1' } : {},
            read: (response) => response.blob(),
        });
    }
    /**
     * Stores rows, or the text of a CSV file: all of them or none. A file with faults fails with status 422 and their
     * list, `RowFault[]`, in `details.rows`. Rows that are stored already are not stored again.
     */
    import(rows) {
        return sendRequest(this.#options, {
            method: 'POST',
            path: 'ingestCsv',
            ...(typeof rows === 'string' ? { headers: { 'content-type': 'text/csv' }, body: rows } : { json: { sessions: rows } }),
            read: readImport,
        });
    }
}
async function readPage(response) {
    const page = (await response.json());
    if (!Array.isArray(page?.sessions) || !page.sessions.every(isRow))
        throw new Error('the answer contains no finished sessions');
    return page;
}
function isRow(value) {
    const row = value;
    return typeof row?.startedIso === 'string' && typeof row.endedIso === 'string';
}
async function readImport(response) {
    const result = (await response.json());
    if (typeof result?.stored !== 'number' || typeof result.repeated !== 'number')
        throw new Error('the answer does not tell what was stored');
    return result;
}
