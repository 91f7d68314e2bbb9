//! Deadlines and positions.

use std::sync::Arc;

use timers::{DeadlineMove, Position, Revision, Timestamp};

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
            let mut due = store.due(Timestamp(until), 100).await.expect("answers");
            due.sort_by_key(|due| due.at);
            due.into_iter().map(|due| (due.scope, due.at.0)).collect::<Vec<_>>()
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
}

pub async fn positions_are_told_in_the_order_asked(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let mut wanted = Vec::new();
    for (id, name) in [(1, "ann"), (2, "ben")] {
        let commit = fresh(&*store, &scope(name), id).await;
        wanted.push(Position { revision: Revision(1), tag: commit.tag });
        must(&*store, commit).await;
    }
    let asked = [scope("ben"), scope("nobody"), scope("ann")];
    let told = store.positions(&asked).await.expect("answers");
    assert_eq!(told, [wanted[1], Position::NONE, wanted[0]]);
    assert_eq!(store.positions(&[]).await.expect("answers"), []);
}
