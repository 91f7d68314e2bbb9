//! Joins, and loads that fail or are overtaken.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use engine::store::{Shards, Signal};
use engine::*;
use timers::stopwatch::StopwatchCommand as Ask;
use timers::*;
use tokio::time::{sleep, timeout};

use super::test_node::*;

#[tokio::test(start_paused = true)]
async fn a_cancelled_join_leaves_nothing_behind() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (one, faults) = node(&store, &clocks, "one");
    let (two, _) = node(&store, &clocks, "two");
    sleep(Duration::from_millis(2_050)).await; // tidy: allow: virtual time
    let subscription = one.hub().join(&ann()).await.unwrap();
    faults.to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    faults.loads_released.send_replace(false);
    assert!(timeout(Duration::from_millis(5), one.hub().join(&ann())).await.is_err(), "the client goes away");
    faults.loads_released.send_replace(true);
    faults.to_hub.send(Signal::Restored(Shards::ALL)).await.unwrap();
    sleep(Duration::from_millis(60)).await; // tidy: allow: virtual time
    // One update is lost, and the next one shows the gap.
    faults.drops_updates.store(true, Relaxed);
    two.execute(start(Some("a"), None)).await.unwrap();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    faults.drops_updates.store(false, Relaxed);
    two.execute(start(Some("b"), None)).await.unwrap();
    sleep(Duration::from_millis(100)).await; // tidy: allow: virtual time
    assert_eq!(one.stats().gaps.get(), 1, "the gap is seen");
    assert_eq!(subscription.snapshot().view.board, store.board(&ann()).into());
}

#[tokio::test(start_paused = true)]
async fn a_join_overtaken_by_updates_does_not_panic() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (one, faults) = node(&store, &clocks, "one");
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    faults.overtaken.store(true, Relaxed);
    if let Ok(subscription) = one.hub().join(&ann()).await {
        subscription.snapshot();
    }
}

#[tokio::test(start_paused = true)]
async fn a_view_overtaken_by_updates_is_loaded_in_the_end() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (one, faults) = node(&store, &clocks, "one");
    let (two, _) = node(&store, &clocks, "two");
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    let subscription = one.hub().join(&ann()).await.unwrap();
    faults.drops_updates.store(true, Relaxed);
    two.execute(start(Some("a"), None)).await.unwrap();
    faults.overtaken.store(true, Relaxed);
    faults.to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
    faults.to_hub.send(Signal::Restored(Shards::ALL)).await.unwrap();
    sleep(Duration::from_secs(1)).await; // tidy: allow: virtual time
    faults.overtaken.store(false, Relaxed);
    sleep(Duration::from_secs(60)).await; // tidy: allow: virtual time
    assert_eq!(subscription.snapshot().view.board, store.board(&ann()).into(), "a minute later");
}

#[tokio::test(start_paused = true)]
async fn gaps_during_failed_loads_start_one_task_which_ends_with_the_node() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (one, faults) = node(&store, &clocks, "one");
    let (two, _) = node(&store, &clocks, "two");
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    let subscription = one.hub().join(&ann()).await.unwrap();
    faults.drops_updates.store(true, Relaxed);
    two.execute(start(Some("gap"), None)).await.unwrap();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    faults.drops_updates.store(false, Relaxed);
    faults.loads_unavailable.store(true, Relaxed);
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for n in 0..200 {
        two.execute(start(Some(&format!("s{}", n % 20)), None)).await.unwrap();
        let stop = Request {
            command: Command::Stopwatch(Ask::Stop(SessionId::new(&format!("s{}", n % 20)).unwrap())),
            ..start(None, None)
        };
        two.execute(stop).await.unwrap();
        sleep(Duration::from_millis(20)).await; // tidy: allow: virtual time
    }
    let piled = tasks().saturating_sub(before);
    drop(subscription);
    one.stop().await;
    two.stop().await;
    let loads = faults.loads.load(Relaxed);
    sleep(Duration::from_secs(30)).await; // tidy: allow: virtual time
    let after = faults.loads.load(Relaxed) - loads;
    assert!(piled <= 2 && after == 0, "{piled} tasks, {after} loads after the stop");
}

#[tokio::test(start_paused = true)]
async fn a_failed_join_leaves_nothing_behind() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (one, faults) = node(&store, &clocks, "one");
    faults.unavailable.store(true, Relaxed);
    for n in 0..100 {
        let guest = Scope::user(&UserId::new(&format!("guest_{n}")).unwrap());
        assert!(one.hub().join(&guest).await.is_err());
    }
    sleep(Duration::from_secs(60)).await; // tidy: allow: virtual time
    assert_eq!(one.hub().scopes(), 0);
}
