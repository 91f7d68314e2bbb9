//! In which rooms this node has members, told to the store before they are there: so that they leave when the
//! node is dead.
//!
//! How that is kept true: `leases.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use timers::node::LEASE;
use timers::{NodeId, RoomId};
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::Clock;

/// Most who wait to enter; more wait for these. One commit takes them all.
pub(crate) const ENTERING_MAX: usize = 512;

/// Why a room could not be entered. A retry may help.
#[derive(Clone, Debug, thiserror::Error)]
#[error("this node's presence could not be stored: {0}")]
pub struct NotEntered(String);

impl NotEntered {
    pub(crate) fn because(why: impl Display) -> Self {
        Self(why.to_string())
    }
}

/// Where this node has members.
pub struct Presence {
    clock: Arc<Clock>,
    held: Arc<Mutex<Held>>,
    entering: mpsc::Sender<Entering>,
    /// The name that this node has members under; none when it has none, or is taken for dead.
    name: watch::Sender<Option<NodeId>>,
}

/// The rooms in which the store knows this node to have members, and how many.
#[derive(Default)]
struct Held {
    name: Option<NodeId>,
    /// When the lease was last renewed, by the node's own clock.
    renewed: Duration,
    rooms: BTreeMap<RoomId, usize>,
}

/// Somebody who wants to come into a room.
pub(crate) struct Entering {
    pub(crate) room: RoomId,
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
    pub(crate) fn new(clock: Arc<Clock>) -> (Self, mpsc::Receiver<Entering>) {
        let (entering, receiver) = mpsc::channel(ENTERING_MAX);
        (Self { clock, held: Arc::default(), entering, name: watch::Sender::new(None) }, receiver)
    }

    /// Has the store know that this node has a member in a room; returns when it does.
    ///
    /// # Errors
    /// [`NotEntered`]: the store is away.
    pub async fn enter(&self, room: &RoomId) -> Result<Place, NotEntered> {
        if let Some(place) = self.known_place(room) {
            return Ok(place);
        }
        let stopped = || NotEntered::because("the node is stopping");
        let (answer, answered) = oneshot::channel();
        self.entering.send(Entering { room: room.clone(), answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// Takes a place in a room that the store knows of, unless the node was stopped for so long that it may be taken
    /// for dead by now.
    fn known_place(&self, room: &RoomId) -> Option<Place> {
        let mut held = lock(&self.held);
        let age = self.clock.elapsed().saturating_sub(held.renewed);
        if age.as_millis() < u128::from(LEASE.0) { held.place(&self.held, room) } else { None }
    }

    /// Follows the name that this node has members under. When it changes, those of the old name are taken for
    /// gone, and have to come in again.
    pub fn name(&self) -> watch::Receiver<Option<NodeId>> {
        self.name.subscribe()
    }

    /// Returns in how many rooms this node has members, and how many these are.
    pub fn count(&self) -> (usize, usize) {
        let held = lock(&self.held);
        let members = held.rooms.values().filter(|members| **members > 0);
        members.fold((0, 0), |(rooms, all), members| (rooms + 1, all + members))
    }

    /// Returns the name that this node has members under now.
    pub(crate) fn current_name(&self) -> Option<NodeId> {
        lock(&self.held).name.clone()
    }

    /// Gives the node another name, under which it has no members yet.
    pub(crate) fn set_name(&self, name: Option<NodeId>) {
        *lock(&self.held) = Held { name: name.clone(), renewed: Duration::ZERO, rooms: BTreeMap::new() };
        self.name.send_replace(name);
    }

    /// Notes that the lease was renewed, at that time or later.
    pub(crate) fn renewed(&self, at: Duration) {
        lock(&self.held).renewed = at;
    }

    /// Lets in who waited, since the store knows of their rooms; or tells them why it does not.
    pub(crate) fn let_in(&self, waiting: Vec<Entering>, known: &Result<(), NotEntered>) {
        for Entering { room, answer } in waiting {
            let place = known.clone().and_then(|()| {
                let mut held = lock(&self.held);
                held.rooms.entry(room.clone()).or_default();
                held.place(&self.held, &room).ok_or_else(|| NotEntered::because("the lease is lost"))
            });
            // Whoever has gone meanwhile gives the place back.
            answer.send(place).ok();
        }
    }

    /// Returns the rooms without members; `None` if there is no room at all.
    pub(crate) fn empty_rooms(&self) -> Option<BTreeSet<RoomId>> {
        let held = lock(&self.held);
        let empty = held.rooms.iter().filter(|(_, members)| **members == 0).map(|(room, _)| room.clone());
        (!held.rooms.is_empty()).then(|| empty.collect())
    }

    /// Forgets those of the rooms that have no members still; returns them.
    pub(crate) fn forget(&self, mut rooms: BTreeSet<RoomId>) -> BTreeSet<RoomId> {
        let mut held = lock(&self.held);
        rooms.retain(|room| held.rooms.get(room) == Some(&0));
        held.rooms.retain(|room, _| !rooms.contains(room));
        rooms
    }
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
