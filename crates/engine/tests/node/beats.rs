//! Leadership, and the beats that are shown.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use engine::store::{BeatStatus, Signal};
use engine::*;
use timers::*;
use tokio::time::{sleep, timeout};

use super::test_node::*;

#[tokio::test(start_paused = true)]
async fn beats_continue_for_a_while_without_the_store() {
    let (clocks, _, one, faults, _) = pair().await;
    one.execute(start(Some("a"), None)).await.unwrap();
    let mut reader = Reader::new(one.hub().join(&ann()).await.unwrap());
    let mut beats = Vec::new();
    reader.catch_up(|_| {});
    faults.unavailable.store(true, Relaxed);
    faults.drops_signals.store(true, Relaxed);
    let end = clocks.born.elapsed() + Duration::from_secs(20);
    while clocks.born.elapsed() < end {
        let _ = timeout(Duration::from_secs(1), reader.changed()).await;
        let late = clocks.born.elapsed().as_millis() % 1000;
        reader.catch_up(|delivery| {
            if let Delivery::Tick(_, beat) = delivery {
                beats.push((beat.0, late));
            }
        });
    }
    assert!(beats.len() >= 19 && beats.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1), "{beats:?}");
    assert!(beats.iter().all(|(_, late)| (450..455).contains(late)), "{beats:?}");
}

#[tokio::test(start_paused = true)]
async fn old_and_repeated_beats_are_not_shown() {
    let (clocks, _, one, faults, _) = pair().await;
    let millis = || 1_700_000_000_000 + clocks.born.elapsed().as_millis() as u64 + clocks.store_ms.load(Relaxed) as u64;
    let shown = one.stats().beats.get();
    let again = BeatStatus {
        beat: Timestamp(millis()).beat(),
        now: Timestamp(millis()),
        leader: "two".into(),
        generation: Tag(1),
        absorbed: Millis(0),
    };
    faults.to_hub.send(Signal::Beat(again)).await.unwrap();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    assert_eq!(one.stats().beats.get(), shown, "twice");
    let next = Timestamp(millis() + 1_000);
    clocks.freeze(10_000);
    // The clock notices the time that passed, then the buffered beat arrives.
    let old =
        BeatStatus { beat: next.beat(), now: next, leader: "two".into(), generation: Tag(1), absorbed: Millis(0) };
    faults.to_hub.send(Signal::Beat(old)).await.unwrap();
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    assert_eq!(one.stats().beats_refused.get(), 1, "old");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_lagged_is_shown_five_beats_and_the_diff_in_order() {
    let (_, _, one, _, _) = pair().await;
    one.execute(start(Some("a"), None)).await.unwrap();
    let mut reader = Reader::new(one.hub().join(&ann()).await.unwrap());
    reader.catch_up(|_| {});
    sleep(Duration::from_secs(3)).await; // tidy: allow: virtual time
    one.execute(start(Some("b"), None)).await.unwrap();
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    let mut deliveries = Vec::new();
    let mut note = |delivery: Delivery<'_>| match delivery {
        Delivery::Tick(view, beat) => {
            deliveries.push(format!("{} of {}", beat.0 - 1_700_000_000, view.board.items.len()));
        }
        Delivery::Diff { .. } => deliveries.push("news".to_owned()),
        Delivery::Initial(_) | Delivery::Resync { .. } | Delivery::Redated(_) => deliveries.push("other".to_owned()),
    };
    reader.catch_up(&mut note);
    assert_eq!(deliveries, ["3 of 1", "4 of 1", "5 of 1", "news", "6 of 2", "7 of 2"]);
    sleep(Duration::from_secs(60)).await; // tidy: allow: virtual time
    let mut beats = Vec::new();
    reader.catch_up(|delivery| {
        if let Delivery::Tick(_, beat) = delivery {
            beats.push(beat.0 - 1_700_000_000);
        }
    });
    assert_eq!(beats, [63, 64, 65, 66, 67]);
}

#[tokio::test(start_paused = true)]
async fn another_node_leads_soon_after_the_leader_died() {
    let (_, _, one, _, two) = pair().await;
    let (dead, other) = if one.leader() == "one" { (&one, &two) } else { (&two, &one) };
    dead.stop().await;
    sleep(Duration::from_millis(950 + 250 + 100 + 5)).await; // tidy: allow: virtual time
    assert_eq!((other.leader(), other.stats().beats_filled.get()), (other.node().to_owned(), 0));
}

#[tokio::test(start_paused = true)]
async fn another_node_leads_at_once_after_a_resignation() {
    let (_, _, one, _, two) = pair().await;
    let (first, other) = if one.leader() == "one" { (&one, &two) } else { (&two, &one) };
    first.resign().await;
    sleep(Duration::from_millis(1_000)).await; // tidy: allow: virtual time
    assert_eq!((other.leader(), other.stats().beats_filled.get()), (other.node().to_owned(), 0));
    assert_eq!(other.hub().last_beat().0, 1_700_000_003, "not a quarter of a second late");
}

#[test]
fn a_long_outage_does_not_spin() {
    let (done, finished) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let clocks = TestClocks::new();
            let store = clocks.store();
            let (one, faults) = node(&store, &clocks, "one");
            sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
            faults.unavailable.store(true, Relaxed);
            sleep(Duration::from_secs(590)).await; // tidy: allow: virtual time
            eprintln!("still fine");
            sleep(Duration::from_secs(30)).await; // tidy: allow: virtual time
            let last = one.hub().last_beat().0 - 1_700_000_000;
            assert!((600..=602).contains(&last), "after ten minutes the time is no longer valid: {last}");
        });
        done.send(()).unwrap();
    });
    finished.recv_timeout(Duration::from_secs(20)).expect("the ticker spins: virtual time stands still");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_resigned_still_shows_changes_and_beats() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (one, _) = node(&store, &clocks, "one");
    let (two, _) = node(&store, &clocks, "two");
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    let mut reader = Reader::new(one.hub().join(&ann()).await.unwrap());
    reader.catch_up(|_| {});
    one.resign().await;
    two.execute(start(Some("a"), None)).await.unwrap();
    let (mut news, mut beats) = (0, 0);
    while news == 0 || beats < 2 {
        timeout(Duration::from_secs(3), reader.changed()).await.expect("all is shown while the node drains");
        reader.catch_up(|delivery| match delivery {
            Delivery::Diff { .. } => news += 1,
            Delivery::Tick(..) => beats += 1,
            Delivery::Initial(_) | Delivery::Resync { .. } | Delivery::Redated(_) => panic!("nothing was missed"),
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_small_step_back_of_the_store_clock_does_not_cause_busy_polling() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (_one, faults) = node(&store, &clocks, "one");
    sleep(Duration::from_secs(3)).await; // tidy: allow: virtual time
    clocks.store_ms.fetch_sub(900, Relaxed);
    sleep(Duration::from_secs(1)).await; // tidy: allow: virtual time
    let before = faults.beats.load(Relaxed);
    sleep(Duration::from_secs(10)).await; // tidy: allow: virtual time
    let asked = faults.beats.load(Relaxed) - before;
    assert!(asked <= 40, "{asked} requests in ten seconds");
}

#[tokio::test(start_paused = true)]
async fn the_time_is_invalid_from_the_holdover_until_the_store_is_back() {
    let (_, _, one, faults, _) = pair().await;
    let mut certain = one.time_validity();
    faults.unavailable.store(true, Relaxed);
    faults.drops_signals.store(true, Relaxed);
    assert!(timeout(Duration::from_secs(595), certain.changed()).await.is_err(), "the holdover is not over");
    timeout(Duration::from_secs(7), certain.changed()).await.expect("it is over").unwrap();
    assert!(!*certain.borrow_and_update());
    faults.unavailable.store(false, Relaxed);
    faults.drops_signals.store(false, Relaxed);
    timeout(Duration::from_secs(3), certain.changed()).await.expect("it is back").unwrap();
    assert!(*certain.borrow_and_update());
}

#[tokio::test(start_paused = true)]
async fn steps_of_the_store_clock_are_counted_in_both_directions() {
    let (clocks, _, one, faults, _) = pair().await;
    let now = |ms: i64| Timestamp((1_700_000_000_000 + clocks.born.elapsed().as_millis() as i64 + ms) as u64);
    let beat = |now: Timestamp, absorbed| BeatStatus {
        beat: now.beat(),
        now,
        leader: "two".into(),
        generation: Tag(1),
        absorbed: Millis(absorbed),
    };
    faults.drops_signals.store(true, Relaxed);
    assert_eq!(one.clock().steps(), 0);
    for (now, absorbed, steps) in [(now(500), 0, 0), (now(5_000), 0, 1), (now(5_100), 4_900, 2), (now(5_200), 4_895, 2)]
    {
        faults.to_hub.send(Signal::Beat(beat(now, absorbed))).await.unwrap();
        sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
        assert_eq!(one.clock().steps(), steps, "at {now:?}, absorbed {absorbed}");
    }
}
