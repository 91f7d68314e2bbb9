//! What is stored about another node's lease.

use std::collections::BTreeMap;
use std::time::Duration;

use timers::node::Lease;
use timers::{NodeId, RequiredRows, Scope, Timestamp};
use tokio::sync::Mutex;

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

/// How long a state is taken as it was read. After the end of a node thousands of clients return, and each of them asks
/// for its lease, on a board that names all scopes of the node.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// The states that were read lately, with the instants at which they were. Requests for one wait for each other.
#[derive(Default)]
pub(crate) struct LeaseStates(Mutex<BTreeMap<NodeId, (Duration, LeaseState)>>);

impl Engine {
    /// Returns the state of a node's lease, as it was within the last second. At most one round trip; none for this node's
    /// own lease.
    ///
    /// Whether a node is dead is decided in one place, the end of its lease, so this changes nothing.
    ///
    /// # Errors
    /// [`JoinError`]; a retry is safe.
    pub async fn lease_state(&self, node: &NodeId) -> Result<LeaseState, JoinError> {
        if self.presence.current_name().as_ref() == Some(node) {
            return Ok(LeaseState::Held);
        }
        let mut states = self.lease_states.0.lock().await;
        let now = self.clock.elapsed();
        states.retain(|_, (read_at, _)| now.saturating_sub(*read_at) < FRESH_FOR);
        if let Some((_, state)) = states.get(node) {
            return Ok(*state);
        }
        let state = self.read_lease_state(node).await?;
        states.insert(node.clone(), (self.clock.elapsed(), state));
        Ok(state)
    }

    async fn read_lease_state(&self, node: &NodeId) -> Result<LeaseState, JoinError> {
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
