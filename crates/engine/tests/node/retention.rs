//! The quota of histories, and the timers of guests.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use engine::store::{HistoryQuota, Query};
use engine::*;
use timers::stopwatch::{StopwatchCommand as Ask, StopwatchLimits};
use timers::*;
use tokio::time::sleep;

use super::test_node::*;

const LIFETIME: Duration = Duration::from_secs(80);

/// How much longer than [`LIFETIME`] a guest may be kept: the interval of extensions, and a moment.
const LONGER: Duration = Duration::from_millis(10_100);

fn guest() -> Scope {
    Scope::user(&UserId::guest(7))
}

fn of_guest(request: Request) -> Request {
    Request { scope: guest(), ..request }
}

async fn guest_nodes() -> (MemoryStore, [(Arc<Engine>, Arc<FaultyStore>); 2]) {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let options = |name| Options {
        limits: Limits {
            stopwatch: StopwatchLimits { paused_for: Millis(30_000), ..Default::default() },
            ..Limits::default()
        },
        retention: Retention { guest_lifetime: Millis(80_000), ..Retention::default() },
        ..Options::new(name)
    };
    let nodes = ["one", "two"].map(|name| node_of(&store, &clocks, options(name)));
    sleep(Duration::from_millis(2_050)).await; // tidy: allow: virtual time
    (store, nodes)
}

#[tokio::test(start_paused = true)]
async fn the_timers_of_a_guest_end_after_its_last_connection_and_never_before() {
    let (store, [(one, faults), (two, _)]) = guest_nodes().await;
    let subscription = one.join(&guest()).await.unwrap();
    one.execute(of_guest(start(Some("a"), None))).await.unwrap();
    one.execute(of_guest(start(Some("b"), None))).await.unwrap();
    one.execute(of_guest(ask(Ask::Stop(id("b"))))).await.unwrap();
    assert_eq!(store.due_count(), 1, "the stopped session leaves the list later");
    for _ in 0..5 {
        sleep(LIFETIME).await; // tidy: allow: virtual time
        assert_eq!(names(&store.board(&guest())), ["a", "b"]);
    }
    faults.unavailable.store(true, Relaxed);
    sleep(LIFETIME * 3 / 4).await; // tidy: allow: virtual time
    faults.unavailable.store(false, Relaxed);
    sleep(LIFETIME / 2).await; // tidy: allow: virtual time
    assert_eq!(names(&store.board(&guest())), ["a", "b"], "an extension that failed is repeated");
    drop(subscription);
    sleep(LIFETIME - A_MOMENT).await; // tidy: allow: virtual time
    assert_eq!(names(&store.board(&guest())), ["a", "b"]);
    // It returns in time, on another node.
    let subscription = two.join(&guest()).await.unwrap();
    sleep(LIFETIME * 2).await; // tidy: allow: virtual time
    assert_eq!(names(&store.board(&guest())), ["a", "b"]);
    drop(subscription);
    sleep(LIFETIME + LONGER).await; // tidy: allow: virtual time
    assert_eq!(store.board(&guest()), Board::empty(guest()));
    let history = one.store().history(&guest(), &Query::newest(9)).await.unwrap();
    assert_eq!((history.rows.len(), store.due_count()), (0, 0), "nothing is left");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_does_not_prolong_the_timers_of_a_guest() {
    let (store, [(one, _), _]) = guest_nodes().await;
    one.execute(of_guest(start(Some("a"), None))).await.unwrap();
    one.execute(of_guest(start(Some("b"), None))).await.unwrap();
    one.execute(of_guest(ask(Ask::Pause(id("b"))))).await.unwrap();
    sleep(LIFETIME - A_MOMENT).await; // tidy: allow: virtual time
    assert_eq!(names(&store.board(&guest())), ["a"], "the deadline was carried out");
    sleep(LONGER + A_MOMENT).await; // tidy: allow: virtual time
    assert_eq!(store.board(&guest()), Board::empty(guest()));
}

#[tokio::test(start_paused = true)]
async fn the_timers_of_an_authenticated_user_stay() {
    let (store, [(one, _), _]) = guest_nodes().await;
    one.execute(start(Some("a"), None)).await.unwrap();
    sleep(LIFETIME * 3).await; // tidy: allow: virtual time
    assert_eq!(names(&store.board(&ann())), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_the_history_has_no_space_for_is_refused_and_the_session_runs_on() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let quota = HistoryQuota { rows: 1, ..HistoryQuota::DEFAULT };
    let retention = Retention { quota, ..Retention::default() };
    let (one, _) = node_of(&store, &clocks, Options { retention, ..Options::new("one") });
    sleep(Duration::from_millis(2_050)).await; // tidy: allow: virtual time
    let _view = one.join(&ann()).await.unwrap();
    for session in ["a", "b"] {
        one.execute(start(Some(session), None)).await.unwrap();
    }
    one.execute(ask(Ask::Stop(id("a")))).await.unwrap();
    let refused = one.execute(ask(Ask::Stop(id("b")))).await.unwrap_err();
    assert!(matches!(refused, ExecuteError::Refused(Refusal::HistoryFull(HistoryBound::Rows(1)))), "{refused:?}");
    assert_eq!(refused.to_string(), "the history is full: it holds at most 1 rows");
    let session = |name: &str| store.board(&ann()).get::<stopwatch::Stopwatch>(&id(name)).unwrap().clone();
    assert!(session("b").is_running());
    one.execute(ask(Ask::Pause(id("b")))).await.unwrap();
    // The row of a session is one, however often the session is stopped.
    one.execute(ask(Ask::Resume(id("a")))).await.unwrap();
    one.execute(ask(Ask::Stop(id("a")))).await.unwrap();
    assert!(!session("a").is_running());
}
