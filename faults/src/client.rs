//! A client: a task that keeps a connection to a node, executes its workload and records all messages.

use parking_lot::{Mutex, MutexGuard};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tickcast_client::ClientOptions;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::backends::{Backends, UNKNOWN_NODE};
use crate::record::{Entry, Event, Record};
use crate::view::View;
use crate::workload::Workload;

use connection::Connection;

mod connection;

/// The phase of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// Clients execute their workloads.
    Active,
    /// Clients finish pending commands.
    Draining,
    /// Clients disconnect.
    Finished,
}

/// The dialect of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Seed,
    V1,
}

/// The configuration of a client.
#[derive(Clone, Debug)]
pub(crate) struct ClientProfile {
    pub(crate) client: String,
    pub(crate) user: String,
    pub(crate) dialect: Dialect,
    /// The first node.
    pub(crate) node: usize,
    /// Average time between commands; without it, the client sends none.
    pub(crate) pace: Option<Duration>,
    pub(crate) races: bool,
    pub(crate) seed: u64,
}

/// A running client.
pub(crate) struct Client {
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

/// The current state of a client.
pub(crate) struct State {
    pub(crate) record: Record,
    pub(crate) view: View,
    /// Whether it is connected and has received its sessions.
    pub(crate) ready: bool,
    /// The command without a final reply.
    pub(crate) pending: Option<Value>,
    /// The time of the last tick, since the start of the run.
    pub(crate) ticked_at: Option<Duration>,
}

/// The parts of the run that clients use.
#[derive(Clone)]
pub(crate) struct RunContext {
    /// The public addresses of the nodes, or of what is in front of them.
    pub(crate) nodes: Arc<[SocketAddr]>,
    pub(crate) load: watch::Receiver<Load>,
    pub(crate) started_at: Instant,
    /// How library clients connect: to an address in front of all nodes. Without it there are none.
    pub(crate) library: Option<ClientOptions>,
    /// The nodes behind a Service, if the addresses are those of one.
    pub(crate) backends: Option<Backends>,
    /// Time without a message after which a client takes its connection for lost: longer than the interval of the nodes' pings.
    pub(crate) silence_timeout: Duration,
}

/// Time without a message after which a connection is lost: a node pings every 25 s, and waits 10 s for the pong.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(40);

impl RunContext {
    /// Makes the context of clients that connect to the nodes themselves.
    pub(crate) fn of_nodes(nodes: Arc<[SocketAddr]>, load: watch::Receiver<Load>, started_at: Instant) -> Self {
        Self { nodes, load, started_at, library: None, backends: None, silence_timeout: SILENCE_TIMEOUT }
    }

    /// Returns the node that a connection leads to: the dialed one, or the one that the Service has chosen.
    pub(crate) async fn node_of(&self, dialed: usize, connection: &TcpStream) -> usize {
        match (&self.backends, connection.local_addr()) {
            (Some(backends), Ok(local)) => backends.node_of(local).await.unwrap_or(UNKNOWN_NODE),
            (Some(_), Err(_)) => UNKNOWN_NODE,
            (None, _) => dialed,
        }
    }
}

impl Client {
    pub(crate) fn start(profile: ClientProfile, context: RunContext) -> Self {
        let record = Record { client: profile.client.clone(), user: profile.user.clone(), entries: vec![] };
        let state = State { record, view: View::default(), ready: false, pending: None, ticked_at: None };
        let state = Arc::new(Mutex::new(state));
        let task = tokio::spawn(run(profile, context, Arc::clone(&state)));
        Self { state, task }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Waits until the client has finished, and returns its record.
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
    pub(crate) fn write(&mut self, at: Duration, event: Event) {
        self.record.entries.push(Entry { at, event });
    }
}

/// Connects to one node after the other until the load has finished.
async fn run(profile: ClientProfile, context: RunContext, state: Arc<Mutex<State>>) {
    let mut workload = Workload::new(&profile.client, &profile.user, profile.races, profile.seed);
    let mut load = context.load.clone();
    let mut node = profile.node;
    while *load.borrow() != Load::Finished {
        let ended = Connection::open(&profile, &context, node, &state, &mut workload).await;
        let Some(reconnect_after) = ended else { return };
        // With jitter, so that the clients of a dead node do not reconnect at once.
        let pause = reconnect_after + Duration::from_millis(workload.below(200));
        tokio::select! {
            () = tokio::time::sleep(pause) => {} // tidy: allow: a client reconnects after a pause
            _ = load.wait_for(|load| *load == Load::Finished) => {}
        }
        node = (node + 1) % context.nodes.len();
    }
}
