//! Limits how often something happens, by user or by address.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use parking_lot::Mutex;

use crate::limits::addresses::AddressGroup;
use crate::limits::token_bucket::TokenBucket;
use crate::proxy::{ProxyOptions, contains};

/// Fewer keys than this are not worth a search for those that can be forgotten.
const KEYS_MIN: usize = 1024;

/// Limits how often something happens for each key: so many times a minute, all of them at once if none was before.
pub struct RateLimiter<K> {
    per_minute: usize,
    buckets: Mutex<Buckets<K>>,
}

struct Buckets<K> {
    by_key: HashMap<K, TokenBucket>,
    /// The number of keys at which those with a full bucket are forgotten. A key takes memory for a minute at most, and
    /// then until this number is reached.
    sweep_at: usize,
}

impl<K: Eq + Hash> RateLimiter<K> {
    /// Creates a limiter.
    pub fn per_minute(count: usize) -> Self {
        Self { per_minute: count, buckets: Mutex::new(Buckets { by_key: HashMap::new(), sweep_at: KEYS_MIN }) }
    }

    /// Counts one event of a key.
    ///
    /// # Errors
    /// The time after which the key may try again; the event is not counted.
    pub fn take(&self, key: K) -> Result<(), Duration> {
        self.take_at(key, Instant::now())
    }

    fn take_at(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock();
        if buckets.by_key.len() >= buckets.sweep_at {
            buckets.by_key.retain(|_, bucket| !bucket.is_full_at(now));
            buckets.sweep_at = KEYS_MIN.max(2 * buckets.by_key.len());
        }
        let bucket = buckets.by_key.entry(key).or_insert_with(|| TokenBucket::per_minute(self.per_minute));
        if bucket.take_at(1, now) { Ok(()) } else { Err(bucket.until_next()) }
    }
}

/// Limits how often something happens for each address. IPv6 addresses count by their network of 64 bits.
pub struct AddressRateLimiter {
    exempt: Vec<IpNet>,
    limiter: RateLimiter<AddressGroup>,
}

impl AddressRateLimiter {
    /// Creates a limiter that exempts some networks, and proxies too, because they connect on behalf of many clients.
    pub fn per_minute(count: usize, mut exempt: Vec<IpNet>, proxy: &ProxyOptions) -> Self {
        exempt.extend(&proxy.networks);
        Self { exempt, limiter: RateLimiter::per_minute(count) }
    }

    /// Counts one event of an address.
    ///
    /// # Errors
    /// The time after which the address may try again; the event is not counted.
    pub fn take(&self, address: IpAddr) -> Result<(), Duration> {
        let address = address.to_canonical();
        if contains(&self.exempt, address) { Ok(()) } else { self.limiter.take(AddressGroup::of(address)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::ForwardedHeader;

    #[test]
    fn each_key_has_its_own_rate_and_is_told_when_to_return() {
        let (limiter, start) = (RateLimiter::per_minute(6), Instant::now());
        let take = |key, seconds: f64| limiter.take_at(key, start + Duration::from_secs_f64(seconds));
        for _ in 0..6 {
            take("ann", 1.0).unwrap();
        }
        let wait = take("ann", 1.0).unwrap_err();
        assert!((9.9..=10.0).contains(&wait.as_secs_f64()), "{wait:?}");
        let wait = take("ann", 5.0).unwrap_err();
        assert!((5.9..=6.0).contains(&wait.as_secs_f64()), "{wait:?}");
        take("ben", 5.0).unwrap();
        take("ann", 11.1).unwrap();
        take("ann", 11.1).unwrap_err();
    }

    #[test]
    fn keys_that_were_quiet_for_a_minute_take_no_memory() {
        let (limiter, start) = (RateLimiter::per_minute(2), Instant::now());
        for nth in 0..100_000_u64 {
            limiter.take_at(nth, start + Duration::from_millis(nth)).unwrap();
        }
        let kept = limiter.buckets.lock().by_key.len();
        assert!(kept <= 2 * 30_001, "{kept} keys, and only those of the last half minute lack a token");
        assert!(limiter.take_at(99_999, start + Duration::from_secs(100)).is_ok(), "one is left of two");
        assert!(limiter.take_at(99_999, start + Duration::from_secs(100)).is_err());
    }

    #[test]
    fn proxies_and_exempt_networks_are_not_limited() {
        let network = |text: &str| text.parse::<IpNet>().unwrap();
        let proxy = ProxyOptions {
            networks: vec![network("10.0.0.0/8")],
            header: ForwardedHeader::XForwardedFor,
            protocol: false,
        };
        let limiter = AddressRateLimiter::per_minute(1, vec![network("127.0.0.0/8")], &proxy);
        let take = |address: &str| limiter.take(address.parse().unwrap());
        for _ in 0..3 {
            take("10.1.1.1").unwrap();
            take("127.0.0.1").unwrap();
            take("::ffff:127.0.0.1").unwrap();
        }
        take("203.0.113.1").unwrap();
        take("203.0.113.1").unwrap_err();
        take("2001:db8::1").unwrap();
        take("2001:db8::2").unwrap_err();
    }
}
