//! The connections to Redis: commands, beats, and subscriptions each have their own, so that none waits
//! for another. The driver sends each command at most once.

use std::time::Duration;

use fred::clients::{Client, SubscriberClient};
use fred::interfaces::{ClientLike, EventInterface};
use fred::types::Builder;
use fred::types::config::{Config, ReconnectPolicy};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::task::TaskTracker;

use crate::redis::Options;

/// How long a command may take. Well below a command's life in the engine, so that a silent server leaves
/// time to send the same commit again.
const COMMAND_TIMEOUT: Duration = Duration::from_millis(1500);

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A link on which nothing has come for so long, though it is asked every [`HEARTBEAT`], is dead.
const SILENCE_MAX: Duration = Duration::from_secs(3);

/// How often a link is asked whether it lives.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(1);

/// Most commands that wait to be written. Each connection of a client has one at a time, so a queue this
/// long means a server that does not read.
const COMMANDS_MAX: usize = 20_000;

/// Most messages that wait to be read. Updates are a kilobyte; the driver keeps about nine such queues.
const MESSAGES_MAX: usize = 4096;

/// Pauses between attempts to connect, ms: they double from the first to the second.
const RECONNECT_MS: (u32, u32) = (50, 1000);

/// How often it is said that Redis is still away.
const SAY_AGAIN: Duration = Duration::from_secs(30);

/// The three connections.
pub(crate) struct Links {
    pub(crate) commands: Client,
    pub(crate) beats: Client,
    pub(crate) subscriber: SubscriberClient,
}

impl Links {
    /// Begins to connect, and goes on trying for as long as it takes.
    pub(crate) fn connect(options: &Options, tasks: &TaskTracker) -> Result<Self, fred::error::Error> {
        let links = Self {
            commands: builder(options, 32).build()?,
            beats: builder(options, 32).build()?,
            subscriber: builder(options, MESSAGES_MAX).build_subscriber_client()?,
        };
        tasks.spawn(tell_of_absence(links.commands.error_rx(), options.url.to_string()));
        links.commands.connect();
        links.beats.connect();
        links.subscriber.connect();
        Ok(links)
    }

    /// Ends the connections.
    pub(crate) async fn quit(&self) {
        // Whatever they answer, they are gone.
        let quit = async { tokio::join!(self.commands.quit(), self.beats.quit(), self.subscriber.quit()) };
        tokio::time::timeout(CONNECT_TIMEOUT, quit).await.ok();
    }
}

fn builder(options: &Options, messages_max: usize) -> Builder {
    let mut config: Config = options.url.config();
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
            connection.internal_command_timeout = CONNECT_TIMEOUT;
            connection.max_command_attempts = 1;
            connection.max_command_buffer_len = COMMANDS_MAX;
            connection.reconnect_on_auth_error = true;
            connection.tcp.nodelay = Some(true);
            connection.unresponsive.max_timeout = Some(SILENCE_MAX);
            connection.unresponsive.interval = Duration::from_millis(500);
        })
        .set_policy(ReconnectPolicy::new_exponential(0, RECONNECT_MS.0, RECONNECT_MS.1, 2));
    builder
}

/// Says that Redis is away, at once and then now and again.
async fn tell_of_absence(
    mut errors: tokio::sync::broadcast::Receiver<(fred::error::Error, Option<fred::types::config::Server>)>,
    url: String,
) {
    let mut said: Option<tokio::time::Instant> = None;
    loop {
        match errors.recv().await {
            Ok((error, _)) if said.is_none_or(|said| said.elapsed() > SAY_AGAIN) => {
                tracing::error!(%url, %error, "Redis can't be used; trying again until it can");
                said = Some(tokio::time::Instant::now());
            }
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
