//! The deliveries of one connection.

use std::time::Duration;

use engine::*;
use timers::stopwatch::{Stopwatch, StopwatchCommand as Ask};
use timers::*;
use tokio::time::sleep;

use super::test_node::*;

#[tokio::test(start_paused = true)]
async fn a_session_has_no_ticks_from_before_its_start() {
    let (_, _, one, _, _) = pair().await;
    let mut reader = Reader::new(one.hub().join(&ann()).await.unwrap());
    reader.catch_up(|_| {});
    sleep(Duration::from_secs(10)).await; // tidy: allow: virtual time
    one.execute(start(Some("a"), None)).await.unwrap();
    sleep(Duration::from_secs(1)).await; // tidy: allow: virtual time
    let mut beats = Vec::new();
    reader.catch_up(|delivery| {
        if let Delivery::Tick(_, beat) = delivery {
            beats.push(beat.0 - 1_700_000_000);
        }
    });
    assert_eq!(beats, [13]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_lagged_is_not_shown_ticks_of_a_paused_session() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (one, _) = node(&store, &clocks, "one");
    sleep(Duration::from_millis(2_500)).await; // tidy: allow: virtual time
    one.execute(start(Some("a"), None)).await.unwrap();
    let mut reader = Reader::new(one.hub().join(&ann()).await.unwrap());
    reader.catch_up(|_| {});
    let a = SessionId::new("a").unwrap();
    let ask = |ask| Request { command: Command::Stopwatch(ask), ..start(None, None) };
    one.execute(ask(Ask::Pause(a.clone()))).await.unwrap();
    sleep(Duration::from_secs(3)).await; // tidy: allow: virtual time
    one.execute(ask(Ask::Resume(a.clone()))).await.unwrap();
    let mut shown = Vec::new();
    reader.catch_up(|delivery| {
        if let Delivery::Tick(view, beat) = delivery {
            shown.push(view.board.get::<Stopwatch>(&a).unwrap().tick_at(beat).unwrap().0);
        }
    });
    assert_eq!(shown, Vec::<u64>::new(), "the session was paused at all these beats");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_missed_a_beat_between_two_changes_is_shown_its_tick() {
    let (_, _, one, _, _) = pair().await;
    one.execute(start(Some("a"), None)).await.unwrap();
    let mut reader = Reader::new(one.hub().join(&ann()).await.unwrap());
    reader.catch_up(|_| {});
    // Two changes, a beat, and another change, before the client catches up.
    one.execute(start(Some("b"), None)).await.unwrap();
    one.execute(start(Some("c"), None)).await.unwrap();
    sleep(Duration::from_secs(1)).await; // tidy: allow: virtual time
    one.execute(ask(Ask::Pause(id("a")))).await.unwrap();
    let mut deliveries = Vec::new();
    reader.catch_up(|delivery| match delivery {
        Delivery::Tick(view, beat) => {
            deliveries.push(format!("{} of {}", beat.0 - 1_700_000_000, view.board.items.len()));
        }
        Delivery::Diff { old, new } => {
            deliveries.push(format!("{} to {}", old.board.items.len(), new.board.items.len()));
        }
        Delivery::Initial(_) | Delivery::Resync { .. } | Delivery::Redated(_) => deliveries.push("other".to_owned()),
    });
    assert_eq!(deliveries, ["1 to 3", "3 of 3", "3 to 3"]);
    // An earlier view is dropped when no client needs it.
    let subscription = one.hub().join(&ann()).await.unwrap();
    let seen = std::sync::Arc::downgrade(&subscription.snapshot().view);
    one.execute(start(Some("d"), None)).await.unwrap();
    subscription.snapshot();
    reader.catch_up(|_| {});
    sleep(Duration::from_secs(7)).await; // tidy: allow: virtual time
    assert!(seen.upgrade().is_none());
}
