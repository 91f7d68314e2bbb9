//! What becomes of commands when links fail at the worst moment.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use engine::store::{Shards, Signal};
use engine::*;
use timers::stopwatch::Command as Ask;
use timers::*;
use tokio::time::{Instant, sleep};

use super::tap::*;

#[tokio::test(start_paused = true)]
async fn while_the_link_is_lost_joins_load_and_commands_too() {
    let (_, store, one, tap, two) = pair().await;
    let _first = one.hub().join(&ann()).await.unwrap();
    tap.to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
    unheard(&tap, &two, start(Some("a"), None)).await;
    let second = one.hub().join(&ann()).await.unwrap();
    assert_eq!(second.shown().view.board, store.board(&ann()).into());
}

#[tokio::test(start_paused = true)]
async fn the_node_shows_its_own_commit_before_it_answers() {
    let (_, _, one, tap, _) = pair().await;
    let feed = one.hub().join(&ann()).await.unwrap();
    tap.deaf.store(true, Relaxed);
    let outcome = one.execute(start(Some("a"), None)).await.unwrap();
    assert_eq!(feed.shown().view.board.position.revision, outcome.revision);
    let loads = tap.loads.load(Relaxed);
    one.execute(ask(Ask::Stop(id("a")))).await.unwrap();
    assert_eq!((one.stats().conflicts.get(), tap.loads.load(Relaxed)), (0, loads), "the next is decided on it");
}

#[tokio::test(start_paused = true)]
async fn refusals_and_no_ops_are_checked_against_the_store() {
    let (_, store, one, tap, two) = pair().await;
    let _feed = one.hub().join(&ann()).await.unwrap();
    unheard(&tap, &two, start(Some("a"), None)).await;
    one.execute(ask(Ask::Pause(id("a")))).await.expect("the view knew of no such session, the store does");
    unheard(&tap, &two, ask(Ask::Resume(id("a")))).await;
    let outcome = one.execute(ask(Ask::Pause(id("a")))).await.unwrap();
    assert!(matches!(outcome.made, Made::Change(_)), "paused in the view, not in the store: {:?}", outcome.made);
    assert!(!store.board(&ann()).stopwatch(&id("a")).unwrap().is_running());
}

#[tokio::test(start_paused = true)]
async fn commands_of_one_node_do_not_race_each_other() {
    let (_, store, one, tap, _) = pair().await;
    let _feed = one.hub().join(&ann()).await.unwrap();
    tap.answers.send_replace(false);
    let commands: Vec<_> = (0..20)
        .map(|n| {
            let one = Arc::clone(&one);
            tokio::spawn(async move { one.execute(start(Some(&format!("s{n}")), None)).await.unwrap() })
        })
        .collect();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    assert_eq!(store.board(&ann()).items.len(), 1, "the others wait for the first to be answered");
    tap.answers.send_replace(true);
    for command in commands {
        command.await.unwrap();
    }
    assert_eq!((one.stats().conflicts.get(), store.board(&ann()).items.len()), (0, 20));
}

#[tokio::test(start_paused = true)]
async fn an_id_is_forgotten_after_five_minutes() {
    let (hands, store, one, _, _) = pair().await;
    one.execute(start(None, Some(5))).await.unwrap();
    hands.freeze(5 * 60_000 - 1);
    assert!(matches!(one.execute(start(None, Some(5))).await.unwrap().made, Made::Repeated));
    hands.freeze(1);
    assert!(matches!(one.execute(start(None, Some(5))).await.unwrap().made, Made::Change(_)));
    assert_eq!(store.board(&ann()).items.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_asked_for_again_and_nothing_is_done_twice() {
    for lost in [Plan::LoseAnswer, Plan::LoseRequest, Plan::Unavailable] {
        let (_, store, one, tap, _) = pair().await;
        tap.commits.lock().unwrap().extend([lost, lost]);
        let outcome = one.execute(start(None, None)).await.unwrap();
        assert!(matches!(outcome.made, Made::Change(_)), "{:?}", outcome.made);
        assert_eq!((store.board(&ann()).items.len(), outcome.revision), (1, Revision(1)));
        assert_eq!(one.stats().repeated.get(), 0, "it was our own");
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_that_comes_again_is_told_what_it_made() {
    let (_, store, one, _, two) = pair().await;
    let first = one.execute(start(None, Some(5))).await.unwrap();
    two.execute(start(None, Some(6))).await.unwrap();
    let again = two.execute(start(None, Some(5))).await.unwrap();
    assert!(matches!(again.made, Made::Repeated));
    assert_eq!((again.revision, again.id, store.board(&ann()).items.len()), (first.revision, first.id, 2));
}

#[tokio::test(start_paused = true)]
async fn a_command_is_given_up_after_its_life_and_called_by_its_right_name() {
    let (_, _, one, tap, _) = pair().await;
    let began = Instant::now();
    tap.commits.lock().unwrap().extend([Plan::Unavailable; 100]);
    let outcome = one.execute(start(Some("a"), None)).await;
    assert!(matches!(outcome, Err(ExecuteError::Unavailable(_))), "{outcome:?}");
    assert!((5_000..5_300).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    let _feed = one.hub().join(&ann()).await.unwrap();
    let loads = tap.loads.load(Relaxed);
    let lost_and_away = [Plan::LoseRequest].into_iter().chain([Plan::Unavailable; 100]);
    *tap.commits.lock().unwrap() = lost_and_away.collect();
    let outcome = one.execute(start(Some("a"), None)).await;
    assert!(matches!(outcome, Err(ExecuteError::OutcomeUnknown)), "{outcome:?}");
    sleep(A_MOMENT).await; // tidy: allow: virtual time
    assert_eq!(tap.loads.load(Relaxed), loads + 1, "the board is loaded: it may have been done");
    assert_eq!(one.stats().unknown_outcomes.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_commit_of_a_second_that_is_over_is_decided_again_at_the_time_it_was_told() {
    let (hands, store, one, _, _) = pair().await;
    let _feed = one.hub().join(&ann()).await.unwrap();
    hands.store_ms.fetch_add(1_500, Relaxed);
    one.execute(start(Some("a"), None)).await.unwrap();
    assert_eq!((one.stats().stale.get(), one.stats().late.get()), (1, 0));
    assert!(store.board(&ann()).at >= Timestamp(1_700_000_003_500));
}

#[tokio::test(start_paused = true)]
async fn rows_that_are_there_already_are_not_brought_in_again_from_a_view_either() {
    let (_, _, one, _, _) = pair().await;
    let _feed = one.hub().join(&ann()).await.unwrap();
    let row = stopwatch::Finished { started: Timestamp(1), ended: Timestamp(2), ..Default::default() };
    let ingest = || ask(Ask::Ingest(vec![row.clone()]));
    assert!(matches!(one.execute(ingest()).await.unwrap().made, Made::Change(_)));
    assert!(matches!(one.execute(ingest()).await.unwrap().made, Made::Nothing));
}

#[tokio::test(start_paused = true)]
async fn a_command_that_slept_through_its_life_is_not_carried_out() {
    let hands = Hands::new();
    let store = hands.store();
    let (one, tap) = node(&store, &hands, "one");
    let (two, _) = node(&store, &hands, "two");
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    // Node one loads and is stopped; the client goes to node two, which obeys; six minutes later one goes on.
    let frozen = hands.clone();
    *tap.after_load.lock().unwrap() = Some(Box::new(move || {
        Box::pin(async move {
            two.execute(start(None, Some(5))).await.unwrap();
            frozen.freeze(6 * 60_000);
        })
    }));
    let late = one.execute(start(None, Some(5))).await;
    assert_eq!(store.board(&ann()).items.len(), 1, "once: {late:?}");
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_done_is_never_called_undone() {
    let hands = Hands::new();
    let store = hands.store();
    let (one, tap) = node(&store, &hands, "one");
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    tap.commits.lock().unwrap().extend([Plan::LoseAnswer, Plan::Damaged]);
    let outcome = one.execute(start(Some("a"), None)).await;
    assert_eq!(store.board(&ann()).items.len(), 1);
    assert!(matches!(outcome, Err(ExecuteError::OutcomeUnknown)), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn too_many_rows_are_not_even_asked_about() {
    let hands = Hands::new();
    let store = hands.store();
    let (one, tap) = node(&store, &hands, "one");
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    let rows = (0..20_000)
        .map(|n| stopwatch::Finished { started: Timestamp(n), ended: Timestamp(n), ..Default::default() })
        .collect();
    let outcome = one.execute(Request { command: Command::Stopwatch(Ask::Ingest(rows)), ..start(None, None) }).await;
    assert!(matches!(outcome, Err(ExecuteError::Refused(Refusal::TooManyRows))));
    assert!(tap.asked.load(Relaxed) <= ROWS_MAX, "{} ids in one question", tap.asked.load(Relaxed));
}

#[tokio::test(start_paused = true)]
async fn an_own_resent_commit_is_shown_before_it_is_answered() {
    let hands = Hands::new();
    let store = hands.store();
    let (one, tap) = node(&store, &hands, "one");
    sleep(Duration::from_millis(2_050)).await; // tidy: allow: virtual time
    let feed = one.hub().join(&ann()).await.unwrap();
    tap.deaf.store(true, Relaxed);
    tap.commits.lock().unwrap().push_back(Plan::LoseAnswer);
    let outcome = one.execute(start(Some("a"), None)).await.unwrap();
    assert!(matches!(outcome.made, Made::Change(_)));
    assert_eq!(
        feed.shown().view.board.position.revision,
        outcome.revision,
        "the node shows its own commit before it answers"
    );
    let _ = (Plan::LoseRequest, Plan::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_comes_again_is_told_that_it_was_done() {
    let hands = Hands::new();
    let store = hands.store();
    let (one, _) = node(&store, &hands, "one");
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    one.execute(start(Some("a"), None)).await.unwrap();
    let remove =
        Request { command: Command::Stopwatch(Ask::Remove(SessionId::new("a").unwrap())), ..start(None, Some(9)) };
    let first = one.execute(remove.clone()).await.unwrap();
    let again = one.execute(remove).await;
    assert!(
        matches!(&again, Ok(again) if matches!(again.made, Made::Repeated) && again.revision == first.revision),
        "{again:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_found_done_is_not_acknowledged_before_it_is_safe() {
    let (_, _, one, tap, _) = pair().await;
    one.execute(start(Some("a"), Some(7))).await.unwrap();
    tap.unsafe_reads.store(true, Relaxed);
    for request in [start(Some("a"), Some(7)), start(Some("a"), Some(8))] {
        let unknown = one.execute(request).await.unwrap_err();
        assert!(matches!(unknown, ExecuteError::OutcomeUnknown), "{unknown}");
    }
    tap.unsafe_reads.store(false, Relaxed);
    assert!(matches!(one.execute(start(Some("a"), Some(7))).await.unwrap().made, Made::Repeated));
    assert!(matches!(one.execute(start(Some("a"), Some(8))).await.unwrap().made, Made::Nothing));
}

#[tokio::test(start_paused = true)]
async fn what_was_done_is_seen_before_it_is_answered_even_while_no_update_can_be_heard() {
    let (one, tap, two, mut reader) = deaf_pair().await;
    tap.commits.lock().unwrap().push_back(Plan::LoseAnswer);
    one.execute(start(Some("b"), Some(7))).await.unwrap();
    assert_eq!(seen(&mut reader), 2, "its own commit, whose answer was lost");
    two.execute(start(Some("c"), Some(8))).await.unwrap();
    assert!(matches!(one.execute(start(Some("c"), Some(8))).await.unwrap().made, Made::Repeated));
    assert_eq!(seen(&mut reader), 3, "what another node did");
    two.execute(start(Some("d"), Some(9))).await.unwrap();
    assert!(matches!(one.execute(start(Some("d"), Some(10))).await.unwrap().made, Made::Nothing));
    assert_eq!(seen(&mut reader), 4, "what was found to be so");
}

#[tokio::test(start_paused = true)]
async fn what_was_done_is_seen_before_it_is_answered_even_if_the_link_is_lost_while_it_is_loaded() {
    let (one, tap, two, mut reader) = deaf_pair().await;
    let lose_link_after_load = || {
        let to_hub = tap.to_hub.clone();
        let lose: Hook = Box::new(move || {
            Box::pin(async move {
                to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
                sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
            })
        });
        *tap.after_load.lock().unwrap() = Some(lose);
    };
    lose_link_after_load();
    tap.commits.lock().unwrap().push_back(Plan::LoseAnswer);
    one.execute(start(Some("b"), Some(7))).await.unwrap();
    assert_eq!(seen(&mut reader), 2, "its own commit, whose answer was lost");
    two.execute(start(Some("c"), Some(8))).await.unwrap();
    lose_link_after_load();
    assert!(matches!(one.execute(start(Some("c"), Some(9))).await.unwrap().made, Made::Nothing));
    assert_eq!(seen(&mut reader), 3, "what was found to be so");
}

/// A reader of the first of two nodes, with a session, that hears no updates from now on.
async fn deaf_pair() -> (Arc<Engine>, Arc<Tap>, Arc<Engine>, Reader) {
    let (_, _, one, tap, two) = pair().await;
    one.execute(start(Some("a"), None)).await.unwrap();
    let mut reader = Reader::new(one.hub().join(&ann()).await.unwrap());
    reader.catch_up(|_| {});
    tap.deaf.store(true, Relaxed);
    tap.watches_away.store(true, Relaxed);
    (one, tap, two, reader)
}

/// Returns how many items the reader is shown last.
fn seen(reader: &mut Reader) -> usize {
    let mut last = 0;
    reader.catch_up(|sight| {
        if let Sight::Whole { new, .. } | Sight::News { new, .. } = sight {
            last = new.board.items.len();
        }
    });
    last
}
