//! The clients of rooms: tasks that keep a Socket.IO connection to a node, execute their workload and record all
//! messages.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::client::{Load, RunContext};
use crate::record::{Entry, Event, Record};
use connection::RoomConnection;
use view::RoomView;
use workload::RoomWorkload;

pub(crate) use connection::{Socket, answer};
pub(crate) use packet::{Packet, parse};
pub(crate) use workload::Role;

mod connection;
pub(crate) mod converge;
mod packet;
pub(crate) mod stored;
pub(crate) mod view;
mod workload;

/// The ids of the rooms of a run, in which the hosts publish the rooms that they create.
#[derive(Clone)]
pub(crate) struct RoomIds(Arc<Mutex<Vec<Option<String>>>>);

/// The configuration of a client.
#[derive(Clone, Debug)]
pub(crate) struct RoomProfile {
    pub(crate) client: String,
    /// The position of the client's room among the rooms of the run.
    pub(crate) slot: usize,
    pub(crate) role: Role,
    /// The first node.
    pub(crate) node: usize,
    /// Average time between actions.
    pub(crate) pace: Duration,
    pub(crate) seed: u64,
}

/// A running client.
pub(crate) struct RoomClient {
    state: Arc<Mutex<RoomState>>,
    task: JoinHandle<()>,
}

/// The current state of a client.
pub(crate) struct RoomState {
    pub(crate) record: Record,
    pub(crate) is_connected: bool,
    /// Whether the client wants to be in its room.
    pub(crate) wants_room: bool,
    /// What it shows, while it is a member.
    pub(crate) view: Option<RoomView>,
    /// The event without an acknowledgement.
    pub(crate) pending: Option<Value>,
    /// The room and the secret of the membership that the client can resume.
    resume: Option<(String, String)>,
    last_ack: u64,
}

impl RoomIds {
    pub(crate) fn new(rooms: usize) -> Self {
        Self(Arc::new(Mutex::new(vec![None; rooms])))
    }

    fn get(&self, slot: usize) -> Option<String> {
        self.0.lock()[slot].clone()
    }

    fn set(&self, slot: usize, room: &str) {
        self.0.lock()[slot] = Some(room.to_owned());
    }

    /// Forgets a room that does not exist any more.
    fn forget(&self, slot: usize, room: &str) {
        self.0.lock()[slot].take_if(|id| id == room);
    }

    /// Returns the ids of all rooms that exist.
    pub(crate) fn all(&self) -> BTreeSet<String> {
        self.0.lock().iter().flatten().cloned().collect()
    }
}

impl RoomClient {
    pub(crate) fn start(profile: RoomProfile, context: RunContext, ids: RoomIds) -> Self {
        let user = format!("room-{}", profile.slot);
        let record = Record { client: profile.client.clone(), user, entries: vec![] };
        let state = RoomState {
            record,
            is_connected: false,
            wants_room: true,
            view: None,
            pending: None,
            resume: None,
            last_ack: 0,
        };
        let state = Arc::new(Mutex::new(state));
        let task = tokio::spawn(run(profile, context, ids, Arc::clone(&state)));
        Self { state, task }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, RoomState> {
        self.state.lock()
    }

    /// Waits until the client has finished, and returns its record.
    pub(crate) async fn ended(mut self) -> Record {
        let ended = (&mut self.task).await;
        assert!(ended.is_ok(), "a client of a room panicked: {ended:?}");
        self.state().record.clone()
    }
}

impl Drop for RoomClient {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl RoomState {
    fn write(&mut self, at: Duration, event: Event) {
        self.record.entries.push(Entry { at, event });
    }
}

/// Connects to one node after the other until the load has finished.
async fn run(profile: RoomProfile, context: RunContext, ids: RoomIds, state: Arc<Mutex<RoomState>>) {
    let mut workload = RoomWorkload::new(profile.role, profile.pace, profile.seed);
    let mut load: watch::Receiver<Load> = context.load.clone();
    let mut node = profile.node;
    while *load.borrow() != Load::Finished {
        let ended = RoomConnection::open(&profile, &context, &ids, node, &state, &mut workload).await;
        let Some(reconnect_after) = ended else { return };
        // With jitter, so that the clients of a dead node do not reconnect at once.
        let pause = reconnect_after + Duration::from_millis(workload.below(200));
        tokio::select! {
            () = tokio::time::sleep(pause) => {} // tidy: allow: a client reconnects after a pause
            _ = load.wait_for(|load| *load == Load::Finished) => {}
        }
        node = workload.below(context.nodes.len() as u64) as usize;
    }
}
