//! Who is connected, and how many more may come.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use timers::UserId;

use crate::config::LimitSettings;

/// The connections of this node.
pub(crate) struct Connections {
    limits: LimitSettings,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    all: usize,
    by_user: HashMap<UserId, usize>,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// The node has as many as it takes.
    Node,
    /// The person has.
    User,
}

/// One open connection; dropping it is leaving.
pub(crate) struct Seat {
    open: Arc<Mutex<Open>>,
    user: UserId,
}

impl Connections {
    pub(crate) fn new(limits: LimitSettings) -> Self {
        Self { limits, open: Arc::default() }
    }

    /// Takes a seat for a person.
    pub(crate) fn enter(&self, user: &UserId) -> Result<Seat, Full> {
        let mut open = lock(&self.open);
        if open.all >= self.limits.connections {
            return Err(Full::Node);
        }
        let of_user = open.by_user.entry(user.clone()).or_default();
        if *of_user >= self.limits.connections_per_user {
            return Err(Full::User);
        }
        *of_user += 1;
        open.all += 1;
        Ok(Seat { open: Arc::clone(&self.open), user: user.clone() })
    }

    /// Tells whether there is room for nobody.
    pub(crate) fn is_full(&self) -> bool {
        self.count() >= self.limits.connections
    }

    /// Returns how many connections are open.
    pub(crate) fn count(&self) -> usize {
        lock(&self.open).all
    }

    /// Returns how many people are connected.
    pub(crate) fn users(&self) -> usize {
        lock(&self.open).by_user.len()
    }
}

impl Seat {
    /// Returns who sits on it.
    pub(crate) fn user(&self) -> &UserId {
        &self.user
    }

    /// Gives the seat to whom the person on it is found to be; `false` if they have as many as they may.
    pub(crate) fn pass_to(&mut self, user: &UserId, limits: &LimitSettings) -> bool {
        let mut open = lock(&self.open);
        let of_user = open.by_user.entry(user.clone()).or_default();
        if *user != self.user && *of_user >= limits.connections_per_user {
            return false;
        }
        *of_user += 1;
        let before = std::mem::replace(&mut self.user, user.clone());
        open.leave(&before);
        true
    }
}

impl Open {
    fn leave(&mut self, user: &UserId) {
        if let Some(of_user) = self.by_user.get_mut(user) {
            *of_user -= 1;
            if *of_user == 0 {
                self.by_user.remove(user);
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = lock(&self.open);
        open.all -= 1;
        open.leave(&self.user);
    }
}

fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn seats_are_bounded_and_given_back() {
        let limits =
            LimitSettings { connections: 3, connections_per_user: 2, message_bytes: 1, request_within: Duration::ZERO };
        let connections = Connections::new(limits);
        let (ann, ben) = (UserId::new("ann").unwrap(), UserId::new("ben").unwrap());
        let seats = [connections.enter(&ann).unwrap(), connections.enter(&ann).unwrap()];
        assert_eq!(connections.enter(&ann).err(), Some(Full::User));
        let _third = connections.enter(&ben).unwrap();
        assert_eq!(connections.enter(&ben).err(), Some(Full::Node));
        assert_eq!((connections.count(), connections.users()), (3, 2));
        drop(seats);
        assert_eq!((connections.count(), connections.users()), (1, 1));
        assert!(connections.enter(&ann).is_ok());
    }

    #[test]
    fn a_seat_is_passed_to_whom_a_guest_is_found_to_be() {
        let limits =
            LimitSettings { connections: 2, connections_per_user: 1, message_bytes: 1, request_within: Duration::ZERO };
        let connections = Connections::new(limits);
        let (guest, ann) = (UserId::new("guest").unwrap(), UserId::new("ann").unwrap());
        let (mut one, mut two) = (connections.enter(&guest).unwrap(), connections.enter(&ann).unwrap());
        assert!(!one.pass_to(&ann, &limits), "she has one");
        assert_eq!((one.user(), connections.users()), (&guest, 2));
        assert!(two.pass_to(&ann, &limits), "it is hers");
        drop(two);
        assert!(one.pass_to(&ann, &limits));
        assert_eq!((one.user(), connections.count(), connections.users()), (&ann, 1, 1));
        drop(one);
        assert_eq!((connections.count(), connections.users()), (0, 0));
    }
}
