//! The client of one member of one room.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::client_channels::Snapshot;
use crate::connection::ConnectionState;
use crate::error::{ConnectionError, RoomError};
use crate::events::Events;
use crate::options::ClientOptions;
use crate::rooms::protocol::{Room, RoomEvent, TimerState};
use crate::rooms::request::{RoomCommand, RoomReply, Target};
use crate::rooms::task::{RoomsChannels, RoomsRequest, start_task};
use crate::server_clock::ServerTime;
use crate::times::Times;

/// A room to be created.
#[derive(Clone, Debug, Default)]
pub struct NewRoom {
    /// The duration of the countdown; the server's default if it is absent.
    pub duration: Option<Duration>,
    /// The name of the client; `User 1`, `User 2`, … if it is absent.
    pub name: Option<String>,
}

/// A command for the countdown of the room.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CountdownCommand {
    /// Starts it from a duration, or from that of the room.
    Start(Option<Duration>),
    /// Pauses it, if it runs.
    Pause,
    /// Resumes it, if it is paused.
    Resume,
    /// Resets it to its duration.
    Reset,
    /// Moves its end by seconds.
    Adjust(f64),
}

/// What a client knows. It is immutable; another snapshot replaces it after a change.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomsSnapshot {
    /// The state of the connection.
    pub connection: ConnectionState,
    /// The room, which stays known while the connection is lost.
    pub room: Option<Arc<Room>>,
    /// Whether the client is a member on the current connection.
    pub is_joined: bool,
    /// The displayed remaining time, in whole seconds rounded up.
    pub remaining_seconds: Option<i64>,
    /// When the countdown has reached zero, until it starts again.
    pub completed_at: Option<i64>,
    /// Where the displayed time comes from.
    pub times: Times,
    /// The error that ended the attempt to join or to return to the room.
    pub join_error: Option<RoomError>,
    /// The server's time; `None` before its first message.
    pub server_time: Option<ServerTime>,
}

impl RoomsSnapshot {
    /// Returns the displayed countdown, and its seconds.
    pub(crate) fn displayed(&self) -> Option<(&TimerState, i64)> {
        Some((&self.room.as_ref()?.state, self.remaining_seconds?))
    }
}

impl Snapshot for RoomsSnapshot {
    fn is_same_as(&self, other: &Self) -> bool {
        self == other
    }
}

/// What a client notifies of.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RoomsEvent {
    /// The room has changed. Ticks are no changes.
    Room(RoomEvent),
    /// The server reports an error that belongs to no request.
    Server(RoomError),
    /// The token provider failed. The client tries again.
    Token(ConnectionError),
}

/// The client of one member of one room.
///
/// It reconnects by itself and returns to its membership, follows the advice of servers that stop, moves to another node
/// before its node closes the connection, and continues the display by the local clock. Clones share one connection. It
/// ends when all of them are dropped, or with [`RoomsClient::close`].
#[derive(Clone, Debug)]
pub struct RoomsClient {
    channels: RoomsChannels,
}

impl RoomsClient {
    /// Begins to connect, and returns at once.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    #[must_use]
    pub fn open(options: ClientOptions) -> Self {
        Self { channels: start_task(options) }
    }

    /// Returns what the client knows.
    #[must_use]
    pub fn snapshot(&self) -> Arc<RoomsSnapshot> {
        self.channels.snapshot()
    }

    /// Returns a receiver of snapshots, which changes with each displayed second.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<RoomsSnapshot>> {
        self.channels.subscribe()
    }

    /// Returns a receiver of changes and errors.
    #[must_use]
    pub fn events(&self) -> Events<RoomsEvent> {
        self.channels.events()
    }

    /// Connects at once instead of at the next attempt, also after a refusal.
    pub async fn retry_now(&self) {
        self.channels.send(RoomsRequest::RetryNow).await;
    }

    /// Disconnects. The membership lasts for some seconds more; [`Self::leave`] ends it at once.
    pub async fn close(&self) {
        self.channels.ask(RoomsRequest::Close).await;
    }

    /// Creates a room and joins it. Waits for a connection, and for a server whose store is available.
    ///
    /// # Errors
    /// The server rejects the request or refuses the client, or the client was asked for another room meanwhile.
    pub async fn create(&self, room: NewRoom) -> Result<Arc<Room>, RoomError> {
        let NewRoom { duration, name } = room;
        let target = Target::New { duration_s: duration.map(|duration| duration.as_secs_f64()), name };
        self.request(|reply| RoomsRequest::Join(target, reply)).await
    }

    /// Joins a room, and leaves the previous one. Without a name the client becomes `User 1`, `User 2`, ….
    ///
    /// # Errors
    /// As [`Self::create`].
    pub async fn join(&self, session_id: &str, name: Option<&str>) -> Result<Arc<Room>, RoomError> {
        let target = Target::Room { session_id: session_id.to_owned(), name: name.map(str::to_owned) };
        self.request(|reply| RoomsRequest::Join(target, reply)).await
    }

    /// Leaves the room.
    ///
    /// # Errors
    /// The server rejects the request, or the client was closed.
    pub async fn leave(&self) -> Result<(), RoomError> {
        self.request(RoomsRequest::Leave).await
    }

    /// Sends a command for the countdown, and returns the state after it. It is not repeated if the connection is lost,
    /// because its effect would not be the same later.
    ///
    /// # Errors
    /// The server rejects the command, the client is in no room at present, or the outcome is unknown.
    pub async fn send(&self, command: CountdownCommand) -> Result<TimerState, RoomError> {
        let (event, field) = match command {
            CountdownCommand::Start(duration) => {
                ("timer:start", duration.map(|duration| ("duration", duration.as_secs_f64())))
            }
            CountdownCommand::Pause => ("timer:pause", None),
            CountdownCommand::Resume => ("timer:resume", None),
            CountdownCommand::Reset => ("timer:reset", None),
            CountdownCommand::Adjust(seconds) => ("timer:adjust", Some(("seconds", seconds))),
        };
        let fields = field.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
        let payload: Map<String, Value> = fields.collect();
        self.request(|reply| RoomsRequest::Command(RoomCommand { event, payload, reply })).await
    }

    async fn request<T>(&self, request: impl FnOnce(RoomReply<T>) -> RoomsRequest) -> Result<T, RoomError> {
        self.channels.ask(request).await.unwrap_or(Err(RoomError::Closed))
    }
}
