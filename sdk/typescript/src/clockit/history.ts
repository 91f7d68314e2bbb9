/** Finished sessions of a user: pages of them, the whole as CSV, and imports. */
import { sendRequest, type HttpOptions, type HttpResult } from '../core/http.js';
import type { FinishedSession, FinishedSessionList, ImportAnswer, ImportedSession } from '../generated/messages.js';

export type { RowFault } from '../generated/messages.js';

/** A finished session, or an imported row. Rows of sessions that were stopped in Tickcast have a `sessionId`. */
export type HistoryRow = FinishedSession;

/** Some rows, newest first. `next` is the `before` of the next page; absent on the last one. */
export type HistoryPage = FinishedSessionList;

/** How many rows an import stored, and how many were there already. */
export type ImportResult = ImportAnswer;

/** See the module. */
export class ClockitHistory {
  readonly #options: HttpOptions;

  constructor(options: HttpOptions) {
    this.#options = options;
  }

  /** Returns up to `limit` rows, at most 500 and 50 by default. */
  page({ limit, before, signal }: { limit?: number; before?: string; signal?: AbortSignal } = {}): Promise<HttpResult<HistoryPage>> {
    return sendRequest(this.#options, {
      path: 'sessions',
      query: { limit, before },
      ...(signal ? { signal } : {}),
      read: readPage,
    });
  }

  /** Returns the whole history as CSV; for spreadsheets, in the form that is safe to open in one. */
  csv({ forSpreadsheets = false } = {}): Promise<HttpResult<Blob>> {
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
  import(rows: readonly ImportedSession[] | string): Promise<HttpResult<ImportResult>> {
    return sendRequest(this.#options, {
      method: 'POST',
      path: 'ingestCsv',
      ...(typeof rows === 'string' ? { headers: { 'content-type': 'text/csv' }, body: rows } : { json: { sessions: rows } }),
      read: readImport,
    });
  }
}

async function readPage(response: Response): Promise<HistoryPage> {
  const page = (await response.json()) as Partial<HistoryPage> | null;
  if (!Array.isArray(page?.sessions) || !page.sessions.every(isRow)) throw new Error('the answer contains no finished sessions');
  return page as HistoryPage;
}

function isRow(value: unknown): value is HistoryRow {
  const row = value as Partial<HistoryRow> | null;
  return typeof row?.startedIso === 'string' && typeof row.endedIso === 'string';
}

async function readImport(response: Response): Promise<ImportResult> {
  const result = (await response.json()) as Partial<ImportResult> | null;
  if (typeof result?.stored !== 'number' || typeof result.repeated !== 'number') throw new Error('the answer does not tell what was stored');
  return result as ImportResult;
}
