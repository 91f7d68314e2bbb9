//! Commands, texts and ticks of a session.

use timers::stopwatch::{Start, Stopwatch, StopwatchCommand, StopwatchPhase, StopwatchRefusal};
use timers::{ClientId, Command, CommandId, Decision, GoalId, ItemKey, Millis, Refusal, StoredRows, decide};

use super::fixture::{Fixture, goal, id, start, start_of};

#[test]
fn elapsed_is_the_sum_of_runs() {
    let mut fixture = Fixture::new();
    fixture.apply(0, start("a"));
    fixture.apply(1_500, StopwatchCommand::Pause(id("a")));
    fixture.apply(9_000, StopwatchCommand::Resume(id("a")));
    fixture.apply(9_250, StopwatchCommand::Stop(id("a")));
    assert_eq!(fixture.session("a").accumulated, Millis(1_750));
    assert_eq!(fixture.session("a").started_at, fixture.at(9_000), "resume rewrites the start of the run");
    assert_eq!(fixture.session("a").first_started_at, fixture.at(0));
}

#[test]
fn the_first_stop_wins() {
    let mut fixture = Fixture::new();
    fixture.apply(0, start("a"));
    fixture.apply(1_000, StopwatchCommand::Stop(id("a")));
    assert_eq!(fixture.decide(2_000, StopwatchCommand::Stop(id("a"))), Ok(Decision::Nothing));
    assert_eq!(fixture.session("a").phase, StopwatchPhase::Stopped(fixture.at(1_000)));
}

#[test]
fn a_command_without_effect_changes_nothing() {
    let goal = goal("g", "title");
    let cases: [(&[StopwatchCommand], StopwatchCommand); 6] = [
        (&[start("a")], start("a")),
        (&[start("a"), StopwatchCommand::Pause(id("a"))], StopwatchCommand::Pause(id("a"))),
        (&[start("a"), StopwatchCommand::Stop(id("a"))], StopwatchCommand::Pause(id("a"))),
        (&[start("a")], StopwatchCommand::Resume(id("a"))),
        (&[start("a"), StopwatchCommand::Attach(id("a"), goal.clone())], StopwatchCommand::Attach(id("a"), goal)),
        (&[start("a")], StopwatchCommand::Detach(id("a"), GoalId::new("g").unwrap())),
    ];
    for (before, again) in cases {
        let mut fixture = Fixture::new();
        for (second, command) in before.iter().enumerate() {
            fixture.apply(second as u64 * 1000, command.clone());
        }
        assert_eq!(fixture.decide(10_000, again.clone()), Ok(Decision::Nothing), "{again:?}");
    }
}

#[test]
fn a_start_of_a_running_session_keeps_its_time_and_rewrites_its_text() {
    let mut fixture = Fixture::new();
    fixture.apply(0, start("a"));
    fixture.apply(
        5_000,
        StopwatchCommand::Start(Start { label: "new".into(), comment: Some("why".into()), ..start_of("a") }),
    );
    let session = fixture.session("a");
    assert_eq!((session.label.as_str(), session.comment.as_deref()), ("new", Some("why")));
    assert_eq!(session.started_at, fixture.at(0));
    assert_eq!(session.elapsed_at(fixture.at(6_000)), Millis(6_000));
}

#[test]
fn a_start_without_goals_keeps_the_existing_goals() {
    let mut fixture = Fixture::new();
    fixture.apply(0, StopwatchCommand::Start(Start { goals: Some(vec![goal("g", "x")]), ..start_of("a") }));
    fixture.apply(1, StopwatchCommand::Start(Start { label: "other".into(), ..start_of("a") }));
    assert_eq!(fixture.session("a").goals.len(), 1);
    fixture.apply(2, StopwatchCommand::Start(Start { goals: Some(Vec::new()), ..start_of("a") }));
    assert_eq!(fixture.session("a").goals.len(), 0);
}

#[test]
fn a_start_of_a_stopped_or_paused_session_begins_another_run() {
    for hold in [StopwatchCommand::Stop(id("a")), StopwatchCommand::Pause(id("a"))] {
        let mut fixture = Fixture::new();
        fixture.apply(0, start("a"));
        fixture.apply(1_000, hold);
        fixture.apply(5_000, start("a"));
        let session = fixture.session("a");
        assert!(session.is_running());
        assert_eq!((session.accumulated, session.started_at), (Millis(1_000), fixture.at(5_000)));
    }
}

#[test]
fn resume_of_a_stopped_session_runs_it_again() {
    let mut fixture = Fixture::new();
    fixture.apply(0, start("a"));
    fixture.apply(1_000, StopwatchCommand::Stop(id("a")));
    fixture.apply(2_000, StopwatchCommand::Resume(id("a")));
    assert_eq!(fixture.session("a").phase, StopwatchPhase::Running);
    assert_eq!(fixture.session("a").accumulated, Millis(1_000));
}

#[test]
fn stop_of_a_paused_session_keeps_its_sum_and_is_no_longer_paused() {
    let mut fixture = Fixture::new();
    fixture.apply(0, start("a"));
    fixture.apply(1_000, StopwatchCommand::Pause(id("a")));
    fixture.apply(7_000, StopwatchCommand::Stop(id("a")));
    assert_eq!(fixture.session("a").phase, StopwatchPhase::Stopped(fixture.at(7_000)));
    assert_eq!(fixture.session("a").accumulated, Millis(1_000));
}

#[test]
fn a_session_without_an_id_gets_the_same_one_for_the_same_commit() {
    let fixture = Fixture::new();
    let command = StopwatchCommand::Start(Start { session: None, ..start_of("a") });
    let revision = fixture.board.position.revision.next();
    let named = command.session(&fixture.board.scope, CommandId(7), revision).unwrap();
    assert_eq!(command.session(&fixture.board.scope, CommandId(7), revision), Some(named.clone()));
    assert_ne!(command.session(&fixture.board.scope, CommandId(7), revision.next()), Some(named.clone()));
    assert_ne!(command.session(&fixture.board.scope, CommandId(8), revision), Some(named.clone()));
    assert!(named.as_str().starts_with("session-") && named.as_str().len() == 44, "{named}");
    let Ok(Decision::Change(change)) = decide(
        &fixture.board,
        &StoredRows::default(),
        &Command::Stopwatch(command),
        CommandId(7),
        fixture.at(0),
        &fixture.limits,
    ) else {
        panic!("a start creates a session");
    };
    assert!(change.put.contains_key(&ItemKey::of::<Stopwatch>(&named)));
}

#[test]
fn unknown_sessions_are_refused() {
    let fixture = Fixture::new();
    let goal_id = GoalId::new("g").unwrap();
    for command in [
        StopwatchCommand::Stop(id("x")),
        StopwatchCommand::Pause(id("x")),
        StopwatchCommand::Resume(id("x")),
        StopwatchCommand::Remove(id("x")),
        StopwatchCommand::Attach(id("x"), goal("g", "t")),
        StopwatchCommand::Detach(id("x"), goal_id),
    ] {
        assert_eq!(
            fixture.decide(0, command.clone()),
            Err(Refusal::Stopwatch(StopwatchRefusal::UnknownSession)),
            "{command:?}"
        );
    }
}

#[test]
fn the_time_of_a_board_never_decreases() {
    let mut fixture = Fixture::new();
    fixture.apply(5_000, start("a"));
    let change = fixture.apply(3_000, StopwatchCommand::Stop(id("a")));
    assert_eq!(change.at, fixture.at(5_000));
    assert_eq!(fixture.session("a").accumulated, Millis(0));
}

#[test]
fn a_beat_before_the_start_has_no_tick_and_later_ticks_are_a_second_apart() {
    let mut fixture = Fixture::new();
    fixture.apply(250, start("a"));
    let session = fixture.session("a");
    let beat = fixture.at(250).beat();
    assert_eq!(session.tick_at(beat), None);
    assert_eq!(session.tick_at(beat.next()), Some(Millis(750)));
    assert_eq!(session.tick_at(beat.next().next()), Some(Millis(1_750)));
}

#[test]
fn a_start_replaces_given_texts_and_keeps_absent_ones() {
    let mut fixture = Fixture::new();
    let with = |group_id: Option<&str>, group_name: Option<&str>, comment: Option<&str>| {
        let [group_id, group_name, comment] = [group_id, group_name, comment].map(|text| text.map(str::to_owned));
        StopwatchCommand::Start(Start { group_id, group_name, comment, ..start_of("a") })
    };
    let texts = |fixture: &Fixture| {
        let session = fixture.session("a");
        [&session.group_id, &session.group_name, &session.comment].map(Clone::clone).map(Option::unwrap_or_default)
    };
    fixture.apply(0, with(Some("g"), Some("Book"), Some("why")));
    assert_eq!(texts(&fixture), ["g", "Book", "why"]);
    assert_eq!(fixture.decide(1, with(None, None, None)), Ok(Decision::Nothing));
    fixture.apply(2, with(Some("h"), None, None));
    assert_eq!(texts(&fixture), ["h", "Book", "why"]);
    fixture.apply(3, with(None, Some("Film"), Some("so")));
    assert_eq!(texts(&fixture), ["h", "Film", "so"]);
}

#[test]
fn a_run_that_begins_on_a_beat_ticks_zero_at_that_beat() {
    let mut fixture = Fixture::new();
    fixture.apply(0, start("a"));
    assert_eq!(fixture.session("a").tick_at(fixture.at(0).beat()), Some(Millis(0)));
}

#[test]
fn a_command_id_depends_on_the_client_its_id_and_the_command() {
    let [stop, pause] = [StopwatchCommand::Stop(id("a")), StopwatchCommand::Pause(id("a"))].map(Command::Stopwatch);
    let [phone, page] = ["phone", "page"].map(|client| ClientId::new(client).unwrap());
    assert_ne!(CommandId::of(&phone, "1", &stop), CommandId::of(&phone, "1", &pause));
    assert_ne!(CommandId::of(&phone, "1", &stop), CommandId::of(&phone, "2", &stop));
    assert_ne!(CommandId::of(&phone, "1", &stop), CommandId::of(&page, "1", &stop));
    // Part of the storage format: all versions of Tickcast must agree on it.
    assert_eq!(CommandId::of(&phone, "1", &stop), CommandId(224_387_952_090_948_443));
}
