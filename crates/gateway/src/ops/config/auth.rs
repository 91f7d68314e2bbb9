//! The settings of authentication.

mod session_store;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use access::{
    Algorithm, AuthMode, AuthSettings, Authenticator, ExpiryPolicy, ExpressSessionSettings, IssuerSettings,
    JwksSettings, NextAuthSettings, PublicKey, Secret,
};
use axum::http::Uri;
use timers::UserId;

use crate::ops::config::auth::session_store::SessionStoreSettings;
use crate::ops::config::files::ca_file;
use crate::ops::config::parse::{boolean, period, span, text};
use crate::ops::config::{Mode, Reader, StoreSettings};
use crate::systems::System;

/// Shortest secret in bytes that cannot be guessed.
const SECRET_BYTES_MIN: usize = 16;

/// Largest accepted difference between clocks; a larger one indicates a wrong clock.
const LEEWAY_MAX: Duration = Duration::from_secs(3600);

/// The settings of authentication.
#[derive(Clone, Debug)]
pub(crate) struct AuthConfig {
    /// The accepted methods and their parameters.
    pub(crate) access: AuthSettings,
    /// Time within which a client must send a token in its first message.
    pub(crate) first_message_within: Duration,
    /// The store of the express server's sessions, if they are accepted.
    session_store: Option<SessionStoreSettings>,
}

impl AuthConfig {
    pub(super) fn read(reader: &mut Reader, mode: Mode, store: &StoreSettings) -> Self {
        let modes = reader.list("auth.modes", vec![AuthMode::Trusted], str::parse);
        let guests = reader.value("auth.guests", false, boolean);
        let test_headers = reader.value("auth.test_headers", false, boolean);
        let tokens = tokens(reader, mode);
        let first_message_within = span(reader, "auth.first_message_within", Duration::from_secs(5));
        let issuers = issuers(reader, mode);
        let is_enabled = modes.contains(&AuthMode::ExpressSession);
        let (express_session, session_store) = express_session(reader, is_enabled, store).unzip();
        let next_auth = next_auth(reader, modes.contains(&AuthMode::NextAuth), mode);
        let access = AuthSettings { modes, guests, test_headers, tokens, issuers, express_session, next_auth };
        check(reader, mode, &access);
        Self { access, first_message_within, session_store }
    }

    /// Creates the authenticator. It connects to the session store and fetches published keys in the background.
    ///
    /// # Errors
    /// The reason as text: an address or a file of root certificates cannot be used.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub(crate) fn connect(&self) -> Result<Authenticator, String> {
        let session_store = self.session_store.as_ref().map(SessionStoreSettings::connect).transpose()?;
        Authenticator::new(&self.access, session_store, &store::tls::client_config)
    }
}

/// Checks the settings against each other.
fn check(reader: &mut Reader, mode: Mode, access: &AuthSettings) {
    let has = |mode: AuthMode| access.modes.contains(&mode);
    if access.modes.is_empty() {
        reader.error("auth.modes", "must contain at least one mode");
    }
    if has(AuthMode::Trusted) && mode == Mode::Production {
        reader.error("auth.modes", "must not contain trusted in production: any client could act as any user");
    }
    if access.test_headers && mode == Mode::Production {
        reader.error("auth.test_headers", "must be off in production: any client could act as any user");
    }
    if has(AuthMode::Jwt) && access.issuers.is_empty() {
        reader.error("auth.jwt.secret", "is required for the mode jwt, or public_key_files, or jwks_url");
    }
    for issuer in access.issuers.iter().filter(|_| mode == Mode::Production) {
        warn_of_expiry(reader, issuer);
    }
    if !access.issuers.is_empty() && !has(AuthMode::Jwt) && !has(AuthMode::Trusted) {
        reader.error("auth.modes", "must contain jwt, because issuers of tokens are configured");
    }
}

/// Warns if connections outlive the tokens of an issuer.
fn warn_of_expiry(reader: &mut Reader, issuer: &IssuerSettings) {
    if issuer.expiry == ExpiryPolicy::AtConnect {
        let end =
            issuer.max_connection_age.map_or("without a limit (max_connection_age is not set)".to_owned(), |age| {
                format!("for up to {:#}", jiff::SignedDuration::try_from(age).unwrap_or(jiff::SignedDuration::MAX))
            });
        let table = issuer.table();
        reader.warn(format!("{table}.expiry is at_connect: connections outlive their tokens, {end}"));
    }
}

fn tokens(reader: &mut Reader, mode: Mode) -> BTreeMap<Secret, UserId> {
    let mut users = BTreeMap::new();
    for (token, user) in reader.secret_table("auth.tokens") {
        if mode == Mode::Production && token.reveal().len() < SECRET_BYTES_MIN {
            reader.error("auth.tokens", "must have at least 16 bytes each in production");
        }
        match UserId::new(&user) {
            Ok(user) if user.is_guest() => {
                reader.error("auth.tokens", "must not name a guest, whose timers are not kept");
            }
            Ok(user) => drop(users.insert(token, user)),
            Err(_) => reader.error("auth.tokens", "must have a valid user id for each token"),
        }
    }
    users
}

/// Reads the issuer of `auth.jwt` and the named issuers. An issuer without any key is left out.
fn issuers(reader: &mut Reader, mode: Mode) -> Vec<IssuerSettings> {
    let mut issuers = vec![issuer(reader, None, mode)];
    for name in reader.names_below("auth.issuers") {
        let issuer = issuer(reader, Some(name.clone()), mode);
        let key = format!("auth.issuers.{name}.secret");
        if !issuer.has_keys() {
            reader.error(&key, "is required, or public_key_files, or jwks_url");
        }
        if !name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter)) {
            reader.error(&key, "has an issuer name with characters other than a-z, 0-9, - and _");
        }
        issuers.push(issuer);
    }
    issuers.retain(IssuerSettings::has_keys);
    if issuers.len() > 1 && issuers.iter().any(|issuer| issuer.issuer.is_none()) {
        reader.error("auth.issuers", "must each have an issuer (iss), and so must auth.jwt, if there are several");
    }
    issuers
}

fn issuer(reader: &mut Reader, namespace: Option<String>, mode: Mode) -> IssuerSettings {
    let key = |key: &str| match &namespace {
        None => format!("auth.jwt.{key}"),
        Some(name) => format!("auth.issuers.{name}.{key}"),
    };
    let default = IssuerSettings::default();
    let files = reader
        .list(&key("public_key_files"), Vec::new(), |path| PublicKey::read(path.as_ref()).map(|_| path.to_owned()));
    let algorithms = reader.list(&key("algorithms"), Vec::new(), algorithm);
    let systems: Vec<System> = reader.list(&key("systems"), Vec::new(), str::parse);
    IssuerSettings {
        secrets: reader.secrets(&key("secret"), check_secret),
        public_keys: files.iter().filter_map(|path| PublicKey::read(path.as_ref()).ok()).collect(),
        jwks: jwks(reader, &key, mode),
        algorithms: algorithms.into_iter().map(|algorithm| algorithm.0).collect(),
        issuer: text(reader, &key("issuer")),
        audience: reader.list(&key("audience"), default.audience, |text| Ok(text.to_owned())),
        user_claims: reader.list(&key("user_claims"), default.user_claims, |text| Ok(text.to_owned())),
        organization_claims: reader
            .list(&key("organization_claims"), default.organization_claims, |text| Ok(text.to_owned())),
        leeway: leeway(reader, &key("leeway"), default.leeway),
        expiry: reader.value(&key("expiry"), default.expiry, str::parse),
        max_connection_age: max_connection_age(reader, &key("max_connection_age")),
        systems: systems.iter().map(System::to_string).collect(),
        namespace,
    }
}

fn check_secret(secret: &str) -> Result<(), String> {
    // A public key is known to everyone.
    if secret.contains("-----BEGIN") {
        return Err("must be a secret, not a key (PEM), which belongs into public_key_files".to_owned());
    }
    if secret.len() < SECRET_BYTES_MIN { Err("must have at least 16 bytes".to_owned()) } else { Ok(()) }
}

fn leeway(reader: &mut Reader, key: &str, default: Duration) -> Duration {
    let leeway = span(reader, key, default);
    if leeway > LEEWAY_MAX {
        reader.error(key, "must be at most 1h: it is the tolerated difference between clocks");
    }
    leeway
}

/// Reads the maximum age of a connection; none if it is zero.
fn max_connection_age(reader: &mut Reader, key: &str) -> Option<Duration> {
    let age = span(reader, key, Duration::ZERO);
    if !age.is_zero() && age < Duration::from_secs(1) {
        reader.error(key, "must be 0s (no limit) or at least 1s");
    }
    (!age.is_zero()).then_some(age)
}

fn jwks(reader: &mut Reader, key: &impl Fn(&str) -> String, mode: Mode) -> Option<JwksSettings> {
    let url = reader.value(&key("jwks_url"), String::new(), |text| match text.parse::<Uri>() {
        _ if text.is_empty() => Ok(String::new()),
        Ok(url) if url.authority().is_some_and(|authority| authority.as_str().contains('@')) => {
            Err("it must not have a password: keys are public".to_owned())
        }
        Ok(url) if mode == Mode::Production && url.scheme_str() == Some("http") => {
            Err("it must begin with https:// in production: otherwise an attacker on the network can replace the keys"
                .to_owned())
        }
        Ok(url) if matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some() => Ok(text.to_owned()),
        Ok(_) | Err(_) => Err("it must be an address that begins with https:// or http://".to_owned()),
    });
    let ca_file = ca_file(reader, &key("jwks_ca_file"));
    let refresh_every = period(reader, &key("jwks_every"), Duration::from_secs(300));
    let url = url.parse().ok()?;
    Some(JwksSettings { url, ca_file, refresh_every })
}

/// An algorithm, with its written form.
struct WrittenAlgorithm(Algorithm);

impl fmt::Display for WrittenAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

fn algorithm(text: &str) -> Result<WrittenAlgorithm, String> {
    text.parse().map(WrittenAlgorithm).map_err(|_| {
        "it must be one of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA"
            .to_owned()
    })
}

fn express_session(
    reader: &mut Reader,
    is_enabled: bool,
    store: &StoreSettings,
) -> Option<(ExpressSessionSettings, SessionStoreSettings)> {
    let secrets = reader.secrets("auth.express_session.secret", |secret| {
        if secret.is_empty() { Err("must not be empty".to_owned()) } else { Ok(()) }
    });
    let session_store = SessionStoreSettings::read(reader, is_enabled, store);
    let prefix = reader.value("auth.express_session.prefix", "sess:".to_owned(), |text| Ok(text.to_owned()));
    let cookie = reader.value("auth.express_session.cookie", "connect.sid".to_owned(), |text| {
        let good = !text.is_empty() && text.chars().all(|letter| letter.is_ascii_graphic() && !"=;,".contains(letter));
        if good { Ok(text.to_owned()) } else { Err("it must be the name of a cookie".to_owned()) }
    });
    let namespace = text(reader, "auth.express_session.name");
    let check_every = period(reader, "auth.express_session.check_every", Duration::from_secs(60));
    if is_enabled && secrets.is_empty() {
        reader.error("auth.express_session.secret", "is required for the mode express-session");
    }
    Some((ExpressSessionSettings { secrets, prefix, cookie, namespace, check_every }, session_store?))
}

/// Reads the session tokens of a next-auth server, if they are accepted.
fn next_auth(reader: &mut Reader, is_enabled: bool, mode: Mode) -> Option<NextAuthSettings> {
    let secrets = reader.secrets("auth.next_auth.secret", |secret| match secret.len() {
        0 => Err("must not be empty".to_owned()),
        // Each user has a text that is encrypted with it, and can try secrets until one decrypts it.
        1..SECRET_BYTES_MIN if mode == Mode::Production => Err("must have at least 16 bytes in production".to_owned()),
        _ => Ok(()),
    });
    let namespace = text(reader, "auth.next_auth.name");
    let systems: Vec<System> = reader.list("auth.next_auth.systems", Vec::new(), str::parse);
    if is_enabled && secrets.is_empty() {
        reader.error("auth.next_auth.secret", "is required for the mode next-auth");
    }
    if !is_enabled && !secrets.is_empty() {
        reader.error("auth.modes", "must contain next-auth, because its secret is configured");
    }
    let systems = systems.iter().map(System::to_string).collect();
    is_enabled.then_some(NextAuthSettings { secrets, namespace, systems })
}
