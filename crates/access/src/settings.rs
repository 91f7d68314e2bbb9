//! The settings of authentication. The binary reads them from its configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use http::Uri;
use jsonwebtoken::Algorithm;
use timers::{OrganizationId, UserId};

use crate::identity::Denied;
use crate::keys::PublicKey;
use crate::namespaces::Namespaces;
use crate::secret::Secret;

/// The accepted authentication methods and their parameters.
#[derive(Clone, Debug)]
pub struct AuthSettings {
    /// The accepted authentication methods.
    pub modes: Vec<AuthMode>,
    /// Whether clients without credentials are admitted as guests.
    pub guests: bool,
    /// Whether the development headers `x-test-user-id` and `x-test-org-id` are accepted without proof.
    pub test_headers: bool,
    /// Static opaque tokens and their users.
    pub tokens: BTreeMap<Secret, UserId>,
    /// The issuers of accepted tokens.
    pub issuers: Vec<IssuerSettings>,
    /// The sessions of an express server, if they are accepted.
    pub express_session: Option<ExpressSessionSettings>,
    /// The session tokens of a next-auth server, if they are accepted.
    pub next_auth: Option<NextAuthSettings>,
}

/// An authentication method that the configuration can enable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMode {
    /// User ids without proof, and without an issuer also unverified tokens; for development.
    Trusted,
    /// JSON Web Tokens and static tokens.
    Jwt,
    /// Sessions of an express server.
    ExpressSession,
    /// Session tokens of a next-auth server.
    NextAuth,
}

/// What the expiry of a token means for the connection that it has authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryPolicy {
    /// The connection closes when the token expires.
    Enforce,
    /// The token is checked when the connection opens, and not again.
    AtConnect,
}

/// An issuer of JSON Web Tokens.
#[derive(Clone, Debug)]
pub struct IssuerSettings {
    /// The prefix of the ids of its users and organisations; `None` for the issuer of `auth.jwt`.
    pub namespace: Option<String>,
    /// Shared secrets (HMAC); a token signed with any of them is valid.
    pub secrets: Vec<Secret>,
    /// Public keys from files.
    pub public_keys: Vec<PublicKey>,
    /// The published keys, if the issuer publishes any.
    pub jwks: Option<JwksSettings>,
    /// The accepted algorithms; all that fit the keys if empty.
    pub algorithms: Vec<Algorithm>,
    /// The required `iss`; any if `None`.
    pub issuer: Option<String>,
    /// The accepted `aud` values; not checked if empty.
    pub audience: Vec<String>,
    /// The claims that can hold the user id; the first that is present counts.
    pub user_claims: Vec<String>,
    /// The claims that can hold the id of the organisation; the first that has an id counts. No organisation if empty.
    pub organization_claims: Vec<String>,
    /// The tolerated difference between clocks, for `exp` and `nbf`.
    pub leeway: Duration,
    /// What the expiry of a token means for open connections.
    pub expiry: ExpiryPolicy,
    /// The time after its last token after which a connection closes; `None` for no limit.
    pub max_connection_age: Option<Duration>,
    /// The systems that accept the issuer's tokens, by name; all if empty.
    pub systems: Vec<String>,
}

/// The address at which an issuer publishes its keys (JSON Web Key Set, RFC 7517).
#[derive(Clone, Debug)]
pub struct JwksSettings {
    /// The address, `http` or `https`.
    pub url: Uri,
    /// A file of further root certificates (PEM) to trust for the address.
    pub ca_file: Option<PathBuf>,
    /// The interval between fetches.
    pub refresh_every: Duration,
}

/// The sessions of an express server (express-session with connect-redis).
#[derive(Clone, Debug)]
pub struct ExpressSessionSettings {
    /// The secrets that sign the cookie; any of them is accepted.
    pub secrets: Vec<Secret>,
    /// The prefix of the sessions' keys in the store.
    pub prefix: String,
    /// The name of the cookie.
    pub cookie: String,
    /// The prefix of the ids of its users and organisations, if any.
    pub namespace: Option<String>,
    /// The interval at which the session of an open connection is checked.
    pub check_every: Duration,
}

/// The session tokens of a next-auth server (version 4, strategy `jwt`).
#[derive(Clone, Debug)]
pub struct NextAuthSettings {
    /// The secrets of the server; a token encrypted with a key of any of them is accepted.
    pub secrets: Vec<Secret>,
    /// The prefix of the ids of its users, if any.
    pub namespace: Option<String>,
    /// The systems that accept the tokens, by name; all if empty.
    pub systems: Vec<String>,
}

impl AuthSettings {
    /// Returns the namespaces of the logins that can name an organisation to a system; `None` is that of logins without a
    /// namespace. Unverified ids have no namespace either, and are left out.
    pub fn organization_namespaces(&self, system: &str) -> BTreeSet<Option<&str>> {
        let sessions = self.express_session.iter().map(|sessions| sessions.namespace.as_deref());
        let issuers = self.issuers.iter().filter(|issuer| {
            let accepts = issuer.systems.is_empty() || issuer.systems.iter().any(|accepted| accepted == system);
            accepts && !issuer.organization_claims.is_empty()
        });
        sessions.chain(issuers.map(|issuer| issuer.namespace.as_deref())).collect()
    }

    /// Returns the namespaces of the logins that a system accepts; `None` is that of logins without a namespace. Unverified
    /// ids have no namespace either, and are left out.
    pub fn user_namespaces(&self, system: &str) -> BTreeSet<Option<&str>> {
        let accepts = |systems: &[String]| systems.is_empty() || systems.iter().any(|accepted| accepted == system);
        let sessions = self.express_session.iter().map(|sessions| sessions.namespace.as_deref());
        let next_auth = self.next_auth.iter().filter(|next_auth| accepts(&next_auth.systems));
        let issuers = self.issuers.iter().filter(|issuer| accepts(&issuer.systems));
        let issuers = issuers.map(|issuer| issuer.namespace.as_deref());
        sessions.chain(next_auth.map(|next_auth| next_auth.namespace.as_deref())).chain(issuers).collect()
    }

    /// Returns a person as they are logged in with a namespace.
    ///
    /// # Errors
    /// The id is not valid, or belongs to another namespace.
    pub fn user(&self, namespace: Option<&str>, id: &str) -> Result<UserId, Denied> {
        Namespaces::new(self).user(namespace, id)
    }

    /// Returns an organisation as the members of a namespace are logged in to it.
    ///
    /// # Errors
    /// The id is not valid, or belongs to another namespace.
    pub fn organization(&self, namespace: Option<&str>, id: &str) -> Result<OrganizationId, Denied> {
        Namespaces::new(self).organization(namespace, id)
    }
}

impl AuthMode {
    const ALL: [Self; 4] = [Self::Trusted, Self::Jwt, Self::ExpressSession, Self::NextAuth];

    /// Returns the name of the mode in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Jwt => "jwt",
            Self::ExpressSession => "express-session",
            Self::NextAuth => "next-auth",
        }
    }
}

impl FromStr for AuthMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mode = Self::ALL.into_iter().find(|mode| mode.name() == text);
        mode.ok_or_else(|| format!("it must be one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

impl fmt::Display for AuthMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ExpiryPolicy {
    const ALL: [Self; 2] = [Self::Enforce, Self::AtConnect];

    /// Returns the name of the policy in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::AtConnect => "at_connect",
        }
    }
}

impl FromStr for ExpiryPolicy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let policy = Self::ALL.into_iter().find(|policy| policy.name() == text);
        policy.ok_or_else(|| format!("it must be one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

impl fmt::Display for ExpiryPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Default for IssuerSettings {
    /// An issuer without keys, for all systems.
    fn default() -> Self {
        Self {
            namespace: None,
            secrets: Vec::new(),
            public_keys: Vec::new(),
            jwks: None,
            algorithms: Vec::new(),
            issuer: None,
            audience: Vec::new(),
            user_claims: vec!["sub".to_owned(), "id".to_owned()],
            organization_claims: vec!["organizationId".to_owned(), "org_id".to_owned()],
            leeway: Duration::from_secs(30),
            expiry: ExpiryPolicy::Enforce,
            max_connection_age: None,
            systems: Vec::new(),
        }
    }
}

impl IssuerSettings {
    /// Returns the key of the issuer's table in the configuration.
    pub fn table(&self) -> String {
        self.namespace.as_ref().map_or("auth.jwt".to_owned(), |name| format!("auth.issuers.{name}"))
    }

    /// Returns whether the issuer has any key, or an address to fetch keys from.
    pub fn has_keys(&self) -> bool {
        !self.secrets.is_empty() || !self.public_keys.is_empty() || self.jwks.is_some()
    }
}
