//! The rooms in which this node has members. They are recorded in the store before members are admitted, so that the
//! members are removed if the node dies.
//!
//! The task that keeps the record is in `leases.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use timers::node::LEASE_DURATION;
use timers::{NodeId, RoomId};
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::Clock;

/// Most entry requests in the queue, and in one batch.
pub(crate) const ENTERING_MAX: usize = 512;

/// Why a room cannot be entered. A retry may help.
#[derive(Clone, Debug, thiserror::Error)]
#[error("this node's presence could not be stored: {0}")]
pub struct EntryError(String);

impl EntryError {
    pub(crate) fn new(why: impl Display) -> Self {
        Self(why.to_string())
    }
}

/// The rooms in which this node has members.
pub struct Presence {
    clock: Arc<Clock>,
    held: Arc<Mutex<HeldRooms>>,
    requests: mpsc::Sender<EntryRequest>,
    /// The name under which this node has members; `None` while it has none, or after its lease is lost.
    name: watch::Sender<Option<NodeId>>,
}

/// The rooms that are recorded in the store for this node, and the number of members in each.
#[derive(Default)]
struct HeldRooms {
    name: Option<NodeId>,
    /// When the lease was last renewed, on the node's own clock.
    renewed: Duration,
    rooms: BTreeMap<RoomId, usize>,
}

/// A request to admit a member to a room.
pub(crate) struct EntryRequest {
    pub(crate) room: RoomId,
    answer: oneshot::Sender<Result<MembershipGuard, EntryError>>,
}

/// The membership of one member on this node; dropping it ends the membership.
pub struct MembershipGuard {
    held: Arc<Mutex<HeldRooms>>,
    name: NodeId,
    room: RoomId,
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
            && let Some(members) = held.rooms.get_mut(&self.room)
        {
            *members -= 1;
        }
    }
}

impl HeldRooms {
    /// Adds a member to a recorded room.
    fn admit(&mut self, all: &Arc<Mutex<Self>>, room: &RoomId) -> Option<MembershipGuard> {
        let name = self.name.clone()?;
        *self.rooms.get_mut(room)? += 1;
        Some(MembershipGuard { held: Arc::clone(all), name, room: room.clone() })
    }
}

impl Presence {
    pub(crate) fn new(clock: Arc<Clock>) -> (Self, mpsc::Receiver<EntryRequest>) {
        let (requests, receiver) = mpsc::channel(ENTERING_MAX);
        (Self { clock, held: Arc::default(), requests, name: watch::Sender::new(None) }, receiver)
    }

    /// Records in the store that this node has a member in a room. Returns when it is recorded.
    ///
    /// # Errors
    /// [`EntryError`]: the store is unavailable.
    pub async fn enter(&self, room: &RoomId) -> Result<MembershipGuard, EntryError> {
        if let Some(guard) = self.admit_if_recorded(room) {
            return Ok(guard);
        }
        let stopped = || EntryError::new("the node is stopping");
        let (answer, answered) = oneshot::channel();
        self.requests.send(EntryRequest { room: room.clone(), answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// Adds a member to a recorded room, unless the node was stopped for so long that its lease may be lost by now.
    fn admit_if_recorded(&self, room: &RoomId) -> Option<MembershipGuard> {
        let mut held = self.held.lock();
        let age = self.clock.elapsed().saturating_sub(held.renewed);
        if age.as_millis() < u128::from(LEASE_DURATION.0) { held.admit(&self.held, room) } else { None }
    }

    /// Returns a receiver of the name under which this node has members. When the name changes, the members under the
    /// old one count as gone, and must join again.
    pub fn name(&self) -> watch::Receiver<Option<NodeId>> {
        self.name.subscribe()
    }

    /// Returns the number of rooms with members of this node, and the number of these members.
    pub fn count(&self) -> (usize, usize) {
        let held = self.held.lock();
        let members = held.rooms.values().filter(|members| **members > 0);
        members.fold((0, 0), |(rooms, all), members| (rooms + 1, all + members))
    }

    /// Returns the current name under which this node has members.
    pub(crate) fn current_name(&self) -> Option<NodeId> {
        self.held.lock().name.clone()
    }

    /// Sets another name, under which the node has no members yet.
    pub(crate) fn set_name(&self, name: Option<NodeId>) {
        *self.held.lock() = HeldRooms { name: name.clone(), renewed: Duration::ZERO, rooms: BTreeMap::new() };
        self.name.send_replace(name);
    }

    /// Records that the lease was renewed at this time or later.
    pub(crate) fn renewed(&self, at: Duration) {
        self.held.lock().renewed = at;
    }

    /// Answers entry requests after their rooms were recorded, or were not.
    pub(crate) fn admit(&self, waiting: Vec<EntryRequest>, recorded: &Result<(), EntryError>) {
        for EntryRequest { room, answer } in waiting {
            let guard = recorded.clone().and_then(|()| {
                let mut held = self.held.lock();
                held.rooms.entry(room.clone()).or_default();
                held.admit(&self.held, &room).ok_or_else(|| EntryError::new("the lease is lost"))
            });
            // If the requester is gone, the guard is dropped and the membership ends.
            answer.send(guard).ok();
        }
    }

    /// Returns the rooms without members; `None` if there is no room at all.
    pub(crate) fn empty_rooms(&self) -> Option<BTreeSet<RoomId>> {
        let held = self.held.lock();
        let empty = held.rooms.iter().filter(|(_, members)| **members == 0).map(|(room, _)| room.clone());
        (!held.rooms.is_empty()).then(|| empty.collect())
    }

    /// Forgets those of `rooms` that still have no members, and returns them.
    pub(crate) fn forget(&self, mut rooms: BTreeSet<RoomId>) -> BTreeSet<RoomId> {
        let mut held = self.held.lock();
        rooms.retain(|room| held.rooms.get(room) == Some(&0));
        held.rooms.retain(|room, _| !rooms.contains(room));
        rooms
    }
}
