//! Reads the content of the store directly from Redis, by the documented names and formats of its keys.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use harness::Reply;
use serde_json::{Value, json};

use crate::target::Target;
use crate::view::View;

/// Reads the sessions of every user, in the form that clients see.
pub(crate) fn read(target: &Target) -> Result<BTreeMap<String, View>> {
    let keys = target.replies(&[vec!["KEYS", "tickcast:*:board:user:*"]])?;
    let keys: Vec<&str> = keys.iter().flat_map(Reply::texts).collect();
    let commands: Vec<Vec<&str>> = keys.iter().map(|key| vec!["HGETALL", key]).collect();
    let boards = target.replies(&commands)?;
    let boards = keys.iter().zip(&boards).map(|(key, board)| {
        let user = key.rsplit(':').next().unwrap_or_default().to_owned();
        let view = decode_board(&user, &board.texts()).with_context(|| format!("in {key}"))?;
        Ok((user, view))
    });
    boards.collect()
}

fn decode_board(user: &str, fields: &[&str]) -> Result<View> {
    let mut view = View::default();
    for pair in fields.chunks_exact(2) {
        let (name, value) = (pair[0], pair[1]);
        if name == "@rev" {
            view.rev = value.parse().context("@rev")?;
        }
        if name.starts_with('@') {
            continue;
        }
        let item: Value = serde_json::from_str(value).with_context(|| name.to_owned())?;
        let session = session_state(user, &item["stopwatch"]);
        view.sessions.insert(session["sessionId"].as_str().context("an item without an id")?.to_owned(), session);
    }
    Ok(view)
}

/// Returns a stored session as `SessionState`.
fn session_state(user: &str, stored: &Value) -> Value {
    let is_running = stored["paused_at"].is_null() && stored["stopped_at"].is_null();
    let mut session = json!({
        "sessionId": stored["id"],
        "userId": user,
        "label": stored["label"],
        "startedAt": stored["started_at"],
        "accumulatedMs": stored["accumulated_ms"],
        "running": is_running,
        "goals": stored["goals"],
    });
    for (name, field) in [("pausedAt", "paused_at"), ("endedAt", "stopped_at")] {
        if !stored[field].is_null() {
            session[name] = stored[field].clone();
        }
    }
    session
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_board_is_read_in_the_form_that_clients_see() {
        let item = r#"{"v":1,"stopwatch":{"id":"s","created":3,"label":"x","goals":[{"id":"g"}],"first_started_at":1,"started_at":2,"accumulated_ms":5,"paused_at":9}}"#;
        let view = decode_board("ann", &["@rev", "7", "@ids", "\u{fffd}", "stopwatch:s", item]).unwrap();
        let session = json!({
            "sessionId": "s", "userId": "ann", "label": "x", "startedAt": 2, "accumulatedMs": 5,
            "running": false, "goals": [{ "id": "g" }], "pausedAt": 9,
        });
        assert_eq!((view.rev, &view.sessions["s"]), (7, &session));
    }
}
