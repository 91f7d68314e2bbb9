//! The golden transcripts of Clockit, replayed against the messages and the model.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::clockit::model::Model;
use crate::clockit::protocol::{ServerMessage, decode};
use crate::link::LinkEvent;
use crate::socket::Decoded;

#[derive(Debug, Default)]
struct Counts {
    ticks: usize,
    states: usize,
    answers: usize,
}

/// Every field of a session is known and kept, and the displays are those of the ticks.
#[test]
fn the_client_follows_the_transcripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/clockit");
    let mut counts = Counts::default();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        if text.lines().any(|line| line == "= v1") {
            replay(&text, &mut counts);
        }
    }
    assert!(counts.ticks > 10 && counts.states > 10 && counts.answers > 10, "{counts:?}");
}

fn replay(transcript: &str, counts: &mut Counts) {
    let mut model = Model::default();
    for line in transcript.lines().filter_map(|line| line.strip_prefix("< ")) {
        let value: Value = serde_json::from_str(line).unwrap();
        let Decoded::Event(LinkEvent::Message(message)) = decode(&with_text_id(&value)) else {
            panic!("{line} is not understood");
        };
        match &message {
            ServerMessage::Ready { sessions, .. } | ServerMessage::Snapshot { sessions, .. } => {
                assert_eq!(serde_json::to_value(sessions).unwrap(), value["payload"], "{line}");
                counts.states += 1;
            }
            ServerMessage::Update { session, .. } => {
                let mut expected = value["payload"].clone();
                expected.as_object_mut().unwrap().remove("removed");
                assert_eq!(serde_json::to_value(session).unwrap(), expected, "{line}");
                counts.states += 1;
            }
            ServerMessage::Answer { .. } => counts.answers += 1,
            ServerMessage::Tick { .. }
            | ServerMessage::Authenticated { .. }
            | ServerMessage::Time(_)
            | ServerMessage::Error(_) => {}
        }
        let is_tick = message.is_tick();
        model.apply(message);
        if is_tick {
            for tick in value["payload"].as_array().unwrap() {
                let shown = model.sessions.iter().find(|session| session.state.session_id == tick["sessionId"]);
                let shown = shown.map(|session| (session.elapsed_ms, session.state.running));
                assert_eq!(shown, tick["elapsedMs"].as_i64().zip(tick["running"].as_bool()), "{line}");
                counts.ticks += 1;
            }
        }
    }
}

/// Commands of the library have texts as ids.
fn with_text_id(message: &Value) -> String {
    let mut message = message.clone();
    if let Some(id) = message.get_mut("id").filter(|id| id.is_number()) {
        *id = id.to_string().into();
    }
    message.to_string()
}
