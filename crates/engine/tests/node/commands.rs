//! The outcomes of commands when links fail at the worst moment.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use engine::store::{Shards, Signal};
use engine::*;
use timers::stopwatch::{Stopwatch, StopwatchCommand as Ask, StopwatchRefusal};
use timers::*;
use tokio::time::{Instant, sleep};

use super::test_node::*;

#[tokio::test(start_paused = true)]
async fn joins_and_commands_load_while_the_link_is_lost() {
    let (_, store, one, faults, two) = pair().await;
    let _first = one.hub().join(&ann()).await.unwrap();
    faults.to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
    execute_unheard(&faults, &two, start(Some("a"), None)).await;
    let second = one.hub().join(&ann()).await.unwrap();
    assert_eq!(second.snapshot().view.board, store.board(&ann()).into());
}

#[tokio::test(start_paused = true)]
async fn the_node_shows_its_own_commit_before_it_answers() {
    let (_, _, one, faults, _) = pair().await;
    let subscription = one.hub().join(&ann()).await.unwrap();
    faults.drops_updates.store(true, Relaxed);
    let outcome = one.execute(start(Some("a"), None)).await.unwrap();
    assert_eq!(subscription.snapshot().view.board.position.revision, outcome.revision);
    let loads = faults.loads.load(Relaxed);
    one.execute(ask(Ask::Stop(id("a")))).await.unwrap();
    assert_eq!(
        (one.stats().conflicts.get(), faults.loads.load(Relaxed)),
        (0, loads),
        "the next command is decided on it"
    );
}

#[tokio::test(start_paused = true)]
async fn refusals_and_no_ops_are_checked_against_the_store() {
    let (_, store, one, faults, two) = pair().await;
    let _feed = one.hub().join(&ann()).await.unwrap();
    execute_unheard(&faults, &two, start(Some("a"), None)).await;
    one.execute(ask(Ask::Pause(id("a")))).await.expect("the store has the session, the view does not");
    execute_unheard(&faults, &two, ask(Ask::Resume(id("a")))).await;
    let outcome = one.execute(ask(Ask::Pause(id("a")))).await.unwrap();
    assert!(matches!(outcome.effect, Effect::Change(_)), "paused in the view, not in the store: {:?}", outcome.effect);
    assert!(!store.board(&ann()).get::<Stopwatch>(&id("a")).unwrap().is_running());
}

#[tokio::test(start_paused = true)]
async fn commands_of_one_node_do_not_race_each_other() {
    let (_, store, one, faults, _) = pair().await;
    let _feed = one.hub().join(&ann()).await.unwrap();
    faults.commits_released.send_replace(false);
    let commands: Vec<_> = (0..20)
        .map(|n| {
            let one = Arc::clone(&one);
            tokio::spawn(async move { one.execute(start(Some(&format!("s{n}")), None)).await.unwrap() })
        })
        .collect();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    assert_eq!(store.board(&ann()).items.len(), 1, "the others wait for the first to be answered");
    faults.commits_released.send_replace(true);
    for command in commands {
        command.await.unwrap();
    }
    assert_eq!((one.stats().conflicts.get(), store.board(&ann()).items.len()), (0, 20));
}

#[tokio::test(start_paused = true)]
async fn a_command_id_expires_after_five_minutes() {
    let (clocks, store, one, _, _) = pair().await;
    one.execute(start(None, Some(5))).await.unwrap();
    clocks.freeze(5 * 60_000 - 1);
    assert!(matches!(one.execute(start(None, Some(5))).await.unwrap().effect, Effect::Repeated));
    clocks.freeze(1);
    assert!(matches!(one.execute(start(None, Some(5))).await.unwrap().effect, Effect::Change(_)));
    assert_eq!(store.board(&ann()).items.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_commit_without_an_answer_is_resent_and_executed_once() {
    for lost in [Plan::LoseAnswer, Plan::LoseRequest, Plan::Unavailable] {
        let (_, store, one, faults, _) = pair().await;
        faults.commits.lock().unwrap().extend([lost, lost]);
        let outcome = one.execute(start(None, None)).await.unwrap();
        assert!(matches!(outcome.effect, Effect::Change(_)), "{:?}", outcome.effect);
        assert_eq!((store.board(&ann()).items.len(), outcome.revision), (1, Revision(1)));
        assert_eq!(one.stats().repeated.get(), 0, "it was the node's own commit");
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeated_command_returns_its_first_outcome() {
    let (_, store, one, _, two) = pair().await;
    let first = one.execute(start(None, Some(5))).await.unwrap();
    two.execute(start(None, Some(6))).await.unwrap();
    let again = two.execute(start(None, Some(5))).await.unwrap();
    assert!(matches!(again.effect, Effect::Repeated));
    assert_eq!((again.revision, again.id, store.board(&ann()).items.len()), (first.revision, first.id, 2));
}

#[tokio::test(start_paused = true)]
async fn a_command_fails_after_its_timeout_with_the_right_error() {
    let (_, _, one, faults, _) = pair().await;
    let began = Instant::now();
    faults.commits.lock().unwrap().extend([Plan::Unavailable; 100]);
    let outcome = one.execute(start(Some("a"), None)).await;
    assert!(matches!(outcome, Err(ExecuteError::Unavailable(_))), "{outcome:?}");
    assert!((5_000..5_300).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    let _feed = one.hub().join(&ann()).await.unwrap();
    let loads = faults.loads.load(Relaxed);
    let lost_and_away = [Plan::LoseRequest].into_iter().chain([Plan::Unavailable; 100]);
    *faults.commits.lock().unwrap() = lost_and_away.collect();
    let outcome = one.execute(start(Some("a"), None)).await;
    assert!(matches!(outcome, Err(ExecuteError::OutcomeUnknown)), "{outcome:?}");
    sleep(A_MOMENT).await; // tidy: allow: virtual time
    assert_eq!(faults.loads.load(Relaxed), loads + 1, "the board is loaded, since the commit may have been done");
    assert_eq!(one.stats().unknown_outcomes.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stale_commit_is_decided_again_at_the_time_of_the_store() {
    let (clocks, store, one, _, _) = pair().await;
    let _feed = one.hub().join(&ann()).await.unwrap();
    clocks.store_ms.fetch_add(1_500, Relaxed);
    one.execute(start(Some("a"), None)).await.unwrap();
    assert_eq!((one.stats().stale.get(), one.stats().late.get()), (1, 0));
    assert!(store.board(&ann()).at >= Timestamp(1_700_000_003_500));
}

#[tokio::test(start_paused = true)]
async fn existing_rows_are_not_ingested_again_from_a_view() {
    let (_, _, one, _, _) = pair().await;
    let _feed = one.hub().join(&ann()).await.unwrap();
    let row = stopwatch::Finished { started: Timestamp(1), ended: Timestamp(2), ..Default::default() };
    let ingest = || ask(Ask::Ingest(vec![row.row()]));
    assert!(matches!(one.execute(ingest()).await.unwrap().effect, Effect::Change(_)));
    assert!(matches!(one.execute(ingest()).await.unwrap().effect, Effect::Nothing));
}

#[tokio::test(start_paused = true)]
async fn a_command_whose_node_was_stopped_past_the_timeout_is_not_executed() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (one, faults) = node(&store, &clocks, "one");
    let (two, _) = node(&store, &clocks, "two");
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    // Node one loads, and its process is stopped. The client uses node two. Node one continues six minutes later.
    let frozen = clocks.clone();
    *faults.after_load.lock().unwrap() = Some(Box::new(move || {
        Box::pin(async move {
            two.execute(start(None, Some(5))).await.unwrap();
            frozen.freeze(6 * 60_000);
        })
    }));
    let late = one.execute(start(None, Some(5))).await;
    assert_eq!(store.board(&ann()).items.len(), 1, "once: {late:?}");
}

#[tokio::test(start_paused = true)]
async fn an_error_after_a_lost_answer_is_an_unknown_outcome() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (one, faults) = node(&store, &clocks, "one");
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    faults.commits.lock().unwrap().extend([Plan::LoseAnswer, Plan::Damaged]);
    let outcome = one.execute(start(Some("a"), None)).await;
    assert_eq!(store.board(&ann()).items.len(), 1);
    assert!(matches!(outcome, Err(ExecuteError::OutcomeUnknown)), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn too_many_rows_are_not_requested_from_the_store() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (one, faults) = node(&store, &clocks, "one");
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    let rows = (0..20_000)
        .map(|n| stopwatch::Finished { started: Timestamp(n), ended: Timestamp(n), ..Default::default() }.row())
        .collect();
    let outcome = one.execute(Request { command: Command::Stopwatch(Ask::Ingest(rows)), ..start(None, None) }).await;
    assert!(matches!(outcome, Err(ExecuteError::Refused(Refusal::Stopwatch(StopwatchRefusal::TooManyRows)))));
    assert!(
        faults.rows_requested.load(Relaxed) <= ROWS_MAX,
        "{} ids in one request",
        faults.rows_requested.load(Relaxed)
    );
}

#[tokio::test(start_paused = true)]
async fn a_resent_commit_is_shown_before_it_is_answered() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (one, faults) = node(&store, &clocks, "one");
    sleep(Duration::from_millis(2_050)).await; // tidy: allow: virtual time
    let subscription = one.hub().join(&ann()).await.unwrap();
    faults.drops_updates.store(true, Relaxed);
    faults.commits.lock().unwrap().push_back(Plan::LoseAnswer);
    let outcome = one.execute(start(Some("a"), None)).await.unwrap();
    assert!(matches!(outcome.effect, Effect::Change(_)));
    assert_eq!(
        subscription.snapshot().view.board.position.revision,
        outcome.revision,
        "the node shows its own commit before it answers"
    );
    let _ = (Plan::LoseRequest, Plan::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_removal_returns_its_first_outcome() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (one, _) = node(&store, &clocks, "one");
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    one.execute(start(Some("a"), None)).await.unwrap();
    let remove =
        Request { command: Command::Stopwatch(Ask::Remove(SessionId::new("a").unwrap())), ..start(None, Some(9)) };
    let first = one.execute(remove.clone()).await.unwrap();
    let again = one.execute(remove).await;
    assert!(
        matches!(&again, Ok(again) if matches!(again.effect, Effect::Repeated) && again.revision == first.revision),
        "{again:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_repeated_command_is_not_acknowledged_before_its_commit_is_safe() {
    let (_, _, one, faults, _) = pair().await;
    one.execute(start(Some("a"), Some(7))).await.unwrap();
    faults.unsafe_reads.store(true, Relaxed);
    for request in [start(Some("a"), Some(7)), start(Some("a"), Some(8))] {
        let unknown = one.execute(request).await.unwrap_err();
        assert!(matches!(unknown, ExecuteError::OutcomeUnknown), "{unknown}");
    }
    faults.unsafe_reads.store(false, Relaxed);
    assert!(matches!(one.execute(start(Some("a"), Some(7))).await.unwrap().effect, Effect::Repeated));
    assert!(matches!(one.execute(start(Some("a"), Some(8))).await.unwrap().effect, Effect::Nothing));
}

#[tokio::test(start_paused = true)]
async fn a_change_is_shown_before_the_answer_even_without_updates() {
    let (one, faults, two, mut reader) = pair_without_updates().await;
    faults.commits.lock().unwrap().push_back(Plan::LoseAnswer);
    one.execute(start(Some("b"), Some(7))).await.unwrap();
    assert_eq!(seen(&mut reader), 2, "its own commit, whose answer was lost");
    two.execute(start(Some("c"), Some(8))).await.unwrap();
    assert!(matches!(one.execute(start(Some("c"), Some(8))).await.unwrap().effect, Effect::Repeated));
    assert_eq!(seen(&mut reader), 3, "the commit of another node");
    two.execute(start(Some("d"), Some(9))).await.unwrap();
    assert!(matches!(one.execute(start(Some("d"), Some(10))).await.unwrap().effect, Effect::Nothing));
    assert_eq!(seen(&mut reader), 4, "what was already so");
}

#[tokio::test(start_paused = true)]
async fn a_change_is_shown_before_the_answer_even_if_the_link_is_lost_during_the_load() {
    let (one, faults, two, mut reader) = pair_without_updates().await;
    let lose_link_after_load = || {
        let to_hub = faults.to_hub.clone();
        let lose: Hook = Box::new(move || {
            Box::pin(async move {
                to_hub.send(Signal::Lost(Shards::ALL)).await.unwrap();
                sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
            })
        });
        *faults.after_load.lock().unwrap() = Some(lose);
    };
    lose_link_after_load();
    faults.commits.lock().unwrap().push_back(Plan::LoseAnswer);
    one.execute(start(Some("b"), Some(7))).await.unwrap();
    assert_eq!(seen(&mut reader), 2, "its own commit, whose answer was lost");
    two.execute(start(Some("c"), Some(8))).await.unwrap();
    lose_link_after_load();
    assert!(matches!(one.execute(start(Some("c"), Some(9))).await.unwrap().effect, Effect::Nothing));
    assert_eq!(seen(&mut reader), 3, "what was already so");
}

/// Makes two nodes and a reader of a session on the first, which receives no updates from now on.
async fn pair_without_updates() -> (Arc<Engine>, Arc<FaultyStore>, Arc<Engine>, Reader) {
    let (_, _, one, faults, two) = pair().await;
    one.execute(start(Some("a"), None)).await.unwrap();
    let mut reader = Reader::new(one.hub().join(&ann()).await.unwrap());
    reader.catch_up(|_| {});
    faults.drops_updates.store(true, Relaxed);
    faults.watches_unavailable.store(true, Relaxed);
    (one, faults, two, reader)
}

/// Returns the number of items in the last view that the reader is shown.
fn seen(reader: &mut Reader) -> usize {
    let mut last = 0;
    reader.catch_up(|delivery| {
        if let Delivery::Resync { new, .. } | Delivery::Diff { new, .. } = delivery {
            last = new.board.items.len();
        }
    });
    last
}
