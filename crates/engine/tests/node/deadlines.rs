//! Carrying out deadlines.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use engine::*;
use timers::stopwatch::{StopwatchCommand as Ask, StopwatchLimits};
use timers::*;
use tokio::time::{sleep, timeout};

use super::test_node::*;

#[tokio::test(start_paused = true)]
async fn a_paused_session_is_removed_at_its_deadline_and_not_before() {
    let (_, store, one, _, _) = pair().await;
    one.execute(start(Some("a"), None)).await.unwrap();
    one.execute(ask(Ask::Pause(id("a")))).await.unwrap();
    let due = 12 * 60 * 60;
    sleep(Duration::from_secs(due) - Duration::from_millis(20)).await; // tidy: allow: virtual time
    assert_eq!(names(&store.board(&ann())), ["a"]);
    sleep(Duration::from_millis(20) + A_MOMENT).await; // tidy: allow: virtual time
    assert_eq!(names(&store.board(&ann())), Vec::<String>::new());
    assert_eq!(one.stats().deadlines_fired.get(), 1, "fired once, and never again");
    sleep(Duration::from_secs(5)).await; // tidy: allow: virtual time
    assert_eq!(one.stats().deadlines_fired.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_scope_that_cannot_be_written_does_not_delay_the_deadlines_of_others() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (one, faults) = node(&store, &clocks, "one");
    sleep(Duration::from_millis(2_050)).await; // tidy: allow: virtual time
    let of = |user: &str, ask: Ask| Request {
        scope: Scope::user(&UserId::new(user).unwrap()),
        command: Command::Stopwatch(ask),
        id: None,
    };
    let s = SessionId::new("s").unwrap();
    let Command::Stopwatch(begin) = start(Some("s"), None).command else { panic!() };
    for (user, wait) in [("bad", 1_000), ("good", 1_000)] {
        one.execute(of(user, begin.clone())).await.unwrap();
        one.execute(of(user, Ask::Pause(s.clone()))).await.unwrap();
        sleep(Duration::from_millis(wait)).await; // tidy: allow: virtual time
    }
    *faults.unwritable.lock().unwrap() = Some(Scope::user(&UserId::new("bad").unwrap()));
    sleep(Duration::from_secs(12 * 3600)).await; // tidy: allow: virtual time
    sleep(Duration::from_millis(500)).await; // tidy: allow: virtual time
    let good = store.board(&Scope::user(&UserId::new("good").unwrap()));
    assert_eq!(good.items.len(), 0, "due more than a second ago");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_too_near_for_the_leaders_next_query_is_timed_by_the_node_that_set_it() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let limits = || Limits {
        stopwatch: StopwatchLimits { paused_for: Millis(1_500), ..Default::default() },
        ..Limits::default()
    };
    let (leader, faults) = node_with(&store, &clocks, "one", limits());
    sleep(Duration::from_millis(2_050)).await; // tidy: allow: virtual time
    let (other, _) = node_with(&store, &clocks, "two", limits());
    sleep(Duration::from_millis(1_000)).await; // tidy: allow: virtual time
    assert!(leader.is_leader() && !other.is_leader());
    faults.hides_deadlines.store(true, Relaxed);
    other.execute(start(Some("a"), None)).await.unwrap();
    other.execute(ask(Ask::Pause(id("a")))).await.unwrap();
    sleep(Duration::from_millis(1_490)).await; // tidy: allow: virtual time
    assert_eq!(names(&store.board(&ann())), ["a"]);
    sleep(Duration::from_millis(30)).await; // tidy: allow: virtual time
    assert_eq!(names(&store.board(&ann())), Vec::<String>::new());
    assert_eq!((leader.stats().deadlines_fired.get(), other.stats().deadlines_fired.get()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_deadlines_of_one_instant_are_carried_out_in_bounded_batches_and_delay_no_beat() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let limits =
        Limits { stopwatch: StopwatchLimits { paused_for: Millis(60_000), ..Default::default() }, ..Limits::default() };
    let (one, faults) = node_with(&store, &clocks, "one", limits);
    sleep(Duration::from_millis(2_050)).await; // tidy: allow: virtual time
    for nth in 0..10_000 {
        let scope = Scope::user(&UserId::new(&format!("user-{nth}")).unwrap());
        one.execute(Request { scope: scope.clone(), ..start(Some("a"), None) }).await.unwrap();
        one.execute(Request { scope, ..ask(Ask::Pause(id("a"))) }).await.unwrap();
    }
    faults.slow_commits.store(true, Relaxed);
    sleep(Duration::from_secs(58)).await; // tidy: allow: virtual time
    let (looks, shown) = (faults.due_queries.load(Relaxed), one.stats().beats.get());
    let all = timeout(Duration::from_secs(60), async {
        while one.stats().deadlines_fired.get() < 10_000 {
            sleep(Duration::from_millis(100)).await; // tidy: allow: virtual time
            assert!(one.stats().beat_lag_ms.get() < 10, "a beat was {} ms late", one.stats().beat_lag_ms.get());
        }
    });
    all.await.expect("all are carried out");
    assert!(faults.concurrent_max.load(Relaxed) <= 64, "{} concurrently", faults.concurrent_max.load(Relaxed));
    assert!(faults.due_queries.load(Relaxed) - looks < 2_500, "{} looks", faults.due_queries.load(Relaxed) - looks);
    assert_eq!(one.stats().beats_filled.get(), 0);
    assert!(one.stats().beats.get() > shown);
    assert_eq!(store.due_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_on_a_damaged_board_is_postponed() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (one, _) = node(&store, &clocks, "one");
    sleep(Duration::from_millis(2_050)).await; // tidy: allow: virtual time
    one.execute(start(Some("a"), None)).await.unwrap();
    one.execute(ask(Ask::Pause(id("a")))).await.unwrap();
    store.damage(&ann());
    sleep(Duration::from_secs(12 * 3600 + 600)).await; // tidy: allow: virtual time
    assert_eq!(one.stats().deadlines_failed.get(), 1, "once, and then not for an hour");
    sleep(Duration::from_secs(3600)).await; // tidy: allow: virtual time
    assert_eq!(one.stats().deadlines_failed.get(), 2);
}
