//! How credentials present a user to people.

use serde_json::Value;

/// Longest kept name or address in bytes: that of the longest e-mail address (RFC 5321). A longer text counts as absent,
/// because every connection of the user keeps it.
const TEXT_BYTES_MAX: usize = 320;

/// The name and the e-mail address of a user, as its credentials state them. They are for display only: an issuer need not
/// have verified them, and users can change them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The name.
    pub name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
}

impl Profile {
    /// Reads the claims `name` and `email`; `None` if neither has a text.
    pub(crate) fn of(name: Option<&Value>, email: Option<&Value>) -> Option<Box<Self>> {
        let profile = Self { name: name.and_then(text), email: email.and_then(text) };
        (profile.name.is_some() || profile.email.is_some()).then(|| Box::new(profile))
    }
}

fn text(claim: &Value) -> Option<String> {
    let text = claim.as_str()?.trim();
    let is_kept = !text.is_empty() && text.len() <= TEXT_BYTES_MAX && !text.chars().any(char::is_control);
    is_kept.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_profile_has_the_texts_that_can_be_shown() {
        let of = |name: Value, email: Value| {
            Profile::of(Some(&name), Some(&email)).map(|profile| (profile.name, profile.email))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            of(json!(" Ann Ümit "), json!("ann@example.org")),
            Some((some("Ann Ümit"), some("ann@example.org")))
        );
        assert_eq!(of(json!("Ann"), Value::Null), Some((some("Ann"), None)));
        assert_eq!(of(json!(7), json!("x".repeat(TEXT_BYTES_MAX))), Some((None, some(&"x".repeat(TEXT_BYTES_MAX)))));
        for (name, email) in [
            (json!(""), json!("  ")),
            (json!(["Ann"]), json!({})),
            (json!("a\nb"), json!("x".repeat(TEXT_BYTES_MAX + 1))),
        ] {
            assert_eq!(of(name, email), None);
        }
        assert_eq!(Profile::of(None, None), None);
    }
}
