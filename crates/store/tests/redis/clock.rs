//! The beat of a server whose clock is changed.

use engine::store::{BeatRequest, BeatStatus, Connected};
use engine::{Clock, Store};
use harness::{DURABLE, MovableClock, RedisServer, wait_for, wait_until};
use store::redis::RedisStore;
use timers::{Millis, Tag};

use super::node::options;

const TWO_HOURS_MS: i64 = 2 * 3_600_000;

struct Leader {
    connected: Connected<dyn Store>,
    clock: Option<Clock>,
}

impl Leader {
    async fn connect(server: &RedisServer) -> Self {
        let connected = RedisStore::connect(&options(&server.url(), "one")).expect("connects");
        wait_for("the store", || connected.store.ready().is_ok()).await;
        Self { connected, clock: Some(Clock::new(Box::new(engine::BootClock))) }
    }

    async fn request_beat(&self) -> BeatStatus {
        let now = self.clock.as_ref().and_then(Clock::now);
        let request = BeatRequest { node: "one".to_owned(), takeover_after: Millis(250), generation: Tag(7), now };
        let answer = self.connected.store.beat(&request).await.expect("beats");
        if let Some(clock) = &self.clock {
            clock.observe(answer.now);
        }
        answer
    }

    /// Returns the first beat after this one.
    async fn next(&self, last: &BeatStatus) -> BeatStatus {
        let next = std::cell::RefCell::new(last.clone());
        wait_until("another beat", async || {
            let answer = self.request_beat().await;
            let is_next = answer.beat != last.beat;
            next.replace(answer);
            is_next
        })
        .await;
        next.into_inner()
    }
}

#[tokio::test]
async fn a_backward_step_is_absorbed_and_returned_when_the_clock_is_corrected() {
    let wall = MovableClock::make();
    let server = RedisServer::start_by(&wall);
    let leader = Leader::connect(&server).await;
    let first = leader.request_beat().await;
    wall.move_by(-5_000);
    let second = leader.next(&first).await;
    assert_eq!(second.beat, first.beat.next());
    assert!((4_900..=5_000).contains(&second.absorbed.0), "{second:?}");
    // As in a failover to a server with a correct clock.
    wall.move_by(0);
    let third = leader.next(&second).await;
    assert_eq!(third.beat, second.beat.next(), "time does not jump");
    assert!(third.absorbed < Millis(1_000), "{third:?}");
}

#[tokio::test]
async fn a_backward_step_that_no_node_observed_is_absorbed_too() {
    let wall = MovableClock::make();
    let server = RedisServer::start_by(&wall);
    let mut leader = Leader::connect(&server).await;
    let first = leader.request_beat().await;
    leader.clock = None;
    wall.move_by(-30_000);
    let second = leader.next(&first).await;
    assert_eq!(second.beat, first.beat.next(), "the beat does not pause for half a minute");
    assert!(second.absorbed >= Millis(28_000), "{second:?}");
}

#[tokio::test]
async fn a_step_back_of_two_hours_is_absorbed_in_whole_seconds_and_returned_when_the_clock_is_corrected() {
    let wall = MovableClock::make();
    let server = RedisServer::start_by(&wall);
    let leader = Leader::connect(&server).await;
    let first = leader.request_beat().await;
    wall.move_by(-TWO_HOURS_MS);
    let mut last = leader.next(&first).await;
    assert_eq!(last.beat, first.beat.next(), "no beat is missing");
    assert!(last.absorbed.0.abs_diff(7_200_000) < 1_000, "{last:?}");
    assert_eq!(last.ahead_of_date(), Millis(last.absorbed.0 - last.absorbed.0 % 1000));
    for _ in 0..2 {
        let next = leader.next(&last).await;
        assert_eq!(next.beat, last.beat.next(), "numbering continues");
        assert_eq!(next.ahead_of_date(), last.ahead_of_date(), "dates do not drift");
        last = next;
    }
    wall.move_by(0);
    let corrected = leader.next(&last).await;
    assert_eq!(corrected.beat, last.beat.next(), "time does not jump");
    assert!(corrected.absorbed < Millis(1_000), "{corrected:?}");
}

#[tokio::test]
async fn time_continues_on_a_server_that_was_restarted_with_its_clock_two_hours_back() {
    let wall = MovableClock::make();
    let mut server = RedisServer::start_by_with(&wall, &DURABLE);
    let first = Leader::connect(&server).await.request_beat().await;
    server.kill();
    wall.move_by(-TWO_HOURS_MS);
    server.restart();
    let leader = Leader::connect(&server).await;
    let second = leader.next(&first).await;
    assert!((1..=3).contains(&(second.beat.0 - first.beat.0)), "{first:?}, then {second:?}");
    assert!(second.absorbed.0.abs_diff(7_200_000) < 10_000, "{second:?}");
}

#[tokio::test]
async fn a_step_forward_is_followed_and_the_way_back_is_absorbed() {
    let wall = MovableClock::make();
    let server = RedisServer::start_by(&wall);
    let leader = Leader::connect(&server).await;
    let first = leader.request_beat().await;
    wall.move_by(TWO_HOURS_MS);
    let second = leader.next(&first).await;
    assert!((7_200..=7_202).contains(&(second.beat.0 - first.beat.0)), "{first:?}, then {second:?}");
    wall.move_by(0);
    let third = leader.next(&second).await;
    assert_eq!(third.beat, second.beat.next());
    assert!(third.absorbed.0.abs_diff(7_200_000) < 2_000, "{third:?}");
}

#[tokio::test]
async fn a_node_whose_clock_is_wrong_does_not_move_the_time_of_all() {
    let server = RedisServer::start();
    let leader = Leader::connect(&server).await;
    let mut last = leader.request_beat().await;
    for wrong in [last.now + Millis(7_200_000), last.now - Millis(7_200_000)] {
        last = leader.next(&last).await;
        let node = "wrong".to_owned();
        let request = BeatRequest { node, takeover_after: Millis(250), generation: Tag(7), now: Some(wrong) };
        let answer = leader.connected.store.beat(&request).await.expect("beats");
        assert!(answer.now < last.now + Millis(1_000) && answer.absorbed == Millis(0), "{answer:?}");
    }
}
