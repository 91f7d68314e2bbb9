//! The rules of stopwatch sessions, one table each.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use timers::stopwatch::{Command as Ask, Finished, Goal, Phase, Start, Stopwatch};
use timers::{
    Board, Change, Command, CommandId, DeadlineMove, Decision, Event, GOAL_BYTES_MAX, GoalId, Known, Limits, Millis,
    Position, ROWS_MAX, RawJson, Refusal, Scope, SessionId, Tag, Timestamp, UserId, decide,
};

const HOUR: u64 = 60 * 60 * 1000;

#[test]
fn elapsed_is_the_sum_of_runs() {
    let mut desk = Desk::new();
    desk.does(0, start("a"));
    desk.does(1_500, Ask::Pause(id("a")));
    desk.does(9_000, Ask::Resume(id("a")));
    desk.does(9_250, Ask::Stop(id("a")));
    assert_eq!(desk.session("a").accumulated, Millis(1_750));
    assert_eq!(desk.session("a").started_at, desk.at(9_000), "resume rewrites the start of the run");
    assert_eq!(desk.session("a").first_started_at, desk.at(0));
}

#[test]
fn the_first_stop_wins() {
    let mut desk = Desk::new();
    desk.does(0, start("a"));
    desk.does(1_000, Ask::Stop(id("a")));
    assert_eq!(desk.asks(2_000, Ask::Stop(id("a"))), Ok(Decision::Nothing));
    assert_eq!(desk.session("a").phase, Phase::Stopped(desk.at(1_000)));
}

#[test]
fn what_is_so_already_changes_nothing() {
    let goal = goal("g", "title");
    let cases: [(&[Ask], Ask); 6] = [
        (&[start("a")], start("a")),
        (&[start("a"), Ask::Pause(id("a"))], Ask::Pause(id("a"))),
        (&[start("a"), Ask::Stop(id("a"))], Ask::Pause(id("a"))),
        (&[start("a")], Ask::Resume(id("a"))),
        (&[start("a"), Ask::Attach(id("a"), goal.clone())], Ask::Attach(id("a"), goal)),
        (&[start("a")], Ask::Detach(id("a"), GoalId::new("g").unwrap())),
    ];
    for (before, again) in cases {
        let mut desk = Desk::new();
        for (second, command) in before.iter().enumerate() {
            desk.does(second as u64 * 1000, command.clone());
        }
        assert_eq!(desk.asks(10_000, again.clone()), Ok(Decision::Nothing), "{again:?}");
    }
}

#[test]
fn a_start_of_a_running_session_keeps_its_time_and_rewrites_its_text() {
    let mut desk = Desk::new();
    desk.does(0, start("a"));
    desk.does(5_000, Ask::Start(Start { label: "new".into(), comment: Some("why".into()), ..start_of("a") }));
    let session = desk.session("a");
    assert_eq!((session.label.as_str(), session.comment.as_deref()), ("new", Some("why")));
    assert_eq!(session.started_at, desk.at(0));
    assert_eq!(session.elapsed_at(desk.at(6_000)), Millis(6_000));
}

#[test]
fn a_start_without_goals_keeps_those_there_are() {
    let mut desk = Desk::new();
    desk.does(0, Ask::Start(Start { goals: Some(vec![goal("g", "x")]), ..start_of("a") }));
    desk.does(1, Ask::Start(Start { label: "other".into(), ..start_of("a") }));
    assert_eq!(desk.session("a").goals.len(), 1);
    desk.does(2, Ask::Start(Start { goals: Some(Vec::new()), ..start_of("a") }));
    assert_eq!(desk.session("a").goals.len(), 0);
}

#[test]
fn a_start_of_a_stopped_or_paused_session_begins_another_run() {
    for hold in [Ask::Stop(id("a")), Ask::Pause(id("a"))] {
        let mut desk = Desk::new();
        desk.does(0, start("a"));
        desk.does(1_000, hold);
        desk.does(5_000, start("a"));
        let session = desk.session("a");
        assert!(session.is_running());
        assert_eq!((session.accumulated, session.started_at), (Millis(1_000), desk.at(5_000)));
    }
}

#[test]
fn resume_of_a_stopped_session_runs_it_again() {
    let mut desk = Desk::new();
    desk.does(0, start("a"));
    desk.does(1_000, Ask::Stop(id("a")));
    desk.does(2_000, Ask::Resume(id("a")));
    assert_eq!(desk.session("a").phase, Phase::Running);
    assert_eq!(desk.session("a").accumulated, Millis(1_000));
}

#[test]
fn stop_of_a_paused_session_keeps_its_sum_and_is_no_longer_paused() {
    let mut desk = Desk::new();
    desk.does(0, start("a"));
    desk.does(1_000, Ask::Pause(id("a")));
    desk.does(7_000, Ask::Stop(id("a")));
    assert_eq!(desk.session("a").phase, Phase::Stopped(desk.at(7_000)));
    assert_eq!(desk.session("a").accumulated, Millis(1_000));
}

#[test]
fn a_session_without_an_id_gets_the_same_one_for_the_same_commit() {
    let desk = Desk::new();
    let command = Ask::Start(Start { session: None, ..start_of("a") });
    let made = desk.board.position.revision.next();
    let named = command.session(&desk.board.scope, CommandId(7), made).unwrap();
    assert_eq!(command.session(&desk.board.scope, CommandId(7), made), Some(named.clone()));
    assert_ne!(command.session(&desk.board.scope, CommandId(7), made.next()), Some(named.clone()));
    assert_ne!(command.session(&desk.board.scope, CommandId(8), made), Some(named.clone()));
    assert!(named.as_str().starts_with("session-") && named.as_str().len() == 44, "{named}");
    let Ok(Decision::Change(change)) =
        decide(&desk.board, &Known::default(), &Command::Stopwatch(command), CommandId(7), desk.at(0), &desk.limits)
    else {
        panic!("a start makes a session");
    };
    assert_eq!(change.event, Event::SessionStarted(named));
}

#[test]
fn unknown_sessions_are_refused() {
    let desk = Desk::new();
    let goal_id = GoalId::new("g").unwrap();
    for command in [
        Ask::Stop(id("x")),
        Ask::Pause(id("x")),
        Ask::Resume(id("x")),
        Ask::Remove(id("x")),
        Ask::Attach(id("x"), goal("g", "t")),
        Ask::Detach(id("x"), goal_id),
    ] {
        assert_eq!(desk.asks(0, command.clone()), Err(Refusal::UnknownSession), "{command:?}");
    }
}

#[test]
fn every_limit_is_refused_one_beyond_and_accepted_at_its_edge() {
    let limits = Limits { label_chars: 3, comment_chars: 2, goals: 2, live_sessions: 2, ..Limits::default() };
    let mut desk = Desk { limits, ..Desk::new() };
    let goals = |n: usize| Some((0..n).map(|i| goal(&i.to_string(), "t")).collect());
    let with = |change: fn(&mut Start)| {
        let mut start = start_of("a");
        change(&mut start);
        Ask::Start(start)
    };
    for (edge, beyond, refusal) in [
        (with(|s| s.label = "äöü".into()), with(|s| s.label = "äöüx".into()), Refusal::LabelTooLong(3)),
        (with(|s| s.comment = Some("ab".into())), with(|s| s.comment = Some("abc".into())), Refusal::CommentTooLong(2)),
        (
            with(|s| s.group_name = Some("abc".into())),
            with(|s| s.group_name = Some("abcd".into())),
            Refusal::GroupNameTooLong(3),
        ),
        (
            Ask::Start(Start { goals: goals(2), ..start_of("a") }),
            Ask::Start(Start { goals: goals(3), ..start_of("a") }),
            Refusal::TooManyGoals(2),
        ),
    ] {
        assert_eq!(desk.asks(0, beyond), Err(refusal));
        assert!(desk.asks(0, edge.clone()).is_ok(), "{edge:?}");
    }
    desk.does(0, Ask::Start(Start { goals: goals(2), ..start_of("a") }));
    assert_eq!(desk.asks(0, Ask::Attach(id("a"), goal("x", "t"))), Err(Refusal::TooManyGoals(2)));
    assert!(desk.asks(0, Ask::Attach(id("a"), goal("1", "replaced"))).is_ok());
    assert_eq!(desk.asks(0, Ask::Attach(id("a"), goal("1", &"x".repeat(5000)))), Err(Refusal::GoalTooLarge));
    let twice = Some(vec![goal("1", "t"), goal("1", "u")]);
    assert_eq!(desk.asks(0, Ask::Start(Start { goals: twice, ..start_of("b") })), Err(Refusal::RepeatedGoal));

    desk.does(0, start("b"));
    desk.does(0, Ask::Pause(id("b")));
    assert_eq!(desk.asks(1, start("c")), Err(Refusal::TooManySessions(2)));
    assert!(desk.asks(1, start("b")).is_ok(), "a live one may run again");
    desk.does(1, Ask::Stop(id("b")));
    desk.does(1, start("c"));
    assert_eq!(desk.asks(2, Ask::Resume(id("b"))), Err(Refusal::TooManySessions(2)), "stopped ones do not count");
}

#[test]
fn a_board_over_its_size_takes_nothing_more_but_may_shrink() {
    let mut desk = Desk::new();
    desk.does(0, Ask::Start(Start { comment: Some("x".repeat(3000)), ..start_of("a") }));
    desk.does(0, start("b"));
    desk.limits.board_bytes = 2000;
    assert_eq!(desk.asks(1, start("c")), Err(Refusal::BoardTooLarge(2000)));
    desk.does(1, Ask::Pause(id("a")));
    desk.does(1, Ask::Remove(id("a")));
    desk.does(2, start("c"));
}

#[test]
fn only_the_newest_stopped_sessions_stay_on_the_list() {
    let limits = Limits { stopped_sessions: 2, ..Limits::default() };
    let mut desk = Desk { limits, ..Desk::new() };
    for (second, name) in ["a", "b", "c"].iter().enumerate() {
        desk.does(second as u64, start(name));
        desk.does(second as u64, Ask::Stop(id(name)));
    }
    let names: Vec<&str> = desk.board.stopwatches().map(|session| session.id.as_str()).collect();
    assert_eq!(names, ["b", "c"]);
}

#[test]
fn a_stop_enters_the_history_and_a_later_one_rewrites_the_row() {
    let mut desk = Desk::new();
    desk.does(0, Ask::Start(Start { goals: Some(vec![goal("g", "t")]), ..start_of("a") }));
    let first = desk.does(1_500, Ask::Stop(id("a"))).archive.remove(0);
    desk.does(2_000, Ask::Resume(id("a")));
    let second = desk.does(3_000, Ask::Stop(id("a"))).archive.remove(0);
    assert_eq!(first.id, second.id);
    assert_eq!(second.at, desk.at(3_000));
    let body = Finished::decode(second.body.as_str()).unwrap();
    assert_eq!((body.started, body.ended), (desk.at(0), desk.at(3_000)));
    assert_eq!(body.duration_seconds.unwrap().to_string(), "2.5");
    assert_eq!(body.goals.unwrap().as_str(), r#"[{"id":"g","title":"t"}]"#);
    assert!(desk.does(4_000, Ask::Remove(id("a"))).archive.is_empty(), "the row outlives the session");
}

#[test]
fn the_same_rows_are_kept_once() {
    let mut desk = Desk::new();
    let row = |n: u64| Finished { started: Timestamp(n), ended: Timestamp(n + 1), ..Finished::default() };
    let change = desk.does(0, Ask::Ingest(vec![row(1), row(2), row(1)]));
    assert_eq!(change.archive.len(), 2);
    let command = Command::Stopwatch(Ask::Ingest(vec![row(1), row(2)]));
    let known = Known(command.asks_about().into_iter().collect());
    let again = decide(&desk.board, &known, &command, CommandId(1), desk.at(1), &desk.limits);
    assert_eq!(again, Ok(Decision::Nothing));
    let half = Known(BTreeSet::from([row(1).row_id()]));
    let Ok(Decision::Change(change)) = decide(&desk.board, &half, &command, CommandId(1), desk.at(1), &desk.limits)
    else {
        panic!("one row is new");
    };
    assert_eq!(change.archive[0].id, row(2).row_id());
}

#[test]
fn paused_and_stopped_sessions_leave_at_their_deadlines_and_not_before() {
    for (hold, hours) in [(Ask::Pause(id("a")), 12), (Ask::Stop(id("a")), 24)] {
        let mut desk = Desk::new();
        desk.does(0, start("a"));
        let held = desk.does(1_000, hold);
        let due = desk.at(1_000 + hours * HOUR);
        assert_eq!(held.deadline, DeadlineMove::Set(due));
        let early = desk.fires(Timestamp(due.0 - 1));
        assert_eq!((early.removed.len(), early.deadline), (0, DeadlineMove::Set(due)), "firing early moves the entry");
        let fired = desk.fires(due);
        assert_eq!((fired.removed.len(), fired.deadline), (1, DeadlineMove::Clear));
    }
}

#[test]
fn a_command_finds_what_is_due_already_settled() {
    let mut desk = Desk::new();
    desk.does(0, start("a"));
    desk.does(0, Ask::Pause(id("a")));
    desk.does(0, start("b"));
    assert_eq!(desk.asks(12 * HOUR, Ask::Resume(id("a"))), Err(Refusal::UnknownSession));
    let change = desk.does(12 * HOUR, Ask::Pause(id("b")));
    assert_eq!(change.removed.len(), 1, "any change carries out what is due");
    assert_eq!(change.deadline, DeadlineMove::Set(desk.at(24 * HOUR)));
}

#[test]
fn resume_takes_the_deadline_away() {
    let mut desk = Desk::new();
    desk.does(0, start("a"));
    desk.does(0, Ask::Pause(id("a")));
    assert_eq!(desk.does(1, Ask::Resume(id("a"))).deadline, DeadlineMove::Clear);
    assert_eq!(desk.does(2, Ask::Attach(id("a"), goal("g", "t"))).deadline, DeadlineMove::Keep);
}

#[test]
fn time_never_runs_back_on_a_board() {
    let mut desk = Desk::new();
    desk.does(5_000, start("a"));
    let change = desk.does(3_000, Ask::Stop(id("a")));
    assert_eq!(change.at, desk.at(5_000));
    assert_eq!(desk.session("a").accumulated, Millis(0));
}

#[test]
fn a_beat_before_the_start_shows_nothing_and_later_ones_are_a_second_apart() {
    let mut desk = Desk::new();
    desk.does(250, start("a"));
    let session = desk.session("a");
    let beat = desk.at(250).beat();
    assert_eq!(session.tick_at(beat), None);
    assert_eq!(session.tick_at(beat.next()), Some(Millis(750)));
    assert_eq!(session.tick_at(beat.next().next()), Some(Millis(1_750)));
}

#[test]
fn a_start_rewrites_what_it_brings_and_keeps_what_it_does_not() {
    let mut desk = Desk::new();
    let with = |group_id: Option<&str>, group_name: Option<&str>, comment: Option<&str>| {
        let [group_id, group_name, comment] = [group_id, group_name, comment].map(|text| text.map(str::to_owned));
        Ask::Start(Start { group_id, group_name, comment, ..start_of("a") })
    };
    let texts = |desk: &Desk| {
        let session = desk.session("a");
        [&session.group_id, &session.group_name, &session.comment].map(Clone::clone).map(Option::unwrap_or_default)
    };
    desk.does(0, with(Some("g"), Some("Book"), Some("why")));
    assert_eq!(texts(&desk), ["g", "Book", "why"]);
    assert_eq!(desk.asks(1, with(None, None, None)), Ok(Decision::Nothing));
    desk.does(2, with(Some("h"), None, None));
    assert_eq!(texts(&desk), ["h", "Book", "why"]);
    desk.does(3, with(None, Some("Film"), Some("so")));
    assert_eq!(texts(&desk), ["h", "Film", "so"]);
}

#[test]
fn the_history_tells_what_the_session_was() {
    let mut desk = Desk::new();
    let text = |text: &str| Some(text.to_owned());
    let start = Start { group_id: text("g"), group_name: text("Book"), comment: text("why"), ..start_of("a") };
    desk.does(0, Ask::Start(start));
    let row = desk.does(2_000, Ask::Stop(id("a"))).archive.remove(0);
    assert_eq!(row.id.as_str(), "session:a");
    let body = Finished::decode(row.body.as_str()).unwrap();
    assert_eq!((body.session, body.label), (Some(id("a")), text("a")));
    assert_eq!((body.group_id, body.group_name, body.comment), (text("g"), text("Book"), text("why")));
    assert_eq!(body.duration_seconds.unwrap().to_string(), "2");
}

#[test]
fn rows_and_goals_are_taken_up_to_their_limits() {
    let desk = Desk::new();
    let rows = |n: usize| {
        let row =
            |n: usize| Finished { started: Timestamp(n as u64), ended: Timestamp(n as u64), ..Finished::default() };
        Ask::Ingest((0..n).map(row).collect())
    };
    assert!(desk.asks(0, rows(ROWS_MAX)).is_ok());
    assert_eq!(desk.asks(0, rows(ROWS_MAX + 1)), Err(Refusal::TooManyRows));
    let frame = goal("g", "").json().as_str().len();
    let with =
        |bytes: usize| Ask::Start(Start { goals: Some(vec![goal("g", &"x".repeat(bytes - frame))]), ..start_of("a") });
    assert!(desk.asks(0, with(GOAL_BYTES_MAX)).is_ok());
    assert_eq!(desk.asks(0, with(GOAL_BYTES_MAX + 1)), Err(Refusal::GoalTooLarge));
}

#[test]
fn a_run_that_begins_on_a_beat_shows_zero_at_it() {
    let mut desk = Desk::new();
    desk.does(0, start("a"));
    assert_eq!(desk.session("a").tick_at(desk.at(0).beat()), Some(Millis(0)));
}

#[test]
fn an_id_of_a_command_is_of_both_the_clients_id_and_the_command() {
    let [stop, pause] = [Ask::Stop(id("a")), Ask::Pause(id("a"))].map(Command::Stopwatch);
    assert_ne!(CommandId::of("1", &stop), CommandId::of("1", &pause));
    assert_ne!(CommandId::of("1", &stop), CommandId::of("2", &stop));
    // Stored: two versions of Tickcast agree on it.
    assert_eq!(CommandId::of("1", &stop), CommandId(15_811_964_322_322_248_980));
}

/// One person's board and the instant its story begins.
struct Desk {
    board: Board,
    limits: Limits,
}

impl Desk {
    fn new() -> Self {
        let scope = Scope::User(UserId::new("ann").unwrap());
        Self { board: Board::empty(scope), limits: Limits::default() }
    }

    fn at(&self, millis: u64) -> Timestamp {
        Timestamp(1_700_000_000_000 + millis)
    }

    fn asks(&self, millis: u64, command: Ask) -> Result<Decision, Refusal> {
        let command = Command::Stopwatch(command);
        decide(&self.board, &Known::default(), &command, CommandId(millis), self.at(millis), &self.limits)
    }

    fn does(&mut self, millis: u64, command: Ask) -> Change {
        match self.asks(millis, command.clone()) {
            Ok(Decision::Change(change)) => self.commits(change),
            other => panic!("{command:?} gave {other:?}"),
        }
    }

    fn fires(&mut self, now: Timestamp) -> Change {
        match decide(&self.board, &Known::default(), &Command::Settle, CommandId(0), now, &self.limits) {
            Ok(Decision::Change(change)) => self.commits(change),
            other => panic!("firing gave {other:?}"),
        }
    }

    fn commits(&mut self, change: Change) -> Change {
        let revision = self.board.position.revision.next();
        self.board = self.board.after(&change, Position { revision, tag: Tag(revision.0) });
        change
    }

    fn session(&self, name: &str) -> &Stopwatch {
        self.board.stopwatch(&id(name)).expect("on the board")
    }
}

fn id(name: &str) -> SessionId {
    SessionId::new(name).unwrap()
}

fn goal(id: &str, title: &str) -> Goal {
    Goal::new(RawJson::new(&format!(r#"{{"id":"{id}","title":"{title}"}}"#)).unwrap()).unwrap()
}

fn start_of(name: &str) -> Start {
    Start { session: Some(id(name)), label: name.into(), goals: None, group_id: None, group_name: None, comment: None }
}

fn start(name: &str) -> Ask {
    Ask::Start(start_of(name))
}
