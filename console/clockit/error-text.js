/** Error messages of the page by error code. */

const TEXTS = {
  unknown_session: 'this timer no longer exists.',
  limit: 'a limit of the server has been reached.',
  busy: 'the server is too busy. Try again in a moment.',
  unavailable: 'the server cannot store changes right now. Try again in a moment.',
  damaged: 'the stored timers are damaged. An administrator has to repair them.',
  outcome_unknown: 'the server may or may not have carried this out. Check the list below.',
  time_uncertain: 'the server cannot reach its store. The displayed times do not advance until it can.',
  no_answer: 'the server did not answer. Check the list below.',
  expired: 'it waited for the connection for more than a day and was not sent.',
  too_large: 'the text is larger than the server accepts.',
  queue_full: 'too many changes are already waiting. Try again when the connection is back.',
};

/** Returns one message, such as `Stop: this timer no longer exists.` */
export function errorText(name, { code, message }) {
  return `${name}: ${TEXTS[code] ?? message ?? 'the server rejected this.'}`;
}
