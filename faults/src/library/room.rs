//! A member of a room of its own that uses the library: its countdown runs for the whole run.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::{Mutex, MutexGuard};
use serde_json::json;
use tickcast_client::rooms::{CountdownCommand, NewRoom, RoomsSnapshot};
use tickcast_client::{ClientOptions, ConnectionState, RoomsClient, Times};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::client::{Load, RunContext};
use crate::record::{Entry, Event, Record};
use crate::rooms::stored::StoredRoom;

/// Longer than a run.
const COUNTDOWN: Duration = Duration::from_hours(1);

const SECOND_MS: i64 = 1000;

/// A running client.
pub(crate) struct LibraryRoom {
    state: Arc<Mutex<LibraryRoomState>>,
    task: JoinHandle<()>,
}

/// The current state of a client.
pub(crate) struct LibraryRoomState {
    pub(crate) record: Record,
    pub(crate) snapshot: Option<Arc<RoomsSnapshot>>,
    /// The time of the last change of the display, since the start of the run.
    pub(crate) displayed_at: Option<Duration>,
}

impl LibraryRoom {
    pub(crate) fn start(client: String, options: ClientOptions, context: &RunContext) -> Self {
        // By the local clock, a second that no node has sent would not be missing.
        let rooms = RoomsClient::open(options.continues_locally(false));
        let record = Record { user: client.clone(), client, entries: vec![] };
        let state = Arc::new(Mutex::new(LibraryRoomState { record, snapshot: None, displayed_at: None }));
        let task = run(rooms, context.clone(), Arc::clone(&state));
        let written = Arc::clone(&state);
        let started_at = context.started_at;
        let task = tokio::spawn(async move {
            if let Err(error) = task.await {
                written.lock().write(started_at, Event::Closed(format!("{error:#}")));
            }
        });
        Self { state, task }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, LibraryRoomState> {
        self.state.lock()
    }

    /// Waits until the client has finished, and returns its record.
    pub(crate) async fn ended(mut self) -> Record {
        let ended = (&mut self.task).await;
        assert!(ended.is_ok(), "a library client panicked: {ended:?}");
        self.state().record.clone()
    }
}

impl Drop for LibraryRoom {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl LibraryRoomState {
    /// Returns the id of the room, once it exists.
    pub(crate) fn room_id(&self) -> Option<&str> {
        Some(&self.snapshot.as_ref()?.room.as_ref()?.session_id)
    }

    /// Returns the unmet condition of convergence: the client is the only member of its room, and displays seconds.
    pub(crate) fn unmet_condition(&self, stored: Option<&StoredRoom>, since: Duration) -> Option<String> {
        let client = &self.record.client;
        let Some((snapshot, room)) = self.snapshot.as_ref().and_then(|all| Some((all, all.room.as_ref()?))) else {
            return Some(format!("{client} has no room"));
        };
        if snapshot.connection != ConnectionState::Online || !snapshot.is_joined || snapshot.times != Times::Live {
            return Some(format!("{client} is not live: {snapshot:?}"));
        }
        let members = stored.map(|room| room.members.iter().map(String::as_str).collect::<Vec<_>>());
        if members.as_deref() != Some(&[room.client_id.as_str()]) {
            return Some(format!("{client} is not the only member of {}: {members:?}", room.session_id));
        }
        let is_still = self.displayed_at.is_none_or(|at| at < since);
        is_still.then(|| format!("{client} displays no new second"))
    }

    fn write(&mut self, started_at: Instant, event: Event) {
        self.record.entries.push(Entry { at: started_at.elapsed(), event });
    }

    /// Records what the client displays, as a run of a stopwatch whose time is the whole second of the countdown.
    fn display(&mut self, started_at: Instant, snapshot: &Arc<RoomsSnapshot>) {
        self.snapshot = Some(Arc::clone(snapshot));
        let Some(room) = &snapshot.room else { return };
        self.displayed_at = Some(started_at.elapsed());
        let run = room.state.ends_at.zip(snapshot.remaining_seconds).map(|(ends_at, remaining)| {
            // A countdown whose end is between two seconds is displayed as if it ended at the second of them.
            let last_second = -(-ends_at).div_euclid(SECOND_MS);
            json!({
                "sessionId": room.session_id, "running": room.state.is_running, "startedAt": ends_at,
                "accumulatedMs": ends_at, "elapsedMs": (last_second - remaining) * SECOND_MS,
            })
        });
        let runs: Vec<_> = run.into_iter().collect();
        let display = json!({ "type": "display", "sessions": runs, "member": room.client_id });
        self.write(started_at, Event::Received(display));
    }
}

async fn run(rooms: RoomsClient, context: RunContext, state: Arc<Mutex<LibraryRoomState>>) -> Result<()> {
    let mut snapshots = rooms.subscribe();
    let mut load = context.load;
    rooms.create(NewRoom { duration: Some(COUNTDOWN), name: None }).await.context("no room was created")?;
    rooms.send(CountdownCommand::Start(None)).await.context("the countdown was not started")?;
    loop {
        {
            let snapshot = Arc::clone(&snapshots.borrow_and_update());
            state.lock().display(context.started_at, &snapshot);
        }
        tokio::select! {
            changed = snapshots.changed() => changed.context("the client has ended")?,
            changed = load.changed() => {
                if changed.is_err() || *load.borrow_and_update() == Load::Finished {
                    rooms.close().await;
                    return Ok(());
                }
            }
        }
    }
}
