//! A node's lease and the rooms of its members, on a board of its own, and the clearing up after a dead node.
//!
//! A node renews its lease. When it runs out, whoever carries the deadline out has the node's members leave each
//! room, by commits as everybody else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use timers::{Command, NodeId, Refusal, RoomId, Scope, node, room};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::engine::Engine;
use crate::outcome::{ExecuteError, Outcome, Request};
use crate::presence::{ENTERING_MAX, Entering, NotEntered};

/// How often a lease is renewed.
const RENEW_EVERY: Duration = Duration::from_millis(2500);

const _: () = assert!(RENEW_EVERY.as_millis() * 3 < node::LEASE.0 as u128, "three renewals may fail but one");

/// Rooms of a dead node that are cleared up side by side.
const CLEARED_AT_ONCE: usize = 64;

/// Keeps the node's board true until cancelled.
pub(crate) async fn run(engine: Arc<Engine>, mut entering: mpsc::Receiver<Entering>) {
    let mut keeper = Keeper { engine, unwanted: BTreeSet::new() };
    let mut renewals = interval(RENEW_EVERY);
    renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let mut batch = Vec::new();
        tokio::select! {
            _ = renewals.tick() => keeper.renew().await,
            count = entering.recv_many(&mut batch, ENTERING_MAX) => {
                if count == 0 {
                    return;
                }
                keeper.enter(batch).await;
            }
        }
    }
}

struct Keeper {
    engine: Arc<Engine>,
    /// Rooms without members at the last renewal.
    unwanted: BTreeSet<RoomId>,
}

impl Keeper {
    async fn enter(&mut self, waiting: Vec<Entering>) {
        let known = self.tell_rooms(waiting.iter().map(|one| one.room.clone()).collect()).await;
        self.engine.presence.let_in(waiting, &known);
    }

    async fn tell_rooms(&mut self, rooms: BTreeSet<RoomId>) -> Result<(), NotEntered> {
        let mut told = Err(ExecuteError::Busy);
        // Under the name it has, and if that is taken for dead under another.
        for _ in 0..2 {
            let name = self.begun().await.map_err(NotEntered::because)?;
            told = self.ask(&name, node::Command::Enter(rooms.clone())).await;
            match &told {
                Err(error) if is_lost(error) => self.lose(),
                Ok(_) | Err(_) => break,
            }
        }
        told.map(drop).map_err(NotEntered::because)
    }

    /// Returns the name of the lease, and begins one if there is none.
    async fn begun(&self) -> Result<NodeId, ExecuteError> {
        if let Some(name) = self.engine.presence.current_name() {
            return Ok(name);
        }
        let (name, asked) = (self.engine.new_name(), self.engine.clock.elapsed());
        self.ask(&name, node::Command::Begin).await?;
        self.engine.presence.set_name(Some(name.clone()));
        self.engine.presence.renewed(asked);
        Ok(name)
    }

    async fn renew(&mut self) {
        let presence = &self.engine.presence;
        let Some(name) = presence.current_name() else { return };
        let Some(empty) = presence.empty_rooms() else {
            // The lease runs out, and nothing is left to clear up.
            return presence.set_name(None);
        };
        let asked = self.engine.clock.elapsed();
        match self.ask(&name, node::Command::Renew).await {
            Ok(_) => presence.renewed(asked),
            Err(error) if is_lost(&error) => return self.lose(),
            Err(error) => return tracing::debug!(%error, "the node's lease could not be renewed"),
        }
        self.let_go(&name, &empty).await;
        self.unwanted = empty;
    }

    /// Lets go of rooms that had no members for a whole renewal.
    async fn let_go(&self, name: &NodeId, empty: &BTreeSet<RoomId>) {
        let gone = self.engine.presence.forget(empty.intersection(&self.unwanted).cloned().collect());
        if gone.is_empty() {
            return;
        }
        // What this does not reach is cleared up with the lease.
        if let Err(error) = self.ask(name, node::Command::Exit(gone)).await {
            tracing::debug!(%error, "rooms that were left could not be let go");
        }
    }

    fn lose(&mut self) {
        tracing::warn!(node = %self.engine.node(), "this node was taken for dead; its members come in again");
        self.unwanted.clear();
        self.engine.presence.set_name(None);
    }

    async fn ask(&self, name: &NodeId, command: node::Command) -> Result<Outcome, ExecuteError> {
        let scope = Scope::Node(name.clone());
        self.engine.execute(Request { scope, command: Command::Node(command), id: None, by: None }).await
    }
}

/// Has the members of a dead node leave, and forgets the node.
pub(crate) async fn clear_up(engine: Arc<Engine>, node: NodeId) {
    let scope = Scope::Node(node.clone());
    let rooms: Vec<RoomId> = match engine.hub.load(&scope, &[]).await {
        Ok((board, ..)) if board.lease().is_some_and(|lease| lease.lost) => board.presences().cloned().collect(),
        Ok(_) => return,
        Err(error) => return tracing::warn!(%node, %error, "a dead node can't be cleared up yet"),
    };
    tracing::warn!(%node, rooms = rooms.len(), "a node is dead; its members leave");
    for some in rooms.chunks(CLEARED_AT_ONCE) {
        let mut departures = JoinSet::new();
        for room in some {
            departures.spawn(depart(Arc::clone(&engine), node.clone(), room.clone()));
        }
        let cleared: BTreeSet<RoomId> = departures.join_all().await.into_iter().flatten().collect();
        let command = Command::Node(node::Command::Exit(cleared));
        if let Err(error) = engine.execute(Request { scope: scope.clone(), command, id: None, by: None }).await {
            tracing::debug!(%node, %error, "what is cleared up could not be noted");
        }
    }
}

/// Returns the room if nothing of the node is left in it.
async fn depart(engine: Arc<Engine>, node: NodeId, room: RoomId) -> Option<RoomId> {
    let command = Command::Room(room::Command::Depart(node));
    match engine.execute(Request { scope: Scope::Room(room.clone()), command, id: None, by: None }).await {
        Ok(_) | Err(ExecuteError::Refused(_) | ExecuteError::Damaged(_)) => Some(room),
        Err(error) => {
            tracing::debug!(%room, %error, "a dead node's members can't leave yet");
            None
        }
    }
}

fn is_lost(error: &ExecuteError) -> bool {
    matches!(error, ExecuteError::Refused(Refusal::Node(node::Refusal::LeaseLost)))
}
