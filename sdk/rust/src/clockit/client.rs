//! The client of one user's stopwatch sessions.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;

use crate::backoff::random_id;
use crate::client_channels::Snapshot;
use crate::clockit::change::SessionChange;
use crate::clockit::model::Session;
use crate::clockit::protocol::{Acknowledged, Goal, SessionStart};
use crate::clockit::task::{Channels, LIMITS, Request, start_task};
use crate::connection::ConnectionState;
use crate::error::{CommandError, ConnectionError, ServerError};
use crate::events::Events;
use crate::options::ClientOptions;
use crate::outbox::{Command, CommandQueue, FailedCommand, FileOwner, OutboxError, OutboxFile, Submission};
use crate::server_clock::ServerTime;
use crate::times::Times;

/// What a client knows. It is immutable; another snapshot replaces it after a change.
#[derive(Clone, Debug)]
pub struct ClockitSnapshot {
    /// The state of the connection.
    pub connection: ConnectionState,
    /// The sessions in the order of their creation.
    pub sessions: Arc<Vec<Session>>,
    /// Whether the sessions have been received at least once.
    pub is_loaded: bool,
    /// Where the displayed times come from.
    pub times: Times,
    /// The number of commands without an answer.
    pub pending: usize,
    /// The server's time; `None` before its first message.
    pub server_time: Option<ServerTime>,
}

impl ClockitSnapshot {
    /// Returns a session by its id.
    #[must_use]
    pub fn session(&self, id: &str) -> Option<&Session> {
        self.sessions.iter().find(|session| session.state.session_id == id)
    }
}

/// A change of the sessions replaces their list.
impl Snapshot for ClockitSnapshot {
    fn is_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.sessions, &other.sessions)
            && self.is_loaded == other.is_loaded
            && self.times == other.times
            && self.pending == other.pending
            && self.server_time == other.server_time
            && self.connection == other.connection
    }
}

/// What a client notifies of.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClockitEvent {
    /// A session has changed. Ticks are no changes.
    Session(SessionChange),
    /// The server reports an error that belongs to no command.
    Server(ServerError),
    /// The token provider failed. The client tries again.
    Token(ConnectionError),
    /// A command has failed, and no caller waits for it.
    Command(FailedCommand),
    /// Commands cannot be stored in the outbox file at present.
    Outbox(OutboxError),
}

/// The client of one user's stopwatch sessions.
///
/// It reconnects by itself, follows the advice of servers that stop, moves to another node before its node closes the
/// connection, repeats commands without an answer under their ids, and continues displayed times by the local clock.
/// Clones share one connection. It ends when all of them are dropped, or with [`ClockitClient::close`].
#[derive(Clone, Debug)]
pub struct ClockitClient {
    channels: Channels,
}

impl ClockitClient {
    /// Begins to connect, and returns at once.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    #[must_use]
    pub fn open(options: ClientOptions) -> Self {
        let client_id = options.client_id.clone().unwrap_or_else(random_id);
        Self::over(start_task(options, &client_id, CommandQueue::in_memory(LIMITS)))
    }

    /// Begins to connect with an outbox file, in which commands wait that have no answer yet: they survive the end of the
    /// process, and this client sends those that an earlier one has left. Each takes effect once.
    ///
    /// The file belongs to one user of one server, and one client at a time uses it. With it, a command is kept when its
    /// future is dropped, and fails with [`CommandError::Stored`] when the client is closed or refused. This function reads
    /// and writes the file before it returns; the client does so on a thread for blocking work.
    ///
    /// # Errors
    /// Another client uses the file, it is damaged, has the commands of another user, or cannot be written.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn open_with_outbox(options: ClientOptions, file: impl Into<PathBuf>) -> Result<Self, OutboxError> {
        let opened = OutboxFile::open(file.into(), FileOwner::of("clockit", &options), options.client_id.clone())?;
        let client_id = opened.file.client_id().to_owned();
        let options = opened.file.bind(options);
        Ok(Self::over(start_task(options, &client_id, CommandQueue::of_file(LIMITS, opened))))
    }

    pub(crate) fn over(channels: Channels) -> Self {
        Self { channels }
    }

    /// Returns what the client knows.
    #[must_use]
    pub fn snapshot(&self) -> Arc<ClockitSnapshot> {
        self.channels.snapshot()
    }

    /// Returns a receiver of snapshots, which changes each second while something runs.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<ClockitSnapshot>> {
        self.channels.subscribe()
    }

    /// Returns a receiver of changes and errors.
    #[must_use]
    pub fn events(&self) -> Events<ClockitEvent> {
        self.channels.events()
    }

    /// Connects at once instead of at the next attempt, also after a refusal.
    pub async fn retry_now(&self) {
        self.channels.send(Request::RetryNow).await;
    }

    /// Disconnects. Commands without an answer fail, or wait in the outbox file for the next client.
    pub async fn close(&self) {
        self.channels.ask(Request::Close).await;
    }

    /// Starts a session. A running session of that id takes the new texts and goals; a paused or stopped one starts
    /// another run.
    ///
    /// # Errors
    /// As all commands: the future waits while there is no connection, and the command takes effect once. A command whose
    /// future is dropped before it was sent is not sent.
    pub async fn start(&self, session: &SessionStart) -> Result<Acknowledged, CommandError> {
        self.submit("session-start", session).await
    }

    /// Stops a session.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn stop(&self, session_id: &str) -> Result<Acknowledged, CommandError> {
        self.submit("session-stop", &json!({ "sessionId": session_id })).await
    }

    /// Pauses a session.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn pause(&self, session_id: &str) -> Result<Acknowledged, CommandError> {
        self.submit("session-pause", &json!({ "sessionId": session_id })).await
    }

    /// Resumes a paused session, and runs a stopped one again.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn resume(&self, session_id: &str) -> Result<Acknowledged, CommandError> {
        self.submit("session-resume", &json!({ "sessionId": session_id })).await
    }

    /// Removes a session from the list on every device.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn remove(&self, session_id: &str) -> Result<Acknowledged, CommandError> {
        self.submit("session-remove", &json!({ "sessionId": session_id })).await
    }

    /// Adds a goal, or replaces the goal with the same id.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn attach_goal(&self, session_id: &str, goal: &Goal) -> Result<Acknowledged, CommandError> {
        self.submit("session-attach", &json!({ "sessionId": session_id, "goal": goal })).await
    }

    /// Removes a goal.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn detach_goal(&self, session_id: &str, goal_id: &str) -> Result<Acknowledged, CommandError> {
        self.submit("session-detach", &json!({ "sessionId": session_id, "goalId": goal_id })).await
    }

    async fn submit(&self, kind: &str, payload: &impl Serialize) -> Result<Acknowledged, CommandError> {
        // A payload of the library's own types is JSON.
        let payload = serde_json::to_value(payload).unwrap_or_default();
        let command = Command { id: random_id(), kind: kind.to_owned(), payload };
        let request = |reply| Request::Submit(Submission { command, reply });
        self.channels.ask(request).await.unwrap_or(Err(CommandError::Closed))
    }
}
