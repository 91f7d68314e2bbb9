//! Sessions that a web server keeps in a Redis, under keys of its own.

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
use crate::redis::fault::fault;
use crate::redis::link::{builder, is_up, tell_of_absence};

/// A Redis that has sessions.
pub struct Sessions {
    client: Client,
    was_up: AtomicBool,
    _router: AbortOnDropHandle<Result<(), Error>>,
}

impl Sessions {
    /// Begins to connect, and goes on trying for as long as it takes.
    ///
    /// # Errors
    /// [`FaultKind::Damaged`]: the address or the file of certificates is of no use.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn connect(url: &RedisUrl, ca_file: Option<&Path>) -> Result<Self, Fault> {
        let target = url.target(ca_file).map_err(|why| Fault::new(FaultKind::Damaged, why))?;
        let (Target::One(config) | Target::Cluster(_, config)) = target;
        let client = builder(&config, 32).build().map_err(|error| Fault::new(FaultKind::Damaged, error))?;
        tokio::spawn(tell_of_absence(client.error_rx(), format!("{url} (sessions)")));
        let router = AbortOnDropHandle::new(client.connect());
        Ok(Self { client, was_up: AtomicBool::new(false), _router: router })
    }

    /// Tells whether it was ever there.
    pub fn was_up(&self) -> bool {
        if is_up(&self.client) {
            self.was_up.store(true, Ordering::Relaxed);
        }
        self.was_up.load(Ordering::Relaxed)
    }

    /// Reads a session; `None` if there is none, or no more. One round trip; without a connection it waits a little for
    /// one.
    ///
    /// # Errors
    /// [`Fault`]; a retry is safe.
    pub async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        self.client.get(key).await.map_err(fault)
    }

    /// Has a session live so long from now on. One round trip.
    ///
    /// # Errors
    /// [`Fault`]; a retry is safe.
    pub async fn extend(&self, key: &str, to: Duration) -> Result<(), Fault> {
        let seconds = i64::try_from(to.as_secs()).unwrap_or(i64::MAX);
        self.client.expire(key, seconds, None).await.map_err(fault)
    }
}
