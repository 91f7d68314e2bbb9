//! What happens by itself: the leader carries out deadlines as ordinary commands.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use timers::{Command, MILLIS_PER_BEAT, Millis, Scope};
use tokio::time::sleep;

use crate::engine::Engine;
use crate::execute::Request;
use crate::store::Due;

/// Most deadlines fetched at once; the next look fetches the rest.
const BATCH: usize = 1000;

/// Most deadlines carried out side by side, so that people's commands find room on the same link.
const SIDE_BY_SIDE: usize = 256;

/// What is being carried out, over all looks: a scope whose store is slow holds up nobody else's deadline,
/// and is not fired twice at once.
#[derive(Clone, Default)]
pub(crate) struct Firing(Arc<Mutex<BTreeSet<Scope>>>);

struct Begun(Firing, Scope);

impl Firing {
    fn begin(&self, scope: &Scope) -> Option<Begun> {
        let mut scopes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (scopes.len() < SIDE_BY_SIDE && scopes.insert(scope.clone())).then(|| Begun(self.clone(), scope.clone()))
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

/// Looks for what falls due before the next look, and has it carried out at its time. What finds no room
/// waits for the next look.
pub(crate) async fn fire_due(engine: &Arc<Engine>, firing: &Firing) {
    let Some(now) = engine.clock.now() else { return };
    let mut due = match engine.store.due(now + Millis(MILLIS_PER_BEAT), BATCH).await {
        Ok(due) => due,
        Err(error) => {
            tracing::warn!(%error, "deadlines can't be read");
            return;
        }
    };
    due.sort_by_key(|due| due.at);
    for one in due {
        if let Some(begun) = firing.begin(&one.scope) {
            engine.spawn(fire(Arc::clone(engine), one, begun));
        }
    }
}

async fn fire(engine: Arc<Engine>, due: Due, _begun: Begun) {
    if let Some(now) = engine.clock.now() {
        sleep(Duration::from_millis(due.at.since(now).0)).await;
    }
    let request = Request { scope: due.scope.clone(), command: Command::Settle, id: None, by: None };
    match engine.execute(request).await {
        Ok(_) => engine.stats.deadlines_fired.add_one(),
        Err(error) => tracing::warn!(scope = %due.scope, %error, "a deadline waits for the next look"),
    }
}
