//! The connections to one server. Commands, beats, subscriptions and the replica wait use separate connections,
//! so that none waits for another. The driver sends each command at most once.
//!
//! The driver awaits each write to a socket, and a reconnection that is requested of it waits behind that write.
//! A connection that fails is therefore never asked to reconnect: it is aborted and replaced.

use std::sync::Arc;

use fred::clients::{Client, SubscriberClient};
use fred::error::Error;
use fred::interfaces::{ClientLike, EventInterface, MetricsInterface};
use fred::types::config::{Config, Server};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::redis::driver::{CLOSE_TIMEOUT, ErrorLog, MESSAGES_MAX, builder, is_up};
use crate::redis::silence::silence;

/// Most queued events; beyond it, the tasks that report them wait.
const EVENTS_MAX: usize = 64;

/// Makes connections to one server.
pub(crate) struct Connector {
    /// The server's name in logs.
    pub(crate) name: String,
    pub(crate) log: Arc<ErrorLog>,
    config: Config,
    with_replica_wait: bool,
}

/// The connections to one server, until they are replaced.
#[derive(Clone)]
pub(crate) struct Connections {
    pub(crate) commands: Arc<Link<Client>>,
    pub(crate) beats: Arc<Link<Client>>,
    pub(crate) subscriber: Arc<Link<SubscriberClient>>,
    /// Present only if commits wait for replicas.
    pub(crate) replica_wait: Option<Arc<Link<Client>>>,
    events: mpsc::Sender<ConnectionEvent>,
}

/// A client with its driver, and the tasks that report what happens to it.
pub(crate) struct Link<C> {
    pub(crate) client: C,
    tasks: Vec<AbortOnDropHandle<()>>,
}

/// A change of a connection.
pub(crate) enum ConnectionEvent {
    Up,
    Down(String),
    /// Nothing was received for [`SILENCE_MAX`](crate::redis::silence::SILENCE_MAX).
    Silent,
}

impl Connector {
    /// `with_replica_wait` tells whether commits wait for replicas.
    pub(crate) fn new(name: String, config: Config, with_replica_wait: bool) -> Self {
        let log = Arc::new(ErrorLog::new(name.clone()));
        Self { name, log, config, with_replica_wait }
    }

    /// Starts to connect and retries without a time limit.
    ///
    /// # Errors
    /// The driver's error about its configuration.
    pub(crate) fn connect(&self) -> Result<(Connections, mpsc::Receiver<ConnectionEvent>), Error> {
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let client = || builder(&self.config, 32).build();
        let (commands, beats) = (client()?, client()?);
        let replica_wait = self.with_replica_wait.then(client).transpose()?;
        let subscriber = self.connect_subscriber(&events)?;
        let (log, errors) = (Arc::clone(&self.log), commands.error_rx());
        let mut commands = Link::connect(commands, &events).forwarding(&events);
        commands.tasks.push(spawn(async move { log.log_errors(errors).await }));
        let connections = Connections {
            commands: Arc::new(commands),
            beats: Arc::new(Link::connect(beats, &events)),
            subscriber,
            replica_wait: replica_wait.map(|client| Arc::new(Link::connect(client, &events))),
            events,
        };
        Ok((connections, receiver))
    }

    /// Replaces the connection for subscriptions; the others stay.
    ///
    /// # Errors
    /// The driver's error about its configuration.
    pub(crate) fn replace_subscriber(&self, connections: &Connections) -> Result<Connections, Error> {
        let subscriber = self.connect_subscriber(&connections.events)?;
        connections.subscriber.abort();
        Ok(Connections { subscriber, ..connections.clone() })
    }

    fn connect_subscriber(&self, events: &mpsc::Sender<ConnectionEvent>) -> Result<Arc<Link<SubscriberClient>>, Error> {
        let client = builder(&self.config, MESSAGES_MAX).build_subscriber_client()?;
        Ok(Arc::new(Link::connect(client, events).forwarding(events)))
    }
}

impl Connections {
    /// Tells whether all connections are up.
    pub(crate) fn are_up(&self) -> bool {
        is_up(&self.subscriber.client) && self.clients().all(is_up)
    }

    /// Closes the connections after the replies to the commands in flight.
    pub(crate) async fn quit(&self) {
        let all = self.clients().map(|client| client.quit());
        // The connections are dropped whatever the replies are.
        let quit = async { tokio::join!(futures_util::future::join_all(all), self.subscriber.client.quit()) };
        timeout(CLOSE_TIMEOUT, quit).await.ok();
        self.abort();
    }

    /// Drops the connections at once. The commands in flight fail, and their outcome is unknown.
    pub(crate) fn abort(&self) {
        self.subscriber.abort();
        for link in [&self.commands, &self.beats].into_iter().chain(&self.replica_wait) {
            link.abort();
        }
    }

    /// Returns all clients except the subscriber.
    pub(crate) fn clients(&self) -> impl Iterator<Item = &Client> {
        [&self.commands, &self.beats].into_iter().chain(&self.replica_wait).map(|link| &link.client)
    }
}

impl<C: EventInterface + MetricsInterface + 'static> Link<C> {
    /// Starts to connect, and to report silence.
    fn connect(client: C, events: &mpsc::Sender<ConnectionEvent>) -> Self {
        let tasks = vec![spawn(report_silence(client.clone(), events.clone())), spawn(run_driver(client.clone()))];
        Self { client, tasks }
    }

    /// Reports disconnects and reconnects too.
    fn forwarding(mut self, events: &mpsc::Sender<ConnectionEvent>) -> Self {
        let (ups, errors) = (self.client.reconnect_rx(), self.client.error_rx());
        self.tasks.push(spawn(forward_events(ups, errors, events.clone())));
        self
    }
}

impl<C> Link<C> {
    fn abort(&self) {
        self.tasks.iter().for_each(AbortOnDropHandle::abort);
    }
}

fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(task))
}

/// Runs the driver of a client, which ends with this future.
pub(crate) async fn run_driver(client: impl ClientLike) {
    // The driver ends only on errors of its own. Its silence is noticed then.
    AbortOnDropHandle::new(client.connect()).await.ok();
}

/// Reports each rejected heartbeat, and a client that receives nothing.
async fn report_silence(client: impl MetricsInterface, events: mpsc::Sender<ConnectionEvent>) {
    // Nothing is lost if the receiver has been replaced.
    let report = async |event| drop(events.send(event).await);
    silence(&client, |error| report(ConnectionEvent::Down(format!("a heartbeat is rejected: {}", error.details()))))
        .await;
    report(ConnectionEvent::Silent).await;
}

/// Forwards disconnects and reconnects of a client.
async fn forward_events(
    mut ups: Receiver<Server>,
    mut errors: Receiver<(Error, Option<Server>)>,
    events: mpsc::Sender<ConnectionEvent>,
) {
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
}
