//! Whether the time that is shown is certain, told to clients when it is not.

use tokio::sync::watch;

/// Waits until the time is not certain; `again` if that was told before. Once it is certain again, ticks say so.
pub(crate) async fn uncertain(mut certainty: watch::Receiver<bool>, again: bool) -> watch::Receiver<bool> {
    // Its sender lives as long as the node.
    if again && certainty.wait_for(|certain| *certain).await.is_err() {
        return std::future::pending().await;
    }
    match certainty.wait_for(|certain| !certain).await.map(drop) {
        Ok(()) => certainty,
        Err(_) => std::future::pending().await,
    }
}
