//! The embedded store across restarts, over time, and on a full disk.

#![allow(clippy::unwrap_used, reason = "a test fails when it cannot continue")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command as Process;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::store::{Connected, FaultKind};
use engine::{Dependencies, Engine, ExecuteError, Request, Store};
use harness::wait_for;
use store::embedded::{EmbeddedStore, OpenError};
use timers::stopwatch::{Start, StopwatchCommand};
use timers::{Command, RequiredRows, Scope, SessionId, UserId};

#[tokio::test]
async fn committed_boards_survive_closing_and_reopening() {
    let folder = tempfile::tempdir().unwrap();
    for round in 1..=3 {
        let engine = start(open(folder.path()));
        session(&engine, "ann", &round.to_string()).await.unwrap();
        let board = engine.store().load(&scope("ann"), &RequiredRows::default()).await.unwrap();
        assert_eq!((board.items.len(), board.position.revision.0), (round, round as u64));
        engine.stop().await;
    }
}

#[tokio::test]
async fn opening_a_directory_twice_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let refused = EmbeddedStore::open(folder.path());
    assert!(matches!(refused.err(), Some(OpenError::InUse(named)) if named == folder.path()));
    first.store.close().await;
}

#[tokio::test]
async fn an_unusable_directory_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "not a folder").unwrap();
    let refused = EmbeddedStore::open(&file).err().unwrap();
    assert!(refused.to_string().contains("file can't be used as a store"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overwriting_does_not_grow_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let engine = start(open(folder.path()));
    let size = || std::fs::metadata(folder.path().join("tickcast.redb")).unwrap().len();
    for round in 0..6 {
        let mut tasks = tokio::task::JoinSet::new();
        for nth in 0..400 {
            let engine = Arc::clone(&engine);
            tasks.spawn(async move {
                session(&engine, &format!("user-{}", nth % 50), &format!("{} {round}", nth / 50)).await.unwrap();
                let command = StopwatchCommand::Remove(SessionId::new(&format!("{} {round}", nth / 50)).unwrap());
                execute(&engine, &format!("user-{}", nth % 50), command).await.unwrap();
            });
        }
        tasks.join_all().await;
    }
    // 4,800 commits wrote at least one page of 4 KiB each: 19 MiB that must have been reused.
    assert!(size() <= 4 << 20, "the file has {} bytes", size());
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_rejects_commits_and_keeps_acknowledged_ones() {
    let mount = SmallDisk::mount();
    let engine = start(open(mount.folder.path()));
    let mut taken = 0;
    let refused = loop {
        match session(&engine, &format!("user-{taken}"), "s").await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 100_000, "the disk does not fill up");
    };
    assert!(matches!(refused, ExecuteError::Unavailable(_)), "{refused}");
    assert!(taken > 0);
    let began = Instant::now();
    for nth in 0..200 {
        assert!(engine.store().ready().is_err(), "look {nth}: a full disk does not look healthy");
        let refused = session(&engine, &format!("late-{nth}"), "s").await;
        assert!(matches!(refused, Err(ExecuteError::Unavailable(_))), "{refused:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(20), "each at once: {:?}", began.elapsed());
    let last = engine.store().load(&scope(&format!("user-{}", taken - 1)), &RequiredRows::default()).await;
    match last {
        Ok(board) => assert_eq!(board.items.len(), 1, "the acknowledged commit is stored"),
        Err(fault) => assert_eq!(fault.kind(), FaultKind::Unavailable),
    }
    engine.stop().await;
    drop(engine);
    let again = open(mount.folder.path());
    for nth in 0..taken {
        let board = again.store.load(&scope(&format!("user-{nth}")), &RequiredRows::default()).await.unwrap();
        assert_eq!(board.items.len(), 1, "user-{nth} was acknowledged");
    }
    again.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_recovers_when_the_disk_has_space_again() {
    let mount = SmallDisk::mount();
    let ballast = mount.folder.path().join("ballast");
    let engine = start(open(mount.folder.path()));
    std::fs::write(&ballast, vec![0; 5 << 20]).unwrap_err();
    let mut taken = 0;
    while session(&engine, &format!("user-{taken}"), "s").await.is_ok() {
        taken += 1;
        assert!(taken < 100_000, "the disk does not fill up");
    }
    std::fs::remove_file(&ballast).unwrap();
    // Without any request: a node that is not ready receives none.
    wait_for("the store to be open", || engine.store().ready().is_ok()).await;
    session(&engine, "ann", "s").await.unwrap();
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_whose_directory_is_removed_is_not_usable_and_acknowledges_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let engine = start(open(&folder));
    session(&engine, "ann", "before").await.unwrap();
    std::fs::rename(&folder, parent.path().join("elsewhere")).unwrap();
    let refused = session(&engine, "ann", "lost").await;
    assert!(matches!(refused, Err(ExecuteError::Unavailable(_))), "{refused:?}");
    let reason = engine.store().ready().unwrap_err();
    assert!(reason.contains("tickcast.redb") && reason.contains("removed"), "{reason}");
    // Put back, it is used again, with what it had.
    std::fs::rename(parent.path().join("elsewhere"), &folder).unwrap();
    wait_for("the store to be usable", || engine.store().ready().is_ok()).await;
    session(&engine, "ann", "after").await.unwrap();
    let board = engine.store().load(&scope("ann"), &RequiredRows::default()).await.unwrap();
    assert_eq!(board.items.len(), 2);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_store_whose_file_is_removed_notices_it() {
    let folder = tempfile::tempdir().unwrap();
    let engine = start(open(folder.path()));
    std::fs::remove_file(folder.path().join("tickcast.redb")).unwrap();
    wait_for("the store to notice it", || engine.store().ready().is_err()).await;
    engine.stop().await;
}

#[tokio::test]
async fn the_directory_and_its_file_are_for_the_owner_alone() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a/b");
    open(&folder).store.close().await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let file = folder.join("tickcast.redb");
    assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    open(&folder).store.close().await;
    assert_eq!(mode(&file), 0o600, "a file of an older version");
}

/// A disk of a few megabytes; mounting it needs root, as in continuous integration.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mounted =
            Process::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(folder.path()).status().unwrap();
        assert!(mounted.success(), "a small disk could not be mounted; this test needs root");
        Self { folder }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Process::new("umount").arg("-l").arg(self.folder.path()).status().ok();
    }
}

fn open(folder: &Path) -> Connected<dyn Store> {
    EmbeddedStore::open(folder).unwrap()
}

fn start(connected: Connected<dyn Store>) -> Arc<Engine> {
    let options = engine::Options::new("a");
    Engine::start(connected, options, Dependencies::default())
}

fn scope(name: &str) -> Scope {
    Scope::user(&UserId::new(name).unwrap())
}

async fn session(engine: &Engine, user: &str, name: &str) -> Result<engine::Outcome, ExecuteError> {
    let start = Start {
        session: Some(SessionId::new(name).unwrap()),
        label: "x".repeat(400),
        goals: None,
        group_id: None,
        group_name: None,
        comment: Some("y".repeat(3000)),
    };
    execute(engine, user, StopwatchCommand::Start(start)).await
}

async fn execute(engine: &Engine, user: &str, command: StopwatchCommand) -> Result<engine::Outcome, ExecuteError> {
    let request = Request { scope: scope(user), command: Command::Stopwatch(command), id: None };
    engine.execute(request).await
}
