//! Session tokens of a next-auth server (version 4, strategy `jwt`): a cookie contains the encrypted claims of a user.

mod session_cookies;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::RwLock;
use serde::Deserialize;
use serde_json::Value;

use crate::credentials::Credentials;
use crate::identity::{AuthMethod, Denied, Identity, Validity, id_text, valid_until};
use crate::jwe::{self, DecryptionKey, JweError};
use crate::namespaces::{Login, Namespaces};
use crate::next_auth::session_cookies::SessionCookies;
use crate::profile::Profile;
use crate::settings::NextAuthSettings;

/// What next-auth derives the key for.
const KEY_INFO: &str = "NextAuth.js Generated Encryption Key";

/// The tolerated difference between clocks, which is that of next-auth.
const LEEWAY: Duration = Duration::from_secs(15);

/// Decrypts the session tokens of a next-auth server.
pub(crate) struct NextAuthSessions {
    settings: NextAuthSettings,
    keys: RwLock<Vec<DecryptionKey>>,
    namespaces: Namespaces,
    /// Whether a token that no key decrypts has been logged.
    has_logged_rejection: AtomicBool,
}

/// The claims of a session token that matter here.
#[derive(Deserialize)]
struct SessionClaims {
    id: Option<Value>,
    sub: Option<Value>,
    name: Option<Value>,
    email: Option<Value>,
    exp: Option<f64>,
    nbf: Option<f64>,
}

impl NextAuthSessions {
    pub(crate) fn new(settings: &NextAuthSettings, namespaces: Namespaces) -> Self {
        Self {
            keys: RwLock::new(keys_of(settings)),
            namespaces,
            settings: settings.clone(),
            has_logged_rejection: AtomicBool::new(false),
        }
    }

    /// Replaces the secrets.
    pub(crate) fn replace_keys(&self, settings: &NextAuthSettings) {
        *self.keys.write() = keys_of(settings);
        // The new secrets may be wrong.
        self.has_logged_rejection.store(false, Ordering::Relaxed);
    }

    /// Returns whether a system accepts the tokens.
    pub(crate) fn is_accepted_by(&self, system: &str) -> bool {
        let systems = &self.settings.systems;
        systems.is_empty() || systems.iter().any(|accepted| accepted == system)
    }

    /// Returns whether the request has a session token, valid or not.
    pub(crate) fn has_cookie(credentials: &Credentials) -> bool {
        !SessionCookies::of(credentials).is_empty()
    }

    /// Returns the identity of the first valid session token among the cookies.
    ///
    /// Costs one decryption of at most 16 KiB for each of the secrets and of the four forms in which a browser can have
    /// kept a token.
    pub(crate) fn authenticate(&self, credentials: &Credentials) -> Result<Identity, Denied> {
        let mut rejection = Denied::Missing;
        for token in SessionCookies::of(credentials).tokens() {
            match token.and_then(|token| self.verify(&token)) {
                Ok(identity) => return Ok(identity),
                Err(denied) => rejection = denied,
            }
        }
        Err(rejection)
    }

    fn verify(&self, token: &str) -> Result<Identity, Denied> {
        let content = jwe::decrypt(token, &self.keys.read()).map_err(|error| {
            if error == JweError::UnknownKey {
                self.log_rejection_once();
            }
            Denied::rejected(format!("the session token cannot be decrypted: {error}"))
        })?;
        let (login, profile, until) = parse_claims(&content, SystemTime::now())?;
        let namespace = self.settings.namespace.as_deref();
        let identity = self.namespaces.identify(namespace, &login, AuthMethod::NextAuth, Validity::Until(until))?;
        Ok(identity.with_profile(profile))
    }

    /// Logs the first token that no key decrypts: a wrong secret rejects every client and looks like nothing else. Later
    /// ones are not logged, because anyone can send such tokens.
    fn log_rejection_once(&self) {
        if !self.has_logged_rejection.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a session token of next-auth is rejected; if this happens to every client, auth.next_auth.secret is not \
                 that of the web server (logged once)"
            );
        }
    }
}

fn keys_of(settings: &NextAuthSettings) -> Vec<DecryptionKey> {
    settings.secrets.iter().map(|secret| DecryptionKey::derive(secret.reveal(), KEY_INFO)).collect()
}

/// Returns the login and the profile that claims state at `now`, and until when they are valid.
fn parse_claims(content: &[u8], now: SystemTime) -> Result<(Login, Option<Box<Profile>>, SystemTime), Denied> {
    let claims: SessionClaims = serde_json::from_slice(content)
        .map_err(|error| Denied::rejected(format!("the claims of the session token cannot be parsed: {error}")))?;
    let exp = claims.exp.ok_or_else(|| Denied::rejected("the session token has no exp"))?;
    let until = valid_until(exp, LEEWAY, now);
    if until <= now {
        return Err(Denied::rejected("the session token has expired"));
    }
    if claims.nbf.is_some_and(|nbf| valid_until(nbf, Duration::ZERO, now) > now + LEEWAY) {
        return Err(Denied::rejected("the session token is not valid yet"));
    }
    let user = [claims.id, claims.sub].iter().flatten().find_map(id_text);
    let user = user.ok_or_else(|| Denied::rejected("the session token has no user id"))?;
    let profile = Profile::of(claims.name.as_ref(), claims.email.as_ref());
    Ok((Login { user, organization: None }, profile, until))
}

/// Returns whether the cookies of a request contain a session token that a key of the secret has encrypted.
#[cfg(feature = "fuzzing")]
pub(crate) fn is_encrypted(credentials: &Credentials, secret: &str) -> bool {
    let keys = [DecryptionKey::derive(secret, KEY_INFO)];
    SessionCookies::of(credentials).tokens().flatten().any(|token| jwe::decrypt(&token, &keys).is_ok())
}

/// Parses the claims of a session token.
#[cfg(feature = "fuzzing")]
pub(crate) fn parse(content: &[u8]) {
    parse_claims(content, SystemTime::now()).ok();
}

#[cfg(test)]
mod tests;
