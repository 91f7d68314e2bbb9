//! Commits and queries of history rows with and without index terms, on Redis: `cargo bench -p benches --bench history`.
//!
//! One client in a closed loop, on histories of 100,000 rows. Compare the rows of one run; machines differ.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::Store;
use engine::store::{ArchivedRow, Commit, Committed, Expiry, Query};
use harness::RedisServer;
use store::redis::{Options, RedisStore};
use timers::{CommandId, DeadlineMove, HistoryId, IndexTerm, Position, RequiredRows, Scope, Tag, Timestamp};

const ROWS: u64 = 100_000;
const ROWS_AT_ONCE: u64 = 1_000;
const REPETITIONS: u64 = 2_000;

/// Rows of each session, the rarest term.
const ROWS_OF_SESSION: u64 = 50;

fn main() {
    // `cargo test --benches` only wants to see that it works.
    let is_test = std::env::args().any(|argument| argument == "--test");
    let (rows, repetitions) = if is_test { (ROWS_AT_ONCE, 5) } else { (ROWS, REPETITIONS) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(rows, repetitions));
}

async fn run(rows: u64, repetitions: u64) {
    let server = RedisServer::start();
    let options = Options::new(server.url().parse().expect("a good address"), "bench");
    let store = RedisStore::connect(&options).expect("connects").store;
    while store.ready().is_err() {
        tokio::task::yield_now().await;
    }
    let mut plain = History::fill(&store, "org:plain", rows, |_| Vec::new()).await;
    let mut indexed = History::fill(&store, "org:indexed", rows, terms).await;
    println!("{:<44} {:>10} {:>10}", "history", "median µs", "p99 µs");
    measure("commit: no row", repetitions, async |_| plain.commit(Vec::new()).await).await;
    let new = |nth, terms| row(rows + nth, rows + nth, terms);
    measure("commit: new row without terms", repetitions, async |nth| plain.commit(vec![new(nth, vec![])]).await).await;
    let with_terms = async |nth| indexed.commit(vec![new(nth, terms(rows + nth))]).await;
    measure("commit: new row with 4 terms", repetitions, with_terms).await;
    let replaced = async |nth| indexed.commit(vec![row(nth % rows, nth % rows, terms(nth % rows))]).await;
    measure("commit: replaced row, equal terms", repetitions, replaced).await;
    let moved = async |nth| indexed.commit(vec![row(nth % rows, nth % rows + 7, terms(nth + ROWS_OF_SESSION))]).await;
    measure("commit: replaced row, other instant and term", repetitions, moved).await;
    for (name, query) in [
        ("query: all rows of a session", of_term("session:10", 100)),
        ("query: 100 rows of a user", of_term("user:3", 100)),
        ("query: 100 rows", Query::newest(100)),
        ("query: 1,000 rows", Query::newest(1_000)),
    ] {
        measure(name, repetitions, async |_| {
            black_box(store.history(&indexed.scope, &query).await.expect("reads"));
        })
        .await;
    }
    let required = RequiredRows { existing: Vec::new(), bodies: vec![id(7)] };
    measure("load: board and one row", repetitions, async |_| {
        black_box(store.load(&indexed.scope, &required).await.expect("loads"));
    })
    .await;
    store.close().await;
}

async fn measure(name: &str, repetitions: u64, mut run: impl AsyncFnMut(u64)) {
    let mut times: Vec<Duration> = Vec::new();
    for nth in 0..repetitions {
        let began = Instant::now();
        run(nth).await;
        times.push(began.elapsed());
    }
    times.sort();
    let [median, p99] = [50, 99].map(|percent| times[times.len() * percent / 100].as_micros());
    println!("{name:<44} {median:>10} {p99:>10}");
}

/// A history of one scope.
struct History {
    store: Arc<dyn Store>,
    scope: Scope,
    position: Position,
    commits: u64,
}

impl History {
    async fn fill(store: &Arc<dyn Store>, scope: &str, rows: u64, terms: fn(u64) -> Vec<IndexTerm>) -> Self {
        let scope = scope.parse().expect("a good scope");
        let mut history = Self { store: Arc::clone(store), scope, position: Position::NONE, commits: 0 };
        for from in (0..rows).step_by(usize::try_from(ROWS_AT_ONCE).expect("small")) {
            history.commit((from..from + ROWS_AT_ONCE).map(|nth| row(nth, nth, terms(nth))).collect()).await;
        }
        history
    }

    async fn commit(&mut self, archive: Vec<ArchivedRow>) {
        self.commits += 1;
        let (scope, prev, tag) = (&self.scope, self.position.tag, Tag(self.commits));
        let rev = self.position.revision.next();
        let update = format!(r#"{{"v":99,"scope":"{scope}","prev":"{prev}","rev":{rev},"tag":"{tag}","at":1}}"#);
        let mut commit = Commit {
            scope: self.scope.clone(),
            expected: prev,
            id: CommandId(self.commits),
            decided_at: now(),
            at: Timestamp(1),
            tag,
            put: Vec::new(),
            removed: Vec::new(),
            archive,
            archive_removed: Vec::new(),
            deadline: DeadlineMove::Keep,
            expiry: Expiry::Keep,
            quota: None,
            update: update.into(),
        };
        loop {
            match self.store.commit(&commit).await.expect("commits") {
                Committed::Done(revision, _) => break self.position = Position { revision, tag },
                Committed::Stale(now) | Committed::Late(now) => commit.decided_at = now,
                other @ (Committed::Repeated(..) | Committed::Conflict(_) | Committed::HistoryFull(..)) => {
                    panic!("{other:?}")
                }
            }
        }
    }
}

/// Returns the time of this machine, which is that of the server.
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    Timestamp(u64::try_from(since.as_millis()).expect("not in the far future"))
}

fn id(nth: u64) -> HistoryId {
    HistoryId::new(&format!("entry:{nth}")).expect("a good id")
}

fn row(nth: u64, minute: u64, terms: Vec<IndexTerm>) -> ArchivedRow {
    let body = format!(r#"{{"v":1,"notes":"{}"}}"#, "x".repeat(600));
    ArchivedRow { id: id(nth), at: Timestamp(1_700_000_000_000 + 60_000 * minute), body: body.into(), terms }
}

fn terms(nth: u64) -> Vec<IndexTerm> {
    let terms = [
        format!("session:{}", nth / ROWS_OF_SESSION),
        format!("type:{}", nth % 5),
        format!("user:{}", nth % 10),
        format!("month:{}", nth / 8_000),
    ];
    terms.iter().map(|term| IndexTerm::new(term).expect("a good term")).collect()
}

fn of_term(term: &str, limit: usize) -> Query {
    Query { term: Some(IndexTerm::new(term).expect("a good term")), ..Query::newest(limit) }
}
