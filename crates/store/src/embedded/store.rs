//! The store port over a local file.

use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use engine::store::{
    BeatRequest, BeatStatus, Commit, Committed, Connected, Due, DuePage, Fault, FaultKind, LoadedBoard, LocalReports,
    NodeReport, NodeReports, Page, Query, SHARDS, ServerDetails, ServerStatus, Signal, SignalSender, StoreCounters,
    Transfer, lead, resign,
};
use engine::{Store, StoreClock};
use redb::Database;
use timers::{Millis, Position, RequiredRows, Scope, Tag, Timestamp};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tracing::{Instrument, Span};

use crate::embedded::database::{Handle, OpenError};
use crate::embedded::failure_log::FailureLog;
use crate::embedded::touches::Touches;
use crate::embedded::writer::{Job, Reply, Writer};
use crate::embedded::{disk, expiry, history, read};
use crate::known_scopes::KnownScopes;

/// Most commits in the writer's queue: some four groups, a fraction of a second.
const JOBS_MAX: usize = 1024;

/// The file is looked for at each beat that is a multiple of this, so that an idle node notices its removal.
const CHECK_FILE_EVERY: u64 = 5;

/// The time is recorded at each beat that is a multiple of this. A record writes some 50 KiB, which wears flash memory.
const RECORD_TIME_EVERY: u64 = 30;

/// The longest time for which a store that was not closed may have told the time since it was recorded: the interval, and a
/// delay of the disk.
const UNRECORDED_MAX: Duration = Duration::from_secs(RECORD_TIME_EVERY + 10);

/// A store in a local directory. Commits are on disk before they are acknowledged.
pub struct EmbeddedStore {
    handle: Handle,
    clock: Arc<StoreClock>,
    signal_sender: Arc<Mutex<SignalSender>>,
    last_beat: Mutex<Option<BeatStatus>>,
    known_scopes: Arc<KnownScopes>,
    touches: Arc<Touches>,
    /// In memory: one process uses the store.
    reports: Mutex<LocalReports>,
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    writer_stopped: Mutex<Option<oneshot::Receiver<()>>>,
}

impl EmbeddedStore {
    /// Opens a directory; creates it if needed.
    ///
    /// # Errors
    /// [`OpenError`]: another process has opened it, or it can't be read or written.
    pub fn open(folder: &Path) -> Result<Connected<dyn Store>, OpenError> {
        let handle = Handle::open(folder)?;
        let clock = Arc::new(StoreClock::new());
        continue_time(&handle, &clock).map_err(|fault| OpenError::Failed(folder.to_owned(), fault.into()))?;
        let (signal_sender, signals) = SignalSender::new();
        let signal_sender = Arc::new(Mutex::new(signal_sender));
        let touches = Arc::new(Touches::default());
        let mut writer = Writer {
            handle: handle.clone(),
            clock: Arc::clone(&clock),
            signal_sender: Arc::clone(&signal_sender),
            failures: FailureLog::default(),
            touches: Arc::clone(&touches),
        };
        let (jobs, taken) = mpsc::channel(JOBS_MAX);
        let (stopped_tx, writer_stopped) = oneshot::channel();
        let spawned = thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
            writer.run(taken);
            stopped_tx.send(()).ok();
        });
        spawned.map_err(|error| OpenError::Failed(folder.to_owned(), error.into()))?;
        let (of_sweep, at, weak_jobs) = (handle.clone(), Arc::clone(&clock), jobs.downgrade());
        let spawned = thread::Builder::new()
            .name("store-expiry".to_owned())
            .spawn(move || expiry::sweep(&of_sweep, &at, &weak_jobs));
        spawned.map_err(|error| OpenError::Failed(folder.to_owned(), error.into()))?;
        let store = Self {
            handle,
            clock,
            signal_sender,
            last_beat: Mutex::default(),
            known_scopes: Arc::new(KnownScopes::new()),
            touches,
            reports: Mutex::default(),
            jobs: Mutex::new(Some(jobs)),
            writer_stopped: Mutex::new(Some(writer_stopped)),
        };
        Ok(Connected { store: Arc::new(store), signals })
    }

    /// Sends a job to the writer and waits for its reply. Fails at once while writes fail.
    pub(crate) async fn write<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, Fault> {
        self.handle.check_writable()?;
        let closed = || Fault::new(FaultKind::Unavailable, "the store is closed");
        let jobs = self.jobs.lock().clone().ok_or_else(closed)?;
        let (reply_tx, reply) = oneshot::channel();
        jobs.send(job(reply_tx)).await.map_err(|_| closed())?;
        reply.await.map_err(|_| Fault::new(FaultKind::Unknown, "the writer has panicked"))?
    }

    /// Returns the clock.
    pub(crate) fn clock(&self) -> &StoreClock {
        &self.clock
    }

    /// Returns the instants at which scopes were last in use and that wait to be written.
    pub(crate) fn touches(&self) -> Arc<Touches> {
        Arc::clone(&self.touches)
    }

    /// Requests what the writer does at some beats. A writer whose queue is full is busy, and does it at a later one.
    fn request_upkeep(&self, beat: u64) {
        let Some(jobs) = self.jobs.lock().clone() else { return };
        if beat.is_multiple_of(RECORD_TIME_EVERY) {
            jobs.try_send(Job::RecordTime).ok();
        } else if beat.is_multiple_of(CHECK_FILE_EVERY) {
            jobs.try_send(Job::CheckFile).ok();
        }
    }

    /// Reads from the file in a thread that may block.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Database) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let database = self.handle.get()?;
        let task = spawn_blocking(move || read(&database));
        task.await.map_err(|error| Fault::new(FaultKind::Damaged, error))?
    }
}

/// Continues the recorded time of the file.
fn continue_time(handle: &Handle, clock: &StoreClock) -> Result<(), Fault> {
    let (recorded, was_closed) = read::recorded_time(&*handle.get()?)?;
    let back = clock.resume(recorded, if was_closed { Duration::ZERO } else { UNRECORDED_MAX });
    if back > Millis(0) {
        tracing::warn!(
            seconds = back.0 / 1000,
            "this machine's clock is behind the last time that the store recorded; running timers continue from there"
        );
    }
    Ok(())
}

fn span(operation: &'static str) -> Span {
    tracing::info_span!(
        "store",
        otel.name = operation,
        otel.kind = "internal",
        db.system.name = "redb",
        db.operation.name = operation,
    )
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn load(&self, scope: &Scope, rows: &RequiredRows) -> Result<LoadedBoard, Fault> {
        let (scope, rows, now) = (scope.clone(), rows.clone(), self.clock.now());
        let touches = Arc::clone(&self.touches);
        self.read(move |database| read::load(database, &scope, &rows, &touches, now)).instrument(span("load")).await
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, Fault> {
        commit.check_limits()?;
        self.write(|reply| Job::Commit(Box::new(commit.clone()), reply)).instrument(span("commit")).await
    }

    async fn confirm(&self, _scope: &Scope, _tag: Tag) -> Result<bool, Fault> {
        Ok(true)
    }

    async fn history(&self, scope: &Scope, query: &Query) -> Result<Page, Fault> {
        let (scope, query) = (scope.clone(), query.clone());
        self.read(move |database| history::history(database, &scope, &query)).await
    }

    async fn extend(&self, scopes: &[Scope], lifetime: Millis) -> Result<(), Fault> {
        let queried = scopes.to_vec();
        let found = self.read(move |database| expiry::with_end(database, queried).map_err(read::fault)).await?;
        if found.is_empty() {
            return Ok(());
        }
        let until = self.clock.now() + lifetime;
        self.write(|reply| Job::Extend(found, until, reply)).await
    }

    async fn touch(&self, scope: &Scope, at: Timestamp) -> Result<(), Fault> {
        self.handle.check_writable()?;
        self.touches.record(scope, at);
        Ok(())
    }

    async fn watch(&self, scope: &Scope) -> Result<(), Fault> {
        self.signal_sender.lock().watch(scope);
        Ok(())
    }

    fn unwatch(&self, scope: &Scope) {
        self.signal_sender.lock().unwatch(scope);
    }

    async fn positions(&self, scopes: &[Scope]) -> Vec<Option<Position>> {
        let queried = scopes.to_vec();
        let positions = self.read(move |database| read::positions(database, &queried)).await;
        positions.unwrap_or_else(|_| vec![None; scopes.len()])
    }

    async fn due(&self, until: Timestamp, limit: usize) -> Result<DuePage, Fault> {
        let known_scopes = Arc::clone(&self.known_scopes);
        self.read(move |database| read::due(database, until, limit, &known_scopes)).await
    }

    async fn postpone(&self, due: &Due, to: Timestamp) -> Result<(), Fault> {
        self.write(|reply| Job::Postpone(due.clone(), to, reply)).await
    }

    async fn beat(&self, request: &BeatRequest) -> Result<BeatStatus, Fault> {
        let (beat, is_new) = lead(&mut self.last_beat.lock(), request, self.clock.read());
        if is_new {
            self.request_upkeep(beat.beat.0);
            self.signal_sender.lock().send(Signal::Beat(beat.clone()));
        }
        Ok(beat)
    }

    async fn vacate(&self, node: &str) -> Result<(), Fault> {
        if resign(&mut self.last_beat.lock(), node) {
            self.signal_sender.lock().send(Signal::Vacant);
        }
        Ok(())
    }

    fn counters(&self) -> StoreCounters {
        StoreCounters { capacity: disk::capacity(self.handle.folder()), ..StoreCounters::default() }
    }

    fn ready(&self) -> Result<(), String> {
        self.handle.ready()
    }

    fn servers(&self) -> Vec<ServerStatus> {
        let details = ServerDetails { capacity: disk::capacity(self.handle.folder()), ..ServerDetails::default() };
        let name = self.handle.folder().display().to_string();
        vec![ServerStatus { name, ready: self.handle.ready(), shards: SHARDS, details }]
    }

    fn node_reports(&self) -> Option<&dyn NodeReports> {
        Some(self)
    }

    fn transfer(&self) -> Option<&dyn Transfer> {
        Some(self)
    }

    async fn close(&self) {
        drop(self.jobs.lock().take());
        let stopped = self.writer_stopped.lock().take();
        if let Some(stopped) = stopped {
            stopped.await.ok();
        }
        self.handle.close("the store is closed".to_owned());
    }
}

#[async_trait]
impl NodeReports for EmbeddedStore {
    async fn put(&self, node: &str, text: &str, kept: Millis) -> Result<(), Fault> {
        self.reports.lock().put(node, text, kept, self.clock.now());
        Ok(())
    }

    async fn remove(&self, node: &str) -> Result<(), Fault> {
        self.reports.lock().remove(node);
        Ok(())
    }

    async fn all(&self) -> Result<Vec<NodeReport>, Fault> {
        Ok(self.reports.lock().all(self.clock.now()))
    }
}
