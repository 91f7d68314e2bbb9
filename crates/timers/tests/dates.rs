//! Boards while cluster time is ahead of the date: what timers show does not depend on the dates, and rows get dates.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use timers::stopwatch::{Finished, Start, Stopwatch, StopwatchCommand};
use timers::{
    Beat, Board, ClusterTime, Command, CommandId, Decision, Item, Limits, Millis, Position, Row, Scope, SessionId,
    StoredRows, Tag, Timestamp, UserId, decide,
};

const AHEAD: Millis = Millis(7_200_000);

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn decided(board: &Board, command: StopwatchCommand, now: Timestamp) -> (Board, Vec<Row>) {
    let time = ClusterTime { now, ahead: AHEAD };
    let command = Command::Stopwatch(command);
    match decide(board, &StoredRows::default(), &command, CommandId(1), time, &Limits::default()) {
        Ok(Decision::Change(change)) => {
            let revision = board.position.revision.next();
            let rows = change.archive.clone();
            (board.after(&change, Position { revision, tag: Tag(revision.0) }), rows)
        }
        other => panic!("{other:?}"),
    }
}

fn running() -> Board {
    let start = Start {
        session: Some(SessionId::new("a").unwrap()),
        label: "x".to_owned(),
        goals: None,
        group_id: None,
        group_name: None,
        comment: None,
    };
    decided(&Board::empty(Scope::user(&UserId::new("ann").unwrap())), StopwatchCommand::Start(start), NOW).0
}

#[test]
fn a_session_is_kept_in_cluster_time_and_its_row_has_dates() {
    let board = running();
    let id = SessionId::new("a").unwrap();
    assert_eq!(board.get::<Stopwatch>(&id).unwrap().started_at, NOW);
    let (stopped, rows) = decided(&board, StopwatchCommand::Stop(id.clone()), NOW + Millis(5_000));
    assert_eq!(stopped.get::<Stopwatch>(&id).unwrap().accumulated, Millis(5_000));
    let row = Finished::decode(rows[0].body.as_str()).unwrap();
    assert_eq!((row.started, row.ended), (NOW - AHEAD, NOW + Millis(5_000) - AHEAD));
    assert_eq!(rows[0].at, row.ended);
}

#[test]
fn a_board_with_dates_shows_the_same_values() {
    let board = running();
    let dated = board.moved_back(AHEAD);
    assert_eq!((dated.at, dated.position), (board.at - AHEAD, board.position));
    let (session, dated) = (board.all::<Stopwatch>().next().unwrap(), dated.all::<Stopwatch>().next().unwrap());
    for beat in (NOW.beat().0 - 2)..(NOW.beat().0 + 100) {
        let of_date = Beat(beat - AHEAD.0 / 1000);
        assert_eq!(session.tick_at(Beat(beat)), dated.tick_at(of_date), "beat {beat}");
    }
}

/// Every number in the stored form of an item that is an instant moves, and nothing else does.
fn check(stored: &str, moved: &str) {
    let item = Item::decode(stored.as_bytes()).unwrap().moved_back(Millis(1_000));
    assert_eq!(String::from_utf8(item.encode()).unwrap(), moved);
}

#[test]
fn every_instant_of_an_item_moves() {
    check(
        r#"{"v":1,"stopwatch":{"id":"s","created":3,"label":"x","goals":[],"first_started_at":5001,"started_at":5002,"accumulated_ms":5000}}"#,
        r#"{"v":1,"stopwatch":{"id":"s","created":3,"label":"x","goals":[],"first_started_at":4001,"started_at":4002,"accumulated_ms":5000}}"#,
    );
    for phase in ["paused_at", "stopped_at"] {
        let item = |first: u64| {
            let (second, third) = (first + 1, first + 2);
            format!(
                r#"{{"v":1,"stopwatch":{{"id":"s","created":3,"label":"x","goals":[],"first_started_at":{first},"started_at":{second},"accumulated_ms":5000,"{phase}":{third}}}}}"#
            )
        };
        check(&item(5_001), &item(4_001));
    }
    for (stored, moved) in [
        (
            r#"{"v":1,"room":{"created":5001,"last_activity":5002,"duration_ms":3,"running_since":5003,"ends_at":5004,"started_at":5005,"completed_at":5006,"empty_since":5007}}"#,
            r#"{"v":1,"room":{"created":4001,"last_activity":4002,"duration_ms":3,"running_since":4003,"ends_at":4004,"started_at":4005,"completed_at":4006,"empty_since":4007}}"#,
        ),
        (
            r#"{"v":1,"room":{"created":5001,"last_activity":5002,"duration_ms":3,"paused_at":5003,"remaining_ms":5004}}"#,
            r#"{"v":1,"room":{"created":4001,"last_activity":4002,"duration_ms":3,"paused_at":4003,"remaining_ms":5004}}"#,
        ),
        (
            r#"{"v":1,"member":{"id":"m","name":"Ann","connected_at":5001,"secret":"s","link":"l","node":"n","lost_at":5002}}"#,
            r#"{"v":1,"member":{"id":"m","name":"Ann","connected_at":4001,"secret":"s","link":"l","node":"n","lost_at":4002}}"#,
        ),
        (r#"{"v":1,"lease":{"until":5001}}"#, r#"{"v":1,"lease":{"until":4001}}"#),
        (
            r#"{"v":1,"disconnect":{"id":"d","whom":{"user":"ann"},"at":5001}}"#,
            r#"{"v":1,"disconnect":{"id":"d","whom":{"user":"ann"},"at":4001}}"#,
        ),
        (r#"{"v":2,"stopwatch":{"started_at":5001}}"#, r#"{"v":2,"stopwatch":{"started_at":5001}}"#),
    ] {
        check(stored, moved);
    }
}
