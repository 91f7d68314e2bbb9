//! Who is connected, how many more may come, and how they are sent away.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use timers::disconnect::{Disconnect, Whom};
use timers::{Millis, RoomId, Scope, Timestamp, UserId};
use tokio::sync::Notify;

use crate::addresses::{Addresses, Counted};
use crate::config::{LimitSettings, ProxySettings, System};

/// How far the instant that a connection came at may be from the store's: whoever came that little later is sent away as
/// well, and may come again.
const CLOCKS_DIFFER: Millis = Millis(1000);

/// The connections of this node.
pub(crate) struct Connections {
    /// What their ids begin with, so that no other node has the same.
    node: String,
    most: usize,
    most_of_user: usize,
    addresses: Addresses,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    last: u64,
    all: HashMap<u64, Entry>,
    by_user: HashMap<UserId, usize>,
    /// Who was sent away lately: somebody may be on the way in still.
    sent_away: Vec<Disconnect>,
}

struct Entry {
    guest: Guest,
    user: UserId,
    room: Option<RoomId>,
    sent_away: Arc<Notify>,
}

/// Who comes, and from where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guest {
    pub(crate) system: System,
    pub(crate) address: IpAddr,
    /// None if the node did not know the time yet.
    pub(crate) since: Option<Timestamp>,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// The node has as many as it takes.
    Node,
    /// The person has.
    User,
    /// The address has.
    Address,
}

/// One open connection; dropping it is leaving.
pub(crate) struct Seat {
    number: u64,
    user: UserId,
    most_of_user: usize,
    sent_away: Arc<Notify>,
    open: Arc<Mutex<Open>>,
    _counted: Counted,
}

/// What is known of a connection.
pub(crate) struct Known {
    pub(crate) id: String,
    pub(crate) user: UserId,
    pub(crate) room: Option<RoomId>,
    pub(crate) guest: Guest,
}

impl Connections {
    pub(crate) fn new(node: &str, limits: &LimitSettings, proxy: &ProxySettings) -> Self {
        Self {
            node: node.to_owned(),
            most: limits.connections,
            most_of_user: limits.connections_per_user,
            addresses: Addresses::new(limits, proxy),
            open: Arc::default(),
        }
    }

    /// Takes a seat for a person.
    pub(crate) fn enter(&self, user: &UserId, guest: Guest) -> Result<Seat, Full> {
        let mut open = lock(&self.open);
        if open.all.len() >= self.most {
            return Err(Full::Node);
        }
        if open.by_user.get(user).is_some_and(|count| *count >= self.most_of_user) {
            return Err(Full::User);
        }
        let counted = self.addresses.enter(guest.address).ok_or(Full::Address)?;
        *open.by_user.entry(user.clone()).or_default() += 1;
        open.last += 1;
        let (number, sent_away) = (open.last, Arc::<Notify>::default());
        let entry = Entry { guest, user: user.clone(), room: None, sent_away: Arc::clone(&sent_away) };
        send_away_late_comer(&open.sent_away, &entry);
        open.all.insert(number, entry);
        Ok(Seat {
            number,
            user: user.clone(),
            most_of_user: self.most_of_user,
            sent_away,
            open: Arc::clone(&self.open),
            _counted: counted,
        })
    }

    /// Tells whether there is room for somebody from there, as far as can be told before it is known who it is.
    pub(crate) fn room_for(&self, address: IpAddr) -> Result<(), Full> {
        if self.count() >= self.most {
            return Err(Full::Node);
        }
        self.addresses.enter(address).map(drop).ok_or(Full::Address)
    }

    /// Returns how many connections are open.
    pub(crate) fn count(&self) -> usize {
        lock(&self.open).all.len()
    }

    /// Returns how many people are connected.
    pub(crate) fn users(&self) -> usize {
        lock(&self.open).by_user.len()
    }

    /// Returns what is known of the connections, at most so many, in the order of their coming.
    pub(crate) fn list(&self, user: Option<&UserId>, most: usize) -> Vec<Known> {
        let open = lock(&self.open);
        let mut found: Vec<(&u64, &Entry)> =
            open.all.iter().filter(|(_, entry)| user.is_none_or(|user| entry.user == *user)).collect();
        found.sort_by_key(|(number, _)| **number);
        let known = |(number, entry): (&u64, &Entry)| Known {
            id: self.id(*number),
            user: entry.user.clone(),
            room: entry.room.clone(),
            guest: entry.guest,
        };
        found.into_iter().take(most).map(known).collect()
    }

    /// Notes who was sent away lately.
    pub(crate) fn note_sent_away(&self, lately: Vec<Disconnect>) {
        lock(&self.open).sent_away = lately;
    }

    /// Sends connections away that were there at an instant; returns how many.
    pub(crate) fn send_away(&self, whom: &Whom, at: Timestamp, now: Timestamp) -> usize {
        let open = lock(&self.open);
        let is_meant = |number: u64, entry: &Entry| match whom {
            Whom::User(user) | Whom::Scope(Scope::User(user)) => entry.user == *user,
            Whom::Scope(Scope::Room(room)) => entry.room.as_ref() == Some(room),
            Whom::Scope(Scope::Node(_) | Scope::Cluster) => false,
            Whom::Connection(id) => *id == self.id(number),
        };
        // Who seems to come from the future was there when the store's clock was put back.
        let was_there =
            |entry: &Entry| entry.guest.since.is_none_or(|since| since <= at + CLOCKS_DIFFER || since > now);
        let were_there = open.all.iter().filter(|(_, entry)| was_there(entry));
        let meant = were_there.filter(|(number, entry)| is_meant(**number, entry));
        meant.map(|(_, entry)| entry.sent_away.notify_one()).count()
    }

    fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.node)
    }
}

impl Seat {
    /// Returns who sits on it.
    pub(crate) fn user(&self) -> &UserId {
        &self.user
    }

    /// Gives the seat to whom the person on it is found to be; `false` if they have as many as they may.
    pub(crate) fn pass_to(&mut self, user: &UserId) -> bool {
        let mut open = lock(&self.open);
        let of_user = open.by_user.entry(user.clone()).or_default();
        if *user != self.user && *of_user >= self.most_of_user {
            return false;
        }
        *of_user += 1;
        let before = std::mem::replace(&mut self.user, user.clone());
        open.leave(&before);
        let Open { all, sent_away, .. } = &mut *open;
        if let Some(entry) = all.get_mut(&self.number) {
            entry.user = user.clone();
            send_away_late_comer(sent_away, entry);
        }
        true
    }

    /// Notes which room the person has come into, or that it is none.
    pub(crate) fn is_in(&self, room: Option<&RoomId>) {
        if let Some(entry) = lock(&self.open).all.get_mut(&self.number) {
            entry.room = room.cloned();
        }
    }

    /// Waits until somebody sends the person away.
    pub(crate) fn sent_away(&self) -> impl Future<Output = ()> + Send + use<> {
        let sent_away = Arc::clone(&self.sent_away);
        async move { sent_away.notified().await }
    }
}

/// Sends somebody away who began to come before that was noted, and was not found here then.
fn send_away_late_comer(sent_away: &[Disconnect], entry: &Entry) {
    let is_meant = |whom: &Whom| match whom {
        Whom::User(user) | Whom::Scope(Scope::User(user)) => *user == entry.user,
        Whom::Scope(_) | Whom::Connection(_) => false,
    };
    let came_before = |at: Timestamp| entry.guest.since.is_some_and(|since| since < at);
    if sent_away.iter().any(|noted| came_before(noted.at) && is_meant(&noted.whom)) {
        entry.sent_away.notify_one();
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
        open.all.remove(&self.number);
        open.leave(&self.user);
    }
}

fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    use timers::DisconnectId;

    fn connections(most: usize, most_of_user: usize) -> Connections {
        Connections {
            node: "n".to_owned(),
            most,
            most_of_user,
            addresses: Addresses::unlimited(),
            open: Arc::default(),
        }
    }

    fn guest(since: u64) -> Guest {
        Guest { system: System::Clockit, address: IpAddr::from([127, 0, 0, 1]), since: Some(Timestamp(since)) }
    }

    fn user(name: &str) -> UserId {
        UserId::new(name).unwrap()
    }

    async fn is_sent_away(seat: &Seat) -> bool {
        tokio::select! {
            biased;
            () = seat.sent_away() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[test]
    fn seats_are_bounded_and_given_back() {
        let connections = connections(3, 2);
        let (ann, ben) = (user("ann"), user("ben"));
        let seats = [connections.enter(&ann, guest(1)).unwrap(), connections.enter(&ann, guest(1)).unwrap()];
        assert_eq!(connections.enter(&ann, guest(1)).err(), Some(Full::User));
        let _third = connections.enter(&ben, guest(1)).unwrap();
        assert_eq!(connections.enter(&ben, guest(1)).err(), Some(Full::Node));
        assert_eq!((connections.count(), connections.users()), (3, 2));
        drop(seats);
        assert_eq!((connections.count(), connections.users()), (1, 1));
        assert!(connections.enter(&ann, guest(1)).is_ok());
    }

    #[test]
    fn a_seat_is_passed_to_whom_a_guest_is_found_to_be() {
        let connections = connections(2, 1);
        let (stranger, ann) = (user("guest"), user("ann"));
        let mut one = connections.enter(&stranger, guest(1)).unwrap();
        let mut two = connections.enter(&ann, guest(1)).unwrap();
        assert!(!one.pass_to(&ann), "she has one");
        assert_eq!((one.user(), connections.users()), (&stranger, 2));
        assert!(two.pass_to(&ann), "it is hers");
        drop(two);
        assert!(one.pass_to(&ann));
        assert_eq!((one.user(), connections.count(), connections.users()), (&ann, 1, 1));
        drop(one);
        assert_eq!((connections.count(), connections.users()), (0, 0));
    }

    #[tokio::test]
    async fn who_is_sent_away_was_there_and_who_was_on_the_way_in_is_too() {
        let connections = connections(10, 10);
        let whom = Whom::User(user("ann"));
        let (at, now) = (Timestamp(10_000), Timestamp(12_000));
        let there = connections.enter(&user("ann"), guest(9000)).unwrap();
        let later = connections.enter(&user("ann"), guest(11_500)).unwrap();
        let beyond = connections.enter(&user("ann"), guest(50_000)).unwrap();
        let other = connections.enter(&user("ben"), guest(9000)).unwrap();
        assert_eq!(connections.send_away(&whom, at, now), 2, "the clock was put back since one of them came");
        assert!(is_sent_away(&there).await && is_sent_away(&beyond).await);
        assert!(!is_sent_away(&later).await && !is_sent_away(&other).await);
        let id = DisconnectId::new("d").unwrap();
        connections.note_sent_away(vec![Disconnect { id, whom, at }]);
        assert!(is_sent_away(&connections.enter(&user("ann"), guest(9999)).unwrap()).await);
        assert!(!is_sent_away(&connections.enter(&user("ann"), guest(10_000)).unwrap()).await, "she came again");
        let mut stranger = connections.enter(&user("guest"), guest(9999)).unwrap();
        assert!(!is_sent_away(&stranger).await);
        stranger.pass_to(&user("ann"));
        assert!(is_sent_away(&stranger).await, "it was found out who it is");
    }
}
