//! Properties of spans of activity, and of their coalescing.

use proptest::prelude::*;
use timers::focus::{Ending, FocusCommand, Span, Spans};
use timers::{Millis, Timestamp};

use super::fixture::*;

const GAP: Millis = Millis(15_000);

/// Activity as milliseconds after noon, in any order.
fn instants(count: usize, until: u64) -> impl Strategy<Value = Vec<u64>> {
    proptest::collection::vec(0..until, 0..count)
}

fn recorded(instants: &[u64], gap: Millis) -> Spans {
    let mut spans = Spans::default();
    instants.iter().for_each(|at| spans.record(NOON + Millis(*at), gap));
    spans
}

fn united(parts: &[&Spans]) -> Spans {
    let mut whole = Spans::default();
    parts.iter().for_each(|part| whole.unite(part.as_slice().to_vec(), GAP));
    whole
}

/// Active and idle seconds of an interval that begins at noon, counted one by one.
fn counted(activity: &[u64], seconds: u64) -> [u64; 3] {
    let is_active = |second: &u64| {
        let at = second * SECOND;
        activity.iter().chain(&[0]).filter(|active| **active <= at).max().is_some_and(|last| at - last <= GAP.0)
    };
    let active = (1..=seconds).filter(is_active).count() as u64;
    [seconds, active, seconds - active]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_union_of_spans_is_commutative_associative_and_idempotent(
        first in instants(12, 600_000), second in instants(12, 600_000), third in instants(12, 600_000),
    ) {
        let [a, b, c] = [&first, &second, &third].map(|instants| recorded(instants, GAP));
        prop_assert_eq!(united(&[&a, &b]), united(&[&b, &a]));
        prop_assert_eq!(united(&[&united(&[&a, &b]), &c]), united(&[&a, &united(&[&b, &c])]));
        prop_assert_eq!(&united(&[&a, &a]), &a);
        let mut all: Vec<u64> = [first, second, third].concat();
        prop_assert_eq!(united(&[&c, &a, &b]), recorded(&all, GAP));
        all.sort_unstable();
        prop_assert_eq!(united(&[&a, &b, &c]), recorded(&all, GAP));
        // Apart, in order, and each begins and ends with an activity.
        let whole = united(&[&a, &b, &c]);
        prop_assert!(whole.as_slice().windows(2).all(|pair| pair[0].last + GAP < pair[1].first));
        let is_activity = |at: Timestamp| all.contains(&(at.0 - NOON.0));
        let are_bounds_activity = whole.as_slice().iter().all(|span: &Span| is_activity(span.first) && is_activity(span.last));
        prop_assert!(are_bounds_activity);
    }

    #[test]
    fn reports_in_any_order_with_any_repetition_give_the_same_seconds(
        activity in instants(40, 400_000), order in any::<u64>(), repeated in 0..40_usize,
    ) {
        let (mut ann, id) = Person::with_session();
        ann.start(id, "c");
        ann.pass(400 * SECOND);
        let mut reported = activity.clone();
        reported.extend(activity.iter().take(repeated));
        reported.sort_by_key(|at| (at + 1).wrapping_mul(order | 1));
        for at in reported {
            ann.report(id, 400 * SECOND - at);
        }
        prop_assert_eq!(ann.counted(id), counted(&activity, 400));
    }

    #[test]
    fn coalescing_changes_no_result(pauses in proptest::collection::vec(prop_oneof![6 => 1..900_u64, 1 => 900..25_000_u64], 1..120)) {
        let (mut direct, id) = Person::with_session();
        direct.start(id, "c");
        let mut coalesced = direct.clone();
        let (mut unwritten, mut written_at, mut writes) = (Spans::default(), None::<Timestamp>, 0);
        for pause in &pauses {
            direct.pass(*pause);
            coalesced.now = direct.now;
            direct.report(id, 0);
            unwritten.record(direct.now, Millis(1000));
            // The first of 5 s is written at once, the others with the next one after that, or with the end.
            if written_at.is_none_or(|at| direct.now.since(at) >= Millis(5000)) {
                written_at = Some(direct.now);
                writes += 1;
                coalesced.apply(FocusCommand::Report(id, std::mem::take(&mut unwritten))).unwrap();
            }
        }
        direct.pass(20 * SECOND);
        coalesced.now = direct.now;
        coalesced.apply(FocusCommand::End(id, Ending::Completed, Default::default(), unwritten)).unwrap();
        let ended = coalesced.ended(id).unwrap();
        prop_assert_eq!(numbers(ended.counters), direct.counted(id));
        prop_assert_eq!(&direct.end(id, Ending::Completed), &ended);
        prop_assert!(writes <= 1 + direct.now.since(NOON).0 / 5000);
    }

    #[test]
    fn an_interval_of_many_spans_stays_small_and_exact(
        pauses in proptest::collection::vec(14_000..40_000_u64, 40..120), late in proptest::collection::vec(0..60_000_u64, 8),
    ) {
        let (mut ann, id) = Person::with_session();
        ann.start(id, "c");
        let activity: Vec<u64> = pauses.iter().scan(0, |at, pause| { *at += pause; Some(*at) }).collect();
        let mut reports: Vec<(u64, u64)> =
            activity.iter().enumerate().map(|(nth, at)| (at + late[nth % late.len()], *at)).collect();
        reports.sort_unstable();
        for (arrives, at) in reports {
            ann.now = NOON + Millis(arrives);
            ann.report(id, arrives - at);
            let interval = ann.session(id).tracking.as_ref().unwrap();
            prop_assert!(interval.spans.len() <= 32);
        }
        let seconds = ann.now.since(NOON).0 / SECOND;
        prop_assert_eq!(ann.counted(id), counted(&activity, seconds));
    }
}
