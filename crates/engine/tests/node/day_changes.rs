//! The end of people's days, which nobody has to be connected for.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use engine::store::Query;
use engine::*;
use timers::calendar::Zone;
use timers::punch_clock::{DayLog, Profile, Punch, PunchClockCommand, PunchDay, PunchId, PunchKind, Save};
use timers::*;
use tokio::time::{Instant, sleep, timeout};

use super::test_node::*;

/// The midnight after the start of [`TestClocks`], in UTC.
const MIDNIGHT: Timestamp = Timestamp(1_700_006_400_000);

/// How long the days of everybody may take to be archived.
const ARCHIVED_WITHIN: Duration = Duration::from_secs(10);

fn person(nth: usize) -> Scope {
    Scope::work_day(&UserId::new(&format!("user-{nth}")).unwrap())
}

/// A punch at an instant, of a person in UTC.
fn punch(scope: &Scope, id: u64, kind: PunchKind, at: Timestamp) -> Request {
    let (zone, id) = (Zone::utc(), PunchId::new(&id.into()).unwrap());
    let save = Save {
        from: zone.date_at(at),
        date: zone.date_at(at),
        zone,
        punches: vec![Punch { id, at, kind, time: None }],
        theme: None,
        log: None,
        profile: Profile::default(),
    };
    Request { scope: scope.clone(), command: PunchClockCommand::Save(save).into(), id: None }
}

async fn begin_work(engine: &Engine, people: usize) {
    let now = engine.clock().now().unwrap();
    for nth in 0..people {
        engine.execute(punch(&person(nth), 1, PunchKind::In, now)).await.unwrap();
    }
}

/// Passes time until `before` midnight.
async fn pass_until(before: Duration, engine: &Engine) {
    let left = Duration::from_millis(MIDNIGHT.since(engine.clock().now().unwrap()).0);
    sleep(left - before).await; // tidy: allow: virtual time
}

fn day(store: &MemoryStore, nth: usize) -> PunchDay {
    store.board(&person(nth)).get::<PunchDay>(&()).unwrap().clone()
}

/// Reads the archived days of a person.
async fn logs(faults: &FaultyStore, nth: usize) -> Vec<DayLog> {
    let page = faults.node.history(&person(nth), &Query::newest(100)).await.unwrap();
    page.rows.iter().map(|row| DayLog::decode(std::str::from_utf8(&row.body).unwrap()).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_day_is_archived_at_midnight_and_not_before_with_nobody_connected() {
    let (_, store, one, faults, _) = pair().await;
    begin_work(&one, 1).await;
    pass_until(Duration::from_millis(20), &one).await;
    assert_eq!((day(&store, 0).logs, logs(&faults, 0).await.len()), (0, 0));
    sleep(Duration::from_millis(20) + A_MOMENT).await; // tidy: allow: virtual time
    let after = day(&store, 0);
    assert_eq!((after.logs, after.start(), after.work_since()), (1, MIDNIGHT, Some(MIDNIGHT)));
    let archived = logs(&faults, 0).await;
    assert_eq!((archived.len(), archived[0].end), (1, MIDNIGHT));
    assert_eq!(after.tick_at(Beat(MIDNIGHT.0 / 1000 + 1)), Some((1, 0)), "ticks go on from midnight");
    sleep(Duration::from_secs(24 * 3600)).await; // tidy: allow: virtual time
    assert_eq!(logs(&faults, 0).await.len(), 2, "the run continues");
    assert_eq!(one.stats().deadlines_fired.get(), 2, "each midnight is carried out once");
}

#[tokio::test(start_paused = true)]
async fn the_days_of_a_leader_that_dies_at_midnight_are_archived_by_the_next_one() {
    for before in [Duration::from_millis(300), Duration::ZERO] {
        let (_, store, one, faults, two) = pair().await;
        begin_work(&one, 200).await;
        pass_until(before, &one).await;
        assert!(one.is_leader() && !two.is_leader());
        // The leader's commits are under way when it loses the store.
        faults.slow_commits.store(true, Relaxed);
        sleep(Duration::from_millis(3)).await; // tidy: allow: virtual time
        faults.unavailable.store(true, Relaxed);
        sleep(Duration::from_secs(5)).await; // tidy: allow: virtual time
        assert!(two.is_leader());
        for nth in 0..200 {
            let after = day(&store, nth);
            assert_eq!((after.logs, after.work_since()), (1, Some(MIDNIGHT)), "user {nth}");
            assert_eq!(logs(&faults, nth).await.len(), 1, "user {nth}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_days_that_end_at_one_midnight_are_archived_in_seconds_and_delay_no_beat() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (one, faults) = node(&store, &clocks, "one");
    sleep(Duration::from_millis(2_050)).await; // tidy: allow: virtual time
    begin_work(&one, 10_000).await;
    pass_until(Duration::from_millis(100), &one).await;
    faults.slow_commits.store(true, Relaxed);
    let (began, beats) = (Instant::now(), one.stats().beats.get());
    let all = timeout(ARCHIVED_WITHIN, async {
        while one.stats().deadlines_fired.get() < 10_000 {
            sleep(Duration::from_millis(50)).await; // tidy: allow: virtual time
            assert!(one.stats().beat_lag_ms.get() < 10, "a beat was {} ms late", one.stats().beat_lag_ms.get());
        }
    });
    all.await.unwrap_or_else(|_| panic!("{} days are archived", one.stats().deadlines_fired.get()));
    let seconds = began.elapsed().as_secs();
    assert!(one.stats().beats.get() >= beats + seconds, "a beat is missing");
    assert!((0..10_000).all(|nth| day(&store, nth).logs == 1));
    assert_eq!((one.stats().deadlines_failed.get(), one.stats().beats_filled.get()), (0, 0));
    assert_eq!(store.due_count(), 10_000, "the next midnight");
}
