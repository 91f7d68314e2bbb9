//! Settings of who is believed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use hyper::Uri;
use jsonwebtoken::Algorithm;
use store::redis::{BadUrl, RedisUrl};
use timers::UserId;

use crate::config::parse::{boolean, file, period, span, text, words};
use crate::config::{Mode, Reader, Secret, StoreSettings, StoreUrl, System};
use crate::keys::PublicKey;

/// Shortest secret, bytes: what can't be guessed.
const SECRET_BYTES_MIN: usize = 16;

/// Clocks that differ by more are wrong.
const LEEWAY_MAX: Duration = Duration::from_secs(3600);

/// Who is believed.
#[derive(Clone, Debug)]
pub(crate) struct AuthSettings {
    pub(crate) modes: Vec<AuthMode>,
    pub(crate) guests: bool,
    /// Opaque tokens and their users.
    pub(crate) tokens: BTreeMap<Secret, UserId>,
    /// How long a client may take to say who it is in its first message.
    pub(crate) first_message_within: Duration,
    pub(crate) issuers: Vec<IssuerSettings>,
    pub(crate) express_session: Option<ExpressSessionSettings>,
}

/// A way of saying who one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthMode {
    Trusted,
    Jwt,
    ExpressSession,
}

words!(AuthMode { "trusted" => Trusted, "jwt" => Jwt, "express-session" => ExpressSession });

/// Somebody who issues tokens.
#[derive(Clone, Debug)]
pub(crate) struct IssuerSettings {
    /// What its users' ids begin with; none for the one of `auth.jwt`.
    pub(crate) name: Option<String>,
    pub(crate) secrets: Vec<Secret>,
    pub(crate) public_keys: Vec<PublicKey>,
    pub(crate) jwks: Option<JwksSettings>,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) issuer: Option<String>,
    pub(crate) audience: Vec<String>,
    /// Where the user is looked for, in this order.
    pub(crate) user_claims: Vec<String>,
    pub(crate) leeway: Duration,
    /// Where its tokens are believed; everywhere if there is none.
    pub(crate) systems: Vec<System>,
}

/// Where an issuer publishes its keys.
#[derive(Clone, Debug)]
pub(crate) struct JwksSettings {
    pub(crate) url: Uri,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) every: Duration,
}

/// Sessions of an express server.
#[derive(Clone, Debug)]
pub(crate) struct ExpressSessionSettings {
    pub(crate) secrets: Vec<Secret>,
    pub(crate) url: RedisUrl,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) prefix: String,
    pub(crate) cookie: String,
    /// What its users' ids begin with, if anything.
    pub(crate) name: Option<String>,
    pub(crate) check_every: Duration,
}

impl AuthSettings {
    pub(super) fn read(reader: &mut Reader, mode: Mode, store: &StoreSettings) -> Self {
        let modes = reader.list("auth.modes", vec![AuthMode::Trusted], str::parse);
        let settings = Self {
            guests: reader.value("auth.guests", false, boolean),
            tokens: tokens(reader, mode),
            first_message_within: span(reader, "auth.first_message_within", Duration::from_secs(5)),
            issuers: issuers(reader, mode),
            express_session: ExpressSessionSettings::read(reader, modes.contains(&AuthMode::ExpressSession), store),
            modes,
        };
        if settings.modes.is_empty() {
            reader.mistake("auth.modes", "must name at least one mode");
        }
        if settings.modes.contains(&AuthMode::Trusted) && mode == Mode::Production {
            reader.mistake("auth.modes", "must not have trusted in production: anybody could be anyone");
        }
        if settings.modes.contains(&AuthMode::Jwt) && settings.issuers.is_empty() {
            reader.mistake("auth.jwt.secret", "is needed for the mode jwt, or public keys, or a jwks_url");
        }
        let believes_tokens = settings.modes.contains(&AuthMode::Jwt) || settings.modes.contains(&AuthMode::Trusted);
        if !settings.issuers.is_empty() && !believes_tokens {
            reader.mistake("auth.modes", "must have jwt if there are issuers of tokens, or these must go");
        }
        settings
    }
}

fn tokens(reader: &mut Reader, mode: Mode) -> BTreeMap<Secret, UserId> {
    let mut users = BTreeMap::new();
    for (token, user) in reader.secret_table("auth.tokens") {
        if mode == Mode::Production && token.reveal().len() < SECRET_BYTES_MIN {
            reader.mistake("auth.tokens", "must have at least 16 bytes each in production");
        }
        match UserId::new(&user) {
            Ok(user) => drop(users.insert(token, user)),
            Err(_) => reader.mistake("auth.tokens", "must give each token a user id"),
        }
    }
    users
}

/// Reads the issuer without a name and those that have one. An issuer without any key is none.
fn issuers(reader: &mut Reader, mode: Mode) -> Vec<IssuerSettings> {
    let mut issuers = vec![IssuerSettings::read(reader, None, mode)];
    for name in reader.names_below("auth.issuers") {
        let issuer = IssuerSettings::read(reader, Some(name.clone()), mode);
        let key = format!("auth.issuers.{name}.secret");
        if !issuer.has_keys() {
            reader.mistake(&key, "is needed, or public_key_files, or a jwks_url");
        }
        if !name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter)) {
            reader.mistake(&key, "has a name of other letters than a-z, 0-9, - and _");
        }
        issuers.push(issuer);
    }
    issuers.retain(IssuerSettings::has_keys);
    if issuers.len() > 1 && issuers.iter().any(|issuer| issuer.issuer.is_none()) {
        reader.mistake("auth.issuers", "must each have an issuer (iss), and so must auth.jwt, if there are several");
    }
    issuers
}

impl IssuerSettings {
    fn read(reader: &mut Reader, name: Option<String>, mode: Mode) -> Self {
        let key = |key: &str| match &name {
            None => format!("auth.jwt.{key}"),
            Some(name) => format!("auth.issuers.{name}.{key}"),
        };
        let files = reader
            .list(&key("public_key_files"), Vec::new(), |path| PublicKey::read(path.as_ref()).map(|_| path.to_owned()));
        Self {
            secrets: reader.secrets(&key("secret"), check_secret),
            public_keys: files.iter().filter_map(|path| PublicKey::read(path.as_ref()).ok()).collect(),
            jwks: JwksSettings::read(reader, &key, mode),
            algorithms: reader
                .list(&key("algorithms"), Vec::new(), algorithm)
                .into_iter()
                .map(|known| known.0)
                .collect(),
            issuer: text(reader, &key("issuer")),
            audience: reader.list(&key("audience"), Vec::new(), |text| Ok(text.to_owned())),
            user_claims: reader
                .list(&key("user_claims"), vec!["sub".to_owned(), "id".to_owned()], |text| Ok(text.to_owned())),
            leeway: leeway(reader, &key("leeway")),
            systems: reader.list(&key("systems"), Vec::new(), str::parse),
            name,
        }
    }

    /// One with the defaults and these secrets.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn with_secrets(secrets: Vec<Secret>) -> Self {
        let mut issuer = Self::read(&mut Reader::new(Default::default()), None, Mode::Development);
        issuer.secrets = secrets;
        issuer
    }

    fn has_keys(&self) -> bool {
        !self.secrets.is_empty() || !self.public_keys.is_empty() || self.jwks.is_some()
    }
}

fn check_secret(secret: &str) -> Result<(), String> {
    // Whoever knows the public key would know the secret.
    if secret.contains("-----BEGIN") {
        return Err("must be a secret, not a key (PEM): that belongs into public_key_files".to_owned());
    }
    if secret.len() < SECRET_BYTES_MIN { Err("must have at least 16 bytes".to_owned()) } else { Ok(()) }
}

fn leeway(reader: &mut Reader, key: &str) -> Duration {
    let leeway = span(reader, key, Duration::from_secs(30));
    if leeway > LEEWAY_MAX {
        reader.mistake(key, "must be at most 1h: it is how far clocks may differ");
    }
    leeway
}

impl JwksSettings {
    fn read(reader: &mut Reader, key: &impl Fn(&str) -> String, mode: Mode) -> Option<Self> {
        let url = reader.value(&key("jwks_url"), String::new(), |text| match text.parse::<Uri>() {
            _ if text.is_empty() => Ok(String::new()),
            Ok(url) if url.authority().is_some_and(|authority| authority.as_str().contains('@')) => {
                Err("it must not have a password: keys are public".to_owned())
            }
            Ok(url) if mode == Mode::Production && url.scheme_str() == Some("http") => {
                Err("it must begin with https:// in production: whoever sits between could choose the keys".to_owned())
            }
            Ok(url) if matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some() => {
                Ok(text.to_owned())
            }
            Ok(_) | Err(_) => Err("it must be an address that begins with https:// or http://".to_owned()),
        });
        let ca_file = file(reader, &key("jwks_ca_file"));
        let every = period(reader, &key("jwks_every"), Duration::from_secs(300));
        let url = url.parse().ok()?;
        Some(Self { url, ca_file, every })
    }
}

/// An algorithm that can be written.
struct Known(Algorithm);

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

fn algorithm(text: &str) -> Result<Known, String> {
    text.parse().map(Known).map_err(|_| {
        "it must be one of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA"
            .to_owned()
    })
}

impl ExpressSessionSettings {
    fn read(reader: &mut Reader, wanted: bool, store: &StoreSettings) -> Option<Self> {
        let secrets = reader.secrets("auth.express_session.secret", |secret| {
            if secret.is_empty() { Err("must not be empty".to_owned()) } else { Ok(()) }
        });
        reader.look_into_file("auth.express_session.url");
        let url = reader.value("auth.express_session.url", Elsewhere(None), |text| match text {
            "" => Ok(Elsewhere(None)),
            _ => text.parse().map(|url| Elsewhere(Some(url))).map_err(|error: BadUrl| error.to_string()),
        });
        let ca_file = file(reader, "auth.express_session.ca_file");
        let prefix = reader.value("auth.express_session.prefix", "sess:".to_owned(), |text| Ok(text.to_owned()));
        let cookie = reader.value("auth.express_session.cookie", "connect.sid".to_owned(), |text| {
            let good =
                !text.is_empty() && text.chars().all(|letter| letter.is_ascii_graphic() && !"=;,".contains(letter));
            if good { Ok(text.to_owned()) } else { Err("it must be the name of a cookie".to_owned()) }
        });
        let name = text(reader, "auth.express_session.name");
        let check_every = period(reader, "auth.express_session.check_every", Duration::from_secs(60));
        if !wanted {
            return None;
        }
        if secrets.is_empty() {
            reader.mistake("auth.express_session.secret", "is needed for the mode express-session");
        }
        let (url, ca_file) = match (url.0, &store.url) {
            (Some(url), _) => (url, ca_file),
            (None, StoreUrl::Redis(url)) => (url.clone(), ca_file.or_else(|| store.ca_file.clone())),
            (None, StoreUrl::Embedded(_) | StoreUrl::Memory) => {
                reader.mistake("auth.express_session.url", "is needed, as the store is no Redis that has the sessions");
                return None;
            }
        };
        Some(Self { secrets, url, ca_file, prefix, cookie, name, check_every })
    }
}

/// A Redis besides the store's, if there is one.
struct Elsewhere(Option<RedisUrl>);

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |url| url.fmt(f))
    }
}
