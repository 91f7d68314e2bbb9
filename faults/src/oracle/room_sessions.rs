//! The sessions of the clients of rooms: what a client received from one `session:joined` until its membership, its
//! connection or the record ends, or until the next `session:joined`.

use std::time::Duration;

use serde_json::Value;

use crate::record::{ConnectionRecord, Entry, Event, Record};
use crate::rooms::view::RoomView;

/// One session.
#[derive(Debug)]
pub(super) struct RoomSession<'r> {
    pub(super) client: &'r str,
    pub(super) node: usize,
    /// The first view.
    pub(super) joined: RoomView,
    /// The secret that the client presented.
    pub(super) presented: Option<&'r str>,
    pub(super) from: Duration,
    pub(super) until: Duration,
    pub(super) end: SessionEnd,
    /// All entries, beginning with the `session:joined`.
    pub(super) entries: &'r [Entry],
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SessionEnd {
    /// The client left, or disconnected with notice.
    Left,
    /// The connection ended without notice.
    Lost,
    /// The client received another `session:joined`, or an error that ends its membership.
    Replaced,
    /// The record ended.
    Finished,
}

impl RoomSession<'_> {
    /// Returns the received events after `session:joined`.
    pub(super) fn events(&self) -> impl Iterator<Item = (Duration, &str, &Value)> {
        self.entries.iter().skip(1).filter_map(|entry| {
            let message = entry.event.received()?;
            Some((entry.at, message["event"].as_str()?, &message["payload"]))
        })
    }
}

/// Returns the sessions of a record in order.
pub(super) fn sessions(record: &Record) -> Vec<RoomSession<'_>> {
    record.connections().flat_map(|connection| of_connection(&record.client, connection)).collect()
}

fn of_connection<'r>(client: &'r str, connection: ConnectionRecord<'r>) -> Vec<RoomSession<'r>> {
    let ConnectionRecord { node, entries } = connection;
    let mut sessions = Vec::new();
    let mut begin: Option<(usize, Option<&str>)> = None;
    let (mut left, mut presented): (Option<(Duration, &Value)>, _) = (None, None);
    let mut close = |begin: &mut Option<(usize, Option<&'r str>)>, end: usize, until: Duration, how: SessionEnd| {
        if let Some((first, presented)) = begin.take()
            && let Some(message) = entries[first].event.received()
        {
            let joined = RoomView::joined(&message["payload"]);
            let (from, entries) = (entries[first].at, &entries[first..end]);
            sessions.push(RoomSession { client, node, joined, presented, from, until, end: how, entries });
        }
    };
    for (nth, Entry { at, event }) in entries.iter().enumerate() {
        match event {
            Event::Sent(message) => match message["event"].as_str() {
                Some("session:leave" | "disconnect") => left = Some((*at, &message["ack"])),
                Some("session:join") => presented = message["payload"]["resume"].as_str(),
                Some(_) | None => {}
            },
            Event::Received(message) if message["event"] == "session:joined" => {
                close(&mut begin, nth, *at, SessionEnd::Replaced);
                (begin, left) = (Some((nth, presented.take())), None);
            }
            Event::Received(message) if message["event"] == "error" && ends_membership(message) => {
                close(&mut begin, nth, *at, SessionEnd::Replaced);
            }
            Event::Received(message) => {
                if let Some((left_at, _)) = left.filter(|(_, ack)| message["ack"].is_u64() && **ack == message["ack"]) {
                    close(&mut begin, nth, left_at, SessionEnd::Left);
                }
            }
            Event::Closed(_) => match left {
                Some((left_at, _)) => close(&mut begin, nth, left_at, SessionEnd::Left),
                None => close(&mut begin, nth, *at, SessionEnd::Lost),
            },
            Event::Opened(_) => {}
        }
    }
    if let Some(last) = entries.last() {
        close(&mut begin, entries.len(), last.at, SessionEnd::Finished);
    }
    sessions
}

fn ends_membership(error: &Value) -> bool {
    matches!(error["payload"]["code"].as_str(), Some("SESSION_NOT_FOUND" | "NOT_JOINED"))
}

/// Parts of records for tests.
#[cfg(test)]
pub(super) mod example {
    use super::*;
    use serde_json::json;

    /// `session:joined` of a member of room `r` in which these members are.
    pub(in crate::oracle) fn joined(member: &str, members: &[&str]) -> Event {
        let payload = json!({
            "sessionId": "r", "clientId": member, "resume": format!("secret-{member}"), "clients": clients(members),
            "state": { "duration": 2 },
        });
        received("session:joined", payload)
    }

    /// `session:user-joined` or `-left`.
    pub(in crate::oracle) fn member(event: &str, id: &str, members: &[&str]) -> Event {
        let payload = json!({ "sessionId": "r", "client": { "id": id }, "clients": clients(members) });
        received(&format!("session:user-{event}"), payload)
    }

    pub(in crate::oracle) fn received(event: &str, payload: Value) -> Event {
        Event::Received(json!({ "event": event, "payload": payload }))
    }

    pub(in crate::oracle) fn reply(ack: u64, payload: Value) -> Event {
        Event::Received(json!({ "ack": ack, "payload": payload }))
    }

    pub(in crate::oracle) fn sent(ack: u64, event: &str, payload: Value) -> Event {
        Event::Sent(json!({ "event": event, "payload": payload, "ack": ack }))
    }

    /// The record of a client, with the times of its events in ms.
    pub(in crate::oracle) fn record(client: &str, events: Vec<(u64, Event)>) -> Record {
        let entries = events.into_iter().map(|(ms, event)| Entry { at: Duration::from_millis(ms), event });
        Record { client: client.to_owned(), user: "room-0".to_owned(), entries: entries.collect() }
    }

    fn clients(members: &[&str]) -> Value {
        members.iter().map(|id| json!({ "id": id })).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::example::{joined, member, received, record, reply, sent};
    use super::*;
    use serde_json::json;

    #[test]
    fn a_record_is_split_into_sessions() {
        let resume = json!({ "sessionId": "r", "resume": "secret-a" });
        let record = record(
            "c",
            vec![
                (0, Event::Opened(1)),
                (1, joined("a", &["a"])),
                (2, member("joined", "b", &["a", "b"])),
                (3, Event::Closed("lost".to_owned())),
                (4, Event::Opened(2)),
                (5, sent(1, "session:join", resume)),
                (6, joined("a", &["a", "b"])),
                (7, joined("c", &["c"])),
                (8, sent(2, "session:leave", Value::Null)),
                (9, reply(2, json!({ "sessionId": "r" }))),
                (10, joined("d", &["d"])),
                (11, received("error", json!({ "code": "SESSION_NOT_FOUND" }))),
                (12, joined("e", &["e"])),
                (13, received("timer:tick", json!({}))),
            ],
        );
        let sessions = sessions(&record);
        let ms = |at: Duration| at.as_millis() as u64;
        let found: Vec<_> =
            sessions.iter().map(|it| (it.joined.member.as_str(), it.node, ms(it.from), ms(it.until), it.end)).collect();
        let wanted = [
            ("a", 1, 1, 3, SessionEnd::Lost),
            ("a", 2, 6, 7, SessionEnd::Replaced),
            ("c", 2, 7, 8, SessionEnd::Left),
            ("d", 2, 10, 11, SessionEnd::Replaced),
            ("e", 2, 12, 13, SessionEnd::Finished),
        ];
        assert_eq!(found, wanted);
        assert_eq!(
            (sessions[0].presented, sessions[1].presented, sessions[0].events().count()),
            (None, Some("secret-a"), 1)
        );
    }
}
