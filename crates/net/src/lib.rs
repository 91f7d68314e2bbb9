//! The transports: listener, TLS, PROXY protocol, HTTP/1.1 server, WebSocket and Socket.IO.
//!
//! The crate knows no timers and no system. Its user passes settings as plain structs, counts refusals through
//! [`limits::NetObserver`] and runs the tasks that outlive a request.

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod http_error;
pub mod limits;
pub mod proxy;
pub mod request_body;
pub mod server;
pub mod socketio;
mod stream;
pub mod tls;
pub mod websocket;
