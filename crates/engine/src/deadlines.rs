//! What happens by itself: the leader carries out deadlines as ordinary commands.

use std::sync::Arc;
use std::time::Duration;

use timers::{Command, MILLIS_PER_BEAT, Millis};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::engine::Engine;
use crate::execute::Request;
use crate::store::Due;

/// Most deadlines fetched at once; the next look fetches the rest.
const BATCH: usize = 1000;

/// Most deadlines carried out side by side, so that people's commands find room on the same link.
const SIDE_BY_SIDE: usize = 32;

/// Looks for what falls due before the next look, and carries it out at its time.
pub(crate) async fn fire_due(engine: &Arc<Engine>) {
    loop {
        let Some(now) = engine.clock.now() else { return };
        let due = match engine.store.due(now + Millis(MILLIS_PER_BEAT), BATCH).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "deadlines can't be read");
                return;
            }
        };
        let full = due.len() >= BATCH;
        let fired_before = engine.stats.deadlines_fired.get();
        let mut tasks = JoinSet::new();
        for one in due {
            if tasks.len() >= SIDE_BY_SIDE {
                tasks.join_next().await;
            }
            tasks.spawn(fire(Arc::clone(engine), one));
        }
        tasks.join_all().await;
        // A batch of which none could be fired would come again at once.
        if !full || engine.stats.deadlines_fired.get() == fired_before {
            return;
        }
    }
}

async fn fire(engine: Arc<Engine>, due: Due) {
    if let Some(now) = engine.clock.now() {
        sleep(Duration::from_millis(due.at.since(now).0)).await;
    }
    let request = Request { scope: due.scope.clone(), command: Command::Settle, id: None, by: None };
    match engine.execute(request).await {
        Ok(_) => engine.stats.deadlines_fired.add_one(),
        Err(error) => tracing::warn!(scope = %due.scope, %error, "a deadline waits for the next look"),
    }
}
