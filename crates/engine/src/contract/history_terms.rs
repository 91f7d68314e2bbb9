//! Index terms of history rows: queries, replaced rows and deleted rows.

use std::sync::Arc;

use bytes::Bytes;
use timers::{HistoryId, IndexTerm, ROW_TERMS_MAX, RequiredRows, Scope, Timestamp};

use super::{Fixture, fresh, key, must, node, row, scope};
use crate::store::{ArchivedRow, Commit, Committed, FaultKind, HistoryCursor, Query, Store};

pub(super) fn terms(texts: &[&str]) -> Vec<IndexTerm> {
    texts.iter().map(|text| IndexTerm::new(text).expect("a good term")).collect()
}

pub(super) fn indexed(id: &str, at: u64, texts: &[&str]) -> ArchivedRow {
    ArchivedRow { terms: terms(texts), ..row(id, at, "{}") }
}

pub(super) fn of_term(term: &str, limit: usize) -> Query {
    Query { term: Some(IndexTerm::new(term).expect("a good term")), ..Query::newest(limit) }
}

/// Writes rows, deletes rows, in one commit.
async fn write(store: &dyn Store, scope: &Scope, id: u64, archive: Vec<ArchivedRow>, deleted: &[&str]) {
    let archive_removed = deleted.iter().map(|id| HistoryId::new(id).expect("a good id")).collect();
    must(store, Commit { archive, archive_removed, ..fresh(store, scope, id).await }).await;
}

/// Reads all pages.
pub(super) async fn all(store: &dyn Store, scope: &Scope, query: &Query) -> Vec<ArchivedRow> {
    let (mut rows, mut query) = (Vec::new(), query.clone());
    loop {
        let page = store.history(scope, &query).await.expect("reads");
        assert!(page.rows.len() == query.limit || page.next.is_none(), "only the last page is not full");
        rows.extend(page.rows);
        query.before = page.next;
        if query.before.is_none() {
            return rows;
        }
    }
}

async fn ids(store: &dyn Store, scope: &Scope, query: &Query) -> Vec<String> {
    all(store, scope, query).await.into_iter().map(|row| row.id.to_string()).collect()
}

pub async fn rows_are_found_by_each_of_their_terms(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let (ann, ben) = (scope("ann"), scope("ben"));
    let longest = "x".repeat(64);
    let rows = vec![
        indexed("a", 10, &["session:1", "user:7"]),
        indexed("b", 30, &["session:12", "user:7", "\u{e4} b"]),
        indexed("c", 20, &["session:1", longest.as_str()]),
        indexed("d", 40, &[]),
    ];
    write(&*store, &ann, 1, rows.clone(), &[]).await;
    write(&*store, &ben, 1, vec![indexed("a", 15, &["user:7"])], &[]).await;
    for (term, expected) in [
        ("session:1", &["c", "a"][..]),
        ("session:12", &["b"]),
        ("user:7", &["b", "a"]),
        ("\u{e4} b", &["b"]),
        (longest.as_str(), &["c"]),
        ("session:", &[]),
        ("session", &[]),
        ("nothing", &[]),
    ] {
        assert_eq!(ids(&*store, &ann, &of_term(term, 10)).await, expected, "{term}");
    }
    assert_eq!(ids(&*store, &ben, &of_term("user:7", 10)).await, ["a"]);
    assert_eq!(ids(&*store, &scope("nobody"), &of_term("user:7", 10)).await, [""; 0]);
    let found = all(&*store, &ann, &of_term("\u{e4} b", 1)).await;
    assert_eq!(found, [rows[1].clone()], "the whole row is returned, with all its terms");
    assert_eq!(all(&*store, &ann, &Query::newest(9)).await[3], rows[0]);
}

pub async fn a_range_includes_both_of_its_ends(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let rows = (1..=9).flat_map(|at| ["a", "b"].map(|id| indexed(&format!("{id}{at}"), at * 10, &["even", id])));
    write(&*store, &ann, 1, rows.collect(), &[]).await;
    for (from, to, instants) in [
        (Some(30), Some(50), &[50, 40, 30][..]),
        (Some(31), Some(49), &[40]),
        (Some(80), None, &[90, 80]),
        (None, Some(20), &[20, 10]),
        (Some(50), Some(50), &[50]),
        (Some(51), Some(50), &[]),
        (Some(90), Some(10), &[]),
        (Some(41), Some(49), &[]),
        (Some(0), Some(u64::MAX), &[90, 80, 70, 60, 50, 40, 30, 20, 10]),
    ] {
        for limit in [1, 2, 3, 100] {
            let range = Query { from: from.map(Timestamp), to: to.map(Timestamp), ..Query::newest(limit) };
            let expected = |ids: &[&str]| -> Vec<String> {
                instants.iter().flat_map(|at| ids.iter().map(move |id| format!("{id}{}", at / 10))).collect()
            };
            assert_eq!(ids(&*store, &ann, &range).await, expected(&["b", "a"]), "{range:?}");
            let range = Query { term: of_term("even", 1).term, ..range };
            assert_eq!(ids(&*store, &ann, &range).await, expected(&["b", "a"]), "{range:?}");
            let range = Query { term: of_term("a", 1).term, ..range };
            assert_eq!(ids(&*store, &ann, &range).await, expected(&["a"]), "{range:?}");
        }
    }
    let cursor = |at, id| Some(HistoryCursor { at: Timestamp(at), id: HistoryId::new(id).expect("good") });
    for (before, expected) in [
        (cursor(60, "a6"), &["b5", "a5", "b4", "a4"][..]),
        (cursor(50, "b5"), &["a5", "b4", "a4"]),
        (cursor(50, "b"), &["a5", "b4", "a4"]),
        (cursor(40, "a4"), &[]),
        (cursor(30, "z"), &[]),
    ] {
        for term in [None, of_term("even", 1).term] {
            let (from, to) = (Some(Timestamp(40)), Some(Timestamp(50)));
            let query = Query { term, from, to, before: before.clone(), limit: 2 };
            assert_eq!(ids(&*store, &ann, &query).await, expected, "{query:?}");
        }
    }
}

pub async fn a_cursor_stays_valid_while_rows_are_written_and_deleted(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let rows = (0..40).map(|nth| indexed(&format!("row:{nth:02}"), 100 + nth / 8, &["all"]));
    write(&*store, &ann, 1, rows.collect(), &[]).await;
    for (round, query) in [of_term("all", 7), Query::newest(7)].into_iter().enumerate() {
        let expected = ids(&*store, &ann, &query).await;
        let (mut seen, mut before, mut id) = (Vec::new(), None, 100 * (round as u64 + 1));
        loop {
            let page = store.history(&ann, &Query { before, ..query.clone() }).await.expect("reads");
            seen.extend(page.rows.iter().map(|row| row.id.to_string()));
            before = page.next;
            let Some(cursor) = &before else { break };
            // A newer row comes, and the row of the cursor is moved; then it goes.
            let newer = vec![indexed(&format!("new:{id}"), 200, &["all"]), indexed(cursor.id.as_str(), 201, &["all"])];
            write(&*store, &ann, id, newer, &[]).await;
            write(&*store, &ann, id + 1, Vec::new(), &[cursor.id.as_str()]).await;
            id += 2;
        }
        assert_eq!(seen, expected, "no row is skipped, and none is returned twice");
    }
}

pub async fn a_replaced_row_leaves_no_trace_of_its_instant_and_terms(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let other = indexed("z", 25, &["a", "b", "c"]);
    write(&*store, &ann, 1, vec![other.clone()], &[]).await;
    let versions = [
        indexed("x", 10, &["a", "b"]),
        indexed("x", 30, &["a", "b"]),
        indexed("x", 30, &["b", "c"]),
        ArchivedRow { body: Bytes::from_static(b"{\"v\":2}"), ..indexed("x", 30, &["c", "b"]) },
        indexed("x", 20, &["a"]),
        indexed("x", 20, &[]),
        indexed("x", 40, &["c"]),
    ];
    for (nth, version) in versions.into_iter().enumerate() {
        let id = nth as u64 + 2;
        // Of several rows of one id in a commit the last one counts.
        let overwritten = indexed("x", 99, &["a", "never"]);
        write(&*store, &ann, id, vec![overwritten, indexed("y", 5, &[]), version.clone()], &["w"]).await;
        for term in ["a", "b", "c", "never"] {
            let mut expected = [version.clone(), other.clone()].to_vec();
            expected.retain(|row| row.terms.iter().any(|of_row| of_row.as_str() == term));
            expected.sort_by_key(|row| std::cmp::Reverse(row.at));
            assert_eq!(all(&*store, &ann, &of_term(term, 1)).await, expected, "{term} of version {nth}");
        }
        let rows = all(&*store, &ann, &Query::newest(2)).await;
        assert_eq!(rows.iter().filter(|row| row.id.as_str() == "x").collect::<Vec<_>>(), [&version]);
        assert_eq!(rows.len(), 3);
    }
}

pub async fn a_deleted_row_is_in_no_query(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let rows = ["a", "b", "c"].map(|id| indexed(id, 10, &["all", id])).to_vec();
    write(&*store, &ann, 1, rows, &["never there"]).await;
    write(&*store, &ann, 2, vec![indexed("d", 20, &["all"])], &["b", "b", "never there"]).await;
    assert_eq!(ids(&*store, &ann, &of_term("all", 2)).await, ["d", "c", "a"]);
    assert_eq!(ids(&*store, &ann, &Query::newest(2)).await, ["d", "c", "a"]);
    assert_eq!(ids(&*store, &ann, &of_term("b", 2)).await, [""; 0]);
    let required = vec![HistoryId::new("b").expect("good"), HistoryId::new("c").expect("good")];
    let required = RequiredRows { existing: required.clone(), bodies: required };
    let loaded = store.load(&ann, &required).await.expect("loads");
    assert_eq!((loaded.existing.len(), loaded.rows), (1, vec![indexed("c", 10, &["all", "c"])]));
    // It can come again, and the whole history can go.
    write(&*store, &ann, 3, vec![indexed("b", 5, &["b"])], &["a", "c", "d"]).await;
    assert_eq!(ids(&*store, &ann, &of_term("b", 2)).await, ["b"]);
    write(&*store, &ann, 4, Vec::new(), &["b"]).await;
    for query in [of_term("b", 2), of_term("all", 2), Query::newest(2)] {
        assert_eq!(ids(&*store, &ann, &query).await, [""; 0]);
    }
}

pub async fn bad_terms_and_contradictions_are_refused_and_change_nothing(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let most: Vec<String> = (0..=ROW_TERMS_MAX).map(|nth| format!("t:{nth}")).collect();
    let most: Vec<&str> = most.iter().map(String::as_str).collect();
    write(&*store, &ann, 1, vec![indexed("kept", 1, &most[..ROW_TERMS_MAX])], &[]).await;
    for term in &most[..ROW_TERMS_MAX] {
        assert_eq!(ids(&*store, &ann, &of_term(term, 2)).await, ["kept"]);
    }
    for (bad, deleted, named) in [
        (indexed("kept", 2, &most), "w", "8"),
        (indexed("kept", 2, &["a", "b", "a"]), "w", "term a twice"),
        (indexed("kept", 2, &["a"]), "kept", "deletes the history row kept"),
    ] {
        let mut commit = fresh(&*store, &ann, 2).await;
        commit.put = vec![(key("a"), Bytes::from_static(b"{}"))];
        commit.archive = vec![indexed("more", 2, &["a"]), bad];
        commit.archive_removed = vec![HistoryId::new(deleted).expect("good")];
        let fault = store.commit(&commit).await.expect_err("refused");
        assert_eq!(fault.kind(), FaultKind::Damaged, "{fault}");
        assert!(fault.to_string().contains(named), "{fault}");
        assert_eq!(ids(&*store, &ann, &Query::newest(9)).await, ["kept"]);
        assert_eq!(ids(&*store, &ann, &of_term("a", 9)).await, [""; 0]);
        let loaded = store.load(&ann, &RequiredRows::default()).await.expect("loads");
        assert_eq!((loaded.position.revision.0, loaded.items), (1, Vec::new()));
    }
}

pub async fn a_repeated_commit_does_not_duplicate_rows_and_a_refused_one_leaves_none(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let commit = Commit { archive: vec![indexed("a", 1, &["all"])], ..fresh(&*store, &ann, 1).await };
    must(&*store, commit.clone()).await;
    for _ in 0..2 {
        assert!(matches!(store.commit(&commit).await, Ok(Committed::Repeated(..))));
    }
    let rival = Commit { id: timers::CommandId(2), archive: vec![indexed("b", 1, &["all"])], ..commit };
    assert!(matches!(store.commit(&rival).await, Ok(Committed::Conflict(_))));
    assert_eq!(ids(&*store, &ann, &of_term("all", 9)).await, ["a"]);
}

pub async fn a_page_of_a_term_has_any_length(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let rows = (0..3_000).map(|nth| {
        let terms: &[&str] = if nth % 3 == 0 { &["all", "third"] } else { &["all"] };
        indexed(&format!("row:{nth:04}"), 100 + nth / 700, terms)
    });
    write(&*store, &ann, 1, rows.collect(), &[]).await;
    let newest = |step: usize| (0..3_000).step_by(step).rev().map(|nth| format!("row:{nth:04}")).collect::<Vec<_>>();
    let newest_of_step = [("all", newest(1)), ("third", newest(3))];
    for (term, expected) in newest_of_step {
        for limit in [999, 1_000, 1_001, 2_500, 3_000] {
            assert_eq!(ids(&*store, &ann, &of_term(term, limit)).await, expected, "{term} by {limit}");
        }
    }
    assert_eq!(ids(&*store, &ann, &Query::newest(2_500)).await, newest(1));
}

pub async fn required_rows_are_of_the_state_of_their_board(fixture: &dyn Fixture) {
    const COMMITS: u64 = 150;
    let first = node(fixture).await;
    let second = fixture.connect().await;
    let reader = second.as_ref().map_or_else(|| Arc::clone(&first.store), |second| Arc::clone(&second.store));
    let writer = Arc::clone(&first.store);
    let writes = tokio::spawn(async move {
        for nth in 1..=COMMITS {
            let mut commit = fresh(&*writer, &scope("ann"), nth).await;
            let body = Bytes::from(nth.to_string());
            commit.put = vec![(key("a"), body.clone())];
            commit.archive = vec![ArchivedRow { body, ..indexed("a", nth, &[&format!("t:{nth}")]) }];
            if nth % 2 == 0 {
                commit.archive_removed = commit.archive.drain(..).map(|row| row.id).collect();
            }
            must(&*writer, commit).await;
        }
    });
    let ids = vec![HistoryId::new("a").expect("good")];
    let required = RequiredRows { existing: ids.clone(), bodies: ids };
    loop {
        let loaded = match reader.load(&scope("ann"), &required).await {
            Err(fault) if fault.allows_retry() => continue,
            loaded => loaded.expect("loads"),
        };
        let nth = loaded.position.revision.0;
        let item = loaded.items.first().map(|(_, bytes)| bytes.clone());
        assert_eq!(item, (nth > 0).then(|| Bytes::from(nth.to_string())));
        let expected = (nth % 2 == 1)
            .then(|| ArchivedRow { body: Bytes::from(nth.to_string()), ..indexed("a", nth, &[&format!("t:{nth}")]) });
        assert_eq!((loaded.existing.len(), loaded.rows), (usize::from(expected.is_some()), Vec::from_iter(expected)));
        if nth == COMMITS {
            break;
        }
    }
    writes.await.expect("no panic");
}
