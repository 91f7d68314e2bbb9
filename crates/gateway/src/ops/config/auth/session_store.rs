//! The Redis that has the sessions of an express server.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use access::{SessionStore, SessionStoreError};
use async_trait::async_trait;
use store::redis::{BadUrl, RedisUrl, Sessions};

use crate::ops::config::files::ca_file;
use crate::ops::config::{Reader, StoreSettings, StoreUrl};

/// The address of the Redis that has the sessions.
#[derive(Clone, Debug)]
pub(crate) struct SessionStoreSettings {
    url: RedisUrl,
    ca_file: Option<PathBuf>,
}

impl SessionStoreSettings {
    /// Reads the settings; `None` if sessions are not accepted, or no Redis is configured.
    pub(super) fn read(reader: &mut Reader, is_enabled: bool, store: &StoreSettings) -> Option<Self> {
        reader.read_file_of("auth.express_session.url");
        let url = reader.value("auth.express_session.url", OptionalUrl(None), |text| match text {
            "" => Ok(OptionalUrl(None)),
            _ => text.parse().map(|url| OptionalUrl(Some(url))).map_err(|error: BadUrl| error.to_string()),
        });
        let ca_file = ca_file(reader, "auth.express_session.ca_file");
        if !is_enabled {
            return None;
        }
        match (url.0, &store.url) {
            (Some(url), _) => Some(Self { url, ca_file }),
            (None, StoreUrl::Redis(url)) => {
                Some(Self { url: url.clone(), ca_file: ca_file.or_else(|| store.ca_file.clone()) })
            }
            (None, StoreUrl::Embedded(_) | StoreUrl::Memory) => {
                reader.error("auth.express_session.url", "is required, because the store is not a Redis");
                None
            }
        }
    }

    /// Starts to connect to the Redis, and retries without a time limit.
    ///
    /// # Errors
    /// The reason as text: the address or the file of root certificates cannot be used.
    pub(super) fn connect(&self) -> Result<Arc<dyn SessionStore>, String> {
        let sessions = Sessions::connect(&self.url, self.ca_file.as_deref()).map_err(|fault| fault.to_string())?;
        Ok(Arc::new(RedisSessionStore(sessions)))
    }
}

/// A Redis address that may be absent, in its written form.
struct OptionalUrl(Option<RedisUrl>);

impl fmt::Display for OptionalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |url| url.fmt(f))
    }
}

/// The session store of `access`, over Redis.
struct RedisSessionStore(Sessions);

#[async_trait]
impl SessionStore for RedisSessionStore {
    async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, SessionStoreError> {
        self.0.read(key).await.map_err(SessionStoreError::new)
    }

    async fn extend(&self, key: &str, time_to_live: Duration) -> Result<(), SessionStoreError> {
        self.0.extend(key, time_to_live).await.map_err(SessionStoreError::new)
    }

    fn was_up(&self) -> bool {
        self.0.was_up()
    }
}
