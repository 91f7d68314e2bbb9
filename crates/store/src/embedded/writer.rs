//! The single writer: takes the queued jobs, commits them in one transaction with one sync, then replies.

use parking_lot::Mutex;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use engine::store::{Commit, Committed, Due, Fault, FaultKind, Signal, SignalSender};
use engine::{StoreClock, Update};
use redb::{ReadableTable, Table, WriteTransaction};
use timers::{DeadlineMove, Scope, Timestamp};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use crate::embedded::database::Handle;
use crate::embedded::expiry::Retention;
use crate::embedded::head::StoredHead;
use crate::embedded::tables::{DUE, HEADS, ITEMS, ROW_INDEX, ROWS};

/// Most commits in one transaction. In a group of this size writing costs as much as the sync; larger groups
/// only delay the first commit.
const GROUP_MAX: usize = 256;

/// Pause between attempts to reopen the store.
const REOPEN_PAUSE: Duration = Duration::from_millis(200);

/// The sender of a job's result.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Fault>>;

/// A job and the sender of its result.
pub(crate) enum Job {
    /// A commit.
    Commit(Commit, Reply<Committed>),
    /// A deadline to postpone, unless it has changed since it was read.
    Postpone(Due, Timestamp, Reply<()>),
    /// Scopes whose end is to be postponed to this instant.
    Extend(Vec<Scope>, Timestamp, Reply<()>),
    /// The deletion of one scope that has ended by this instant.
    Expire(Timestamp, Reply<ControlFlow<()>>),
}

/// The writer's dependencies.
pub(crate) struct Writer {
    pub(crate) handle: Handle,
    pub(crate) clock: Arc<StoreClock>,
    pub(crate) signal_sender: Arc<Mutex<SignalSender>>,
}

impl Writer {
    /// Runs until all senders are dropped and all queued jobs have a reply.
    pub(crate) fn run(&self, mut jobs: mpsc::Receiver<Job>) {
        // After an unhandled panic the store would look healthy and accept nothing.
        while catch_unwind(AssertUnwindSafe(|| self.serve(&mut jobs))).is_err() {
            self.handle.close("the writer has panicked".to_owned());
        }
    }

    fn serve(&self, jobs: &mut mpsc::Receiver<Job>) {
        let mut next = None;
        loop {
            if let Err(reason) = self.handle.ready()
                && !self.reopen(jobs, reason)
            {
                return;
            }
            let mut group = Vec::new();
            match next.take().or_else(|| jobs.blocking_recv()) {
                Some(Job::Commit(commit, reply)) => group.push((commit, reply)),
                Some(other) => {
                    self.run_alone(other);
                    continue;
                }
                None => return,
            }
            while group.len() < GROUP_MAX
                && next.is_none()
                && let Ok(job) = jobs.try_recv()
            {
                match job {
                    Job::Commit(commit, reply) => group.push((commit, reply)),
                    other @ (Job::Postpone(..) | Job::Extend(..) | Job::Expire(..)) => next = Some(other),
                }
            }
            self.commit_group(group);
        }
    }

    /// Runs a job in a transaction of its own. The sender may be gone.
    fn run_alone(&self, job: Job) {
        match job {
            Job::Commit(commit, reply) => self.commit_group(vec![(commit, reply)]),
            Job::Postpone(due, to, reply) => {
                reply.send(self.write(|tables| tables.postpone(&due, to))).ok();
            }
            Job::Extend(scopes, until, reply) => {
                reply.send(self.write(|tables| tables.extend(&scopes, until))).ok();
            }
            Job::Expire(now, reply) => drop(reply.send(self.write(|tables| tables.expire(now)))),
        }
    }

    fn write<T>(&self, write: impl FnOnce(&mut Tables<'_>) -> Result<T, redb::Error>) -> Result<T, Fault> {
        let database = self.handle.get()?;
        let written = database.begin_write().map_err(redb::Error::from).and_then(|transaction| {
            let written = write(&mut Tables::open(&transaction)?)?;
            transaction.commit()?;
            Ok(written)
        });
        written.map_err(|error| Fault::new(FaultKind::Unavailable, error))
    }

    /// Reopens the store and retries without a time limit; jobs are rejected meanwhile. Returns false when all
    /// senders are dropped.
    fn reopen(&self, jobs: &mut mpsc::Receiver<Job>, mut reason: String) -> bool {
        while let Err(error) = self.handle.reopen() {
            reason = error;
            loop {
                match jobs.try_recv() {
                    Ok(job) => job.reject(FaultKind::Unavailable, &reason),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return false,
                }
            }
            std::thread::sleep(REOPEN_PAUSE);
        }
        tracing::info!(%reason, "the store is open again");
        true
    }

    fn commit_group(&self, group: Vec<(Commit, Reply<Committed>)>) {
        let written = match self.handle.get() {
            Ok(database) => write_group(&database, &group, &self.clock),
            Err(fault) => Err(GroupError::BeforeCommit(fault.to_string())),
        };
        match written {
            Ok(results) => {
                for ((commit, reply), committed) in group.into_iter().zip(results) {
                    if let Ok(committed) = &committed {
                        self.publish(&commit, *committed);
                    }
                    // The caller may be gone; the commit stands.
                    reply.send(committed).ok();
                }
            }
            Err(error) => {
                let (kind, reason) = match error {
                    GroupError::BeforeCommit(reason) => (FaultKind::Unavailable, reason),
                    GroupError::DuringCommit(reason) => (FaultKind::Unknown, reason),
                };
                tracing::error!(%reason, commits = group.len(), "the store can't be written");
                self.handle.close(reason.clone());
                for (_, reply) in group {
                    reply.send(Err(Fault::new(kind, reason.clone()))).ok();
                }
            }
        }
    }

    fn publish(&self, commit: &Commit, committed: Committed) {
        if !matches!(committed, Committed::Done(..)) {
            return;
        }
        let mut signal_sender = self.signal_sender.lock();
        if signal_sender.is_watching(&commit.scope) {
            let update = Update::decode(&commit.update).expect("the engine encoded it");
            signal_sender.send(Signal::Updated(Box::new(update)));
        }
    }
}

impl Job {
    fn reject(self, kind: FaultKind, reason: &str) {
        let fault = Fault::new(kind, reason);
        // The caller may be gone.
        match self {
            Self::Commit(_, reply) => drop(reply.send(Err(fault))),
            Self::Postpone(.., reply) | Self::Extend(.., reply) => drop(reply.send(Err(fault))),
            Self::Expire(_, reply) => drop(reply.send(Err(fault))),
        }
    }
}

/// The point at which a group failed.
enum GroupError {
    /// Before the commit of its transaction: nothing was written.
    BeforeCommit(String),
    /// During the commit: the outcome is unknown.
    DuringCommit(String),
}

fn write_group(
    database: &redb::Database,
    group: &[(Commit, Reply<Committed>)],
    clock: &StoreClock,
) -> Result<Vec<Result<Committed, Fault>>, GroupError> {
    let before = |error: redb::Error| GroupError::BeforeCommit(error.to_string());
    let transaction = database.begin_write().map_err(|error| before(error.into()))?;
    let results = match write_all(&transaction, group, clock) {
        Ok(results) => results,
        Err(error) => {
            // The file is reopened anyway, so an error of the abort does not matter.
            transaction.abort().ok();
            return Err(before(error));
        }
    };
    transaction.commit().map_err(|error| GroupError::DuringCommit(error.to_string()))?;
    Ok(results)
}

fn write_all(
    transaction: &WriteTransaction,
    group: &[(Commit, Reply<Committed>)],
    clock: &StoreClock,
) -> Result<Vec<Result<Committed, Fault>>, redb::Error> {
    let mut tables = Tables::open(transaction)?;
    group.iter().map(|(commit, _)| tables.write(commit, clock)).collect()
}

/// The tables, open in a transaction.
pub(crate) struct Tables<'t> {
    pub(crate) heads: Table<'t, &'static str, &'static [u8]>,
    pub(crate) items: Table<'t, (&'static str, &'static str), &'static [u8]>,
    pub(crate) rows: Table<'t, (&'static str, &'static str), (u64, &'static [u8])>,
    pub(crate) row_index: Table<'t, (&'static str, u64, &'static str), ()>,
    pub(crate) due: Table<'t, (u64, &'static str), ()>,
    pub(crate) retention: Retention<'t>,
}

impl<'t> Tables<'t> {
    pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            heads: transaction.open_table(HEADS)?,
            items: transaction.open_table(ITEMS)?,
            rows: transaction.open_table(ROWS)?,
            row_index: transaction.open_table(ROW_INDEX)?,
            due: transaction.open_table(DUE)?,
            retention: Retention::open(transaction)?,
        })
    }

    fn postpone(&mut self, due: &Due, to: Timestamp) -> Result<(), redb::Error> {
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

    /// Writes a commit. A damaged board refuses it, and does not affect the other commits of the group.
    fn write(&mut self, commit: &Commit, clock: &StoreClock) -> Result<Result<Committed, Fault>, redb::Error> {
        let scope = commit.scope.to_string();
        let head = self.heads.get(scope.as_str())?.map(|bytes| StoredHead::decode(bytes.value())).transpose();
        let mut stored = match head {
            Ok(head) => head.unwrap_or_default(),
            Err(damaged) => return Ok(Err(damaged)),
        };
        let (sizes, now) = (self.history_sizes(&scope, commit)?, clock.now());
        let committed = stored.head.take(commit, sizes, now);
        if !matches!(committed, Committed::Done(..)) {
            return Ok(Ok(committed));
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
        if !commit.archive.is_empty() {
            self.retention.set_size(&scope, sizes.1)?;
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
        self.heads.insert(scope.as_str(), stored.encode().as_slice())?;
        self.retention.apply(&scope, commit.expiry, now)?;
        Ok(Ok(committed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Instant;

    use bytes::Bytes;
    use engine::store::Expiry;
    use timers::{CommandId, Tag, UserId};

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
            expiry: Expiry::Keep,
            quota: None,
            deadline: DeadlineMove::Keep,
            update: Bytes::from_static(b"no update"),
        };
        let (reply_tx, reply) = oneshot::channel();
        (Job::Commit(commit, reply_tx), reply)
    }

    fn scope(user: &str) -> Scope {
        Scope::user(&UserId::new(user).unwrap())
    }

    struct Running {
        handle: Handle,
        clock: Arc<StoreClock>,
        signal_sender: Arc<Mutex<SignalSender>>,
        jobs: mpsc::Sender<Job>,
        writer: thread::JoinHandle<()>,
        _folder: tempfile::TempDir,
    }

    impl Running {
        fn start(before: impl FnOnce(&Handle)) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let handle = Handle::open(folder.path()).unwrap();
            before(&handle);
            let (signal_sender, _) = SignalSender::new();
            let (clock, signal_sender) = (Arc::new(StoreClock::new()), Arc::new(Mutex::new(signal_sender)));
            let writer =
                Writer { handle: handle.clone(), clock: Arc::clone(&clock), signal_sender: Arc::clone(&signal_sender) };
            let (jobs, received) = mpsc::channel(8);
            let writer = thread::spawn(move || writer.run(received));
            Self { handle, clock, signal_sender, jobs, writer, _folder: folder }
        }

        /// Commits, and retries if a second has begun since the decision.
        fn commit(&self, user: &str) -> Result<(), FaultKind> {
            loop {
                let (job, reply) = job(&self.clock, user);
                self.jobs.blocking_send(job).ok().unwrap();
                match reply.blocking_recv() {
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
    fn a_closed_store_rejects_commits_and_reopens_by_itself() {
        let mut reader = None;
        let running = Running::start(|handle| {
            reader = handle.get().ok();
            handle.close("a write failed".to_owned());
        });
        assert_eq!(running.commit("ann"), Err(FaultKind::Unavailable), "a reader still has the file open");
        drop(reader);
        let end = Instant::now() + Duration::from_secs(15);
        while running.handle.ready().is_err() {
            assert!(Instant::now() < end, "the store was not reopened");
            thread::yield_now();
        }
        assert_eq!(running.commit("ann"), Ok(()));
        running.stop();
    }

    #[test]
    fn a_store_that_stays_closed_does_not_keep_the_writer_running() {
        let mut reader = None;
        let running = Running::start(|handle| {
            reader = handle.get().ok();
            handle.close("a write failed".to_owned());
        });
        running.stop();
    }

    #[test]
    fn a_damaged_board_refuses_its_own_commits_and_no_others() {
        let running = Running::start(|handle| {
            let transaction = handle.get().unwrap().begin_write().unwrap();
            let ann = scope("ann").to_string();
            transaction.open_table(HEADS).unwrap().insert(ann.as_str(), &b"damaged"[..]).unwrap();
            transaction.commit().unwrap();
        });
        for _ in 0..2 {
            assert_eq!(running.commit("ann"), Err(FaultKind::Damaged));
            assert!(running.handle.ready().is_ok());
        }
        assert_eq!(running.commit("ben"), Ok(()));
        running.stop();
    }

    #[test]
    fn the_writer_survives_a_panic() {
        let running = Running::start(|_| {});
        running.signal_sender.lock().watch(&scope("ann"));
        assert_eq!(running.commit("ann"), Err(FaultKind::Unknown), "the update can't be decoded");
        running.signal_sender.lock().unwatch(&scope("ann"));
        let end = Instant::now() + Duration::from_secs(15);
        while running.commit("ben").is_err() {
            assert!(Instant::now() < end, "the writer has stopped");
        }
        running.stop();
    }
}
