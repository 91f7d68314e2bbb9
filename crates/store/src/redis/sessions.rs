//! Sessions that a web server keeps in a Redis, under its own keys.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::store::{Fault, FaultKind};
use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::{ClientLike, EventInterface, KeysInterface};
use tokio_util::task::AbortOnDropHandle;

use crate::redis::RedisUrl;
use crate::redis::address::Target;
use crate::redis::connections::{builder, is_up, log_connection_errors};
use crate::redis::fault::fault;

/// A Redis with sessions of a web server.
pub struct Sessions {
    client: Client,
    was_up: AtomicBool,
    _driver_task: AbortOnDropHandle<Result<(), Error>>,
}

impl Sessions {
    /// Starts to connect and retries without a time limit.
    ///
    /// # Errors
    /// [`FaultKind::Damaged`]: the address or the certificate file is invalid.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn connect(url: &RedisUrl, ca_file: Option<&Path>) -> Result<Self, Fault> {
        let target = url.target(ca_file).map_err(|reason| Fault::new(FaultKind::Damaged, reason))?;
        let (Target::One(config) | Target::Cluster(_, config)) = target;
        let client = builder(&config, 32).build().map_err(|error| Fault::new(FaultKind::Damaged, error))?;
        tokio::spawn(log_connection_errors(client.error_rx(), format!("{url} (sessions)")));
        let driver_task = AbortOnDropHandle::new(client.connect());
        Ok(Self { client, was_up: AtomicBool::new(false), _driver_task: driver_task })
    }

    /// Tells whether the connection was ever up.
    pub fn was_up(&self) -> bool {
        if is_up(&self.client) {
            self.was_up.store(true, Ordering::Relaxed);
        }
        self.was_up.load(Ordering::Relaxed)
    }

    /// Reads a session; `None` if it does not exist or has expired. One round trip; without a connection the
    /// call waits for one for a limited time.
    ///
    /// # Errors
    /// [`Fault`]; a retry is safe.
    pub async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        self.client.get(key).await.map_err(fault)
    }

    /// Sets the remaining lifetime of a session. One round trip.
    ///
    /// # Errors
    /// [`Fault`]; a retry is safe.
    pub async fn extend(&self, key: &str, to: Duration) -> Result<(), Fault> {
        let seconds = i64::try_from(to.as_secs()).unwrap_or(i64::MAX);
        self.client.expire(key, seconds, None).await.map_err(fault)
    }
}
