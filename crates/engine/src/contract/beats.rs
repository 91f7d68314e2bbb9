//! Leading the beat.

use timers::{Millis, Tag, Timestamp};
use tokio::time::timeout;

use super::{DEADLINE, Fixture, node};
use crate::store::{BeatAsk, Signal};

fn ask(node: &str, now: Option<Timestamp>) -> BeatAsk {
    BeatAsk { node: node.to_owned(), takeover_after: Millis(250), generation: Tag(9), now }
}

pub async fn a_second_is_beaten_once(fixture: &dyn Fixture) {
    let mut first = node(fixture).await;
    let second = fixture.connect().await;
    let mut beats = Vec::new();
    let told = timeout(DEADLINE, async {
        while beats.len() < 3 {
            let answer = first.store.beat(&ask("one", None)).await.expect("answers");
            assert_eq!(answer.leader, "one");
            assert_eq!(answer.generation, Tag(9));
            if beats.last() != Some(&answer.beat) {
                assert_eq!(answer.beat, answer.now.beat());
                beats.push(answer.beat);
            }
            if let Some(second) = &second {
                let refused = second.store.beat(&ask("two", None)).await.expect("answers");
                assert_eq!(refused.leader, "one", "the leader is not late");
            }
            tokio::task::yield_now().await;
        }
    });
    told.await.expect("seconds pass");
    let mut heard = Vec::new();
    while heard.len() < beats.len() {
        match timeout(DEADLINE, first.signals.recv()).await.expect("a beat in time") {
            Some(Signal::Beat(beat)) => heard.push(beat.beat),
            Some(_) => {}
            None => panic!("a live store"),
        }
    }
    assert_eq!(heard, beats, "each is told once");
}

pub async fn a_resignation_lets_another_lead(fixture: &dyn Fixture) {
    let first = node(fixture).await;
    let Some(mut second) = fixture.connect().await else { return };
    let led = first.store.beat(&ask("one", None)).await.expect("answers");
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
            let answer = second.store.beat(&ask("two", None)).await.expect("answers");
            if answer.beat > led.beat {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    });
    let taken = taken.await.expect("the next second comes");
    assert_eq!((taken.leader.as_str(), taken.beat), ("two", led.beat.next()), "at once, not when it is late");
}
