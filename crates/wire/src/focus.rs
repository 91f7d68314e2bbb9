//! The Focus dialect: focus sessions as JSON over HTTP, and a WebSocket that tracks one of them.

mod document;
mod export;
mod request;
#[cfg(feature = "schema")]
pub(crate) mod schema;
mod socket;

pub use document::{FocusDocument, list_end, list_start, stats, with_score, with_session};
pub use export::ExportedSession;
pub use request::{
    BadFocusRequest, NewSessionRequest, SessionList, StatusFilter, ending_request, session_change, session_id,
};
pub use socket::{
    ACTIVITY_TEXTS, INVALID_SESSION, SocketRequest, authenticated, connected, failed, parse, started, stopped,
    tab_switch_counted, tick,
};

/// The dialect's name in metrics and traces.
pub const NAME: &str = "focus";
