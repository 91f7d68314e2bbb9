//! Outages of the store: a node that loses its lease, and whose sockets have tracked their session all the time.

use proptest::prelude::*;
use timers::focus::{Ending, FocusCommand, FocusRefusal, OpenStatus, Spans};
use timers::{Millis, NodeId, Timestamp};

use super::fixture::*;

/// The lease of `n` ends with the store away: its sockets are removed, and return under another name.
fn lose_lease(ann: &mut Person, alive_until: Timestamp) {
    let node = NodeId::new("n").unwrap();
    assert!(ann.apply(FocusCommand::RemoveNode(node, alive_until)).unwrap());
}

fn rejoin(ann: &mut Person, id: timers::focus::FocusId, since: Timestamp) {
    assert!(ann.apply(FocusCommand::Rejoin(id, tracker("m/a"), since)).unwrap());
}

#[test]
fn a_socket_that_was_taken_for_dead_goes_on_without_a_gap_and_without_activity() {
    for outage in [1000, 29_000, 31_000, 40_000, 300_000] {
        let (mut ann, id) = Person::with_session();
        ann.start(id, "n/a");
        let since = ann.now;
        ann.pass(10_000);
        let alive_until = ann.now;
        ann.pass(outage);
        lose_lease(&mut ann, alive_until);
        ann.pass(1500);
        rejoin(&mut ann, id, since);
        let seconds = (10_000 + outage + 1500) / 1000;
        let active = seconds.min(15);
        assert_eq!(ann.counted(id), [seconds, active, seconds - active], "{outage}");
        assert!(ann.session(id).is_tracked_by(&tracker("m/a")) && ann.session(id).trackers.len() == 1);
        assert!(!ann.apply(FocusCommand::Rejoin(id, tracker("m/a"), since)).unwrap(), "a repetition changes nothing");
    }
}

#[test]
fn a_pause_stays_a_pause_and_an_end_an_end() {
    let (mut ann, id) = Person::with_session();
    ann.start(id, "n/a");
    let since = ann.now;
    ann.pass(5000);
    ann.set_status(id, OpenStatus::Paused);
    lose_lease(&mut ann, since);
    ann.pass(60_000);
    rejoin(&mut ann, id, since);
    ann.pass(5000);
    assert_eq!(ann.counted(id)[0], 5);
    ann.set_status(id, OpenStatus::Active);
    ann.pass(3000);
    assert_eq!(ann.counted(id)[0], 8, "the socket tracks it again");
    ann.end(id, Ending::Completed);
    let late = ann.apply(FocusCommand::Rejoin(id, tracker("m/a"), since));
    assert_eq!(late, Err(FocusRefusal::Ended));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn counters_after_an_outage_are_those_without_one(
        activity in proptest::collection::vec(1..200_000_u64, 0..12),
        outage in 1000..120_000_u64, until_seen in 0..40_000_u64, until_back in 0..20_000_u64, rest in 0..60_000_u64,
    ) {
        let (mut ann, id) = Person::with_session();
        ann.start(id, "n/a");
        let since = ann.now;
        let mut undisturbed = ann.clone();
        let lost_at = outage + until_seen;
        let back_at = lost_at + until_back;
        let mut spans = Spans::default();
        activity.iter().for_each(|at| spans.record(since + Millis(*at), Millis(1000)));
        ann.pass(lost_at);
        lose_lease(&mut ann, since + Millis(outage));
        ann.pass(until_back);
        rejoin(&mut ann, id, since);
        ann.pass(rest);
        undisturbed.pass(back_at + rest);
        for person in [&mut ann, &mut undisturbed] {
            person.apply(FocusCommand::Report(id, spans.clone())).unwrap();
        }
        prop_assert_eq!(ann.counted(id), undisturbed.counted(id));
        let ended = [&mut ann, &mut undisturbed].map(|person| person.end(id, Ending::Completed));
        prop_assert_eq!(ended[0].counters, ended[1].counters);
    }
}
