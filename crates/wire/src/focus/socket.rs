//! Messages of the WebSocket. Their fields are not in a payload, as in the original.

use serde::Serialize;
use timers::focus::{Ending, FocusId, FocusTick};
use timers::{ConnectionId, Fields, Timestamp};

use crate::fault::{Code, Fault};
use crate::json_text::{self, json};
use crate::message::{ClientMessage, MessageId, Rejected};

/// The texts of `activity`, which clients send at every mouse move: as JavaScript writes it, and as other languages do.
pub const ACTIVITY_TEXTS: &[&str] =
    &[r#"{"type":"activity"}"#, r#"{"type": "activity"}"#, r#"{ "type": "activity" }"#, r#"{ "type":"activity" }"#];

/// The message of an error about a session that cannot be tracked.
pub const INVALID_SESSION: &str = "Invalid session";

/// One request of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketRequest {
    /// Track a session.
    Start(FocusId),
    /// The person is active.
    Activity,
    /// The person has left the page.
    SwitchTab,
    /// End the session that is tracked.
    Stop(Ending),
}

/// The first message of a connection.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "FocusConnectedMessage"))]
pub(crate) struct Connected<'a> {
    r#type: &'static str,
    connection_id: &'a ConnectionId,
}

/// The socket tracks a session.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "FocusStartedMessage"))]
pub(crate) struct Started<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a MessageId>,
    session_id: FocusId,
}

/// A tab switch is counted.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "TabSwitchAckMessage"))]
pub(crate) struct Counted<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a MessageId>,
}

/// The session has ended, here or elsewhere, or was deleted.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "FocusStoppedMessage"))]
pub(crate) struct Stopped {
    r#type: &'static str,
    session_id: FocusId,
    /// The score; 0 if the session was deleted.
    focus_score: u64,
}

/// The counters of the tracked session at a whole second.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "FocusTickMessage"))]
pub(crate) struct CountersTick {
    r#type: &'static str,
    /// Whether the last counted second was idle.
    idle: bool,
    elapsed_seconds: u64,
    active_seconds: u64,
    idle_seconds: u64,
    tab_switches: u64,
}

/// A message had no effect; without an id, the service cannot serve the client at present.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "FocusErrorMessage"))]
pub(crate) struct Failed<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a MessageId>,
    /// The reason, for people.
    message: &'a str,
    #[cfg_attr(feature = "schema", schemars(with = "Code"))]
    code: &'static str,
    /// Whether the same message can succeed later.
    retry: bool,
}

/// Reads a client's message.
///
/// # Errors
/// The fault to answer with, and the message's id if that could be read.
pub fn parse(text: &str) -> Result<ClientMessage<SocketRequest>, Rejected> {
    json_text::parse(text, |kind, fields| match kind {
        "start" => session_id(fields).map(SocketRequest::Start),
        "activity" => Ok(SocketRequest::Activity),
        "tabSwitch" => Ok(SocketRequest::SwitchTab),
        "stop" => ending(fields).map(SocketRequest::Stop),
        kind => Err(json_text::unknown_type(kind)),
    })
}

fn session_id(fields: &mut Fields) -> Result<FocusId, Fault> {
    let text = fields.take::<String>("sessionId").ok().flatten();
    let id = text.and_then(|text| text.parse().ok());
    id.ok_or_else(|| Fault::of_client(Code::NotFound, INVALID_SESSION))
}

fn ending(fields: &mut Fields) -> Result<Ending, Fault> {
    let invalid = || Fault::of_client(Code::InvalidMessage, "Invalid status");
    match fields.take::<String>("status").map_err(|_| invalid())? {
        Some(text) => text.parse().map_err(|_| invalid()),
        None => Ok(Ending::Completed),
    }
}

/// Renders `connected`, with which a connection begins.
pub fn connected(connection: &ConnectionId) -> String {
    json(&Connected { r#type: "connected", connection_id: connection })
}

/// Renders `started`: the session is tracked.
pub fn started(id: Option<&MessageId>, session: FocusId) -> String {
    json(&Started { r#type: "started", id, session_id: session })
}

/// Renders `tabSwitchAck`: the tab switch is counted.
pub fn tab_switch_counted(id: Option<&MessageId>) -> String {
    json(&Counted { r#type: "tabSwitchAck", id })
}

/// Renders `stopped`: the session has ended, or was deleted.
pub fn stopped(session: FocusId, score: u64) -> String {
    json(&Stopped { r#type: "stopped", session_id: session, focus_score: score })
}

/// Renders `tick`: the counters of the session that is tracked.
pub fn tick(tick: &FocusTick) -> String {
    json(&CountersTick {
        r#type: "tick",
        idle: tick.idle,
        elapsed_seconds: tick.counters.elapsed,
        active_seconds: tick.counters.active,
        idle_seconds: tick.counters.idle,
        tab_switches: tick.tab_switches,
    })
}

/// Renders that a token was accepted, and when it expires if that is known.
pub fn authenticated(id: Option<&MessageId>, expires_at: Option<Timestamp>) -> String {
    json_text::authenticated(id, expires_at)
}

/// Renders the reason why a message has no effect.
pub fn failed(id: Option<&MessageId>, fault: &Fault) -> String {
    json(&Failed { r#type: "error", id, message: &fault.message, code: fault.code.name(), retry: fault.retry })
}
