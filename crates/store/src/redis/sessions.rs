//! Sessions that a web server keeps in a Redis, under its own keys.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::store::{Fault, FaultKind};
use fred::clients::Client;
use fred::interfaces::{ClientLike, EventInterface, KeysInterface};
use fred::types::config::Config;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::redis::RedisUrl;
use crate::redis::address::Target;
use crate::redis::cluster::config_for;
use crate::redis::driver::{COMMAND_TIMEOUT, ErrorLog, builder, is_up};
use crate::redis::fault::{fault, not_connected};
use crate::redis::sentinel::Sentinels;
use crate::redis::silence::silence;
use crate::redis::slot_owners::Address;

/// A Redis with sessions of a web server.
pub struct Sessions {
    /// `None` until the address of the server is known.
    client: watch::Receiver<Option<Client>>,
    was_up: AtomicBool,
    _task: AbortOnDropHandle<()>,
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
        builder(&config, 32).build().map_err(|error| Fault::new(FaultKind::Damaged, error))?;
        let (in_use, client) = watch::channel(None);
        let log = Arc::new(ErrorLog::new(format!("{url} (sessions)")));
        let connection = Connection { sentinels: Sentinels::of(&config), config, in_use, log };
        let task = AbortOnDropHandle::new(tokio::spawn(connection.run()));
        Ok(Self { client, was_up: AtomicBool::new(false), _task: task })
    }

    /// Tells whether the connection was ever up.
    pub fn was_up(&self) -> bool {
        if self.client.borrow().as_ref().is_some_and(is_up) {
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
        self.client().await?.get(key).await.map_err(fault)
    }

    /// Sets the remaining lifetime of a session. One round trip.
    ///
    /// # Errors
    /// [`Fault`]; a retry is safe.
    pub async fn extend(&self, key: &str, to: Duration) -> Result<(), Fault> {
        let seconds = i64::try_from(to.as_secs()).unwrap_or(i64::MAX);
        self.client().await?.expire(key, seconds, None).await.map_err(fault)
    }

    async fn client(&self) -> Result<Client, Fault> {
        let mut client = self.client.clone();
        let found = timeout(COMMAND_TIMEOUT, client.wait_for(Option::is_some)).await.map_err(|_| not_connected())?;
        found.ok().and_then(|client| client.clone()).ok_or_else(not_connected)
    }
}

/// The connection to the server.
struct Connection {
    config: Config,
    /// `None` if the configuration names the server itself.
    sentinels: Option<Sentinels>,
    in_use: watch::Sender<Option<Client>>,
    log: Arc<ErrorLog>,
}

impl Connection {
    /// Replaces the client when it receives nothing, and when the sentinels name another primary.
    async fn run(mut self) {
        let mut target = match &mut self.sentinels {
            Some(sentinels) => config_for(&self.config, &sentinels.next_primary(|| false).await),
            None => self.config.clone(),
        };
        loop {
            let client = match builder(&target, 32).build() {
                Ok(client) => client,
                Err(error) => return self.log.log(&error.to_string()),
            };
            let _log = self.log_errors(&client);
            let _driver = AbortOnDropHandle::new(client.connect());
            self.in_use.send_replace(Some(client.clone()));
            tokio::select! {
                () = silence(&client, |_| std::future::ready(())) => self.log.log("Redis sends nothing"),
                primary = next_primary(&mut self.sentinels, &client) => target = config_for(&self.config, &primary),
            }
        }
    }

    fn log_errors(&self, client: &Client) -> AbortOnDropHandle<()> {
        let (log, errors) = (Arc::clone(&self.log), client.error_rx());
        AbortOnDropHandle::new(tokio::spawn(async move { log.log_errors(errors).await }))
    }
}

/// Waits until the sentinels name another primary; without sentinels, for ever.
async fn next_primary(sentinels: &mut Option<Sentinels>, client: &Client) -> Address {
    match sentinels {
        Some(sentinels) => sentinels.next_primary(|| is_up(client)).await,
        None => std::future::pending().await,
    }
}
