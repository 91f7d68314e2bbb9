//! The user of an outbox file, whose commands are sent as no other user.

use std::sync::OnceLock;

use crate::error::ConnectionError;
use crate::token_claims::user_id;

/// See the module. A user that is not known from the beginning is known from the first token that names one.
#[derive(Debug, Default)]
pub(crate) struct BoundUser(OnceLock<String>);

impl BoundUser {
    pub(crate) fn new(user: Option<String>) -> Self {
        Self(user.map_or_else(OnceLock::new, OnceLock::from))
    }

    pub(crate) fn get(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }

    /// Checks a token before it is presented. Tokens that name no user pass.
    pub(crate) fn check(&self, token: &str) -> Result<(), ConnectionError> {
        let Some(named) = user_id(token) else { return Ok(()) };
        let bound = self.0.get_or_init(|| named.clone());
        if *bound == named {
            return Ok(());
        }
        let message = format!("the token is for the user `{named}`, and the outbox file has commands of `{bound}`");
        Err(ConnectionError::Token { message })
    }
}
