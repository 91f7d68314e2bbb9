//! What is stored about another node's lease.

use timers::node::Lease;
use timers::{NodeId, RequiredRows, Scope, Timestamp};

use crate::engine::Engine;
use crate::hub::JoinError;

/// The state of a node's lease. Its instants are cluster time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseState {
    /// The node lives.
    Held,
    /// The lease has ended, and no node has decided yet whether its node is dead: after an outage of the store a node that
    /// lives renews it. The decision comes within some seconds while the store is available.
    Ended {
        /// The last renewal of the lease.
        alive_until: Timestamp,
    },
    /// The node is dead. Its members are removed, or are about to be.
    Lost {
        /// The last renewal of the lease.
        alive_until: Timestamp,
    },
    /// There is no lease: the node never had members, or is dead and its members are removed.
    Absent,
}

impl Engine {
    /// Returns the state of a node's lease. One round trip; none for this node's own lease.
    ///
    /// Whether a node is dead is decided in one place, the end of its lease, so this changes nothing.
    ///
    /// # Errors
    /// [`JoinError`]; a retry is safe.
    pub async fn lease_state(&self, node: &NodeId) -> Result<LeaseState, JoinError> {
        if self.presence.current_name().as_ref() == Some(node) {
            return Ok(LeaseState::Held);
        }
        let board = self.hub.load(&Scope::node(node), &RequiredRows::default()).await?.board;
        let Some(lease) = board.get::<Lease>(&()) else { return Ok(LeaseState::Absent) };
        let alive_until = lease.alive_until();
        // Before its first beat a node does not know the time, and cannot tell that a lease still holds.
        let has_ended = self.clock.now().is_none_or(|now| lease.until <= now);
        Ok(match (lease.lost, has_ended) {
            (true, _) => LeaseState::Lost { alive_until },
            (false, true) => LeaseState::Ended { alive_until },
            (false, false) => LeaseState::Held,
        })
    }
}
