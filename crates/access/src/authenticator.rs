//! Authentication of clients, and the end of its validity.

use std::collections::BTreeMap;
use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::RwLock;
use rustls::ClientConfig;
use timers::UserId;
use tokio::time::sleep;

use crate::credentials::Credentials;
use crate::express_session::{ExpressSession, ExpressSessions};
use crate::identity::{AuthMethod, Denied, Identity, Validity, ValidityEnd, parse_user_id};
use crate::issuer::{self, Issuer};
use crate::namespaces::{Login, Namespaces};
use crate::next_auth::NextAuthSessions;
use crate::secret::Secret;
use crate::session_store::SessionStore;
use crate::settings::{AuthMode, AuthSettings, IssuerSettings};

/// Longest sleep before the expiry of a token is compared with the clock again: the clock may be adjusted, and the
/// machine suspended.
const CLOCK_CHECK_INTERVAL: Duration = Duration::from_secs(300);

/// How long a session stays valid while the store cannot be asked: as long as displays continue without the store by
/// default (`beat.holdover`).
const UNVERIFIED_MAX: Duration = Duration::from_secs(600);

/// Returns the configuration of a TLS client that trusts the root certificates of the system, and those in a file (PEM) if
/// one is given.
///
/// An error is the reason as text.
pub type TlsClient<'a> = &'a dyn Fn(Option<&Path>) -> Result<ClientConfig, String>;

/// Authenticates clients by the configured methods.
pub struct Authenticator {
    is_trusted_mode: bool,
    accepts_guests: bool,
    accepts_test_headers: bool,
    tokens: RwLock<BTreeMap<Secret, UserId>>,
    issuers: Vec<Issuer>,
    namespaces: Namespaces,
    sessions: Option<Arc<ExpressSessions>>,
    next_auth: Option<NextAuthSessions>,
}

/// The credential of a request that decides whom it authenticates.
#[derive(Clone, Copy)]
enum DecidingCredential<'c> {
    TestUser(&'c str),
    Token(&'c str),
    Cookie,
    UserId(&'c str),
    None,
}

impl Authenticator {
    /// Creates the authenticator and starts the tasks that fetch the published keys of issuers.
    ///
    /// `session_store` serves [`AuthSettings::express_session`]; without it, no session is accepted.
    ///
    /// # Errors
    /// The reason as text: a file of root certificates cannot be used.
    ///
    /// # Panics
    /// Outside of a Tokio runtime, if an issuer publishes its keys.
    pub fn new(
        settings: &AuthSettings,
        session_store: Option<Arc<dyn SessionStore>>,
        tls_client: TlsClient<'_>,
    ) -> Result<Self, String> {
        let is_trusted_mode = settings.modes.contains(&AuthMode::Trusted);
        let issuers = settings.issuers.iter().map(|issuer| Issuer::new(issuer, tls_client));
        let issuers: Vec<Issuer> = issuers.collect::<Result<_, _>>()?;
        for jwks in issuers.iter().filter_map(|issuer| issuer.jwks.clone()) {
            tokio::spawn(async move { jwks.refresh_loop().await });
        }
        let namespaces = Namespaces::new(settings);
        let sessions = settings.express_session.as_ref().zip(session_store);
        let sessions = sessions.map(|(sessions, store)| ExpressSessions::new(sessions, store, namespaces.clone()));
        let next_auth = settings.next_auth.as_ref();
        let next_auth = next_auth.map(|settings| NextAuthSessions::new(settings, namespaces.clone()));
        Ok(Self {
            is_trusted_mode,
            accepts_guests: settings.guests || is_trusted_mode,
            accepts_test_headers: settings.test_headers,
            tokens: RwLock::new(settings.tokens.clone()),
            issuers,
            namespaces,
            sessions: sessions.map(Arc::new),
            next_auth,
        })
    }

    /// Replaces the static tokens, the keys of the issuers and the secrets of cookies; everything else in the settings is
    /// ignored. Clients that are connected keep their identities.
    pub fn replace_keys(&self, settings: &AuthSettings) {
        self.tokens.write().clone_from(&settings.tokens);
        for issuer in &self.issuers {
            let same = |settings: &&IssuerSettings| settings.namespace == issuer.settings.namespace;
            if let Some(settings) = settings.issuers.iter().find(same) {
                issuer.replace_keys(settings);
            }
        }
        if let Some((sessions, settings)) = self.sessions.as_ref().zip(settings.express_session.as_ref()) {
            sessions.replace_keys(settings);
        }
        if let Some((next_auth, settings)) = self.next_auth.as_ref().zip(settings.next_auth.as_ref()) {
            next_auth.replace_keys(settings);
        }
    }

    /// Returns whether user ids are accepted without proof.
    pub fn is_trusted_mode(&self) -> bool {
        self.is_trusted_mode
    }

    /// Returns whether clients may send a token.
    pub fn accepts_tokens(&self) -> bool {
        self.is_trusted_mode || !self.issuers.is_empty() || !self.tokens.read().is_empty()
    }

    /// Returns whether clients may send the cookie of a session.
    pub fn accepts_sessions(&self) -> bool {
        self.sessions.is_some() || self.next_auth.is_some()
    }

    /// Returns whether the development headers are accepted without proof.
    pub fn accepts_test_headers(&self) -> bool {
        self.accepts_test_headers
    }

    /// Returns whether clients without credentials become guests.
    pub fn accepts_guests(&self) -> bool {
        self.accepts_guests
    }

    /// Returns whether clients can be authenticated; a node that cannot should receive no clients.
    ///
    /// # Errors
    /// The reason as text: the keys of an issuer or the session store have never been available.
    pub fn ready(&self) -> Result<(), String> {
        if self.issuers.iter().filter_map(|issuer| issuer.jwks.as_ref()).any(|jwks| !jwks.is_fetched()) {
            return Err("the keys of an issuer have not been fetched yet".to_owned());
        }
        if self.sessions.as_ref().is_some_and(|sessions| !sessions.was_up()) {
            return Err("the session store has not been reached yet".to_owned());
        }
        Ok(())
    }

    /// Returns whether a request names a user by a development header, and those are accepted.
    pub fn has_test_user(&self, credentials: &Credentials) -> bool {
        self.accepts_test_headers && credentials.test_user.is_some()
    }

    /// Returns whether a request has a session cookie, valid or not, of a kind that a system accepts.
    pub fn has_session_cookie(&self, credentials: &Credentials, system: &str) -> bool {
        self.sessions.as_ref().is_some_and(|sessions| sessions.has_cookie(credentials))
            || (self.next_auth_of(system).is_some() && NextAuthSessions::has_cookie(credentials))
    }

    /// Returns whether a session cookie decides whom a request to a system authenticates. A browser sends cookies also with
    /// requests that pages of other sites make.
    pub fn relies_on_cookie(&self, credentials: &Credentials, system: &str) -> bool {
        matches!(self.deciding_credential(credentials, system), DecidingCredential::Cookie)
    }

    /// Authenticates a client of a system, as a guest if it has no credentials and `accept_guests` is set.
    ///
    /// # Errors
    /// As [`Self::authenticate`].
    pub async fn authenticate_or_guest(
        &self,
        credentials: &Credentials,
        system: &str,
        accept_guests: bool,
    ) -> Result<Identity, Denied> {
        if !credentials.is_empty() || self.has_test_user(credentials) {
            return self.authenticate(credentials, system).await;
        }
        // Every visitor of an express server's pages has a cookie, logged in or not.
        let result = if self.has_session_cookie(credentials, system) {
            self.authenticate(credentials, system).await
        } else {
            Err(Denied::Missing)
        };
        match result {
            Err(Denied::Missing | Denied::Rejected(_) | Denied::Expired(_)) if accept_guests => Ok(Identity::guest()),
            result => result,
        }
    }

    /// Authenticates a client of a system. Development headers take precedence over a token, that over the session token of
    /// a next-auth server, that over the session of an express server, and that over a bare user id.
    ///
    /// Costs a read of the session store for a session, and a fetch of at most 5 s for a token with an unknown key.
    ///
    /// # Errors
    /// - [`Denied::Missing`]: there are no credentials.
    /// - [`Denied::Rejected`]: the credentials are invalid or contradictory.
    /// - [`Denied::Unavailable`]: the keys or the session store are not available; a retry may help.
    pub async fn authenticate(&self, credentials: &Credentials, system: &str) -> Result<Identity, Denied> {
        let identity = match self.deciding_credential(credentials, system) {
            DecidingCredential::TestUser(user) => test_identity(user, credentials.test_organization.as_deref())?,
            DecidingCredential::Token(token) => self.authenticate_token(token, system).await?,
            DecidingCredential::Cookie => self.authenticate_cookie(credentials, system).await?,
            DecidingCredential::UserId(user) if self.is_trusted_mode => {
                return Ok(Identity::unlimited(parse_user_id(user)?, AuthMethod::UserId));
            }
            DecidingCredential::UserId(_) => return Err(Denied::rejected("a userId without a token")),
            DecidingCredential::None => return Err(Denied::Missing),
        };
        if credentials.user_id.as_ref().is_some_and(|user| user != identity.user.as_str()) {
            return Err(Denied::rejected("the userId contradicts the other credentials"));
        }
        Ok(identity)
    }

    fn deciding_credential<'c>(&self, credentials: &'c Credentials, system: &str) -> DecidingCredential<'c> {
        match (&credentials.test_user, &credentials.token, &credentials.user_id) {
            (Some(user), _, _) if self.accepts_test_headers => DecidingCredential::TestUser(user),
            (_, Some(token), _) => DecidingCredential::Token(token),
            _ if self.has_session_cookie(credentials, system) => DecidingCredential::Cookie,
            (_, None, Some(user)) => DecidingCredential::UserId(user),
            (_, None, None) => DecidingCredential::None,
        }
    }

    fn next_auth_of(&self, system: &str) -> Option<&NextAuthSessions> {
        self.next_auth.as_ref().filter(|next_auth| next_auth.is_accepted_by(system))
    }

    /// Authenticates a client by a valid cookie of any accepted kind. That of a next-auth server is tried first, because it
    /// needs no store, and only users that are logged in have it.
    async fn authenticate_cookie(&self, credentials: &Credentials, system: &str) -> Result<Identity, Denied> {
        let next_auth = match self.next_auth_of(system) {
            Some(next_auth) => next_auth.authenticate(credentials),
            None => Err(Denied::Missing),
        };
        match (next_auth, &self.sessions) {
            (Err(_), Some(sessions)) if sessions.has_cookie(credentials) => sessions.authenticate(credentials).await,
            (result, _) => result,
        }
    }

    async fn authenticate_token(&self, token: &str, system: &str) -> Result<Identity, Denied> {
        if let Some(user) = self.user_of_static_token(token) {
            return Ok(Identity::unlimited(user, AuthMethod::Token));
        }
        if self.is_trusted_mode && self.issuers.is_empty() {
            return issuer::unverified_identity(token, &self.namespaces);
        }
        issuer::verify(&self.issuers, &self.namespaces, token, system).await
    }

    fn user_of_static_token(&self, token: &str) -> Option<UserId> {
        let tokens = self.tokens.read();
        let known = tokens.iter().find(|(known, _)| equal_in_constant_time(known.reveal(), token));
        known.map(|(_, user)| user.clone())
    }

    /// Restarts the time to live of the session that an identity is based on; call it at each request of the client.
    pub async fn extend_session(&self, identity: &Identity) {
        if let (Validity::Session(session), Some(sessions)) = (&identity.validity, &self.sessions) {
            sessions.extend(session).await;
        }
    }

    /// Waits until an identity is no longer valid.
    pub fn validity_end(&self, identity: &Identity) -> impl Future<Output = ValidityEnd> + Send + use<> {
        // A node holds one future for each connection, and few connections are based on sessions.
        let (until, session_end) = match (&identity.validity, &self.sessions) {
            (Validity::Until(at), _) => (Some(*at), None),
            (Validity::Session(session), Some(sessions)) => {
                let end = session_end(Arc::clone(sessions), session.clone(), identity.clone());
                (None, Some(Box::pin(end)))
            }
            (Validity::Unlimited | Validity::Session(_), _) => (None, None),
        };
        async move {
            match (until, session_end) {
                (Some(at), _) => {
                    sleep_until(at).await;
                    ValidityEnd::Expired
                }
                (None, Some(end)) => end.await,
                (None, None) => pending().await,
            }
        }
    }
}

async fn sleep_until(at: SystemTime) {
    while let Ok(remaining) = at.duration_since(SystemTime::now()) {
        sleep(remaining.min(CLOCK_CHECK_INTERVAL)).await;
    }
}

/// Returns the identity that the development headers name.
fn test_identity(user: &str, organization: Option<&str>) -> Result<Identity, Denied> {
    // The headers can claim any id, so no namespace is kept from them.
    let login = Login { user: user.to_owned(), organization: organization.map(str::to_owned) };
    Namespaces::of(std::iter::empty()).identify(None, &login, AuthMethod::UserId, Validity::Unlimited)
}

/// Waits until a session has expired, belongs to another user or organisation, or could not be checked for
/// [`UNVERIFIED_MAX`].
async fn session_end(sessions: Arc<ExpressSessions>, session: ExpressSession, identity: Identity) -> ValidityEnd {
    let mut verified_at = Instant::now();
    loop {
        // Jitter: many clients may have connected at the same time.
        sleep(sessions.check_every().mul_f64(0.75 + fastrand::f64() / 2.0)).await;
        match sessions.is_valid(&session, &identity).await {
            Ok(true) => verified_at = Instant::now(),
            Ok(false) => return ValidityEnd::Expired,
            Err(error) if verified_at.elapsed() < UNVERIFIED_MAX => tracing::debug!(%error, "cannot check a session"),
            Err(_) => return ValidityEnd::Unverifiable,
        }
    }
}

fn equal_in_constant_time(a: &str, b: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    use http::{HeaderMap, Uri};
    use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
    use serde_json::{Value, json};

    use crate::settings::NextAuthSettings;

    const SECRET: &str = "a secret of sixteen bytes";

    fn authenticator(modes: &[AuthMode], secrets: &[&str]) -> Authenticator {
        let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new((*secret).to_owned())).collect();
        let issuer = IssuerSettings { secrets, ..IssuerSettings::default() };
        let tokens = BTreeMap::from([(Secret::new("opaque".to_owned()), UserId::new("ann").unwrap())]);
        let settings = AuthSettings {
            modes: modes.to_vec(),
            guests: false,
            test_headers: false,
            tokens,
            issuers: if issuer.has_keys() { vec![issuer] } else { Vec::new() },
            express_session: None,
            next_auth: None,
        };
        Authenticator::new(&settings, None, &|_| Err("no TLS".to_owned())).unwrap()
    }

    fn token(secret: &str, claims: &Value) -> String {
        encode(&Header::default(), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    async fn authenticated(authenticator: &Authenticator, query: &str) -> Option<(String, AuthMethod)> {
        let uri: Uri = format!("/session?{query}").parse().unwrap();
        let credentials = Credentials::of(&uri, &HeaderMap::new()).ok()?;
        let guests = authenticator.accepts_guests();
        let identity = authenticator.authenticate_or_guest(&credentials, "clockit", guests).await.ok()?;
        Some((identity.user.to_string(), identity.method))
    }

    fn user(id: &str, method: AuthMethod) -> Option<(String, AuthMethod)> {
        Some((id.to_owned(), method))
    }

    #[tokio::test]
    async fn trusted_mode_accepts_user_ids_and_unverified_tokens() {
        let auth = authenticator(&[AuthMode::Trusted], &[]);
        assert_eq!(authenticated(&auth, "userId=ben").await, user("ben", AuthMethod::UserId));
        let token = token("another secret", &json!({"sub": "cem"}));
        assert_eq!(authenticated(&auth, &format!("token={token}")).await, user("cem", AuthMethod::Token));
        assert_eq!(
            authenticated(&auth, &format!("token={token}&userId=ben")).await,
            None,
            "they contradict each other"
        );
        assert_eq!(authenticated(&auth, "token=nonsense").await, None);
        assert_eq!(authenticated(&auth, "userId=a%0Ab").await, None);
        for empty in ["", "userId=&token="] {
            let (user, method) = authenticated(&auth, empty).await.unwrap();
            assert!(user.starts_with("guest_") && method == AuthMethod::Guest);
        }
    }

    #[tokio::test]
    async fn development_headers_are_accepted_only_where_they_are_switched_on() {
        let named = async |accepted: bool, modes: &[AuthMode], query: &str, headers: &[(&'static str, &str)]| {
            let auth = Authenticator { accepts_test_headers: accepted, ..authenticator(modes, &[SECRET]) };
            let headers = headers.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap()));
            let uri: Uri = format!("/?{query}").parse().unwrap();
            let credentials = Credentials::of(&uri, &headers.collect()).ok()?;
            let identity = auth.authenticate_or_guest(&credentials, "rooms", false).await.ok()?;
            let organization = identity.local_organization().map(str::to_owned);
            Some((identity.user.to_string(), organization, identity.method))
        };
        let both = [("x-test-user-id", "42"), ("x-test-org-id", "7")];
        let expected = Some(("42".to_owned(), Some("7".to_owned()), AuthMethod::UserId));
        assert_eq!(named(true, &[AuthMode::Jwt], "", &both).await, expected);
        assert_eq!(named(true, &[AuthMode::Jwt], "token=opaque", &both).await, expected, "they precede a token");
        assert_eq!(named(true, &[AuthMode::Jwt], "userId=43", &both).await, None, "they contradict each other");
        let alone = named(true, &[AuthMode::Jwt], "", &both[..1]).await;
        assert_eq!(alone, Some(("42".to_owned(), None, AuthMethod::UserId)));
        assert_eq!(named(true, &[AuthMode::Jwt], "", &both[1..]).await, None, "an organisation alone is no user");
        assert_eq!(named(true, &[AuthMode::Jwt], "", &[("x-test-user-id", "guest_0000000000000000")]).await, None);
        assert_eq!(named(true, &[AuthMode::Jwt], "", &[("x-test-user-id", "")]).await, None);
        for modes in [&[AuthMode::Jwt][..], &[AuthMode::Trusted]] {
            assert_eq!(named(false, modes, "", &both).await.filter(|(user, ..)| user == "42"), None);
        }
    }

    #[tokio::test]
    async fn a_cookie_decides_only_without_a_token_and_for_the_systems_that_accept_it() {
        let vectors: Value = serde_json::from_str(include_str!("../../../fixtures/next_auth/cookies.json")).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let settings = NextAuthSettings {
            secrets: vec![Secret::new(text(&vectors["secret"]))],
            namespace: None,
            systems: vec!["rooms".to_owned()],
        };
        let jwt = authenticator(&[AuthMode::Trusted], &[SECRET]);
        let next_auth = Some(NextAuthSessions::new(&settings, jwt.namespaces.clone()));
        let auth = Authenticator { next_auth, accepts_test_headers: true, ..jwt };
        let asked = async |system: &str, query: &str, headers: &[(&str, &str)]| {
            let cookie = format!("next-auth.session-token={}", text(&vectors["valid"]["complete"]));
            let cookie = [("cookie", cookie.as_str())];
            let headers = cookie.iter().chain(headers).map(|(name, value)| {
                (http::HeaderName::try_from(*name).unwrap(), http::HeaderValue::try_from(*value).unwrap())
            });
            let uri: Uri = format!("/?{query}").parse().unwrap();
            let credentials = Credentials::of(&uri, &headers.collect()).unwrap();
            let user = auth.authenticate(&credentials, system).await.map(|identity| identity.user.to_string());
            (user.ok(), auth.relies_on_cookie(&credentials, system))
        };
        let user = |user: &str| Some(user.to_owned());
        assert_eq!(asked("rooms", "", &[]).await, (user("42"), true));
        assert_eq!(asked("rooms", "userId=42", &[]).await, (user("42"), true));
        assert_eq!(asked("rooms", "userId=43", &[]).await, (None, true), "they contradict each other");
        assert_eq!(asked("rooms", "token=opaque", &[]).await, (user("ann"), false));
        assert_eq!(asked("rooms", "token=nonsense", &[]).await, (None, false));
        assert_eq!(asked("rooms", "", &[("x-test-user-id", "eve")]).await, (user("eve"), false));
        assert_eq!(asked("clockit", "userId=ben", &[]).await, (user("ben"), false));
        assert_eq!(asked("clockit", "", &[]).await, (None, false));
    }

    #[test]
    fn waiting_for_the_end_of_validity_takes_little_memory() {
        let auth = authenticator(&[AuthMode::Trusted], &[]);
        let size = size_of_val(&auth.validity_end(&Identity::guest()));
        assert!(size <= 512, "{size} bytes a connection");
    }

    #[tokio::test]
    async fn trusted_mode_with_a_key_verifies_tokens() {
        let auth = authenticator(&[AuthMode::Trusted], &[SECRET]);
        let claims = json!({"sub": "cem", "exp": get_current_timestamp() + 60});
        assert_eq!(authenticated(&auth, &format!("token={}", token("another secret", &claims))).await, None);
        let valid = format!("token={}", token(SECRET, &claims));
        assert_eq!(authenticated(&auth, &valid).await, user("cem", AuthMethod::Token));
        assert_eq!(authenticated(&auth, "userId=ben").await, user("ben", AuthMethod::UserId));
    }

    #[tokio::test]
    async fn replaced_keys_and_tokens_are_accepted_and_the_previous_ones_rejected() {
        let auth = authenticator(&[AuthMode::Jwt], &[SECRET]);
        let claims = json!({"sub": "ann", "exp": get_current_timestamp() + 60});
        let next = "another secret of sixteen bytes";
        let issuer = IssuerSettings { secrets: vec![Secret::new(next.to_owned())], ..IssuerSettings::default() };
        let other = IssuerSettings { namespace: Some("later".to_owned()), ..issuer.clone() };
        let settings = AuthSettings {
            modes: Vec::new(),
            guests: true,
            test_headers: false,
            tokens: BTreeMap::from([(Secret::new("fresh".to_owned()), UserId::new("ben").unwrap())]),
            issuers: vec![other, issuer],
            express_session: None,
            next_auth: None,
        };
        auth.replace_keys(&settings);
        assert_eq!(authenticated(&auth, &format!("token={}", token(SECRET, &claims))).await, None);
        let valid = format!("token={}", token(next, &claims));
        assert_eq!(authenticated(&auth, &valid).await, user("ann", AuthMethod::Token));
        assert_eq!(authenticated(&auth, "token=opaque").await, None);
        assert_eq!(authenticated(&auth, "token=fresh").await, user("ben", AuthMethod::Token));
        assert!(!auth.accepts_guests(), "only keys are replaced");
    }

    #[tokio::test]
    async fn jwt_mode_accepts_only_signed_tokens() {
        let auth = authenticator(&[AuthMode::Jwt], &["the newer of two secrets", SECRET]);
        let later = get_current_timestamp() + 60;
        let valid = token(SECRET, &json!({"sub": "ann", "exp": later}));
        assert_eq!(authenticated(&auth, &format!("token={valid}")).await, user("ann", AuthMethod::Token));
        assert_eq!(authenticated(&auth, &format!("token={valid}&userId=ann")).await, user("ann", AuthMethod::Token));
        assert_eq!(authenticated(&auth, "token=opaque").await, user("ann", AuthMethod::Token));
        let (unsigned, _) = valid.rsplit_once('.').unwrap();
        for rejected in [
            &format!("token={valid}&userId=ben"),
            &format!("token={}", token("another secret of some length", &json!({"sub": "ann", "exp": later}))),
            &format!("token={unsigned}."),
            "token=opaqu",
            "userId=ann",
            "",
        ] {
            assert_eq!(authenticated(&auth, rejected).await, None, "{rejected}");
        }
    }
}
