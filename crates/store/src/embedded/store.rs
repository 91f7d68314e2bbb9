//! The port over a local file.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use async_trait::async_trait;
use engine::store::{
    BeatAnswer, BeatAsk, Commit, Committed, Connected, Due, DueLook, Fault, FaultKind, Loaded, Outlet, Page, Query,
    Signal, lead, resign,
};
use engine::{Store, StoreClock};
use redb::Database;
use timers::{HistoryId, Position, Scope, Tag, Timestamp};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tracing::{Instrument, Span};

use crate::embedded::database::{Handle, OpenError};
use crate::embedded::read;
use crate::embedded::writer::{Answer, Job, Writer};

/// Most commits that wait for the writer: some four groups, a fraction of a second.
const JOBS_MAX: usize = 1024;

/// A store in a local folder. Commits are on disk when they are answered.
pub struct EmbeddedStore {
    handle: Handle,
    clock: Arc<StoreClock>,
    outlet: Arc<Mutex<Outlet>>,
    last_beat: Mutex<Option<BeatAnswer>>,
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    writer_gone: Mutex<Option<oneshot::Receiver<()>>>,
}

impl EmbeddedStore {
    /// Opens a folder, or makes it.
    ///
    /// # Errors
    /// [`OpenError`]: another process has it, or it can't be read or written.
    pub fn open(folder: &Path) -> Result<Connected<dyn Store>, OpenError> {
        let handle = Handle::open(folder)?;
        let clock = Arc::new(StoreClock::new());
        let (outlet, signals) = Outlet::new();
        let outlet = Arc::new(Mutex::new(outlet));
        let writer = Writer { handle: handle.clone(), clock: Arc::clone(&clock), outlet: Arc::clone(&outlet) };
        let (jobs, taken) = mpsc::channel(JOBS_MAX);
        let (gone, writer_gone) = oneshot::channel();
        let spawned = thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
            writer.run(taken);
            gone.send(()).ok();
        });
        spawned.map_err(|error| OpenError::Failed(folder.to_owned(), error.into()))?;
        let store = Self {
            handle,
            clock,
            outlet,
            last_beat: Mutex::default(),
            jobs: Mutex::new(Some(jobs)),
            writer_gone: Mutex::new(Some(writer_gone)),
        };
        Ok(Connected { store: Arc::new(store), signals })
    }

    /// Has the writer do a job.
    async fn write<T>(&self, job: impl FnOnce(Answer<T>) -> Job) -> Result<T, Fault> {
        let closed = || Fault::new(FaultKind::Unavailable, "the store is closed");
        let jobs = lock(&self.jobs).clone().ok_or_else(closed)?;
        let (answer, answered) = oneshot::channel();
        jobs.send(job(answer)).await.map_err(|_| closed())?;
        answered.await.map_err(|_| Fault::new(FaultKind::Unknown, "the writer has died"))?
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Database) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let database = self.handle.get()?;
        let task = spawn_blocking(move || read(&database));
        task.await.map_err(|error| Fault::new(FaultKind::Damaged, error))?
    }
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
    async fn load(&self, scope: &Scope, ask: &[HistoryId]) -> Result<Loaded, Fault> {
        let (scope, ask, now) = (scope.clone(), ask.to_vec(), self.clock.now());
        self.read(move |database| read::load(database, &scope, &ask, now)).instrument(span("load")).await
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, Fault> {
        self.write(|answer| Job::Commit(commit.clone(), answer)).instrument(span("commit")).await
    }

    async fn confirm(&self, _scope: &Scope, _tag: Tag) -> Result<bool, Fault> {
        Ok(true)
    }

    async fn history(&self, scope: &Scope, query: &Query) -> Result<Page, Fault> {
        let (scope, query) = (scope.clone(), query.clone());
        self.read(move |database| read::history(database, &scope, &query)).await
    }

    async fn watch(&self, scope: &Scope) -> Result<(), Fault> {
        lock(&self.outlet).watch(scope);
        Ok(())
    }

    fn unwatch(&self, scope: &Scope) {
        lock(&self.outlet).unwatch(scope);
    }

    async fn positions(&self, scopes: &[Scope]) -> Vec<Option<Position>> {
        let asked = scopes.to_vec();
        let told = self.read(move |database| read::positions(database, &asked)).await;
        told.unwrap_or_else(|_| vec![None; scopes.len()])
    }

    async fn due(&self, until: Timestamp, limit: usize) -> Result<DueLook, Fault> {
        self.read(move |database| read::due(database, until, limit)).await
    }

    async fn put_off(&self, due: &Due, to: Timestamp) -> Result<(), Fault> {
        self.write(|answer| Job::PutOff(due.clone(), to, answer)).await
    }

    async fn beat(&self, ask: &BeatAsk) -> Result<BeatAnswer, Fault> {
        let (beat, beaten) = lead(&mut lock(&self.last_beat), ask, self.clock.now());
        if beaten {
            lock(&self.outlet).send(Signal::Beat(beat.clone()));
        }
        Ok(beat)
    }

    async fn vacate(&self, node: &str) -> Result<(), Fault> {
        if resign(&mut lock(&self.last_beat), node) {
            lock(&self.outlet).send(Signal::Vacant);
        }
        Ok(())
    }

    fn ready(&self) -> Result<(), String> {
        self.handle.ready()
    }

    async fn close(&self) {
        drop(lock(&self.jobs).take());
        let gone = lock(&self.writer_gone).take();
        if let Some(gone) = gone {
            gone.await.ok();
        }
        self.handle.close("the store is closed".to_owned());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
