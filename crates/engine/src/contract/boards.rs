//! Loading and committing.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use timers::{CommandId, DeadlineMove, HistoryId, Millis, Position, RequiredRows, Revision, Timestamp};

use super::{Fixture, fresh, key, must, node, row, scope};
use crate::store::{ArchivedRow, Committed, Expiry, Query, RECENT_ID_AGE_MAX, RECENT_IDS_MAX, Store};

pub async fn a_board_that_was_never_written_is_empty(fixture: &dyn Fixture) {
    let node = node(fixture).await;
    let loaded = node.store.load(&scope("nobody"), &RequiredRows::default()).await.expect("loads");
    assert_eq!((loaded.position, loaded.at, loaded.items.len()), (Position::NONE, Timestamp(0), 0));
    assert!(loaded.now > Timestamp(1_600_000_000_000), "the answer has the store's time");
    assert_eq!(node.store.positions(&[scope("nobody")]).await, [Some(Position::NONE)]);
}

pub async fn a_load_returns_what_was_committed(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let mut commit = fresh(&*store, &ann, 1).await;
    commit.put = vec![(key("a"), Bytes::from_static(b"{\"v\":1}")), (key("b"), Bytes::from_static(b"{\"v\":2}"))];
    commit.at = Timestamp(77);
    let tag = commit.tag;
    assert_eq!(must(&*store, commit).await, Revision(1));

    let mut commit = fresh(&*store, &ann, 2).await;
    assert_eq!(commit.expected, tag);
    commit.put = vec![(key("b"), Bytes::from_static(b"{\"v\":3}"))];
    commit.removed = vec![key("a"), key("never there")];
    let tag = commit.tag;
    assert_eq!(must(&*store, commit).await, Revision(2));

    let loaded = store.load(&ann, &RequiredRows::default()).await.expect("loads");
    assert_eq!(loaded.position, Position { revision: Revision(2), tag });
    assert_eq!(loaded.items, [(key("b"), Bytes::from_static(b"{\"v\":3}"))]);
    assert!(
        store.load(&scope("an"), &RequiredRows::default()).await.expect("loads").items.is_empty(),
        "another scope is another board"
    );
}

pub async fn bytes_and_names_are_returned_unchanged(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    for name in ["a b", "{x}:y", "ä\u{1F600}", "user:1", "*?[", "a/..", &"n".repeat(200)] {
        let odd = scope(name);
        let bytes = Bytes::from((0..=255u8).collect::<Vec<u8>>());
        let mut commit = fresh(&*store, &odd, 1).await;
        commit.put = vec![(key(name), bytes.clone()), (key(&format!("{name}{name}")), Bytes::new())];
        commit.archive = vec![ArchivedRow { body: bytes.clone(), ..row("session:x", 5, "") }];
        must(&*store, commit).await;
        let mut items = store.load(&odd, &RequiredRows::default()).await.expect("loads").items;
        items.sort();
        assert_eq!(items, [(key(name), bytes.clone()), (key(&format!("{name}{name}")), Bytes::new())], "{name}");
        let page = store.history(&odd, &Query::newest(5)).await.expect("reads");
        assert_eq!(page.rows[0].body, bytes);
    }
}

pub async fn a_commit_on_another_position_changes_nothing(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let first = fresh(&*store, &ann, 1).await;
    let mut rival = fresh(&*store, &ann, 2).await;
    must(&*store, first).await;
    rival.put = vec![(key("a"), Bytes::from_static(b"{}"))];
    rival.archive = vec![row("session:a", 1, "x")];
    rival.deadline = DeadlineMove::Set(Timestamp(1));
    assert!(matches!(store.commit(&rival).await, Ok(Committed::Conflict(_))));
    let ids = vec![HistoryId::new("session:a").expect("good")];
    let required = RequiredRows { existing: ids.clone(), bodies: ids };
    let loaded = store.load(&ann, &required).await.expect("loads");
    assert_eq!((loaded.position.revision, loaded.items.len()), (Revision(1), 0));
    assert_eq!((loaded.existing.len(), loaded.rows.len()), (0, 0));
    assert!(store.due(Timestamp(u64::MAX >> 16), 10).await.expect("answers").due.is_empty());
}

pub async fn a_repeated_command_returns_the_revision_that_it_made(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let first = fresh(&*store, &ann, 1).await;
    assert_eq!(must(&*store, first.clone()).await, Revision(1));
    let second = fresh(&*store, &ann, 2).await;
    must(&*store, second).await;
    assert!(matches!(store.commit(&first).await, Ok(Committed::Repeated(Revision(1), _))), "sent twice");
    let again = fresh(&*store, &ann, 1).await;
    assert!(matches!(store.commit(&again).await, Ok(Committed::Repeated(Revision(1), _))), "decided twice");
    let loaded = store.load(&ann, &RequiredRows::default()).await.expect("loads");
    assert_eq!(loaded.position.revision, Revision(2));
    let remembered: Vec<_> = loaded.recent.iter().map(|recent| (recent.id, recent.revision)).collect();
    assert_eq!(remembered, [(CommandId(1), Revision(1)), (CommandId(2), Revision(2))]);
    assert!(loaded.recent.iter().all(|recent| loaded.now.since(recent.at) < RECENT_ID_AGE_MAX));
}

pub async fn the_newest_command_ids_are_remembered(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let most = RECENT_IDS_MAX as u64;
    for id in 1..=most + 1 {
        let commit = fresh(&*store, &ann, id).await;
        must(&*store, commit).await;
    }
    let kept = fresh(&*store, &ann, 2).await;
    assert!(matches!(store.commit(&kept).await, Ok(Committed::Repeated(Revision(2), _))));
    let forgotten = fresh(&*store, &ann, 1).await;
    assert_eq!(must(&*store, forgotten).await, Revision(most + 2));
}

pub async fn a_late_commit_is_refused_and_a_stale_one_too(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let mut late = fresh(&*store, &ann, 1).await;
    late.decided_at = late.decided_at - Millis(2_100);
    assert!(matches!(store.commit(&late).await, Ok(Committed::Late(_))));
    let mut stale = fresh(&*store, &ann, 2).await;
    stale.decided_at = stale.decided_at - Millis(1_000);
    assert!(matches!(store.commit(&stale).await, Ok(Committed::Stale(_))));
    let mut repeated = fresh(&*store, &ann, 3).await;
    must(&*store, repeated.clone()).await;
    repeated.decided_at = repeated.decided_at - Millis(60_000);
    assert!(
        matches!(store.commit(&repeated).await, Ok(Committed::Repeated(..))),
        "a repetition is recognised whatever its age"
    );
    assert_eq!(store.load(&ann, &RequiredRows::default()).await.expect("loads").position.revision, Revision(1));
}

pub async fn concurrent_commits_are_ordered_and_none_is_lost(fixture: &dyn Fixture) {
    const RIVALS: u64 = 8;
    const EACH: u64 = 10;
    let first = node(fixture).await;
    let mut stores = vec![Arc::clone(&first.store)];
    let second = fixture.connect().await;
    stores.extend(second.iter().map(|node| Arc::clone(&node.store)));
    let mut tasks = tokio::task::JoinSet::new();
    for rival in 0..RIVALS {
        let store = Arc::clone(&stores[usize::try_from(rival).unwrap_or(0) % stores.len()]);
        tasks.spawn(async move {
            let mut made = Vec::new();
            for nth in 0..EACH {
                made.push(insist(&*store, rival * EACH + nth + 1).await);
            }
            made
        });
    }
    let made: Vec<Revision> = tasks.join_all().await.into_iter().flatten().collect();
    let distinct: BTreeSet<Revision> = made.iter().copied().collect();
    assert_eq!(distinct, (1..=RIVALS * EACH).map(Revision).collect());
    assert_eq!(
        first.store.load(&scope("ann"), &RequiredRows::default()).await.expect("loads").items.len() as u64,
        RIVALS * EACH
    );
}

async fn insist(store: &dyn Store, id: u64) -> Revision {
    loop {
        let mut commit = fresh(store, &scope("ann"), id).await;
        commit.put = vec![(key(&id.to_string()), Bytes::from_static(b"{}"))];
        match store.commit(&commit).await.expect("commits") {
            Committed::Done(revision, _) => return revision,
            Committed::Conflict(_) | Committed::Stale(_) | Committed::Late(_) => {}
            other @ (Committed::Repeated(..) | Committed::HistoryFull(..)) => panic!("{other:?}"),
        }
    }
}

pub async fn a_large_commit_is_accepted(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let mut commit = fresh(&*store, &ann, 1).await;
    commit.put = (0..400).map(|n| (key(&n.to_string()), Bytes::from(vec![b'x'; 5_000]))).collect();
    commit.archive = (0..timers::ROWS_MAX).map(|n| row(&format!("row:{n}"), 1, &"y".repeat(500))).collect();
    must(&*store, commit).await;
    let mut commit = fresh(&*store, &ann, 2).await;
    commit.removed = (0..400).map(|n| key(&n.to_string())).collect();
    must(&*store, commit).await;
    assert!(store.load(&ann, &RequiredRows::default()).await.expect("loads").items.is_empty());
    let page = store.history(&ann, &Query::newest(timers::ROWS_MAX)).await.expect("reads");
    assert_eq!((page.rows.len(), page.next), (timers::ROWS_MAX, None));
}

pub async fn an_expired_board_leaves_no_trace(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let room = scope("room");
    for round in 0..2 {
        let mut commit = fresh(&*store, &room, 2 * round + 1).await;
        commit.put = vec![(key("a"), Bytes::from_static(b"{}"))];
        commit.deadline = DeadlineMove::Set(commit.at);
        must(&*store, commit).await;
        let mut commit = fresh(&*store, &room, 2 * round + 2).await;
        commit.removed = vec![key("a")];
        (commit.deadline, commit.expiry) = (DeadlineMove::Clear, Expiry::After(RECENT_ID_AGE_MAX));
        let now = commit.at;
        must(&*store, commit).await;
        assert_eq!(store.load(&room, &RequiredRows::default()).await.expect("loads").items, []);
        assert_eq!(store.due(now, 10).await.expect("answers").due, []);
    }
}

pub async fn a_touch_changes_nothing_but_when_a_scope_was_in_use(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let (ann, new) = (scope("ann"), scope("new"));
    let mut commit = fresh(&*store, &ann, 1).await;
    commit.put = vec![(key("a"), Bytes::from_static(b"{}"))];
    must(&*store, commit).await;
    let before = store.load(&ann, &RequiredRows::default()).await.expect("loads");
    assert_eq!(before.touched_at, None);
    for at in [5, 7] {
        store.touch(&ann, Timestamp(at)).await.expect("answers");
        store.touch(&new, Timestamp(at)).await.expect("answers");
    }
    let after = store.load(&ann, &RequiredRows::default()).await.expect("loads");
    assert_eq!((after.position, &after.items, after.touched_at), (before.position, &before.items, Some(Timestamp(7))));
    let loaded = store.load(&new, &RequiredRows::default()).await.expect("loads");
    assert_eq!((loaded.position, loaded.items.len(), loaded.touched_at), (Position::NONE, 0, Some(Timestamp(7))));
    // A scope that was only touched begins like any other.
    let commit = fresh(&*store, &new, 1).await;
    assert_eq!(must(&*store, commit).await.0, 1);
    let loaded = store.load(&new, &RequiredRows::default()).await.expect("loads");
    assert_eq!(loaded.touched_at, Some(Timestamp(7)));
}
