//! The result of an authentication.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use timers::{OrganizationId, Timestamp, UserId};

use crate::express_session::ExpressSession;
use crate::namespaces::local_id;
use crate::profile::Profile;

/// Longest validity of a token: clocks cannot represent every later instant.
pub(crate) const VALIDITY_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// An authenticated client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user, qualified by the namespace of the issuer.
    pub user: UserId,
    /// The organisation that the user acts for, qualified by the same namespace; `None` if the credentials name none.
    pub organization: Option<OrganizationId>,
    /// The namespace of the issuer; `None` if it has none.
    pub namespace: Option<String>,
    /// How the client was authenticated.
    pub method: AuthMethod,
    /// How long the authentication is valid.
    pub validity: Validity,
    /// How the credentials present the user to people, if they do. Boxed, because connections keep identities and most
    /// need none.
    pub profile: Option<Box<Profile>>,
}

/// How a client was authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// A user id without proof, which mode `trusted` accepts, or that of the development headers.
    UserId,
    /// A token.
    Token,
    /// A session of an express server.
    Session,
    /// The session token of a next-auth server.
    NextAuth,
    /// None: an anonymous client with a generated user id.
    Guest,
}

/// How long an authentication is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validity {
    /// Without limit.
    Unlimited,
    /// Until this instant, by the clock of this machine.
    Until(SystemTime),
    /// As long as this session exists and belongs to the user and the organisation.
    Session(ExpressSession),
}

/// Why an authentication is no longer valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidityEnd {
    /// The token or the session has expired.
    Expired,
    /// The session could not be checked for too long.
    Unverifiable,
}

/// Why a client could not be authenticated. The text is for the log only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// There are no credentials that the configuration accepts.
    #[error("there are no credentials")]
    Missing,
    /// The credentials are invalid; a retry will not help.
    #[error("{0}")]
    Rejected(String),
    /// The token was valid, and has expired. The client can get a fresh one.
    #[error("{0}")]
    Expired(String),
    /// A cookie would authorise the request, which names no origin that is allowed. A page of another site can make a
    /// browser send cookies.
    #[error("a cookie without an allowed origin")]
    OriginRequired,
    /// The credentials cannot be checked now; the client may retry.
    #[error("{0}")]
    Unavailable(String),
}

impl Identity {
    /// Returns an anonymous client with a random user id.
    pub fn guest() -> Self {
        Self::unlimited(UserId::guest(fastrand::u64(..)), AuthMethod::Guest)
    }

    /// Returns a user without an organisation or a namespace.
    pub(crate) fn unlimited(user: UserId, method: AuthMethod) -> Self {
        Self { user, organization: None, namespace: None, method, validity: Validity::Unlimited, profile: None }
    }

    /// Returns the user's id as the credentials name it, without the namespace.
    pub fn local_user(&self) -> &str {
        local_id(self.namespace.as_deref(), self.user.as_str())
    }

    /// Returns the organisation's id as the credentials name it, without the namespace.
    pub fn local_organization(&self) -> Option<&str> {
        let organization = self.organization.as_ref()?;
        Some(local_id(self.namespace.as_deref(), organization.as_str()))
    }

    pub(crate) fn with_profile(self, profile: Option<Box<Profile>>) -> Self {
        Self { profile, ..self }
    }

    /// Returns whether both are the same user, acting for the same organisation.
    pub fn is_same_client(&self, other: &Self) -> bool {
        self.user == other.user && self.organization == other.organization
    }

    /// Returns the instant at which the authentication expires, if it is known in advance.
    pub fn expires_at(&self) -> Option<Timestamp> {
        match self.validity {
            Validity::Until(at) => {
                let since_1970 = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                Some(Timestamp(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)))
            }
            Validity::Unlimited | Validity::Session(_) => None,
        }
    }
}

impl Denied {
    pub(crate) fn rejected(reason: impl Into<String>) -> Self {
        Self::Rejected(reason.into())
    }
}

/// Returns until when a token is valid that expires at `exp`, in seconds since 1970, with a tolerance for clocks that differ.
pub(crate) fn valid_until(exp: f64, leeway: Duration, now: SystemTime) -> SystemTime {
    let since_1970 = Duration::try_from_secs_f64(exp.max(0.0)).unwrap_or(Duration::MAX);
    let latest = now + VALIDITY_MAX;
    let expires = SystemTime::UNIX_EPOCH.checked_add(since_1970).unwrap_or(latest);
    expires.checked_add(leeway).unwrap_or(latest).min(latest)
}

/// Returns the text of an id in a JSON document, a string or a number. An empty string counts as absent.
pub(crate) fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

pub(crate) fn parse_user_id(text: &str) -> Result<UserId, Denied> {
    UserId::new(text).map_err(|error| Denied::rejected(format!("the user id {error}")))
}

/// Parses the user id of credentials that were verified. It cannot be a guest's: the timers of guests expire.
pub(crate) fn parse_verified_user_id(text: &str) -> Result<UserId, Denied> {
    let user = parse_user_id(text)?;
    if user.is_guest() { Err(Denied::rejected("the user id has the form of a guest's")) } else { Ok(user) }
}
