//! Index terms in Redis: the storage format, rows of the previous version, damage, and slots that move.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::Store;
use engine::store::{ArchivedRow, Commit, Committed, Connected, Expiry, Fault, FaultKind, Query};
use harness::{RedisCluster, RedisServer, wait_for};
use store::redis::RedisStore;
use timers::{CommandId, DeadlineMove, HistoryId, IndexTerm, Millis, RequiredRows, Revision, Scope, Tag, Timestamp};
use tokio::time::timeout;

use super::node::{options, scope};

/// A store of one node, and the server.
struct Fixture {
    redis: RedisServer,
    store: Arc<dyn Store>,
}

impl Fixture {
    async fn start() -> Self {
        let redis = RedisServer::start();
        let store = connect(&redis.url()).await.store;
        Self { redis, store }
    }

    fn command(&self, words: &[&str]) -> String {
        self.redis.command(words).expect("Redis replies")
    }

    /// Returns a key of the user `ann`; the board must be there.
    fn key(&self, kind: &str) -> String {
        let keys = self.redis.replies(&[vec!["KEYS", "*:board:user:ann"]]).expect("Redis replies");
        keys[0].texts()[0].replace(":board:", &format!(":{kind}:"))
    }

    /// Replaces a row as the previous version does, which knows no terms.
    fn replace_as_before(&self, id: &str, at: u64, body: &str) {
        self.command(&["HSET", &self.key("history"), id, body]);
        self.command(&["ZADD", &self.key("history-index"), &at.to_string(), id]);
        self.command(&["HDEL", &self.key("board"), "@history"]);
    }

    async fn ids(&self, term: &str) -> Vec<String> {
        ids(&*self.store, &scope("ann"), term).await.expect("reads")
    }

    fn entries(&self) -> String {
        self.command(&["ZCARD", &self.key("history-terms")])
    }

    async fn write(&self, id: u64, archive: Vec<ArchivedRow>) {
        commit(&*self.store, &scope("ann"), id, |commit| commit.archive.clone_from(&archive)).await.expect("commits");
    }
}

async fn connect(url: &str) -> Connected<dyn Store> {
    let connected = RedisStore::connect(&options(url, "one")).expect("the driver accepts its configuration");
    wait_for("the store", || connected.store.ready().is_ok()).await;
    connected
}

fn row(id: &str, at: u64, terms: &[&str]) -> ArchivedRow {
    ArchivedRow {
        id: HistoryId::new(id).expect("a valid id"),
        at: Timestamp(at),
        body: Bytes::from_static(b"{}"),
        terms: terms.iter().map(|term| IndexTerm::new(term).expect("a valid term")).collect(),
    }
}

async fn ids(store: &dyn Store, scope: &Scope, term: &str) -> Result<Vec<String>, Fault> {
    let query = Query { term: Some(IndexTerm::new(term).expect("a valid term")), ..Query::newest(2_000) };
    Ok(store.history(scope, &query).await?.rows.into_iter().map(|row| row.id.to_string()).collect())
}

/// Commits on the board as it is now; again as often as a second begins in between, and while the store is unavailable.
async fn commit(store: &dyn Store, scope: &Scope, id: u64, fill: impl Fn(&mut Commit)) -> Result<Committed, Fault> {
    loop {
        let loaded = match store.load(scope, &RequiredRows::default()).await {
            Err(fault) if fault.allows_retry() => continue,
            loaded => loaded?,
        };
        let (now, prev, tag) = (loaded.now, loaded.position.tag, Tag(id << 8 | 1));
        let rev = loaded.position.revision.next();
        let update = format!(r#"{{"v":99,"scope":"{scope}","prev":"{prev}","rev":{rev},"tag":"{tag}","at":{now}}}"#);
        let mut commit = Commit {
            scope: scope.clone(),
            expected: prev,
            id: CommandId(id),
            decided_at: now,
            at: now,
            tag,
            put: Vec::new(),
            removed: Vec::new(),
            archive: Vec::new(),
            archive_removed: Vec::new(),
            deadline: DeadlineMove::Keep,
            expiry: Expiry::Keep,
            quota: None,
            update: update.into(),
        };
        fill(&mut commit);
        match store.commit(&commit).await {
            Ok(Committed::Stale(_) | Committed::Late(_)) => {}
            Err(fault) if fault.allows_retry() => {}
            other => return other,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scope_without_terms_is_stored_as_before() {
    let fixture = Fixture::start().await;
    fixture.write(1, vec![row("a", 10, &[]), row("b", 20, &[])]).await;
    fixture.write(2, vec![row("a", 30, &[])]).await;
    assert_eq!(fixture.command(&["HGET", &fixture.key("history"), "a"]), "{}");
    assert_eq!(fixture.command(&["ZSCORE", &fixture.key("history-index"), "a"]), "30");
    assert_eq!(fixture.command(&["EXISTS", &fixture.key("history-terms")]), ":0");
    assert_eq!(fixture.command(&["HGET", &fixture.key("board"), "@history"]), "6");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_the_previous_version_are_read_and_get_terms_when_they_are_replaced() {
    let fixture = Fixture::start().await;
    fixture.write(1, Vec::new()).await;
    for (id, at) in [("a", 10), ("b", 20), ("c", 30)] {
        fixture.replace_as_before(id, at, "{}");
    }
    let old: Vec<ArchivedRow> = [("c", 30), ("b", 20), ("a", 10)].map(|(id, at)| row(id, at, &[])).into();
    assert_eq!(fixture.store.history(&scope("ann"), &Query::newest(9)).await.expect("reads").rows, old);
    let ids: Vec<HistoryId> = old.iter().map(|row| row.id.clone()).collect();
    let required = RequiredRows { existing: Vec::new(), bodies: ids };
    assert_eq!(fixture.store.load(&scope("ann"), &required).await.expect("loads").rows, old);
    fixture.write(2, vec![row("b", 40, &["t:1"]), row("d", 5, &["t:1"])]).await;
    commit(&*fixture.store, &scope("ann"), 3, |commit| commit.archive_removed.push(old[2].id.clone()))
        .await
        .expect("commits");
    assert_eq!(fixture.ids("t:1").await, ["b", "d"]);
    let all = fixture.store.history(&scope("ann"), &Query::newest(9)).await.expect("reads").rows;
    assert_eq!(all, [row("b", 40, &["t:1"]), row("c", 30, &[]), row("d", 5, &["t:1"])]);
    let size: usize = all.iter().map(|row| row.id.as_str().len() + row.value_len()).sum();
    assert_eq!(fixture.command(&["HGET", &fixture.key("board"), "@history"]), size.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_the_previous_version_replaced_loses_its_terms() {
    let fixture = Fixture::start().await;
    let rows = ["a", "b", "c", "d"].map(|id| row(id, 10, &["t:1", "t:2"]));
    fixture.write(1, rows.to_vec()).await;
    assert_eq!(fixture.entries(), ":8");
    fixture.replace_as_before("a", 20, "{}");
    fixture.replace_as_before("b", 20, "{}");
    fixture.command(&["HDEL", &fixture.key("history"), "c"]);
    fixture.command(&["ZREM", &fixture.key("history-index"), "c"]);
    // This version replaces one of them before any query.
    fixture.write(2, vec![row("b", 30, &["t:1"])]).await;
    let pages = async |limit| {
        let query = Query { term: Some(IndexTerm::new("t:1").expect("valid")), ..Query::newest(limit) };
        fixture.store.history(&scope("ann"), &query).await.expect("reads")
    };
    let first = pages(1).await;
    assert_eq!((first.rows.len(), first.rows[0].id.as_str(), first.next.is_some()), (1, "b", true));
    assert_eq!(fixture.ids("t:1").await, ["b", "d"]);
    assert_eq!(fixture.entries(), ":6", "the stale entries of t:1 are gone, and those of t:2 are there");
    assert_eq!(fixture.ids("t:2").await, ["d"]);
    assert_eq!(fixture.entries(), ":3");
    let all = fixture.store.history(&scope("ann"), &Query::newest(9)).await.expect("reads").rows;
    assert_eq!(all[..2], [row("b", 30, &["t:1"]), row("a", 20, &[])]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_index_of_terms_ends_with_its_scope() {
    let fixture = Fixture::start().await;
    fixture.write(1, vec![row("a", 10, &["t:1"])]).await;
    let terms = fixture.key("history-terms");
    let left = || fixture.command(&["PTTL", &terms]).trim_start_matches(':').parse::<i64>().expect("a number");
    assert_eq!(left(), -1);
    let hours = |hours: u64| Millis::from_hours(hours);
    // A commit without rows, and one with.
    commit(&*fixture.store, &scope("ann"), 2, |commit| commit.expiry = Expiry::After(hours(1))).await.expect("commits");
    let hour = i64::try_from(hours(1).0).expect("small");
    assert!((1..=hour).contains(&left()), "{}", left());
    commit(&*fixture.store, &scope("ann"), 3, |commit| {
        commit.archive = vec![row("b", 10, &["t:1"])];
        commit.expiry = Expiry::Within(hours(2));
    })
    .await
    .expect("commits");
    assert!((1..=hour).contains(&left()), "{}", left());
    fixture.store.extend(&[scope("ann")], hours(3)).await.expect("extends");
    assert!((2 * hour..=3 * hour).contains(&left()), "{}", left());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overwritten_index_of_terms_refuses_rows_with_terms_before_anything_is_written() {
    let fixture = Fixture::start().await;
    fixture.write(1, vec![row("a", 10, &[])]).await;
    fixture.command(&["SET", &fixture.key("history-terms"), "x"]);
    let board = fixture.command(&["HGET", &fixture.key("board"), "@tag"]);
    let fill = |commit: &mut Commit| commit.archive = vec![row("b", 20, &[]), row("c", 30, &["t:1"])];
    let fault = commit(&*fixture.store, &scope("ann"), 2, fill).await.expect_err("refused");
    assert_eq!(fault.kind(), FaultKind::Damaged, "{fault}");
    assert!(fault.to_string().contains("the index of terms is a string"), "{fault}");
    assert_eq!(fixture.command(&["HGET", &fixture.key("board"), "@tag"]), board);
    assert_eq!(fixture.command(&["HLEN", &fixture.key("history")]), ":1");
    let query = ids(&*fixture.store, &scope("ann"), "t:1").await.expect_err("refused");
    assert_eq!(query.kind(), FaultKind::Damaged, "{query}");
    // Rows without terms do not need it.
    fixture.write(3, vec![row("b", 20, &[])]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_with_a_damaged_header_is_reported_and_can_be_replaced() {
    let fixture = Fixture::start().await;
    fixture.write(1, vec![row("a", 10, &["t:1"])]).await;
    for damaged in ["\u{1}", "\u{1}12345678", "\u{1}12345678\u{1}", "\u{1}12345678\u{2}\u{1}x\u{5}ab"] {
        fixture.replace_as_before("a", 20, damaged);
        let fault = fixture.store.history(&scope("ann"), &Query::newest(9)).await.expect_err("damaged");
        assert_eq!(fault.kind(), FaultKind::Damaged);
        assert!(fault.to_string().contains("the history row a"), "{fault}");
        let ids = vec![HistoryId::new("a").expect("valid")];
        let required = RequiredRows { existing: Vec::new(), bodies: ids };
        let fault = fixture.store.load(&scope("ann"), &required).await.expect_err("damaged");
        assert!(fault.to_string().contains("the history row a"), "{fault}");
        assert_eq!(fixture.ids("t:1").await, [""; 0]);
        let id = 2 + damaged.len() as u64 * 2;
        fixture.write(id, vec![row("a", 10, &["t:1"])]).await;
        assert_eq!(fixture.ids("t:1").await, ["a"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_and_terms_stay_together_while_their_slots_move() {
    const USERS: u64 = 48;
    let cluster = Arc::new(RedisCluster::start(3, false));
    let store = connect(&cluster.url()).await.store;
    let user = |nth: u64| scope(&format!("user-{nth}"));
    let (done, moving) = tokio::sync::oneshot::channel();
    let of_move = Arc::clone(&cluster);
    std::thread::spawn(move || {
        of_move.move_slots(0, 1, 500);
        of_move.move_slots(1, 2, 300);
        done.send(()).ok();
    });
    let (mut moving, mut round) = (Box::pin(moving), 0);
    loop {
        round += 1;
        for nth in 0..USERS {
            // Each round moves the row to another instant and another term.
            let fill = |commit: &mut Commit| commit.archive = vec![row("a", round, &["all", &format!("t:{round}")])];
            let committed = commit(&*store, &user(nth), round, fill).await.expect("a moving slot is retried");
            assert!(
                matches!(committed, Committed::Done(Revision(made), _) | Committed::Repeated(Revision(made), _) if made == round),
                "{committed:?} in round {round}"
            );
        }
        if timeout(Duration::ZERO, &mut moving).await.is_ok() {
            break;
        }
    }
    for nth in 0..USERS {
        for (term, expected) in
            [("all", &["a"][..]), (&format!("t:{round}"), &["a"]), (&format!("t:{}", round - 1), &[])]
        {
            assert_eq!(ids(&*store, &user(nth), term).await.expect("reads"), expected, "{term} of {nth}");
        }
    }
    let entries = cluster.servers.iter().flat_map(|server| {
        let keys = server.replies(&[vec!["KEYS", "*:history-terms:*"]]).expect("Redis replies");
        let keys: Vec<String> = keys[0].texts().into_iter().map(str::to_owned).collect();
        keys.into_iter().map(|key| server.command(&["ZCARD", &key]).expect("Redis replies"))
    });
    assert_eq!(entries.collect::<Vec<_>>(), vec![":2"; usize::try_from(USERS).expect("small")]);
}
