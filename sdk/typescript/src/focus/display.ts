/** What a client displays of a session: its document, the commands that wait, and the seconds that pass by the local clock. */
import type { Command } from '../core/errors.js';
import { continued, withPending, type FocusModel, type UncountedSeconds } from './model.js';
import { explainScore, type FocusScore } from './score.js';

const NONE: UncountedSeconds = { seconds: 0, idle: 0 };

/** A displayed session and its score. */
export interface Displayed {
  readonly shown: FocusModel;
  readonly score: FocusScore | null;
}

/** See the module. Returns the same objects until one of its parts changes. */
export class FocusDisplay {
  #last: { model: FocusModel; pending: readonly Command[]; more: UncountedSeconds; displayed: Displayed } | null = null;

  of(model: FocusModel, pending: readonly Command[], more: UncountedSeconds = NONE): Displayed {
    const last = this.#last;
    const isSame = last?.model === model && last.pending === pending && last.more.seconds === more.seconds && last.more.idle === more.idle;
    if (isSame) return last.displayed;
    const announced = withPending(model, pending);
    const shown = announced.session?.status === 'active' ? continued(announced, more) : announced;
    const displayed = { shown, score: shown.session && explainScore(shown.session, shown.session.targetMinutes) };
    this.#last = { model, pending, more, displayed };
    return displayed;
  }
}
