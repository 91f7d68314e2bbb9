//! The synchronisation of views with the store, step by step.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use engine::store::{BeatStatus, Connected, SIGNALS_MAX, Shards, Signal};
use engine::*;
use timers::stopwatch::StopwatchCommand as Ask;
use timers::*;
use tokio::time::sleep;

use super::test_node::*;

#[tokio::test(start_paused = true)]
async fn anti_entropy_finds_a_lost_last_update() {
    let (_, store, one, faults, two) = pair().await;
    let subscription = one.hub().join(&ann()).await.unwrap();
    execute_unheard(&faults, &two, start(Some("a"), None)).await;
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    assert_eq!(subscription.snapshot().view.board, store.board(&ann()).into());
    assert_eq!(one.stats().positions_differed.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_gap_is_loaded_at_once() {
    let (_, store, one, faults, two) = pair().await;
    let subscription = one.hub().join(&ann()).await.unwrap();
    execute_unheard(&faults, &two, start(Some("a"), None)).await;
    two.execute(start(Some("b"), None)).await.unwrap();
    sleep(A_MOMENT).await; // tidy: allow: virtual time
    assert_eq!(subscription.snapshot().view.board, store.board(&ann()).into());
    assert_eq!((one.stats().gaps.get(), one.stats().positions_differed.get()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_repeated_update_is_not_a_gap() {
    let (_, _, one, faults, two) = pair().await;
    let subscription = one.hub().join(&ann()).await.unwrap();
    let before = subscription.snapshot().view.board.clone();
    let outcome = two.execute(start(Some("a"), None)).await.unwrap();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    let Effect::Change(change) = outcome.effect else { panic!("a change") };
    let position = subscription.snapshot().view.board.position;
    let again = Update {
        scope: ann(),
        prev: before.position.tag,
        position,
        at: change.at,
        items: UpdateItems::Unreadable,
        decided_at: None,
        trace: None,
    };
    two.execute(start(Some("b"), None)).await.unwrap();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    let loads = faults.loads.load(Relaxed);
    faults.to_hub.send(Signal::Updated(Box::new(again))).await.unwrap();
    sleep(A_MOMENT).await; // tidy: allow: virtual time
    assert_eq!((one.stats().gaps.get(), faults.loads.load(Relaxed)), (0, loads));
}

#[tokio::test(start_paused = true)]
async fn an_update_of_the_next_revision_on_another_tag_is_a_gap() {
    let (_, store, one, faults, two) = pair().await;
    two.execute(start(Some("a"), None)).await.unwrap();
    let subscription = one.hub().join(&ann()).await.unwrap();
    let position = Position { revision: subscription.snapshot().view.board.position.revision.next(), tag: Tag(77) };
    let other = Update {
        scope: ann(),
        prev: Tag(66),
        position,
        at: Timestamp(1),
        items: UpdateItems::Decided(Default::default()),
        decided_at: None,
        trace: None,
    };
    faults.to_hub.send(Signal::Updated(Box::new(other))).await.unwrap();
    sleep(A_MOMENT).await; // tidy: allow: virtual time
    assert_eq!((one.stats().gaps.get(), one.stats().updates_applied.get()), (1, 0));
    assert_eq!(subscription.snapshot().view.board, store.board(&ann()).into());
}

#[tokio::test(start_paused = true)]
async fn a_board_with_the_same_revision_and_another_tag_causes_a_resync() {
    let (_, store, one, faults, two) = pair().await;
    let empty = store.content();
    two.execute(start(Some("lost"), None)).await.unwrap();
    let mut reader = Reader::new(one.hub().join(&ann()).await.unwrap());
    reader.catch_up(|_| {});
    store.restore(empty);
    execute_unheard(&faults, &two, start(Some("kept"), None)).await;
    assert_eq!(store.board(&ann()).position.revision, Revision(1));
    faults.to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
    faults.to_hub.send(Signal::Restored(Shards::ALL)).await.unwrap();
    sleep(A_MOMENT).await; // tidy: allow: virtual time
    let mut deliveries = Vec::new();
    reader.catch_up(|delivery| match delivery {
        Delivery::Initial(_) => deliveries.push("first".to_owned()),
        Delivery::Resync { new: view, .. } => deliveries.push(format!("whole {:?}", names(&view.board))),
        Delivery::Diff { new, .. } => deliveries.push(format!("news {:?}", names(&new.board))),
        Delivery::Redated(_) => deliveries.push("other dates".to_owned()),
        Delivery::Tick(..) => {}
    });
    assert_eq!(deliveries, [r#"whole ["kept"]"#]);
}

#[tokio::test(start_paused = true)]
async fn updates_during_a_load_are_applied_after_it() {
    let (_, store, one, faults, two) = pair().await;
    faults.loads_released.send_replace(false);
    let joining = tokio::spawn({
        let one = Arc::clone(&one);
        async move { one.hub().join(&ann()).await.unwrap() }
    });
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    two.execute(start(Some("a"), None)).await.unwrap();
    two.execute(start(Some("b"), None)).await.unwrap();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    faults.loads_released.send_replace(true);
    let subscription = joining.await.unwrap();
    assert_eq!(subscription.snapshot().view.board, store.board(&ann()).into());
    assert_eq!(faults.loads.load(Relaxed), 1, "one load was enough");
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_link_views_with_another_position_are_loaded() {
    let (_, store, one, faults, two) = pair().await;
    let ben = Scope::user(&UserId::new("ben").unwrap());
    let subscription = one.hub().join(&ann()).await.unwrap();
    let _same = one.hub().join(&ben).await.unwrap();
    execute_unheard(&faults, &two, start(Some("a"), None)).await;
    let loads = faults.loads.load(Relaxed);
    faults.to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
    faults.to_hub.send(Signal::Restored(Shards::ALL)).await.unwrap();
    sleep(A_MOMENT).await; // tidy: allow: virtual time
    assert_eq!(subscription.snapshot().view.board, store.board(&ann()).into());
    assert_eq!(faults.loads.load(Relaxed), loads + 1, "an equal view is not loaded");
    one.hub().join(&ben).await.unwrap();
    assert_eq!(faults.loads.load(Relaxed), loads + 1, "and is valid again");
}

#[tokio::test(start_paused = true)]
async fn an_emptied_store_is_detected_by_its_generation() {
    let (clocks, store, one, faults, two) = pair().await;
    let empty = store.content();
    two.execute(start(Some("a"), None)).await.unwrap();
    let subscription = one.hub().join(&ann()).await.unwrap();
    let now = Timestamp(1_700_000_000_000 + clocks.born.elapsed().as_millis() as u64);
    store.restore(empty);
    let beat = BeatStatus { beat: now.beat(), now, leader: "two".into(), generation: Tag(4711), absorbed: Millis(0) };
    faults.to_hub.send(Signal::Beat(beat)).await.unwrap();
    sleep(A_MOMENT).await; // tidy: allow: virtual time
    assert_eq!(names(&subscription.snapshot().view.board), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_commit_answered_after_later_updates_does_not_revert_the_view() {
    let (_, store, one, faults, two) = pair().await;
    let subscription = one.hub().join(&ann()).await.unwrap();
    faults.commits_released.send_replace(false);
    let first = tokio::spawn({
        let one = Arc::clone(&one);
        async move { one.execute(start(Some("a"), None)).await.unwrap() }
    });
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    two.execute(start(Some("b"), None)).await.unwrap();
    faults.to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    faults.commits_released.send_replace(true);
    first.await.unwrap();
    assert_eq!(subscription.snapshot().view.board, store.board(&ann()).into());
}

#[tokio::test(start_paused = true)]
async fn an_unused_view_is_dropped_and_unwatched_after_a_while() {
    let (_, _, one, faults, two) = pair().await;
    drop(one.hub().join(&ann()).await.unwrap());
    sleep(Duration::from_secs(4)).await; // tidy: allow: virtual time
    let again = one.hub().join(&ann()).await.unwrap();
    assert_eq!(one.stats().loads.get(), 1, "a reload of a page costs no load");
    sleep(Duration::from_secs(10)).await; // tidy: allow: virtual time
    assert_eq!(one.hub().scopes(), 1);
    drop(again);
    sleep(Duration::from_secs(7)).await; // tidy: allow: virtual time
    assert_eq!(one.hub().scopes(), 0);
    let heard = faults.updates_received.load(Relaxed);
    two.execute(start(Some("a"), None)).await.unwrap();
    sleep(A_MOMENT).await; // tidy: allow: virtual time
    assert_eq!(faults.updates_received.load(Relaxed), heard, "its updates are not received any more");
}

#[tokio::test(start_paused = true)]
async fn an_update_contains_the_whole_change() {
    let (_, store, one, _, _) = pair().await;
    let Connected { store: ear, mut signals } = store.connect();
    ear.watch(&ann()).await.unwrap();
    let mut board = Board::empty(ann());
    for request in [start(Some("a"), None), start(Some("b"), None), ask(Ask::Stop(id("b"))), ask(Ask::Remove(id("a")))]
    {
        one.execute(request).await.unwrap();
        let update = loop {
            if let Signal::Updated(update) = signals.recv().await.unwrap() {
                break update;
            }
        };
        board = update.apply(&board).unwrap();
        assert_eq!(board, store.board(&ann()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_does_not_keep_up_receives_a_lost_link() {
    let (_, store, one, _, _) = pair().await;
    let Connected { store: ear, mut signals } = store.connect();
    ear.watch(&ann()).await.unwrap();
    let _feed = one.hub().join(&ann()).await.unwrap();
    one.execute(start(Some("a"), None)).await.unwrap();
    for _ in 0..SIGNALS_MAX {
        let asked = if store.board(&ann()).ticks() { Ask::Pause(id("a")) } else { Ask::Resume(id("a")) };
        one.execute(ask(asked)).await.unwrap();
    }
    let mut deliveries = Vec::new();
    for _ in 0..SIGNALS_MAX {
        deliveries.push(signals.recv().await.unwrap());
    }
    assert!(deliveries.iter().all(|signal| !matches!(signal, Signal::Lost(_))));
    one.execute(start(Some("b"), None)).await.unwrap();
    let next = [signals.recv().await.unwrap(), signals.recv().await.unwrap(), signals.recv().await.unwrap()];
    assert!(matches!(next, [Signal::Lost(_), Signal::Restored(_), _]), "{next:?}");
}

#[tokio::test(start_paused = true)]
async fn a_load_from_before_a_lost_link_does_not_validate_the_view() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (one, faults) = node(&store, &clocks, "one");
    let (two, _) = node(&store, &clocks, "two");
    sleep(Duration::from_millis(2_300)).await; // tidy: allow: virtual time
    faults.loads_released.send_replace(false);
    let joining = tokio::spawn({
        let one = Arc::clone(&one);
        async move { one.hub().join(&ann()).await.unwrap() }
    });
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    // The load is answered and the answer in transit; the subscription breaks, and an update is lost with it.
    faults.to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
    faults.drops_updates.store(true, Relaxed);
    two.execute(start(Some("a"), None)).await.unwrap();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    faults.drops_updates.store(false, Relaxed);
    faults.to_hub.send(Signal::Restored(Shards::ALL)).await.unwrap();
    sleep(Duration::from_millis(60)).await; // tidy: allow: virtual time
    faults.loads_released.send_replace(true);
    let subscription = joining.await.unwrap();
    sleep(Duration::from_millis(300)).await; // tidy: allow: virtual time
    assert_eq!(subscription.snapshot().view.board, store.board(&ann()).into(), "positions were compared, and differed");
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_does_not_revert_a_loaded_view() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (one, faults) = node(&store, &clocks, "one");
    let (two, _) = node(&store, &clocks, "two");
    sleep(Duration::from_millis(2_050)).await; // tidy: allow: virtual time
    faults.commits.lock().unwrap().push_back(Plan::Slow);
    let first = tokio::spawn({
        let one = Arc::clone(&one);
        async move { one.execute(start(Some("a"), None)).await.unwrap() }
    });
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    two.execute(start(Some("b"), None)).await.unwrap();
    let subscription = one.hub().join(&ann()).await.unwrap();
    assert_eq!(subscription.snapshot().view.board.position.revision, Revision(2));
    faults.to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
    first.await.unwrap();
    assert_eq!(subscription.snapshot().view.board.position.revision, Revision(2), "never less than was shown");
}

#[tokio::test(start_paused = true)]
async fn positions_requested_before_another_lost_link_validate_nothing() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (one, faults) = node(&store, &clocks, "one");
    let (two, _) = node(&store, &clocks, "two");
    sleep(Duration::from_millis(2_050)).await; // tidy: allow: virtual time
    let _feed = one.hub().join(&ann()).await.unwrap();
    faults.to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
    faults.slow_positions.store(true, Relaxed);
    faults.to_hub.send(Signal::Restored(Shards::ALL)).await.unwrap();
    sleep(Duration::from_millis(60)).await; // tidy: allow: virtual time
    faults.to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
    faults.drops_updates.store(true, Relaxed);
    sleep(Duration::from_millis(60)).await; // tidy: allow: virtual time
    two.execute(start(Some("a"), None)).await.unwrap();
    let second = one.hub().join(&ann()).await.unwrap();
    assert_eq!(second.snapshot().view.board, store.board(&ann()).into(), "the link is lost: joins load");
}

#[tokio::test(start_paused = true)]
async fn a_commit_replaces_a_view_of_a_history_that_a_failover_lost() {
    let (_, store, one, faults, _) = pair().await;
    one.execute(start(Some("kept"), None)).await.unwrap();
    let kept = store.content();
    let mut reader = Reader::new(one.hub().join(&ann()).await.unwrap());
    for name in ["lost-1", "lost-2", "lost-3"] {
        one.execute(start(Some(name), None)).await.unwrap();
    }
    reader.catch_up(|_| {});
    let subscription = one.hub().join(&ann()).await.unwrap();
    // The store forgets, and the node commits before it notices.
    store.restore(kept);
    faults.to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    let outcome = one.execute(start(Some("new"), None)).await.unwrap();
    let shown = subscription.snapshot().view.board.clone();
    assert_eq!((outcome.revision, shown.position.revision), (Revision(2), Revision(2)));
    assert_eq!((names(&shown), &*shown), (vec!["kept".to_owned(), "new".to_owned()], &store.board(&ann())));
    let mut deliveries = Vec::new();
    reader.catch_up(|delivery| deliveries.push(matches!(delivery, Delivery::Resync { .. } | Delivery::Tick(..))));
    assert!(deliveries.iter().all(|expected| *expected), "the changes in between are not known one by one");
}
