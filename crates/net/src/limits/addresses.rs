//! Limits the connections of one address.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::limits::{KeyedLimiter, KeyedPermit};
use crate::proxy::{ProxyOptions, contains};

/// How many connections an address may have.
#[derive(Clone, Debug)]
pub struct AddressLimits {
    /// Most connections of one IPv4 address or of one IPv6 network of 64 bits.
    pub connections_per_address: usize,
    /// Networks that the limit does not apply to.
    pub exempt: Vec<IpNet>,
}

/// Counts connections by address.
pub struct AddressLimiter {
    limits: AddressLimits,
    connections: KeyedLimiter<AddressGroup>,
}

/// The right to one connection; dropping it releases it. Connections of exempt addresses are not counted.
pub struct AddressPermit {
    _permit: Option<KeyedPermit<AddressGroup>>,
}

/// The addresses that count as one client: an IPv4 address, or the network of 64 bits that an IPv6 client chooses its
/// addresses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum AddressGroup {
    V4(u32),
    V6(u64),
}

impl AddressGroup {
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.into()),
            IpAddr::V6(address) => Self::V6((u128::from(address) >> 64) as u64),
        }
    }
}

impl AddressLimiter {
    /// Creates a limiter that exempts proxies too, because they connect on behalf of many clients.
    pub fn new(mut limits: AddressLimits, proxy: &ProxyOptions) -> Self {
        limits.exempt.extend(&proxy.networks);
        Self { limits, connections: KeyedLimiter::default() }
    }

    /// Counts one more connection; `None` if the address has as many as it may.
    pub fn acquire(&self, address: IpAddr) -> Option<AddressPermit> {
        let address = address.to_canonical();
        if contains(&self.limits.exempt, address) {
            return Some(AddressPermit { _permit: None });
        }
        let permit = self.connections.acquire(AddressGroup::of(address), self.limits.connections_per_address)?;
        Some(AddressPermit { _permit: Some(permit) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_an_address_are_bounded_and_released() {
        let limits = AddressLimits { connections_per_address: 2, exempt: vec!["127.0.0.0/8".parse().unwrap()] };
        let limiter = AddressLimiter { limits, connections: KeyedLimiter::default() };
        let acquire = |address: &str| limiter.acquire(address.parse().unwrap());
        let held = [acquire("192.0.2.1").unwrap(), acquire("::ffff:192.0.2.1").unwrap()];
        assert!(acquire("192.0.2.1").is_none());
        let _other = acquire("192.0.2.2").unwrap();
        let _same = [acquire("2001:db8::1").unwrap(), acquire("2001:db8::2").unwrap()];
        assert!(acquire("2001:db8::ffff:3").is_none(), "all three are in one network");
        let _next = acquire("2001:db8:0:1::1").unwrap();
        for _ in 0..3 {
            std::mem::forget(acquire("127.0.0.1").unwrap());
        }
        drop(held);
        assert!(acquire("192.0.2.1").is_some());
        assert_eq!(limiter.connections.len(), 3, "an address without connections takes no memory");
    }
}
