//! In which rooms this node has members, told to the store before they are there: so that they leave when the
//! node is dead.
//!
//! A node's board has a lease, which the node renews, and the rooms. When the lease runs out, whoever carries the
//! deadline out has the node's members leave each room, by commits as everybody else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use timers::{Command, NodeId, Refusal, RoomId, Scope, node, room};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::engine::Engine;
use crate::execute::{ExecuteError, Outcome, Request};

/// How often a lease is renewed.
const RENEW_EVERY: Duration = Duration::from_millis(2500);

const _: () = assert!(RENEW_EVERY.as_millis() * 3 < node::LEASE.0 as u128, "three renewals may fail but one");

/// Most who wait to enter; more wait for these. One commit takes them all.
const ENTERING_MAX: usize = 512;

/// Rooms of a dead node that are cleared up side by side.
const CLEARED_AT_ONCE: usize = 64;

/// Why a room could not be entered. A retry may help.
#[derive(Clone, Debug, thiserror::Error)]
#[error("this node's presence could not be stored: {0}")]
pub struct NotEntered(String);

/// Where this node has members.
pub struct Presence {
    held: Arc<Mutex<Held>>,
    entering: mpsc::Sender<Entering>,
    /// The name that this node has members under; none when it has none, or is taken for dead.
    name: watch::Sender<Option<NodeId>>,
}

/// The rooms in which the store knows this node to have members, and how many.
#[derive(Default)]
struct Held {
    name: Option<NodeId>,
    rooms: BTreeMap<RoomId, usize>,
}

/// Somebody who wants to come into a room.
pub(crate) struct Entering {
    room: RoomId,
    answer: oneshot::Sender<Result<Place, NotEntered>>,
}

/// A member's place on this node; dropping it is leaving.
pub struct Place {
    held: Arc<Mutex<Held>>,
    name: NodeId,
    room: RoomId,
}

impl Place {
    /// Returns the name that the node has this member under.
    pub fn node(&self) -> &NodeId {
        &self.name
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = lock(&self.held);
        if held.name.as_ref() == Some(&self.name)
            && let Some(members) = held.rooms.get_mut(&self.room)
        {
            *members -= 1;
        }
    }
}

impl Held {
    /// Takes a place in a room that the store knows of.
    fn place(&mut self, all: &Arc<Mutex<Self>>, room: &RoomId) -> Option<Place> {
        let name = self.name.clone()?;
        *self.rooms.get_mut(room)? += 1;
        Some(Place { held: Arc::clone(all), name, room: room.clone() })
    }
}

impl Presence {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Entering>) {
        let (entering, receiver) = mpsc::channel(ENTERING_MAX);
        (Self { held: Arc::default(), entering, name: watch::Sender::new(None) }, receiver)
    }

    /// Has the store know that this node has a member in a room; returns when it does.
    ///
    /// # Errors
    /// [`NotEntered`]: the store is away.
    pub async fn enter(&self, room: &RoomId) -> Result<Place, NotEntered> {
        if let Some(place) = lock(&self.held).place(&self.held, room) {
            return Ok(place);
        }
        let stopped = || NotEntered("the node is stopping".to_owned());
        let (answer, answered) = oneshot::channel();
        self.entering.send(Entering { room: room.clone(), answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// Follows the name that this node has members under. When it changes, those of the old name are taken for
    /// gone, and have to come in again.
    pub fn name(&self) -> watch::Receiver<Option<NodeId>> {
        self.name.subscribe()
    }

    fn set_name(&self, name: Option<NodeId>) {
        *lock(&self.held) = Held { name: name.clone(), rooms: BTreeMap::new() };
        self.name.send_replace(name);
    }
}

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
    async fn enter(&mut self, batch: Vec<Entering>) {
        let rooms: BTreeSet<RoomId> = batch.iter().map(|one| one.room.clone()).collect();
        let entered = self.tell_rooms(&rooms).await;
        let presence = &self.engine.presence;
        let mut held = lock(&presence.held);
        if entered.is_ok() {
            for room in rooms {
                held.rooms.entry(room).or_default();
            }
        }
        for one in batch {
            let place = entered.clone().and_then(|()| {
                held.place(&presence.held, &one.room).ok_or_else(|| NotEntered("the lease is lost".to_owned()))
            });
            if let Err(unheard) = one.answer.send(place) {
                // Its place is given back, for which the lock is needed.
                drop(held);
                drop(unheard);
                held = lock(&presence.held);
            }
        }
    }

    async fn tell_rooms(&mut self, rooms: &BTreeSet<RoomId>) -> Result<(), NotEntered> {
        let mut told = Err(ExecuteError::Busy);
        // Under the name it has, and if that is taken for dead under another.
        for _ in 0..2 {
            let name = self.begun().await.map_err(|error| NotEntered(error.to_string()))?;
            told = self.ask(&name, node::Command::Enter(rooms.clone())).await;
            match &told {
                Err(error) if is_lost(error) => self.lose(),
                Ok(_) | Err(_) => break,
            }
        }
        told.map(drop).map_err(|error| NotEntered(error.to_string()))
    }

    /// Returns the name of the lease, and begins one if there is none.
    async fn begun(&self) -> Result<NodeId, ExecuteError> {
        if let Some(name) = &lock(&self.engine.presence.held).name {
            return Ok(name.clone());
        }
        let name = self.engine.new_name();
        self.ask(&name, node::Command::Begin).await?;
        self.engine.presence.set_name(Some(name.clone()));
        Ok(name)
    }

    async fn renew(&mut self) {
        let (name, empty) = {
            let held = lock(&self.engine.presence.held);
            let Some(name) = held.name.clone() else { return };
            if held.rooms.is_empty() {
                // The lease runs out, and nothing is left to clear up.
                drop(held);
                return self.engine.presence.set_name(None);
            }
            let empty: BTreeSet<RoomId> =
                held.rooms.iter().filter(|(_, members)| **members == 0).map(|(room, _)| room.clone()).collect();
            (name, empty)
        };
        match self.ask(&name, node::Command::Renew).await {
            Ok(_) => {}
            Err(error) if is_lost(&error) => return self.lose(),
            Err(error) => return tracing::warn!(%error, "the node's lease could not be renewed"),
        }
        self.let_go(&name, &empty).await;
        self.unwanted = empty;
    }

    /// Lets go of rooms that had no members for a whole renewal.
    async fn let_go(&self, name: &NodeId, empty: &BTreeSet<RoomId>) {
        let gone: BTreeSet<RoomId> = {
            let mut held = lock(&self.engine.presence.held);
            let is_empty = |room: &RoomId| held.rooms.get(room) == Some(&0);
            let gone = empty.intersection(&self.unwanted).filter(|room| is_empty(room)).cloned().collect();
            held.rooms.retain(|room, _| !BTreeSet::contains(&gone, room));
            gone
        };
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

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
