//! Quotas of histories, and scopes that end.

use std::sync::Arc;

use bytes::Bytes;
use timers::{DeadlineMove, HistoryBound, HistoryId, Millis, Position, RequiredRows, Scope, Tag, Timestamp};
use tokio::time::{Instant, sleep};

use super::history_terms::{of_term, terms};
use super::limits::content;
use super::{DEADLINE, Fixture, fresh, key, must, node, row, scope};
use crate::store::{ArchivedRow, Commit, Committed, Expiry, HistoryQuota, Query, Store};

/// A life that ends within a test.
const SHORT: Millis = Millis(200);

/// Longer than the time between two commits of a test on a busy machine.
const MODERATE: Millis = Millis(3000);

/// Longer than any test.
const LONG: Millis = Millis(3_600_000);

const UNLIMITED: HistoryQuota = HistoryQuota { rows: u64::MAX >> 16, bytes: u64::MAX >> 16 };

fn with_rows(commit: Commit, quota: HistoryQuota, rows: &[(&str, &str)]) -> Commit {
    let archive = rows.iter().map(|(id, body)| row(id, 1, body)).collect();
    Commit { archive, quota: Some(quota), ..commit }
}

pub(super) async fn full(store: &dyn Store, mut commit: Commit) -> HistoryBound {
    loop {
        match store.commit(&commit).await.expect("answers") {
            Committed::HistoryFull(bound, _) => return bound,
            Committed::Stale(now) => commit.decided_at = now,
            other @ (Committed::Done(..) | Committed::Repeated(..) | Committed::Conflict(_) | Committed::Late(_)) => {
                panic!("{other:?}")
            }
        }
    }
}

pub async fn a_history_that_would_exceed_its_quota_is_refused_and_nothing_changes(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    // Each row has an id of 1 byte and a body of 3.
    let quota = HistoryQuota { rows: 3, bytes: 13 };
    let commit = fresh(&*store, &ann, 1).await;
    must(&*store, with_rows(commit, quota, &[("a", "{1}"), ("b", "{2}")])).await;
    let before = content(&*store).await;
    for (rows, bound) in [
        (&[("c", "{3}"), ("d", "{4}")][..], HistoryBound::Rows(3)),
        (&[("c", "{333}")], HistoryBound::Bytes(13)),
        (&[("a", "{11111111}")], HistoryBound::Bytes(13)),
        (&[("c", "{3}"), ("c", "{333}")], HistoryBound::Bytes(13)),
    ] {
        let mut commit = with_rows(fresh(&*store, &ann, 2).await, quota, rows);
        commit.put = vec![(key("a"), Bytes::from_static(b"{}"))];
        (commit.deadline, commit.expiry) = (DeadlineMove::Set(Timestamp(1)), Expiry::After(Millis(1)));
        assert_eq!(full(&*store, commit).await, bound, "{rows:?}");
        assert_eq!(content(&*store).await, before, "{rows:?}");
    }
    // The command was not done, so its id is not remembered.
    let commit = fresh(&*store, &ann, 2).await;
    must(&*store, with_rows(commit, quota, &[("c", "{33}")])).await;
}

pub async fn a_history_takes_rows_up_to_its_quota_and_smaller_ones_beyond_it(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let quota = HistoryQuota { rows: 2, bytes: 10 };
    let commit = fresh(&*store, &ann, 1).await;
    must(&*store, with_rows(commit, quota, &[("a", "{1}"), ("b", "{222}"), ("b", "{22}")])).await;
    // A row is replaced: no more rows, and as many bytes as there are.
    let commit = fresh(&*store, &ann, 2).await;
    must(&*store, with_rows(commit, quota, &[("a", "{11}"), ("b", "{2}")])).await;
    let commit = fresh(&*store, &ann, 3).await;
    must(&*store, with_rows(commit, quota, &[])).await;
    // Under a quota that was lowered, and without one.
    let lowered = HistoryQuota { rows: 1, bytes: 2 };
    let commit = fresh(&*store, &ann, 4).await;
    must(&*store, with_rows(commit, lowered, &[("a", "{1}")])).await;
    let commit = fresh(&*store, &ann, 5).await;
    assert_eq!(full(&*store, with_rows(commit, lowered, &[("c", "")])).await, HistoryBound::Rows(1));
    let commit = fresh(&*store, &ann, 6).await;
    must(&*store, Commit { archive: vec![row("c", 1, "{3}")], ..commit }).await;
    // Another scope has its own.
    let commit = fresh(&*store, &scope("ben"), 1).await;
    must(&*store, with_rows(commit, quota, &[("a", "{1}"), ("b", "{22}")])).await;
    // Rows that were stored without a quota count: 4 + 4 + 4 bytes.
    let exact = HistoryQuota { rows: 4, bytes: 16 };
    let commit = fresh(&*store, &ann, 7).await;
    assert_eq!(full(&*store, with_rows(commit, exact, &[("d", "{44}")])).await, HistoryBound::Bytes(16));
    let commit = fresh(&*store, &ann, 8).await;
    must(&*store, with_rows(commit, exact, &[("d", "{4}")])).await;
}

pub async fn terms_count_towards_the_quota_and_deleted_rows_make_room(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let with_terms = |id: &str, texts: &[&str]| ArchivedRow { terms: terms(texts), ..row(id, 1, "{}") };
    // An id of 1 byte, a header of 10, a term of 3 with its length, and a body of 2.
    let quota = HistoryQuota { rows: 2, bytes: 34 };
    let commit = |archive: Vec<ArchivedRow>, deleted: &[&str], commit: Commit| Commit {
        archive,
        archive_removed: deleted.iter().map(|id| HistoryId::new(id).expect("a good id")).collect(),
        quota: Some(quota),
        ..commit
    };
    let two = vec![with_terms("a", &["t:1"]), with_terms("b", &["t:2"])];
    must(&*store, commit(two, &[], fresh(&*store, &ann, 1).await)).await;
    let longer = || vec![with_terms("a", &["t:12"])];
    assert_eq!(full(&*store, commit(longer(), &[], fresh(&*store, &ann, 2).await)).await, HistoryBound::Bytes(34));
    let third = || vec![with_terms("c", &["t:3"])];
    assert_eq!(full(&*store, commit(third(), &[], fresh(&*store, &ann, 2).await)).await, HistoryBound::Rows(2));
    assert_eq!(full(&*store, commit(third(), &["never"], fresh(&*store, &ann, 2).await)).await, HistoryBound::Rows(2));
    // One row goes in the same commit.
    must(&*store, commit(third(), &["b", "b"], fresh(&*store, &ann, 3).await)).await;
    assert_eq!(full(&*store, commit(longer(), &[], fresh(&*store, &ann, 4).await)).await, HistoryBound::Bytes(34));
    // A row without terms takes its id and its body alone.
    must(&*store, commit(vec![with_terms("c", &[])], &[], fresh(&*store, &ann, 5).await)).await;
    let exact = vec![with_terms("a", &["t:1", "t:23456789"]), with_terms("c", &[])];
    must(&*store, commit(exact, &[], fresh(&*store, &ann, 6).await)).await;
    // Deletions pass above a quota that was lowered.
    let lowered = HistoryQuota { rows: 0, bytes: 0 };
    let all = Commit { quota: Some(lowered), ..commit(Vec::new(), &["a"], fresh(&*store, &ann, 7).await) };
    must(&*store, all).await;
    must(&*store, commit(Vec::new(), &["c"], fresh(&*store, &ann, 8).await)).await;
    let two = vec![with_terms("a", &["t:1"]), with_terms("b", &["t:2"])];
    must(&*store, commit(two, &[], fresh(&*store, &ann, 9).await)).await;
}

pub async fn rivals_do_not_exceed_the_quota_together(fixture: &dyn Fixture) {
    const RIVALS: u64 = 6;
    const ROWS: u64 = 20;
    let first = node(fixture).await;
    let mut stores = vec![Arc::clone(&first.store)];
    let second = fixture.connect().await;
    stores.extend(second.iter().map(|node| Arc::clone(&node.store)));
    let mut tasks = tokio::task::JoinSet::new();
    for rival in 0..RIVALS {
        let store = Arc::clone(&stores[usize::try_from(rival).unwrap_or(0) % stores.len()]);
        tasks.spawn(async move {
            let quota = HistoryQuota { rows: ROWS, ..UNLIMITED };
            for nth in 1.. {
                let id = rival << 16 | nth;
                let commit = fresh(&*store, &scope("ann"), id).await;
                match store.commit(&with_rows(commit, quota, &[(&format!("row:{id}"), "{}")])).await.expect("answers") {
                    Committed::HistoryFull(..) => return,
                    Committed::Done(..) | Committed::Conflict(_) | Committed::Stale(_) | Committed::Late(_) => {}
                    other @ Committed::Repeated(..) => panic!("{other:?}"),
                }
            }
        });
    }
    tasks.join_all().await;
    let page = first.store.history(&scope("ann"), &Query::newest(100)).await.expect("reads");
    assert_eq!(page.rows.len() as u64, ROWS);
}

pub async fn a_scope_ends_with_all_that_is_stored_of_it(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let (ann, kept) = (scope("ann"), scope("kept"));
    let full = HistoryQuota { rows: 1, ..UNLIMITED };
    for (id, of) in [(1, &ann), (1, &kept)] {
        let mut commit = with_rows(fresh(&*store, of, id).await, full, &[("a", "{}")]);
        commit.archive[0].terms = terms(&["t:1", "t:2"]);
        commit.put = vec![(key("a"), Bytes::from_static(b"{}"))];
        commit.deadline = DeadlineMove::Set(Timestamp(7));
        must(&*store, commit).await;
    }
    let mut commit = fresh(&*store, &ann, 2).await;
    commit.expiry = Expiry::Within(SHORT);
    must(&*store, commit).await;
    // A scope whose end is near does not live longer for it.
    let mut commit = fresh(&*store, &ann, 3).await;
    commit.expiry = Expiry::Within(LONG);
    if commit.expected != Tag::NONE {
        store.commit(&commit).await.expect("answers");
    }
    has_ended(&*store, &ann).await;
    for query in [Query::newest(9), of_term("t:1", 9)] {
        assert_eq!(store.history(&ann, &query).await.expect("reads").rows, []);
    }
    // A store may keep the deadline until it is carried out.
    let mut commit = fresh(&*store, &ann, 4).await;
    (commit.deadline, commit.expiry) = (DeadlineMove::Clear, Expiry::After(SHORT));
    must(&*store, commit).await;
    let due = store.due(Timestamp(9), 9).await.expect("answers").due;
    assert_eq!(due.iter().map(|due| &due.scope).collect::<Vec<_>>(), [&kept]);
    has_ended(&*store, &ann).await;
    // The scope begins anew, and so does its quota.
    let mut commit = with_rows(fresh(&*store, &ann, 5).await, full, &[("b", "{}")]);
    commit.expiry = Expiry::After(LONG);
    assert_eq!(must(&*store, commit).await.0, 1);
    assert_eq!(store.history(&ann, &of_term("t:1", 9)).await.expect("reads").rows, []);
    let loaded = store.load(&kept, &RequiredRows::default()).await.expect("loads");
    assert_eq!((loaded.position.revision.0, loaded.items.len()), (1, 1));
    for query in [Query::newest(9), of_term("t:2", 9)] {
        assert_eq!(store.history(&kept, &query).await.expect("reads").rows.len(), 1);
    }
}

pub async fn an_extended_scope_does_not_end_and_other_scopes_are_not_limited(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let [guest, user, nobody, other] = ["guest", "user", "nobody", "other"].map(scope);
    for (of, expiry) in [(&user, Expiry::Keep), (&guest, Expiry::After(MODERATE))] {
        let mut commit = with_rows(fresh(&*store, of, 1).await, UNLIMITED, &[("a", "{}")]);
        commit.archive[0].terms = terms(&["t:1"]);
        commit.expiry = expiry;
        must(&*store, commit).await;
    }
    store.extend(&[user.clone(), guest.clone(), nobody], LONG).await.expect("extends");
    store.extend(&[user.clone(), guest.clone()], SHORT).await.expect("extends nothing");
    store.extend(&[], SHORT).await.expect("extends nothing");
    // A commit that does not limit the life of its scope changes nothing either.
    let commit = fresh(&*store, &guest, 2).await;
    must(&*store, commit).await;
    let mut commit = fresh(&*store, &other, 1).await;
    commit.expiry = Expiry::After(MODERATE);
    must(&*store, commit).await;
    has_ended(&*store, &other).await;
    for of in [&user, &guest] {
        assert_ne!(store.load(of, &RequiredRows::default()).await.expect("loads").position, Position::NONE, "{of}");
        for query in [Query::newest(9), of_term("t:1", 9)] {
            assert_eq!(store.history(of, &query).await.expect("reads").rows.len(), 1, "{of}");
        }
    }
}

async fn has_ended(store: &dyn Store, scope: &Scope) {
    let by = Instant::now() + DEADLINE;
    while store.load(scope, &RequiredRows::default()).await.expect("loads").position != Position::NONE {
        assert!(Instant::now() < by, "{scope} does not end");
        sleep(std::time::Duration::from_millis(10)).await; // tidy: allow: the pause of a poll
    }
}
