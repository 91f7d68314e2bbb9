//! What one connection is shown.

use std::time::Duration;

use engine::*;
use timers::stopwatch::Command as Ask;
use timers::*;
use tokio::time::sleep;

use super::tap::*;

#[tokio::test(start_paused = true)]
async fn a_session_begun_after_a_quiet_time_has_no_ticks_of_that_time() {
    let (_, _, one, _, _) = pair().await;
    let mut reader = Reader::new(one.hub().join(&ann()).await.unwrap());
    reader.catch_up(|_| {});
    sleep(Duration::from_secs(10)).await; // tidy: allow: virtual time
    one.execute(start(Some("a"), None)).await.unwrap();
    sleep(Duration::from_secs(1)).await; // tidy: allow: virtual time
    let mut beats = Vec::new();
    reader.catch_up(|sight| {
        if let Sight::Beat(_, beat) = sight {
            beats.push(beat.0 - 1_700_000_000);
        }
    });
    assert_eq!(beats, [13]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_lagged_is_not_shown_ticks_of_a_session_that_was_held() {
    let hands = Hands::new();
    let store = hands.store();
    let (one, _) = node(&store, &hands, "one");
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
    reader.catch_up(|sight| {
        if let Sight::Beat(view, beat) = sight {
            shown.push(view.board.stopwatch(&a).unwrap().tick_at(beat).unwrap().0);
        }
    });
    assert_eq!(shown, Vec::<u64>::new(), "the session was paused at all these beats");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_overslept_a_beat_between_two_changes_has_its_tick_all_the_same() {
    let (_, _, one, _, _) = pair().await;
    one.execute(start(Some("a"), None)).await.unwrap();
    let mut reader = Reader::new(one.hub().join(&ann()).await.unwrap());
    reader.catch_up(|_| {});
    // Two changes, a beat, and another change, before the client is served again.
    one.execute(start(Some("b"), None)).await.unwrap();
    one.execute(start(Some("c"), None)).await.unwrap();
    sleep(Duration::from_secs(1)).await; // tidy: allow: virtual time
    one.execute(ask(Ask::Pause(id("a")))).await.unwrap();
    let mut told = Vec::new();
    reader.catch_up(|sight| match sight {
        Sight::Beat(view, beat) => told.push(format!("{} of {}", beat.0 - 1_700_000_000, view.board.items.len())),
        Sight::News { old, new } => told.push(format!("{} to {}", old.board.items.len(), new.board.items.len())),
        Sight::First(_) | Sight::Whole { .. } => told.push("other".to_owned()),
    });
    assert_eq!(told, ["1 to 3", "3 of 3", "3 to 3"]);
    // What nobody needs any more is let go.
    let feed = one.hub().join(&ann()).await.unwrap();
    let seen = std::sync::Arc::downgrade(&feed.shown().view);
    one.execute(start(Some("d"), None)).await.unwrap();
    feed.shown();
    reader.catch_up(|_| {});
    sleep(Duration::from_secs(7)).await; // tidy: allow: virtual time
    assert!(seen.upgrade().is_none());
}
