/** Shows the state of the connection: a chip in the header, and a bar with a retry button while offline. */
import { el, setAttribute, setText, setVisible } from '../dom.js';
import { t } from '../i18n/translate.js';

const COUNTDOWN_INTERVAL_MS = 250;

const REFUSED = {
  unauthorized: { name: 'connection.unauthorized', text: 'connection.unauthorizedText' },
  forbidden: { name: 'connection.forbidden', text: 'connection.forbiddenText' },
};

const CHIPS = { closed: 'connection.offline', offline: 'connection.offline', connecting: 'connection.connecting' };

/** `offlineText` describes what happens to the displayed timers while the page is offline. */
export function createConnectionStatus({ root, chip, chipText, bar, announce, focusFallback, onRetry, offlineText, now = Date.now }) {
  const reason = el('p', { class: 'offline-reason' });
  const countdown = el('p', { class: 'offline-countdown' });
  const queued = el('p', { class: 'offline-queued' });
  const retry = el('button', { type: 'button', class: 'primary', click: onRetry }, t('connection.retry'));
  bar.append(el('div', { class: 'offline-text' }, reason, countdown, queued), retry);
  chip.hidden = false;
  let current = { phase: 'connecting' };
  let wasOffline = false;

  setInterval(() => renderCountdown(), COUNTDOWN_INTERVAL_MS);

  function renderCountdown() {
    if (current.phase === 'connecting') return setText(countdown, t('connection.connectingNow'));
    if (current.retryAt === undefined) return setText(countdown, '');
    const seconds = Math.max(0, Math.ceil((current.retryAt - now()) / 1000));
    setText(countdown, t('connection.nextAttempt', { count: seconds }));
  }

  return function update({ connectionState, stale, loaded, pendingCount }) {
    if (connectionState !== current) announceState(connectionState);
    current = connectionState;
    wasOffline ||= current.phase === 'offline' || current.phase === 'refused';
    setAttribute(root, 'data-connection', current.phase === 'refused' ? 'offline' : current.phase);
    setAttribute(root, 'data-fresh', current.phase === 'online' && !stale);
    setText(chipText, chipLabel(current, stale));
    setText(reason, refusalOf(current, 'text') ?? (loaded ? t('connection.offlineHint', { hint: offlineText }) : t('connection.unreachable')));
    setText(queued, pendingCount > 0 ? t('connection.queued', { count: pendingCount }) : '');
    setAttribute(retry, 'aria-disabled', current.phase === 'connecting' ? 'true' : null);
    setText(retry, t(current.phase === 'refused' ? 'connection.tryAgain' : 'connection.retry'));
    renderCountdown();
    setVisible(bar, current.phase !== 'online' && wasOffline, focusFallback);
  };

  function announceState(next) {
    if (next.phase === 'refused') announce(refusalOf(next, 'text'));
    else if (next.phase === 'offline' && !wasOffline) announce(t('connection.announceOffline'));
    else if (next.phase === 'offline' && current.phase === 'online') announce(t('connection.announceLost'));
    else if (next.phase === 'online') announce(t(wasOffline ? 'connection.announceAgain' : 'connection.announceOnline'));
  }
}

function chipLabel(connectionState, stale) {
  const { phase } = connectionState;
  if (phase === 'online') return t(stale ? 'connection.stale' : 'connection.online');
  return refusalOf(connectionState, 'name') ?? t(CHIPS[phase]);
}

/** Returns a text about a refused connection, or undefined. */
function refusalOf({ phase, error }, part) {
  return phase === 'refused' ? t(REFUSED[error.reason][part]) : undefined;
}
