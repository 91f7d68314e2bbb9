//! A record of the commits and the faults of a run, for the oracles.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use engine::{MemoryStore, Monotonic};
use std::time::Duration;
use timers::{Board, RoomId, Scope, Timestamp};
use tokio::time::Instant;

/// The time at which each run begins.
const EPOCH: Timestamp = Timestamp(1_700_000_000_000);

/// The clock of the store and of all nodes.
#[derive(Clone, Copy)]
pub(crate) struct VirtualClock(Instant);

impl VirtualClock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the store's time.
    pub(crate) fn now(self) -> Timestamp {
        Timestamp(EPOCH.0 + u64::try_from(self.0.elapsed().as_millis()).unwrap())
    }
}

impl Monotonic for VirtualClock {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The board of a room as one commit left it.
#[derive(Clone)]
pub(crate) struct CommittedBoard {
    /// The store's time of the commit.
    pub(crate) at: Timestamp,
    pub(crate) board: Arc<Board>,
}

/// The commits to rooms in their order, and the instants of all injected faults.
pub(crate) struct Journal {
    pub(crate) clock: VirtualClock,
    store: MemoryStore,
    rooms: Mutex<BTreeMap<RoomId, Vec<CommittedBoard>>>,
    faults: Mutex<Vec<Timestamp>>,
}

impl Journal {
    pub(crate) fn new(store: MemoryStore, clock: VirtualClock) -> Arc<Self> {
        Arc::new(Self { clock, store, rooms: Mutex::default(), faults: Mutex::default() })
    }

    /// Records the board that a commit has left; called before any other commit.
    pub(crate) fn committed(&self, scope: &Scope) {
        if let Some(room) = scope.as_room() {
            let committed = CommittedBoard { at: self.clock.now(), board: Arc::new(self.store.board(scope)) };
            self.rooms.lock().unwrap().entry(room).or_default().push(committed);
        }
    }

    /// Records that a fault is injected now, or that a lasting one ends.
    pub(crate) fn fault(&self) {
        self.faults.lock().unwrap().push(self.clock.now());
    }

    /// Returns the commits to a room.
    pub(crate) fn commits(&self, room: &RoomId) -> Vec<CommittedBoard> {
        self.rooms.lock().unwrap().get(room).cloned().unwrap_or_default()
    }

    /// Returns the instant of the last fault up to `until`.
    pub(crate) fn last_fault(&self, until: Timestamp) -> Option<Timestamp> {
        self.faults.lock().unwrap().iter().rev().find(|at| **at <= until).copied()
    }
}
