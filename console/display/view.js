/** A countdown for a big screen: the time, and a bar of what remains of it. There is nothing to operate. */
import { el, setAttribute, setText, setVisible } from '../dom.js';
import { t } from '../i18n/translate.js';
import { countdownPhase } from '../lib/tickcast/rooms/index.js';
import { displayOf } from './share.js';

/** Longer texts need a smaller font. */
const LONG_TEXT = '1:00:00'.length;

export function createDisplayView(main) {
  const time = el('p', { class: 'display-time', role: 'timer', 'aria-label': t('rooms.countdown.remaining') });
  const status = el('p', { class: 'display-status', 'data-display-status': true });
  const fill = el('progress', { class: 'display-bar', max: 1, value: 1, 'aria-hidden': 'true' });
  const hint = el('p', { class: 'display-hint' }, t('display.hint'));
  const node = el('div', { class: 'display', 'data-display': true }, el('h1', { class: 'visually-hidden' }, t('display.title')), status, time, fill, hint);
  main.replaceChildren(node);

  return {
    node,
    update({ timer, remainingSeconds, isOver, fresh, problem }) {
      setVisible(time, timer !== null);
      setVisible(fill, timer !== null);
      setText(status, problem ?? statusText(timer, isOver, fresh));
      if (timer === null) return setAttribute(node, 'data-level', null);
      const { text, share, level } = displayOf({ durationSeconds: timer.duration, remainingSeconds, isOver });
      setText(time, text);
      setAttribute(time, 'data-long', text.length > LONG_TEXT);
      fill.value = share;
      setAttribute(node, 'data-level', level);
      setAttribute(node, 'data-phase', countdownPhase(timer));
    },
  };
}

/** A running countdown says nothing: there is only the time. */
function statusText(timer, isOver, fresh) {
  if (timer === null) return t('rooms.loading');
  if (isOver) return t('rooms.countdown.timeUp');
  if (!fresh) return t('display.notConnected');
  return { running: '', paused: t('rooms.countdown.paused'), ready: t('rooms.countdown.ready') }[countdownPhase(timer)];
}
