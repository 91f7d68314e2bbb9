/** Browser events that suggest an earlier reconnect. They never prove that a connection works. */

export function reconnectOnHints(connection, target = window) {
  const { document } = target;
  const retry = () => {
    if (connection.state.phase === 'offline') connection.retryNow();
  };
  target.addEventListener('online', retry);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') retry();
  });
}
