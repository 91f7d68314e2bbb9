//! Limits how often users and addresses import rows.

use std::net::IpAddr;

use axum::response::Response;
use net::http_error::too_many_requests;
use net::limits::{AddressRateLimiter, RateLimiter};
use net::proxy::ProxyOptions;
use timers::UserId;

use crate::ops::config::LimitSettings;
use crate::ops::metrics::{Metrics, Refusal};

/// Limits the imports of each user and of each address, on this node.
pub(crate) struct ImportLimiter {
    users: RateLimiter<UserId>,
    users_per_minute: usize,
    addresses: AddressRateLimiter,
    addresses_per_minute: usize,
}

impl ImportLimiter {
    pub(crate) fn new(limits: &LimitSettings, proxy: &ProxyOptions) -> Self {
        let (of_user, of_address) = (limits.imports_per_user, limits.imports_per_address);
        Self {
            users: RateLimiter::per_minute(of_user),
            users_per_minute: of_user,
            addresses: AddressRateLimiter::per_minute(of_address, limits.addresses_exempt.clone(), proxy),
            addresses_per_minute: of_address,
        }
    }

    /// Counts one import, before its body is read. Returns the answer 429 if it is one too many.
    pub(crate) fn refuse(&self, user: &UserId, address: IpAddr, metrics: &Metrics) -> Option<Response> {
        // The address first, so that one client with many users does not fill the memory of the other limiter.
        let exceeded = match self.addresses.take(address) {
            Err(wait) => Some((Refusal::ImportsOfAddress, "address", self.addresses_per_minute, wait)),
            Ok(()) => {
                let of_user = |wait| (Refusal::ImportsOfUser, "user", self.users_per_minute, wait);
                self.users.take(user.clone()).err().map(of_user)
            }
        };
        let (refusal, whose, count, wait) = exceeded?;
        metrics.refused(refusal);
        Some(too_many_requests(&format!("at most {count} imports of one {whose} in a minute"), wait))
    }
}
