//! A room on a client's display: the documented protocol, applied.

use std::collections::BTreeSet;

use serde_json::Value;

/// The countdown of a room, without the fields that depend on the time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Countdown {
    /// In seconds.
    pub(crate) duration: u64,
    pub(crate) started_at: Option<u64>,
    pub(crate) paused_at: Option<u64>,
    /// Present while it runs.
    pub(crate) ends_at: Option<u64>,
}

/// A client's membership and what it shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RoomView {
    pub(crate) room: String,
    /// The client's own id in the room.
    pub(crate) member: String,
    pub(crate) resume: String,
    /// The ids of all members.
    pub(crate) members: BTreeSet<String>,
    pub(crate) countdown: Countdown,
}

impl Countdown {
    /// Reads a `TimerState`.
    pub(crate) fn of(state: &Value) -> Self {
        Self {
            duration: state["duration"].as_u64().unwrap_or_default(),
            started_at: state["startedAt"].as_u64(),
            paused_at: state["pausedAt"].as_u64(),
            ends_at: state["endsAt"].as_u64(),
        }
    }
}

impl RoomView {
    /// Reads a `session:joined`.
    pub(crate) fn joined(payload: &Value) -> Self {
        let text = |name: &str| payload[name].as_str().unwrap_or_default().to_owned();
        Self {
            room: text("sessionId"),
            member: text("clientId"),
            resume: text("resume"),
            members: listed(payload),
            countdown: Countdown::of(&payload["state"]),
        }
    }

    /// Applies another event.
    pub(crate) fn apply(&mut self, event: &str, payload: &Value) {
        match event {
            "session:user-joined" => self.members.extend(client_id(payload)),
            "session:user-left" => {
                if let Some(id) = client_id(payload) {
                    self.members.remove(&id);
                }
            }
            "timer:state" => self.countdown = Countdown::of(payload),
            _ => {}
        }
    }
}

/// Returns the ids in the `clients` of an event.
pub(crate) fn listed(payload: &Value) -> BTreeSet<String> {
    let clients = payload["clients"].as_array().into_iter().flatten();
    clients.filter_map(|client| Some(client["id"].as_str()?.to_owned())).collect()
}

/// Returns the id of the member that an event is about.
pub(crate) fn client_id(payload: &Value) -> Option<String> {
    payload["client"]["id"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_view_follows_the_events() {
        let state = json!({ "duration": 3, "endsAt": 9, "startedAt": 6, "rev": 2 });
        let mut view = RoomView::joined(&json!({
            "sessionId": "r", "clientId": "a", "resume": "s", "clients": [{ "id": "a" }, { "id": "b" }], "state": state,
        }));
        assert_eq!((view.room.as_str(), view.member.as_str(), view.countdown.ends_at), ("r", "a", Some(9)));
        view.apply("session:user-joined", &json!({ "client": { "id": "c" } }));
        view.apply("session:user-left", &json!({ "client": { "id": "b" } }));
        view.apply("timer:state", &json!({ "duration": 3, "pausedAt": 7, "startedAt": 6 }));
        let countdown = Countdown { duration: 3, started_at: Some(6), paused_at: Some(7), ends_at: None };
        assert_eq!((view.members, view.countdown), (BTreeSet::from(["a".to_owned(), "c".to_owned()]), countdown));
    }
}
