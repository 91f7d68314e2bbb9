/** What an error means to the person who gave the command. */

const TEXTS = {
  unknown_session: 'this timer no longer exists.',
  limit: 'a limit of the server has been reached.',
  busy: 'the server is too busy. Try again in a moment.',
  unavailable: 'the server cannot store changes just now. Try again in a moment.',
  outcome_unknown: 'it is not known whether this was carried out. Check the list below.',
  time_uncertain: 'the server cannot reach its store; the times shown stand still until it can.',
  no_answer: 'the server did not answer. Check the list below.',
  too_large: 'this is more text than the server takes.',
  queue_full: 'too many changes are waiting already. Try again when the connection is back.',
};

/** One sentence, such as `Stop: this timer no longer exists.` */
export function explain(name, { code, message }) {
  return `${name}: ${TEXTS[code] ?? message ?? 'the server refused this.'}`;
}
