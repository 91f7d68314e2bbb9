//! The golden transcripts of Focus, replayed against the messages, the documents and the score.

use std::collections::HashSet;
use std::path::Path;

use serde_json::Value;

use crate::focus::protocol::{FocusMessage, FocusSession, FocusStats, decode};
use crate::focus::score::explain_score;
use crate::link::LinkEvent;
use crate::socket::Decoded;

#[derive(Debug, Default)]
struct Counts {
    messages: usize,
    sessions: usize,
    scores: usize,
    stats: usize,
    /// The sessions that have ended: a later change of the target leaves the score as it is.
    ended: HashSet<String>,
}

/// Every field of a document is known and kept, and each score is the server's.
#[test]
fn the_client_follows_the_transcripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/focus");
    let mut counts = Counts::default();
    for name in ["session.txt", "drops.txt", "faults.txt"] {
        for line in std::fs::read_to_string(folder.join(name)).unwrap().lines() {
            if let Some(message) = line.strip_prefix("< ") {
                let (_, text) = message.split_once(' ').unwrap();
                let decoded = decode(text);
                let Decoded::Event(LinkEvent::Message(message)) = decoded else {
                    // An acknowledgement that the library does not need, and the close of a socket.
                    assert!(text.contains("tabSwitchAck") || !text.starts_with('{'), "{line} is not understood");
                    continue;
                };
                compare_tick(&message, text);
                counts.messages += 1;
            } else if let Some((_, body)) = line.strip_prefix("= 2").and_then(|answer| answer.split_once(' ')) {
                read_answer(&serde_json::from_str(body).unwrap(), &mut counts);
            }
        }
    }
    assert!(counts.messages > 20 && counts.sessions > 5 && counts.scores > 1 && counts.stats > 0, "{counts:?}");
}

fn compare_tick(message: &FocusMessage, text: &str) {
    if let FocusMessage::Tick(tick) = message {
        let mut written = serde_json::to_value(tick.counters).unwrap();
        (written["idle"], written["type"]) = (tick.idle.into(), "tick".into());
        assert_eq!(written, serde_json::from_str::<Value>(text).unwrap());
    }
}

fn read_answer(answer: &Value, counts: &mut Counts) {
    let list = answer.get("sessions").and_then(Value::as_array).into_iter().flatten();
    for value in answer.get("session").into_iter().chain(list) {
        let session: FocusSession = serde_json::from_value(value.clone()).unwrap();
        let mut expected = value.clone();
        for duplicate in ["_id", "startTime", "endTime"] {
            expected.as_object_mut().unwrap().remove(duplicate);
        }
        expected["targetMinutes"] = expected["targetMinutes"].as_f64().into();
        assert_eq!(serde_json::to_value(&session).unwrap(), expected);
        counts.sessions += 1;
        if !session.status.is_open() && counts.ended.insert(session.id.clone()) {
            assert_eq!(explain_score(&session.counters, session.target_minutes).score, session.focus_score, "{value}");
            counts.scores += 1;
        }
    }
    if answer.get("dayStreak").is_some() {
        let stats: FocusStats = serde_json::from_value(answer.clone()).unwrap();
        assert_eq!(serde_json::to_value(stats).unwrap(), *answer);
        counts.stats += 1;
    }
}
