//! The store of the configuration, for commands that work on it without a node.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::store::{BeatRequest, BeatStatus, Connected, Fault, FaultKind, Transfer};
use engine::{Store, StoreTime};
use store::embedded::OpenError;
use timers::{Millis, Tag};
use tokio::time::sleep;

use crate::commands::Failure;
use crate::ops::config::{Settings, StoreUrl};
use crate::ops::engine_setup::connect;

/// How long a command waits for its store and for the time: a Redis that is up answers within a second, and a Sentinel
/// may have to be asked first.
pub(super) const OPEN_TIMEOUT: Duration = Duration::from_secs(15);

/// Interval at which a command checks whether the store is ready.
pub(super) const OPEN_CHECK: Duration = Duration::from_millis(10);

/// How long a request is repeated while the store is unavailable: a failover takes less.
pub(super) const RETRY_TIMEOUT: Duration = Duration::from_secs(60);

/// Pause before a request is repeated.
pub(super) const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// A leader that is this late has ended: its beats come each second, and other nodes take over after a fraction of one.
const LEADER_GONE_AFTER: Millis = Millis(5000);

/// Connects to the store of the configuration, as a node of a name of its own.
pub(super) fn connect_as_command(settings: &Settings) -> Result<(Settings, Connected<dyn Store>), Failure> {
    if settings.store.url == StoreUrl::Memory {
        return Err(Failure::configuration("store.url is memory://, which is lost when this command ends"));
    }
    // Two nodes of one name would both believe that they lead.
    let settings = Settings { node_id: format!("command-{:08x}", fastrand::u32(..)), ..settings.clone() };
    let connected = connect(&settings).map_err(|error| match error.downcast_ref() {
        Some(OpenError::InUse(folder)) => Failure::unavailable(format!(
            "{} is in use by another process: stop the node first, and start it again after this command",
            folder.display()
        )),
        Some(OpenError::Failed(..)) | None => Failure::unavailable(format!("{error:#}")),
    })?;
    Ok((settings, connected))
}

/// A store that is used without an engine: no deadline is carried out, and no view is kept.
pub(super) struct StoreConnection {
    store: Arc<dyn Store>,
    node: String,
    /// The other node that leads, if one does.
    pub(super) leader: Option<String>,
}

impl StoreConnection {
    /// Connects, and waits until the store can be used and tells the time.
    pub(super) async fn open(settings: &Settings) -> Result<Self, Failure> {
        let (settings, Connected { store, mut signals }) = connect_as_command(settings)?;
        // Beats arrive unrequested, and their queue must not fill.
        tokio::spawn(async move { while signals.recv().await.is_some() {} });
        let mut connection = Self { store, node: settings.node_id.clone(), leader: None };
        match connection.wait_until_usable().await {
            Ok(()) => Ok(connection),
            Err(reason) => {
                connection.close().await;
                Err(Failure::unavailable(format!("the store {} cannot be used: {reason}", settings.store.url)))
            }
        }
    }

    async fn wait_until_usable(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let usable = match self.store.ready() {
                Ok(()) => self.beat().await.map_err(|fault| fault.to_string()),
                Err(reason) => Err(reason),
            };
            match usable {
                Ok(beat) => {
                    self.leader = Some(beat.leader).filter(|leader| !leader.is_empty() && *leader != self.node);
                    return Ok(());
                }
                Err(reason) if begun.elapsed() > OPEN_TIMEOUT => return Err(reason),
                Err(_) => sleep(OPEN_CHECK).await,
            }
        }
    }

    /// Learns the time, as nodes do. If no node leads, this one does for a moment.
    async fn beat(&self) -> Result<BeatStatus, Fault> {
        let request = BeatRequest {
            node: self.node.clone(),
            takeover_after: LEADER_GONE_AFTER,
            generation: Tag(fastrand::u64(1..)),
            now: None,
        };
        let beat = self.store.beat(&request).await?;
        if beat.leader == self.node {
            self.store.vacate(&self.node).await?;
        }
        Ok(beat)
    }

    /// Reads the store's time.
    pub(super) async fn time(&self) -> Result<StoreTime, Fault> {
        let beat = retried(|| self.beat()).await?;
        Ok(StoreTime { now: beat.now, absorbed: beat.absorbed })
    }

    /// Returns the access to whole scopes.
    pub(super) fn transfer(&self) -> Result<&dyn Transfer, Failure> {
        self.store.transfer().ok_or_else(|| Failure::unavailable("the store cannot be read as a whole"))
    }

    /// Closes the store.
    pub(super) async fn close(self) {
        self.store.close().await;
    }
}

/// Sends a request that may be repeated, and repeats it while the store is unavailable.
pub(super) async fn retried<T>(mut request: impl AsyncFnMut() -> Result<T, Fault>) -> Result<T, Fault> {
    let begun = Instant::now();
    loop {
        match request().await {
            Err(fault) if fault.kind() != FaultKind::Damaged && begun.elapsed() <= RETRY_TIMEOUT => {
                sleep(RETRY_PAUSE).await;
            }
            result => return result,
        }
    }
}
