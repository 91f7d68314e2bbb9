/** Shows the state of the connection: a chip in the header, and a bar with a retry button while offline. */
import { el, setAttribute, setText, setVisible } from '../dom.js';
import { plural } from '../format.js';

const COUNTDOWN_INTERVAL_MS = 250;

const REFUSED = {
  unauthorized: {
    name: 'Not authorised',
    text: 'Not authorised. The server does not accept this user or token. Get a new link or switch user.',
  },
  forbidden: { name: 'Not allowed', text: 'Not allowed. The server does not allow this user to follow timers from this page.' },
};

/** `offlineText` describes what happens to the displayed timers while the page is offline. */
export function createConnectionStatus({ root, chip, chipText, bar, announce, focusFallback, onRetry, offlineText, now = Date.now }) {
  const reason = el('p', { class: 'offline-reason' });
  const countdown = el('p', { class: 'offline-countdown' });
  const queued = el('p', { class: 'offline-queued' });
  const retry = el('button', { type: 'button', class: 'primary', click: onRetry }, 'Retry now');
  bar.append(el('div', { class: 'offline-text' }, reason, countdown, queued), retry);
  chip.hidden = false;
  let current = { phase: 'connecting' };
  let wasOffline = false;

  setInterval(() => renderCountdown(), COUNTDOWN_INTERVAL_MS);

  function renderCountdown() {
    if (current.phase === 'connecting') return setText(countdown, 'Connecting…');
    if (current.retryAt === undefined) return setText(countdown, '');
    const seconds = Math.max(0, Math.ceil((current.retryAt - now()) / 1000));
    setText(countdown, `Next attempt in ${plural(seconds, 'second')}`);
  }

  return function update({ connectionState, stale, loaded, pendingCount }) {
    if (connectionState !== current) announceState(connectionState);
    current = connectionState;
    wasOffline ||= current.phase === 'offline' || current.phase === 'refused';
    setAttribute(root, 'data-connection', current.phase === 'refused' ? 'offline' : current.phase);
    setAttribute(root, 'data-fresh', current.phase === 'online' && !stale);
    setText(chipText, chipLabel(current, stale));
    setText(reason, refusalOf(current)?.text ?? (loaded ? `Offline. ${offlineText}` : 'Offline. The server cannot be reached.'));
    setText(queued, pendingCount > 0 ? `${plural(pendingCount, 'change')} will be sent after reconnecting` : '');
    setAttribute(retry, 'aria-disabled', current.phase === 'connecting' ? 'true' : null);
    setText(retry, refusalOf(current) ? 'Try again' : 'Retry now');
    renderCountdown();
    setVisible(bar, current.phase !== 'online' && wasOffline, focusFallback);
  };

  function announceState(next) {
    if (refusalOf(next)) announce(refusalOf(next).text);
    else if (next.phase === 'offline' && !wasOffline) announce('Offline. Reconnecting automatically.');
    else if (next.phase === 'offline' && current.phase === 'online') announce('Connection lost. Reconnecting automatically.');
    else if (next.phase === 'online') announce(wasOffline ? 'Connected again.' : 'Connected.');
  }
}

function chipLabel(connectionState, stale) {
  if (refusalOf(connectionState)) return refusalOf(connectionState).name;
  if (connectionState.phase === 'online') return stale ? 'No ticks' : 'Online';
  return connectionState.phase === 'connecting' ? 'Connecting' : 'Offline';
}

function refusalOf({ phase, error }) {
  return phase === 'refused' ? REFUSED[error.reason] : undefined;
}
