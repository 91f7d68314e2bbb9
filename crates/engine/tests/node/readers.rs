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
