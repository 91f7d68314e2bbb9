//! Cases of the Clockit dialects that a transcript cannot show: several changes at once, none, unusual ids, limits.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use timers::stopwatch::StopwatchRefusal;
use timers::{
    Beat, Board, Command, CommandId, Decision, Limits, Position, Refusal, Scope, StoredRows, Tag, Timestamp, UserId,
    decide,
};
use wire::clockit::{Seed, V1};
use wire::{Code, Dialect, Fault, Request, TextDialect};

/// Carries out messages, a second apart.
fn after(board: &Board, messages: &[&str]) -> Board {
    let mut board = board.clone();
    for text in messages {
        let Ok(Request::System(request)) = V1::parse(text).map(|message| message.request) else {
            panic!("{text} is not a command")
        };
        let command: Command = request.into();
        let now = Timestamp(1_700_000_000_000 + board.position.revision.0 * 1000);
        let decided = decide(&board, &StoredRows::default(), &command, CommandId(0), now, &Limits::default());
        let Ok(Decision::Change(change)) = decided else { panic!("{text} gave {decided:?}") };
        let revision = board.position.revision.next();
        board = board.after(&change, Position { revision, tag: Tag(revision.0) });
    }
    board
}

fn empty() -> Board {
    Board::empty(Scope::user(&UserId::new("ann").unwrap()))
}

/// Returns the types of the messages that a change gives.
fn diff<D: TextDialect>(old: &Board, new: &Board) -> Vec<String> {
    let mut types = Vec::new();
    D::diff(old, new, Timestamp(0), |text| {
        let json: serde_json::Value = serde_json::from_str(text.json).unwrap();
        let removed = if json["payload"]["removed"] == true { " removed" } else { "" };
        types.push(format!("{}{removed}", json["type"].as_str().unwrap()));
    });
    types
}

const START: &str = r#"{"type":"session-start","payload":{"sessionId":"a","label":"x"}}"#;
const PAUSE: &str = r#"{"type":"session-pause","payload":{"sessionId":"a"}}"#;
const REMOVE: &str = r#"{"type":"session-remove","payload":{"sessionId":"a"}}"#;

#[test]
fn a_commit_that_changes_no_session_sends_nothing() {
    let old = after(&empty(), &[START]);
    let new = Board { position: Position { revision: old.position.revision.next(), tag: Tag(9) }, ..old.clone() };
    assert_eq!(diff::<Seed>(&old, &new), Vec::<String>::new());
    assert_eq!(diff::<V1>(&old, &new), Vec::<String>::new());
}

#[test]
fn a_session_that_was_removed_and_created_again_has_no_last_tick_of_the_former_one() {
    let old = after(&empty(), &[START]);
    let paused = after(&old, &[PAUSE]);
    let again = after(&old, &[REMOVE, START, PAUSE]);
    assert_eq!(diff::<V1>(&old, &paused), ["session-update", "tick"]);
    assert_eq!(diff::<V1>(&old, &again), ["session-update"]);
    assert_eq!(diff::<Seed>(&old, &again), ["session-snapshot"]);
    assert_eq!(diff::<V1>(&old, &after(&old, &[REMOVE])), ["session-update removed"]);
}

fn ids_in_ticks<D: TextDialect>(board: &Board) -> Vec<String> {
    let mut ids = Vec::new();
    D::ticks(board, Beat(1_700_000_001), |text| {
        let json: serde_json::Value = serde_json::from_str(text.json).unwrap();
        let one = if json["payload"].is_array() { &json["payload"][0] } else { &json["payload"] };
        ids.push(one["sessionId"].as_str().unwrap().to_owned());
    });
    ids
}

#[test]
fn an_unusual_id_stays_valid_json_in_a_tick() {
    let id = r#"\"q\" \\ ä \u2028 </script>"#;
    let start = format!(r#"{{"type":"session-start","payload":{{"sessionId":"{id}","label":"x"}}}}"#);
    let board = after(&empty(), &[&start]);
    for ids in [ids_in_ticks::<Seed>(&board), ids_in_ticks::<V1>(&board)] {
        assert_eq!(ids, ["\"q\" \\ ä \u{2028} </script>"]);
    }
}

#[test]
fn every_refusal_has_its_code_and_no_retry() {
    let limits = [
        StopwatchRefusal::LabelTooLong(1),
        StopwatchRefusal::CommentTooLong(1),
        StopwatchRefusal::GroupNameTooLong(1),
        StopwatchRefusal::TooManyGoals(1),
        StopwatchRefusal::GoalTooLarge,
        StopwatchRefusal::TooManySessions(1),
        StopwatchRefusal::BoardTooLarge(1),
        StopwatchRefusal::TooManyRows,
    ];
    let others = [
        (StopwatchRefusal::UnknownSession, "unknown_session"),
        (StopwatchRefusal::RepeatedGoal, "invalid_message"),
        (StopwatchRefusal::EmptyLabel, "invalid_message"),
    ];
    for (refusal, code) in limits.into_iter().map(|refusal| (refusal, "limit")).chain(others) {
        let fault = Fault::from(Refusal::from(refusal));
        assert_eq!((V1::code_name(fault.code), fault.retry), (code, false), "{refusal}");
    }
    let busy = Fault { code: Code::Busy, message: "m".to_owned(), retry: true };
    assert_eq!(V1::error(None, &busy), r#"{"type":"error","payload":{"code":"busy","message":"m","retry":true}}"#);
}

#[test]
fn ids_are_bounded_in_messages() {
    let id = |length: usize| {
        V1::parse(&format!(r#"{{"id":"{}","type":"session-stop","payload":{{"sessionId":"s"}}}}"#, "x".repeat(length)))
    };
    assert!(id(200).is_ok());
    assert_eq!(id(201).unwrap_err().fault.message, "id must be a string or a number of at most 200 bytes");
    let group = |length: usize| {
        let group = "x".repeat(length);
        V1::parse(&format!(r#"{{"type":"session-start","payload":{{"label":"x","groupId":"{group}"}}}}"#))
    };
    assert!(group(200).is_ok());
    assert_eq!(group(201).unwrap_err().fault.message, "payload.groupId must be at most 200 bytes long");
}
