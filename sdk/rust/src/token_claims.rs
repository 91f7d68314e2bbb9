//! What a JSON Web Token says. Nothing is verified: the server does that.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// The claims that name the user, as servers read them by default: the first that a token has counts.
const USER_CLAIMS: [&str; 2] = ["sub", "id"];

/// Returns when a token expires, in ms since 1970, or `None` for other tokens.
pub(crate) fn expiry(token: &str) -> Option<i64> {
    let seconds = claims(token)?.get("exp")?.as_f64()?;
    Some((seconds * 1000.0) as i64)
}

/// Returns the id of the user that a token names, or `None` for other tokens.
pub(crate) fn user_id(token: &str) -> Option<String> {
    let claims = claims(token)?;
    match USER_CLAIMS.iter().find_map(|name| claims.get(*name))? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn claims(token: &str) -> Option<Map<String, Value>> {
    let claims = token.split('.').nth(1)?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&claims).ok()
}

/// Returns a token with these claims.
#[cfg(test)]
pub(crate) fn example_token(claims: &str) -> String {
    format!("e30.{}.x", BASE64_URL_SAFE_NO_PAD.encode(claims))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expiry_and_the_user_of_a_token_are_read_if_it_has_them() {
        assert_eq!(expiry(&example_token(r#"{"exp":1700000000}"#)), Some(1_700_000_000_000));
        let users = [(r#"{"sub":"ada","id":7}"#, Some("ada")), (r#"{"id":7}"#, Some("7")), (r#"{"sub":""}"#, None)];
        for (claims, user) in users {
            assert_eq!(user_id(&example_token(claims)).as_deref(), user, "{claims}");
        }
        for token in
            ["", "opaque", "a.b.c", &example_token("{}"), &example_token("[]"), &example_token(r#"{"exp":"x"}"#)]
        {
            assert_eq!((expiry(token), user_id(token)), (None, None), "{token}");
        }
    }
}
