//! The numbers of items and scopes that the hub keeps, against a count of all views.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use engine::*;
use timers::stopwatch::{Stopwatch, StopwatchCommand as Ask};
use timers::*;
use tokio::time::sleep;

use super::test_node::*;

const SCOPES: usize = 12;

fn scope_of(nth: usize) -> Scope {
    match nth % 3 {
        0 => Scope::room(&RoomId::new(&format!("room-{nth}")).unwrap()),
        1 => format!("planet:{nth}").parse().unwrap(),
        _ => Scope::user(&UserId::new(&format!("user-{nth}")).unwrap()),
    }
}

/// Counts the scopes with subscriptions, and their sessions.
fn walk(views: &BTreeMap<usize, Vec<Subscription>>) -> (usize, BTreeMap<&'static str, usize>) {
    let (mut sessions, mut listened_to) = (0, BTreeMap::from_iter(ScopeKind::KNOWN.iter().map(|kind| (*kind, 0))));
    for (nth, subscriptions) in views {
        if let Some(subscription) = subscriptions.first() {
            sessions += subscription.snapshot().view.board.all::<Stopwatch>().count();
            *listened_to.entry(scope_of(*nth).kind().label()).or_default() += 1;
        }
    }
    (sessions, listened_to)
}

#[tokio::test(start_paused = true)]
async fn the_counts_equal_a_walk_after_random_joins_commits_and_leaves() {
    let (clocks, _, one, faults, two) = pair().await;
    let mut rng = fastrand::Rng::with_seed(7);
    let mut views: BTreeMap<usize, Vec<Subscription>> = BTreeMap::new();
    let mut seen_most = 0;
    for step in 0..600 {
        let nth = rng.usize(..SCOPES);
        let engine = if rng.bool() { &one } else { &two };
        match rng.u8(..10) {
            0..3 => views.entry(nth).or_default().push(one.hub().join(&scope_of(nth)).await.unwrap()),
            3..5 => drop(views.entry(nth).or_default().pop()),
            5..8 => {
                let session = format!("s{}", rng.u8(..5));
                let request = Request { scope: scope_of(nth), ..start(Some(&session), None) };
                engine.execute(request).await.ok();
            }
            8 => {
                let remove = ask(Ask::Remove(id(&format!("s{}", rng.u8(..5)))));
                engine.execute(Request { scope: scope_of(nth), ..remove }).await.ok();
            }
            // A lost link, a restart of the beats, or a pause in which unused views are dropped.
            _ => match rng.u8(..3) {
                0 => faults.to_hub.send(store::Signal::Lost(store::Shards::ALL)).await.unwrap(),
                1 if step == 300 => drop(clocks.store_ms.fetch_sub(120_000, Relaxed)),
                _ => sleep(Duration::from_millis(rng.u64(..3_000))).await, // tidy: allow: virtual time
            },
        }
        if step % 10 == 0 {
            // Long enough to reload what is invalid.
            sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
            let counts = (one.hub().item_count::<Stopwatch>(), one.hub().listened_to());
            assert_eq!(counts, walk(&views), "views that were left a moment ago are not counted");
            // Long enough to drop the views that are unused.
            sleep(Duration::from_secs(6)).await; // tidy: allow: virtual time
            let (sessions, listened_to) = walk(&views);
            let used = views.values().filter(|subscriptions| !subscriptions.is_empty()).count();
            assert_eq!((one.hub().item_count::<Stopwatch>(), one.hub().listened_to()), (sessions, listened_to));
            assert_eq!((one.hub().item_count::<room::Member>(), one.hub().scopes()), (0, used));
            seen_most = seen_most.max(sessions);
        }
    }
    assert!(seen_most > 10, "the test has a point: {seen_most}");
    views.clear();
    sleep(Duration::from_secs(8)).await; // tidy: allow: virtual time
    assert_eq!((one.hub().item_count::<Stopwatch>(), one.hub().scopes()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_items_of_a_view_count_while_it_has_listeners() {
    let (_, _, one, _, _) = pair().await;
    one.execute(start(Some("a"), None)).await.unwrap();
    assert_eq!(one.hub().item_count::<Stopwatch>(), 0);
    let counts = || (one.hub().item_count::<Stopwatch>(), one.hub().listened_to()["user"], one.hub().scopes());
    let first = one.hub().join(&ann()).await.unwrap();
    let second = one.hub().join(&ann()).await.unwrap();
    assert_eq!(counts(), (1, 1, 1));
    drop(first);
    assert_eq!(counts(), (1, 1, 1));
    drop(second);
    assert_eq!(counts(), (0, 0, 1), "the view is kept for a client that returns, and is not counted");
    one.execute(start(Some("b"), None)).await.unwrap();
    assert_eq!(counts(), (0, 0, 1));
    let _again = one.hub().join(&ann()).await.unwrap();
    assert_eq!(counts(), (2, 1, 1));
}
