//! The connections to one server. Commands, beats, subscriptions and the replica wait use separate connections,
//! so that none waits for another. The driver sends each command at most once.

use std::sync::Arc;
use std::time::Duration;

use fred::clients::{Client, SubscriberClient};
use fred::error::Error;
use fred::interfaces::{ClientLike, EventInterface};
use fred::types::Builder;
use fred::types::config::{Config, ReconnectPolicy, Server};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::redis::fault::is_server_reply;

/// Timeout of a command. Well below a command's lifetime in the engine, so that after a timeout the same commit
/// can be sent again.
const COMMAND_TIMEOUT: Duration = Duration::from_millis(1500);

/// Timeout of a connection attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection without any input for this long, although a heartbeat is sent every [`HEARTBEAT`], is dead.
const SILENCE_MAX: Duration = Duration::from_secs(3);

/// Interval of heartbeats.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(1);

/// Most commands in the send queue. Each client connection has one command at a time, so a longer queue means
/// that the server does not read.
const COMMANDS_MAX: usize = 20_000;

/// Most messages in the receive queue. An update is a kilobyte; the driver keeps about nine such queues.
const MESSAGES_MAX: usize = 4096;

/// Delay between connection attempts, ms: it doubles from the first value to the second.
const RECONNECT_MS: (u32, u32) = (50, 500);

/// Interval at which an unavailable Redis is logged again.
const LOG_INTERVAL: Duration = Duration::from_secs(30);

/// The connections to one server.
#[derive(Clone)]
pub(crate) struct Connections {
    /// The server's name in logs.
    pub(crate) name: String,
    pub(crate) commands: Client,
    pub(crate) beats: Client,
    pub(crate) subscriber: SubscriberClient,
    /// Present only if commits wait for replicas.
    pub(crate) replica_wait: Option<Client>,
    /// The driver's tasks. They are aborted on close: a task that is connecting does not react to `quit`.
    driver_tasks: Arc<Vec<AbortOnDropHandle<Result<(), Error>>>>,
}

/// A change of a connection.
pub(crate) enum ConnectionEvent {
    Up,
    Down(String),
}

impl Connections {
    /// Starts to connect and retries without a time limit.
    pub(crate) fn connect(
        name: String,
        config: &Config,
        with_replica_wait: bool,
        tasks: &TaskTracker,
    ) -> Result<Self, Error> {
        let mut connections = Self {
            commands: builder(config, 32).build()?,
            beats: builder(config, 32).build()?,
            subscriber: builder(config, MESSAGES_MAX).build_subscriber_client()?,
            replica_wait: if with_replica_wait { Some(builder(config, 32).build()?) } else { None },
            driver_tasks: Arc::default(),
            name,
        };
        tasks.spawn(log_connection_errors(connections.commands.error_rx(), connections.name.clone()));
        let driver_tasks = connections.clients().map(ClientLike::connect).chain([connections.subscriber.connect()]);
        connections.driver_tasks = Arc::new(driver_tasks.map(AbortOnDropHandle::new).collect());
        Ok(connections)
    }

    /// Tells whether all connections are up.
    pub(crate) fn are_up(&self) -> bool {
        is_up(&self.subscriber) && self.clients().all(is_up)
    }

    /// Reconnects the subscriber, or all connections.
    ///
    /// The error of a rejected SUBSCRIBE arrives outside the request-reply order. From then on the driver would
    /// match every PING on that connection with the wrong reply.
    pub(crate) async fn reconnect(&self, all: bool) {
        let subscriber = self.subscriber.force_reconnection();
        let others = self.clients().filter(|_| all).map(|client| client.force_reconnection());
        let reconnected = async { tokio::join!(subscriber, futures_util::future::join_all(others)) };
        // The driver returns when the connections are up; callers check their state repeatedly, so a timeout is
        // harmless.
        timeout(CONNECT_TIMEOUT, reconnected).await.ok();
    }

    /// Closes the connections.
    pub(crate) async fn quit(&self) {
        let all = self.clients().map(|client| client.quit());
        // The connections are dropped whatever the replies are.
        let quit = async { tokio::join!(futures_util::future::join_all(all), self.subscriber.quit()) };
        timeout(CONNECT_TIMEOUT, quit).await.ok();
        self.driver_tasks.iter().for_each(AbortOnDropHandle::abort);
    }

    /// Returns all clients except the subscriber.
    pub(crate) fn clients(&self) -> impl Iterator<Item = &Client> {
        [&self.commands, &self.beats].into_iter().chain(&self.replica_wait)
    }
}

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

/// Logs that Redis is unavailable, at once and then at intervals.
pub(crate) async fn log_connection_errors(mut errors: Receiver<(Error, Option<Server>)>, server: String) {
    let mut logged_at: Option<Instant> = None;
    loop {
        match errors.recv().await {
            Ok((error, _)) if logged_at.is_none_or(|logged_at| logged_at.elapsed() > LOG_INTERVAL) => {
                tracing::error!(%server, %error, "Redis can't be used; retrying");
                logged_at = Some(Instant::now());
            }
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// Forwards disconnects and reconnects of a client.
pub(crate) fn forward_events(
    mut ups: Receiver<Server>,
    mut errors: Receiver<(Error, Option<Server>)>,
    events: mpsc::Sender<ConnectionEvent>,
) {
    tokio::spawn(async move {
        loop {
            let event = tokio::select! {
                up = ups.recv() => match up {
                    Ok(_) | Err(RecvError::Lagged(_)) => ConnectionEvent::Up,
                    Err(RecvError::Closed) => return,
                },
                error = errors.recv() => match error {
                    Ok((error, _)) => ConnectionEvent::Down(error.details().to_owned()),
                    Err(RecvError::Lagged(_)) => ConnectionEvent::Down("repeated connection errors".to_owned()),
                    Err(RecvError::Closed) => return,
                },
            };
            if events.send(event).await.is_err() {
                return;
            }
        }
    });
}

/// Sends heartbeats and reconnects a client that does not answer them. A half-open connection reports no error,
/// and the driver does not notice it while writes succeed.
pub(crate) fn run_heartbeat(client: impl ClientLike + 'static, events: mpsc::Sender<ConnectionEvent>) {
    tokio::spawn(async move {
        loop {
            sleep(HEARTBEAT).await;
            if let Err(error) = client.ping::<()>(None).await {
                let down = ConnectionEvent::Down(format!("no reply to a heartbeat: {}", error.details()));
                if events.send(down).await.is_err() {
                    return;
                }
                if is_up(&client) && !is_server_reply(&error) {
                    timeout(CONNECT_TIMEOUT, client.force_reconnection()).await.ok();
                }
            }
            if events.is_closed() {
                return;
            }
        }
    });
}
