//! How views are kept true, move by move.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use engine::store::{BeatAnswer, Connected, SIGNALS_MAX, Shards, Signal};
use engine::*;
use timers::stopwatch::Command as Ask;
use timers::*;
use tokio::time::{sleep, timeout};

use super::tap::*;

#[tokio::test(start_paused = true)]
async fn a_lost_last_update_is_found_by_the_audit() {
    let (_, store, one, tap, two) = pair().await;
    let feed = one.hub().join(&ann()).await.unwrap();
    unheard(&tap, &two, start(Some("a"), None)).await;
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    assert_eq!(feed.shown().view.board, store.board(&ann()).into());
    assert_eq!(one.stats().positions_differed.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_gap_is_loaded_at_once() {
    let (_, store, one, tap, two) = pair().await;
    let feed = one.hub().join(&ann()).await.unwrap();
    unheard(&tap, &two, start(Some("a"), None)).await;
    two.execute(start(Some("b"), None)).await.unwrap();
    sleep(A_MOMENT).await; // tidy: allow: virtual time
    assert_eq!(feed.shown().view.board, store.board(&ann()).into());
    assert_eq!((one.stats().gaps.get(), one.stats().positions_differed.get()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_update_that_comes_again_is_no_gap() {
    let (_, _, one, tap, two) = pair().await;
    let feed = one.hub().join(&ann()).await.unwrap();
    let before = feed.shown().view.board.clone();
    let outcome = two.execute(start(Some("a"), None)).await.unwrap();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    let Made::Change(change) = outcome.made else { panic!("a change") };
    let position = feed.shown().view.board.position;
    let again = Update {
        scope: ann(),
        prev: before.position.tag,
        position,
        at: change.at,
        items: None,
        event: None,
        by: None,
        decided_at: None,
        trace: None,
    };
    two.execute(start(Some("b"), None)).await.unwrap();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    let loads = tap.loads.load(Relaxed);
    tap.to_hub.send(Signal::Updated(Box::new(again))).await.unwrap();
    sleep(A_MOMENT).await; // tidy: allow: virtual time
    assert_eq!((one.stats().gaps.get(), tap.loads.load(Relaxed)), (0, loads));
}

#[tokio::test(start_paused = true)]
async fn an_update_of_the_next_revision_on_another_tag_is_a_gap() {
    let (_, store, one, tap, two) = pair().await;
    two.execute(start(Some("a"), None)).await.unwrap();
    let feed = one.hub().join(&ann()).await.unwrap();
    let position = Position { revision: feed.shown().view.board.position.revision.next(), tag: Tag(77) };
    let other = Update {
        scope: ann(),
        prev: Tag(66),
        position,
        at: Timestamp(1),
        items: Some(Default::default()),
        event: None,
        by: None,
        decided_at: None,
        trace: None,
    };
    tap.to_hub.send(Signal::Updated(Box::new(other))).await.unwrap();
    sleep(A_MOMENT).await; // tidy: allow: virtual time
    assert_eq!((one.stats().gaps.get(), one.stats().updates_applied.get()), (1, 0));
    assert_eq!(feed.shown().view.board, store.board(&ann()).into());
}

#[tokio::test(start_paused = true)]
async fn a_board_of_the_same_revision_and_another_tag_replaces_the_view_as_a_whole() {
    let (_, store, one, tap, two) = pair().await;
    let empty = store.content();
    two.execute(start(Some("lost"), None)).await.unwrap();
    let mut reader = Reader::new(one.hub().join(&ann()).await.unwrap());
    reader.catch_up(|_| {});
    store.restore(empty);
    unheard(&tap, &two, start(Some("kept"), None)).await;
    assert_eq!(store.board(&ann()).position.revision, Revision(1));
    tap.to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
    tap.to_hub.send(Signal::Restored(Shards::ALL)).await.unwrap();
    sleep(A_MOMENT).await; // tidy: allow: virtual time
    let mut told = Vec::new();
    reader.catch_up(|sight| match sight {
        Sight::First(_) => told.push("first".to_owned()),
        Sight::Whole { new: view, .. } => told.push(format!("whole {:?}", names(&view.board))),
        Sight::News { new, .. } => told.push(format!("news {:?}", names(&new.board))),
        Sight::Beat(..) => {}
    });
    assert_eq!(told, [r#"whole ["kept"]"#]);
}

#[tokio::test(start_paused = true)]
async fn what_is_heard_during_a_load_is_put_behind_it() {
    let (_, store, one, tap, two) = pair().await;
    tap.gate.send_replace(false);
    let joining = tokio::spawn({
        let one = Arc::clone(&one);
        async move { one.hub().join(&ann()).await.unwrap() }
    });
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    two.execute(start(Some("a"), None)).await.unwrap();
    two.execute(start(Some("b"), None)).await.unwrap();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    tap.gate.send_replace(true);
    let feed = joining.await.unwrap();
    assert_eq!(feed.shown().view.board, store.board(&ann()).into());
    assert_eq!(tap.loads.load(Relaxed), 1, "one load was enough");
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_link_positions_are_compared_and_what_differs_is_loaded() {
    let (_, store, one, tap, two) = pair().await;
    let ben = Scope::User(UserId::new("ben").unwrap());
    let feed = one.hub().join(&ann()).await.unwrap();
    let _same = one.hub().join(&ben).await.unwrap();
    unheard(&tap, &two, start(Some("a"), None)).await;
    let loads = tap.loads.load(Relaxed);
    tap.to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
    tap.to_hub.send(Signal::Restored(Shards::ALL)).await.unwrap();
    sleep(A_MOMENT).await; // tidy: allow: virtual time
    assert_eq!(feed.shown().view.board, store.board(&ann()).into());
    assert_eq!(tap.loads.load(Relaxed), loads + 1, "what did not differ is not loaded");
    one.hub().join(&ben).await.unwrap();
    assert_eq!(tap.loads.load(Relaxed), loads + 1, "and is trusted again");
}

#[tokio::test(start_paused = true)]
async fn an_emptied_store_is_noticed_by_its_generation() {
    let (hands, store, one, tap, two) = pair().await;
    let empty = store.content();
    two.execute(start(Some("a"), None)).await.unwrap();
    let feed = one.hub().join(&ann()).await.unwrap();
    let now = Timestamp(1_700_000_000_000 + hands.born.elapsed().as_millis() as u64);
    store.restore(empty);
    let beat = BeatAnswer { beat: now.beat(), now, leader: "two".into(), generation: Tag(4711), absorbed: Millis(0) };
    tap.to_hub.send(Signal::Beat(beat)).await.unwrap();
    sleep(A_MOMENT).await; // tidy: allow: virtual time
    assert_eq!(names(&feed.shown().view.board), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_after_later_updates_does_not_take_the_view_back() {
    let (_, store, one, tap, two) = pair().await;
    let feed = one.hub().join(&ann()).await.unwrap();
    tap.answers.send_replace(false);
    let first = tokio::spawn({
        let one = Arc::clone(&one);
        async move { one.execute(start(Some("a"), None)).await.unwrap() }
    });
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    two.execute(start(Some("b"), None)).await.unwrap();
    tap.to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    tap.answers.send_replace(true);
    first.await.unwrap();
    assert_eq!(feed.shown().view.board, store.board(&ann()).into());
}

#[tokio::test(start_paused = true)]
async fn a_view_nobody_wants_is_let_go_after_a_while_and_its_updates_too() {
    let (_, _, one, tap, two) = pair().await;
    drop(one.hub().join(&ann()).await.unwrap());
    sleep(Duration::from_secs(4)).await; // tidy: allow: virtual time
    let again = one.hub().join(&ann()).await.unwrap();
    assert_eq!(one.stats().loads.get(), 1, "a reload of a page costs no load");
    sleep(Duration::from_secs(10)).await; // tidy: allow: virtual time
    assert_eq!(one.hub().scopes(), 1);
    drop(again);
    sleep(Duration::from_secs(7)).await; // tidy: allow: virtual time
    assert_eq!(one.hub().scopes(), 0);
    let heard = tap.heard.load(Relaxed);
    two.execute(start(Some("a"), None)).await.unwrap();
    sleep(A_MOMENT).await; // tidy: allow: virtual time
    assert_eq!(tap.heard.load(Relaxed), heard, "its updates are not listened to any more");
}

#[tokio::test(start_paused = true)]
async fn an_update_carries_all_that_a_view_needs() {
    let (_, store, one, _, _) = pair().await;
    let Connected { store: ear, mut signals } = store.connect();
    ear.watch(&ann()).await.unwrap();
    let by = UserId::new("ben").unwrap();
    let mut board = Board::empty(ann());
    for request in [start(Some("a"), None), start(Some("b"), None), ask(Ask::Stop(id("b"))), ask(Ask::Remove(id("a")))]
    {
        one.execute(Request { by: Some(by.clone()), ..request }).await.unwrap();
        let update = loop {
            if let Signal::Updated(update) = signals.recv().await.unwrap() {
                break update;
            }
        };
        board = update.apply(&board).unwrap();
        assert_eq!(board, store.board(&ann()));
        assert_eq!(update.by, Some(by.clone()));
        assert!(update.event.is_some());
    }
}

#[test]
fn an_update_of_a_newer_format_is_not_read() {
    let of = |v: u32| format!(r#"{{"v":{v},"scope":"user:ann","prev":"01","rev":2,"tag":"02","at":5,"put":{{}}}}"#);
    assert!(Update::decode(of(1).as_bytes()).unwrap().items.is_some());
    let newer = Update::decode(of(2).as_bytes()).unwrap();
    assert_eq!((newer.items.is_none(), newer.prev, newer.position.tag), (true, Tag(1), Tag(2)));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_does_not_keep_up_is_told_so() {
    let (_, store, one, _, _) = pair().await;
    let Connected { store: ear, mut signals } = store.connect();
    ear.watch(&ann()).await.unwrap();
    let _feed = one.hub().join(&ann()).await.unwrap();
    one.execute(start(Some("a"), None)).await.unwrap();
    for _ in 0..SIGNALS_MAX {
        let asked = if store.board(&ann()).ticks() { Ask::Pause(id("a")) } else { Ask::Resume(id("a")) };
        one.execute(ask(asked)).await.unwrap();
    }
    let mut told = Vec::new();
    for _ in 0..SIGNALS_MAX {
        told.push(signals.recv().await.unwrap());
    }
    assert!(told.iter().all(|signal| !matches!(signal, Signal::Lost(_))));
    one.execute(start(Some("b"), None)).await.unwrap();
    let next = [signals.recv().await.unwrap(), signals.recv().await.unwrap(), signals.recv().await.unwrap()];
    assert!(matches!(next, [Signal::Lost(_), Signal::Restored(_), _]), "{next:?}");
}

#[tokio::test(start_paused = true)]
async fn a_load_from_before_a_lost_link_does_not_make_a_view_trusted() {
    let hands = Hands::new();
    let store = hands.store();
    let (one, tap) = node(&store, &hands, "one");
    let (two, _) = node(&store, &hands, "two");
    sleep(Duration::from_millis(2_300)).await; // tidy: allow: virtual time
    tap.gate.send_replace(false);
    let joining = tokio::spawn({
        let one = Arc::clone(&one);
        async move { one.hub().join(&ann()).await.unwrap() }
    });
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    // The load was answered, the answer is on its way; the subscription breaks, and an update is lost with it.
    tap.to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
    tap.deaf.store(true, Relaxed);
    two.execute(start(Some("a"), None)).await.unwrap();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    tap.deaf.store(false, Relaxed);
    tap.to_hub.send(Signal::Restored(Shards::ALL)).await.unwrap();
    sleep(Duration::from_millis(60)).await; // tidy: allow: virtual time
    tap.gate.send_replace(true);
    let feed = joining.await.unwrap();
    sleep(Duration::from_millis(300)).await; // tidy: allow: virtual time
    assert_eq!(feed.shown().view.board, store.board(&ann()).into(), "positions were compared, and differed");
}

#[tokio::test(start_paused = true)]
async fn a_join_that_is_dropped_half_way_leaves_nothing_behind() {
    let hands = Hands::new();
    let store = hands.store();
    let (one, tap) = node(&store, &hands, "one");
    let (two, _) = node(&store, &hands, "two");
    sleep(Duration::from_millis(2_050)).await; // tidy: allow: virtual time
    let feed = one.hub().join(&ann()).await.unwrap();
    tap.to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    tap.gate.send_replace(false);
    assert!(timeout(Duration::from_millis(5), one.hub().join(&ann())).await.is_err(), "the client goes away");
    tap.gate.send_replace(true);
    tap.to_hub.send(Signal::Restored(Shards::ALL)).await.unwrap();
    sleep(Duration::from_millis(60)).await; // tidy: allow: virtual time
    // One update is lost without a trace, the next shows the gap.
    tap.deaf.store(true, Relaxed);
    two.execute(start(Some("a"), None)).await.unwrap();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    tap.deaf.store(false, Relaxed);
    two.execute(start(Some("b"), None)).await.unwrap();
    sleep(Duration::from_millis(100)).await; // tidy: allow: virtual time
    assert_eq!(one.stats().gaps.get(), 1, "the gap is seen");
    assert_eq!(feed.shown().view.board, store.board(&ann()).into());
}

#[tokio::test(start_paused = true)]
async fn a_join_that_updates_outrun_is_an_error_and_no_panic() {
    let hands = Hands::new();
    let store = hands.store();
    let (one, tap) = node(&store, &hands, "one");
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    tap.outrun.store(true, Relaxed);
    if let Ok(feed) = one.hub().join(&ann()).await {
        feed.shown();
    }
}

#[tokio::test(start_paused = true)]
async fn a_view_that_updates_outran_is_loaded_in_the_end() {
    let hands = Hands::new();
    let store = hands.store();
    let (one, tap) = node(&store, &hands, "one");
    let (two, _) = node(&store, &hands, "two");
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    let feed = one.hub().join(&ann()).await.unwrap();
    tap.deaf.store(true, Relaxed);
    two.execute(start(Some("a"), None)).await.unwrap();
    tap.outrun.store(true, Relaxed);
    tap.to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
    tap.to_hub.send(Signal::Restored(Shards::ALL)).await.unwrap();
    sleep(Duration::from_secs(1)).await; // tidy: allow: virtual time
    tap.outrun.store(false, Relaxed);
    sleep(Duration::from_secs(60)).await; // tidy: allow: virtual time
    assert_eq!(feed.shown().view.board, store.board(&ann()).into(), "a minute later");
}

#[tokio::test(start_paused = true)]
async fn gaps_heard_while_loads_fail_do_not_pile_up_tasks_and_none_outlives_the_node() {
    let hands = Hands::new();
    let store = hands.store();
    let (one, tap) = node(&store, &hands, "one");
    let (two, _) = node(&store, &hands, "two");
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    let feed = one.hub().join(&ann()).await.unwrap();
    tap.deaf.store(true, Relaxed);
    two.execute(start(Some("gap"), None)).await.unwrap();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    tap.deaf.store(false, Relaxed);
    tap.loads_away.store(true, Relaxed);
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
    drop(feed);
    one.stop().await;
    two.stop().await;
    let loads = tap.loads.load(Relaxed);
    sleep(Duration::from_secs(30)).await; // tidy: allow: virtual time
    let after = tap.loads.load(Relaxed) - loads;
    assert!(piled <= 2 && after == 0, "{piled} tasks, {after} loads after the stop");
}

#[tokio::test(start_paused = true)]
async fn a_join_that_failed_leaves_nothing_behind() {
    let hands = Hands::new();
    let store = hands.store();
    let (one, tap) = node(&store, &hands, "one");
    tap.away.store(true, Relaxed);
    for n in 0..100 {
        let guest = Scope::User(UserId::new(&format!("guest_{n}")).unwrap());
        assert!(one.hub().join(&guest).await.is_err());
    }
    sleep(Duration::from_secs(60)).await; // tidy: allow: virtual time
    assert_eq!(one.hub().scopes(), 0);
}

#[test]
fn an_update_of_a_newer_shape_is_still_known_to_be_one() {
    let text = r#"{"v":2,"scope":"user:ann","prev":"0000000000000001","rev":2,"tag":"0000000000000002","at":5,"put":[["stopwatch:a",1]]}"#;
    let update = Update::decode(text.as_bytes()).expect("its head can be read");
    assert!(update.items.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_late_does_not_take_a_loaded_view_back() {
    let hands = Hands::new();
    let store = hands.store();
    let (one, tap) = node(&store, &hands, "one");
    let (two, _) = node(&store, &hands, "two");
    sleep(Duration::from_millis(2_050)).await; // tidy: allow: virtual time
    tap.commits.lock().unwrap().push_back(Plan::Slow);
    let first = tokio::spawn({
        let one = Arc::clone(&one);
        async move { one.execute(start(Some("a"), None)).await.unwrap() }
    });
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    two.execute(start(Some("b"), None)).await.unwrap();
    let feed = one.hub().join(&ann()).await.unwrap();
    assert_eq!(feed.shown().view.board.position.revision, Revision(2));
    tap.to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
    first.await.unwrap();
    assert_eq!(feed.shown().view.board.position.revision, Revision(2), "never less than was shown");
}

#[tokio::test(start_paused = true)]
async fn positions_asked_before_a_link_was_lost_again_confirm_nothing() {
    let hands = Hands::new();
    let store = hands.store();
    let (one, tap) = node(&store, &hands, "one");
    let (two, _) = node(&store, &hands, "two");
    sleep(Duration::from_millis(2_050)).await; // tidy: allow: virtual time
    let _feed = one.hub().join(&ann()).await.unwrap();
    tap.to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
    tap.slow_positions.store(true, Relaxed);
    tap.to_hub.send(Signal::Restored(Shards::ALL)).await.unwrap();
    sleep(Duration::from_millis(60)).await; // tidy: allow: virtual time
    tap.to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
    tap.deaf.store(true, Relaxed);
    sleep(Duration::from_millis(60)).await; // tidy: allow: virtual time
    two.execute(start(Some("a"), None)).await.unwrap();
    let second = one.hub().join(&ann()).await.unwrap();
    assert_eq!(second.shown().view.board, store.board(&ann()).into(), "the link is lost: joins load");
}
