//! Reading and writing the history.

use timers::{HistoryId, RequiredRows};

use super::{Fixture, fresh, must, node, row, scope};
use crate::store::{HistoryCursor, Query};

pub async fn the_history_is_paged_newest_first(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let mut commit = fresh(&*store, &ann, 1).await;
    commit.archive = (0..25).map(|n| row(&format!("row:{n:02}"), 1_000 + n, &n.to_string())).collect();
    must(&*store, commit).await;
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = store.history(&ann, &Query { before, ..Query::newest(10) }).await.expect("reads");
        seen.extend(page.rows.iter().map(|row| row.at.0));
        before = page.next;
        if before.is_none() {
            break;
        }
        assert_eq!(page.rows.len(), 10);
    }
    assert_eq!(seen, (1_000..1_025).rev().collect::<Vec<_>>());
    let other = store.history(&scope("ben"), &Query::newest(10)).await.expect("reads");
    assert_eq!((other.rows.len(), other.next), (0, None));
}

pub async fn a_history_row_is_replaced_and_moved(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    for (id, at, body) in [(1, 10, "first"), (2, 30, "second"), (3, 20, "third")] {
        let mut commit = fresh(&*store, &ann, id).await;
        commit.archive = vec![row("session:a", at, body), row(&format!("session:{id}"), 25, "other")];
        must(&*store, commit).await;
    }
    let page = store.history(&ann, &Query::newest(10)).await.expect("reads");
    let rows: Vec<(&str, u64, &[u8])> = page.rows.iter().map(|r| (r.id.as_str(), r.at.0, &r.body[..])).collect();
    assert_eq!(
        rows,
        [
            ("session:3", 25, b"other".as_slice()),
            ("session:2", 25, b"other"),
            ("session:1", 25, b"other"),
            ("session:a", 20, b"third"),
        ]
    );
    let ask = ["session:a", "session:b"].map(|id| HistoryId::new(id).expect("good"));
    let required = RequiredRows { existing: ask.to_vec(), bodies: Vec::new() };
    let existing = store.load(&ann, &required).await.expect("loads").existing;
    assert_eq!(existing.into_iter().collect::<Vec<_>>(), ask[..1]);
}

pub async fn all_rows_of_one_instant_are_found(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let mut commit = fresh(&*store, &ann, 1).await;
    commit.archive = (0..300).map(|n| row(&format!("row:{n:03}"), 500, "x")).collect();
    commit.archive.push(row("row:old", 499, "x"));
    must(&*store, commit).await;
    let mut seen = Vec::new();
    let mut before: Option<HistoryCursor> = None;
    loop {
        let page = store.history(&ann, &Query { before, ..Query::newest(7) }).await.expect("reads");
        seen.extend(page.rows.into_iter().map(|row| row.id.to_string()));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let mut expected: Vec<String> = (0..300).rev().map(|n| format!("row:{n:03}")).collect();
    expected.push("row:old".to_owned());
    assert_eq!(seen, expected);
}
