//! The open connections of this node: their limits, and how disconnect orders reach them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use access::Identity;
use net::limits::{AddressLimiter, AddressPermit};
use parking_lot::Mutex;
use timers::disconnect::{Disconnect, DisconnectTarget};
use timers::{Millis, OrganizationId, Scope, ScopeKind, Timestamp, UserId};

use crate::ops::config::LimitSettings;
use crate::session::connection_signals::{ConnectionSignal, ConnectionSignals};

/// How far the time of a connection may be from the store's. A client that connected that little later than the order is
/// disconnected as well, and can connect again.
const CLOCK_TOLERANCE: Millis = Millis(1000);

/// The connections of this node.
pub(crate) struct Connections {
    /// The node's name, with which the ids of its connections begin.
    node: String,
    connections_max: usize,
    connections_of_user_max: usize,
    addresses: AddressLimiter,
    table: Arc<Mutex<ConnectionTable>>,
}

#[derive(Default)]
struct ConnectionTable {
    last_number: u64,
    /// Boxed, because a table has room for more than twice as many entries just after it has grown.
    by_number: HashMap<u64, Box<ConnectionEntry>>,
    by_user: HashMap<UserId, usize>,
    /// The orders of the last minutes, for clients that were connecting when an order was given.
    recent_orders: Vec<Disconnect>,
}

struct ConnectionEntry {
    info: ConnectionInfo,
    user: UserId,
    organization: Option<OrganizationId>,
    /// The scopes that the client has joined, besides its user's.
    joined: Vec<Scope>,
    signals: Arc<ConnectionSignals>,
}

/// What is known of a client when it connects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionInfo {
    /// The system, or the dialect of the Socket.IO namespace.
    pub(crate) transport: &'static str,
    pub(crate) address: IpAddr,
    /// The cluster's time; `None` if the node did not know it yet.
    pub(crate) since: Option<Timestamp>,
}

/// The limit that a connection would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitReached {
    /// The connections of the node.
    Node,
    /// The connections of the user.
    User,
    /// The connections of the address.
    Address,
}

/// One open connection; dropping it removes the connection.
pub(crate) struct ConnectionGuard {
    number: u64,
    user: UserId,
    connections_of_user_max: usize,
    signals: Arc<ConnectionSignals>,
    table: Arc<Mutex<ConnectionTable>>,
    _permit: AddressPermit,
}

/// The connections that the admin API lists: all that have each given property.
pub(crate) struct ConnectionFilter {
    pub(crate) user: Option<UserId>,
    pub(crate) organization: Option<OrganizationId>,
}

/// One connection in the list of the admin API.
pub(crate) struct ListedConnection {
    pub(crate) id: String,
    pub(crate) user: UserId,
    pub(crate) organization: Option<OrganizationId>,
    pub(crate) joined: Vec<Scope>,
    pub(crate) info: ConnectionInfo,
}

impl Connections {
    pub(crate) fn new(node: &str, limits: &LimitSettings, addresses: AddressLimiter) -> Self {
        Self {
            node: node.to_owned(),
            connections_max: limits.connections,
            connections_of_user_max: limits.connections_per_user,
            addresses,
            table: Arc::default(),
        }
    }

    /// Adds a connection of a user.
    pub(crate) fn enter(&self, identity: &Identity, info: ConnectionInfo) -> Result<ConnectionGuard, LimitReached> {
        let Identity { user, organization, .. } = identity;
        let mut table = self.table.lock();
        if table.by_number.len() >= self.connections_max {
            return Err(LimitReached::Node);
        }
        if table.by_user.get(user).is_some_and(|count| *count >= self.connections_of_user_max) {
            return Err(LimitReached::User);
        }
        let permit = self.addresses.acquire(info.address).ok_or(LimitReached::Address)?;
        *table.by_user.entry(user.clone()).or_default() += 1;
        table.last_number += 1;
        let (number, signals) = (table.last_number, Arc::<ConnectionSignals>::default());
        let entry = ConnectionEntry {
            info,
            user: user.clone(),
            organization: organization.clone(),
            joined: Vec::new(),
            signals: Arc::clone(&signals),
        };
        apply_recent_orders(&table.recent_orders, &entry);
        table.by_number.insert(number, Box::new(entry));
        Ok(ConnectionGuard {
            number,
            user: user.clone(),
            connections_of_user_max: self.connections_of_user_max,
            signals,
            table: Arc::clone(&self.table),
            _permit: permit,
        })
    }

    /// Tells whether a connection from an address would be admitted, as far as that follows before authentication.
    pub(crate) fn check_capacity(&self, address: IpAddr) -> Result<(), LimitReached> {
        if self.count() >= self.connections_max {
            return Err(LimitReached::Node);
        }
        self.addresses.acquire(address).map(drop).ok_or(LimitReached::Address)
    }

    /// Returns the number of open connections.
    pub(crate) fn count(&self) -> usize {
        self.table.lock().by_number.len()
    }

    /// Returns the number of connections that were opened so far.
    pub(crate) fn opened(&self) -> u64 {
        self.table.lock().last_number
    }

    /// Returns the number of connected users.
    pub(crate) fn users(&self) -> usize {
        self.table.lock().by_user.len()
    }

    /// Returns the number of the connections that the filter selects, and at most `limit` of them, the oldest first.
    pub(crate) fn list(&self, filter: &ConnectionFilter, limit: usize) -> (usize, Vec<ListedConnection>) {
        let table = self.table.lock();
        let entries = table.by_number.iter().map(|(number, entry)| (number, &**entry));
        let mut found: Vec<(&u64, &ConnectionEntry)> = entries.filter(|(_, entry)| filter.selects(entry)).collect();
        found.sort_unstable_by_key(|(number, _)| **number);
        let listed = |(number, entry): (&u64, &ConnectionEntry)| ListedConnection {
            id: self.id(*number),
            user: entry.user.clone(),
            organization: entry.organization.clone(),
            joined: entry.joined.clone(),
            info: entry.info,
        };
        (found.len(), found.into_iter().take(limit).map(listed).collect())
    }

    /// Replaces the orders that apply to clients that are connecting.
    pub(crate) fn set_recent_orders(&self, orders: Vec<Disconnect>) {
        self.table.lock().recent_orders = orders;
    }

    /// Disconnects the clients of an order that were connected at its time; returns their number.
    pub(crate) fn disconnect(&self, order: &Disconnect, now: Timestamp) -> usize {
        let table = self.table.lock();
        // A connection from the future was open when the store's clock went back.
        let was_open = |entry: &ConnectionEntry| {
            entry.info.since.is_none_or(|since| since <= order.at + CLOCK_TOLERANCE || since > now)
        };
        let open = table.by_number.iter().filter(|(_, entry)| was_open(entry));
        let targets = open.filter(|(number, entry)| entry.is_target(&order.target, || self.id(**number)));
        targets.map(|(_, entry)| entry.signals.send(ConnectionSignal::Disconnect)).count()
    }

    /// Sends a signal to all connections.
    pub(crate) fn send_all(&self, signal: ConnectionSignal) {
        self.table.lock().by_number.values().for_each(|entry| entry.signals.send(signal));
    }

    fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.node)
    }
}

impl ConnectionFilter {
    fn selects(&self, entry: &ConnectionEntry) -> bool {
        let of_user = self.user.as_ref().is_none_or(|user| entry.user == *user);
        of_user && (self.organization.is_none() || entry.organization == self.organization)
    }
}

impl ConnectionEntry {
    fn is_target(&self, target: &DisconnectTarget, id: impl FnOnce() -> String) -> bool {
        match target {
            DisconnectTarget::User(user) => self.user == *user,
            DisconnectTarget::Scope(scope) => self.is_own_scope(scope) || self.joined.contains(scope),
            DisconnectTarget::Connection(connection) => *connection == id(),
            DisconnectTarget::Unknown(_) => false,
        }
    }

    /// Tells whether a scope is that of the user or of the organisation, joined or not.
    fn is_own_scope(&self, scope: &Scope) -> bool {
        match scope.kind() {
            ScopeKind::User | ScopeKind::WorkDay | ScopeKind::Focus => scope.id() == self.user.as_str(),
            ScopeKind::Organization => {
                self.organization.as_ref().is_some_and(|organization| scope.id() == organization.as_str())
            }
            ScopeKind::Room | ScopeKind::Node | ScopeKind::Cluster | ScopeKind::Unknown(_) => false,
        }
    }
}

impl ConnectionGuard {
    /// Returns the user of the connection.
    pub(crate) fn user(&self) -> &UserId {
        &self.user
    }

    /// Assigns the connection to the user that the client has authenticated as; `false` if that user has as many
    /// connections as the limit.
    pub(crate) fn reassign(&mut self, identity: &Identity) -> bool {
        let Identity { user, organization, .. } = identity;
        let mut table = self.table.lock();
        let of_user = table.by_user.entry(user.clone()).or_default();
        if *user != self.user && *of_user >= self.connections_of_user_max {
            return false;
        }
        *of_user += 1;
        let before = std::mem::replace(&mut self.user, user.clone());
        table.release(&before);
        let ConnectionTable { by_number, recent_orders, .. } = &mut *table;
        if let Some(entry) = by_number.get_mut(&self.number) {
            entry.user = user.clone();
            entry.organization.clone_from(organization);
            apply_recent_orders(recent_orders, entry);
        }
        true
    }

    /// Records the scopes that the client has joined, besides its user's.
    pub(crate) fn set_joined(&self, joined: Vec<Scope>) {
        if let Some(entry) = self.table.lock().by_number.get_mut(&self.number) {
            entry.joined = joined;
        }
    }

    /// Returns the signals of the connection, for the one task that receives them.
    pub(crate) fn signals(&self) -> &Arc<ConnectionSignals> {
        &self.signals
    }

    /// Waits until a disconnect order applies to the connection, for a task that receives no other signals.
    pub(crate) fn disconnect_order(&self) -> impl Future<Output = ()> + Send + use<> {
        let signals = Arc::clone(&self.signals);
        async move { while signals.receive().await != ConnectionSignal::Disconnect {} }
    }
}

/// Disconnects a client that began to connect before an order was given, and was not in the table then.
fn apply_recent_orders(orders: &[Disconnect], entry: &ConnectionEntry) {
    let is_target = |target: &DisconnectTarget| match target {
        DisconnectTarget::User(user) => *user == entry.user,
        DisconnectTarget::Scope(scope) => entry.is_own_scope(scope),
        DisconnectTarget::Connection(_) | DisconnectTarget::Unknown(_) => false,
    };
    let began_before = |at: Timestamp| entry.info.since.is_some_and(|since| since < at);
    if orders.iter().any(|order| began_before(order.at) && is_target(&order.target)) {
        entry.signals.send(ConnectionSignal::Disconnect);
    }
}

impl ConnectionTable {
    fn release(&mut self, user: &UserId) {
        if let Some(of_user) = self.by_user.get_mut(user) {
            *of_user -= 1;
            if *of_user == 0 {
                self.by_user.remove(user);
            }
        }
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        let mut table = self.table.lock();
        table.by_number.remove(&self.number);
        table.release(&self.user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use access::Identity;
    use net::limits::AddressLimits;
    use net::proxy::{ForwardedHeader, ProxyOptions};
    use timers::DisconnectId;

    fn unlimited() -> AddressLimiter {
        let limits = AddressLimits { connections_per_address: usize::MAX, exempt: Vec::new() };
        let header = ForwardedHeader::XForwardedFor;
        AddressLimiter::new(limits, &ProxyOptions { networks: Vec::new(), header, protocol: false })
    }

    fn connections(connections_max: usize, connections_of_user_max: usize) -> Connections {
        Connections {
            node: "n".to_owned(),
            connections_max,
            connections_of_user_max,
            addresses: unlimited(),
            table: Arc::default(),
        }
    }

    fn since(since: u64) -> ConnectionInfo {
        ConnectionInfo { transport: "clockit", address: IpAddr::from([127, 0, 0, 1]), since: Some(Timestamp(since)) }
    }

    fn user(name: &str) -> Identity {
        Identity { user: UserId::new(name).unwrap(), ..Identity::guest() }
    }

    fn member(name: &str, organization: &str) -> Identity {
        Identity { organization: OrganizationId::new(organization).ok(), ..user(name) }
    }

    async fn is_disconnected(guard: &ConnectionGuard) -> bool {
        tokio::select! {
            biased;
            () = guard.disconnect_order() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[test]
    fn connections_are_limited_and_released() {
        let connections = connections(3, 2);
        let (ann, ben) = (user("ann"), user("ben"));
        let of_ann = [connections.enter(&ann, since(1)).unwrap(), connections.enter(&ann, since(1)).unwrap()];
        assert_eq!(connections.enter(&ann, since(1)).err(), Some(LimitReached::User));
        let _third = connections.enter(&ben, since(1)).unwrap();
        assert_eq!(connections.enter(&ben, since(1)).err(), Some(LimitReached::Node));
        assert_eq!((connections.count(), connections.users()), (3, 2));
        drop(of_ann);
        assert_eq!((connections.count(), connections.users()), (1, 1));
        assert!(connections.enter(&ann, since(1)).is_ok());
    }

    #[test]
    fn a_connection_is_reassigned_to_the_user_that_a_guest_authenticates_as() {
        let connections = connections(2, 1);
        let (stranger, ann) = (user("guest"), user("ann"));
        let mut one = connections.enter(&stranger, since(1)).unwrap();
        let mut two = connections.enter(&ann, since(1)).unwrap();
        assert!(!one.reassign(&ann), "she has one");
        assert_eq!((one.user(), connections.users()), (&stranger.user, 2));
        assert!(two.reassign(&ann), "it is hers");
        drop(two);
        assert!(one.reassign(&ann));
        assert_eq!((one.user(), connections.count(), connections.users()), (&ann.user, 1, 1));
        drop(one);
        assert_eq!((connections.count(), connections.users()), (0, 0));
    }

    #[tokio::test]
    async fn an_order_disconnects_clients_that_were_connected_or_connecting() {
        let connections = connections(10, 10);
        let target = DisconnectTarget::User(user("ann").user);
        let (at, now) = (Timestamp(10_000), Timestamp(12_000));
        let there = connections.enter(&user("ann"), since(9000)).unwrap();
        let later = connections.enter(&user("ann"), since(11_500)).unwrap();
        let beyond = connections.enter(&user("ann"), since(50_000)).unwrap();
        let other = connections.enter(&user("ben"), since(9000)).unwrap();
        let order = Disconnect { id: DisconnectId::new("d").unwrap(), target, at };
        assert_eq!(connections.disconnect(&order, now), 2, "the clock was put back since one of them came");
        assert!(is_disconnected(&there).await && is_disconnected(&beyond).await);
        assert!(!is_disconnected(&later).await && !is_disconnected(&other).await);
        connections.set_recent_orders(vec![order]);
        assert!(is_disconnected(&connections.enter(&user("ann"), since(9999)).unwrap()).await);
        assert!(
            !is_disconnected(&connections.enter(&user("ann"), since(10_000)).unwrap()).await,
            "she connected again"
        );
        let mut stranger = connections.enter(&user("guest"), since(9999)).unwrap();
        assert!(!is_disconnected(&stranger).await);
        stranger.reassign(&user("ann"));
        assert!(is_disconnected(&stranger).await, "it has authenticated");
    }

    #[tokio::test]
    async fn an_order_disconnects_the_organization_of_a_client_whatever_it_has_joined() {
        let connections = connections(10, 10);
        let seven = OrganizationId::new("7").unwrap();
        let (at, now) = (Timestamp(10_000), Timestamp(12_000));
        let of_seven = connections.enter(&member("ann", "7"), since(9000)).unwrap();
        let mut becomes = connections.enter(&user("guest"), since(9000)).unwrap();
        assert!(becomes.reassign(&member("ben", "7")));
        let mut leaves = connections.enter(&member("cem", "7"), since(9000)).unwrap();
        assert!(leaves.reassign(&member("cem", "8")));
        let others = [("dora", "77"), ("7", "8")].map(|(name, of)| connections.enter(&member(name, of), since(9000)));
        let none = connections.enter(&user("7"), since(9000)).unwrap();
        let order = |target| Disconnect { id: DisconnectId::new("d").unwrap(), target, at };
        let order = order(DisconnectTarget::Scope(Scope::organization(&seven)));
        assert_eq!(connections.disconnect(&order, now), 2);
        assert!(is_disconnected(&of_seven).await && is_disconnected(&becomes).await);
        assert!(!is_disconnected(&leaves).await && !is_disconnected(&none).await);
        for other in others {
            assert!(!is_disconnected(&other.unwrap()).await);
        }
        connections.set_recent_orders(vec![order]);
        assert!(is_disconnected(&connections.enter(&member("ann", "7"), since(9999)).unwrap()).await);
        assert!(!is_disconnected(&connections.enter(&member("ann", "8"), since(9999)).unwrap()).await);
    }

    #[test]
    fn connections_are_listed_by_user_and_organization() {
        let connections = connections(10, 10);
        let of = |name: &str, organization: &str| connections.enter(&member(name, organization), since(1)).unwrap();
        let _guards =
            [of("ann", "7"), of("ann", "8"), of("ben", "7"), connections.enter(&user("ann"), since(1)).unwrap()];
        let count = |user: Option<&str>, organization: Option<&str>| {
            let user = user.map(|name| UserId::new(name).unwrap());
            let organization = organization.map(|id| OrganizationId::new(id).unwrap());
            connections.list(&ConnectionFilter { user, organization }, 10).0
        };
        assert_eq!((count(None, None), count(Some("ann"), None), count(None, Some("7"))), (4, 3, 2));
        assert_eq!((count(Some("ann"), Some("7")), count(Some("ben"), Some("8")), count(None, Some("9"))), (1, 0, 0));
    }
}
