//! Which span a message belongs to.

use timers::Fields;

const FIELD: &str = "traceparent";

/// Longest text that may be one: version 00 has 55 characters, later ones may have more.
const LENGTH_MAX: usize = 256;

/// Takes out what a client says of the span that its message belongs to. What makes no sense says nothing: a message is
/// not refused for it.
pub(crate) fn parent(fields: &mut Fields) -> Option<String> {
    let said = fields.take::<String>(FIELD).ok().flatten();
    said.filter(|said| said.len() <= LENGTH_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_no_traceparent_says_nothing() {
        let parent_of = |json: &str| parent(&mut serde_json::from_str(json).unwrap());
        assert_eq!(parent_of(r#"{"traceparent":"00-1-2-01"}"#).as_deref(), Some("00-1-2-01"));
        for json in [
            "{}",
            r#"{"traceparent":null}"#,
            r#"{"traceparent":7}"#,
            &format!(r#"{{"traceparent":"{}"}}"#, "0".repeat(LENGTH_MAX + 1)),
        ] {
            assert_eq!(parent_of(json), None, "{json}");
        }
    }
}
