//! The span that a message belongs to.

use timers::Fields;

const FIELD: &str = "traceparent";

/// Longest accepted `traceparent`: version 00 has 55 characters, later versions may have more.
const LENGTH_MAX: usize = 256;

/// Removes and returns the `traceparent` of a message. A malformed one counts as absent, so that no message is refused for
/// it.
pub(crate) fn parent(fields: &mut Fields) -> Option<String> {
    let parent = fields.take::<String>(FIELD).ok().flatten();
    parent.filter(|parent| parent.len() <= LENGTH_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_traceparent_counts_as_absent() {
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
