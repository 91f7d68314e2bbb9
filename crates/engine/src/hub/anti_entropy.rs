//! The slow comparison in the background: a lost last update leaves no gap that a later update would show.

use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use timers::{Scope, Tag};

use crate::hub::Hub;
use crate::hub::recover::Cause;
use crate::hub::scope_state::ScopeState;

/// Most scopes compared in one pass, however many views the node has: 0.1 ms of Redis.
const POSITIONS_MAX: usize = 100;

/// The longest time for which a difference may only be an update in transit.
const UPDATE_DELAY_MAX: Duration = Duration::from_millis(250);

impl Hub {
    /// Compares the next views after `from` with the store, [`POSITIONS_MAX`] at most, and returns where to continue.
    /// It runs once a second, so its cost does not grow with the number of views.
    pub(crate) async fn anti_entropy(self: &Arc<Self>, from: Option<Scope>) -> Option<Scope> {
        let range = (from.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let states: Vec<Arc<ScopeState>> =
            self.lock().range(range).take(POSITIONS_MAX).map(|(_, state)| Arc::clone(state)).collect();
        let next = (states.len() == POSITIONS_MAX).then(|| states.last().map(|state| state.scope.clone())).flatten();
        let scopes: Vec<Scope> = states.iter().map(|state| state.scope.clone()).collect();
        let seen: Vec<Option<Tag>> = states.iter().map(|state| state.tag()).collect();
        if scopes.is_empty() {
            return None;
        }
        let positions = self.store.positions(&scopes).await;
        let differing: Vec<(Arc<ScopeState>, Tag)> = states
            .into_iter()
            .zip(seen)
            .zip(positions)
            .filter_map(|((state, seen), stored)| {
                let stored = stored?.tag;
                Some((state, seen.filter(|seen| *seen != stored)?))
            })
            .collect();
        if differing.is_empty() {
            return next;
        }
        tokio::time::sleep(UPDATE_DELAY_MAX).await;
        for (state, seen) in differing {
            if state.tag() == Some(seen) && state.is_current() {
                self.invalidate_and_reload(&state, Cause::Position);
            }
        }
        next
    }
}
