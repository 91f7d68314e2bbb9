//! JSON Web Tokens: signed with a shared secret, or, in development, read as they are.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, dangerous, decode};
use serde::Deserialize;
use timers::UserId;

use crate::auth::{Denied, user_id};

/// Longest token in bytes; real ones are below 2 KB.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Checks tokens against a secret.
pub(crate) struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

/// The claims that name a person: `sub`, else `id`, a text or a number.
#[derive(Deserialize)]
struct Claims {
    sub: Option<serde_json::Value>,
    id: Option<serde_json::Value>,
}

impl Verifier {
    pub(crate) fn new(secret: &str, leeway: Duration) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.algorithms = vec![Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
        validation.leeway = leeway.as_secs();
        validation.validate_nbf = true;
        validation.validate_aud = false;
        Self { key: DecodingKey::from_secret(secret.as_bytes()), validation }
    }

    /// Returns the person of a token that is signed, in force and not expired.
    pub(crate) fn verify(&self, token: &str) -> Result<UserId, Denied> {
        check_length(token)?;
        let claims: Claims = decode(token, &self.key, &self.validation)
            .map_err(|error| Denied(format!("the token is not valid: {error}")))?
            .claims;
        claims.user()
    }
}

/// Returns the person of a token that nobody checks.
pub(crate) fn read_unverified(token: &str) -> Result<UserId, Denied> {
    check_length(token)?;
    let claims: Claims = dangerous::insecure_decode_claims(token)
        .map_err(|error| Denied(format!("the token can't be read: {error}")))?;
    claims.user()
}

impl Claims {
    fn user(self) -> Result<UserId, Denied> {
        match self.sub.or(self.id) {
            Some(serde_json::Value::String(text)) => user_id(&text),
            Some(serde_json::Value::Number(number)) => user_id(&number.to_string()),
            Some(_) | None => Err(Denied("the token names nobody".to_owned())),
        }
    }
}

fn check_length(token: &str) -> Result<(), Denied> {
    if token.len() > TOKEN_BYTES_MAX { Err(Denied("the token is too long".to_owned())) } else { Ok(()) }
}
