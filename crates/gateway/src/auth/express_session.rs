//! Sessions of an express server: a signed cookie (express-session) that leads to a key in Redis (connect-redis).

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;
use store::redis::Sessions;
use timers::UserId;

use crate::auth::Denied;
use crate::auth::claimed::Claimed;
use crate::auth::names::Names;
use crate::config::ExpressSessionSettings;

/// Longest cookie in bytes; the server's own have some 100.
const COOKIE_BYTES_MAX: usize = 1024;

/// How long a session lives after a request, if it does not say so itself, as connect-redis has it.
const LIVES: Duration = Duration::from_secs(86_400);

/// The sessions of an express server.
pub(super) struct ExpressSessions {
    settings: ExpressSessionSettings,
    keys: Vec<hmac::Key>,
    store: Sessions,
    names: Names,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExpressSession {
    key: String,
    /// How long it lives after a request.
    lives: Duration,
}

/// A session as the server writes it.
#[derive(Deserialize)]
struct Stored {
    #[serde(rename = "userId")]
    user_id: Option<Value>,
    cookie: Cookie,
}

#[derive(Deserialize)]
struct Cookie {
    #[serde(rename = "originalMaxAge")]
    original_max_age: Option<f64>,
}

impl ExpressSessions {
    /// Begins to connect to the Redis that has them.
    ///
    /// # Errors
    /// What is wrong with its address, in words.
    pub(super) fn new(settings: &ExpressSessionSettings, names: Names) -> Result<Self, String> {
        let store = Sessions::connect(&settings.url, settings.ca_file.as_deref()).map_err(|fault| fault.to_string())?;
        let key = |secret: &str| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let keys = settings.secrets.iter().map(|secret| key(secret.reveal())).collect();
        Ok(Self { keys, store, names, settings: settings.clone() })
    }

    /// Tells whether a client has a cookie of theirs, good or not.
    pub(super) fn is_claimed(&self, claimed: &Claimed) -> bool {
        claimed.cookie(&self.settings.cookie).is_some()
    }

    /// Returns whose session a client's cookie leads to.
    pub(super) async fn find(&self, claimed: &Claimed) -> Result<(UserId, ExpressSession), Denied> {
        let cookie = claimed.cookie(&self.settings.cookie).ok_or_else(|| Denied::not_believed("no cookie"))?;
        let sid = signed(cookie, &self.keys).ok_or_else(|| Denied::not_believed("the cookie is not signed by us"))?;
        let key = format!("{}{sid}", self.settings.prefix);
        let (user, lives) = self.read(&key).await?;
        Ok((user, ExpressSession { key, lives }))
    }

    /// Tells whether the Redis was ever there.
    pub(super) fn is_known(&self) -> bool {
        self.store.was_up()
    }

    /// Returns whose a session is, and how long it lives after a request.
    async fn read(&self, key: &str) -> Result<(UserId, Duration), Denied> {
        let stored = self.store.read(key).await.map_err(|fault| Denied::Unavailable(fault.to_string()))?;
        let stored = stored.ok_or_else(|| Denied::not_believed("the session has ended"))?;
        let (user, lives) = read_stored(&stored)?;
        Ok((self.names.qualify(self.settings.name.as_deref(), &user)?, lives))
    }

    /// Tells whether a session is still somebody's.
    pub(super) async fn is_of(&self, session: &ExpressSession, user: &UserId) -> Result<bool, Denied> {
        match self.read(&session.key).await {
            Ok((found, _)) => Ok(found == *user),
            Err(Denied::NotBelieved(_)) => Ok(false),
            Err(unavailable @ Denied::Unavailable(_)) => Err(unavailable),
        }
    }

    /// Has a session live longer: a request came with it.
    pub(super) async fn extend(&self, session: &ExpressSession) {
        if let Err(fault) = self.store.extend(&session.key, session.lives).await {
            tracing::warn!(%fault, "a session can't be extended");
        }
    }

    /// Returns how often sessions are looked at that sockets rest on.
    pub(super) fn check_every(&self) -> Duration {
        self.settings.check_every
    }
}

/// Returns the session's id if one of the keys has signed the cookie, whose value is the URL-encoded `s:`, the id, a dot
/// and the signature in base64 without padding.
fn signed(cookie: &str, keys: &[hmac::Key]) -> Option<String> {
    if cookie.len() > COOKIE_BYTES_MAX {
        return None;
    }
    let decoded = percent_decode_str(cookie).decode_utf8().ok()?;
    let (sid, signature) = decoded.strip_prefix("s:")?.rsplit_once('.')?;
    let signature = STANDARD_NO_PAD.decode(signature).ok()?;
    let is_signed = keys.iter().any(|key| hmac::verify(key, sid.as_bytes(), &signature).is_ok());
    (is_signed && !sid.is_empty()).then(|| sid.to_owned())
}

/// Tells whether a secret has signed a cookie.
#[cfg(feature = "fuzzing")]
pub(super) fn is_signed(cookie: &str, secret: &str) -> bool {
    signed(cookie, &[hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())]).is_some()
}

/// Reads a session as it is stored.
pub(super) fn read_stored(stored: &[u8]) -> Result<(String, Duration), Denied> {
    let stored: Stored = serde_json::from_slice(stored)
        .map_err(|error| Denied::not_believed(format!("the session can't be read: {error}")))?;
    let user = match stored.user_id {
        Some(Value::String(text)) => text,
        Some(Value::Number(number)) => number.to_string(),
        Some(_) | None => return Err(Denied::not_believed("nobody is logged in")),
    };
    let seconds =
        stored.cookie.original_max_age.map(|millis| (millis / 1000.0).ceil()).filter(|seconds| *seconds >= 1.0);
    Ok((user, seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(LIVES)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secrets: &[&str]) -> Vec<hmac::Key> {
        secrets.iter().map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())).collect()
    }

    /// The vector that the npm package cookie-signature publishes.
    const SIGNED: &str = "s%3Ahello.DGDUkGlIkCzPz%2BC0B064FNgHdEjox7ch8tOBGslZ5QI";

    #[test]
    fn a_cookie_is_believed_if_one_of_the_secrets_has_signed_it() {
        assert_eq!(signed(SIGNED, &keys(&["tobiiscool"])).as_deref(), Some("hello"));
        assert_eq!(signed(SIGNED, &keys(&["new", "tobiiscool"])).as_deref(), Some("hello"), "the secret was changed");
        for (cookie, secret) in [
            (SIGNED, "luna"),
            (SIGNED, ""),
            (&SIGNED[3..], "tobiiscool"),
            (&SIGNED[..SIGNED.len() - 1], "tobiiscool"),
            ("s:hello.DGDUkGlIkCzPz+C0B064FNgHdEjox7ch8tOBGslZ5QI=", "tobiiscool"),
            ("s:hello.", "tobiiscool"),
            ("s:hello", "tobiiscool"),
            ("s:.", "tobiiscool"),
            ("", "tobiiscool"),
            ("%ff", "tobiiscool"),
            (&"x".repeat(COOKIE_BYTES_MAX + 1), "tobiiscool"),
        ] {
            assert_eq!(signed(cookie, &keys(&[secret])), None, "{cookie}");
        }
    }

    #[test]
    fn a_session_names_its_user_and_how_long_it_lives() {
        let read = |text: &str| read_stored(text.as_bytes()).map(|(user, lives)| (user, lives.as_secs()));
        let cookie = |age: &str| format!(r#"{{"cookie":{{"originalMaxAge":{age}}},"userId":42,"organizationId":7}}"#);
        assert_eq!(read(&cookie("90000.5")), Ok(("42".to_owned(), 91)));
        assert_eq!(read(&cookie("null")), Ok(("42".to_owned(), 86_400)));
        assert_eq!(read(&cookie("-1")), Ok(("42".to_owned(), 86_400)));
        assert_eq!(read(r#"{"cookie":{},"userId":"ann"}"#), Ok(("ann".to_owned(), 86_400)));
        for nobody in [r#"{"cookie":{}}"#, r#"{"cookie":{},"userId":true}"#, r#"{"userId":1}"#, "{}", "", "7"] {
            assert!(read(nobody).is_err(), "{nobody}");
        }
    }
}
