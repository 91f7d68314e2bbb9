//! Whether the displayed time is certain. Clients are told when it is not.

use tokio::sync::watch;

/// Waits until the time is not certain; with `again`, until it becomes uncertain once more. Ticks tell that the time is
/// certain again.
pub(crate) async fn uncertain(mut certainty: watch::Receiver<bool>, again: bool) -> watch::Receiver<bool> {
    // The sender lives as long as the node.
    if again && certainty.wait_for(|certain| *certain).await.is_err() {
        return std::future::pending().await;
    }
    match certainty.wait_for(|certain| !certain).await.map(drop) {
        Ok(()) => certainty,
        Err(_) => std::future::pending().await,
    }
}
