//! What a client is told besides ticks.

use serde::Serialize;
use timers::{Board, ItemKey, Revision, SessionId, Timestamp};

use crate::clockit::Dialect;
use crate::clockit::message::{AUTH, MessageId};
use crate::clockit::state::{State, States, in_order};
use crate::clockit::tick::last_ticks;
use crate::fault::Fault;

/// Renders the greeting: all there is, under both names that clients look for.
pub fn ready(board: &Board, now: Timestamp) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Ready<'a> {
        r#type: &'static str,
        payload: States<'a>,
        sessions: States<'a>,
        server_time: Timestamp,
        rev: Revision,
    }
    json(&Ready {
        r#type: "ready",
        payload: States(board),
        sessions: States(board),
        server_time: now,
        rev: board.position.revision,
    })
}

/// Renders what a client that has seen `old` is told of `new`, in order: the sessions that differ, then
/// the last tick of those that no longer run. Nothing if no session differs.
pub fn news(dialect: Dialect, old: &Board, new: &Board, now: Timestamp, mut send: impl FnMut(&str)) {
    match dialect {
        Dialect::Seed if differ(old, new) => send(&snapshot(new, now)),
        Dialect::Seed => {}
        Dialect::V1 => updates(old, new, &mut send),
    }
    last_ticks(dialect, old, new, &mut send);
}

/// Renders what brings a client up to date that has seen `old` and missed changes since: one snapshot, in
/// both dialects, then the last tick of the sessions that no longer run.
pub fn catch_up(dialect: Dialect, old: &Board, new: &Board, now: Timestamp, mut send: impl FnMut(&str)) {
    send(&snapshot(new, now));
    last_ticks(dialect, old, new, &mut send);
}

/// Renders the answer to a message that had an id: the commit it made, or the revision it found.
pub fn ack(id: &MessageId, rev: Revision, session: Option<&SessionId>) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Ack<'a> {
        r#type: &'static str,
        id: &'a MessageId,
        rev: Revision,
        #[serde(skip_serializing_if = "Option::is_none")]
        session_id: Option<&'a SessionId>,
    }
    json(&Ack { r#type: "ack", id, rev, session_id: session })
}

/// Renders that a token was taken, and when it ends if that is known.
pub fn authenticated(id: Option<&MessageId>, ends_at: Option<Timestamp>) -> String {
    #[derive(Serialize)]
    struct Authenticated<'a> {
        r#type: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a MessageId>,
        payload: Payload,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Payload {
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
    }
    json(&Authenticated { r#type: AUTH, id, payload: Payload { expires_at: ends_at } })
}

/// Renders why a message had no effect.
pub fn error(id: Option<&MessageId>, fault: &Fault) -> String {
    #[derive(Serialize)]
    struct Error<'a> {
        r#type: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a MessageId>,
        payload: Payload<'a>,
    }
    #[derive(Serialize)]
    struct Payload<'a> {
        code: &'static str,
        message: &'a str,
        retry: bool,
    }
    let payload = Payload { code: fault.code.as_str(), message: &fault.message, retry: fault.retry };
    json(&Error { r#type: "error", id, payload })
}

fn snapshot(board: &Board, now: Timestamp) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Snapshot<'a> {
        r#type: &'static str,
        payload: States<'a>,
        server_time: Timestamp,
        rev: Revision,
    }
    json(&Snapshot {
        r#type: "session-snapshot",
        payload: States(board),
        server_time: now,
        rev: board.position.revision,
    })
}

fn updates(old: &Board, new: &Board, send: &mut impl FnMut(&str)) {
    let rev = new.position.revision;
    let gone = in_order(old).into_iter().filter(|session| new.stopwatch(&session.id).is_none());
    for session in gone {
        send(&update(State { scope: &new.scope, session, removed: true }, rev));
    }
    for session in in_order(new) {
        let key = ItemKey::stopwatch(&session.id);
        if old.items.get(&key) != new.items.get(&key) {
            send(&update(State { scope: &new.scope, session, removed: false }, rev));
        }
    }
}

fn update(state: State<'_>, rev: Revision) -> String {
    #[derive(Serialize)]
    struct Update<'a> {
        r#type: &'static str,
        payload: State<'a>,
        rev: Revision,
    }
    json(&Update { r#type: "session-update", payload: state, rev })
}

fn differ(old: &Board, new: &Board) -> bool {
    !old.stopwatches().eq(new.stopwatches())
}

fn json(message: &impl Serialize) -> String {
    serde_json::to_string(message).expect("messages have no key that JSON can't write")
}
