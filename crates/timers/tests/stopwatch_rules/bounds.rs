//! Limits, deadlines and history rows.

use std::collections::BTreeSet;

use timers::stopwatch::{
    Finished, GOAL_BYTES_MAX, Start, Stopwatch, StopwatchCommand, StopwatchLimits, StopwatchRefusal,
};
use timers::{Command, CommandId, DeadlineMove, Decision, ROWS_MAX, Refusal, StoredRows, Timestamp, decide};

use super::fixture::{Fixture, goal, id, start, start_of};

const HOUR: u64 = 60 * 60 * 1000;

#[test]
fn every_limit_accepts_its_value_and_refuses_one_more() {
    let mut fixture = Fixture::new();
    fixture.limits.stopwatch =
        StopwatchLimits { label_chars: 3, comment_chars: 2, goals: 2, live_sessions: 2, ..StopwatchLimits::default() };
    let goals = |n: usize| Some((0..n).map(|i| goal(&i.to_string(), "t")).collect());
    let with = |change: fn(&mut Start)| {
        let mut start = start_of("a");
        change(&mut start);
        StopwatchCommand::Start(start)
    };
    for (edge, beyond, refusal) in [
        (
            with(|s| s.label = " ".into()),
            with(|s| s.label = String::new()),
            Refusal::Stopwatch(StopwatchRefusal::EmptyLabel),
        ),
        (
            with(|s| s.label = "äöü".into()),
            with(|s| s.label = "äöüx".into()),
            Refusal::Stopwatch(StopwatchRefusal::LabelTooLong(3)),
        ),
        (
            with(|s| s.comment = Some("ab".into())),
            with(|s| s.comment = Some("abc".into())),
            Refusal::Stopwatch(StopwatchRefusal::CommentTooLong(2)),
        ),
        (
            with(|s| s.group_name = Some("abc".into())),
            with(|s| s.group_name = Some("abcd".into())),
            Refusal::Stopwatch(StopwatchRefusal::GroupNameTooLong(3)),
        ),
        (
            StopwatchCommand::Start(Start { goals: goals(2), ..start_of("a") }),
            StopwatchCommand::Start(Start { goals: goals(3), ..start_of("a") }),
            Refusal::Stopwatch(StopwatchRefusal::TooManyGoals(2)),
        ),
    ] {
        assert_eq!(fixture.decide(0, beyond), Err(refusal));
        assert!(fixture.decide(0, edge.clone()).is_ok(), "{edge:?}");
    }
    fixture.apply(0, StopwatchCommand::Start(Start { goals: goals(2), ..start_of("a") }));
    assert_eq!(
        fixture.decide(0, StopwatchCommand::Attach(id("a"), goal("x", "t"))),
        Err(Refusal::Stopwatch(StopwatchRefusal::TooManyGoals(2)))
    );
    assert!(fixture.decide(0, StopwatchCommand::Attach(id("a"), goal("1", "replaced"))).is_ok());
    assert_eq!(
        fixture.decide(0, StopwatchCommand::Attach(id("a"), goal("1", &"x".repeat(5000)))),
        Err(Refusal::Stopwatch(StopwatchRefusal::GoalTooLarge))
    );
    let twice = Some(vec![goal("1", "t"), goal("1", "u")]);
    assert_eq!(
        fixture.decide(0, StopwatchCommand::Start(Start { goals: twice, ..start_of("b") })),
        Err(Refusal::Stopwatch(StopwatchRefusal::RepeatedGoal))
    );

    fixture.apply(0, start("b"));
    fixture.apply(0, StopwatchCommand::Pause(id("b")));
    assert_eq!(fixture.decide(1, start("c")), Err(Refusal::Stopwatch(StopwatchRefusal::TooManySessions(2))));
    assert!(fixture.decide(1, start("b")).is_ok(), "a live session can run again");
    fixture.apply(1, StopwatchCommand::Stop(id("b")));
    fixture.apply(1, start("c"));
    assert_eq!(
        fixture.decide(2, StopwatchCommand::Resume(id("b"))),
        Err(Refusal::Stopwatch(StopwatchRefusal::TooManySessions(2))),
        "stopped sessions do not count"
    );
}

#[test]
fn a_board_over_its_size_limit_can_only_shrink() {
    let mut fixture = Fixture::new();
    fixture.apply(0, StopwatchCommand::Start(Start { comment: Some("x".repeat(3000)), ..start_of("a") }));
    fixture.apply(0, start("b"));
    fixture.limits.stopwatch.board_bytes = 2000;
    assert_eq!(fixture.decide(1, start("c")), Err(Refusal::Stopwatch(StopwatchRefusal::BoardTooLarge(2000))));
    fixture.apply(1, StopwatchCommand::Pause(id("a")));
    fixture.apply(1, StopwatchCommand::Remove(id("a")));
    fixture.apply(2, start("c"));
}

#[test]
fn only_the_newest_stopped_sessions_stay_on_the_list() {
    let mut fixture = Fixture::new();
    fixture.limits.stopwatch.stopped_sessions = 2;
    for (second, name) in ["a", "b", "c"].iter().enumerate() {
        fixture.apply(second as u64, start(name));
        fixture.apply(second as u64, StopwatchCommand::Stop(id(name)));
    }
    let names: Vec<&str> = fixture.board.all::<Stopwatch>().map(|session| session.id.as_str()).collect();
    assert_eq!(names, ["b", "c"]);
}

#[test]
fn a_stop_writes_a_history_row_and_a_later_stop_replaces_it() {
    let mut fixture = Fixture::new();
    fixture.apply(0, StopwatchCommand::Start(Start { goals: Some(vec![goal("g", "t")]), ..start_of("a") }));
    let first = fixture.apply(1_500, StopwatchCommand::Stop(id("a"))).archive.remove(0);
    fixture.apply(2_000, StopwatchCommand::Resume(id("a")));
    let second = fixture.apply(3_000, StopwatchCommand::Stop(id("a"))).archive.remove(0);
    assert_eq!(first.id, second.id);
    assert_eq!(second.at, fixture.at(3_000));
    let body = Finished::decode(second.body.as_str()).unwrap();
    assert_eq!((body.started, body.ended), (fixture.at(0), fixture.at(3_000)));
    assert_eq!(body.duration_seconds.unwrap().to_string(), "2.5");
    assert_eq!(body.goals.unwrap().as_str(), r#"[{"id":"g","title":"t"}]"#);
    assert!(fixture.apply(4_000, StopwatchCommand::Remove(id("a"))).archive.is_empty(), "the row outlives the session");
}

#[test]
fn repeated_rows_are_archived_once() {
    let mut fixture = Fixture::new();
    let row = |n: u64| Finished { started: Timestamp(n), ended: Timestamp(n + 1), ..Finished::default() }.row();
    let change = fixture.apply(0, StopwatchCommand::Ingest(vec![row(1), row(2), row(1)]));
    assert_eq!(change.archive.len(), 2);
    let command = Command::Stopwatch(StopwatchCommand::Ingest(vec![row(1), row(2)]));
    let all = StoredRows { existing: command.required_rows().existing.into_iter().collect(), ..StoredRows::default() };
    let again = decide(&fixture.board, &all, &command, CommandId(1), fixture.at(1), &fixture.limits);
    assert_eq!(again, Ok(Decision::Nothing));
    let half = StoredRows { existing: BTreeSet::from([row(1).id]), ..StoredRows::default() };
    let Ok(Decision::Change(change)) =
        decide(&fixture.board, &half, &command, CommandId(1), fixture.at(1), &fixture.limits)
    else {
        panic!("one row is new");
    };
    assert_eq!(change.archive[0].id, row(2).id);
}

#[test]
fn paused_and_stopped_sessions_are_removed_at_their_deadlines_and_not_before() {
    for (hold, hours) in [(StopwatchCommand::Pause(id("a")), 12), (StopwatchCommand::Stop(id("a")), 24)] {
        let mut fixture = Fixture::new();
        fixture.apply(0, start("a"));
        let held = fixture.apply(1_000, hold);
        let due = fixture.at(1_000 + hours * HOUR);
        assert_eq!(held.deadline, DeadlineMove::Set(due));
        let early = fixture.settle(Timestamp(due.0 - 1));
        assert_eq!((early.removed.len(), early.deadline), (0, DeadlineMove::Set(due)), "firing early moves the entry");
        let fired = fixture.settle(due);
        assert_eq!((fired.removed.len(), fired.deadline), (1, DeadlineMove::Clear));
    }
}

#[test]
fn a_command_sees_the_board_after_due_removals() {
    let mut fixture = Fixture::new();
    fixture.apply(0, start("a"));
    fixture.apply(0, StopwatchCommand::Pause(id("a")));
    fixture.apply(0, start("b"));
    assert_eq!(
        fixture.decide(12 * HOUR, StopwatchCommand::Resume(id("a"))),
        Err(Refusal::Stopwatch(StopwatchRefusal::UnknownSession))
    );
    let change = fixture.apply(12 * HOUR, StopwatchCommand::Pause(id("b")));
    assert_eq!(change.removed.len(), 1, "every change removes due sessions");
    assert_eq!(change.deadline, DeadlineMove::Set(fixture.at(24 * HOUR)));
}

#[test]
fn resume_clears_the_deadline() {
    let mut fixture = Fixture::new();
    fixture.apply(0, start("a"));
    fixture.apply(0, StopwatchCommand::Pause(id("a")));
    assert_eq!(fixture.apply(1, StopwatchCommand::Resume(id("a"))).deadline, DeadlineMove::Clear);
    assert_eq!(fixture.apply(2, StopwatchCommand::Attach(id("a"), goal("g", "t"))).deadline, DeadlineMove::Keep);
}

#[test]
fn a_history_row_has_the_texts_of_the_session() {
    let mut fixture = Fixture::new();
    let text = |text: &str| Some(text.to_owned());
    let start = Start { group_id: text("g"), group_name: text("Book"), comment: text("why"), ..start_of("a") };
    fixture.apply(0, StopwatchCommand::Start(start));
    let row = fixture.apply(2_000, StopwatchCommand::Stop(id("a"))).archive.remove(0);
    assert_eq!(row.id.as_str(), "session:a");
    let body = Finished::decode(row.body.as_str()).unwrap();
    assert_eq!((body.session, body.label), (Some(id("a")), text("a")));
    assert_eq!((body.group_id, body.group_name, body.comment), (text("g"), text("Book"), text("why")));
    assert_eq!(body.duration_seconds.unwrap().to_string(), "2");
}

#[test]
fn rows_and_goals_are_accepted_up_to_their_limits() {
    let fixture = Fixture::new();
    let rows = |n: usize| {
        let row =
            |n: usize| Finished { started: Timestamp(n as u64), ended: Timestamp(n as u64), ..Finished::default() };
        StopwatchCommand::Ingest((0..n).map(|n| row(n).row()).collect())
    };
    assert!(fixture.decide(0, rows(ROWS_MAX)).is_ok());
    assert_eq!(fixture.decide(0, rows(ROWS_MAX + 1)), Err(Refusal::Stopwatch(StopwatchRefusal::TooManyRows)));
    let frame = goal("g", "").json().as_str().len();
    let with = |bytes: usize| {
        StopwatchCommand::Start(Start { goals: Some(vec![goal("g", &"x".repeat(bytes - frame))]), ..start_of("a") })
    };
    assert!(fixture.decide(0, with(GOAL_BYTES_MAX)).is_ok());
    assert_eq!(fixture.decide(0, with(GOAL_BYTES_MAX + 1)), Err(Refusal::Stopwatch(StopwatchRefusal::GoalTooLarge)));
}
