//! Deadlines and positions.

use std::sync::Arc;

use timers::{DeadlineMove, Position, Revision, Timestamp};

use crate::store::Due;

use super::{Fixture, fresh, must, node, scope};

pub async fn deadlines_are_found_moved_and_cleared(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    for (id, name, at) in [(1, "ann", 300), (2, "ben", 100), (3, "cem", 200), (4, "dee", 9_000)] {
        let mut commit = fresh(&*store, &scope(name), id).await;
        commit.deadline = DeadlineMove::Set(Timestamp(at));
        must(&*store, commit).await;
    }
    let due = |until| {
        let store = Arc::clone(&store);
        async move {
            let page = store.due(Timestamp(until), 100).await.expect("answers");
            assert!(!page.more);
            page.due.into_iter().map(|due| (due.scope, due.at.0)).collect::<Vec<_>>()
        }
    };
    assert_eq!(due(300).await, [(scope("ben"), 100), (scope("cem"), 200), (scope("ann"), 300)]);
    assert_eq!(due(299).await.len(), 2);
    let mut moved = fresh(&*store, &scope("ben"), 5).await;
    moved.deadline = DeadlineMove::Set(Timestamp(5_000));
    must(&*store, moved).await;
    let mut cleared = fresh(&*store, &scope("cem"), 6).await;
    cleared.deadline = DeadlineMove::Clear;
    must(&*store, cleared).await;
    let kept = fresh(&*store, &scope("ann"), 7).await;
    must(&*store, kept).await;
    assert_eq!(due(6_000).await, [(scope("ann"), 300), (scope("ben"), 5_000)]);
    for at in [299, 300] {
        let seen = Due { scope: scope("ann"), at: Timestamp(at) };
        store.postpone(&seen, Timestamp(7_000 + at)).await.expect("answers");
    }
    assert_eq!(due(9_999).await.last(), Some(&(scope("dee"), 9_000)));
    assert_eq!(due(8_000).await, [(scope("ben"), 5_000), (scope("ann"), 7_300)], "only what has not moved");
    let absent = Due { scope: scope("nobody"), at: Timestamp(1) };
    store.postpone(&absent, Timestamp(2)).await.expect("answers");
    assert_eq!(due(2).await, [], "nothing is created");
}

pub async fn a_page_of_deadlines_tells_whether_there_are_more(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    for id in 1..=40 {
        let mut commit = fresh(&*store, &scope(&format!("user-{id}")), id).await;
        commit.deadline = DeadlineMove::Set(Timestamp(id));
        must(&*store, commit).await;
    }
    let mut found = 0;
    loop {
        let page = store.due(Timestamp(100), 1).await.expect("answers");
        found += page.due.len();
        for due in &page.due {
            store.postpone(due, Timestamp(1_000)).await.expect("answers");
        }
        if !page.more {
            break;
        }
    }
    assert_eq!(found, 40, "none is skipped");
}

pub async fn positions_are_returned_in_the_order_requested(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let mut expected = Vec::new();
    for (id, name) in [(1, "ann"), (2, "ben")] {
        let commit = fresh(&*store, &scope(name), id).await;
        expected.push(Position { revision: Revision(1), tag: commit.tag });
        must(&*store, commit).await;
    }
    let scopes = [scope("ben"), scope("nobody"), scope("ann")];
    let positions = store.positions(&scopes).await;
    assert_eq!(positions, [expected[1], Position::NONE, expected[0]].map(Some));
    assert_eq!(store.positions(&[]).await, []);
}
