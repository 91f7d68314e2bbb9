//! Which deadlines a node has begun to carry out, and which it has set itself.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use timers::{MILLIS_PER_BEAT, Millis, Scope, Timestamp};
use tokio::sync::{Semaphore, mpsc, watch};

use crate::store::Due;

/// Most deadlines begun and not ended, those included that wait for their instant: a look at 256 parts.
const BEGUN_MAX: usize = 4096;

/// Most deadlines carried out side by side, so that people's commands find room on the same link.
const SIDE_BY_SIDE: usize = 64;

/// Most near deadlines that wait for the task that times them; the leader's next look finds the rest.
const NEAR_MAX: usize = 1024;

/// A deadline nearer than this may come before the leader's next look.
const NEAR: Millis = Millis(2 * MILLIS_PER_BEAT);

/// What is being carried out on this node.
pub(crate) struct Firing {
    begun: Mutex<BTreeSet<Scope>>,
    /// A place for each that is carried out at once.
    pub(crate) room: Semaphore,
    ended: watch::Sender<usize>,
    near: mpsc::Sender<Due>,
}

/// One that is begun; dropping it ends it.
pub(crate) struct Begun(Arc<Firing>, Scope);

impl Firing {
    /// Makes it, with the near deadlines that somebody must time.
    pub(crate) fn new() -> (Arc<Self>, mpsc::Receiver<Due>) {
        let (near, taken) = mpsc::channel(NEAR_MAX);
        let firing =
            Self { begun: Mutex::default(), room: Semaphore::new(SIDE_BY_SIDE), ended: watch::Sender::new(0), near };
        (Arc::new(firing), taken)
    }

    /// Takes note of a deadline that this node has committed.
    pub(crate) fn set(&self, scope: &Scope, at: Timestamp, now: Timestamp) {
        if at.since(now) < NEAR {
            self.near.try_send(Due { scope: scope.clone(), at }).ok();
        }
    }

    /// Begins one, unless it is begun already or there is no room: the next look finds it again.
    pub(crate) fn begin(self: &Arc<Self>, scope: &Scope) -> Option<Begun> {
        let mut begun = self.lock();
        let begins = begun.len() < BEGUN_MAX && begun.insert(scope.clone());
        begins.then(|| Begun(Arc::clone(self), scope.clone()))
    }

    /// Returns how many are begun.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Waits until so many more have ended.
    pub(crate) async fn ended(&self, more: usize) {
        let mut ended = self.ended.subscribe();
        let enough = ended.borrow().wrapping_add(more);
        // The sender is our own.
        ended.wait_for(|ended| *ended >= enough).await.ok();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Scope>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.lock().remove(&self.1);
        self.0.ended.send_modify(|ended| *ended += 1);
    }
}
