//! Timers while the store's clock is moved: none of them stops, loses time or ends at another time, and dates follow the
//! clock.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use engine::store::{BeatRequest, Query};
use engine::*;
use timers::room::{Joining, Room, RoomCommand};
use timers::stopwatch::{Finished, Stopwatch, StopwatchCommand as Ask};
use timers::*;
use tokio::time::{sleep, timeout};

use super::test_node::*;

const TWO_HOURS_MS: i64 = 2 * 3_600_000;

/// Reads the ticks of ann's sessions.
struct Display {
    reader: Reader,
    clocks: TestClocks,
    /// The beats and elapsed times of each session.
    ticks: BTreeMap<String, Vec<(u64, u64)>>,
    redated: usize,
}

impl Display {
    async fn open(engine: &Engine, clocks: &TestClocks) -> Self {
        let mut reader = Reader::new(engine.hub().join(&ann()).await.unwrap());
        reader.catch_up(|_| {});
        Self { reader, clocks: clocks.clone(), ticks: BTreeMap::new(), redated: 0 }
    }

    async fn watch(&mut self, seconds: u64) {
        let end = self.clocks.born.elapsed() + Duration::from_secs(seconds);
        while self.clocks.born.elapsed() < end {
            let _ = timeout(Duration::from_millis(200), self.reader.changed()).await;
            self.reader.catch_up(|delivery| match delivery {
                Delivery::Tick(view, beat) => {
                    let (dated, dated_beat) = (view.dated(), view.dated_beat(beat));
                    for session in view.board.all::<Stopwatch>() {
                        let Some(elapsed) = session.tick_at(beat) else { continue };
                        let shown = dated.get::<Stopwatch>(&session.id).unwrap().tick_at(dated_beat);
                        assert_eq!(shown, Some(elapsed), "dates change no elapsed time");
                        self.ticks.entry(session.id.to_string()).or_default().push((beat.0, elapsed.0));
                    }
                }
                Delivery::Redated(_) => self.redated += 1,
                Delivery::Initial(_) | Delivery::Resync { .. } | Delivery::Diff { .. } => {}
            });
        }
    }

    /// Each second was shown once, with a second more on the timer.
    fn grows_by_seconds(&self, session: &str, at_least: usize) {
        let ticks = &self.ticks[session];
        let is_next = |pair: &[(u64, u64)]| pair[1] == (pair[0].0 + 1, pair[0].1 + 1000);
        assert!(ticks.len() >= at_least && ticks.windows(2).all(is_next), "{ticks:?}");
    }

    fn started_at(&self, session: &str) -> Timestamp {
        self.reader.snapshot().view.dated().get::<Stopwatch>(&id(session)).unwrap().started_at
    }
}

/// The store's own clock.
fn own_time(clocks: &TestClocks) -> Timestamp {
    Timestamp((1_700_000_000_000 + clocks.born.elapsed().as_millis() as i64 + clocks.store_ms.load(Relaxed)) as u64)
}

fn is_near(date: Timestamp, wanted: Timestamp) -> bool {
    date.0.abs_diff(wanted.0) < 2_000
}

#[tokio::test(start_paused = true)]
async fn a_step_back_of_hours_changes_no_timer_and_dates_follow_the_clock() {
    let (clocks, store, one, _, two) = pair().await;
    one.execute(start(Some("a"), None)).await.unwrap();
    let mut display = Display::open(&two, &clocks).await;
    display.watch(5).await;
    clocks.store_ms.fetch_sub(TWO_HOURS_MS, Relaxed);
    display.watch(90).await;
    display.grows_by_seconds("a", 94);
    assert_eq!(display.redated, 1);
    assert_eq!((two.clock().steps(), two.clock().absorbed().0 / 100_000), (1, 72));
    assert!(is_near(two.clock().date().unwrap(), own_time(&clocks)));

    one.execute(start(Some("b"), None)).await.unwrap();
    display.watch(3).await;
    assert!(is_near(display.started_at("b"), own_time(&clocks) - Millis(3_000)), "a new session has the new date");
    assert!(display.ticks["b"].len() >= 2, "and ticks");
    one.execute(ask(Ask::Pause(id("a")))).await.unwrap();
    let paused = store.board(&ann());
    let accumulated = paused.get::<Stopwatch>(&id("a")).unwrap().accumulated;
    assert!((97_000..99_500).contains(&accumulated.0), "{accumulated:?}");

    let stopped_at = own_time(&clocks);
    one.execute(ask(Ask::Stop(id("b")))).await.unwrap();
    let page = one.store().history(&ann(), &Query::newest(1)).await.unwrap();
    let row = Finished::decode(std::str::from_utf8(&page.rows[0].body).unwrap()).unwrap();
    assert!(is_near(row.ended, stopped_at) && page.rows[0].at == row.ended, "{row:?}");
    assert!((2_900..4_500).contains(&row.ended.since(row.started).0), "{row:?}");
}

#[tokio::test(start_paused = true)]
async fn a_step_back_and_forward_again_changes_no_timer() {
    let (clocks, _, one, _, two) = pair().await;
    one.execute(start(Some("a"), None)).await.unwrap();
    let mut display = Display::open(&two, &clocks).await;
    display.watch(3).await;
    clocks.store_ms.fetch_sub(TWO_HOURS_MS, Relaxed);
    display.watch(70).await;
    clocks.store_ms.fetch_add(TWO_HOURS_MS, Relaxed);
    // Before a beat tells of it.
    one.execute(start(Some("b"), None)).await.unwrap();
    two.execute(start(Some("c"), None)).await.unwrap();
    display.watch(70).await;
    display.grows_by_seconds("a", 142);
    assert_eq!((display.redated, two.clock().ahead_of_date()), (2, Millis(0)));
    assert!(is_near(two.clock().date().unwrap(), own_time(&clocks)));
}

#[tokio::test(start_paused = true)]
async fn a_step_forward_and_back_again_takes_nothing_from_a_timer() {
    let (clocks, _, one, _, two) = pair().await;
    one.execute(start(Some("a"), None)).await.unwrap();
    let mut display = Display::open(&two, &clocks).await;
    display.watch(3).await;
    clocks.store_ms.fetch_add(TWO_HOURS_MS, Relaxed);
    display.watch(10).await;
    let ahead = display.ticks["a"].last().unwrap().1;
    assert!(ahead > 7_200_000, "a step forward is followed: {ahead}");
    one.execute(start(Some("b"), None)).await.unwrap();
    display.ticks.clear();
    clocks.store_ms.fetch_sub(TWO_HOURS_MS, Relaxed);
    display.watch(70).await;
    display.grows_by_seconds("a", 69);
    display.grows_by_seconds("b", 69);
    assert!(display.ticks["a"][0].1 > ahead);
    assert!(is_near(two.clock().date().unwrap(), own_time(&clocks)));
}

#[tokio::test(start_paused = true)]
async fn timers_continue_on_nodes_that_start_after_the_step() {
    let (clocks, store, one, _, two) = pair().await;
    one.execute(start(Some("a"), None)).await.unwrap();
    let mut display = Display::open(&two, &clocks).await;
    display.watch(100).await;
    let shown = display.ticks["a"].last().unwrap().1;
    drop(display);
    one.stop().await;
    two.stop().await;
    clocks.store_ms.fetch_sub(TWO_HOURS_MS, Relaxed);
    let (three, _) = node(&store, &clocks, "three");
    let mut display = Display::open(&three, &clocks).await;
    display.watch(5).await;
    display.grows_by_seconds("a", 4);
    assert!((shown..shown + 3_000).contains(&display.ticks["a"][0].1), "{shown}, then {:?}", display.ticks["a"]);
    three.execute(start(Some("b"), None)).await.unwrap();
    display.watch(1).await;
    assert!(is_near(display.started_at("b"), own_time(&clocks)));
}

#[tokio::test(start_paused = true)]
async fn a_countdown_ends_in_time_whatever_the_clock_does() {
    let scope: Scope = "room:r".parse().unwrap();
    let ask = |command| Request { scope: scope.clone(), command: Command::Room(command), id: None };
    for (before, after) in [(0, -TWO_HOURS_MS), (TWO_HOURS_MS, 0)] {
        let (clocks, store, one, _, _) = pair().await;
        clocks.store_ms.store(before, Relaxed);
        sleep(Duration::from_secs(3)).await; // tidy: allow: virtual time
        let joining = Joining {
            member: MemberId::new("m").unwrap(),
            secret: ResumeSecret::new("s").unwrap(),
            resume: None,
            name: None,
            connection: ConnectionId::new("c").unwrap(),
            node: NodeId::new("one").unwrap(),
        };
        one.execute(ask(RoomCommand::Create(None, joining))).await.unwrap();
        one.execute(ask(RoomCommand::Start(Some(Millis(60_000))))).await.unwrap();
        sleep(Duration::from_secs(10)).await; // tidy: allow: virtual time
        clocks.store_ms.store(after, Relaxed);
        sleep(Duration::from_millis(48_500)).await; // tidy: allow: virtual time
        let is_running = || store.board(&scope).get::<Room>(&()).unwrap().is_running();
        assert!(is_running(), "not early");
        sleep(Duration::from_millis(2_500)).await; // tidy: allow: virtual time
        assert!(!is_running(), "nor late");
    }
}

#[tokio::test(start_paused = true)]
async fn elapsed_time_grows_second_by_second_under_any_steps_back() {
    for seed in 0..10 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (clocks, _, one, _, two) = pair().await;
        one.execute(start(Some("a"), None)).await.unwrap();
        let mut display = Display::open(&two, &clocks).await;
        for _ in 0..15 {
            let offset = if rng.bool() { rng.i64(-2 * TWO_HOURS_MS..0) } else { rng.i64(-90_000..0) };
            clocks.store_ms.store(offset, Relaxed);
            display.watch(rng.u64(1..20)).await;
        }
        display.grows_by_seconds("a", 15);
        let (date, own) = (two.clock().date().unwrap(), own_time(&clocks));
        assert!(own.0 < date.0 + 2_000 && date.0 < own.0 + 62_000, "seed {seed}: {date} is a date at {own}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_node_whose_clock_is_ahead_does_not_move_the_time_of_all() {
    let (_, store, one, _, _) = pair().await;
    let wrong = one.clock().now().unwrap() + Millis(7_200_000);
    let request =
        BeatRequest { node: "wrong".to_owned(), takeover_after: Millis(250), generation: Tag(1), now: Some(wrong) };
    let answer = store.connect().store.beat(&request).await.unwrap();
    assert!(answer.now < one.clock().now().unwrap() + Millis(1_000) && answer.absorbed == Millis(0), "{answer:?}");
}
