//! How many connections come from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;

use crate::config::{LimitSettings, ProxySettings};

/// Counts connections by address.
pub(crate) struct Addresses {
    most: usize,
    exempt: Vec<IpNet>,
    counts: Counts,
}

/// One connection in the count, if it is counted; dropping it is leaving.
pub(crate) struct Counted(Option<(Counts, Household)>);

type Counts = Arc<Mutex<HashMap<Household, usize>>>;

/// Who is taken for one: an IPv4 address, or the network of 64 bits that an IPv6 client chooses its addresses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Household(u64, bool);

impl Household {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(u32::from(address).into(), false),
            IpAddr::V6(address) => Self((u128::from(address) >> 64) as u64, true),
        }
    }
}

impl Addresses {
    /// Proxies speak for many, and are not counted.
    pub(crate) fn new(limits: &LimitSettings, proxy: &ProxySettings) -> Self {
        let exempt = limits.addresses_exempt.iter().chain(&proxy.networks).copied().collect();
        Self { most: limits.connections_per_address, exempt, counts: Arc::default() }
    }

    /// Ones that hold nobody back.
    #[cfg(test)]
    pub(crate) fn unlimited() -> Self {
        Self { most: usize::MAX, exempt: Vec::new(), counts: Arc::default() }
    }

    /// Counts one connection more; `None` if there are as many as there may be.
    pub(crate) fn enter(&self, address: IpAddr) -> Option<Counted> {
        let address = address.to_canonical();
        if is_in(&self.exempt, address) {
            return Some(Counted(None));
        }
        let household = Household::of(address);
        let mut counts = lock(&self.counts);
        let count = counts.entry(household).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Counted(Some((Arc::clone(&self.counts), household))))
    }
}

/// Tells whether an address is in one of the networks.
pub(crate) fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Some((counts, household)) = self.0.take() else { return };
        let mut counts = lock(&counts);
        if let Some(count) = counts.get_mut(&household) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&household);
            }
        }
    }
}

fn lock(counts: &Mutex<HashMap<Household, usize>>) -> MutexGuard<'_, HashMap<Household, usize>> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_an_address_are_bounded_and_given_back() {
        let exempt = vec!["127.0.0.0/8".parse().unwrap()];
        let addresses = Addresses { most: 2, exempt, counts: Arc::default() };
        let enter = |address: &str| addresses.enter(address.parse().unwrap());
        let held = [enter("192.0.2.1").unwrap(), enter("::ffff:192.0.2.1").unwrap()];
        assert!(enter("192.0.2.1").is_none());
        let _other = enter("192.0.2.2").unwrap();
        let _same = [enter("2001:db8::1").unwrap(), enter("2001:db8::2").unwrap()];
        assert!(enter("2001:db8::ffff:3").is_none(), "they are of one network");
        let _next = enter("2001:db8:0:1::1").unwrap();
        for _ in 0..3 {
            std::mem::forget(enter("127.0.0.1").unwrap());
        }
        drop(held);
        assert!(enter("192.0.2.1").is_some());
        assert_eq!(lock(&addresses.counts).len(), 3, "who is gone takes no room");
    }
}
