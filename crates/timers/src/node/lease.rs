//! A node's lease.

use serde::{Deserialize, Serialize};

use crate::system::ItemType;
use crate::systems::Limits;
use crate::time::{Millis, Timestamp};

/// How long a lease lasts. Three renewals fit into it, and the members of a dead node leave well within 15 s.
pub const LEASE_DURATION: Millis = Millis(8000);

/// Delay before the removal of a dead node's members is tried again, in case the node that removes them dies as well.
pub(super) const REMOVAL_RETRY: Millis = Millis(5000);

/// A node's lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// When the lease ends; for a lost lease, when the removal of its members is tried again.
    pub until: Timestamp,
    /// The lease has ended and another node has noticed: the node's members are removed, or are about to be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// When a lost lease was last renewed. Versions that do not know this field leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    renewed_at: Option<Timestamp>,
}

/// Why the rules refuse a command about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeRefusal {
    /// The cluster considers the node dead and removes its members. The node continues under another name.
    #[error("the node's lease is lost")]
    LeaseLost,
}

impl Lease {
    /// Makes a lease that is renewed now.
    pub(super) fn renewed(now: Timestamp) -> Self {
        Self { until: now + LEASE_DURATION, lost: false, renewed_at: None }
    }

    /// Returns the lease as lost; the removal of its members is tried again after a while.
    pub(super) fn into_lost(self, now: Timestamp) -> Self {
        Self { until: now + REMOVAL_RETRY, lost: true, renewed_at: Some(self.alive_until()) }
    }

    /// Returns the last instant at which the node is known to have lived: the last renewal of the lease.
    ///
    /// If a version that does not store this instant marked the lease as lost, it is when that was last done: some seconds
    /// too late.
    pub fn alive_until(&self) -> Timestamp {
        let unknown = if self.lost { REMOVAL_RETRY } else { LEASE_DURATION };
        self.renewed_at.unwrap_or(self.until - unknown)
    }
}

impl ItemType for Lease {
    const KIND: &'static str = "lease";
    type Id = ();

    fn id(&self) -> &() {
        &()
    }

    fn deadline(&self, _: &Limits) -> Option<Timestamp> {
        Some(self.until)
    }

    fn move_back(&mut self, by: Millis) {
        self.until = self.until - by;
        self.renewed_at = self.renewed_at.map(|at| at - by);
    }
}
