//! Reading and changing a person's sessions.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use engine::{ExecuteError, JoinError, LeaseState, Outcome, Request};
use timers::focus::{EndedSession, FocusCommand, FocusId, FocusSession, RETURN_WITHIN};
use timers::{Board, Command, Millis, NodeId, RequiredRows, Scope, StoredRows, Timestamp};
use tokio::time::{Instant, sleep};
use wire::{Code, Fault};

use crate::node::{Node, Panicked};
use crate::session::fault::fault;

/// How long the decision is awaited whether a node is dead whose lease has ended. It comes within twelve seconds after an
/// outage of the store or the start of a node, when all nodes that live renew their leases.
const DECISION_WITHIN: Duration = Duration::from_secs(20);

/// Pause before a lease is looked at again.
const LEASE_PAUSE: Duration = Duration::from_millis(200);

/// Most commits that remove a dead node's sockets from one board.
const REMOVALS_MAX: usize = 10;

/// A session.
pub(super) enum FoundSession {
    Open(FocusSession),
    Ended(EndedSession),
}

/// A person's sessions, as a request or a socket sees them.
#[derive(Clone)]
pub(super) struct Sessions {
    pub(super) node: Arc<Node>,
    pub(super) scope: Scope,
}

impl Sessions {
    /// Reads the board and rows of the history. Waits for an unavailable store as long as a command lives.
    pub(super) async fn load(&self, required: &RequiredRows) -> Result<(Board, StoredRows), Fault> {
        let read = self.node.read(&self.scope, required).await;
        read.map(|(board, rows, _)| (board, rows)).map_err(|error| unavailable(&error))
    }

    /// Finds a session, with counters that no dead node's sockets add to.
    pub(super) async fn find(&self, id: FocusId) -> Result<Option<FoundSession>, Fault> {
        let required = RequiredRows { existing: Vec::new(), bodies: vec![id.row_id()] };
        let (board, rows) = self.load_settled(&required, Some(id)).await?;
        if let Some(session) = board.get::<FocusSession>(&id) {
            return Ok(Some(FoundSession::Open(session.clone())));
        }
        let Some(row) = rows.rows.get(&id.row_id()) else { return Ok(None) };
        let ended = EndedSession::decode(row.body.as_str()).map_err(|_| Fault::damaged())?;
        Ok(Some(FoundSession::Ended(ended)))
    }

    /// Reads as [`Sessions::load`] does, after the sockets of dead nodes are removed from all sessions, or from one. The end of
    /// a lease does so as well, but some seconds later; until then the time since the node died would count.
    pub(super) async fn load_settled(
        &self,
        required: &RequiredRows,
        only: Option<FocusId>,
    ) -> Result<(Board, StoredRows), Fault> {
        let loaded = self.load(required).await?;
        if self.remove_dead(&loaded.0, only, Millis(0)).await? { self.load(required).await } else { Ok(loaded) }
    }

    /// Removes the sockets of dead nodes from a session to which a socket returns.
    pub(super) async fn settle_for_return(&self, id: FocusId) -> Result<(), Fault> {
        let (board, _) = self.load(&RequiredRows::default()).await?;
        self.remove_dead(&board, Some(id), RETURN_WITHIN).await.map(drop)
    }

    /// Removes the sockets of dead nodes; tells whether there were any. No decision is awaited about a node whose last renewal
    /// is no longer ago than `undecided`.
    async fn remove_dead(&self, board: &Board, only: Option<FocusId>, undecided: Millis) -> Result<bool, Fault> {
        let own = self.node.engine.presence().name().borrow().clone();
        let sessions = board.all::<FocusSession>().filter(|session| only.is_none_or(|id| session.id == id));
        let trackers = sessions.flat_map(|session| &session.trackers);
        let nodes: BTreeSet<NodeId> = trackers.map(|tracker| tracker.node.clone()).collect();
        let mut has_removed = false;
        for node in nodes.into_iter().filter(|node| own.as_ref() != Some(node)) {
            if let Some(alive_until) = self.dead_since(&node, undecided).await? {
                self.remove_node(&node, alive_until).await?;
                has_removed = true;
            }
        }
        Ok(has_removed)
    }

    /// Returns until when a node was known to live, if it is dead.
    async fn dead_since(&self, node: &NodeId, undecided: Millis) -> Result<Option<Timestamp>, Fault> {
        let is_recent = |at: Timestamp| self.node.engine.clock().now().is_some_and(|now| now.since(at) <= undecided);
        let by = Instant::now() + DECISION_WITHIN;
        loop {
            match self.node.engine.lease_state(node).await.map_err(|error| unavailable(&error))? {
                LeaseState::Held => return Ok(None),
                LeaseState::Lost { alive_until } => return Ok(Some(alive_until)),
                // Its sockets are removed before its lease is, so another request has removed these.
                LeaseState::Absent => return Ok(Some(Timestamp(0))),
                // The time since then counts whether the node is dead or not.
                LeaseState::Ended { alive_until } if is_recent(alive_until) => return Ok(None),
                LeaseState::Ended { .. } if Instant::now() >= by => {
                    let message = "it is not known yet whether the node of another socket lives; try again";
                    return Err(Fault::of_service(Code::Unavailable, message));
                }
                LeaseState::Ended { .. } => sleep(LEASE_PAUSE).await,
            }
        }
    }

    async fn remove_node(&self, node: &NodeId, alive_until: Timestamp) -> Result<(), Fault> {
        for _ in 0..REMOVALS_MAX {
            let outcome = self.execute(FocusCommand::RemoveNode(node.clone(), alive_until)).await?;
            if !matches!(outcome.effect, engine::Effect::Change(_)) {
                break;
            }
        }
        Ok(())
    }

    /// Carries out a command, whatever becomes of the client.
    pub(super) async fn execute(&self, command: FocusCommand) -> Result<Outcome, Fault> {
        self.try_execute(command.into()).await.map_err(|failed| fault(&failed, false))
    }

    pub(super) async fn try_execute(&self, command: Command) -> Result<Outcome, ExecuteError> {
        let request = Request { scope: self.scope.clone(), command, id: None };
        let done = self.node.execute_detached(request).await;
        done.unwrap_or_else(|Panicked| Err(ExecuteError::OutcomeUnknown))
    }
}

fn unavailable(error: &JoinError) -> Fault {
    if error.is_damage() {
        return Fault::damaged();
    }
    tracing::debug!(%error, "a person's focus sessions cannot be read");
    Fault::of_service(Code::Unavailable, "the store is unavailable; nothing was done")
}
