import { continued, withPending } from './model.js';
import { explainScore } from './score.js';
const NONE = { seconds: 0, idle: 0 };
/** See the module. Returns the same objects until one of its parts changes. */
export class FocusDisplay {
    #last = null;
    of(model, pending, more = NONE) {
        const last = this.#last;
        const isSame = last?.model === model && last.pending === pending && last.more.seconds === more.seconds && last.more.idle === more.idle;
        if (isSame)
            return last.displayed;
        const announced = withPending(model, pending);
        const shown = announced.session?.status === 'active' ? continued(announced, more) : announced;
        const displayed = { shown, score: shown.session && explainScore(shown.session, shown.session.targetMinutes) };
        this.#last = { model, pending, more, displayed };
        return displayed;
    }
}
