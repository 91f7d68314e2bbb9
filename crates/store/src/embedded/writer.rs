//! The single writer: takes the queued jobs, commits them in one transaction with one sync, then replies.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use engine::store::{Commit, Committed, Due, Fault, FaultKind, RestoreStep, Shards, Signal, SignalSender};
use engine::{StoreClock, StoreTime, Update};
use redb::Database;
use timers::{Scope, Timestamp};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use crate::embedded::database::{Handle, failing};
use crate::embedded::failure_log::FailureLog;
use crate::embedded::read;
use crate::embedded::tables::{ABSORBED, CLOCK, CLOSED, PROBE, TIME, UNFINISHED_RESTORE};
use crate::embedded::touches::Touches;
use crate::embedded::transaction::Tables;

/// Most commits in one transaction. In a group of this size writing costs as much as the sync; larger groups
/// only delay the first commit.
const GROUP_MAX: usize = 256;

/// Pause between attempts to write after a failed one. Each costs a sync.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Bytes that a write after a failed one must take, before commits are accepted again: more than most groups, so that a
/// disk with a few free bytes does not look healthy at every other moment.
const PROBE_BYTES: usize = 256 << 10;

/// The sender of a job's result.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Fault>>;

/// A job and the sender of its result.
pub(crate) enum Job {
    /// A commit.
    Commit(Box<Commit>, Reply<Committed>),
    /// A deadline to postpone, unless it has changed since it was read.
    Postpone(Due, Timestamp, Reply<()>),
    /// Scopes whose end is to be postponed to this instant.
    Extend(Vec<Scope>, Timestamp, Reply<()>),
    /// The deletion of one scope that has ended by this instant.
    Expire(Timestamp, Reply<ControlFlow<()>>),
    /// Steps of a restore.
    Restore(Vec<RestoreStep>, Reply<()>),
    /// The backup whose restore has begun and not ended, recorded with the time.
    MarkRestore(Option<u64>, Reply<()>),
    /// Find out whether the file is still at its path.
    CheckFile,
    /// Record the time, so that it continues from there after a restart.
    RecordTime,
}

/// The writer's dependencies.
pub(crate) struct Writer {
    pub(crate) handle: Handle,
    pub(crate) clock: Arc<StoreClock>,
    pub(crate) signal_sender: Arc<Mutex<SignalSender>>,
    pub(crate) failures: FailureLog,
    pub(crate) touches: Arc<Touches>,
}

impl Writer {
    /// Runs until all senders are dropped and all queued jobs have a reply.
    pub(crate) fn run(&mut self, mut jobs: mpsc::Receiver<Job>) {
        self.record_time(false);
        // After an unhandled panic the store would look healthy and accept nothing.
        while catch_unwind(AssertUnwindSafe(|| self.serve(&mut jobs))).is_err() {
            self.handle.close("the writer has panicked".to_owned());
        }
    }

    fn serve(&mut self, jobs: &mut mpsc::Receiver<Job>) {
        let mut next = None;
        loop {
            if self.handle.ready().is_err() && !self.recover(jobs) {
                return;
            }
            let mut group = Vec::new();
            match next.take().or_else(|| jobs.blocking_recv()) {
                Some(Job::Commit(commit, reply)) => group.push((commit, reply)),
                Some(other) => {
                    self.run_alone(other);
                    continue;
                }
                None => return self.record_time(true),
            }
            while group.len() < GROUP_MAX
                && next.is_none()
                && let Ok(job) = jobs.try_recv()
            {
                match job {
                    Job::Commit(commit, reply) => group.push((commit, reply)),
                    other @ (Job::Postpone(..)
                    | Job::Extend(..)
                    | Job::Expire(..)
                    | Job::Restore(..)
                    | Job::MarkRestore(..)
                    | Job::CheckFile
                    | Job::RecordTime) => {
                        next = Some(other);
                    }
                }
            }
            self.commit_group(group);
        }
    }

    /// Runs a job in a transaction of its own. The sender may be gone.
    fn run_alone(&mut self, job: Job) {
        match job {
            Job::Commit(commit, reply) => self.commit_group(vec![(commit, reply)]),
            Job::Postpone(due, to, reply) => {
                reply.send(self.write(|database| within(database, |tables| tables.postpone(&due, to)))).ok();
            }
            Job::Extend(scopes, until, reply) => {
                reply.send(self.write(|database| within(database, |tables| tables.extend(&scopes, until)))).ok();
            }
            Job::Expire(now, reply) => {
                reply.send(self.write(|database| within(database, |tables| tables.expire(now)))).ok();
            }
            Job::Restore(steps, reply) => {
                let restore = |tables: &mut Tables<'_>| steps.iter().try_for_each(|step| tables.restore(step));
                reply.send(self.write(|database| within(database, restore))).ok();
            }
            Job::MarkRestore(backup, reply) => {
                let marked = self.write(|database| mark_restore(database, backup));
                self.record_time(false);
                reply.send(marked).ok();
            }
            // A failure is logged, and makes the store unusable.
            Job::CheckFile => drop(self.write(|_| Ok(()))),
            Job::RecordTime => self.record_time(false),
        }
    }

    fn record_time(&mut self, is_closed: bool) {
        let time = self.clock.read();
        // As above.
        let touches = Arc::clone(&self.touches);
        let written = self.write(|database| record_time(database, time, is_closed, &touches));
        written.iter().for_each(|written| touches.forget(written));
    }

    /// Writes to the file, which must be at its path before and after. A failed write makes the store unusable. The fault is
    /// [`FaultKind::Failing`] if nothing was written, else [`FaultKind::Unknown`].
    fn write<T>(&mut self, write: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, Fault> {
        let database = self.handle.get()?;
        if let Err(reason) = self.handle.check_file() {
            drop(database);
            self.fail(&reason);
            return Err(failing(&reason));
        }
        let written = write(&database).map_err(|error| error.to_string());
        drop(database);
        written.and_then(|done| self.handle.check_file().map(|()| done)).map_err(|reason| {
            self.fail(&reason);
            Fault::new(FaultKind::Unknown, reason)
        })
    }

    /// Makes the store unusable for writes, and reopens the file for reads: the library accepts no other request to a file
    /// after a failed write.
    fn fail(&mut self, reason: &str) {
        self.failures.report(reason);
        self.handle.close(reason.to_owned());
        self.handle.reopen().ok();
    }

    /// Retries to write without a time limit; jobs are rejected meanwhile. Returns false when all senders are dropped.
    fn recover(&mut self, jobs: &mut mpsc::Receiver<Job>) -> bool {
        loop {
            if self.probe().is_ok() {
                break;
            }
            loop {
                match jobs.try_recv() {
                    Ok(job) => job.reject(&self.handle),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return false,
                }
            }
            std::thread::sleep(RETRY_PAUSE);
        }
        self.handle.set_usable();
        self.failures.report_end();
        // The outcome of the last commits may be unknown, and the file another one.
        let mut signal_sender = self.signal_sender.lock();
        signal_sender.send(Signal::Lost(Shards::ALL));
        signal_sender.send(Signal::Restored(Shards::ALL));
        true
    }

    /// Writes as much as a large commit, and removes it again.
    fn probe(&mut self) -> Result<(), Fault> {
        // A failed write to a file of its own costs no check of the database.
        if let Err(reason) = self.handle.probe_disk(PROBE_BYTES).and_then(|()| self.handle.reopen().map(drop)) {
            self.failures.report(&reason);
            return Err(failing(&reason));
        }
        let (time, touches) = (self.clock.read(), Arc::clone(&self.touches));
        self.write(|database| {
            write_probe(database).and_then(|()| record_time(database, time, false, &touches)).map(drop)
        })
    }

    fn commit_group(&mut self, group: Vec<(Box<Commit>, Reply<Committed>)>) {
        let clock = Arc::clone(&self.clock);
        let written = self.write(|database| {
            within(database, |tables| {
                group.iter().map(|(commit, _)| tables.write(commit, &clock)).collect::<Result<Vec<_>, _>>()
            })
        });
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
            Err(fault) => {
                let reason = self.handle.ready().err().unwrap_or_else(|| fault.to_string());
                // The file tells at once, unless it can't even be opened, whether a commit was done.
                let database = self.handle.get();
                for (commit, reply) in group {
                    let was_done = |database: &Arc<Database>| read::is_at(database, &commit.scope, commit.tag);
                    let is_undone = database.as_ref().is_ok_and(|database| matches!(was_done(database), Ok(false)));
                    let kind = if is_undone { FaultKind::Failing } else { fault.kind() };
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
            let update = Update::decode(commit.update.clone()).expect("the engine encoded it");
            signal_sender.send(Signal::Updated(Box::new(update)));
        }
    }
}

impl Job {
    fn reject(self, handle: &Handle) {
        let fault = || handle.check_writable().err().unwrap_or_else(|| failing("the store is closed"));
        // The caller may be gone.
        match self {
            Self::Commit(_, reply) => drop(reply.send(Err(fault()))),
            Self::Postpone(.., reply)
            | Self::Extend(.., reply)
            | Self::Restore(_, reply)
            | Self::MarkRestore(_, reply) => drop(reply.send(Err(fault()))),
            Self::Expire(_, reply) => drop(reply.send(Err(fault()))),
            Self::CheckFile | Self::RecordTime => {}
        }
    }
}

/// Writes to the tables in one transaction.
fn within<T>(
    database: &Database,
    write: impl FnOnce(&mut Tables<'_>) -> Result<T, redb::Error>,
) -> Result<T, redb::Error> {
    let transaction = database.begin_write()?;
    let written = write(&mut Tables::open(&transaction)?)?;
    transaction.commit()?;
    Ok(written)
}

fn record_time(
    database: &Database,
    time: StoreTime,
    is_closed: bool,
    touches: &Touches,
) -> Result<BTreeMap<Scope, Timestamp>, redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut table = transaction.open_table(CLOCK)?;
        table.insert(TIME, time.now.0)?;
        table.insert(ABSORBED, time.absorbed.0)?;
        table.insert(CLOSED, u64::from(is_closed))?;
    }
    let written = touches.write(&transaction)?;
    transaction.commit()?;
    Ok(written)
}

fn mark_restore(database: &Database, backup: Option<u64>) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut table = transaction.open_table(CLOCK)?;
        match backup {
            Some(backup) => drop(table.insert(UNFINISHED_RESTORE, backup)?),
            None => drop(table.remove(UNFINISHED_RESTORE)?),
        }
    }
    Ok(transaction.commit()?)
}

fn write_probe(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(PROBE)?.insert(0, vec![0; PROBE_BYTES].as_slice())?;
    transaction.commit()?;
    let transaction = database.begin_write()?;
    transaction.open_table(PROBE)?.remove(0)?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Instant;

    use bytes::Bytes;
    use engine::store::Expiry;
    use timers::{CommandId, DeadlineMove, Tag, UserId};

    use crate::embedded::tables::HEADS;

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
            archive_removed: Vec::new(),
            expiry: Expiry::Keep,
            quota: None,
            deadline: DeadlineMove::Keep,
            update: Bytes::from_static(b"no update"),
        };
        let (reply_tx, reply) = oneshot::channel();
        (Job::Commit(Box::new(commit), reply_tx), reply)
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
            let mut writer = Writer {
                handle: handle.clone(),
                clock: Arc::clone(&clock),
                signal_sender: Arc::clone(&signal_sender),
                failures: FailureLog::default(),
                touches: Arc::default(),
            };
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
        assert_eq!(running.commit("ann"), Err(FaultKind::Failing), "a reader still has the file open");
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
