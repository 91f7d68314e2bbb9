#![doc = include_str!("../README.md")]

mod backoff;
mod bound_user;
mod client_channels;
mod client_core;
pub mod clockit;
mod close_policy;
mod connection;
mod credential;
mod endpoint;
mod error;
mod events;
pub mod focus;
mod http;
mod http_answer;
mod http_time;
mod iso_time;
mod json_codec;
mod link;
mod link_monitor;
mod live_message;
mod network;
mod options;
mod outbox;
pub mod punch_clock;
mod reloader;
pub mod rooms;
mod server_clock;
mod sleep_detector;
mod socket;
mod socketio;
pub mod studio;
mod time_pings;
mod times;
mod token_claims;
mod token_refresh;

pub use clockit::ClockitClient;
pub use connection::ConnectionState;
pub use credential::{Credential, TokenFuture, TokenRequest};
pub use error::{
    CommandError, ConnectionError, ErrorCode, HttpError, InvalidUrl, RefusalReason, RefusedError, RoomError,
    RoomErrorCode, ServerError,
};
pub use events::{Events, MissedEvents};
pub use focus::FocusClient;
pub use options::ClientOptions;
pub use outbox::{FailedCommand, OutboxError};
pub use punch_clock::PunchClockClient;
pub use rooms::RoomsClient;
pub use server_clock::ServerTime;
pub use studio::StudioClient;
pub use times::Times;
/// The implementation of TLS, for [`ClientOptions::tls`].
pub use tokio_rustls::rustls;
