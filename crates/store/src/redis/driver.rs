//! The settings of the driver, for every connection to Redis.

use std::time::Duration;

use fred::error::Error;
use fred::interfaces::ClientLike;
use fred::types::Builder;
use fred::types::config::{Config, ReconnectPolicy, Server, UnresponsiveConfig};
use parking_lot::Mutex;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use crate::redis::fault::readable;

/// Timeout of a command. Well below a command's lifetime in the engine, so that after a timeout the same commit
/// can be sent again.
pub(crate) const COMMAND_TIMEOUT: Duration = Duration::from_millis(1500);

/// Timeout of a connection attempt. An attempt that begins just before the end of a network failure ends at this
/// time, because the kernel repeats a lost packet after a second at the earliest. A handshake takes some ten ms.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Timeout of the commands with which the driver sets up a connection.
const SETUP_TIMEOUT: Duration = Duration::from_secs(2);

/// Timeout of the end of a connection.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Longest time for which sent data may be unacknowledged. Then the kernel ends the connection, instead of waiting
/// longer and longer before it sends the data again.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(3);

/// Most commands in the send queue. Each client connection has one command at a time, so a longer queue means
/// that the server does not read.
const COMMANDS_MAX: usize = 20_000;

/// Most messages in the receive queue. An update is a kilobyte; the driver keeps about nine such queues.
pub(crate) const MESSAGES_MAX: usize = 4096;

/// Delay between connection attempts, ms: it doubles from the first value to the second.
const RECONNECT_MS: (u32, u32) = (50, 250);

/// Interval at which an unavailable Redis is logged again.
const LOG_INTERVAL: Duration = Duration::from_secs(30);

/// Tells whether a client is connected.
pub(crate) fn is_up(client: &impl ClientLike) -> bool {
    client.is_connected()
}

/// Returns a client builder with Tickcast's settings.
pub(crate) fn builder(config: &Config, messages_max: usize) -> Builder {
    let mut config = config.clone();
    config.version = fred::types::RespVersion::RESP3;
    config.fail_fast = false;
    let mut builder = Builder::from_config(config);
    builder
        .with_performance_config(|performance| {
            performance.default_command_timeout = COMMAND_TIMEOUT;
            performance.broadcast_channel_capacity = messages_max;
        })
        .with_connection_config(|connection| {
            connection.connection_timeout = CONNECT_TIMEOUT;
            connection.internal_command_timeout = SETUP_TIMEOUT;
            connection.max_command_attempts = 1;
            connection.max_command_buffer_len = COMMANDS_MAX;
            connection.reconnect_on_auth_error = true;
            connection.tcp.nodelay = Some(true);
            #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
            {
                connection.tcp.user_timeout = Some(UNACKNOWLEDGED_MAX);
            }
            // The driver measures silence since its last write, which each heartbeat moves.
            connection.unresponsive = UnresponsiveConfig { max_timeout: None, ..UnresponsiveConfig::default() };
        })
        .set_policy(ReconnectPolicy::new_exponential(0, RECONNECT_MS.0, RECONNECT_MS.1, 2));
    builder
}

/// Logs the errors of a server's connections, at once and then at intervals, however often they are replaced.
pub(crate) struct ErrorLog {
    server: String,
    logged_at: Mutex<Option<Instant>>,
}

impl ErrorLog {
    pub(crate) fn new(server: String) -> Self {
        Self { server, logged_at: Mutex::default() }
    }

    /// Logs an error, unless one was logged within [`LOG_INTERVAL`].
    pub(crate) fn log(&self, error: &str) {
        let mut logged_at = self.logged_at.lock();
        if logged_at.is_none_or(|logged_at| logged_at.elapsed() > LOG_INTERVAL) {
            tracing::error!(server = %self.server, error = readable(error), "Redis can't be used; retrying");
            *logged_at = Some(Instant::now());
        }
    }

    /// Logs errors until the driver ends.
    pub(crate) async fn log_errors(&self, mut errors: Receiver<(Error, Option<Server>)>) {
        loop {
            match errors.recv().await {
                Ok((error, _)) => self.log(&error.to_string()),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }
}
