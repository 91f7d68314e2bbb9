//! What users' ids begin with, so that two issuers' 42 are two people.

use timers::UserId;

use crate::auth::{Denied, user_id};
use crate::config::AuthSettings;

/// What separates an issuer's name from its user's id.
const OF: char = ':';

/// The names of all who say who somebody is.
#[derive(Clone)]
pub(super) struct Names(Vec<String>);

impl Names {
    pub(super) fn new(settings: &AuthSettings) -> Self {
        let issuers = settings.issuers.iter().filter_map(|issuer| issuer.name.clone());
        Self::of(issuers.chain(settings.express_session.iter().filter_map(|sessions| sessions.name.clone())))
    }

    pub(super) fn of(names: impl Iterator<Item = String>) -> Self {
        Self(names.collect())
    }

    /// Returns the id here of somebody's user. Who has no name may not name another's.
    pub(super) fn qualify(&self, name: Option<&str>, user: &str) -> Result<UserId, Denied> {
        if let Some(name) = name {
            return user_id(&format!("{name}{OF}{user}"));
        }
        if user.split_once(OF).is_some_and(|(of, _)| self.0.iter().any(|name| name == of)) {
            return Err(Denied::not_believed("it names another issuer's user"));
        }
        user_id(user)
    }
}
