//! The devices of people with a punch clock: each page posts its whole document over HTTP, and some have the live WebSocket
//! open.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::client::RunContext;
use crate::record::{Entry, Event, Record};

mod actor;
pub(crate) mod converge;
mod listener;
mod page;

/// The configuration of a device.
#[derive(Clone, Debug)]
pub(crate) struct DeviceProfile {
    pub(crate) client: String,
    pub(crate) person: String,
    /// The place of the device among those of its person, and their number.
    pub(crate) place: (usize, usize),
    /// The first node.
    pub(crate) node: usize,
    /// Average time between requests.
    pub(crate) pace: Duration,
    /// Whether the page takes over the documents of answers; one that does not is stale until it reads the document.
    pub(crate) adopts: bool,
    /// Whether the page resets the day.
    pub(crate) resets: bool,
    /// Whether the page has the WebSocket open.
    pub(crate) is_live: bool,
    pub(crate) seed: u64,
}

/// A running device.
pub(crate) struct Device {
    state: Arc<Mutex<DeviceState>>,
    tasks: Vec<JoinHandle<()>>,
}

/// The current state of a device.
pub(crate) struct DeviceState {
    /// The messages by connection, and in between the requests with their answers.
    pub(crate) record: Record,
    /// The requests, repetitions included, in order.
    pub(crate) attempts: Vec<Attempt>,
    /// The request without a final answer.
    pub(crate) pending: Option<Value>,
    /// What the WebSocket shows, if the device has one.
    pub(crate) live: Option<LiveView>,
}

/// What the WebSocket shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct LiveView {
    /// The document; `None` while there is no connection, or nothing came on it.
    pub(crate) document: Option<Value>,
    /// The time of the last tick, since the start of the run.
    pub(crate) ticked_at: Option<Duration>,
}

/// A request that was sent once.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) sent_at: Duration,
    pub(crate) request: PageRequest,
    /// When the answer came, and its body; `None` if the outcome is not known.
    pub(crate) answer: Option<(Duration, Value)>,
}

/// A request of a page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PageRequest {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) body: Value,
}

/// What a device has seen and done.
#[derive(Clone, Debug)]
pub(crate) struct DeviceRecord {
    pub(crate) record: Record,
    pub(crate) attempts: Vec<Attempt>,
}

impl Device {
    pub(crate) fn start(profile: DeviceProfile, context: &RunContext) -> Self {
        let record = Record { client: profile.client.clone(), user: profile.person.clone(), entries: vec![] };
        let live = profile.is_live.then(LiveView::default);
        let state = Arc::new(Mutex::new(DeviceState { record, attempts: vec![], pending: None, live }));
        let mut tasks = vec![tokio::spawn(actor::run(profile.clone(), context.clone(), Arc::clone(&state)))];
        if profile.is_live {
            tasks.push(tokio::spawn(listener::run(profile, context.clone(), Arc::clone(&state))));
        }
        Self { state, tasks }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, DeviceState> {
        self.state.lock()
    }

    /// Waits until the device has finished, and returns what it has seen and done.
    pub(crate) async fn ended(mut self) -> DeviceRecord {
        for task in &mut self.tasks {
            let ended = task.await;
            assert!(ended.is_ok(), "a device panicked: {ended:?}");
        }
        self.record()
    }

    pub(crate) fn record(&self) -> DeviceRecord {
        let state = self.state();
        DeviceRecord { record: state.record.clone(), attempts: state.attempts.clone() }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl DeviceState {
    fn write(&mut self, at: Duration, event: Event) {
        self.record.entries.push(Entry { at, event });
    }
}

impl PageRequest {
    /// Returns the punches that the request posts.
    pub(crate) fn punches(&self) -> impl Iterator<Item = &Value> {
        self.body["entries"].as_array().into_iter().flatten()
    }

    pub(crate) fn is_reset(&self) -> bool {
        self.method == "DELETE"
    }

    /// Tells whether the page repeats the request until it is answered: a heartbeat is followed by the next one.
    fn is_repeated(&self) -> bool {
        self.path != page::HEARTBEAT
    }
}

/// Returns the path of a request of a person.
fn path_of(path: &str, person: &str) -> String {
    format!("{path}?userId={person}")
}
