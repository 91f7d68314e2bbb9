//! A node's lease and the scopes of its members, on a board of the node's own, and the removal of a dead node's members.
//!
//! A node renews its lease. When the lease ends, the node that carries the deadline out removes the members from each
//! scope, by ordinary commits.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use timers::node::{LEASE_DURATION, Lease, NodeCommand, NodeRefusal, scopes_of};
use timers::{Command, NodeId, Refusal, RequiredRows, Scope, Timestamp};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::engine::Engine;
use crate::outcome::{ExecuteError, Outcome, Request};
use crate::presence::{ENTERING_MAX, EntryError, EntryRequest};
use crate::store::{COMMIT_ITEMS_MAX, COMMIT_REMOVALS_MAX};

/// How often a lease is renewed.
const RENEWAL_INTERVAL: Duration = Duration::from_millis(2500);

const _: () = assert!(RENEWAL_INTERVAL.as_millis() * 3 < LEASE_DURATION.0 as u128, "all but one of three may fail");

/// Scopes of a dead node that are cleared up concurrently.
const SCOPES_AT_ONCE: usize = 64;

/// Most scopes that one commit records or removes. Half of what a commit takes, since the commit may settle something
/// else as well.
const SCOPES_PER_COMMIT: usize = 500;

const _: () = assert!(SCOPES_PER_COMMIT * 2 <= COMMIT_ITEMS_MAX && SCOPES_PER_COMMIT * 2 <= COMMIT_REMOVALS_MAX);
const _: () = assert!(SCOPES_AT_ONCE <= SCOPES_PER_COMMIT);

/// Keeps the node's board up to date until cancelled.
pub(crate) async fn run(engine: Arc<Engine>, mut requests: mpsc::Receiver<EntryRequest>) {
    let mut task = LeaseTask { engine, empty: BTreeSet::new() };
    let mut renewals = interval(RENEWAL_INTERVAL);
    renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let mut batch = Vec::new();
        tokio::select! {
            _ = renewals.tick() => task.renew().await,
            count = requests.recv_many(&mut batch, ENTERING_MAX) => {
                if count == 0 {
                    return;
                }
                task.enter(batch).await;
            }
        }
    }
}

struct LeaseTask {
    engine: Arc<Engine>,
    /// The scopes without members at the last renewal.
    empty: BTreeSet<Scope>,
}

impl LeaseTask {
    async fn enter(&mut self, waiting: Vec<EntryRequest>) {
        let recorded = self.record_scopes(waiting.iter().map(|request| request.scope.clone()).collect()).await;
        self.engine.presence.admit(waiting, &recorded);
    }

    async fn record_scopes(&mut self, scopes: BTreeSet<Scope>) -> Result<(), EntryError> {
        let mut recorded = Err(ExecuteError::Busy);
        // Under the current name, and if its lease is lost under another.
        for _ in 0..2 {
            let name = self.begin_lease().await.map_err(EntryError::new)?;
            recorded = self.execute_in_chunks(&name, &scopes, NodeCommand::Enter).await;
            match &recorded {
                Err(error) if is_lease_lost(error) => self.lose_lease(),
                Ok(()) | Err(_) => break,
            }
        }
        recorded.map_err(EntryError::new)
    }

    /// Returns the name of the lease; begins a lease if there is none.
    async fn begin_lease(&self) -> Result<NodeId, ExecuteError> {
        if let Some(name) = self.engine.presence.current_name() {
            return Ok(name);
        }
        let (name, requested_at) = (self.engine.new_name(), self.engine.clock.elapsed());
        self.execute(&name, NodeCommand::Begin).await?;
        self.engine.presence.set_name(Some(name.clone()));
        self.engine.presence.renewed(requested_at);
        Ok(name)
    }

    async fn renew(&mut self) {
        let presence = &self.engine.presence;
        let Some(name) = presence.current_name() else { return };
        let Some(empty) = presence.empty_scopes() else {
            // There are no scopes to clear up, so the lease may end.
            return presence.set_name(None);
        };
        let requested_at = self.engine.clock.elapsed();
        match self.execute(&name, NodeCommand::Renew).await {
            Ok(_) => presence.renewed(requested_at),
            Err(error) if is_lease_lost(&error) => return self.lose_lease(),
            Err(error) => return tracing::debug!(%error, "the node's lease was not renewed"),
        }
        self.drop_scopes(&name, &empty).await;
        self.empty = empty;
    }

    /// Drops the scopes that had no members for a whole renewal interval.
    async fn drop_scopes(&self, name: &NodeId, empty: &BTreeSet<Scope>) {
        let dropped = self.engine.presence.forget(empty.intersection(&self.empty).cloned().collect());
        // A scope that stays on the board is cleared up when the lease ends.
        if let Err(error) = self.execute_in_chunks(name, &dropped, NodeCommand::Exit).await {
            tracing::debug!(%error, "empty scopes were not removed from the node's board");
        }
    }

    fn lose_lease(&mut self) {
        tracing::warn!(node = %self.engine.node(), "this node's lease is lost; its members join again");
        self.empty.clear();
        self.engine.presence.set_name(None);
    }

    /// Executes a command about scopes in as many commits as their number needs.
    async fn execute_in_chunks(
        &self,
        name: &NodeId,
        scopes: &BTreeSet<Scope>,
        command: impl Fn(BTreeSet<Scope>) -> NodeCommand,
    ) -> Result<(), ExecuteError> {
        let mut scopes = scopes.iter().cloned().peekable();
        while scopes.peek().is_some() {
            self.execute(name, command(scopes.by_ref().take(SCOPES_PER_COMMIT).collect())).await?;
        }
        Ok(())
    }

    async fn execute(&self, name: &NodeId, command: NodeCommand) -> Result<Outcome, ExecuteError> {
        let scope = Scope::node(name);
        self.engine.execute(Request { scope, command: Command::Node(command), id: None }).await
    }
}

/// Removes the members of a dead node, and the node's board.
pub(crate) async fn clear_up(engine: Arc<Engine>, node: NodeId) {
    let scope = Scope::node(&node);
    let board = match engine.hub.load(&scope, &RequiredRows::default()).await {
        Ok(loaded) => loaded.board,
        Err(error) => return tracing::warn!(%node, %error, "the members of a dead node cannot be removed yet"),
    };
    let Some(lease) = board.get::<Lease>(&()).filter(|lease| lease.lost) else { return };
    let dead = DeadNode { name: node, alive_until: lease.alive_until() };
    let scopes: Vec<Scope> = scopes_of(&board).collect();
    tracing::warn!(node = %dead.name, scopes = scopes.len(), "a node is dead; its members are removed");
    for batch in scopes.chunks(SCOPES_AT_ONCE) {
        let mut removals = JoinSet::new();
        for of_dead in batch {
            removals.spawn(remove_members(Arc::clone(&engine), dead.clone(), of_dead.clone()));
        }
        let cleared: BTreeSet<Scope> = removals.join_all().await.into_iter().flatten().collect();
        let command = Command::Node(NodeCommand::Exit(cleared));
        if let Err(error) = engine.execute(Request { scope: scope.clone(), command, id: None }).await {
            tracing::debug!(node = %dead.name, %error, "cleared scopes were not removed from a dead node's board");
        }
    }
}

/// A node whose lease is lost.
#[derive(Clone)]
struct DeadNode {
    name: NodeId,
    /// The last renewal of its lease.
    alive_until: Timestamp,
}

/// Removes a dead node's members from a scope; returns the scope if none is left.
async fn remove_members(engine: Arc<Engine>, dead: DeadNode, scope: Scope) -> Option<Scope> {
    let Some(command) = Command::remove_node(&scope, &dead.name, dead.alive_until) else {
        // A node of the version that recorded it removes the members when it carries the deadline out.
        tracing::warn!(
            kind = scope.kind().as_str(),
            "a dead node has members in a scope of a kind unknown to this version"
        );
        return None;
    };
    match engine.execute(Request { scope: scope.clone(), command, id: None }).await {
        Err(ExecuteError::Refused(Refusal::ChangeTooLarge)) => {
            tracing::error!(
                kind = scope.kind().as_str(),
                "a dead node has more members in a scope than one commit removes"
            );
            None
        }
        Ok(_) | Err(ExecuteError::Refused(_)) => Some(scope),
        Err(error) if error.is_damage() => Some(scope),
        Err(error) => {
            tracing::debug!(%scope, %error, "a dead node's members cannot be removed yet");
            None
        }
    }
}

fn is_lease_lost(error: &ExecuteError) -> bool {
    matches!(error, ExecuteError::Refused(Refusal::Node(NodeRefusal::LeaseLost)))
}
