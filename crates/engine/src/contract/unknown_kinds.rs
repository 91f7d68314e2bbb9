//! Scopes of kinds that a newer version has written.

use bytes::Bytes;
use timers::{DeadlineMove, Position, RequiredRows, Revision, Scope, Timestamp};
use tokio::time::timeout;

use super::{DEADLINE, Fixture, fresh, key, must, node, row, scope};
use crate::store::{Due, Query, Shard, Signal};

fn planet(id: usize) -> Scope {
    format!("planet:{id}").parse().expect("a good scope")
}

pub async fn a_scope_of_an_unknown_kind_is_kept(fixture: &dyn Fixture) {
    let mut node = node(fixture).await;
    let planet = planet(1);
    node.store.watch(&planet).await.expect("watches");
    let mut commit = fresh(&*node.store, &planet, 1).await;
    commit.put = vec![(key("a"), Bytes::from_static(b"{\"v\":1}"))];
    commit.archive = vec![row("row:a", 5, "{}")];
    let position = Position { revision: Revision(1), tag: commit.tag };
    must(&*node.store, commit).await;
    let loaded = node.store.load(&planet, &RequiredRows::default()).await.expect("loads");
    assert_eq!((loaded.position, loaded.items), (position, vec![(key("a"), Bytes::from_static(b"{\"v\":1}"))]));
    assert_eq!(node.store.positions(&[scope("1"), planet.clone()]).await, [Some(Position::NONE), Some(position)]);
    let page = node.store.history(&planet, &Query::newest(5)).await.expect("reads");
    assert_eq!(page.rows.len(), 1);
    let update = loop {
        let signal = timeout(DEADLINE, node.signals.recv()).await.expect("a signal in time");
        if let Signal::Updated(update) = signal.expect("a live store") {
            break update;
        }
    };
    assert_eq!((&update.scope, update.position), (&planet, position));
}

pub async fn deadlines_of_unknown_kinds_are_not_returned_and_hide_no_others(fixture: &dyn Fixture) {
    const LIMIT: usize = 4;
    let store = node(fixture).await.store;
    let (ann, ben) = (scope("ann"), scope("ben"));
    // In the shard of the first known scope, so that they are in the same part of every store.
    let planets = (0..).map(planet).filter(|planet| Shard::of(planet) == Shard::of(&ann));
    let mut due = Vec::new();
    for (id, planet) in (1..).zip(planets.take(3 * LIMIT)) {
        let mut commit = fresh(&*store, &planet, id).await;
        commit.deadline = DeadlineMove::Set(Timestamp(id));
        must(&*store, commit).await;
        due.push(Due { scope: planet, at: Timestamp(id) });
    }
    for (id, known) in [(101, &ann), (102, &ben)] {
        let mut commit = fresh(&*store, known, id).await;
        commit.deadline = DeadlineMove::Set(Timestamp(id));
        must(&*store, commit).await;
    }
    let known = [Due { scope: ann, at: Timestamp(101) }, Due { scope: ben, at: Timestamp(102) }];
    for _ in 0..2 {
        let page = store.due(Timestamp(1_000), LIMIT).await.expect("answers");
        assert_eq!((page.due, page.more), (known.to_vec(), false));
    }
    store.postpone(&due[0], Timestamp(2_000)).await.expect("answers");
}
