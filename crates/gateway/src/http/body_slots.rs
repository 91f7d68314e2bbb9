//! Limits the large requests that one user and one address may send at once.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use net::limits::{AddressLimiter, AddressLimits, AddressPermit, KeyedLimiter, KeyedPermit, NetLimit};
use net::proxy::ProxyOptions;
use timers::UserId;

/// Most bodies of one user that are read at once: a person with a few editors. At their largest they take half of the
/// memory for bodies.
const BODIES_OF_USER_MAX: usize = 4;

/// Most bodies of one address that are read at once: a team behind one address.
const BODIES_OF_ADDRESS_MAX: usize = 16;

/// Counts the bodies that are read.
pub(crate) struct BodySlots {
    users: KeyedLimiter<UserId>,
    addresses: AddressLimiter,
    bytes_read: AtomicU64,
}

/// The right to send one body; dropping it releases it.
pub(crate) struct BodySlot {
    _user: KeyedPermit<UserId>,
    _address: AddressPermit,
}

impl BodySlots {
    /// Creates the limiter, which exempts the same addresses as the limit of connections does.
    pub(crate) fn new(limits: AddressLimits, proxy: &ProxyOptions) -> Self {
        let limits = AddressLimits { connections_per_address: BODIES_OF_ADDRESS_MAX, ..limits };
        Self {
            users: KeyedLimiter::default(),
            addresses: AddressLimiter::new(limits, proxy),
            bytes_read: AtomicU64::new(0),
        }
    }

    /// Counts one more body.
    ///
    /// # Errors
    /// The limit that is reached.
    pub(crate) fn acquire(&self, user: &UserId, address: IpAddr) -> Result<BodySlot, NetLimit> {
        let user = self.users.acquire(user.clone(), BODIES_OF_USER_MAX).ok_or(NetLimit::BodiesOfUser)?;
        let address = self.addresses.acquire(address).ok_or(NetLimit::BodiesOfAddress)?;
        Ok(BodySlot { _user: user, _address: address })
    }

    /// Counts the bytes of a body that was read.
    pub(crate) fn count_bytes(&self, bytes: usize) {
        self.bytes_read.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Returns the number of bytes of all bodies that were read.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_bounded_for_each_user_and_each_address() {
        let limits = AddressLimits { connections_per_address: 1000, exempt: vec!["127.0.0.0/8".parse().unwrap()] };
        let proxy =
            ProxyOptions { networks: Vec::new(), header: net::proxy::ForwardedHeader::Forwarded, protocol: false };
        let slots = BodySlots::new(limits, &proxy);
        let acquire = |user: &str, address: &str| slots.acquire(&UserId::new(user).unwrap(), address.parse().unwrap());
        let held: Vec<_> =
            (0..BODIES_OF_USER_MAX).map(|_| acquire("eve", "127.0.0.1").unwrap_or_else(|_| panic!())).collect();
        assert_eq!(acquire("eve", "192.0.2.1").err(), Some(NetLimit::BodiesOfUser));
        assert!(acquire("ann", "127.0.0.1").is_ok());
        let users = (0..BODIES_OF_ADDRESS_MAX).map(|user| acquire(&user.to_string(), "192.0.2.1"));
        let others: Vec<_> = users.map(|slot| slot.unwrap_or_else(|_| panic!())).collect();
        assert_eq!(acquire("ann", "192.0.2.1").err(), Some(NetLimit::BodiesOfAddress));
        assert!(acquire("ann", "192.0.2.2").is_ok());
        drop((held, others));
        assert!(acquire("eve", "192.0.2.1").is_ok());
    }
}
