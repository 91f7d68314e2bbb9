//! Nobody sees what is another's.

use serde_json::Value;

use crate::record::Record;

/// Finds users and sessions that are not the client's own.
pub(super) fn check(record: &Record) -> Vec<String> {
    let mut violations = Vec::new();
    for message in record.heard() {
        walk(message, &mut |name, value| {
            let is_own = match name {
                "userId" => value == record.user,
                // All sessions are named after their user.
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
    use crate::record::What;
    use serde_json::json;

    #[test]
    fn what_is_ones_own_passes() {
        assert_eq!(of(json!({ "payload": [{ "userId": "u", "sessionId": "u-0-1" }], "id": "x" })), 0);
    }

    #[test]
    fn a_foreign_user_or_session_is_found_wherever_it_is() {
        assert_eq!(of(json!({ "payload": [{ "userId": "v", "sessionId": "u-0-1" }] })), 1);
        assert_eq!(of(json!({ "type": "tick", "payload": [{ "sessionId": "u2-0-1", "elapsedMs": 1 }] })), 1);
        assert_eq!(of(json!({ "type": "ack", "sessionId": "v-0-1" })), 1);
    }

    fn of(message: Value) -> usize {
        check(&Record::made_up([What::Opened(0), What::Heard(message)])).len()
    }
}
