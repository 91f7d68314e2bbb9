//! The client of one person's working day.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

use crate::client_channels::Snapshot;
use crate::connection::ConnectionState;
use crate::error::{CommandError, ConnectionError, HttpError, ServerError};
use crate::events::Events;
use crate::options::ClientOptions;
use crate::outbox::{CommandQueue, FailedCommand, FileOwner, OutboxError, OutboxFile, Reply};
use crate::punch_clock::protocol::{DayChanges, DayLogPage, DayLogQuery, Punch, PunchStored, WorkDay, WorkStatus};
use crate::punch_clock::requests::PunchClockRequests;
use crate::punch_clock::task::{LIMITS, PunchClockChannels, PunchClockRequest, start_task};
use crate::server_clock::ServerTime;
use crate::times::Times;

/// What a client knows. It is immutable; another snapshot replaces it after a change.
#[derive(Clone, Debug)]
pub struct PunchClockSnapshot {
    /// The state of the connection.
    pub connection: ConnectionState,
    /// The day, with the punches that wait; `None` before it is loaded. It stays while the connection is lost.
    pub day: Option<Arc<WorkDay>>,
    /// The seconds of the current run of work; 0 during a break.
    pub work_seconds: i64,
    /// The seconds of the current break; 0 while the person works.
    pub break_seconds: i64,
    /// Where the displayed seconds come from.
    pub times: Times,
    /// The number of punches without an answer.
    pub pending: usize,
    /// The server's time; `None` before it is known.
    pub server_time: Option<ServerTime>,
}

/// A change of the day replaces it.
impl Snapshot for PunchClockSnapshot {
    fn is_same_as(&self, other: &Self) -> bool {
        let is_same_day = match (&self.day, &other.day) {
            (Some(day), Some(other)) => Arc::ptr_eq(day, other),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        is_same_day
            && self.work_seconds == other.work_seconds
            && self.break_seconds == other.break_seconds
            && self.times == other.times
            && self.pending == other.pending
            && self.server_time == other.server_time
            && self.connection == other.connection
    }
}

/// What a client notifies of.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PunchClockEvent {
    /// The server reports an error that belongs to no request.
    Server(ServerError),
    /// The token provider failed. The client tries again.
    Token(ConnectionError),
    /// A punch has failed, and no caller waits for it.
    Command(FailedCommand),
    /// Punches cannot be stored in the outbox file at present.
    Outbox(OutboxError),
}

/// The client of one person's working day: the day, and the punches that wait for the server.
///
/// It reconnects by itself, follows the advice of servers that stop, moves to another node before its node closes the
/// connection, and repeats a punch until it is stored, once. Clones share one connection. It ends when all of them are
/// dropped, or with [`PunchClockClient::close`].
#[derive(Clone, Debug)]
pub struct PunchClockClient {
    channels: PunchClockChannels,
    http: Arc<PunchClockRequests>,
}

impl PunchClockClient {
    /// Begins to connect, and returns at once.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    #[must_use]
    pub fn open(options: ClientOptions) -> Self {
        Self::over(options, CommandQueue::in_memory(LIMITS))
    }

    /// Begins to connect with an outbox file, as [`ClockitClient::open_with_outbox`](crate::ClockitClient::open_with_outbox)
    /// does. A punch waits in it for 29 days at most, because the server remembers punches for 30.
    ///
    /// # Errors
    /// Another client uses the file, it is damaged, has the commands of another user, or cannot be written.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn open_with_outbox(options: ClientOptions, file: impl Into<PathBuf>) -> Result<Self, OutboxError> {
        let opened = OutboxFile::open(file.into(), FileOwner::of("punch-clock", &options), None)?;
        Ok(Self::over(opened.file.bind(options), CommandQueue::of_file(LIMITS, opened)))
    }

    fn over(options: ClientOptions, outbox: CommandQueue<PunchStored>) -> Self {
        let http = Arc::new(PunchClockRequests::new(&options));
        Self { channels: start_task(options, Arc::clone(&http), outbox), http }
    }

    /// Returns what the client knows.
    #[must_use]
    pub fn snapshot(&self) -> Arc<PunchClockSnapshot> {
        self.channels.snapshot()
    }

    /// Returns a receiver of snapshots, which changes each second while the day has a punch.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<PunchClockSnapshot>> {
        self.channels.subscribe()
    }

    /// Returns a receiver of errors.
    #[must_use]
    pub fn events(&self) -> Events<PunchClockEvent> {
        self.channels.events()
    }

    /// Connects at once instead of at the next attempt, also after a refusal.
    pub async fn retry_now(&self) {
        self.channels.send(PunchClockRequest::RetryNow).await;
    }

    /// Disconnects. Punches without an answer fail, or wait in the outbox file for the next client.
    pub async fn close(&self) {
        self.channels.ask(PunchClockRequest::Close).await;
    }

    /// Begins to work. The punch is dated now, by the server's time, however long it waits.
    ///
    /// # Errors
    /// The server rejects the punch or does not accept the credential, or the client was closed. The future waits while the
    /// server cannot be reached; a punch whose future is dropped before it was sent is not sent, unless there is an outbox
    /// file.
    pub async fn clock_in(&self) -> Result<PunchStored, CommandError> {
        self.request(|reply| PunchClockRequest::Clock(WorkStatus::In, reply)).await
    }

    /// Ends or interrupts the work.
    ///
    /// # Errors
    /// As [`Self::clock_in`].
    pub async fn clock_out(&self) -> Result<PunchStored, CommandError> {
        self.request(|reply| PunchClockRequest::Clock(WorkStatus::Out, reply)).await
    }

    /// Stores a punch of another origin, such as one that was dated earlier. A punch that is stored by its id already stays
    /// as it is.
    ///
    /// # Errors
    /// As [`Self::clock_in`].
    pub async fn punch(&self, punch: Punch) -> Result<PunchStored, CommandError> {
        self.request(|reply| PunchClockRequest::Punch(punch, reply)).await
    }

    /// Requests the day, for example where WebSockets are blocked.
    ///
    /// # Errors
    /// There is no answer, or the server rejects the request.
    pub async fn refresh(&self) -> Result<Arc<WorkDay>, HttpError> {
        let day = self.http.day().await?;
        self.accept(&day).await;
        Ok(day)
    }

    /// Posts changes of the day, once.
    ///
    /// # Errors
    /// As [`Self::refresh`].
    pub async fn save(&self, changes: &DayChanges) -> Result<PunchStored, HttpError> {
        let snapshot = self.snapshot();
        let now = snapshot.server_time.map_or(0, |time| time.now());
        let updated_at = snapshot.day.as_ref().map_or(now, |day| day.updated_at);
        let stored = self.http.post(&changes.body(updated_at)).await?;
        self.accept(&stored.day).await;
        Ok(stored)
    }

    /// Sets the theme of the page. An unknown one is ignored, which the answer tells.
    ///
    /// # Errors
    /// As [`Self::refresh`].
    pub async fn set_theme(&self, theme: impl Into<String>) -> Result<PunchStored, HttpError> {
        self.save(&DayChanges { current_theme: Some(theme.into()), ..DayChanges::default() }).await
    }

    /// Deletes the punches of the day, and keeps the theme.
    ///
    /// # Errors
    /// As [`Self::refresh`].
    pub async fn reset(&self) -> Result<(), HttpError> {
        self.http.reset().await
    }

    /// Sets the zone that decides when a day begins, by its name in the IANA database.
    ///
    /// # Errors
    /// As [`Self::refresh`].
    pub async fn set_zone(&self, zone: &str) -> Result<(), HttpError> {
        self.http.set_zone(zone).await
    }

    /// Returns archived days.
    ///
    /// # Errors
    /// As [`Self::refresh`].
    pub async fn logs(&self, query: &DayLogQuery) -> Result<DayLogPage, HttpError> {
        self.http.logs(query).await
    }

    /// Displays the day of an answer, if the client is open.
    async fn accept(&self, day: &Arc<WorkDay>) {
        self.channels.ask(|done| PunchClockRequest::Accept(Arc::clone(day), done)).await;
    }

    async fn request(
        &self,
        request: impl FnOnce(Reply<PunchStored>) -> PunchClockRequest,
    ) -> Result<PunchStored, CommandError> {
        self.channels.ask(request).await.unwrap_or(Err(CommandError::Closed))
    }
}
