//! The client of one member of an organisation.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::backoff::random_id;
use crate::client_channels::Snapshot;
use crate::connection::ConnectionState;
use crate::error::{CommandError, ConnectionError, HttpError, ServerError};
use crate::events::Events;
use crate::options::ClientOptions;
use crate::outbox::{Command, CommandQueue, FailedCommand, FileOwner, OutboxError, OutboxFile, Submission};
use crate::server_clock::ServerTime;
use crate::studio::calls::{StudioCalls, Written};
use crate::studio::input::{EntryAdjustment, EntryFilter, EntryTarget, NewEntry, NewTaskType, TaskTypeChange};
use crate::studio::model::RunningEntry;
use crate::studio::protocol::{EntryList, TaskType, TimeEntry, TimerEvent};
use crate::studio::task::{LIMITS, StudioChannels, StudioRequest, start_task};
use crate::times::Times;

/// What a client knows. It is immutable; another snapshot replaces it after a change.
#[derive(Clone, Debug)]
pub struct StudioSnapshot {
    /// The state of the connection.
    pub connection: ConnectionState,
    /// The entries of all members that run, in the order of their creation.
    pub entries: Arc<Vec<RunningEntry>>,
    /// The task types by their place in lists, also those that are not active.
    pub task_types: Arc<Vec<Arc<TaskType>>>,
    /// Whether entries and task types have been received at least once.
    pub is_loaded: bool,
    /// Why they could not be loaded; the client tries again.
    pub load_error: Option<HttpError>,
    /// `Live` if the server would report changes of the entries.
    pub times: Times,
    /// The number of commands without an answer.
    pub pending: usize,
    /// The server's time; `None` before it is known.
    pub server_time: Option<ServerTime>,
}

impl StudioSnapshot {
    /// Returns an entry that runs.
    #[must_use]
    pub fn entry(&self, id: i64) -> Option<&RunningEntry> {
        self.entries.iter().find(|running| running.entry.id == id)
    }
}

/// A change of a list replaces it.
impl Snapshot for StudioSnapshot {
    fn is_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.entries, &other.entries)
            && Arc::ptr_eq(&self.task_types, &other.task_types)
            && self.is_loaded == other.is_loaded
            && self.load_error == other.load_error
            && self.times == other.times
            && self.pending == other.pending
            && self.server_time == other.server_time
            && self.connection == other.connection
    }
}

/// What a client notifies of.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum StudioEvent {
    /// A member has started, ended or corrected an entry; this client's own commands are notified too.
    Timer(TimerEvent),
    /// The server reports an error that belongs to no command.
    Server(ServerError),
    /// The token provider failed. The client tries again.
    Token(ConnectionError),
    /// The entries or the task types could not be loaded. The client tries again.
    Load(HttpError),
    /// A command has failed, and no caller waits for it.
    Command(FailedCommand),
    /// Commands cannot be stored in the outbox file at present.
    Outbox(OutboxError),
}

/// The client of one member of an organisation: the entries of all members that run, and calls of procedures.
///
/// It needs a token that names the organisation. It reconnects by itself, follows the advice of servers that stop, moves
/// to another node before its node closes the connection, and repeats a call without an answer under its id. Clones share
/// one connection. It ends when all of them are dropped, or with [`StudioClient::close`].
#[derive(Clone, Debug)]
pub struct StudioClient {
    channels: StudioChannels,
    calls: Arc<StudioCalls>,
}

impl StudioClient {
    /// Begins to connect, and returns at once.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    #[must_use]
    pub fn open(options: ClientOptions) -> Self {
        Self::over(options, CommandQueue::in_memory(LIMITS))
    }

    /// Begins to connect with an outbox file, as [`ClockitClient::open_with_outbox`](crate::ClockitClient::open_with_outbox)
    /// does. A command that has waited for two minutes is not sent.
    ///
    /// # Errors
    /// Another client uses the file, it is damaged, has the commands of another user, or cannot be written.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn open_with_outbox(options: ClientOptions, file: impl Into<PathBuf>) -> Result<Self, OutboxError> {
        let opened = OutboxFile::open(file.into(), FileOwner::of("studio", &options), options.client_id.clone())?;
        Ok(Self::over(opened.file.bind(options), CommandQueue::of_file(LIMITS, opened)))
    }

    fn over(options: ClientOptions, outbox: CommandQueue<Written>) -> Self {
        let calls = Arc::new(StudioCalls::new(&options));
        Self { channels: start_task(options, Arc::clone(&calls), outbox), calls }
    }

    /// Returns what the client knows.
    #[must_use]
    pub fn snapshot(&self) -> Arc<StudioSnapshot> {
        self.channels.snapshot()
    }

    /// Returns a receiver of snapshots, which changes each second while an entry runs.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<StudioSnapshot>> {
        self.channels.subscribe()
    }

    /// Returns a receiver of events and errors.
    #[must_use]
    pub fn events(&self) -> Events<StudioEvent> {
        self.channels.events()
    }

    /// Connects at once instead of at the next attempt, also after a refusal.
    pub async fn retry_now(&self) {
        self.channels.send(StudioRequest::RetryNow).await;
    }

    /// Loads the entries that run and the task types again, for example after another client has changed a type.
    pub async fn reload(&self) {
        self.channels.send(StudioRequest::Reload).await;
    }

    /// Disconnects. Commands without an answer fail, or wait in the outbox file for the next client.
    pub async fn close(&self) {
        self.channels.ask(StudioRequest::Close).await;
    }

    /// Starts an entry.
    ///
    /// # Errors
    /// As all commands: the future waits while the server cannot be reached, for two minutes at most, because a start or a
    /// stop counts when it arrives; the command takes effect once. [`CommandError::Http`] has the code of the refusal.
    pub async fn start(&self, entry: &NewEntry) -> Result<TimeEntry, CommandError> {
        self.write_entry("timer.start", entry.input()).await
    }

    /// Stops an entry.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn stop(&self, time_entry_id: i64) -> Result<TimeEntry, CommandError> {
        self.write_entry("timer.stop", json!({ "timeEntryId": time_entry_id })).await
    }

    /// Corrects an entry, running or finished.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn adjust(&self, time_entry_id: i64, adjustment: &EntryAdjustment) -> Result<TimeEntry, CommandError> {
        self.write_entry("timeEntries.adjust", adjustment.input(time_entry_id)).await
    }

    /// Creates a task type.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn create_task_type(&self, task_type: &NewTaskType) -> Result<TaskType, CommandError> {
        self.write_task_type("taskTypes.create", input(task_type)).await
    }

    /// Changes a task type. Entries that have started keep their price.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn update_task_type(&self, id: i64, change: &TaskTypeChange) -> Result<TaskType, CommandError> {
        self.write_task_type("taskTypes.update", json!({ "id": id, "data": change })).await
    }

    /// Returns entries by their start, newest first, and the sums over all that match: all of them without a limit.
    ///
    /// # Errors
    /// There is no answer, or the server rejects the request.
    pub async fn entries(&self, filter: &EntryFilter) -> Result<EntryList, HttpError> {
        self.calls.query("timeTracking.timeEntries.list", &filter.input()).await
    }

    /// Returns the entry of a session, project or track that runs, with its notes.
    ///
    /// # Errors
    /// As [`Self::entries`].
    pub async fn active_entry(&self, target: EntryTarget) -> Result<Option<TimeEntry>, HttpError> {
        self.calls.query("timeTracking.timer.getActive", &target.input()).await
    }

    async fn write_entry(&self, procedure: &str, input: Value) -> Result<TimeEntry, CommandError> {
        match self.submit(procedure, input).await? {
            Written::Entry(entry) => Ok(entry),
            Written::TaskType(_) => Err(CommandError::OutcomeUnknown),
        }
    }

    async fn write_task_type(&self, procedure: &str, input: Value) -> Result<TaskType, CommandError> {
        match self.submit(procedure, input).await? {
            Written::TaskType(task_type) => Ok(task_type),
            Written::Entry(_) => Err(CommandError::OutcomeUnknown),
        }
    }

    async fn submit(&self, procedure: &str, payload: Value) -> Result<Written, CommandError> {
        let command = Command { id: random_id(), kind: format!("timeTracking.{procedure}"), payload };
        let request = |reply| StudioRequest::Submit(Submission { command, reply });
        self.channels.ask(request).await.unwrap_or(Err(CommandError::Closed))
    }
}

/// The library's own types are JSON.
fn input(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
