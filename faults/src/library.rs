//! A client that uses the library `tickcast-client`: what it displays and what its commands return is judged.
//!
//! Its record has the commands, the answers, and in `display` messages what a person would see. Before each answer it has
//! the sessions that the library knew at that moment, as a `session-snapshot`.

mod room;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use parking_lot::{Mutex, MutexGuard};
use serde_json::{Value, json};
use tickcast_client::clockit::{Acknowledged, ClockitSnapshot, Goal, SessionStart};
use tickcast_client::{ClientOptions, ClockitClient, CommandError, ConnectionState, Credential, Times};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::client::{Load, RunContext};
use crate::record::{Entry, Event, Record};
use crate::view::View;
use crate::workload::Workload;

pub(crate) use room::LibraryRoom;

/// The configuration of a client.
#[derive(Clone, Debug)]
pub(crate) struct LibraryProfile {
    pub(crate) client: String,
    pub(crate) user: String,
    /// Average time between commands; without it, the client sends none.
    pub(crate) pace: Option<Duration>,
    pub(crate) seed: u64,
}

/// A running client.
pub(crate) struct LibraryClient {
    state: Arc<Mutex<LibraryState>>,
    task: JoinHandle<()>,
}

/// The current state of a client.
pub(crate) struct LibraryState {
    pub(crate) record: Record,
    /// The sessions that it knows.
    pub(crate) view: View,
    /// Whether it is connected and its display is live.
    pub(crate) is_live: bool,
    /// The command without an answer.
    pub(crate) pending: Option<Value>,
    /// The time of the last change of the display, since the start of the run.
    pub(crate) displayed_at: Option<Duration>,
}

/// The answer to a command.
type Answer = Result<Acknowledged, CommandError>;

struct LibraryTask {
    client: ClockitClient,
    snapshots: watch::Receiver<Arc<ClockitSnapshot>>,
    load: watch::Receiver<Load>,
    state: Arc<Mutex<LibraryState>>,
    started_at: Instant,
    workload: Workload,
    pace: Option<Duration>,
    next_at: Option<Instant>,
    answer: Option<BoxFuture<'static, Answer>>,
}

impl LibraryClient {
    pub(crate) fn start(profile: LibraryProfile, options: ClientOptions, context: &RunContext) -> Self {
        let options = options.credential(Credential::user(&profile.user)).client_id(&profile.client);
        // By the local clock, a second that no node has sent would not be missing.
        let client = ClockitClient::open(options.continues_locally(false));
        let record = Record { client: profile.client.clone(), user: profile.user.clone(), entries: vec![] };
        let state = LibraryState { record, view: View::default(), is_live: false, pending: None, displayed_at: None };
        let state = Arc::new(Mutex::new(state));
        let task = LibraryTask {
            snapshots: client.subscribe(),
            client,
            load: context.load.clone(),
            state: Arc::clone(&state),
            started_at: context.started_at,
            workload: Workload::new(&profile.client, &profile.user, false, profile.seed),
            pace: profile.pace,
            next_at: None,
            answer: None,
        };
        Self { state, task: tokio::spawn(task.run()) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, LibraryState> {
        self.state.lock()
    }

    /// Waits until the client has finished, and returns its record.
    pub(crate) async fn ended(mut self) -> Record {
        let ended = (&mut self.task).await;
        assert!(ended.is_ok(), "a library client panicked: {ended:?}");
        self.state().record.clone()
    }
}

impl Drop for LibraryClient {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl LibraryState {
    fn write(&mut self, at: Duration, event: Event) {
        self.record.entries.push(Entry { at, event });
    }

    /// Records what the client displays.
    fn display(&mut self, at: Duration, snapshot: &ClockitSnapshot) {
        let is_live = snapshot.connection == ConnectionState::Online && snapshot.times == Times::Live;
        if is_live != self.is_live {
            self.is_live = is_live;
            self.write(
                at,
                Event::Received(json!({ "type": "connection", "state": format!("{:?}", snapshot.connection) })),
            );
        }
        self.view = view(snapshot);
        self.displayed_at = Some(at);
        let sessions = snapshot.sessions.iter().map(|session| {
            let state = &session.state;
            json!({
                "sessionId": state.session_id, "running": state.running, "startedAt": state.started_at,
                "accumulatedMs": state.accumulated_ms, "elapsedMs": session.elapsed_ms,
            })
        });
        let sessions: Vec<Value> = sessions.collect();
        self.write(at, Event::Received(json!({ "type": "display", "sessions": sessions })));
    }
}

impl LibraryTask {
    async fn run(mut self) {
        self.plan();
        loop {
            tokio::select! {
                // First, so that no second is passed over while an answer is processed.
                biased;
                changed = self.snapshots.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.display();
                }
                answer = answered(&mut self.answer) => self.settle(answer),
                () = at(self.next_at) => self.send(),
                changed = self.load.changed() => {
                    if changed.is_err() || *self.load.borrow_and_update() == Load::Finished {
                        return self.client.close().await;
                    }
                    self.plan();
                }
            }
        }
    }

    fn display(&mut self) {
        let snapshot = Arc::clone(&self.snapshots.borrow_and_update());
        if snapshot.is_loaded {
            self.state.lock().display(self.started_at.elapsed(), &snapshot);
        }
    }

    /// Chooses when the next command is sent.
    fn plan(&mut self) {
        let pace = self.pace.filter(|_| self.answer.is_none() && *self.load.borrow() == Load::Active);
        let mut soon = |pace: Duration| Duration::from_millis(self.workload.below(2 * pace.as_millis() as u64));
        self.next_at = pace.map(|pace| Instant::now() + soon(pace));
    }

    fn send(&mut self) {
        self.next_at = None;
        let command = self.workload.next();
        let mut state = self.state.lock();
        state.write(self.started_at.elapsed(), Event::Sent(command.clone()));
        state.pending = Some(command.clone());
        drop(state);
        self.answer = Some(Box::pin(execute(self.client.clone(), command)));
    }

    fn settle(&mut self, answer: Result<Acknowledged, CommandError>) {
        self.answer = None;
        self.display();
        let at = self.started_at.elapsed();
        let mut state = self.state.lock();
        let Some(command) = state.pending.take() else { return };
        match answer {
            Ok(acknowledged) => {
                let sessions: Vec<Value> = state.view.sessions.values().cloned().collect();
                let known = json!({ "type": "session-snapshot", "payload": sessions, "rev": acknowledged.rev });
                state.write(at, Event::Received(known));
                let ack = json!({ "type": "ack", "id": command["id"], "rev": acknowledged.rev });
                state.write(at, Event::Received(ack));
                self.workload.done(&command);
            }
            Err(error) => {
                let payload = json!({ "code": format!("{error:?}"), "message": error.to_string(), "retry": false });
                let refused = json!({ "type": "error", "id": command["id"], "payload": payload });
                state.write(at, Event::Received(refused));
                self.workload.lost(command["payload"]["sessionId"].as_str().unwrap_or_default());
            }
        }
        drop(state);
        self.plan();
    }
}

/// Returns the sessions of a snapshot as the server has them. A snapshot has no revision.
fn view(snapshot: &ClockitSnapshot) -> View {
    let sessions = snapshot.sessions.iter().filter_map(|session| {
        let state = serde_json::to_value(&*session.state).ok()?;
        Some((session.state.session_id.clone(), state))
    });
    View { rev: 0, sessions: sessions.collect() }
}

/// Gives a command of the workload to the library.
async fn execute(client: ClockitClient, command: Value) -> Answer {
    let payload = &command["payload"];
    let session = payload["sessionId"].as_str().unwrap_or_default();
    match command["type"].as_str() {
        Some("session-start") => {
            let label = payload["label"].as_str().unwrap_or_default();
            let start = SessionStart { session_id: Some(session.to_owned()), ..SessionStart::new(label) };
            client.start(&start).await
        }
        Some("session-pause") => client.pause(session).await,
        Some("session-resume") => client.resume(session).await,
        Some("session-stop") => client.stop(session).await,
        Some("session-remove") => client.remove(session).await,
        Some("session-attach") => {
            let text = |name: &str| payload["goal"][name].as_str().unwrap_or_default().to_owned();
            client.attach_goal(session, &Goal { id: text("id"), title: text("title"), ..Goal::default() }).await
        }
        Some("session-detach") => client.detach_goal(session, payload["goalId"].as_str().unwrap_or_default()).await,
        Some(_) | None => unreachable!("the workload has no command {command}"),
    }
}

async fn answered(answer: &mut Option<BoxFuture<'static, Answer>>) -> Answer {
    match answer {
        Some(answer) => answer.await,
        None => pending().await,
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(at) => sleep_until(at).await, // tidy: allow: a client's pace
        None => pending().await,
    }
}
