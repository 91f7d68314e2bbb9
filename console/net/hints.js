/** What the browser knows about the network and the tab: reasons to try earlier, never proof of a link. */

export function followHints(connection, target = window) {
  const { document } = target;
  const retry = () => {
    if (!connection.state.refused) connection.retryNow();
  };
  target.addEventListener('online', retry);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') retry();
  });
}
