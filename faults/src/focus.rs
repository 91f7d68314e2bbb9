//! People with focus sessions: each has a page that creates sessions, tracks them over a WebSocket and ends them; some have
//! a second device that tracks the same session.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::task::JoinHandle;

use crate::client::RunContext;
use crate::record::{Entry, Event, Record};

pub(crate) mod converge;
mod link;
pub(crate) mod log;
mod page;
mod requests;
pub(crate) mod standstill;

use log::{Departure, DepartureKind, SessionLog};

/// Time after the last activity in which a second is active: a setting of the nodes, and the same in numbers. It is short so
/// that people become idle within a run.
pub(crate) const IDLE_AFTER: (&str, Duration) = ("2s", Duration::from_secs(2));

/// The configuration of a person.
#[derive(Clone, Debug)]
pub(crate) struct FocusProfile {
    pub(crate) person: String,
    /// The first node.
    pub(crate) node: usize,
    /// Number of devices: the first creates and ends sessions, the others track them.
    pub(crate) devices: usize,
    pub(crate) seed: u64,
}

/// A running person.
pub(crate) struct FocusPerson {
    state: Arc<Mutex<FocusState>>,
    tasks: Vec<JoinHandle<()>>,
}

/// The current state of a person.
#[derive(Clone, Debug)]
pub(crate) struct FocusState {
    pub(crate) person: String,
    pub(crate) devices: Vec<FocusDevice>,
    pub(crate) sessions: Vec<SessionLog>,
    /// The session that the devices track.
    pub(crate) current: Option<usize>,
    /// Number of requests for a session whose outcome is not known.
    pub(crate) unknown_creations: usize,
    /// The requests that were refused.
    pub(crate) refusals: Vec<Refusal>,
}

/// The current state of a device.
#[derive(Clone, Debug)]
pub(crate) struct FocusDevice {
    pub(crate) record: Record,
    /// The request without a final answer.
    pub(crate) pending: Option<String>,
    /// The session that the socket tracks, and the place of the socket in the session's log.
    pub(crate) tracked: Option<(usize, usize)>,
    /// The time of the last tick, since the start of the run.
    pub(crate) ticked_at: Option<Duration>,
}

/// A request that was refused.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) at: Duration,
    pub(crate) node: usize,
    pub(crate) reason: String,
}

impl FocusPerson {
    pub(crate) fn start(profile: &FocusProfile, context: &RunContext) -> Self {
        let device = |nth| {
            let client = format!("{}-{nth}", profile.person);
            let record = Record { client, user: profile.person.clone(), entries: vec![] };
            FocusDevice { record, pending: None, tracked: None, ticked_at: None }
        };
        let devices = (0..profile.devices).map(device).collect();
        let state = Arc::new(Mutex::new(FocusState::of(&profile.person, devices)));
        let run = |device| tokio::spawn(page::run(profile.clone(), device, context.clone(), Arc::clone(&state)));
        Self { tasks: (0..profile.devices).map(run).collect(), state }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, FocusState> {
        self.state.lock()
    }

    /// Waits until the person has finished, and returns what they have seen and done.
    pub(crate) async fn ended(mut self) -> FocusState {
        for task in &mut self.tasks {
            let ended = task.await;
            assert!(ended.is_ok(), "a page panicked: {ended:?}");
        }
        self.state().clone()
    }
}

impl Drop for FocusPerson {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl FocusState {
    pub(crate) fn of(person: &str, devices: Vec<FocusDevice>) -> Self {
        let (person, sessions, refusals) = (person.to_owned(), vec![], vec![]);
        Self { person, devices, sessions, current: None, unknown_creations: 0, refusals }
    }

    fn write(&mut self, device: usize, at: Duration, event: Event) {
        self.devices[device].record.entries.push(Entry { at, event });
    }

    /// Records that the socket of a device tracks nothing from now on.
    fn depart(&mut self, device: usize, from: Duration, until: Duration, kind: DepartureKind) {
        if let Some((session, socket)) = self.devices[device].tracked.take() {
            self.sessions[session].sockets[socket].departure.get_or_insert(Departure { from, until, kind });
        }
    }

    /// Returns the number of requests that were answered.
    pub(crate) fn acknowledged(&self) -> usize {
        self.sessions.iter().map(SessionLog::acknowledged).sum()
    }
}

/// Returns the path of a request of a person.
fn path_of(path: &str, person: &str) -> String {
    format!("{path}?userId={person}")
}
