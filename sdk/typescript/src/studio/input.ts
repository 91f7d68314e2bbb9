/** What applications pass to a client, where that differs from what is sent: dates. */
import type { TimeEntryAdjustInput, TimeEntryListInput } from '../generated/messages.js';

/** A date, or its text in ISO 8601 with an offset or `Z`. */
export type Instant = Date | string;

/** What is corrected of an entry. An end ends an entry that runs. */
export interface EntryAdjustment extends Omit<TimeEntryAdjustInput, 'startTime' | 'endTime'> {
  readonly startTime?: Instant;
  readonly endTime?: Instant;
}

/** Which entries are listed: of at most one session, project or track. Both ends of the range are included. */
export interface EntryFilter extends Omit<TimeEntryListInput, 'dateRange'> {
  readonly dateRange?: { readonly start: Instant; readonly end: Instant } | null;
}

/** Returns an input as the server reads it: dates are texts. */
export function asJson<Input>(input: object): Input {
  return JSON.parse(JSON.stringify(input)) as Input;
}
