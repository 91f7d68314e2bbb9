//! The beat of a server whose clock is changed.

use engine::store::{BeatRequest, BeatStatus, Connected};
use engine::{Clock, Store};
use harness::{MovableClock, RedisServer, wait_for, wait_until};
use store::redis::RedisStore;
use timers::{Millis, Tag, Timestamp};

use super::node::options;

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
async fn a_clock_corrected_by_an_hour_is_accepted_and_numbering_restarts() {
    let wall = MovableClock::make();
    wall.move_by(3_600_000);
    let server = RedisServer::start_by(&wall);
    let leader = Leader::connect(&server).await;
    let wrong = leader.request_beat().await;
    wall.move_by(0);
    let right = leader.next(&wrong).await;
    let step = wrong.beat.0 - right.beat.0;
    assert!((3_590..=3_600).contains(&step), "{wrong:?}, then {right:?}");
    assert_eq!(right.absorbed, Millis(0));
    assert!(Timestamp(right.now.0).beat() == right.beat);
    assert_eq!(leader.next(&right).await.beat, right.beat.next(), "numbering continues");
}
