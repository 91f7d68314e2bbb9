//! The slow look in the background: a lost last update leaves no gap to see.

use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use timers::{Scope, Tag};

use crate::hub::Hub;
use crate::hub::entry::Entry;
use crate::hub::recover::Cause;

/// Most scopes compared in one pass, which is all that a node with many views costs: 0.1 ms of Redis.
const POSITIONS_MAX: usize = 100;

/// How long a difference may be an update on its way.
const ON_ITS_WAY: Duration = Duration::from_millis(250);

impl Hub {
    /// Compares the next views after `from` with the store, [`POSITIONS_MAX`] at most, and returns where
    /// to go on. Called once a second, so its cost does not grow with the number of views.
    pub(crate) async fn audit(self: &Arc<Self>, from: Option<Scope>) -> Option<Scope> {
        let behind = (from.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let entries: Vec<Arc<Entry>> =
            self.lock().range(behind).take(POSITIONS_MAX).map(|(_, entry)| Arc::clone(entry)).collect();
        let next = (entries.len() == POSITIONS_MAX).then(|| entries.last().map(|entry| entry.scope.clone())).flatten();
        let scopes: Vec<Scope> = entries.iter().map(|entry| entry.scope.clone()).collect();
        let seen: Vec<Option<Tag>> = entries.iter().map(|entry| entry.tag()).collect();
        if scopes.is_empty() {
            return None;
        }
        let positions = self.store.positions(&scopes).await;
        let differing: Vec<(Arc<Entry>, Tag)> = entries
            .into_iter()
            .zip(seen)
            .zip(positions)
            .filter_map(|((entry, seen), stored)| {
                let stored = stored?.tag;
                Some((entry, seen.filter(|seen| *seen != stored)?))
            })
            .collect();
        if differing.is_empty() {
            return next;
        }
        tokio::time::sleep(ON_ITS_WAY).await;
        for (entry, seen) in differing {
            if entry.tag() == Some(seen) && entry.is_current() {
                self.doubt(&entry, Cause::Position);
            }
        }
        next
    }
}
