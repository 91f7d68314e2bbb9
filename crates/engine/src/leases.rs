//! A node's lease and the rooms of its members, on a board of the node's own, and the removal of a dead node's members.
//!
//! A node renews its lease. When the lease ends, the node that carries the deadline out removes the members from each
//! room, by ordinary commits.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use timers::node::{LEASE_DURATION, Lease, NodeCommand, NodeRefusal, Presence};
use timers::room::RoomCommand;
use timers::{Command, NodeId, Refusal, RequiredRows, RoomId, Scope};
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

/// Rooms of a dead node that are cleared up concurrently.
const ROOMS_AT_ONCE: usize = 64;

/// Most rooms that one commit records or removes. Half of what a commit takes, since the commit may settle something
/// else as well.
const ROOMS_PER_COMMIT: usize = 500;

const _: () = assert!(ROOMS_PER_COMMIT * 2 <= COMMIT_ITEMS_MAX && ROOMS_PER_COMMIT * 2 <= COMMIT_REMOVALS_MAX);
const _: () = assert!(ROOMS_AT_ONCE <= ROOMS_PER_COMMIT);

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
    /// The rooms without members at the last renewal.
    empty: BTreeSet<RoomId>,
}

impl LeaseTask {
    async fn enter(&mut self, waiting: Vec<EntryRequest>) {
        let recorded = self.record_rooms(waiting.iter().map(|request| request.room.clone()).collect()).await;
        self.engine.presence.admit(waiting, &recorded);
    }

    async fn record_rooms(&mut self, rooms: BTreeSet<RoomId>) -> Result<(), EntryError> {
        let mut recorded = Err(ExecuteError::Busy);
        // Under the current name, and if its lease is lost under another.
        for _ in 0..2 {
            let name = self.begin_lease().await.map_err(EntryError::new)?;
            recorded = self.execute_in_chunks(&name, &rooms, NodeCommand::Enter).await;
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
        let Some(empty) = presence.empty_rooms() else {
            // There are no rooms to clear up, so the lease may end.
            return presence.set_name(None);
        };
        let requested_at = self.engine.clock.elapsed();
        match self.execute(&name, NodeCommand::Renew).await {
            Ok(_) => presence.renewed(requested_at),
            Err(error) if is_lease_lost(&error) => return self.lose_lease(),
            Err(error) => return tracing::debug!(%error, "the node's lease was not renewed"),
        }
        self.drop_rooms(&name, &empty).await;
        self.empty = empty;
    }

    /// Drops the rooms that had no members for a whole renewal interval.
    async fn drop_rooms(&self, name: &NodeId, empty: &BTreeSet<RoomId>) {
        let dropped = self.engine.presence.forget(empty.intersection(&self.empty).cloned().collect());
        // A room that stays on the board is cleared up when the lease ends.
        if let Err(error) = self.execute_in_chunks(name, &dropped, NodeCommand::Exit).await {
            tracing::debug!(%error, "empty rooms were not removed from the node's board");
        }
    }

    fn lose_lease(&mut self) {
        tracing::warn!(node = %self.engine.node(), "this node's lease is lost; its members join again");
        self.empty.clear();
        self.engine.presence.set_name(None);
    }

    /// Executes a command about rooms in as many commits as their number needs.
    async fn execute_in_chunks(
        &self,
        name: &NodeId,
        rooms: &BTreeSet<RoomId>,
        command: impl Fn(BTreeSet<RoomId>) -> NodeCommand,
    ) -> Result<(), ExecuteError> {
        let mut rooms = rooms.iter().cloned().peekable();
        while rooms.peek().is_some() {
            self.execute(name, command(rooms.by_ref().take(ROOMS_PER_COMMIT).collect())).await?;
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
    if board.get::<Lease>(&()).is_none_or(|lease| !lease.lost) {
        return;
    }
    let rooms: Vec<RoomId> = board.all::<Presence>().map(|presence| presence.room.clone()).collect();
    tracing::warn!(%node, rooms = rooms.len(), "a node is dead; its members are removed");
    for batch in rooms.chunks(ROOMS_AT_ONCE) {
        let mut removals = JoinSet::new();
        for room in batch {
            removals.spawn(remove_members(Arc::clone(&engine), node.clone(), room.clone()));
        }
        let cleared: BTreeSet<RoomId> = removals.join_all().await.into_iter().flatten().collect();
        let command = Command::Node(NodeCommand::Exit(cleared));
        if let Err(error) = engine.execute(Request { scope: scope.clone(), command, id: None }).await {
            tracing::debug!(%node, %error, "cleared rooms were not removed from a dead node's board");
        }
    }
}

/// Removes a dead node's members from a room; returns the room if none is left.
async fn remove_members(engine: Arc<Engine>, node: NodeId, room: RoomId) -> Option<RoomId> {
    let command = Command::Room(RoomCommand::RemoveNodeMembers(node));
    match engine.execute(Request { scope: Scope::room(&room), command, id: None }).await {
        Err(ExecuteError::Refused(Refusal::ChangeTooLarge)) => {
            tracing::error!(%room, "a dead node has more members in a room than one commit removes");
            None
        }
        Ok(_) | Err(ExecuteError::Refused(_)) => Some(room),
        Err(error) if error.is_damage() => Some(room),
        Err(error) => {
            tracing::debug!(%room, %error, "a dead node's members cannot be removed yet");
            None
        }
    }
}

fn is_lease_lost(error: &ExecuteError) -> bool {
    matches!(error, ExecuteError::Refused(Refusal::Node(NodeRefusal::LeaseLost)))
}
