//! Whether the store is the result of a restore that has not ended.

use std::future::pending;
use std::time::Duration;

use engine::Engine;
use tokio::time::sleep;

/// Pause before a store that is not ready is asked again.
const PAUSE: Duration = Duration::from_millis(50);

/// Returns the reason not to serve if a restore into the store was interrupted; never returns otherwise.
pub(crate) async fn unfinished_restore(engine: &Engine) -> String {
    let Some(transfer) = engine.store().transfer() else { return pending().await };
    loop {
        match transfer.unfinished_restore().await {
            Ok(Some(backup)) => {
                return format!(
                    "a restore into the store was interrupted, so that it has a part of the backup {backup:016x} only: \
                     complete it with `tickcast restore`"
                );
            }
            Ok(None) => return pending().await,
            Err(_) => sleep(PAUSE).await,
        }
    }
}
