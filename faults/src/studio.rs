//! The members of organisations: each calls procedures over HTTP, one after the other, and receives the organisation's
//! events over Socket.IO.

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
pub(crate) mod workload;

/// The configuration of a member.
#[derive(Clone, Debug)]
pub(crate) struct MemberProfile {
    pub(crate) client: String,
    /// A number, as organisations and users have in the original.
    pub(crate) organization: usize,
    pub(crate) user: usize,
    /// The first node.
    pub(crate) node: usize,
    /// Average time between calls; without it, the member calls nothing.
    pub(crate) pace: Option<Duration>,
    pub(crate) seed: u64,
}

/// A running member.
pub(crate) struct Member {
    pub(crate) organization: usize,
    state: Arc<Mutex<MemberState>>,
    tasks: [JoinHandle<()>; 2],
}

/// The current state of a member.
pub(crate) struct MemberState {
    /// The events by connection, and in between the calls with their answers.
    pub(crate) record: Record,
    /// The calls that were answered, in order.
    pub(crate) calls: Vec<Call>,
    pub(crate) is_connected: bool,
    /// The call without a final answer.
    pub(crate) pending: Option<Value>,
}

/// A call that was answered.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// When it was sent first, since the start of the run.
    pub(crate) sent_at: Duration,
    pub(crate) request: Value,
    /// The result, or the error.
    pub(crate) answer: Result<Value, Value>,
    /// The names of the events that it causes if it succeeds.
    pub(crate) events: Vec<&'static str>,
}

/// What a member has seen and done.
#[derive(Clone, Debug)]
pub(crate) struct MemberRecord {
    pub(crate) organization: usize,
    pub(crate) record: Record,
    pub(crate) calls: Vec<Call>,
}

impl Member {
    pub(crate) fn start(profile: MemberProfile, context: &RunContext) -> Self {
        let user = format!("organization-{}", profile.organization);
        let record = Record { client: profile.client.clone(), user, entries: vec![] };
        let state = MemberState { record, calls: vec![], is_connected: false, pending: None };
        let state = Arc::new(Mutex::new(state));
        let organization = profile.organization;
        let listening = tokio::spawn(listener::run(profile.clone(), context.clone(), Arc::clone(&state)));
        let acting = tokio::spawn(actor::run(profile, context.clone(), Arc::clone(&state)));
        Self { organization, state, tasks: [listening, acting] }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, MemberState> {
        self.state.lock()
    }

    /// Waits until the member has finished, and returns what it has seen and done.
    pub(crate) async fn ended(mut self) -> MemberRecord {
        for task in &mut self.tasks {
            let ended = task.await;
            assert!(ended.is_ok(), "a member panicked: {ended:?}");
        }
        self.record()
    }

    pub(crate) fn record(&self) -> MemberRecord {
        let state = self.state();
        MemberRecord { organization: self.organization, record: state.record.clone(), calls: state.calls.clone() }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl MemberProfile {
    /// Returns the headers by which nodes know the member.
    fn headers(&self) -> [(&'static str, String); 2] {
        [("x-test-user-id", self.user.to_string()), ("x-test-org-id", self.organization.to_string())]
    }
}

impl MemberState {
    fn write(&mut self, at: Duration, event: Event) {
        self.record.entries.push(Entry { at, event });
    }
}
