//! The port to the store of an express server's sessions.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

/// Reads and extends sessions that an express server has stored.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Returns the session under `key`, as stored; `None` if it does not exist or has expired.
    ///
    /// # Errors
    /// The store did not answer; a retry is safe.
    async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, SessionStoreError>;

    /// Sets the time to live of the session under `key` to `time_to_live` from now.
    ///
    /// # Errors
    /// The store did not answer; a retry is safe.
    async fn extend(&self, key: &str, time_to_live: Duration) -> Result<(), SessionStoreError>;

    /// Returns whether the store has been connected at any time since the start.
    fn was_up(&self) -> bool;
}

/// The reason of a failed request to a [`SessionStore`], for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SessionStoreError(String);

impl SessionStoreError {
    /// Keeps the text of the cause.
    pub fn new(cause: impl fmt::Display) -> Self {
        Self(cause.to_string())
    }
}
