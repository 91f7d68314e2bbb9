//! Messages to clients other than ticks.

use serde::Serialize;
use timers::stopwatch::{Stopwatch, StopwatchCommand};
use timers::{Board, Revision, SessionId, Timestamp};

use crate::clockit::Format;
use crate::clockit::state::{State, States, in_order};
use crate::clockit::tick::last_ticks;
use crate::dialect::{Done, Text};
use crate::json_text::json;
use crate::message::MessageId;

/// The first message of a connection.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ReadyMessage"))]
pub(crate) struct Ready<'a> {
    r#type: &'static str,
    /// The sessions in the order of their creation.
    payload: States<'a>,
    /// The same as `payload`.
    sessions: States<'a>,
    server_time: Timestamp,
    rev: Revision,
}

/// All sessions: after each change in the dialect `seed`, and whenever a client must replace all that it knows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "SessionSnapshotMessage"))]
pub(crate) struct Snapshot<'a> {
    r#type: &'static str,
    /// The sessions in the order of their creation.
    payload: States<'a>,
    server_time: Timestamp,
    rev: Revision,
}

/// One session has changed, or has left the list.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "SessionUpdateMessage"))]
pub(crate) struct Update<'a> {
    r#type: &'static str,
    #[cfg_attr(feature = "schema", schemars(with = "crate::clockit::schema::UpdatedSessionState"))]
    payload: State<'a>,
    rev: Revision,
}

/// A command was carried out, or found nothing to do.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "SessionAckMessage"))]
pub(crate) struct StopwatchAck<'a> {
    r#type: &'static str,
    id: &'a MessageId,
    rev: Revision,
    /// The session that the command is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<SessionId>,
}

/// Renders the greeting: all sessions, under both names that clients read.
pub(crate) fn greet(board: &Board, now: Timestamp, mut send: impl FnMut(Text<'_>)) {
    send(Text::new(&json(&Ready {
        r#type: "ready",
        payload: States(board),
        sessions: States(board),
        server_time: now,
        rev: board.position.revision,
    })));
}

/// Renders a change: the sessions that differ, then the last tick of those that no longer run. Nothing if no session
/// differs.
pub(crate) fn diff(format: Format, old: &Board, new: &Board, now: Timestamp, mut send: impl FnMut(Text<'_>)) {
    match format {
        Format::Seed if old.changed::<Stopwatch>(new).next().is_some() => send(Text::new(&snapshot(new, now))),
        Format::Seed => {}
        Format::V1 => updates(old, new, &mut send),
    }
    last_ticks(format, old, new, &mut send);
}

/// Renders a board for clients that have missed changes: one snapshot, in both dialects, then the last tick of the
/// sessions that no longer run.
pub(crate) fn resync(format: Format, old: &Board, new: &Board, now: Timestamp, mut send: impl FnMut(Text<'_>)) {
    send(Text::new(&snapshot(new, now)));
    last_ticks(format, old, new, &mut send);
}

/// Renders the answer to a message that had an id: the revision that its commit made, or that it found.
pub(crate) fn ack(id: &MessageId, done: Done<'_, StopwatchCommand>) -> String {
    let session_id = done.request.session(done.scope, done.id, done.revision);
    json(&StopwatchAck { r#type: "ack", id, rev: done.revision, session_id })
}

fn snapshot(board: &Board, now: Timestamp) -> String {
    json(&Snapshot {
        r#type: "session-snapshot",
        payload: States(board),
        server_time: now,
        rev: board.position.revision,
    })
}

fn updates(old: &Board, new: &Board, send: &mut impl FnMut(Text<'_>)) {
    let rev = new.position.revision;
    let (mut removed, mut written) = (Vec::new(), Vec::new());
    for (before, after) in old.changed::<Stopwatch>(new) {
        match (before, after) {
            (_, Some(session)) => written.push(session),
            (Some(session), None) => removed.push(session),
            (None, None) => {}
        }
    }
    for session in in_order(removed) {
        send(Text::new(&update(State { scope: &new.scope, session, removed: true }, rev)));
    }
    for session in in_order(written) {
        send(Text::new(&update(State { scope: &new.scope, session, removed: false }, rev)));
    }
}

fn update(state: State<'_>, rev: Revision) -> String {
    json(&Update { r#type: "session-update", payload: state, rev })
}
