//! The statistics are those of a recount over all ended sessions, and streaks those of a naive computation.

use std::collections::BTreeSet;

use proptest::prelude::*;
use timers::calendar::{LocalDate, Zone};
use timers::focus::{Ending, FocusCommand, FocusId, ReportedCounters, Spans};
use timers::{Millis, Timestamp};

use super::fixture::*;

/// Zones with odd offsets, with changes of an hour, of half an hour and of a day within the days of the test.
fn zones() -> Vec<Zone> {
    let change = |days: u64| Timestamp(NOON.0 + days * 24 * HOUR - 12 * HOUR);
    let zone = |name: &str, offsets: Vec<(Timestamp, i32)>| Zone::new(name, offsets).unwrap();
    vec![
        Zone::utc(),
        zone("Asia/Kathmandu", vec![(Timestamp(0), 20_700)]),
        zone("Pacific/Marquesas", vec![(Timestamp(0), -34_200)]),
        zone("Pacific/Chatham", vec![(Timestamp(0), 45_900), (change(9), 49_500), (change(25), 45_900)]),
        zone("Australia/Lord_Howe", vec![(Timestamp(0), 39_600), (change(6), 37_800), (change(12), 39_600)]),
        zone("America/Adak", vec![(Timestamp(0), -32_400), (change(4), -36_000), (change(30), -32_400)]),
        // As Samoa did, at midnight.
        zone("x/leaves-out-a-day", vec![(Timestamp(0), -39_600), (change(8) + Millis(11 * HOUR), 46_800)]),
        zone("x/repeats-a-day", vec![(Timestamp(0), 46_800), (change(8), -39_600)]),
    ]
}

/// Counts consecutive days backwards from today or yesterday, over all completions.
fn naive_streak(completions: &[Timestamp], zone: &Zone, now: Timestamp) -> u64 {
    let days: BTreeSet<LocalDate> = completions.iter().map(|at| zone.date_at(*at)).collect();
    // The days that exist in the zone.
    let hours = (NOON.0 - 40 * 24 * HOUR..=now.0).step_by(usize::try_from(HOUR).unwrap()).chain([now.0]);
    let calendar: BTreeSet<LocalDate> = hours.map(|at| zone.date_at(Timestamp(at))).collect();
    let today = zone.date_at(now);
    let mut backwards = calendar.iter().rev().skip_while(|day| **day > today).peekable();
    if !days.contains(&today) {
        backwards.next();
    }
    backwards.take_while(|day| days.contains(day)).count() as u64
}

/// Tells whether the statistics are those of a recount, in all zones.
fn check(ann: &Person) -> Result<(), TestCaseError> {
    let (stats, ended) = (ann.stats(), ann.all_ended());
    prop_assert_eq!(stats.score_sum, ended.iter().map(|session| session.focus_score).sum::<u64>());
    prop_assert_eq!(stats.active_seconds, ended.iter().map(|session| session.counters.active).sum::<u64>());
    let completed = ended.iter().filter(|session| session.ending == Ending::Completed);
    let completions: Vec<Timestamp> = completed.map(|session| session.ended_at).collect();
    prop_assert_eq!(stats.completed, completions.len() as u64);
    for zone in zones() {
        for now in [0, 7, 13, 30].map(|hours| ann.now + Millis(hours * HOUR)) {
            let expected = naive_streak(&completions, &zone, now);
            prop_assert_eq!(stats.day_streak(&zone, now), expected, "{} at {}", zone.name(), now);
        }
    }
    Ok(())
}

#[derive(Clone, Copy, Debug)]
enum Step {
    End(Ending, u64, u64),
    Delete(usize),
}

fn steps() -> impl Strategy<Value = Step> {
    let ending =
        proptest::sample::select(&[Ending::Completed, Ending::Completed, Ending::Abandoned, Ending::Cancelled][..]);
    prop_oneof![
        4 => (ending, 0..4000_u64, 0..5000_u64).prop_map(|(ending, elapsed, active)| Step::End(ending, elapsed, active)),
        1 => any::<prop::sample::Index>().prop_map(|index| Step::Delete(index.index(64))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn statistics_are_a_recount_after_any_endings_and_deletions(
        script in proptest::collection::vec((steps(), prop_oneof![5 => 0..30_u64, 1 => 40..90_u64], 0..60_u64), 1..40),
    ) {
        let mut ann = Person::new();
        let mut ids: Vec<FocusId> = Vec::new();
        for (step, hours, minutes) in script {
            ann.pass(hours * HOUR + minutes * MINUTE);
            match step {
                Step::End(ending, elapsed, active) => {
                    let id = ann.create("25");
                    ann.pass(HOUR);
                    let reported = ReportedCounters { elapsed: Some(elapsed), active: Some(active), ..ReportedCounters::default() };
                    ann.apply(FocusCommand::End(id, ending, reported, Spans::default())).unwrap();
                    ids.push(id);
                }
                Step::Delete(nth) if !ids.is_empty() => {
                    let id = ids.remove(nth % ids.len());
                    prop_assert!(ann.apply(FocusCommand::Delete(id)).unwrap());
                }
                Step::Delete(_) => {}
            }
        }
        check(&ann)?;
        // Nothing is left of sessions of which all are deleted.
        for id in ids {
            ann.apply(FocusCommand::Delete(id)).unwrap();
        }
        let stats = ann.stats();
        prop_assert_eq!((stats.score_sum, stats.completed, stats.active_seconds), (0, 0, 0));
        prop_assert_eq!(stats.day_streak(&Zone::utc(), ann.now), 0);
        prop_assert!(stats.endings.is_empty());
    }
}

#[test]
fn completions_of_years_are_kept_compactly_and_those_before_a_gap_are_dropped() {
    let mut ann = Person::new();
    for day in 0..1500 {
        ann.now = NOON + Millis(day * 24 * HOUR);
        let id = ann.create("25");
        ann.end(id, Ending::Completed);
    }
    assert_eq!(ann.stats().day_streak(&Zone::utc(), ann.now), 1500);
    assert_eq!(ann.stats().day_streak(&Zone::utc(), ann.now + Millis(24 * HOUR)), 1500, "nothing yet today");
    assert_eq!(ann.stats().day_streak(&Zone::utc(), ann.now + Millis(36 * HOUR)), 0);
    let stored = serde_json::to_string(&ann.stats()).unwrap();
    assert!(stored.len() < 12_000, "{} bytes", stored.len());
    ann.pass(80 * HOUR);
    let id = ann.create("25");
    ann.end(id, Ending::Completed);
    assert!(serde_json::to_string(&ann.stats().completions).unwrap().len() < 20);
    assert_eq!((ann.stats().completed, ann.stats().day_streak(&Zone::utc(), ann.now)), (1501, 1));
}

#[test]
fn several_completions_of_a_quarter_of_an_hour_count_until_the_last_is_deleted() {
    let mut ann = Person::new();
    let ids: Vec<FocusId> = (0..3).map(|_| ann.create("25")).collect();
    for id in &ids {
        ann.pass(MINUTE);
        ann.end(*id, Ending::Completed);
    }
    for (left, id) in [2, 1, 0].into_iter().zip(ids) {
        ann.apply(FocusCommand::Delete(id)).unwrap();
        assert_eq!(ann.stats().day_streak(&Zone::utc(), ann.now), left.min(1));
    }
}

#[test]
fn completions_of_a_clock_that_was_ahead_do_not_hide_later_ones() {
    let mut ann = Person::new();
    ann.pass(30 * 24 * HOUR);
    let ahead = ann.create("25");
    ann.end(ahead, Ending::Completed);
    (ann.now, ann.ahead) = (NOON, Millis(30 * 24 * HOUR));
    for streak in 1..40 {
        let id = ann.create("25");
        ann.end(id, Ending::Completed);
        assert_eq!(ann.stats().day_streak(&Zone::utc(), ann.now), streak);
        ann.pass(24 * HOUR);
    }
}

#[test]
fn a_day_that_a_zone_leaves_out_does_not_end_a_streak() {
    let mut ann = Person::new();
    for _ in 0..16 {
        let id = ann.create("25");
        ann.end(id, Ending::Completed);
        ann.pass(24 * HOUR);
    }
    for zone in zones() {
        let days: BTreeSet<LocalDate> = ann.all_ended().iter().map(|session| zone.date_at(session.ended_at)).collect();
        assert_eq!(ann.stats().day_streak(&zone, ann.now), days.len() as u64, "{}", zone.name());
    }
}
