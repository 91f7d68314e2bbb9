//! What clients are told of a change, where a transcript can't go: several changes at once, none, and odd ids.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use timers::{
    Board, Command, CommandId, Decision, Known, Limits, Position, Refusal, Scope, Tag, Timestamp, UserId, decide,
};
use wire::clockit::{Dialect, Said, error, news, parse, ticks};
use wire::{Code, Fault};

/// Carries out messages, a second apart.
fn after(board: &Board, messages: &[&str]) -> Board {
    let mut board = board.clone();
    for text in messages {
        let Ok(Said::Message(message)) = parse(text) else { panic!("{text} is no command") };
        let command = Command::Stopwatch(message.command);
        let now = Timestamp(1_700_000_000_000 + board.position.revision.0 * 1000);
        let decided = decide(&board, &Known::default(), &command, CommandId(0), now, &Limits::default());
        let Ok(Decision::Change(change)) = decided else { panic!("{text} gave {decided:?}") };
        let revision = board.position.revision.next();
        board = board.after(&change, Position { revision, tag: Tag(revision.0) });
    }
    board
}

fn empty() -> Board {
    Board::empty(Scope::User(UserId::new("ann").unwrap()))
}

fn told(dialect: Dialect, old: &Board, new: &Board) -> Vec<String> {
    let mut told = Vec::new();
    news(dialect, old, new, Timestamp(0), |text| {
        let json: serde_json::Value = serde_json::from_str(text).unwrap();
        let removed = if json["payload"]["removed"] == true { " removed" } else { "" };
        told.push(format!("{}{removed}", json["type"].as_str().unwrap()));
    });
    told
}

const START: &str = r#"{"type":"session-start","payload":{"sessionId":"a","label":"x"}}"#;
const PAUSE: &str = r#"{"type":"session-pause","payload":{"sessionId":"a"}}"#;
const REMOVE: &str = r#"{"type":"session-remove","payload":{"sessionId":"a"}}"#;

#[test]
fn a_commit_that_changes_no_session_is_no_news() {
    let old = after(&empty(), &[START]);
    let new = Board { position: Position { revision: old.position.revision.next(), tag: Tag(9) }, ..old.clone() };
    for dialect in [Dialect::Seed, Dialect::V1] {
        assert_eq!(told(dialect, &old, &new), Vec::<String>::new());
    }
}

#[test]
fn a_session_that_was_removed_and_made_again_has_no_last_tick_of_its_former_life() {
    let old = after(&empty(), &[START]);
    let paused = after(&old, &[PAUSE]);
    let again = after(&old, &[REMOVE, START, PAUSE]);
    assert_eq!(told(Dialect::V1, &old, &paused), ["session-update", "tick"]);
    assert_eq!(told(Dialect::V1, &old, &again), ["session-update"]);
    assert_eq!(told(Dialect::Seed, &old, &again), ["session-snapshot"]);
    assert_eq!(told(Dialect::V1, &old, &after(&old, &[REMOVE])), ["session-update removed"]);
}

#[test]
fn an_odd_id_stays_json_in_a_tick() {
    let id = r#"\"q\" \\ ä \u2028 </script>"#;
    let start = format!(r#"{{"type":"session-start","payload":{{"sessionId":"{id}","label":"x"}}}}"#);
    let board = after(&empty(), &[&start]);
    for dialect in [Dialect::Seed, Dialect::V1] {
        let mut ids = Vec::new();
        ticks(dialect, &board, timers::Beat(1_700_000_001), |text, _| {
            let json: serde_json::Value = serde_json::from_str(text).unwrap();
            let one = if json["payload"].is_array() { &json["payload"][0] } else { &json["payload"] };
            ids.push(one["sessionId"].as_str().unwrap().to_owned());
        });
        assert_eq!(ids, ["\"q\" \\ ä \u{2028} </script>"]);
    }
}

#[test]
fn every_refusal_has_its_code_and_no_retry() {
    let limits = [
        Refusal::LabelTooLong(1),
        Refusal::CommentTooLong(1),
        Refusal::GroupNameTooLong(1),
        Refusal::TooManyGoals(1),
        Refusal::GoalTooLarge,
        Refusal::TooManySessions(1),
        Refusal::BoardTooLarge(1),
        Refusal::TooManyRows,
    ];
    let others = [(Refusal::UnknownSession, Code::UnknownSession), (Refusal::RepeatedGoal, Code::InvalidMessage)];
    for (refusal, code) in limits.into_iter().map(|refusal| (refusal, Code::Limit)).chain(others) {
        let fault = Fault::from(refusal);
        assert_eq!((fault.code, fault.retry), (code, false), "{refusal}");
    }
    let busy = Fault { code: Code::Busy, message: "m".to_owned(), retry: true };
    assert_eq!(error(None, &busy), r#"{"type":"error","payload":{"code":"busy","message":"m","retry":true}}"#);
}

#[test]
fn ids_are_bounded_in_messages() {
    let id = |length: usize| {
        parse(&format!(r#"{{"id":"{}","type":"session-stop","payload":{{"sessionId":"s"}}}}"#, "x".repeat(length)))
    };
    assert!(id(200).is_ok());
    assert_eq!(id(201).unwrap_err().1.message, "id must be a string or a number of at most 200 bytes");
    let group = |length: usize| {
        parse(&format!(r#"{{"type":"session-start","payload":{{"label":"x","groupId":"{}"}}}}"#, "x".repeat(length)))
    };
    assert!(group(200).is_ok());
    assert_eq!(group(201).unwrap_err().1.message, "payload.groupId must be at most 200 bytes long");
}
