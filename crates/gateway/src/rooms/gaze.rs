//! What a member was shown, for its own task and for the one that fans beats out.

use std::sync::{Mutex, MutexGuard, PoisonError};

use engine::{Lack, Looked, Onlooker, Showing};
use tokio::sync::Notify;

use crate::rooms::seen::Seen;
use crate::rooms::shown;
use crate::socketio::Outlet;

/// What a member was shown.
pub(super) struct Gaze {
    pub(super) outlet: Outlet,
    seen: Mutex<Seen>,
    behind: Notify,
}

impl Gaze {
    pub(super) fn new(outlet: Outlet) -> Self {
        Self { outlet, seen: Mutex::default(), behind: Notify::new() }
    }

    /// Waits until there is something that was not shown at once.
    pub(super) async fn behind(&self) {
        self.behind.notified().await;
    }

    /// Holds still what was shown. Whoever sends of it does so before letting go.
    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Onlooker for Gaze {
    /// Shows a beat if it is all that is lacking and there is room for it.
    fn look(&self, showing: &mut Showing) -> Looked {
        // Its own task sends just now, and may have looked before this beat came.
        let Ok(mut seen) = self.seen.try_lock() else { return Looked::Behind };
        let beat = showing.beat();
        match seen.progress.lacks(showing.view(), beat) {
            Lack::Nothing => Looked::Nothing,
            Lack::More => Looked::Behind,
            // Its task looks for room.
            Lack::LastBeat if !seen.outbox.is_empty() => Looked::Nothing,
            Lack::LastBeat => {
                let looked = match shown::tick(showing.view(), beat).map(|tick| self.outlet.offer(tick)) {
                    None => Looked::Nothing,
                    Some(Ok(())) => Looked::Shown,
                    Some(Err(_)) => return Looked::Behind,
                };
                seen.progress.has_seen(beat);
                looked
            }
        }
    }

    fn wake(&self) {
        self.behind.notify_one();
    }
}
