//! The limits of one commit.

use bytes::Bytes;
use timers::{DeadlineMove, HistoryId, RequiredRows, Timestamp};
use tokio::time::timeout;

use super::{DEADLINE, Fixture, fresh, key, must, node, row, scope};
use crate::store::{
    COMMIT_ITEMS_MAX, COMMIT_REMOVALS_MAX, COMMIT_ROW_REMOVALS_MAX, COMMIT_ROWS_MAX, Commit, Due, FaultKind, Query,
    Signal, Store,
};

/// Fills a part of a commit with this many entries.
type Fill = fn(&mut Commit, usize);

/// The parts of a commit that have a limit.
const LIMITS: [(usize, Fill); 4] = [
    (COMMIT_ITEMS_MAX, |commit, count| commit.put = items(count)),
    (COMMIT_REMOVALS_MAX, |commit, count| {
        commit.removed = items(count).into_iter().map(|(key, _)| key).collect();
    }),
    (COMMIT_ROWS_MAX, |commit, count| {
        commit.archive = (0..count).map(|nth| row(&format!("row:{nth}"), 1, "{}")).collect();
    }),
    (COMMIT_ROW_REMOVALS_MAX, |commit, count| {
        let ids = (0..count).map(|nth| HistoryId::new(&format!("row:{nth}")).expect("a good id"));
        commit.archive_removed = ids.collect();
    }),
];

fn items(count: usize) -> Vec<(timers::ItemKey, Bytes)> {
    (0..count).map(|nth| (key(&nth.to_string()), Bytes::from_static(b"{}"))).collect()
}

pub async fn a_commit_at_each_limit_is_accepted(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    for (nth, (limit, fill)) in LIMITS.into_iter().enumerate() {
        let mut commit = fresh(&*store, &ann, nth as u64 + 1).await;
        fill(&mut commit, limit);
        must(&*store, commit).await;
        let stored = store.load(&ann, &RequiredRows::default()).await.expect("loads").items.len();
        assert_eq!(stored, if nth == 0 { COMMIT_ITEMS_MAX } else { 0 });
        let page = store.history(&ann, &Query::newest(COMMIT_ROWS_MAX)).await.expect("reads");
        assert_eq!((page.rows.len(), page.next), (if nth == 2 { COMMIT_ROWS_MAX } else { 0 }, None));
    }
}

pub async fn a_commit_above_a_limit_is_refused_and_changes_nothing(fixture: &dyn Fixture) {
    let mut node = node(fixture).await;
    let store = &node.store;
    let ann = scope("ann");
    store.watch(&ann).await.expect("watches");
    let mut first = fresh(&**store, &ann, 1).await;
    first.put = vec![(key("kept"), Bytes::from_static(b"{}"))];
    first.archive = vec![row("row:kept", 1, "{}")];
    first.deadline = DeadlineMove::Set(Timestamp(100));
    must(&**store, first).await;
    let before = content(&**store).await;
    for (nth, (limit, fill)) in LIMITS.into_iter().enumerate() {
        let mut commit = fresh(&**store, &ann, nth as u64 + 2).await;
        commit.put = vec![(key("more"), Bytes::from_static(b"{}"))];
        commit.removed = vec![key("kept")];
        commit.archive = vec![row("row:more", 1, "{}")];
        commit.deadline = DeadlineMove::Set(Timestamp(50));
        fill(&mut commit, limit + 1);
        let fault = store.commit(&commit).await.expect_err("above the limit");
        assert_eq!(fault.kind(), FaultKind::Damaged, "{fault}");
        assert!(fault.to_string().contains(&limit.to_string()), "it names the limit {limit}: {fault}");
        assert_eq!(content(&**store).await, before);
    }
    let last = fresh(&**store, &ann, 9).await;
    let tags = [timers::Tag(1 << 8 | 1), last.tag];
    must(&**store, last).await;
    for tag in tags {
        let signalled = loop {
            let signal = timeout(DEADLINE, node.signals.recv()).await.expect("a signal in time");
            if let Signal::Updated(update) = signal.expect("a live store") {
                break update.position.tag;
            }
        };
        assert_eq!(signalled, tag, "a refused commit is not signalled");
    }
}

/// Reads all that a commit can change.
pub(super) async fn content(store: &dyn Store) -> (timers::Position, Vec<timers::ItemKey>, Vec<String>, Vec<Due>) {
    let ann = scope("ann");
    let loaded = store.load(&ann, &RequiredRows::default()).await.expect("loads");
    let page = store.history(&ann, &Query::newest(10)).await.expect("reads");
    let rows = page.rows.into_iter().map(|row| row.id.to_string()).collect();
    let due = store.due(Timestamp(1_000), 10).await.expect("answers").due;
    (loaded.position, loaded.items.into_iter().map(|(key, _)| key).collect(), rows, due)
}
