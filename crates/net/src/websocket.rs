//! WebSockets: the handshake, a socket that reads through tungstenite, and frames that are encoded once and written to
//! many clients.

mod close_reason;
pub mod frame;
mod frame_scanner;
mod handshake;
mod heartbeat;
mod inbound_limiter;
mod message_reader;
mod signal_matcher;
mod socket;
mod socket_writer;
mod tls_session;

use std::time::Duration;

pub use close_reason::{CloseReason, RECONNECT_AFTER_MS};
pub use frame::FrameBuffer;
pub(crate) use frame_scanner::{FrameScanner, FrameVisitor, PayloadChunk};
pub(crate) use handshake::Handshake;
pub use handshake::{SUBPROTOCOL, TOKEN_SUBPROTOCOL_PREFIX, accept};
pub use heartbeat::{Heartbeat, HeartbeatAction, HeartbeatOptions, HeartbeatTimer};
pub(crate) use inbound_limiter::InboundLimiter;
pub(crate) use signal_matcher::{SignalMatch, SignalMatcher};
pub(crate) use socket::CLOSE_TIMEOUT;
pub use socket::{Disconnected, WebSocket, WebSocketEvent};
pub use socket_writer::{SocketWriter, WriteResult};

/// Time within which a client must accept what is written. The kernel buffers for it in addition.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
