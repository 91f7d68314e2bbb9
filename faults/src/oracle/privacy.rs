//! Clients see only their own users and sessions.

use serde_json::Value;

use crate::record::Record;

/// Returns users and sessions that are not the client's own.
pub(super) fn check(record: &Record) -> Vec<String> {
    let mut violations = Vec::new();
    for message in record.received() {
        walk(message, &mut |name, value| {
            let is_own = match name {
                "userId" => value == record.user,
                // The ids of sessions begin with their user.
                "sessionId" => value.strip_prefix(&record.user).is_some_and(|rest| rest.starts_with('-')),
                _ => true,
            };
            if !is_own {
                violations.push(format!("foreign: {name} {value} in {message}"));
            }
        });
    }
    violations
}

fn walk(value: &Value, see: &mut impl FnMut(&str, &str)) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let Some(text) = value.as_str() {
                    see(name, text);
                }
                walk(value, see);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| walk(value, see)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Event;
    use serde_json::json;

    #[test]
    fn own_users_and_sessions_pass() {
        assert_eq!(of(json!({ "payload": [{ "userId": "u", "sessionId": "u-0-1" }], "id": "x" })), 0);
    }

    #[test]
    fn a_foreign_user_or_session_is_found_in_any_message() {
        assert_eq!(of(json!({ "payload": [{ "userId": "v", "sessionId": "u-0-1" }] })), 1);
        assert_eq!(of(json!({ "type": "tick", "payload": [{ "sessionId": "u2-0-1", "elapsedMs": 1 }] })), 1);
        assert_eq!(of(json!({ "type": "ack", "sessionId": "v-0-1" })), 1);
    }

    fn of(message: Value) -> usize {
        check(&Record::example([Event::Opened(0), Event::Received(message)])).len()
    }
}
