//! The beat of a server whose clock is moved.

use engine::store::{BeatAnswer, BeatAsk, Connected};
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
    async fn of(server: &RedisServer) -> Self {
        let connected = RedisStore::connect(&options(&server.url(), "one")).expect("connects");
        wait_for("the store", || connected.store.ready().is_ok()).await;
        Self { connected, clock: Some(Clock::new(Box::new(engine::BootClock))) }
    }

    async fn ask(&self) -> BeatAnswer {
        let now = self.clock.as_ref().and_then(Clock::now);
        let ask = BeatAsk { node: "one".to_owned(), takeover_after: Millis(250), generation: Tag(7), now };
        let answer = self.connected.store.beat(&ask).await.expect("beats");
        if let Some(clock) = &self.clock {
            clock.observe(answer.now);
        }
        answer
    }

    /// Returns the first beat after this one.
    async fn next(&self, last: &BeatAnswer) -> BeatAnswer {
        let next = std::cell::RefCell::new(last.clone());
        wait_until("another beat", async || {
            let answer = self.ask().await;
            let is_next = answer.beat != last.beat;
            next.replace(answer);
            is_next
        })
        .await;
        next.into_inner()
    }
}

#[tokio::test]
async fn a_step_back_is_absorbed_and_given_back_when_the_clock_is_right_again() {
    let wall = MovableClock::make();
    let server = RedisServer::start_by(&wall);
    let leader = Leader::of(&server).await;
    let first = leader.ask().await;
    wall.move_by(-5_000);
    let second = leader.next(&first).await;
    assert_eq!(second.beat, first.beat.next());
    assert!((4_900..=5_000).contains(&second.absorbed.0), "{second:?}");
    // As a failover does, to a server whose clock was right all along.
    wall.move_by(0);
    let third = leader.next(&second).await;
    assert_eq!(third.beat, second.beat.next(), "time does not leap");
    assert!(third.absorbed < Millis(1_000), "{third:?}");
}

#[tokio::test]
async fn a_step_back_that_no_node_has_lived_through_is_absorbed_too() {
    let wall = MovableClock::make();
    let server = RedisServer::start_by(&wall);
    let mut leader = Leader::of(&server).await;
    let first = leader.ask().await;
    leader.clock = None;
    wall.move_by(-30_000);
    let second = leader.next(&first).await;
    assert_eq!(second.beat, first.beat.next(), "nobody waits for half a minute");
    assert!(second.absorbed >= Millis(28_000), "{second:?}");
}

#[tokio::test]
async fn a_clock_that_was_put_right_by_an_hour_is_believed_and_beats_are_counted_anew() {
    let wall = MovableClock::make();
    wall.move_by(3_600_000);
    let server = RedisServer::start_by(&wall);
    let leader = Leader::of(&server).await;
    let wrong = leader.ask().await;
    wall.move_by(0);
    let right = leader.next(&wrong).await;
    let fell = wrong.beat.0 - right.beat.0;
    assert!((3_590..=3_600).contains(&fell), "{wrong:?}, then {right:?}");
    assert_eq!(right.absorbed, Millis(0));
    assert!(Timestamp(right.now.0).beat() == right.beat);
    assert_eq!(leader.next(&right).await.beat, right.beat.next(), "and so on");
}
