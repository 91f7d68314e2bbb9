//! The client of one person's focus session.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Mutex, watch};

use crate::client_channels::Snapshot;
use crate::connection::ConnectionState;
use crate::error::{CommandError, ConnectionError, ErrorCode, HttpError, ServerError};
use crate::events::Events;
use crate::focus::commands::LIMITS;
use crate::focus::model::ActivityRun;
use crate::focus::options::FocusOptions;
use crate::focus::protocol::{
    FocusEnding, FocusListQuery, FocusSession, FocusSessionChange, FocusStats, FocusStatus, NewFocusSession,
};
use crate::focus::requests::FocusRequests;
use crate::focus::score::FocusScore;
use crate::focus::task::{FocusChannels, FocusRequest, start_task};
use crate::outbox::{CommandQueue, FailedCommand, FileOwner, OutboxError, OutboxFile};
use crate::server_clock::ServerTime;
use crate::times::Times;

/// What a client knows. It is immutable; another snapshot replaces it after a change.
#[derive(Clone, Debug, PartialEq)]
pub struct FocusSnapshot {
    /// The state of the connection.
    pub connection: ConnectionState,
    /// Whether the server has told if there is a session.
    pub is_loaded: bool,
    /// The current session with its live counters and the commands that wait; it stays after its end.
    pub session: Option<Arc<FocusSession>>,
    /// Whether the server counts the seconds of the session for this client.
    pub is_tracked: bool,
    /// Whether the last counted second is idle.
    pub idle: bool,
    /// The counted seconds as runs of active and idle ones, in order.
    pub activity: Arc<Vec<ActivityRun>>,
    /// The score that the session would have if it ended now, and its parts.
    pub score: Option<FocusScore>,
    /// The sum of all ended sessions; `None` before it is loaded.
    pub stats: Option<FocusStats>,
    /// Where the displayed seconds come from.
    pub times: Times,
    /// The number of commands without an answer.
    pub pending: usize,
    /// The server's time; `None` before it is known.
    pub server_time: Option<ServerTime>,
}

impl Snapshot for FocusSnapshot {
    fn is_same_as(&self, other: &Self) -> bool {
        self == other
    }
}

/// What a client notifies of.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FocusEvent {
    /// The server reports an error that belongs to no request.
    Server(ServerError),
    /// The token provider failed. The client tries again.
    Token(ConnectionError),
    /// The session or the statistics could not be loaded. The client tries again.
    Load(HttpError),
    /// A command has failed, and no caller waits for it.
    Command(FailedCommand),
    /// Commands cannot be stored in the outbox file at present.
    Outbox(OutboxError),
}

/// The client of one person's focus session: its seconds, what the person does, and the score.
///
/// It reconnects by itself, follows the advice of servers that stop, and moves to another node before its node closes the
/// connection. The application reports activity and tab switches. Clones share one connection. It ends when all of them are
/// dropped, or with [`FocusClient::close`]; the server counts for 30 seconds more if a client returns by then.
#[derive(Clone, Debug)]
pub struct FocusClient {
    channels: FocusChannels,
    http: Arc<FocusRequests>,
    /// Held while a session is created: of two the second becomes the current one.
    creating: Arc<Mutex<()>>,
}

impl FocusClient {
    /// Begins to connect, and returns at once.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    #[must_use]
    pub fn open(options: impl Into<FocusOptions>) -> Self {
        Self::over(options.into(), CommandQueue::in_memory(LIMITS))
    }

    /// Begins to connect with an outbox file, as [`ClockitClient::open_with_outbox`](crate::ClockitClient::open_with_outbox)
    /// does.
    ///
    /// # Errors
    /// Another client uses the file, it is damaged, has the commands of another user, or cannot be written.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn open_with_outbox(options: impl Into<FocusOptions>, file: impl Into<PathBuf>) -> Result<Self, OutboxError> {
        let mut options = options.into();
        let opened = OutboxFile::open(file.into(), FileOwner::of("focus", &options.client), None)?;
        options.client = opened.file.bind(options.client);
        Ok(Self::over(options, CommandQueue::of_file(LIMITS, opened)))
    }

    fn over(options: FocusOptions, outbox: CommandQueue<Arc<FocusSession>>) -> Self {
        let http = Arc::new(FocusRequests::new(&options));
        Self { channels: start_task(options, Arc::clone(&http), outbox), http, creating: Arc::default() }
    }

    /// Returns what the client knows.
    #[must_use]
    pub fn snapshot(&self) -> Arc<FocusSnapshot> {
        self.channels.snapshot()
    }

    /// Returns a receiver of snapshots, which changes each second while seconds are counted.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<FocusSnapshot>> {
        self.channels.subscribe()
    }

    /// Returns a receiver of errors.
    #[must_use]
    pub fn events(&self) -> Events<FocusEvent> {
        self.channels.events()
    }

    /// Connects at once instead of at the next attempt, also after a refusal.
    pub async fn retry_now(&self) {
        self.channels.send(FocusRequest::RetryNow).await;
    }

    /// Disconnects. Commands without an answer fail, or wait in the outbox file for the next client.
    pub async fn close(&self) {
        self.channels.ask(FocusRequest::Close).await;
    }

    /// Creates a session and counts its seconds.
    ///
    /// # Errors
    /// The server rejects the session or cannot be reached, there is no token, or the outcome is unknown. The request is not
    /// repeated, because there could be two sessions; if the session exists, it appears.
    pub async fn start(&self, session: &NewFocusSession) -> Result<Arc<FocusSession>, CommandError> {
        let _creating = self.creating.lock().await;
        self.check_open()?;
        match self.http.create(session).await {
            Ok(session) => Ok(self.continue_with(session).await),
            Err(error) if error.is_unsent() || error.status().is_some_and(|status| status < 500) => {
                Err(CommandError::Http(error))
            }
            Err(HttpError::Status { .. } | HttpError::NoAnswer(_) | HttpError::InvalidAnswer { .. }) => {
                self.channels.ask(FocusRequest::Doubt).await;
                Err(CommandError::OutcomeUnknown)
            }
        }
    }

    /// Makes another session the current one, and counts its seconds if it is active.
    ///
    /// # Errors
    /// There is no such session, it has ended, or there is no answer.
    pub async fn track(&self, session_id: &str) -> Result<Arc<FocusSession>, CommandError> {
        self.check_open()?;
        let session = self.http.get(session_id).await.map_err(CommandError::Http)?;
        if session.status.is_open() { Ok(self.continue_with(session).await) } else { Err(ended()) }
    }

    /// Stops the count until the session is resumed, on all devices.
    ///
    /// # Errors
    /// There is no session, it has ended, the server does not accept the credential, or the client was closed. The future
    /// waits while the server cannot be reached; a command whose future is dropped before it was sent is not sent, unless
    /// there is an outbox file.
    pub async fn pause(&self) -> Result<Arc<FocusSession>, CommandError> {
        self.submit("pause", FocusStatus::Paused).await
    }

    /// Counts again. It counts as activity.
    ///
    /// # Errors
    /// As [`Self::pause`].
    pub async fn resume(&self) -> Result<Arc<FocusSession>, CommandError> {
        self.submit("resume", FocusStatus::Active).await
    }

    /// Ends the session. If it has ended before, its first end stands.
    ///
    /// # Errors
    /// As [`Self::pause`].
    pub async fn stop(&self, ending: FocusEnding) -> Result<Arc<FocusSession>, CommandError> {
        self.submit("stop", ending.into()).await
    }

    /// Tells that the person is active. It is sent once a second at most, and only while seconds count.
    pub async fn report_activity(&self) {
        self.channels.send(FocusRequest::Activity).await;
    }

    /// Tells that the person has left the work for another page or window.
    pub async fn report_tab_switch(&self) {
        self.channels.send(FocusRequest::TabSwitch).await;
    }

    /// Returns sessions, newest first: all of them without a limit.
    ///
    /// # Errors
    /// There is no answer, or the server rejects the request.
    pub async fn list(&self, query: &FocusListQuery) -> Result<Vec<Arc<FocusSession>>, HttpError> {
        self.http.list(query).await
    }

    /// Changes what a session is about, ended or not.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub async fn update(&self, session_id: &str, change: &FocusSessionChange) -> Result<Arc<FocusSession>, HttpError> {
        let session = self.http.change(session_id, change).await?;
        self.channels.ask(|done| FocusRequest::Apply(Arc::clone(&session), done)).await;
        Ok(session)
    }

    /// Deletes a session, and takes it out of the statistics.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub async fn remove(&self, session_id: &str) -> Result<(), HttpError> {
        self.http.remove(session_id).await?;
        self.channels.ask(|done| FocusRequest::Removed(session_id.to_owned(), done)).await;
        Ok(())
    }

    fn check_open(&self) -> Result<(), CommandError> {
        if self.channels.is_closed() { Err(CommandError::Closed) } else { Ok(()) }
    }

    async fn continue_with(&self, session: Arc<FocusSession>) -> Arc<FocusSession> {
        self.channels.ask(|done| FocusRequest::Continue(Arc::clone(&session), done)).await;
        session
    }

    async fn submit(&self, kind: &'static str, status: FocusStatus) -> Result<Arc<FocusSession>, CommandError> {
        let request = |reply| FocusRequest::Submit { kind, status, reply };
        self.channels.ask(request).await.unwrap_or(Err(CommandError::Closed))
    }
}

/// Nothing reopens a session.
pub(crate) fn ended() -> CommandError {
    let message = "the session has ended".to_owned();
    CommandError::Rejected { code: ErrorCode::Other("ended".to_owned()), message }
}
