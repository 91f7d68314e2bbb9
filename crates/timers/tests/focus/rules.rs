//! What commands do to focus sessions, one by one.

use timers::focus::{
    Ending, FocusCommand, FocusId, FocusRefusal, FocusSession, FocusStats, ImportedSession, OpenStatus,
    ReportedCounters, SessionChange, Spans,
};
use timers::{Board, Change, Decision, Limits, Millis, NodeId, Refusal, Scope, Timestamp, UserId};

use super::fixture::*;

fn end_with(id: FocusId, reported: ReportedCounters) -> FocusCommand {
    FocusCommand::End(id, Ending::Completed, reported, Spans::default())
}

fn change_of(ann: &Person, command: FocusCommand) -> Change {
    let Decision::Change(change) = ann.decide(&command.into()).unwrap() else { panic!("nothing changes") };
    change
}

#[test]
fn seconds_count_from_the_start_and_are_idle_strictly_more_than_15_s_after_the_last_activity() {
    let (mut ann, id) = Person::with_session();
    ann.pass(400);
    assert_eq!(ann.counted(id), [0, 0, 0], "a session counts from its start");
    ann.start(id, "c");
    for (millis, counted) in
        [(999, [0, 0, 0]), (1, [1, 1, 0]), (14_000, [15, 15, 0]), (1000, [16, 15, 1]), (999, [16, 15, 1])]
    {
        ann.pass(millis);
        assert_eq!(ann.counted(id), counted);
    }
    assert!(ann.session(id).is_idle_at(ann.now));
    // An activity 1 ms after a second makes the next fifteen active, not that one.
    ann.pass(2);
    ann.report(id, 0);
    assert_eq!(ann.counted(id), [17, 15, 2]);
    ann.pass(15_000 - 1);
    assert_eq!(ann.counted(id), [32, 30, 2]);
    ann.pass(1000);
    assert_eq!(ann.counted(id), [33, 30, 3]);
}

#[test]
fn a_tick_shows_what_is_counted_until_its_beat() {
    let (mut ann, id) = Person::with_session();
    ann.pass(300);
    assert_eq!(ann.session(id).tick_at(ann.now.beat().next()), None, "not tracked");
    ann.start(id, "c");
    let beat = ann.now.beat();
    let tick = |ann: &Person, beats: u64| {
        let tick = ann.session(id).tick_at(timers::Beat(beat.0 + beats))?;
        Some((tick.idle, numbers(tick.counters), tick.tab_switches))
    };
    assert_eq!(tick(&ann, 0), None, "the beat is before the start");
    assert_eq!(tick(&ann, 1), Some((false, [0, 0, 0], 0)));
    assert_eq!(tick(&ann, 16), Some((false, [15, 15, 0], 0)));
    assert_eq!(tick(&ann, 17), Some((true, [16, 15, 1], 0)));
    ann.pass(5000);
    ann.apply(FocusCommand::SwitchTab(id)).unwrap();
    assert_eq!(tick(&ann, 17), Some((true, [16, 15, 1], 1)), "a tab switch is no activity");
    ann.drop_socket(id, "c");
    assert_eq!(tick(&ann, 17), None, "no socket tracks it");
    assert!(!ann.board.ticks() && !ann.session(id).is_idle_at(ann.now + Millis(60_000)));
}

#[test]
fn a_socket_can_return_within_30_s_and_keeps_the_rhythm() {
    for (gone_for, counted) in [(30_000, [36, 36 - 10, 10]), (30_001, [11, 11, 0])] {
        let (mut ann, id) = Person::with_session();
        ann.start(id, "a");
        ann.pass(5500);
        ann.report(id, 0);
        ann.drop_socket(id, "a");
        ann.pass(gone_for);
        assert_eq!(ann.counted(id)[0], 5, "the clock stands still");
        assert!(!ann.session(id).is_tracked() && ann.session(id).status == OpenStatus::Active);
        ann.start(id, "b");
        // Seconds 21 to 35 of the rhythm are idle but those until the return.
        let before = ann.counted(id);
        assert_eq!(before[0], if gone_for == 30_000 { 35 } else { 5 });
        ann.pass(if gone_for == 30_000 { 500 } else { 6000 });
        let after = ann.counted(id);
        assert_eq!(after, if gone_for == 30_000 { [36, 21, 15] } else { counted });
    }
}

#[test]
fn nothing_is_due_while_a_socket_tracks_and_the_end_of_a_return_is_a_deadline() {
    let (mut ann, id) = Person::with_session();
    ann.start(id, "a");
    ann.start(id, "b");
    assert_eq!(ann.board.deadline(&ann.limits), None);
    ann.pass(2000);
    ann.drop_socket(id, "a");
    assert!(ann.session(id).is_tracked(), "the other socket is there");
    ann.pass(2000);
    ann.drop_socket(id, "b");
    assert_eq!(ann.board.deadline(&ann.limits), Some(ann.now + Millis(30_001)));
    ann.pass(30_001);
    assert_eq!((ann.board.deadline(&ann.limits), ann.session(id).tracking.is_none()), (None, true));
    ann.pass(HOUR);
    assert_eq!(ann.counted(id), [4, 4, 0]);
    assert!(!ann.apply(FocusCommand::Disconnect(id, tracker("b"), None, Spans::default())).unwrap());
}

#[test]
fn two_sockets_are_counted_once_and_a_repeated_start_is_activity() {
    let (mut ann, id) = Person::with_session();
    ann.start(id, "a");
    ann.pass(10_500);
    ann.start(id, "b");
    ann.pass(10_000);
    ann.start(id, "b");
    assert_eq!(ann.session(id).trackers.len(), 2);
    ann.pass(16_000);
    assert_eq!(ann.counted(id), [36, 35, 1]);
}

#[test]
fn a_socket_tracks_one_session() {
    let (mut ann, first) = Person::with_session();
    let second = ann.create("10");
    ann.start(first, "a");
    ann.pass(3000);
    ann.start(second, "a");
    assert!(!ann.session(first).is_tracked() && ann.session(second).is_tracked());
    ann.pass(2000);
    assert_eq!((ann.counted(first), ann.counted(second)), ([3, 3, 0], [2, 2, 0]));
}

#[test]
fn a_pause_stops_counting_and_a_start_or_a_request_resumes() {
    let (mut ann, id) = Person::with_session();
    ann.start(id, "a");
    ann.pass(4700);
    ann.set_status(id, OpenStatus::Paused);
    assert_eq!((ann.session(id).status, ann.session(id).is_tracked_by(&tracker("a"))), (OpenStatus::Paused, true));
    ann.pass(MINUTE);
    assert_eq!(ann.apply(FocusCommand::SwitchTab(id)), Err(FocusRefusal::NotTracked));
    assert_eq!(ann.counted(id), [4, 4, 0]);
    ann.set_status(id, OpenStatus::Active);
    ann.pass(16_000);
    assert_eq!(ann.counted(id), [20, 19, 1], "the rhythm begins anew, with an activity");
    ann.set_status(id, OpenStatus::Paused);
    ann.pass(MINUTE);
    ann.start(id, "b");
    assert_eq!(ann.session(id).status, OpenStatus::Active);
    ann.pass(1000);
    assert_eq!(ann.counted(id), [21, 20, 1]);
    // Nobody is there to count for.
    ann.set_status(id, OpenStatus::Paused);
    ann.drop_socket(id, "a");
    ann.drop_socket(id, "b");
    ann.set_status(id, OpenStatus::Active);
    ann.pass(MINUTE);
    assert_eq!(ann.counted(id), [21, 20, 1]);
}

#[test]
fn a_pause_within_a_gap_closes_at_the_drop() {
    let (mut ann, id) = Person::with_session();
    ann.start(id, "a");
    ann.pass(4000);
    ann.drop_socket(id, "a");
    ann.pass(4000);
    ann.set_status(id, OpenStatus::Paused);
    assert_eq!(ann.counted(id), [4, 4, 0]);
    ann.start(id, "a");
    ann.pass(1000);
    assert_eq!(ann.counted(id), [5, 5, 0]);
}

#[test]
fn activity_that_was_reported_after_a_pause_counts_before_it() {
    let (mut ann, id) = Person::with_session();
    ann.start(id, "a");
    ann.pass(20_000);
    ann.set_status(id, OpenStatus::Paused);
    assert_eq!(ann.counted(id), [20, 15, 5]);
    ann.pass(2000);
    ann.report(id, 5500);
    assert_eq!(ann.counted(id), [20, 19, 1]);
    // Of the time of the pause nothing counts, and nothing of the future.
    ann.report(id, 500);
    ann.apply(FocusCommand::Report(id, Spans::at(ann.now + Millis(HOUR)))).unwrap();
    assert_eq!(ann.counted(id), [20, 19, 1]);
}

#[test]
fn the_sockets_of_a_dead_node_go_when_it_was_last_known_to_live() {
    let (mut ann, id) = Person::with_session();
    ann.start(id, "dead/a");
    ann.pass(10_000);
    let renewed_at = ann.now;
    ann.pass(9000);
    let remove = FocusCommand::RemoveNode(NodeId::new("dead").unwrap(), renewed_at);
    let mut removed = ann.clone();
    assert!(removed.apply(remove.clone()).unwrap() && !removed.apply(remove.clone()).unwrap());
    assert_eq!(removed.counted(id), [10, 10, 0]);
    // A report shows that the node lived longer.
    let mut reported = ann.clone();
    reported.report(id, 7000);
    reported.apply(remove.clone()).unwrap();
    assert_eq!(reported.counted(id), [12, 12, 0]);
    let mut switched = ann.clone();
    switched.apply(FocusCommand::SwitchTab(id)).unwrap();
    switched.apply(remove.clone()).unwrap();
    assert_eq!(switched.counted(id), [19, 15, 4]);
    // A socket on another node goes on.
    ann.start(id, "other/b");
    ann.apply(remove).unwrap();
    assert!(ann.session(id).is_tracked());
    ann.pass(1000);
    assert_eq!(ann.counted(id)[0], 20);
    // One that was removed late is not forgotten for a minute.
    assert!(removed.session(id).tracking.is_some());
    removed.pass(30_000);
    assert!(removed.session(id).tracking.is_none());
}

#[test]
fn an_ending_is_scored_and_a_second_one_changes_nothing() {
    let (mut ann, id) = Person::with_session();
    ann.start(id, "a");
    ann.pass(10_000);
    ann.apply(FocusCommand::SwitchTab(id)).unwrap();
    // Activity that the socket has not reported goes with the stop.
    ann.pass(12 * MINUTE - 10_000);
    let spans = Spans::try_from(vec![(NOON, ann.now).into()]).unwrap();
    ann.apply(FocusCommand::End(id, Ending::Completed, ReportedCounters::default(), spans)).unwrap();
    let ended = ann.ended(id).unwrap();
    assert_eq!((numbers(ended.counters), ended.focus_score), ([720, 720, 0], 46), "48 % less 2 for a tab switch");
    assert_eq!((ended.created_at, ended.started_at, ended.ended_at), (NOON, NOON, ann.now));
    assert_eq!(ann.history[&id.row_id()].terms, [Ending::Completed.term()]);
    assert_eq!(ann.history[&id.row_id()].at, NOON, "lists are by creation");
    assert_eq!(ann.stats().score_of(id), Some(46));
    let before = ann.clone();
    ann.pass(MINUTE);
    for again in [Ending::Completed, Ending::Abandoned] {
        let reported = ReportedCounters { elapsed: Some(9000), ..ReportedCounters::default() };
        let end = FocusCommand::End(id, again, reported, Spans::at(ann.now));
        assert_eq!(ann.decide(&end.into()), Ok(Decision::Nothing));
    }
    assert_eq!((ann.history, ann.board), (before.history, before.board));
}

#[test]
fn a_stop_and_a_request_at_the_same_instant_count_once() {
    let (mut ann, id) = Person::with_session();
    ann.start(id, "a");
    ann.pass(MINUTE);
    let stale = ann.clone();
    ann.end(id, Ending::Completed);
    // The other node has decided on the old board; its commit is refused, and it decides again.
    assert!(stale.decide(&end_with(id, ReportedCounters::default()).into()).is_ok());
    assert_eq!(ann.decide(&end_with(id, ReportedCounters::default()).into()), Ok(Decision::Nothing));
    assert_eq!(ann.stats().completed, 1);
}

#[test]
fn every_ending_is_in_the_statistics_and_only_completed_ones_in_streaks() {
    let mut ann = Person::new();
    for (nth, ending) in Ending::ALL.into_iter().enumerate() {
        let id = ann.create("1");
        ann.start(id, "a");
        ann.pass(15_000);
        assert_eq!(ann.end(id, ending).focus_score, 25);
        assert_eq!(ann.stats().score_sum, 25 * (nth as u64 + 1));
    }
    let stats = ann.stats();
    assert_eq!((stats.completed, stats.active_seconds, stats.focus_minutes()), (1, 45, 1));
    ann.limits.focus.score_max = Some(10);
    let id = ann.create("1");
    ann.start(id, "a");
    ann.pass(15_000);
    assert_eq!(ann.end(id, Ending::Completed).focus_score, 10);
}

#[test]
fn counters_of_the_client_count_only_without_a_socket_and_are_clamped() {
    let reported = |elapsed, active, idle, tab_switches| ReportedCounters { elapsed, active, idle, tab_switches };
    for (given, expected) in [
        (reported(Some(50), Some(40), Some(10), Some(3)), ([50, 40, 10], 3)),
        (reported(Some(9999), Some(9999), Some(9999), None), ([60, 60, 0], 0)),
        (reported(Some(9999), Some(20), Some(9999), None), ([60, 20, 40], 0)),
        (reported(Some(50), Some(20), Some(1), None), ([50, 20, 1], 0)),
        (reported(None, Some(20), Some(1), None), ([0, 0, 0], 0)),
        (reported(Some(u64::MAX), Some(u64::MAX), Some(u64::MAX), Some(u64::MAX)), ([60, 60, 0], (1 << 53) - 1)),
        (reported(None, None, None, None), ([0, 0, 0], 0)),
    ] {
        let (mut ann, id) = Person::with_session();
        ann.pass(MINUTE + 999);
        ann.apply(end_with(id, given)).unwrap();
        let ended = ann.ended(id).unwrap();
        assert_eq!((numbers(ended.counters), ended.tab_switches), expected, "{given:?}");
        let (mut ann, id) = Person::with_session();
        ann.start(id, "a");
        ann.pass(2000);
        ann.drop_socket(id, "a");
        ann.pass(MINUTE);
        ann.apply(end_with(id, given)).unwrap();
        let ended = ann.ended(id).unwrap();
        assert_eq!((numbers(ended.counters), ended.tab_switches), ([2, 2, 0], 0), "tracked: {given:?}");
    }
}

#[test]
fn an_update_changes_texts_and_target_before_and_after_the_end() {
    let change = |subject: &str, content_id: Option<&str>| SessionChange {
        subject: Some(subject.to_owned()),
        content_id: Some(content_id.map(str::to_owned)),
        target_minutes: Some(serde_json::from_str("50").unwrap()),
        status: Some(OpenStatus::Active),
    };
    let (mut ann, id) = Person::with_session();
    ann.start(id, "a");
    ann.pass(15 * SECOND);
    assert!(ann.apply(FocusCommand::Update(id, change("Maths", Some("c")))).unwrap());
    assert!(!ann.apply(FocusCommand::Update(id, change("Maths", Some("c")))).unwrap(), "nothing differs");
    assert!(!ann.apply(FocusCommand::Update(id, SessionChange::default())).unwrap());
    let session = ann.session(id);
    assert_eq!((session.subject.as_str(), session.content_id.as_deref()), ("Maths", Some("c")));
    assert_eq!((session.target_minutes.as_f64(), session.updated_at), (50.0, ann.now));
    let ended = ann.end(id, Ending::Abandoned);
    let stats = ann.stats();
    ann.pass(MINUTE);
    let paused = SessionChange { status: Some(OpenStatus::Paused), ..change("Physics", None) };
    assert!(ann.apply(FocusCommand::Update(id, paused)).unwrap());
    let changed = ann.ended(id).unwrap();
    assert_eq!((changed.subject.as_str(), &changed.content_id, changed.updated_at), ("Physics", &None, ann.now));
    assert_eq!(
        (changed.ending, changed.focus_score, changed.ended_at),
        (ended.ending, ended.focus_score, ended.ended_at)
    );
    assert_eq!(ann.stats(), stats);
    assert!(ann.board.get::<FocusSession>(&id).is_none(), "nothing is reopened");
}

#[test]
fn a_session_that_is_unknown_or_has_ended_is_told_apart() {
    let (mut ann, ended) = Person::with_session();
    ann.end(ended, Ending::Cancelled);
    let unknown: FocusId = "507f1f77bcf86cd799439011".parse().unwrap();
    let start = |id| FocusCommand::Start(id, tracker("a"));
    assert_eq!(ann.apply(start(ended)), Err(FocusRefusal::Ended));
    let switch = FocusCommand::SwitchTab;
    for (command, refusal) in [
        (start(unknown), FocusRefusal::Unknown),
        (end_with(unknown, ReportedCounters::default()), FocusRefusal::Unknown),
        (FocusCommand::Update(unknown, SessionChange::default()), FocusRefusal::Unknown),
        (FocusCommand::Delete(unknown), FocusRefusal::Unknown),
        (switch(unknown), FocusRefusal::NotTracked),
        (switch(ended), FocusRefusal::NotTracked),
    ] {
        assert_eq!(ann.apply(command.clone()), Err(refusal), "{command:?}");
    }
    // Late commands have no effect.
    for id in [unknown, ended] {
        assert!(!ann.apply(FocusCommand::Report(id, Spans::at(ann.now))).unwrap());
        assert!(!ann.apply(FocusCommand::Disconnect(id, tracker("a"), None, Spans::default())).unwrap());
    }
}

#[test]
fn a_deleted_session_is_in_no_list_and_no_statistics() {
    let (mut ann, id) = Person::with_session();
    ann.start(id, "a");
    assert!(ann.apply(FocusCommand::Delete(id)).unwrap());
    assert!(ann.board.items.is_empty() && ann.history.is_empty());
    let id = ann.create("1");
    ann.start(id, "a");
    ann.pass(MINUTE);
    ann.end(id, Ending::Completed);
    assert!(ann.apply(FocusCommand::Delete(id)).unwrap());
    assert_eq!(ann.apply(FocusCommand::Delete(id)), Err(FocusRefusal::Unknown));
    assert!(ann.history.is_empty());
    assert_eq!(ann.stats(), FocusStats::default());
}

#[test]
fn the_oldest_session_that_no_socket_tracks_makes_room_for_a_new_one() {
    let mut ann = Person::new();
    ann.limits.focus.open_sessions = 3;
    let first = ann.create("25");
    ann.pass(MINUTE);
    // The order is that of the creation, not that of the ids.
    let second = "ffffffffffffffffffffffff".parse().unwrap();
    let new = timers::focus::NewSession { id: second, ..ann.new_session("25") };
    ann.apply(FocusCommand::Create(new)).unwrap();
    ann.pass(MINUTE);
    let third = ann.create("25");
    ann.start(first, "a");
    let fourth = ann.create("25");
    let ended = ann.ended(second).unwrap();
    assert_eq!((ended.ending, ended.focus_score, ann.stats().completed), (Ending::Abandoned, 0, 0));
    ann.start(third, "b");
    ann.start(fourth, "c");
    let refused = ann.new_session("25");
    assert_eq!(ann.apply(FocusCommand::Create(refused)), Err(FocusRefusal::TooManySessions(3)));
    // A lowered limit is reached again step by step.
    let mut ann = Person::new();
    for _ in 0..250 {
        ann.create("25");
    }
    ann.limits.focus.open_sessions = 2;
    for left in [151, 52, 2, 2] {
        ann.create("25");
        assert_eq!(ann.board.all::<FocusSession>().count(), left);
    }
}

#[test]
fn ids_are_used_once_and_texts_and_sockets_are_bounded() {
    let (mut ann, id) = Person::with_session();
    let same = FocusCommand::Create(timers::focus::NewSession { id, ..ann.new_session("25") });
    assert_eq!(ann.apply(same.clone()), Err(FocusRefusal::IdTaken));
    ann.end(id, Ending::Completed);
    assert_eq!(ann.apply(same), Err(FocusRefusal::IdTaken));
    let mut long = ann.new_session("25");
    long.subject = "é".repeat(501);
    assert_eq!(ann.apply(FocusCommand::Create(long.clone())), Err(FocusRefusal::TextTooLong(500)));
    long.subject.pop();
    long.subject.pop();
    long.content_id = Some("x".repeat(501));
    assert_eq!(ann.apply(FocusCommand::Create(long.clone())), Err(FocusRefusal::TextTooLong(500)));
    long.content_id = Some("x".repeat(500));
    let id = long.id;
    ann.apply(FocusCommand::Create(long)).unwrap();
    let change = SessionChange { subject: Some("x".repeat(501)), ..SessionChange::default() };
    assert_eq!(ann.apply(FocusCommand::Update(id, change)), Err(FocusRefusal::TextTooLong(500)));
    (0..64).for_each(|nth| ann.start(id, &format!("c{nth}")));
    let start = |name| FocusCommand::Start(id, tracker(name));
    assert_eq!(ann.apply(start("one-more")), Err(FocusRefusal::TooManySockets(64)));
    assert!(ann.apply(start("c0")).is_ok(), "a socket that tracks it can start again");
}

/// The store's clock was set back an hour: cluster time goes on, and dates go back.
#[test]
fn seconds_are_counted_in_cluster_time_and_dates_are_dates() {
    let (mut ann, id) = Person::with_session();
    ann.start(id, "a");
    ann.pass(10 * SECOND);
    (ann.now, ann.ahead) = (ann.now - Millis(HOUR), Millis(HOUR));
    ann.pass(5 * SECOND);
    assert_eq!(ann.counted(id), [15, 15, 0]);
    let moved = ann.board.moved_back(ann.ahead);
    let shown = moved.get::<FocusSession>(&id).unwrap();
    assert_eq!((numbers(shown.counters_at(ann.now)), shown.created_at), ([15, 15, 0], NOON));
    let ended = ann.end(id, Ending::Completed);
    assert_eq!((numbers(ended.counters), ended.ended_at), ([15, 15, 0], ann.now));
    // A session that was never tracked cannot be longer than nothing.
    let (mut ann, id) = Person::with_session();
    (ann.now, ann.ahead) = (ann.now - Millis(HOUR), Millis(HOUR));
    ann.apply(end_with(id, ReportedCounters { elapsed: Some(60), ..ReportedCounters::default() })).unwrap();
    assert_eq!(numbers(ann.ended(id).unwrap().counters), [0, 0, 0]);
}

#[test]
fn an_import_can_be_repeated_and_keeps_what_was_changed_later() {
    let mut elsewhere = Person::new();
    let ids: Vec<FocusId> = (0..3).map(|_| elsewhere.create("25")).collect();
    for id in &ids[..2] {
        elsewhere.start(*id, "a");
        elsewhere.pass(10 * MINUTE);
        elsewhere.end(*id, Ending::Completed);
    }
    let open = elsewhere.session(ids[2]).clone();
    let sessions = vec![
        ImportedSession::Ended(elsewhere.ended(ids[1]).unwrap()),
        ImportedSession::Ended(elsewhere.ended(ids[0]).unwrap()),
        ImportedSession::Open(open),
    ];
    let import = || FocusCommand::Import(sessions.clone());
    let mut ann = Person::new();
    ann.now = elsewhere.now + Millis(HOUR);
    assert!(ann.apply(import()).unwrap() && !ann.apply(import()).unwrap());
    let of = |person: &Person| {
        let stats = person.stats();
        (stats.score_sum, stats.completed, stats.active_seconds, stats.completions)
    };
    assert_eq!((of(&ann), ann.history.clone()), (of(&elsewhere), elsewhere.history.clone()));
    // The person goes on here.
    ann.start(ids[2], "b");
    ann.pass(MINUTE);
    ann.end(ids[2], Ending::Completed);
    let change = SessionChange { subject: Some("Maths".to_owned()), ..SessionChange::default() };
    ann.apply(FocusCommand::Update(ids[0], change)).unwrap();
    assert!(!ann.apply(import()).unwrap());
    // A session that has ended elsewhere since takes the place of the open one.
    let mut late = Person::new();
    late.now = elsewhere.now;
    late.apply(import()).unwrap();
    elsewhere.pass(MINUTE);
    let change = SessionChange { subject: Some("Maths".to_owned()), ..SessionChange::default() };
    elsewhere.apply(FocusCommand::Update(ids[2], change)).unwrap();
    let later = ImportedSession::Open(elsewhere.session(ids[2]).clone());
    assert!(late.apply(FocusCommand::Import(vec![later])).unwrap(), "one that has gone on elsewhere replaces it");
    assert_eq!(late.apply(import()), Ok(false));
    assert_eq!(late.session(ids[2]).subject, "Maths");
    elsewhere.pass(MINUTE);
    elsewhere.end(ids[2], Ending::Cancelled);
    let ended = ImportedSession::Ended(elsewhere.ended(ids[2]).unwrap());
    late.apply(FocusCommand::Import(vec![ended.clone(), ended])).unwrap();
    assert_eq!((of(&late), late.board.get::<FocusSession>(&ids[2])), (of(&elsewhere), None));
    late.limits.focus.open_sessions = 0;
    let open = ImportedSession::Open(Person::with_session().0.board.all::<FocusSession>().next().unwrap().clone());
    late.history.clear();
    assert_eq!(late.apply(FocusCommand::Import(vec![open])), Err(FocusRefusal::TooManySessions(0)));
}

#[test]
fn a_scope_of_focus_sessions_is_read_back_and_kept_when_empty() {
    let scope = Scope::focus(&UserId::new("ann").unwrap());
    assert_eq!((scope.to_string().as_str(), scope.to_string().parse()), ("focus:ann", Ok(scope.clone())));
    assert!(!scope.kind().expires_when_empty() && scope.as_user().is_none());
    // The board of another version's scope is untouched by a command that finds nothing on it.
    let (board, stored) = (Board::empty(scope), timers::StoredRows::default());
    let remove = FocusCommand::RemoveNode(NodeId::new("n").unwrap(), NOON).into();
    let decided = timers::decide(&board, &stored, &remove, timers::CommandId(1), Timestamp(5), &Limits::default());
    assert_eq!(decided, Ok::<_, Refusal>(Decision::Nothing));
}

#[test]
fn one_report_writes_one_small_item() {
    let (mut ann, id) = Person::with_session();
    ann.start(id, "a");
    ann.pass(5000);
    let change = change_of(&ann, FocusCommand::Report(id, Spans::at(ann.now)));
    assert_eq!((change.put.len(), change.removed.len(), change.archive.len()), (1, 0, 0));
    assert_eq!(change.deadline, timers::DeadlineMove::Keep);
    let bytes: usize = change.put.values().map(|item| item.encode().len()).sum();
    assert!(bytes < 700, "{bytes} bytes");
}

#[test]
fn activity_of_the_future_counts_as_that_of_now() {
    let (mut ann, id) = Person::with_session();
    ann.start(id, "a");
    ann.pass(10_500);
    let spans = Spans::try_from(vec![
        (ann.now, ann.now + Millis(5)).into(),
        (ann.now + Millis(HOUR), ann.now + Millis(HOUR)).into(),
    ]);
    ann.apply(FocusCommand::Report(id, spans.unwrap())).unwrap();
    assert_eq!(ann.session(id).tracking.as_ref().unwrap().spans.last(), Some(ann.now));
    ann.pass(20_000);
    assert_eq!(ann.counted(id), [30, 25, 5]);
}

#[test]
fn a_flood_of_activity_in_a_gap_stays_small_and_counts_nothing_beyond_the_end() {
    let (mut ann, id) = Person::with_session();
    ann.limits.focus.idle_after = Millis(0);
    ann.start(id, "a");
    ann.pass(5000);
    ann.drop_socket(id, "a");
    for _ in 0..100 {
        ann.pass(200);
        ann.report(id, 0);
    }
    let interval = ann.session(id).tracking.as_ref().unwrap();
    assert!(interval.spans.len() <= 32, "{} spans", interval.spans.len());
    assert_eq!(ann.counted(id), [5, 0, 5]);
    ann.start(id, "a");
    let [elapsed, active, idle] = ann.counted(id);
    assert_eq!((elapsed, active + idle), (25, 25));
}
