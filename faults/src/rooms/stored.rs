//! Reads the rooms directly from Redis, by the documented names and formats of their keys.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use harness::Reply;
use serde_json::Value;

use crate::rooms::view::Countdown;
use crate::target::Target;

/// A stored room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoredRoom {
    /// The ids of the members.
    pub(crate) members: BTreeSet<String>,
    /// Those of them that are disconnected.
    pub(crate) disconnected: BTreeSet<String>,
    /// The countdown; `None` if the room has ended.
    pub(crate) countdown: Option<Countdown>,
}

/// Reads all rooms by id.
pub(crate) fn read(target: &Target) -> Result<BTreeMap<String, StoredRoom>> {
    let keys = target.replies(&[vec!["KEYS", "tickcast:*:board:room:*"]])?;
    let keys: Vec<&str> = keys.iter().flat_map(Reply::texts).collect();
    let commands: Vec<Vec<&str>> = keys.iter().map(|key| vec!["HGETALL", key]).collect();
    let boards = target.replies(&commands)?;
    let rooms = keys.iter().zip(&boards).map(|(key, board)| {
        let id = key.rsplit(':').next().unwrap_or_default().to_owned();
        Ok((id, decode_board(&board.texts()).with_context(|| format!("in {key}"))?))
    });
    rooms.collect()
}

fn decode_board(fields: &[&str]) -> Result<StoredRoom> {
    let mut room = StoredRoom::default();
    for pair in fields.chunks_exact(2) {
        let (name, value) = (pair[0], pair[1]);
        if name.starts_with('@') {
            continue;
        }
        let item: Value = serde_json::from_str(value).with_context(|| name.to_owned())?;
        if let Some(id) = item["member"]["id"].as_str() {
            room.members.insert(id.to_owned());
            if !item["member"]["lost_at"].is_null() {
                room.disconnected.insert(id.to_owned());
            }
        } else {
            room.countdown = Some(countdown(&item["room"]).with_context(|| value.to_owned())?);
        }
    }
    Ok(room)
}

fn countdown(stored: &Value) -> Option<Countdown> {
    Some(Countdown {
        duration: stored["duration_ms"].as_u64()?.div_ceil(1000),
        started_at: stored["started_at"].as_u64(),
        paused_at: stored["paused_at"].as_u64(),
        ends_at: stored["ends_at"].as_u64(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_board_is_read() {
        let running = r#"{"v":1,"room":{"created":1,"last_activity":2,"duration_ms":3000,"running_since":4,"ends_at":3004,"started_at":4}}"#;
        let member = r#"{"v":1,"member":{"id":"m","name":"Ann","connected_at":1,"secret":"s","link":"l","node":"n"}}"#;
        let lost = r#"{"v":1,"member":{"id":"l","name":"Bob","connected_at":1,"secret":"s","link":"l","node":"n","lost_at":7}}"#;
        let fields = ["@rev", "7", "room", running, "member:m", member, "member:l", lost];
        let room = decode_board(&fields).unwrap();
        assert_eq!(room.members, BTreeSet::from(["m".to_owned(), "l".to_owned()]));
        assert_eq!(room.disconnected, BTreeSet::from(["l".to_owned()]));
        let countdown = Countdown { duration: 3, started_at: Some(4), paused_at: None, ends_at: Some(3004) };
        assert_eq!(room.countdown, Some(countdown));
        assert!(decode_board(&["room", r#"{"v":1,"room":{}}"#]).is_err());
    }
}
