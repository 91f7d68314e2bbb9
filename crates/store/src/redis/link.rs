//! The connections to one server: commands, beats, subscriptions and the fence each have their own, so that
//! none waits for another. The driver sends each command at most once.

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

use crate::redis::fault::is_servers;

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
const RECONNECT_MS: (u32, u32) = (50, 500);

/// How often it is said that Redis is still away.
const SAY_AGAIN: Duration = Duration::from_secs(30);

/// The connections to one server.
#[derive(Clone)]
pub(crate) struct Links {
    /// The server, for logs.
    pub(crate) name: String,
    pub(crate) commands: Client,
    pub(crate) beats: Client,
    pub(crate) subscriber: SubscriberClient,
    /// Only where replicas are waited for.
    pub(crate) fence: Option<Client>,
    /// The driver's tasks: one that tries to connect does not hear that it is to end.
    routers: Arc<Vec<AbortOnDropHandle<Result<(), Error>>>>,
}

/// What happened to a link.
pub(crate) enum LinkEvent {
    Up,
    Down(String),
}

impl Links {
    /// Begins to connect, and goes on trying for as long as it takes.
    pub(crate) fn connect(name: String, config: &Config, fenced: bool, tasks: &TaskTracker) -> Result<Self, Error> {
        let mut links = Self {
            commands: builder(config, 32).build()?,
            beats: builder(config, 32).build()?,
            subscriber: builder(config, MESSAGES_MAX).build_subscriber_client()?,
            fence: if fenced { Some(builder(config, 32).build()?) } else { None },
            routers: Arc::default(),
            name,
        };
        tasks.spawn(tell_of_absence(links.commands.error_rx(), links.name.clone()));
        let routers = links.clients().map(ClientLike::connect).chain([links.subscriber.connect()]);
        links.routers = Arc::new(routers.map(AbortOnDropHandle::new).collect());
        Ok(links)
    }

    /// Tells whether all connections are there.
    pub(crate) fn are_up(&self) -> bool {
        is_up(&self.subscriber) && self.clients().all(is_up)
    }

    /// Makes the subscriber's connection anew, or all of them.
    ///
    /// A refused SUBSCRIBE is answered where no answer is expected, and from then on every PING on that
    /// connection would be taken for the one before it.
    pub(crate) async fn begin_anew(&self, all: bool) {
        let subscriber = self.subscriber.force_reconnection();
        let others = self.clients().filter(|_| all).map(|client| client.force_reconnection());
        let anew = async { tokio::join!(subscriber, futures_util::future::join_all(others)) };
        // The driver answers when they are there; whether they are is looked at again and again.
        timeout(CONNECT_TIMEOUT, anew).await.ok();
    }

    /// Ends the connections.
    pub(crate) async fn quit(&self) {
        let all = self.clients().map(|client| client.quit());
        // Whatever they answer, they are gone.
        let quit = async { tokio::join!(futures_util::future::join_all(all), self.subscriber.quit()) };
        timeout(CONNECT_TIMEOUT, quit).await.ok();
        self.routers.iter().for_each(AbortOnDropHandle::abort);
    }

    /// All but the subscriber's.
    pub(crate) fn clients(&self) -> impl Iterator<Item = &Client> {
        [&self.commands, &self.beats].into_iter().chain(&self.fence)
    }
}

/// Tells whether a client has its connection.
pub(crate) fn is_up(client: &impl ClientLike) -> bool {
    client.is_connected()
}

/// Makes clients as Tickcast needs them.
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

/// Says that Redis is away, at once and then now and again.
pub(crate) async fn tell_of_absence(mut errors: Receiver<(Error, Option<Server>)>, server: String) {
    let mut said: Option<Instant> = None;
    loop {
        match errors.recv().await {
            Ok((error, _)) if said.is_none_or(|said| said.elapsed() > SAY_AGAIN) => {
                tracing::error!(%server, %error, "Redis can't be used; trying again until it can");
                said = Some(Instant::now());
            }
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// Tells of a link that breaks and comes back.
pub(crate) fn watch_link(
    mut ups: Receiver<Server>,
    mut errors: Receiver<(Error, Option<Server>)>,
    events: mpsc::Sender<LinkEvent>,
) {
    tokio::spawn(async move {
        loop {
            let event = tokio::select! {
                up = ups.recv() => match up {
                    Ok(_) | Err(RecvError::Lagged(_)) => LinkEvent::Up,
                    Err(RecvError::Closed) => return,
                },
                error = errors.recv() => match error {
                    Ok((error, _)) => LinkEvent::Down(error.details().to_owned()),
                    Err(RecvError::Lagged(_)) => LinkEvent::Down("the connection fails again and again".to_owned()),
                    Err(RecvError::Closed) => return,
                },
            };
            if events.send(event).await.is_err() {
                return;
            }
        }
    });
}

/// Asks a link again and again whether it lives, and makes it anew if it does not: one that is only half open
/// says nothing by itself, and the driver sees nothing wrong with it as long as it can write.
pub(crate) fn watch_pulse(client: impl ClientLike + 'static, events: mpsc::Sender<LinkEvent>) {
    tokio::spawn(async move {
        loop {
            sleep(HEARTBEAT).await;
            if let Err(error) = client.ping::<()>(None).await {
                let down = LinkEvent::Down(format!("Redis does not answer: {}", error.details()));
                if events.send(down).await.is_err() {
                    return;
                }
                if is_up(&client) && !is_servers(&error) {
                    timeout(CONNECT_TIMEOUT, client.force_reconnection()).await.ok();
                }
            }
            if events.is_closed() {
                return;
            }
        }
    });
}
