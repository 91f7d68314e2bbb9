//! The state on a client's display: the documented protocol, applied.

use std::collections::BTreeMap;

use serde_json::Value;

/// The sessions of a user by id, as `SessionState`, and their revision.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct View {
    pub(crate) rev: u64,
    pub(crate) sessions: BTreeMap<String, Value>,
}

impl View {
    /// Applies a message; `false` if it has no sessions.
    pub(crate) fn apply(&mut self, message: &Value) -> bool {
        match message["type"].as_str() {
            Some("ready" | "session-snapshot") => {
                let sessions = message["payload"].as_array().into_iter().flatten();
                self.sessions = sessions.map(|session| (id(session), session.clone())).collect();
            }
            Some("session-update") => {
                let session = &message["payload"];
                if session["removed"] == true {
                    self.sessions.remove(&id(session));
                } else {
                    self.sessions.insert(id(session), session.clone());
                }
            }
            Some(_) | None => return false,
        }
        self.rev = message["rev"].as_u64().unwrap_or_default();
        true
    }

    /// Tells whether a session runs.
    pub(crate) fn has_running(&self) -> bool {
        self.sessions.values().any(|session| session["running"] == true)
    }

    /// Returns the differences from another view; empty if there are none.
    pub(crate) fn difference(&self, other: &Self) -> String {
        let ids: std::collections::BTreeSet<&String> = self.sessions.keys().chain(other.sessions.keys()).collect();
        let differ = ids.into_iter().filter(|id| self.sessions.get(*id) != other.sessions.get(*id));
        let shown = |view: &Self, id: &String| view.sessions.get(id).map_or("nothing".to_owned(), Value::to_string);
        let mut lines: Vec<String> =
            differ.map(|id| format!("{} instead of {}", shown(self, id), shown(other, id))).collect();
        if self.rev != other.rev {
            lines.push(format!("rev {} instead of {}", self.rev, other.rev));
        }
        lines.join("; ")
    }
}

fn id(session: &Value) -> String {
    session["sessionId"].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_view_follows_the_messages() {
        let mut view = View::default();
        assert!(view.apply(&json!({ "type": "ready", "payload": [{ "sessionId": "a", "running": true }], "rev": 3 })));
        assert!(view.has_running());
        assert!(view.apply(&json!({ "type": "session-update", "payload": { "sessionId": "b" }, "rev": 4 })));
        let gone = json!({ "sessionId": "a", "removed": true });
        assert!(view.apply(&json!({ "type": "session-update", "payload": gone, "rev": 5 })));
        assert!(!view.apply(&json!({ "type": "tick", "payload": [] })));
        assert_eq!((view.rev, view.sessions.len(), view.sessions.contains_key("b")), (5, 1, true));
        assert!(view.apply(&json!({ "type": "session-snapshot", "payload": [], "rev": 6 })));
        assert_eq!(view, View { rev: 6, sessions: BTreeMap::new() });
    }

    #[test]
    fn a_difference_names_the_session_and_the_revision() {
        let mut view = View::default();
        view.apply(&json!({ "type": "ready", "payload": [{ "sessionId": "a" }], "rev": 3 }));
        assert_eq!(view.difference(&view), "");
        assert_eq!(view.difference(&View::default()), r#"{"sessionId":"a"} instead of nothing; rev 3 instead of 0"#);
    }
}
