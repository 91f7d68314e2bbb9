//! Prefixes of user ids, so that users with the same id at two issuers stay distinct.

use timers::UserId;

use crate::identity::{Denied, parse_verified_user_id};
use crate::settings::AuthSettings;

/// Separates a namespace from the issuer's user id.
const SEPARATOR: char = ':';

/// The namespaces of all issuers and session servers.
#[derive(Clone)]
pub(crate) struct UserNamespaces(Vec<String>);

impl UserNamespaces {
    pub(crate) fn new(settings: &AuthSettings) -> Self {
        let issuers = settings.issuers.iter().filter_map(|issuer| issuer.namespace.clone());
        let sessions = settings.express_session.iter().filter_map(|sessions| sessions.namespace.clone());
        Self::of(issuers.chain(sessions))
    }

    pub(crate) fn of(namespaces: impl Iterator<Item = String>) -> Self {
        Self(namespaces.collect())
    }

    /// Returns the user id prefixed by the issuer's namespace.
    ///
    /// An issuer without a namespace cannot name a user in the namespace of another issuer.
    pub(crate) fn qualify(&self, namespace: Option<&str>, user: &str) -> Result<UserId, Denied> {
        if let Some(namespace) = namespace {
            return parse_verified_user_id(&format!("{namespace}{SEPARATOR}{user}"));
        }
        if user.split_once(SEPARATOR).is_some_and(|(prefix, _)| self.0.iter().any(|known| known == prefix)) {
            return Err(Denied::rejected("the user id belongs to another issuer's namespace"));
        }
        parse_verified_user_id(user)
    }
}
