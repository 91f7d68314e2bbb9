//! The scopes in which this node has members. They are recorded in the store before members are admitted, so that the
//! members are removed if the node dies.
//!
//! The task that keeps the record is in `leases.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use timers::node::LEASE_DURATION;
use timers::{NodeId, Scope, ScopeKind};
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::Clock;

/// Most entry requests in the queue, and in one batch.
pub(crate) const ENTERING_MAX: usize = 512;

/// Why a scope cannot be entered. A retry may help.
#[derive(Clone, Debug, thiserror::Error)]
#[error("this node's presence could not be stored: {0}")]
pub struct EntryError(String);

impl EntryError {
    pub(crate) fn new(why: impl Display) -> Self {
        Self(why.to_string())
    }
}

/// The scopes in which this node has members: clients that a board names together with their node.
pub struct Presence {
    clock: Arc<Clock>,
    held: Arc<Mutex<HeldScopes>>,
    requests: mpsc::Sender<EntryRequest>,
    /// The name under which this node has members; `None` while it has none, or after its lease is lost.
    name: watch::Sender<Option<NodeId>>,
}

/// The scopes that are recorded in the store for this node, and the number of members in each.
#[derive(Default)]
struct HeldScopes {
    name: Option<NodeId>,
    /// When the lease was last renewed, on the node's own clock.
    renewed: Duration,
    scopes: BTreeMap<Scope, usize>,
}

/// A request to admit a member to a scope.
pub(crate) struct EntryRequest {
    pub(crate) scope: Scope,
    answer: oneshot::Sender<Result<MembershipGuard, EntryError>>,
}

/// The membership of one member on this node; dropping it ends the membership.
pub struct MembershipGuard {
    held: Arc<Mutex<HeldScopes>>,
    name: NodeId,
    scope: Scope,
}

impl MembershipGuard {
    /// Returns the name under which the node has this member.
    pub fn node(&self) -> &NodeId {
        &self.name
    }
}

impl Drop for MembershipGuard {
    fn drop(&mut self) {
        let mut held = self.held.lock();
        if held.name.as_ref() == Some(&self.name)
            && let Some(members) = held.scopes.get_mut(&self.scope)
        {
            *members -= 1;
        }
    }
}

impl HeldScopes {
    /// Adds a member to a recorded scope.
    fn admit(&mut self, all: &Arc<Mutex<Self>>, scope: &Scope) -> Option<MembershipGuard> {
        let name = self.name.clone()?;
        *self.scopes.get_mut(scope)? += 1;
        Some(MembershipGuard { held: Arc::clone(all), name, scope: scope.clone() })
    }
}

impl Presence {
    pub(crate) fn new(clock: Arc<Clock>) -> (Self, mpsc::Receiver<EntryRequest>) {
        let (requests, receiver) = mpsc::channel(ENTERING_MAX);
        (Self { clock, held: Arc::default(), requests, name: watch::Sender::new(None) }, receiver)
    }

    /// Records in the store that this node has a member in a scope. Returns when it is recorded.
    ///
    /// # Errors
    /// [`EntryError`]: the store is unavailable.
    pub async fn enter(&self, scope: &Scope) -> Result<MembershipGuard, EntryError> {
        if let Some(guard) = self.admit_if_recorded(scope) {
            return Ok(guard);
        }
        let stopped = || EntryError::new("the node is stopping");
        let (answer, answered) = oneshot::channel();
        self.requests.send(EntryRequest { scope: scope.clone(), answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// Adds a member to a recorded scope, unless the node was stopped for so long that its lease may be lost by now.
    fn admit_if_recorded(&self, scope: &Scope) -> Option<MembershipGuard> {
        let mut held = self.held.lock();
        let age = self.clock.elapsed().saturating_sub(held.renewed);
        if age.as_millis() < u128::from(LEASE_DURATION.0) { held.admit(&self.held, scope) } else { None }
    }

    /// Returns a receiver of the name under which this node has members. When the name changes, the members under the
    /// old one count as gone, and must join again.
    pub fn name(&self) -> watch::Receiver<Option<NodeId>> {
        self.name.subscribe()
    }

    /// Returns the number of scopes of a kind with members of this node, and the number of these members.
    pub fn count(&self, kind: &ScopeKind) -> (usize, usize) {
        let held = self.held.lock();
        let of_kind = held.scopes.iter().filter(|(scope, members)| scope.kind() == kind && **members > 0);
        of_kind.fold((0, 0), |(scopes, all), (_, members)| (scopes + 1, all + members))
    }

    /// Returns the current name under which this node has members.
    pub(crate) fn current_name(&self) -> Option<NodeId> {
        self.held.lock().name.clone()
    }

    /// Sets another name, under which the node has no members yet.
    pub(crate) fn set_name(&self, name: Option<NodeId>) {
        *self.held.lock() = HeldScopes { name: name.clone(), renewed: Duration::ZERO, scopes: BTreeMap::new() };
        self.name.send_replace(name);
    }

    /// Records that the lease was renewed at this time or later.
    pub(crate) fn renewed(&self, at: Duration) {
        self.held.lock().renewed = at;
    }

    /// Answers entry requests after their scopes were recorded, or were not.
    pub(crate) fn admit(&self, waiting: Vec<EntryRequest>, recorded: &Result<(), EntryError>) {
        for EntryRequest { scope, answer } in waiting {
            let guard = recorded.clone().and_then(|()| {
                let mut held = self.held.lock();
                held.scopes.entry(scope.clone()).or_default();
                held.admit(&self.held, &scope).ok_or_else(|| EntryError::new("the lease is lost"))
            });
            // If the requester is gone, the guard is dropped and the membership ends.
            answer.send(guard).ok();
        }
    }

    /// Returns the scopes without members; `None` if there is no scope at all.
    pub(crate) fn empty_scopes(&self) -> Option<BTreeSet<Scope>> {
        let held = self.held.lock();
        let empty = held.scopes.iter().filter(|(_, members)| **members == 0).map(|(scope, _)| scope.clone());
        (!held.scopes.is_empty()).then(|| empty.collect())
    }

    /// Forgets those of `scopes` that still have no members, and returns them.
    pub(crate) fn forget(&self, mut scopes: BTreeSet<Scope>) -> BTreeSet<Scope> {
        let mut held = self.held.lock();
        scopes.retain(|scope| held.scopes.get(scope) == Some(&0));
        held.scopes.retain(|scope, _| !scopes.contains(scope));
        scopes
    }
}
