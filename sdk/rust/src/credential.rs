//! Who a client is, and what it presents when it connects.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::error::ConnectionError;

/// What a token provider returns.
pub type TokenFuture = Pin<Box<dyn Future<Output = Result<String, Box<dyn Error + Send + Sync>>> + Send>>;

type TokenProvider = dyn Fn(TokenRequest) -> TokenFuture + Send + Sync;

/// Why a token provider is asked.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TokenRequest {
    /// The last token, if the server did not accept it: then a cached one is of no use.
    pub rejected: Option<String>,
}

/// Who a client is.
#[derive(Clone, Default)]
pub struct Credential(Kind);

#[derive(Clone, Default)]
enum Kind {
    #[default]
    Guest,
    User(String),
    Token(String),
    Provider(Arc<TokenProvider>),
}

impl Credential {
    /// Returns the credential of a guest, whose timers last as long as the connection.
    #[must_use]
    pub fn guest() -> Self {
        Self::default()
    }

    /// Returns a user id without proof, which servers accept in development.
    #[must_use]
    pub fn user(id: impl Into<String>) -> Self {
        Self(Kind::User(id.into()))
    }

    /// Returns a token that does not change. When it expires, the server refuses the client.
    #[must_use]
    pub fn token(token: impl Into<String>) -> Self {
        Self(Kind::Token(token.into()))
    }

    /// Returns a function that is called for a token for each connection, and before a token expires.
    #[must_use]
    pub fn token_provider<F>(provider: impl Fn(TokenRequest) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<String, Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        Self(Kind::Provider(Arc::new(move |request| Box::pin(provider(request)))))
    }
}

impl Credential {
    /// Returns the id of the user, if it is known without a token.
    pub(crate) fn user_id(&self) -> Option<String> {
        match &self.0 {
            Kind::User(id) => Some(id.clone()),
            Kind::Guest | Kind::Token(_) | Kind::Provider(_) => None,
        }
    }
}

impl fmt::Debug for Credential {
    /// Writes no token, because logs are read by more people than tokens are for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Guest => f.write_str("Guest"),
            Kind::User(id) => f.debug_tuple("User").field(id).finish(),
            Kind::Token(_) => f.write_str("Token"),
            Kind::Provider(_) => f.write_str("Provider"),
        }
    }
}

/// What a new link presents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    Guest,
    User(String),
    Token(String),
}

/// The credential of one client, with the token that was presented last.
pub(crate) struct Credentials {
    credential: Credential,
    tokens: Mutex<Tokens>,
}

#[derive(Default)]
struct Tokens {
    presented: Option<String>,
    rejected: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.credential.fmt(f)
    }
}

impl Credentials {
    pub(crate) fn new(credential: Credential) -> Self {
        Self { credential, tokens: Mutex::default() }
    }

    /// Tells whether a refused client can present another token.
    pub(crate) fn is_renewable(&self) -> bool {
        matches!(self.credential.0, Kind::Provider(_))
    }

    /// Returns what the next link presents.
    pub(crate) async fn present(&self) -> Result<Identity, ConnectionError> {
        Ok(match &self.credential.0 {
            Kind::Guest => Identity::Guest,
            Kind::User(id) => Identity::User(id.clone()),
            Kind::Token(token) => Identity::Token(token.clone()),
            Kind::Provider(provider) => Identity::Token(self.ask(provider).await?),
        })
    }

    /// Returns a fresh token; `None` if the credential has no provider.
    pub(crate) async fn fresh_token(&self) -> Option<Result<String, ConnectionError>> {
        match &self.credential.0 {
            Kind::Provider(provider) => Some(self.ask(provider).await),
            Kind::Guest | Kind::User(_) | Kind::Token(_) => None,
        }
    }

    /// Notes that the server did not accept the last token.
    pub(crate) fn reject(&self) {
        self.update(|tokens| tokens.rejected.clone_from(&tokens.presented));
    }

    /// Notes that the server has accepted the last token.
    pub(crate) fn accept(&self) {
        self.update(|tokens| tokens.rejected = None);
    }

    /// Returns when the last token expires, in ms since 1970.
    pub(crate) fn expires_at(&self) -> Option<i64> {
        self.update(|tokens| tokens.presented.as_deref().and_then(expiry))
    }

    async fn ask(&self, provider: &Arc<TokenProvider>) -> Result<String, ConnectionError> {
        let rejected = self.update(|tokens| tokens.rejected.clone());
        let token = provider(TokenRequest { rejected }).await;
        let token = token.map_err(|error| ConnectionError::Token { message: error.to_string() })?;
        self.update(|tokens| tokens.presented = Some(token.clone()));
        Ok(token)
    }

    fn update<T>(&self, change: impl FnOnce(&mut Tokens) -> T) -> T {
        change(&mut self.tokens.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Returns when a JSON Web Token expires, in ms since 1970, or `None` for other tokens. Nothing is verified.
fn expiry(token: &str) -> Option<i64> {
    let claims = token.split('.').nth(1)?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let seconds = claims.get("exp")?.as_f64()?;
    Some((seconds * 1000.0) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expiry_of_a_token_is_read_if_it_has_one() {
        let token = |claims: &str| format!("e30.{}.x", BASE64_URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(expiry(&token(r#"{"exp":1700000000}"#)), Some(1_700_000_000_000));
        for token in ["", "opaque", "a.b.c", &token("{}"), &token("[]"), &token(r#"{"exp":"soon"}"#)] {
            assert_eq!(expiry(token), None, "{token}");
        }
    }

    #[tokio::test]
    async fn a_provider_learns_which_token_was_rejected() {
        let provider = |request: TokenRequest| async move { Ok(format!("after {:?}", request.rejected)) };
        let credentials = Credentials::new(Credential::token_provider(provider));
        assert_eq!(credentials.present().await, Ok(Identity::Token("after None".to_owned())));
        credentials.reject();
        assert_eq!(credentials.present().await, Ok(Identity::Token("after Some(\"after None\")".to_owned())));
        credentials.accept();
        assert_eq!(credentials.present().await, Ok(Identity::Token("after None".to_owned())));
    }

    #[tokio::test]
    async fn a_provider_that_fails_is_a_connection_error_with_its_message() {
        let provider = |_| async { Err("no keychain".into()) };
        let credentials = Credentials::new(Credential::token_provider(provider));
        assert_eq!(credentials.present().await, Err(ConnectionError::Token { message: "no keychain".to_owned() }));
        assert!(!Credentials::new(Credential::token("x")).is_renewable());
    }

    #[test]
    fn a_token_is_not_shown() {
        assert_eq!(format!("{:?}", Credential::token("secret")), "Token");
    }
}
