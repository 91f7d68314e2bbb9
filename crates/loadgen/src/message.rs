//! Messages of servers. Only the measured parts are read, by searching for markers: parsing would cost more than
//! serving.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A protocol of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
pub(crate) enum Protocol {
    /// The Clockit dialect over a WebSocket.
    Clockit,
    /// The same messages as events of Socket.IO.
    SocketIo,
    /// The Rooms dialect: the devices of a user are the members of a room.
    Rooms,
    /// Ticks on a channel of the user, over Centrifugo's unidirectional WebSocket.
    Centrifugo,
    /// The Studio dialect: the devices of a user are the members of an organisation, and one of them calls procedures.
    Studio,
}

/// Returns the number under which the start of an entry is counted. Events of entries have no revision.
pub(crate) fn started_revision(entry: u64) -> u64 {
    2 * entry
}

/// Returns the number under which the stop of an entry is counted.
pub(crate) fn stopped_revision(entry: u64) -> u64 {
    2 * entry + 1
}

/// A message of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerMessage<'t> {
    /// The namespace is connected; the client may join a room.
    Connected,
    /// The client has joined this room.
    Joined(&'t str),
    /// The first message, with the complete state.
    Ready,
    /// A tick, by its instant in ms.
    Tick(u64),
    /// A change.
    Update {
        /// The revision.
        rev: u64,
        /// Whether the timer stopped.
        stops: bool,
    },
    /// A command was executed.
    Ack {
        /// The command's id.
        id: u64,
        /// The revision.
        rev: u64,
    },
    /// A command was rejected.
    Error,
    /// A message that requires this immediate reply.
    ReplyWith(&'static str),
    /// A message that is not measured.
    Other,
}

impl Protocol {
    /// Returns the path and query of a user's connection.
    pub(crate) fn path(self, user: usize) -> String {
        match self {
            Self::Clockit => format!("/session?userId=load-{user}&dialect=v1"),
            Self::SocketIo => format!("/socket.io/?EIO=4&transport=websocket&userId=load-{user}"),
            // `cf_connect` is `{"subs":{"load-…":{}}}`.
            Self::Centrifugo => {
                format!("/connection/uni_websocket?cf_connect=%7B%22subs%22:%7B%22load-{user}%22:%7B%7D%7D%7D")
            }
            Self::Rooms | Self::Studio => "/socket.io/?EIO=4&transport=websocket".to_owned(),
        }
    }

    /// Decodes a message.
    pub(crate) fn read(self, text: &str) -> ServerMessage<'_> {
        match (self, text.as_bytes()) {
            (Self::Clockit, _) => text.strip_prefix(r#"{"type":""#).map_or(ServerMessage::Other, parse_message),
            (Self::Centrifugo, _) if text.starts_with(r#"{"connect""#) => ServerMessage::Ready,
            (Self::Centrifugo, _) => {
                number_behind(text, r#""serverTime":"#).map_or(ServerMessage::Other, ServerMessage::Tick)
            }
            (Self::SocketIo | Self::Rooms | Self::Studio, [b'0', ..]) => ServerMessage::ReplyWith("40"),
            (Self::SocketIo | Self::Rooms | Self::Studio, [b'2', ..]) => ServerMessage::ReplyWith("3"),
            (Self::Studio, [b'4', b'0', ..]) => ServerMessage::Ready,
            (Self::Studio, [b'4', b'2', ..]) => {
                text.strip_prefix(r#"42[""#).map_or(ServerMessage::Other, parse_entry_event)
            }
            (Self::SocketIo, [b'4', b'2', ..]) => {
                text.strip_prefix(r#"42[""#).map_or(ServerMessage::Other, parse_message)
            }
            (Self::Rooms, [b'4', b'0', ..]) => ServerMessage::Connected,
            (Self::Rooms, [b'4', b'2', ..]) => text.strip_prefix(r#"42[""#).map_or(ServerMessage::Other, parse_event),
            (Self::Rooms, [b'4', b'3', ..]) => answer(&text[2..]),
            (Self::SocketIo | Self::Rooms | Self::Studio, _) => ServerMessage::Other,
        }
    }

    /// Encodes a command.
    pub(crate) fn command(self, kind: &str, id: u64, payload: &str) -> String {
        match self {
            // It has no commands.
            Self::Centrifugo => String::new(),
            Self::Clockit => format!(r#"{{"type":"{kind}","id":"{id}","payload":{payload}}}"#),
            Self::SocketIo | Self::Studio => format!(r#"42["{kind}",{payload}]"#),
            Self::Rooms => format!(r#"42{id}["{kind}",{payload}]"#),
        }
    }

    /// Encodes the command that starts a timer.
    pub(crate) fn begin(self, nth: usize, id: u64) -> String {
        match self {
            Self::Centrifugo | Self::Clockit | Self::SocketIo | Self::Studio => {
                self.command("session-start", id, &format!(r#"{{"sessionId":"s{nth}","label":"load"}}"#))
            }
            Self::Rooms => self.command("timer:start", id, r#"{"duration":86400}"#),
        }
    }

    /// Encodes the command that pauses or resumes the timer.
    pub(crate) fn toggle(self, runs: bool, id: u64) -> String {
        let kind = match (self, runs) {
            (Self::Centrifugo | Self::Clockit | Self::SocketIo | Self::Studio, true) => "session-resume",
            (Self::Centrifugo | Self::Clockit | Self::SocketIo | Self::Studio, false) => "session-pause",
            (Self::Rooms, true) => "timer:resume",
            (Self::Rooms, false) => "timer:pause",
        };
        let payload = if self == Self::Rooms { "{}" } else { r#"{"sessionId":"s0"}"# };
        self.command(kind, id, payload)
    }

    /// Encodes the command that joins or creates a room.
    pub(crate) fn enter(room: Option<&str>) -> String {
        match room {
            Some(room) => format!(r#"42["session:join","{room}"]"#),
            None => r#"42["session:create"]"#.to_owned(),
        }
    }
}

fn parse_entry_event(text: &str) -> ServerMessage<'_> {
    let Some((name, rest)) = text.split_once('"') else { return ServerMessage::Other };
    let entry = number_behind(rest, r#""timeEntryId":"#);
    match (name, entry) {
        ("timer:started", Some(entry)) => ServerMessage::Update { rev: started_revision(entry), stops: false },
        ("timer:stopped", Some(entry)) => ServerMessage::Update { rev: stopped_revision(entry), stops: false },
        (_, _) => ServerMessage::Other,
    }
}

fn parse_event(text: &str) -> ServerMessage<'_> {
    let Some((name, rest)) = text.split_once('"') else { return ServerMessage::Other };
    match name {
        "timer:tick" => number_behind(rest, r#""serverTime":"#).map_or(ServerMessage::Other, ServerMessage::Tick),
        "timer:state" => update(rest, r#""isRunning":false"#),
        "session:joined" => {
            let room = rest.split_once(r#""sessionId":""#).and_then(|(_, rest)| rest.split_once('"'));
            room.map_or(ServerMessage::Other, |(room, _)| ServerMessage::Joined(room))
        }
        "error" => ServerMessage::Error,
        _ => ServerMessage::Other,
    }
}

fn answer(text: &str) -> ServerMessage<'_> {
    let Some((id, rest)) = text.split_once('[') else { return ServerMessage::Other };
    match (id.parse(), number_behind(rest, r#""rev":"#)) {
        (Ok(id), Some(rev)) => ServerMessage::Ack { id, rev },
        _ => ServerMessage::Other,
    }
}

fn parse_message(text: &str) -> ServerMessage<'_> {
    let Some((kind, rest)) = text.split_once('"') else { return ServerMessage::Other };
    let number = |name: &str| number_behind(rest, name);
    match kind {
        // The last tick of a stopped timer has the time of its end, which may be a whole second.
        "tick" if rest.contains(r#""running":false"#) => ServerMessage::Other,
        "tick" => number(r#""serverTime":"#).map_or(ServerMessage::Other, ServerMessage::Tick),
        "ready" => ServerMessage::Ready,
        "session-update" => update(rest, r#""running":false"#),
        "ack" => match (number(r#""id":""#), number(r#""rev":"#)) {
            (Some(id), Some(rev)) => ServerMessage::Ack { id, rev },
            _ => ServerMessage::Other,
        },
        "error" => ServerMessage::Error,
        _ => ServerMessage::Other,
    }
}

fn update<'t>(text: &'t str, stopped: &str) -> ServerMessage<'t> {
    let rev = number_behind(text, r#""rev":"#);
    rev.map_or(ServerMessage::Other, |rev| ServerMessage::Update { rev, stops: text.contains(stopped) })
}

/// Reads the number after the last occurrence of a marker: it is near the end.
pub(crate) fn number_behind(text: &str, mark: &str) -> Option<u64> {
    let (_, rest) = text.rsplit_once(mark)?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_decoded_by_their_markers() {
        for (text, expected) in [
            (
                r#"{"type":"tick","payload":[{"elapsedMs":5}],"serverTime":1795256127000}"#,
                ServerMessage::Tick(1_795_256_127_000),
            ),
            (
                r#"{"type":"tick","payload":[{"elapsedMs":5,"running":false}],"serverTime":1795256127000}"#,
                ServerMessage::Other,
            ),
            (r#"{"type":"ready","payload":[],"rev":0}"#, ServerMessage::Ready),
            (
                r#"{"type":"session-update","payload":{"label":"\"rev\":9","running":true},"rev":4}"#,
                ServerMessage::Update { rev: 4, stops: false },
            ),
            (
                r#"{"type":"session-update","payload":{"label":"load","running":false},"rev":4}"#,
                ServerMessage::Update { rev: 4, stops: true },
            ),
            (r#"{"type":"ack","id":"17","rev":4}"#, ServerMessage::Ack { id: 17, rev: 4 }),
            (r#"{"type":"error","payload":{}}"#, ServerMessage::Error),
            (r#"{"type":"session-snapshot","payload":[]}"#, ServerMessage::Other),
            ("nonsense", ServerMessage::Other),
        ] {
            assert_eq!(Protocol::Clockit.read(text), expected, "{text}");
        }
        for (text, expected) in [
            (r#"0{"sid":"x"}"#, ServerMessage::ReplyWith("40")),
            ("2", ServerMessage::ReplyWith("3")),
            (r#"42["tick",{"serverTime":7}]"#, ServerMessage::Tick(7)),
            (r#"42["ready",[]]"#, ServerMessage::Ready),
            (r#"40{"sid":"y"}"#, ServerMessage::Other),
        ] {
            assert_eq!(Protocol::SocketIo.read(text), expected, "{text}");
        }
        for (text, expected) in [
            (r#"40{"sid":"y"}"#, ServerMessage::Connected),
            (r#"42["session:joined",{"sessionId":"r","state":{"sessionId":"r","rev":1}}]"#, ServerMessage::Joined("r")),
            (
                r#"42["timer:tick",{"sessionId":"r","remainingTime":9,"serverTime":7,"endsAt":8}]"#,
                ServerMessage::Tick(7),
            ),
            (
                r#"42["timer:state",{"sessionId":"r","isRunning":false,"isPaused":true,"rev":12}]"#,
                ServerMessage::Update { rev: 12, stops: true },
            ),
            (r#"4317[{"sessionId":"r","rev":12}]"#, ServerMessage::Ack { id: 17, rev: 12 }),
            (r#"4317[{"error":{"code":"UNAVAILABLE"}}]"#, ServerMessage::Other),
            (r#"42["error",{"code":"UNAVAILABLE"}]"#, ServerMessage::Error),
        ] {
            assert_eq!(Protocol::Rooms.read(text), expected, "{text}");
        }
        for (text, expected) in [
            (r#"40{"sid":"y"}"#, ServerMessage::Ready),
            (
                r#"42["timer:started",{"timeEntryId":6,"serverTime":7}]"#,
                ServerMessage::Update { rev: 12, stops: false },
            ),
            (
                r#"42["timer:stopped",{"timeEntryId":6,"serverTime":7}]"#,
                ServerMessage::Update { rev: 13, stops: false },
            ),
            (r#"42["timer:adjusted",{"timeEntryId":6}]"#, ServerMessage::Other),
        ] {
            assert_eq!(Protocol::Studio.read(text), expected, "{text}");
        }
    }

    #[test]
    fn publications_of_centrifugo_are_decoded() {
        for (text, expected) in [
            (r#"{"connect":{"client":"c","subs":{"load-0":{}}}}"#, ServerMessage::Ready),
            (
                r#"{"channel":"load-0","pub":{"data":{"payload":[],"serverTime":7,"type":"tick"}}}"#,
                ServerMessage::Tick(7),
            ),
            ("{}", ServerMessage::Other),
        ] {
            assert_eq!(Protocol::Centrifugo.read(text), expected, "{text}");
        }
    }
}
