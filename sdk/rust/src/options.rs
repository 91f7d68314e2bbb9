//! The options of clients.

use std::sync::Arc;

use tokio_rustls::rustls::ClientConfig;

use crate::credential::Credential;
use crate::endpoint::ServerUrl;
use crate::error::InvalidUrl;

/// How a client connects.
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientOptions {
    pub(crate) url: ServerUrl,
    pub(crate) credential: Credential,
    pub(crate) client_id: Option<String>,
    pub(crate) continues_locally: bool,
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

impl ClientOptions {
    /// Returns the options for a server, such as `https://timers.example.com`, with a path prefix if there is one. The
    /// client is a guest.
    ///
    /// # Errors
    /// The address is no server's.
    pub fn new(url: &str) -> Result<Self, InvalidUrl> {
        let url = url.parse()?;
        Ok(Self { url, credential: Credential::guest(), client_id: None, continues_locally: true, tls: None })
    }

    /// Sets who the client is.
    pub fn credential(mut self, credential: Credential) -> Self {
        self.credential = credential;
        self
    }

    /// Names the client by an id that no other client of the user has; by default a random one. The server recognises
    /// repeated commands by it.
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = Some(id.into());
        self
    }

    /// Sets whether displayed times continue by the local clock while no ticks arrive; by default they do.
    pub fn continues_locally(mut self, continues: bool) -> Self {
        self.continues_locally = continues;
        self
    }

    /// Sets the configuration of TLS. By default the certificates of the system are trusted.
    pub fn tls(mut self, config: Arc<ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }
}
