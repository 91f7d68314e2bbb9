//! The room against the golden transcripts.

use std::path::Path;

use serde_json::Value;

use super::*;

/// Returns the kind of a line, and its client, event and payload.
fn parse(line: &str) -> Option<(&str, &str, &str, Value)> {
    let (kind, rest) = line.split_at_checked(2)?;
    let mut words = rest.splitn(3, ' ');
    let (client, event) = (words.next()?, words.next()?);
    Some((kind.trim(), client, event, serde_json::from_str(words.next()?).ok()?))
}

/// Follows the member `a` through a transcript; returns how many events it has got.
fn follow(transcript: &str) -> usize {
    let mut model = RoomModel::default();
    let mut events = 0;
    for (kind, client, event, payload) in transcript.lines().filter_map(parse).filter(|(kind, ..)| *kind == "<") {
        let Some(parsed) = RoomEvent::parse(event, payload.clone()) else {
            assert!(["error", "auth"].contains(&event), "{kind} {event} {payload} is not understood");
            continue;
        };
        let is_for_a = client == "*" || client == "a" || (client.starts_with('-') && client != "-a");
        if !is_for_a {
            continue;
        }
        events += 1;
        model.apply(&parsed);
        let room = model.room.as_ref().unwrap();
        match parsed {
            RoomEvent::State(_) => assert_eq!(serde_json::to_value(&room.state).unwrap(), payload),
            RoomEvent::Joined(_) => assert_eq!(serde_json::to_value(room.as_ref()).unwrap(), payload),
            RoomEvent::MemberJoined(change) | RoomEvent::MemberLeft(change) => {
                assert_eq!(serde_json::to_value(&change).unwrap(), payload);
                assert_eq!(room.count, change.count);
            }
            RoomEvent::Tick(tick) if room.state.is_running => {
                let shown = (remaining_ms(&room.state, tick.server_time) + 999) / 1000;
                assert_eq!(shown, tick.remaining_time, "{payload}");
            }
            RoomEvent::Completed(completion) => assert_eq!(model.completed_at, Some(completion.completed_at)),
            RoomEvent::Tick(_) => {}
        }
    }
    events
}

#[test]
fn the_client_follows_the_transcripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/rooms");
    for file in ["back.txt", "faults.txt", "life.txt"] {
        let transcript = std::fs::read_to_string(folder.join(file)).unwrap();
        assert!(follow(&transcript) > 3, "{file}");
    }
}

fn room(state: &str, rev: u64) -> Arc<Room> {
    let state: Value = serde_json::from_str(state).unwrap();
    let mut state = state;
    (state["sessionId"], state["rev"]) = ("r".into(), rev.into());
    serde_json::from_value(serde_json::json!({
        "sessionId": "r", "clientId": "a", "name": "Ann", "resume": "secret", "createdAt": 0, "lastActivity": 0,
        "state": state, "clients": [], "count": 1,
    }))
    .unwrap()
}

const RUNNING: &str = r#"{"duration":60,"remainingTime":60,"isRunning":true,"isPaused":false,"startedAt":0,"endsAt":60000,"serverTime":0}"#;
const DONE: &str =
    r#"{"duration":60,"remainingTime":60,"isRunning":false,"isPaused":false,"startedAt":0,"serverTime":61000}"#;

#[test]
fn a_display_does_not_go_back_by_a_second_in_one_run() {
    let running = |text: &str| room(text, 1).state.clone();
    let state = running(RUNNING);
    let at = |now, displayed: &TimerState, seconds| remaining_seconds(&state, now, Some((displayed, seconds)));
    assert_eq!(remaining_seconds(&state, 12_001, None), 48);
    assert_eq!([at(13_001, &state, 48), at(11_999, &state, 48), at(1, &state, 48)], [47, 48, 60]);
    let other = running(&RUNNING.replace("60000", "59000"));
    assert_eq!(at(11_999, &other, 48), 49, "another run");
}

#[test]
fn a_countdown_that_has_completed_meanwhile_is_complete() {
    let mut model = RoomModel::default();
    model.apply(&RoomEvent::Joined(room(RUNNING, 1)));
    assert_eq!(remaining_ms(&model.room.as_ref().unwrap().state, 12_300), 47_700);
    model.apply(&RoomEvent::Joined(room(DONE, 2)));
    assert_eq!(model.completed_at, Some(60_000));
    assert!(!model.apply(&RoomEvent::State(room(RUNNING, 1).state.clone())), "an older state is ignored");
    assert!(model.apply(&RoomEvent::State(room(RUNNING, 3).state.clone())) && model.completed_at.is_none());
    assert!(!format!("{:?}", model.room).contains("secret"));
}
