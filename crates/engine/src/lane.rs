//! One command at a time for each scope on this node, so that commands of one node never race each other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use timers::Scope;
use tokio::sync::{Mutex as Turns, OwnedMutexGuard};

/// Most commands that wait in one lane. A person's devices send a handful at once; a lane this long is a
/// client gone wild, and telling it so costs less than remembering what it said.
pub const LANE_LENGTH: usize = 64;

/// The lanes that are in use.
#[derive(Default)]
pub(crate) struct Lanes(Arc<Mutex<BTreeMap<Scope, Lane>>>);

struct Lane {
    turns: Arc<Turns<()>>,
    length: usize,
}

/// The lane is full.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// A place in a lane; leaving it lets the lane go when it was the last.
pub(crate) struct Place {
    lanes: Arc<Mutex<BTreeMap<Scope, Lane>>>,
    scope: Scope,
    turns: Arc<Turns<()>>,
}

impl Lanes {
    /// Takes a place at the end of a scope's lane.
    pub(crate) fn enter(&self, scope: &Scope) -> Result<Place, Full> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(scope.clone()).or_insert_with(|| Lane { turns: Arc::default(), length: 0 });
        if lane.length >= LANE_LENGTH {
            return Err(Full);
        }
        lane.length += 1;
        Ok(Place { lanes: Arc::clone(&self.0), scope: scope.clone(), turns: Arc::clone(&lane.turns) })
    }
}

impl Place {
    /// Waits for those in front.
    pub(crate) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turns).lock_owned().await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get_mut(&self.scope) {
            lane.length -= 1;
            if lane.length == 0 {
                lanes.remove(&self.scope);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use timers::UserId;

    #[tokio::test]
    async fn a_lane_is_bounded_and_gone_when_empty() {
        let lanes = Lanes::default();
        let scope = Scope::User(UserId::new("ann").unwrap());
        let places: Vec<Place> = (0..LANE_LENGTH).map(|_| lanes.enter(&scope).unwrap()).collect();
        assert_eq!(lanes.enter(&scope).err(), Some(Full));
        let first = places[0].turn().await;
        assert!(places[1].turns.try_lock().is_err(), "one at a time");
        drop(first);
        assert!(places[1].turns.try_lock().is_ok());
        drop(places);
        assert!(lanes.0.lock().unwrap().is_empty());
        assert!(lanes.enter(&scope).is_ok());
    }
}
