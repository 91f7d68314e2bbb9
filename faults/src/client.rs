//! A client: a task that keeps a connection to some node, carries out its plan and writes everything down.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::plan::Plan;
use crate::record::{Entry, Record, What};
use crate::view::View;

use connection::Connection;

mod connection;

/// What clients are asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// They carry out their plans.
    On,
    /// They finish what they began.
    Off,
    /// They leave.
    Over,
}

/// How a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Seed,
    V1,
}

/// Who a client is.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    pub(crate) client: String,
    pub(crate) user: String,
    pub(crate) dialect: Dialect,
    /// The node it goes to first.
    pub(crate) node: usize,
    /// How long it waits between commands, on average; one without only watches.
    pub(crate) pace: Option<Duration>,
    pub(crate) races: bool,
    pub(crate) seed: u64,
}

/// A client that runs.
pub(crate) struct Client {
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

/// What is known of a client at any time.
pub(crate) struct State {
    pub(crate) record: Record,
    pub(crate) view: View,
    /// Whether it is connected and has been told its sessions.
    pub(crate) ready: bool,
    /// The command that is not answered for good yet.
    pub(crate) pending: Option<Value>,
    /// When it saw the last tick, by the time since the run began.
    pub(crate) ticked_at: Option<Duration>,
}

/// What clients need to know of the run.
#[derive(Clone)]
pub(crate) struct Surroundings {
    /// The nodes' public ports.
    pub(crate) ports: Arc<[u16]>,
    pub(crate) load: watch::Receiver<Load>,
    pub(crate) begun: Instant,
}

impl Client {
    pub(crate) fn start(who: Who, surroundings: Surroundings) -> Self {
        let record = Record { client: who.client.clone(), user: who.user.clone(), entries: vec![] };
        let state = State { record, view: View::default(), ready: false, pending: None, ticked_at: None };
        let state = Arc::new(Mutex::new(state));
        let task = tokio::spawn(live(who, surroundings, Arc::clone(&state)));
        Self { state, task }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// Waits until it has left, and returns its story.
    pub(crate) async fn ended(mut self) -> Record {
        let ended = (&mut self.task).await;
        assert!(ended.is_ok(), "a client panicked: {ended:?}");
        self.state().record.clone()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    pub(crate) fn write(&mut self, at: Duration, what: What) {
        self.record.entries.push(Entry { at, what });
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Connects, and again to the next node whenever that ends, until the load is over.
async fn live(who: Who, surroundings: Surroundings, state: Arc<Mutex<State>>) {
    let mut plan = Plan::new(&who.client, &who.user, who.races, who.seed);
    let mut load = surroundings.load.clone();
    let mut node = who.node;
    while *load.borrow() != Load::Over {
        let ended = Connection::open(&who, &surroundings, node, &state, &mut plan).await;
        let Some(advice) = ended else { return };
        // A little apart, so that the clients of a dead node do not all come at once.
        let pause = advice + Duration::from_millis(plan.below(200));
        tokio::select! {
            () = tokio::time::sleep(pause) => {} // tidy: allow: a client comes back after a pause
            _ = load.wait_for(|load| *load == Load::Over) => {}
        }
        node = (node + 1) % surroundings.ports.len();
    }
}
