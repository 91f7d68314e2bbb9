//! Properties of days under random punches, compared with a count over the punches of all days.

use std::collections::BTreeMap;

use proptest::prelude::*;
use timers::Timestamp;
use timers::calendar::{LocalDate, Zone};
use timers::punch_clock::{DayLog, DayTotals, Punch, PunchKind};

use super::fixture::*;

/// Punches at different multiples of six minutes, so that none counts as one of a device that is behind.
fn punches(count: usize, hours: i64) -> impl Strategy<Value = Vec<Punch>> {
    let slots = proptest::sample::subsequence((0..hours * 10).collect::<Vec<i64>>(), 0..=count);
    (slots, proptest::collection::vec(any::<bool>(), count)).prop_map(|(slots, kinds)| {
        let make =
            |(slot, is_in): (i64, bool)| punch(slot, if is_in { PunchKind::In } else { PunchKind::Out }, slot * 6);
        slots.into_iter().zip(kinds).map(make).collect()
    })
}

fn zones() -> impl Strategy<Value = Zone> {
    // Berlin's change is within the days of the test for the second zone.
    let change = Timestamp(NOON.0 + 30 * HOUR);
    prop_oneof![
        Just(Zone::utc()),
        Just(Zone::new("Asia/Kathmandu", vec![(Timestamp(0), 20_700)]).unwrap()),
        Just(Zone::new("x/forward", vec![(Timestamp(0), 3600), (change, 7200)]).unwrap()),
        Just(Zone::new("x/back", vec![(Timestamp(0), -3600), (change, -7200)]).unwrap()),
    ]
}

/// The punches of all days that stand.
fn standing(punches: &[Punch]) -> Vec<(PunchKind, Timestamp)> {
    let mut sorted: Vec<&Punch> = punches.iter().collect();
    sorted.sort_by_key(|punch| punch.at);
    let mut standing: Vec<(PunchKind, Timestamp)> = Vec::new();
    for punch in sorted {
        let last = standing.last().map_or(PunchKind::Out, |(kind, _)| *kind);
        if last != punch.kind {
            standing.push((punch.kind, punch.at));
        }
    }
    standing
}

/// Counts a day second by second.
fn counted(standing: &[(PunchKind, Timestamp)], start: u64, end: u64, is_current: bool) -> DayTotals {
    let mut totals = DayTotals::default();
    for second in (start..end).step_by(1000) {
        let before = standing.iter().rev().find(|(_, at)| at.0 <= second);
        // A break is of the day on which it began with a punch or with midnight, and lasts until the next punch of the day.
        let has_later = standing.iter().any(|(_, at)| at.0 > second && at.0 < end);
        match before {
            Some((PunchKind::In, _)) => totals.work.0 += 1000,
            Some((PunchKind::Out, at)) if at.0 >= start && (is_current || has_later) => totals.breaks.0 += 1000,
            Some((PunchKind::Out, _)) | None => {}
        }
    }
    totals
}

/// The archived days, what the current one shows, and its totals.
type Content = (Vec<ArchivedDay>, Vec<String>, DayTotals);

/// A day, its punches, and the one that was carried over.
type ArchivedDay = (LocalDate, Vec<Punch>, Option<Punch>);

/// Returns what is to be the same whatever the order of the posts was.
fn content(person: &Person) -> Content {
    let of = |log: DayLog| (log.date, log.punches, log.carried);
    let day = person.day();
    (person.logs().into_iter().map(of).collect(), person.shown(), day.totals(person.now))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn days_are_those_of_a_count_over_all_punches(
        punches in punches(14, 72), zone in zones(), pauses in proptest::collection::vec((0..36_000_u64).prop_map(|seconds| seconds * 1000), 14),
        seed in any::<u64>(),
    ) {
        let mut ann = Person::new();
        ann.set_zone(&zone);
        // Each punch is posted at its time or later, in any order and repeatedly.
        let mut waiting = punches.clone();
        let mut random = seed;
        for pause in pauses {
            ann.pass(pause);
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let posted: Vec<Punch> = waiting.iter().filter(|punch| punch.at <= ann.now).cloned().collect();
            let chosen: Vec<Punch> = posted.iter().enumerate().filter(|(nth, _)| random >> (nth + 20) & 1 == 1).map(|(_, punch)| punch.clone()).collect();
            ann.post(&chosen);
            waiting.retain(|punch| !chosen.contains(punch) || random & 64 == 0);
        }
        ann.pass(100 * HOUR);
        ann.post(&waiting);
        let standing = standing(&punches);
        let mut logs: BTreeMap<LocalDate, DayLog> = ann.logs().into_iter().map(|log| (log.date, log)).collect();
        let day = ann.day();
        let mut date = zone.date_at(NOON).previous();
        while date < day.date {
            let (start, end) = (zone.start_of(date), zone.start_of(date.next()));
            let expected = counted(&standing, start.0, end.0, false);
            let log = logs.remove(&date);
            prop_assert_eq!(log.as_ref().map(DayLog::totals).unwrap_or_default(), expected, "{}", date);
            date = date.next();
        }
        prop_assert!(logs.is_empty());
        prop_assert_eq!(day.totals(ann.now), counted(&standing, day.start().0, ann.now.0, true));
        prop_assert_eq!(day.logs, ann.logs().iter().filter(|log| log.is_listed()).count() as u64);
        // Posting the same punches again changes nothing.
        prop_assert!(!ann.post(&punches));
    }

    #[test]
    fn the_union_is_commutative_associative_and_idempotent(
        punches in punches(12, 40), split in 0..12_usize, second in 0..12_usize, hours in 40..80_u64,
    ) {
        let mut ann = Person::new();
        ann.pass(hours * HOUR);
        let at = |split: usize| split.min(punches.len());
        let (left, right) = punches.split_at(at(split));
        let (first, rest) = punches.split_at(at(second));
        let posted = |parts: &[&[Punch]]| {
            let mut person = ann.clone();
            parts.iter().for_each(|part| { person.post(part); });
            content(&person)
        };
        let whole = posted(&[&punches]);
        prop_assert_eq!(&posted(&[left, right]), &whole);
        prop_assert_eq!(&posted(&[right, left]), &whole);
        prop_assert_eq!(&posted(&[first, rest, first]), &whole);
        let reversed: Vec<Punch> = punches.iter().rev().cloned().collect();
        prop_assert_eq!(&posted(&[&reversed, &punches]), &whole);
    }

    #[test]
    fn archiving_and_adding_a_late_punch_is_adding_and_archiving(punches in punches(10, 30), late in 0..10_usize, zone in zones()) {
        prop_assume!(!punches.is_empty());
        let late = late % punches.len();
        let others: Vec<Punch> = punches.iter().enumerate().filter(|(nth, _)| *nth != late).map(|(_, punch)| punch.clone()).collect();
        let start = |punches: &[Punch]| {
            let mut person = Person::new();
            person.set_zone(&zone);
            person.pass(31 * HOUR);
            person.post(punches);
            person
        };
        let (mut before, mut after) = (start(&punches), start(&others));
        before.pass(48 * HOUR);
        after.pass(48 * HOUR);
        after.post(&punches[late..=late]);
        prop_assert_eq!(content(&after), content(&before));
    }

    #[test]
    fn work_break_and_the_time_before_are_the_day(punches in punches(10, 11)) {
        let mut ann = Person::new();
        ann.pass(11 * HOUR);
        ann.post(&punches);
        let day = ann.day();
        let shown = day.standing();
        let first = shown.shown(day.start()).next().map_or(ann.now, |(_, at)| at);
        let totals = day.totals(ann.now);
        prop_assert_eq!(first.0 + totals.work.0 + totals.breaks.0, ann.now.0.max(first.0));
    }
}
