//! The one writer: takes what is queued, commits it in one transaction with one sync, then answers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::store::{Commit, Committed, Due, Fault, FaultKind, Outlet, Signal};
use engine::{StoreClock, Update};
use redb::{ReadableTable, Table, WriteTransaction};
use timers::{DeadlineMove, Timestamp};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use crate::embedded::database::Handle;
use crate::embedded::head::StoredHead;
use crate::embedded::tables::{DUE, HEADS, ITEMS, ROW_INDEX, ROWS};

/// Most commits in one transaction. A group this large costs as much writing as syncing; larger ones only
/// make the first wait longer.
const GROUP_MAX: usize = 256;

/// Pause before a store that failed is opened again.
const REOPEN_PAUSE: Duration = Duration::from_millis(200);

/// Where an answer goes.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, Fault>>;

/// Something to write, and where its answer goes.
pub(crate) enum Job {
    /// A commit.
    Commit(Commit, Answer<Committed>),
    /// A deadline that moves, unless it has moved meanwhile.
    PutOff(Due, Timestamp, Answer<()>),
}

/// What the writer works with.
pub(crate) struct Writer {
    pub(crate) handle: Handle,
    pub(crate) clock: Arc<StoreClock>,
    pub(crate) outlet: Arc<Mutex<Outlet>>,
}

impl Writer {
    /// Serves until the last sender is gone and all that was queued is answered.
    pub(crate) fn run(&self, mut jobs: mpsc::Receiver<Job>) {
        // A panic would leave a store that looks well and takes nothing.
        while catch_unwind(AssertUnwindSafe(|| self.serve_all(&mut jobs))).is_err() {
            self.handle.close("the writer has failed".to_owned());
        }
    }

    fn serve_all(&self, jobs: &mut mpsc::Receiver<Job>) {
        let mut next = None;
        loop {
            if let Err(why) = self.handle.ready()
                && !self.mend(jobs, why)
            {
                return;
            }
            let mut group = Vec::new();
            match next.take().or_else(|| jobs.blocking_recv()) {
                Some(Job::Commit(commit, answer)) => group.push((commit, answer)),
                Some(Job::PutOff(due, to, answer)) => {
                    answer.send(self.put_off(&due, to)).ok();
                    continue;
                }
                None => return,
            }
            while group.len() < GROUP_MAX
                && next.is_none()
                && let Ok(job) = jobs.try_recv()
            {
                match job {
                    Job::Commit(commit, answer) => group.push((commit, answer)),
                    other @ Job::PutOff(..) => next = Some(other),
                }
            }
            self.serve(group);
        }
    }

    fn put_off(&self, due: &Due, to: Timestamp) -> Result<(), Fault> {
        let database = self.handle.get()?;
        let moved = database.begin_write().map_err(redb::Error::from).and_then(|transaction| {
            Tables::open(&transaction)?.put_off(due, to)?;
            Ok(transaction.commit()?)
        });
        moved.map_err(|error| Fault::new(FaultKind::Unavailable, error))
    }

    /// Opens the store again, however long it takes; commits are refused meanwhile. Tells whether there may
    /// be more of them.
    fn mend(&self, jobs: &mut mpsc::Receiver<Job>, mut why: String) -> bool {
        while let Err(error) = self.handle.reopen() {
            why = error;
            loop {
                match jobs.try_recv() {
                    Ok(job) => job.refuse(FaultKind::Unavailable, &why),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return false,
                }
            }
            std::thread::sleep(REOPEN_PAUSE);
        }
        tracing::info!(%why, "the store is open again");
        true
    }

    fn serve(&self, group: Vec<(Commit, Answer<Committed>)>) {
        let written = match self.handle.get() {
            Ok(database) => write_group(&database, &group, &self.clock),
            Err(fault) => Err(Failed::Before(fault.to_string())),
        };
        match written {
            Ok(answers) => {
                for ((commit, answer), committed) in group.into_iter().zip(answers) {
                    self.publish(&commit, committed);
                    // Whoever asked may have gone; the commit stands.
                    answer.send(Ok(committed)).ok();
                }
            }
            Err(failed) => {
                let (kind, why) = match failed {
                    Failed::Before(why) => (FaultKind::Unavailable, why),
                    Failed::During(why) => (FaultKind::Unknown, why),
                };
                tracing::error!(%why, commits = group.len(), "the store could not be written");
                self.handle.close(why.clone());
                for (_, answer) in group {
                    answer.send(Err(Fault::new(kind, why.clone()))).ok();
                }
            }
        }
    }

    fn publish(&self, commit: &Commit, committed: Committed) {
        if !matches!(committed, Committed::Done(..)) {
            return;
        }
        let mut outlet = self.outlet.lock().unwrap_or_else(PoisonError::into_inner);
        if outlet.wants(&commit.scope) {
            let update = Update::decode(&commit.update).expect("the engine wrote it");
            outlet.send(Signal::Updated(Box::new(update)));
        }
    }
}

impl Job {
    fn refuse(self, kind: FaultKind, why: &str) {
        let fault = Fault::new(kind, why);
        // Whoever asked may have gone.
        match self {
            Self::Commit(_, answer) => drop(answer.send(Err(fault))),
            Self::PutOff(.., answer) => drop(answer.send(Err(fault))),
        }
    }
}

/// When a group failed.
enum Failed {
    /// Before its transaction was committed: nothing happened.
    Before(String),
    /// While it was: nobody knows.
    During(String),
}

fn write_group(
    database: &redb::Database,
    group: &[(Commit, Answer<Committed>)],
    clock: &StoreClock,
) -> Result<Vec<Committed>, Failed> {
    let before = |error: redb::Error| Failed::Before(error.to_string());
    let transaction = database.begin_write().map_err(|error| before(error.into()))?;
    let answers = match write_all(&transaction, group, clock) {
        Ok(answers) => answers,
        Err(error) => {
            // What the file says about an aborted transaction changes nothing: it is opened anew.
            transaction.abort().ok();
            return Err(before(error));
        }
    };
    transaction.commit().map_err(|error| Failed::During(error.to_string()))?;
    Ok(answers)
}

fn write_all(
    transaction: &WriteTransaction,
    group: &[(Commit, Answer<Committed>)],
    clock: &StoreClock,
) -> Result<Vec<Committed>, redb::Error> {
    let mut tables = Tables::open(transaction)?;
    group.iter().map(|(commit, _)| tables.write(commit, clock)).collect()
}

struct Tables<'t> {
    heads: Table<'t, &'static str, &'static [u8]>,
    items: Table<'t, (&'static str, &'static str), &'static [u8]>,
    rows: Table<'t, (&'static str, &'static str), (u64, &'static [u8])>,
    row_index: Table<'t, (&'static str, u64, &'static str), ()>,
    due: Table<'t, (u64, &'static str), ()>,
}

impl<'t> Tables<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            heads: transaction.open_table(HEADS)?,
            items: transaction.open_table(ITEMS)?,
            rows: transaction.open_table(ROWS)?,
            row_index: transaction.open_table(ROW_INDEX)?,
            due: transaction.open_table(DUE)?,
        })
    }

    fn put_off(&mut self, due: &Due, to: Timestamp) -> Result<(), redb::Error> {
        let scope = due.scope.to_string();
        if self.due.remove((due.at.0, scope.as_str()))?.is_none() {
            return Ok(());
        }
        self.due.insert((to.0, scope.as_str()), ())?;
        let head = self.heads.get(scope.as_str())?.and_then(|bytes| StoredHead::decode(bytes.value()).ok());
        if let Some(mut stored) = head {
            stored.deadline = Some(to);
            self.heads.insert(scope.as_str(), stored.encode().as_slice())?;
        }
        Ok(())
    }

    fn write(&mut self, commit: &Commit, clock: &StoreClock) -> Result<Committed, redb::Error> {
        let scope = commit.scope.to_string();
        let mut stored = match self.heads.get(scope.as_str())? {
            Some(bytes) => {
                StoredHead::decode(bytes.value()).map_err(|fault| redb::Error::Corrupted(fault.to_string()))?
            }
            None => StoredHead::default(),
        };
        let committed = stored.head.take(commit, clock.now());
        if !matches!(committed, Committed::Done(..)) {
            return Ok(committed);
        }
        for key in &commit.removed {
            self.items.remove((scope.as_str(), key.as_str()))?;
        }
        for (key, bytes) in &commit.put {
            self.items.insert((scope.as_str(), key.as_str()), bytes.as_ref())?;
        }
        for row in &commit.archive {
            let id = row.id.as_str();
            let before = self.rows.insert((scope.as_str(), id), (row.at.0, row.body.as_ref()))?;
            if let Some(at) = before.map(|row| row.value().0) {
                self.row_index.remove((scope.as_str(), at, id))?;
            }
            self.row_index.insert((scope.as_str(), row.at.0, id), ())?;
        }
        let deadline = match commit.deadline {
            DeadlineMove::Keep => stored.deadline,
            DeadlineMove::Clear => None,
            DeadlineMove::Set(at) => Some(at),
        };
        if deadline != stored.deadline {
            if let Some(at) = stored.deadline {
                self.due.remove((at.0, scope.as_str()))?;
            }
            if let Some(at) = deadline {
                self.due.insert((at.0, scope.as_str()), ())?;
            }
            stored.deadline = deadline;
        }
        if commit.fades {
            self.heads.remove(scope.as_str())?;
        } else {
            self.heads.insert(scope.as_str(), stored.encode().as_slice())?;
        }
        Ok(committed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Instant;

    use bytes::Bytes;
    use timers::{CommandId, Scope, Tag, UserId};

    fn job(clock: &StoreClock, user: &str) -> (Job, oneshot::Receiver<Result<Committed, Fault>>) {
        let now = clock.now();
        let commit = Commit {
            scope: scope(user),
            expected: Tag::NONE,
            id: CommandId(1),
            decided_at: now,
            at: now,
            tag: Tag(1),
            put: Vec::new(),
            removed: Vec::new(),
            archive: Vec::new(),
            fades: false,
            deadline: DeadlineMove::Keep,
            update: Bytes::from_static(b"no update"),
        };
        let (answer, answered) = oneshot::channel();
        (Job::Commit(commit, answer), answered)
    }

    fn scope(user: &str) -> Scope {
        Scope::User(UserId::new(user).unwrap())
    }

    struct Running {
        handle: Handle,
        clock: Arc<StoreClock>,
        outlet: Arc<Mutex<Outlet>>,
        jobs: mpsc::Sender<Job>,
        writer: thread::JoinHandle<()>,
        _folder: tempfile::TempDir,
    }

    impl Running {
        fn start(before: impl FnOnce(&Handle)) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let handle = Handle::open(folder.path()).unwrap();
            before(&handle);
            let (outlet, _) = Outlet::new();
            let (clock, outlet) = (Arc::new(StoreClock::new()), Arc::new(Mutex::new(outlet)));
            let writer = Writer { handle: handle.clone(), clock: Arc::clone(&clock), outlet: Arc::clone(&outlet) };
            let (jobs, taken) = mpsc::channel(8);
            let writer = thread::spawn(move || writer.run(taken));
            Self { handle, clock, outlet, jobs, writer, _folder: folder }
        }

        /// Commits until it is taken; a second may have begun since a commit was decided.
        fn commit(&self, user: &str) -> Result<(), FaultKind> {
            loop {
                let (job, answered) = job(&self.clock, user);
                self.jobs.blocking_send(job).ok().unwrap();
                match answered.blocking_recv() {
                    Ok(Ok(Committed::Stale(_))) => {}
                    Ok(Ok(committed)) => {
                        assert!(matches!(committed, Committed::Done(..)), "{committed:?}");
                        return Ok(());
                    }
                    Ok(Err(fault)) => return Err(fault.kind()),
                    Err(_) => return Err(FaultKind::Unknown),
                }
            }
        }

        fn stop(self) {
            drop(self.jobs);
            self.writer.join().unwrap();
        }
    }

    #[test]
    fn a_closed_store_refuses_commits_and_is_opened_again_without_being_asked() {
        let mut reader = None;
        let running = Running::start(|handle| {
            reader = handle.get().ok();
            handle.close("a write failed".to_owned());
        });
        assert_eq!(running.commit("ann"), Err(FaultKind::Unavailable), "a reader still has it open");
        drop(reader);
        let end = Instant::now() + Duration::from_secs(15);
        while running.handle.ready().is_err() {
            assert!(Instant::now() < end, "nobody opens the store");
            thread::yield_now();
        }
        assert_eq!(running.commit("ann"), Ok(()));
        running.stop();
    }

    #[test]
    fn a_store_that_stays_closed_does_not_keep_the_writer() {
        let mut reader = None;
        let running = Running::start(|handle| {
            reader = handle.get().ok();
            handle.close("a write failed".to_owned());
        });
        running.stop();
    }

    #[test]
    fn the_writer_survives_a_panic() {
        let running = Running::start(|_| {});
        running.outlet.lock().unwrap().watch(&scope("ann"));
        assert_eq!(running.commit("ann"), Err(FaultKind::Unknown), "what it should publish can't be read");
        running.outlet.lock().unwrap_or_else(PoisonError::into_inner).unwatch(&scope("ann"));
        let end = Instant::now() + Duration::from_secs(15);
        while running.commit("ben").is_err() {
            assert!(Instant::now() < end, "the writer is gone");
        }
        running.stop();
    }
}
