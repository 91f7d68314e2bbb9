//! Sessions of an express server: a signed cookie (express-session) names a key in its store (connect-redis).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use parking_lot::RwLock;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

use crate::credentials::Credentials;
use crate::identity::{AuthMethod, Denied, Identity, Validity, id_text};
use crate::namespaces::{Login, Namespaces};
use crate::session_store::SessionStore;
use crate::settings::ExpressSessionSettings;

/// Longest accepted cookie in bytes; those of express-session have about 100.
const COOKIE_BYTES_MAX: usize = 1024;

/// The time to live after a request of a session that states none: the default of connect-redis.
const DEFAULT_TIME_TO_LIVE: Duration = Duration::from_secs(86_400);

/// Verifies the session cookies of an express server and reads its sessions.
pub(crate) struct ExpressSessions {
    settings: ExpressSessionSettings,
    keys: RwLock<Vec<hmac::Key>>,
    store: Arc<dyn SessionStore>,
    namespaces: Namespaces,
    /// Whether the rejection of a signature has been logged.
    has_logged_rejection: AtomicBool,
}

/// A reference to one session of an express server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressSession {
    key: String,
    /// The time to live after a request.
    time_to_live: Duration,
}

/// The stored format of a session.
#[derive(Deserialize)]
struct StoredSession {
    #[serde(rename = "userId")]
    user_id: Option<Value>,
    #[serde(rename = "organizationId")]
    organization_id: Option<Value>,
    /// Only express itself cannot do without it.
    cookie: Option<Cookie>,
}

#[derive(Deserialize)]
struct Cookie {
    #[serde(rename = "originalMaxAge")]
    original_max_age: Option<Value>,
}

impl ExpressSessions {
    pub(crate) fn new(settings: &ExpressSessionSettings, store: Arc<dyn SessionStore>, namespaces: Namespaces) -> Self {
        Self {
            keys: RwLock::new(keys_of(settings)),
            store,
            namespaces,
            settings: settings.clone(),
            has_logged_rejection: AtomicBool::new(false),
        }
    }

    /// Replaces the secrets that sign the cookies.
    pub(crate) fn replace_keys(&self, settings: &ExpressSessionSettings) {
        *self.keys.write() = keys_of(settings);
        // The new secrets may be wrong.
        self.has_logged_rejection.store(false, Ordering::Relaxed);
    }

    /// Returns whether the request has a session cookie, valid or not.
    pub(crate) fn has_cookie(&self, credentials: &Credentials) -> bool {
        credentials.cookie(&self.settings.cookie).is_some()
    }

    /// Returns the identity of the session that the cookie names.
    pub(crate) async fn authenticate(&self, credentials: &Credentials) -> Result<Identity, Denied> {
        let cookie = credentials.cookie(&self.settings.cookie);
        let cookie = cookie.ok_or(Denied::Missing)?;
        let sid = verify_cookie(cookie, &self.keys.read()).ok_or_else(|| {
            self.log_rejection_once();
            Denied::rejected("the signature of the session cookie is invalid")
        })?;
        let key = format!("{}{sid}", self.settings.prefix);
        self.read(key).await
    }

    /// Logs the first cookie without a valid signature: a wrong secret rejects every client and looks like nothing else.
    /// Later ones are not logged, because anyone can send such cookies.
    fn log_rejection_once(&self) {
        if !self.has_logged_rejection.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "the signature of a session cookie is rejected; if this happens to every client, \
                 auth.express_session.secret is not that of the web server (logged once)"
            );
        }
    }

    /// Returns whether the store has been connected at any time since the start.
    pub(crate) fn was_up(&self) -> bool {
        self.store.was_up()
    }

    /// Returns the identity of the session under a key.
    async fn read(&self, key: String) -> Result<Identity, Denied> {
        let stored = self.store.read(&key).await.map_err(|error| Denied::Unavailable(error.to_string()))?;
        let stored = stored.ok_or_else(|| Denied::rejected("the session has expired"))?;
        let (login, time_to_live) = parse_session(&stored)?;
        let validity = Validity::Session(ExpressSession { key, time_to_live });
        self.namespaces.identify(self.settings.namespace.as_deref(), &login, AuthMethod::Session, validity)
    }

    /// Returns whether the session of an identity exists, and has the same user and organisation.
    pub(crate) async fn is_valid(&self, session: &ExpressSession, identity: &Identity) -> Result<bool, Denied> {
        match self.read(session.key.clone()).await {
            Ok(current) => Ok(current.is_same_client(identity)),
            Err(Denied::Missing | Denied::Rejected(_) | Denied::Expired(_) | Denied::OriginRequired) => Ok(false),
            Err(unavailable @ Denied::Unavailable(_)) => Err(unavailable),
        }
    }

    /// Restarts the time to live of a session, as the express server does at each request.
    pub(crate) async fn extend(&self, session: &ExpressSession) {
        if let Err(error) = self.store.extend(&session.key, session.time_to_live).await {
            tracing::warn!(%error, "cannot extend a session");
        }
    }

    /// Returns the interval at which the session of an open connection is checked.
    pub(crate) fn check_every(&self) -> Duration {
        self.settings.check_every
    }
}

fn keys_of(settings: &ExpressSessionSettings) -> Vec<hmac::Key> {
    let key = |secret: &str| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    settings.secrets.iter().map(|secret| key(secret.reveal())).collect()
}

/// Returns the session id of a cookie that one of the keys has signed.
///
/// The value is the URL-encoded `s:`, the id, a dot and the signature in base64 without padding.
fn verify_cookie(cookie: &str, keys: &[hmac::Key]) -> Option<String> {
    if cookie.len() > COOKIE_BYTES_MAX {
        return None;
    }
    let decoded = percent_decode_str(cookie).decode_utf8().ok()?;
    let (sid, signature) = decoded.strip_prefix("s:")?.rsplit_once('.')?;
    let signature = STANDARD_NO_PAD.decode(signature).ok()?;
    let is_signed = keys.iter().any(|key| hmac::verify(key, sid.as_bytes(), &signature).is_ok());
    (is_signed && !sid.is_empty()).then(|| sid.to_owned())
}

/// Returns whether a cookie is signed with a secret.
#[cfg(feature = "fuzzing")]
pub(crate) fn is_signed(cookie: &str, secret: &str) -> bool {
    verify_cookie(cookie, &[hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())]).is_some()
}

/// Parses a stored session into its login and its time to live after a request.
///
/// The time at which the cookie expires is ignored: the session's key outlives it with each request.
pub(crate) fn parse_session(stored: &[u8]) -> Result<(Login, Duration), Denied> {
    let stored: StoredSession = serde_json::from_slice(stored)
        .map_err(|error| Denied::rejected(format!("the session cannot be parsed: {error}")))?;
    let user = stored.user_id.as_ref().and_then(id_text);
    let user = user.ok_or_else(|| Denied::rejected("the session has no user"))?;
    let organization = stored.organization_id.as_ref().and_then(id_text);
    let max_age = stored.cookie.and_then(|cookie| cookie.original_max_age?.as_f64());
    let seconds = max_age.map(|millis| (millis / 1000.0).ceil()).filter(|seconds| *seconds >= 1.0);
    let time_to_live = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    Ok((Login { user, organization }, time_to_live.unwrap_or(DEFAULT_TIME_TO_LIVE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secrets: &[&str]) -> Vec<hmac::Key> {
        secrets.iter().map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())).collect()
    }

    /// The test vector of the npm package cookie-signature.
    const SIGNED: &str = "s%3Ahello.DGDUkGlIkCzPz%2BC0B064FNgHdEjox7ch8tOBGslZ5QI";

    #[test]
    fn a_cookie_is_valid_if_one_of_the_secrets_has_signed_it() {
        assert_eq!(verify_cookie(SIGNED, &keys(&["tobiiscool"])).as_deref(), Some("hello"));
        assert_eq!(
            verify_cookie(SIGNED, &keys(&["new", "tobiiscool"])).as_deref(),
            Some("hello"),
            "after a change of the secret"
        );
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
            assert_eq!(verify_cookie(cookie, &keys(&[secret])), None, "{cookie}");
        }
    }

    #[test]
    fn a_session_states_its_user_and_its_time_to_live() {
        let read = |text: &str| parse_session(text.as_bytes()).map(|(login, ttl)| (login.user, ttl.as_secs()));
        let cookie = |age: &str| format!(r#"{{"cookie":{{"originalMaxAge":{age}}},"userId":42,"organizationId":7}}"#);
        assert_eq!(read(&cookie("90000.5")), Ok(("42".to_owned(), 91)));
        assert_eq!(read(&cookie("null")), Ok(("42".to_owned(), 86_400)));
        assert_eq!(read(&cookie("-1")), Ok(("42".to_owned(), 86_400)));
        assert_eq!(read(r#"{"cookie":{},"userId":"ann"}"#), Ok(("ann".to_owned(), 86_400)));
        assert_eq!(read(r#"{"userId":1}"#), Ok(("1".to_owned(), 86_400)));
        let stale = r#"{"cookie":{"originalMaxAge":1000,"expires":"2001-01-01T00:00:00.000Z"},"userId":42}"#;
        assert_eq!(read(stale), Ok(("42".to_owned(), 1)), "the life of the key decides, not the date");
        for invalid in [r#"{"cookie":{}}"#, r#"{"cookie":{},"userId":true}"#, r#"{"userId":""}"#, "{}", "", "7"] {
            assert!(read(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn a_session_can_state_an_organization() {
        for (written, organization) in [
            ("7", Some("7")),
            ("\"7\"", Some("7")),
            ("\"studio-a\"", Some("studio-a")),
            ("null", None),
            ("\"\"", None),
            ("true", None),
            ("[7]", None),
        ] {
            let stored = format!(r#"{{"cookie":{{}},"userId":42,"organizationId":{written}}}"#);
            let (login, _) = parse_session(stored.as_bytes()).unwrap();
            assert_eq!(login.organization.as_deref(), organization, "{written}");
        }
        assert_eq!(parse_session(br#"{"cookie":{},"userId":42}"#).unwrap().0.organization, None);
    }
}
