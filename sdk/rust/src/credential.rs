//! Who a client is, and what it presents when it connects.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use crate::bound_user::BoundUser;
use crate::connection::HANDSHAKE_TIMEOUT;
use crate::error::ConnectionError;
use crate::token_claims::{expiry, user_id};

/// A provider that takes longer has failed: a dial that waits for its token would end without telling why.
const PROVIDER_TIMEOUT: Duration = Duration::from_secs(8);

const _: () = assert!(PROVIDER_TIMEOUT.as_secs() < HANDSHAKE_TIMEOUT.as_secs());

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
pub struct Credential {
    kind: Kind,
    /// The user that tokens have to name.
    bound: Option<Arc<BoundUser>>,
}

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
        Kind::User(id.into()).into()
    }

    /// Returns a token that does not change. When it expires, the server refuses the client.
    #[must_use]
    pub fn token(token: impl Into<String>) -> Self {
        Kind::Token(token.into()).into()
    }

    /// Returns a function that is called for a token for each connection, and before a token expires. It has eight seconds.
    #[must_use]
    pub fn token_provider<F>(provider: impl Fn(TokenRequest) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<String, Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        Kind::Provider(Arc::new(move |request| Box::pin(provider(request)))).into()
    }
}

impl Credential {
    /// Returns the id of the user, if it is known before a provider is asked.
    pub(crate) fn user_id(&self) -> Option<String> {
        match &self.kind {
            Kind::User(id) => Some(id.clone()),
            Kind::Token(token) => user_id(token),
            Kind::Guest | Kind::Provider(_) => None,
        }
    }

    pub(crate) fn is_guest(&self) -> bool {
        matches!(self.kind, Kind::Guest)
    }

    /// Returns a credential whose provider's tokens are presented only if they are this user's.
    pub(crate) fn bound_to(self, user: Arc<BoundUser>) -> Self {
        Self { bound: Some(user), ..self }
    }
}

impl From<Kind> for Credential {
    fn from(kind: Kind) -> Self {
        Self { kind, bound: None }
    }
}

impl fmt::Debug for Credential {
    /// Writes no token, because logs are read by more people than tokens are for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
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
        matches!(self.credential.kind, Kind::Provider(_))
    }

    /// Returns what the next link presents.
    pub(crate) async fn present(&self) -> Result<Identity, ConnectionError> {
        Ok(match &self.credential.kind {
            Kind::Guest => Identity::Guest,
            Kind::User(id) => Identity::User(id.clone()),
            Kind::Token(token) => Identity::Token(token.clone()),
            Kind::Provider(provider) => Identity::Token(self.ask(provider).await?),
        })
    }

    /// Returns a fresh token; `None` if the credential has no provider.
    pub(crate) async fn fresh_token(&self) -> Option<Result<String, ConnectionError>> {
        match &self.credential.kind {
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
        let failed = |message: String| ConnectionError::Token { message };
        let token = timeout(PROVIDER_TIMEOUT, provider(TokenRequest { rejected })).await;
        let token = token.map_err(|_| failed("it returned no token in time".to_owned()))?;
        let token = token.map_err(|error| failed(error.to_string()))?;
        if let Some(user) = &self.credential.bound {
            user.check(&token)?;
        }
        self.update(|tokens| tokens.presented = Some(token.clone()));
        Ok(token)
    }

    fn update<T>(&self, change: impl FnOnce(&mut Tokens) -> T) -> T {
        change(&mut self.tokens.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token_claims::example_token;

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

    #[tokio::test]
    async fn a_token_of_another_user_than_the_first_is_not_presented_with_an_outbox_file() {
        let tokens = [r#"{"sub":"ada"}"#, r#"{"sub":"ben"}"#, "{}", r#"{"id":"ada"}"#].map(example_token);
        let given = Arc::new(Mutex::new(tokens.clone().into_iter()));
        let provider = move |_| {
            let token = given.lock().unwrap().next().unwrap();
            async move { Ok(token) }
        };
        let user = Arc::new(BoundUser::default());
        let credentials = Credentials::new(Credential::token_provider(provider).bound_to(Arc::clone(&user)));
        assert_eq!(credentials.present().await, Ok(Identity::Token(tokens[0].clone())));
        let Err(ConnectionError::Token { message }) = credentials.present().await else { panic!("it is presented") };
        assert_eq!(message, "the token is for the user `ben`, and the outbox file has commands of `ada`");
        assert_eq!(credentials.present().await, Ok(Identity::Token(tokens[2].clone())), "it names no user");
        assert_eq!(credentials.present().await, Ok(Identity::Token(tokens[3].clone())));
        assert_eq!(user.get(), Some("ada"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_hangs_is_a_connection_error() {
        let credentials = Credentials::new(Credential::token_provider(|_| std::future::pending()));
        let Err(ConnectionError::Token { message }) = credentials.present().await else { panic!("there is no token") };
        assert_eq!(message, "it returned no token in time");
    }

    #[test]
    fn a_token_is_not_shown() {
        assert_eq!(format!("{:?}", Credential::token("secret")), "Token");
    }
}
