//! Leading the beat.

use timers::{Millis, Tag, Timestamp};
use tokio::time::timeout;

use super::{DEADLINE, Fixture, node};
use crate::store::{BeatRequest, Signal};

fn request(node: &str, now: Option<Timestamp>) -> BeatRequest {
    BeatRequest { node: node.to_owned(), takeover_after: Millis(250), generation: Tag(9), now }
}

pub async fn each_second_has_one_beat(fixture: &dyn Fixture) {
    let mut first = node(fixture).await;
    let second = fixture.connect().await;
    let mut beats = Vec::new();
    let done = timeout(DEADLINE, async {
        while beats.len() < 3 {
            let answer = first.store.beat(&request("one", None)).await.expect("answers");
            assert_eq!(answer.leader, "one");
            assert_eq!(answer.generation, Tag(9));
            if beats.last() != Some(&answer.beat) {
                assert_eq!(answer.beat, answer.now.beat());
                beats.push(answer.beat);
            }
            if let Some(second) = &second {
                let refused = second.store.beat(&request("two", None)).await.expect("answers");
                assert_eq!(refused.leader, "one", "the leader is not late");
            }
            tokio::task::yield_now().await;
        }
    });
    done.await.expect("seconds pass");
    let mut signalled = Vec::new();
    while signalled.len() < beats.len() {
        match timeout(DEADLINE, first.signals.recv()).await.expect("a beat in time") {
            Some(Signal::Beat(beat)) => signalled.push(beat.beat),
            Some(_) => {}
            None => panic!("a live store"),
        }
    }
    assert_eq!(signalled, beats, "each is signalled once");
}

pub async fn another_node_leads_at_once_after_a_resignation(fixture: &dyn Fixture) {
    let first = node(fixture).await;
    let Some(mut second) = fixture.connect().await else { return };
    let led = first.store.beat(&request("one", None)).await.expect("answers");
    first.store.vacate("somebody else").await.expect("changes nothing");
    first.store.vacate("one").await.expect("resigns");
    loop {
        match timeout(DEADLINE, second.signals.recv()).await.expect("in time") {
            Some(Signal::Vacant) => break,
            Some(_) => {}
            None => panic!("a live store"),
        }
    }
    let taken = timeout(DEADLINE, async {
        loop {
            let answer = second.store.beat(&request("two", None)).await.expect("answers");
            if answer.beat > led.beat {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    });
    let taken = taken.await.expect("the next second comes");
    assert_eq!((taken.leader.as_str(), taken.beat), ("two", led.beat.next()), "at once, not when it is late");
}
