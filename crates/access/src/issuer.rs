//! Issuers of JSON Web Tokens (RFC 7519), and the verification of their tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation, dangerous, decode, decode_header};
use parking_lot::RwLock;
use serde_json::{Map, Value};

use crate::authenticator::TlsClient;
use crate::identity::{AuthMethod, Denied, Identity, VALIDITY_MAX, Validity, id_text, valid_until};
use crate::jwks::Jwks;
use crate::keys::{PublicKey, VerificationKey};
use crate::namespaces::{Login, Namespaces};
use crate::profile::Profile;
use crate::settings::{ExpiryPolicy, IssuerSettings};

/// Longest accepted token in bytes; real ones are below 2 KB.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Largest share by which the maximum age of a connection is shortened at random.
const AGE_JITTER: f64 = 0.1;

/// An issuer of tokens, with its keys.
pub(crate) struct Issuer {
    pub(crate) settings: IssuerSettings,
    keys: RwLock<Vec<VerificationKey>>,
    pub(crate) jwks: Option<Arc<Jwks>>,
    /// Whether the rejection of a signature has been logged.
    has_logged_rejection: AtomicBool,
}

/// The claims of a token.
type Claims = Map<String, Value>;

impl Issuer {
    /// # Errors
    /// The reason as text: a file of root certificates cannot be used.
    pub(crate) fn new(settings: &IssuerSettings, tls_client: TlsClient<'_>) -> Result<Self, String> {
        let jwks = match &settings.jwks {
            Some(jwks) => Some(Arc::new(Jwks::new(jwks, tls_client(jwks.ca_file.as_deref())?))),
            None => None,
        };
        Ok(Self {
            keys: RwLock::new(keys_of(settings)),
            jwks,
            settings: settings.clone(),
            has_logged_rejection: AtomicBool::new(false),
        })
    }

    /// Replaces the secrets and the public keys from files.
    pub(crate) fn replace_keys(&self, settings: &IssuerSettings) {
        *self.keys.write() = keys_of(settings);
        // The new keys may be wrong.
        self.has_logged_rejection.store(false, Ordering::Relaxed);
    }

    /// Returns whether a token with this `iss` can be from this issuer, and `system` accepts the issuer's tokens.
    fn may_have_issued(&self, iss: Option<&str>, system: &str) -> bool {
        let systems = &self.settings.systems;
        let is_accepted = systems.is_empty() || systems.iter().any(|accepted| accepted == system);
        is_accepted && self.settings.issuer.as_deref().is_none_or(|issuer| iss == Some(issuer))
    }

    /// Returns the identity of a token with a valid signature and audience, after its `nbf` and before its `exp`.
    async fn verify(&self, token: &str, namespaces: &Namespaces) -> Result<Identity, Denied> {
        let header = decode_header(token).map_err(|error| invalid(&error))?;
        if header.crit.is_some() {
            // A recipient must reject extensions that it does not support (RFC 7515); this one supports none.
            return Err(Denied::rejected("the token has critical extensions"));
        }
        let mut rejection = Denied::rejected("no key matches the token");
        let mut reason = "no key of the issuer has the algorithm and the id (kid) that the token names";
        for key in self.keys_for(&header).await? {
            match decode::<Claims>(token, &key.decoding, &self.validation(header.alg)) {
                Ok(decoded) => {
                    let login = login(&decoded.claims, &self.settings)?;
                    let validity = self.validity(&decoded.claims);
                    let namespace = self.settings.namespace.as_deref();
                    let identity = namespaces.identify(namespace, &login, AuthMethod::Token, validity)?;
                    return Ok(identity.with_profile(profile(&decoded.claims)));
                }
                Err(error) if matches!(error.kind(), ErrorKind::InvalidSignature) => {
                    rejection = invalid(&error);
                    reason = "the token is not signed with a key of the issuer";
                }
                Err(error) => return Err(invalid(&error)),
            }
        }
        self.log_rejection_once(reason);
        Err(rejection)
    }

    /// Logs the first token without a valid signature: a wrong key rejects every client and looks like nothing else. Later
    /// ones are not logged, because anyone can send such tokens.
    fn log_rejection_once(&self, reason: &str) {
        if !self.has_logged_rejection.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                issuer = self.settings.table(),
                reason,
                "a token is rejected; if this happens to every client, the configured keys are not those of the issuer \
                 (logged once for each issuer)"
            );
        }
    }

    async fn keys_for(&self, header: &Header) -> Result<Vec<VerificationKey>, Denied> {
        let matches = |key: &VerificationKey| key.matches(header.alg, header.kid.as_deref());
        let allowed = &self.settings.algorithms;
        if !allowed.is_empty() && !allowed.contains(&header.alg) {
            return Ok(Vec::new());
        }
        let mut keys: Vec<VerificationKey> = self.keys.read().iter().filter(|key| matches(key)).cloned().collect();
        let is_secret = header.alg.family() == jsonwebtoken::AlgorithmFamily::Hmac;
        if let Some(jwks) = self.jwks.as_ref().filter(|_| !is_secret) {
            match jwks.keys(matches).await {
                Ok(published) => keys.extend(published),
                Err(_) if keys.is_empty() => {
                    return Err(Denied::Unavailable("the keys of the issuer have not been fetched yet".to_owned()));
                }
                Err(_) => {}
            }
        }
        Ok(keys)
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = self.settings.leeway.as_secs();
        validation.validate_nbf = true;
        let mut required = vec!["exp"];
        validation.validate_aud = !self.settings.audience.is_empty();
        if validation.validate_aud {
            validation.set_audience(&self.settings.audience);
            required.push("aud");
        }
        if let Some(issuer) = &self.settings.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        validation
    }

    /// Returns until when a connection that the token authenticates now is accepted.
    fn validity(&self, claims: &Claims) -> Validity {
        let now = SystemTime::now();
        let expiry = (self.settings.expiry == ExpiryPolicy::Enforce).then(|| self.expiry(claims, now));
        // Jitter: many clients may have connected at the same time.
        let jitter = 1.0 - fastrand::f64() * AGE_JITTER;
        let oldest = self.settings.max_connection_age.map(|age| now + age.min(VALIDITY_MAX).mul_f64(jitter));
        expiry.into_iter().chain(oldest).min().map_or(Validity::Unlimited, Validity::Until)
    }

    /// Returns when the token expires: its `exp` and the leeway.
    fn expiry(&self, claims: &Claims, now: SystemTime) -> SystemTime {
        let expires = claims.get("exp").and_then(Value::as_f64).unwrap_or_default();
        valid_until(expires, self.settings.leeway, now)
    }
}

fn keys_of(settings: &IssuerSettings) -> Vec<VerificationKey> {
    let secrets = settings.secrets.iter().map(|secret| VerificationKey::secret(secret.reveal()));
    secrets.chain(settings.public_keys.iter().map(PublicKey::key)).collect()
}

/// Verifies a token against every issuer that it can be from.
pub(crate) async fn verify(
    issuers: &[Issuer],
    namespaces: &Namespaces,
    token: &str,
    system: &str,
) -> Result<Identity, Denied> {
    let claims = unverified_claims(token)?;
    let iss = claims.get("iss").and_then(Value::as_str);
    let mut rejection = Denied::rejected("the token is from no accepted issuer");
    for issuer in issuers.iter().filter(|issuer| issuer.may_have_issued(iss, system)) {
        match issuer.verify(token, namespaces).await {
            Ok(identity) => return Ok(identity),
            // That a token of one issuer has expired says more than that it is of no other.
            Err(error) if !matches!(rejection, Denied::Expired(_)) => rejection = error,
            Err(_) => {}
        }
    }
    Err(rejection)
}

/// Returns the identity of a token without verifying it.
pub(crate) fn unverified_identity(token: &str, namespaces: &Namespaces) -> Result<Identity, Denied> {
    let claims = unverified_claims(token)?;
    let login = login(&claims, &IssuerSettings::default())?;
    let identity = namespaces.identify(None, &login, AuthMethod::Token, Validity::Unlimited)?;
    Ok(identity.with_profile(profile(&claims)))
}

fn unverified_claims(token: &str) -> Result<Claims, Denied> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Denied::rejected("the token is too long"));
    }
    dangerous::insecure_decode_claims(token).map_err(|error| invalid(&error))
}

/// Returns the ids that a token names: the user by the first of its claims that the token has, the organisation by the
/// first that has an id.
fn login(claims: &Claims, settings: &IssuerSettings) -> Result<Login, Denied> {
    let user = settings.user_claims.iter().find_map(|name| claim(claims, name)).and_then(id_text);
    let user = user.ok_or_else(|| Denied::rejected("the token has no user id"))?;
    let organizations = settings.organization_claims.iter().filter_map(|name| claim(claims, name));
    Ok(Login { user, organization: organizations.filter_map(id_text).next() })
}

fn profile(claims: &Claims) -> Option<Box<Profile>> {
    Profile::of(claims.get("name"), claims.get("email"))
}

/// Returns the value of a claim.
///
/// Dots separate the names of nested claims, as in `user.id`. A claim whose own name has dots takes precedence.
fn claim<'c>(claims: &'c Claims, name: &str) -> Option<&'c Value> {
    let nested = || {
        name.split('.').try_fold(None, |at: Option<&Value>, part| match at {
            None => claims.get(part).map(Some),
            Some(at) => at.get(part).map(Some),
        })
    };
    claims.get(name).or_else(|| nested().flatten())
}

fn invalid(error: &jsonwebtoken::errors::Error) -> Denied {
    let text = format!("the token is invalid: {error}");
    if matches!(error.kind(), ErrorKind::ExpiredSignature) { Denied::Expired(text) } else { Denied::rejected(text) }
}

#[cfg(test)]
mod tests;
