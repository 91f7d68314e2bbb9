//! Who leads, which beats are shown, and for how long.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use engine::store::{BeatAnswer, Signal};
use engine::*;
use timers::*;
use tokio::time::{sleep, timeout};

use super::tap::*;

#[tokio::test(start_paused = true)]
async fn beats_go_on_while_the_store_is_away_but_not_for_ever() {
    let (hands, _, one, tap, _) = pair().await;
    one.execute(start(Some("a"), None)).await.unwrap();
    let mut reader = Reader::new(one.hub().join(&ann()).await.unwrap());
    let mut beats = Vec::new();
    reader.catch_up(|_| {});
    tap.away.store(true, Relaxed);
    tap.silent.store(true, Relaxed);
    let end = hands.born.elapsed() + Duration::from_secs(20);
    while hands.born.elapsed() < end {
        let _ = timeout(Duration::from_secs(1), reader.changed()).await;
        let late = hands.born.elapsed().as_millis() % 1000;
        reader.catch_up(|sight| {
            if let Sight::Beat(_, beat) = sight {
                beats.push((beat.0, late));
            }
        });
    }
    assert!(beats.len() >= 19 && beats.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1), "{beats:?}");
    assert!(beats.iter().all(|(_, late)| (450..455).contains(late)), "{beats:?}");
}

#[tokio::test(start_paused = true)]
async fn old_and_repeated_beats_are_not_shown() {
    let (hands, _, one, tap, _) = pair().await;
    let millis = || 1_700_000_000_000 + hands.born.elapsed().as_millis() as u64 + hands.store_ms.load(Relaxed) as u64;
    let shown = one.stats().beats.get();
    let again = BeatAnswer {
        beat: Timestamp(millis()).beat(),
        now: Timestamp(millis()),
        leader: "two".into(),
        generation: Tag(1),
        absorbed: Millis(0),
    };
    tap.to_hub.send(Signal::Beat(again)).await.unwrap();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    assert_eq!(one.stats().beats.get(), shown, "twice");
    let next = Timestamp(millis() + 1_000);
    hands.freeze(10_000);
    // The clock learns of the time that passed, then what was buffered comes.
    let old =
        BeatAnswer { beat: next.beat(), now: next, leader: "two".into(), generation: Tag(1), absorbed: Millis(0) };
    tap.to_hub.send(Signal::Beat(old)).await.unwrap();
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    assert_eq!(one.stats().beats_refused.get(), 1, "old");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_lagged_is_shown_five_beats_and_then_the_news() {
    let (_, _, one, _, _) = pair().await;
    one.execute(start(Some("a"), None)).await.unwrap();
    let mut reader = Reader::new(one.hub().join(&ann()).await.unwrap());
    reader.catch_up(|_| {});
    sleep(Duration::from_secs(3)).await; // tidy: allow: virtual time
    one.execute(start(Some("b"), None)).await.unwrap();
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    let mut told = Vec::new();
    let mut note = |sight: Sight<'_>| match sight {
        Sight::Beat(view, beat) => told.push(format!("{} of {}", beat.0 - 1_700_000_000, view.board.items.len())),
        Sight::News { .. } => told.push("news".to_owned()),
        Sight::First(_) | Sight::Whole { .. } => told.push("other".to_owned()),
    };
    reader.catch_up(&mut note);
    assert_eq!(told, ["3 of 1", "4 of 1", "5 of 1", "news", "6 of 2", "7 of 2"]);
    sleep(Duration::from_secs(60)).await; // tidy: allow: virtual time
    let mut beats = Vec::new();
    reader.catch_up(|sight| {
        if let Sight::Beat(_, beat) = sight {
            beats.push(beat.0 - 1_700_000_000);
        }
    });
    assert_eq!(beats, [63, 64, 65, 66, 67]);
}

#[tokio::test(start_paused = true)]
async fn another_leads_soon_after_the_leader_died() {
    let (_, _, one, _, two) = pair().await;
    let (dead, other) = if one.leader() == "one" { (&one, &two) } else { (&two, &one) };
    dead.stop().await;
    sleep(Duration::from_millis(950 + 250 + 100 + 5)).await; // tidy: allow: virtual time
    assert_eq!((other.leader(), other.stats().beats_filled.get()), (other.node().to_owned(), 0));
}

#[tokio::test(start_paused = true)]
async fn another_leads_at_once_after_a_resignation() {
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
            let hands = Hands::new();
            let store = hands.store();
            let (one, tap) = node(&store, &hands, "one");
            sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
            tap.away.store(true, Relaxed);
            sleep(Duration::from_secs(590)).await; // tidy: allow: virtual time
            eprintln!("still fine");
            sleep(Duration::from_secs(30)).await; // tidy: allow: virtual time
            let last = one.hub().last_beat().0 - 1_700_000_000;
            assert!((600..=602).contains(&last), "after ten minutes the time is no longer certain: {last}");
        });
        done.send(()).unwrap();
    });
    finished.recv_timeout(Duration::from_secs(20)).expect("the ticker spins: virtual time stands still");
}

#[tokio::test(start_paused = true)]
async fn clients_of_a_node_that_resigned_still_see_what_happens() {
    let hands = Hands::new();
    let store = hands.store();
    let (one, _) = node(&store, &hands, "one");
    let (two, _) = node(&store, &hands, "two");
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    let mut reader = Reader::new(one.hub().join(&ann()).await.unwrap());
    reader.catch_up(|_| {});
    one.resign().await;
    two.execute(start(Some("a"), None)).await.unwrap();
    let (mut news, mut beats) = (0, 0);
    while news == 0 || beats < 2 {
        timeout(Duration::from_secs(3), reader.changed()).await.expect("all is shown while the node drains");
        reader.catch_up(|sight| match sight {
            Sight::News { .. } => news += 1,
            Sight::Beat(..) => beats += 1,
            Sight::First(_) | Sight::Whole { .. } => panic!("nothing was missed"),
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_clock_that_stepped_back_a_little_is_not_polled_hot() {
    let hands = Hands::new();
    let store = hands.store();
    let (_one, tap) = node(&store, &hands, "one");
    sleep(Duration::from_secs(3)).await; // tidy: allow: virtual time
    hands.store_ms.fetch_sub(900, Relaxed);
    sleep(Duration::from_secs(1)).await; // tidy: allow: virtual time
    let before = tap.beats.load(Relaxed);
    sleep(Duration::from_secs(10)).await; // tidy: allow: virtual time
    let asked = tap.beats.load(Relaxed) - before;
    assert!(asked <= 40, "{asked} questions in ten seconds");
}

#[tokio::test(start_paused = true)]
async fn a_store_clock_that_was_put_right_by_an_hour_is_believed_after_a_minute_and_beats_go_on() {
    let (hands, _, one, _, two) = pair().await;
    one.execute(start(Some("a"), None)).await.unwrap();
    let mut reader = Reader::new(two.hub().join(&ann()).await.unwrap());
    reader.catch_up(|_| {});
    let mut beats_for = async |seconds| {
        let (mut beats, end) = (Vec::new(), hands.born.elapsed() + Duration::from_secs(seconds));
        while hands.born.elapsed() < end {
            let _ = timeout(Duration::from_secs(1), reader.changed()).await;
            reader.catch_up(|sight| {
                if let Sight::Beat(_, beat) = sight {
                    beats.push(beat.0);
                }
            });
        }
        beats
    };
    hands.store_ms.fetch_sub(3_600_000, Relaxed);
    let on = |beats: &[u64]| beats.windows(2).all(|pair| pair[1] == pair[0] + 1);
    let minute = beats_for(58).await;
    assert!(minute.len() >= 57 && on(&minute), "the display goes on meanwhile: {minute:?}");
    beats_for(5).await;
    let after = beats_for(20).await;
    assert!(after.len() >= 19 && on(&after), "{after:?}");
    assert!(after[0] + 3_500 < minute[0], "beats are counted anew: {after:?}");
    assert_eq!(two.clock().steps(), 1);
    one.execute(start(Some("b"), None)).await.unwrap();
    let two_run = beats_for(3).await;
    assert!(two_run.len() >= 2 && on(&two_run), "{two_run:?}");
}

#[tokio::test(start_paused = true)]
async fn once_the_store_was_away_for_too_long_the_time_is_no_longer_certain_until_it_is_back() {
    let (_, _, one, tap, _) = pair().await;
    let mut certain = one.certainty();
    tap.away.store(true, Relaxed);
    tap.silent.store(true, Relaxed);
    assert!(timeout(Duration::from_secs(595), certain.changed()).await.is_err(), "ten minutes are not over");
    timeout(Duration::from_secs(7), certain.changed()).await.expect("now they are").unwrap();
    assert!(!*certain.borrow_and_update());
    tap.away.store(false, Relaxed);
    tap.silent.store(false, Relaxed);
    timeout(Duration::from_secs(3), certain.changed()).await.expect("it is back").unwrap();
    assert!(*certain.borrow_and_update());
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_moved_is_counted_both_ways() {
    let (hands, _, one, tap, _) = pair().await;
    let now = |ms: i64| Timestamp((1_700_000_000_000 + hands.born.elapsed().as_millis() as i64 + ms) as u64);
    let beat = |now: Timestamp, absorbed| BeatAnswer {
        beat: now.beat(),
        now,
        leader: "two".into(),
        generation: Tag(1),
        absorbed: Millis(absorbed),
    };
    tap.silent.store(true, Relaxed);
    assert_eq!(one.clock().steps(), 0);
    for (now, absorbed, steps) in [(now(500), 0, 0), (now(5_000), 0, 1), (now(5_100), 4_900, 2), (now(5_200), 4_895, 2)]
    {
        tap.to_hub.send(Signal::Beat(beat(now, absorbed))).await.unwrap();
        sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
        assert_eq!(one.clock().steps(), steps, "at {now:?}, absorbed {absorbed}");
    }
}
