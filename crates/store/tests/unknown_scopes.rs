//! Boards of scope kinds of a newer version, and commits beyond the limits of the port, in both stores.

use bytes::Bytes;
use engine::Store;
use engine::store::{COMMIT_REMOVALS_MAX, Commit, Committed, Expiry, FaultKind};
use harness::{RedisServer, wait_for};
use store::embedded::EmbeddedStore;
use store::redis::{Options, RedisStore};
use timers::{CommandId, DeadlineMove, ItemKey, Position, RequiredRows, Revision, Scope, Tag, Timestamp};

/// A commit on a board that was never written.
async fn first_commit(store: &dyn Store, scope: &str) -> Commit {
    let scope: Scope = scope.parse().expect("a scope");
    let loaded = store.load(&scope, &RequiredRows::default()).await.expect("loads");
    assert_eq!((loaded.position, loaded.items.len()), (Position::NONE, 0));
    Commit {
        scope,
        expected: Tag::NONE,
        id: CommandId(1),
        decided_at: loaded.now,
        at: loaded.now,
        tag: Tag(7),
        put: vec![(ItemKey::from_stored("moon:1"), Bytes::from_static(b"{}"))],
        removed: Vec::new(),
        archive: Vec::new(),
        archive_removed: Vec::new(),
        deadline: DeadlineMove::Set(Timestamp(1)),
        expiry: Expiry::Keep,
        quota: None,
        update: Bytes::from_static(b"{}"),
    }
}

/// Commits, and retries if a second has begun since the decision.
async fn commit(store: &dyn Store, mut commit: Commit) {
    loop {
        match store.commit(&commit).await.expect("commits") {
            Committed::Done(revision, _) => return assert_eq!(revision, Revision(1)),
            Committed::Stale(now) => commit.decided_at = now,
            other @ (Committed::Repeated(..)
            | Committed::Conflict(_)
            | Committed::Late(_)
            | Committed::HistoryFull(..)) => panic!("{other:?}"),
        }
    }
}

async fn a_board_of_an_unknown_kind_is_committed_loaded_and_listed(store: &dyn Store) {
    let unknown = first_commit(store, "planet:1").await;
    let (scope, put) = (unknown.scope.clone(), unknown.put.clone());
    assert!(!scope.is_known());
    commit(store, unknown).await;
    let loaded = store.load(&scope, &RequiredRows::default()).await.expect("loads");
    let position = Position { revision: Revision(1), tag: Tag(7) };
    assert_eq!((loaded.position, loaded.items), (position, put));
    assert_eq!(store.positions(&[scope]).await, [Some(position)]);
    commit(store, first_commit(store, "user:ann").await).await;
    let page = store.due(Timestamp(10), 1).await.expect("answers");
    assert_eq!(page.due.iter().map(|due| due.scope.to_string()).collect::<Vec<_>>(), ["user:ann"]);
    assert!(!page.more);
}

async fn a_commit_beyond_a_limit_writes_nothing(store: &dyn Store) {
    let mut large = first_commit(store, "user:ben").await;
    large.removed = (0..=COMMIT_REMOVALS_MAX).map(|nth| ItemKey::from_stored(&format!("stopwatch:{nth}"))).collect();
    let fault = store.commit(&large).await.expect_err("too large");
    assert_eq!(fault.kind(), FaultKind::Damaged, "{fault}");
    assert!(fault.to_string().contains("the limit is 1000"), "{fault}");
    assert_eq!(store.positions(&[large.scope]).await, [Some(Position::NONE)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_store_keeps_unknown_boards_and_the_limits() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = EmbeddedStore::open(folder.path()).expect("opens").store;
    a_board_of_an_unknown_kind_is_committed_loaded_and_listed(&*store).await;
    a_commit_beyond_a_limit_writes_nothing(&*store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_keeps_unknown_boards_and_the_limits() {
    let server = RedisServer::start();
    let options = Options::new(server.url().parse().expect("a valid address"), "a");
    let store = RedisStore::connect(&options).expect("a valid configuration").store;
    wait_for("the store", || store.ready().is_ok()).await;
    a_board_of_an_unknown_kind_is_committed_loaded_and_listed(&*store).await;
    a_commit_beyond_a_limit_writes_nothing(&*store).await;
}
