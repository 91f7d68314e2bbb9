//! What servers say, as far as it is measured: read by its marks, since parsing would cost more than serving.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
pub(crate) enum Speech {
    /// The Clockit dialect over a WebSocket.
    Clockit,
    /// The same messages as events of Socket.IO.
    SocketIo,
    /// The Rooms dialect: the devices of a user are the members of a room.
    Rooms,
}

/// What a server said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard<'t> {
    /// The client is let in, and may come into a room.
    LetIn,
    /// It has come into this room.
    Joined(&'t str),
    /// The first message, with all there is.
    Ready,
    /// A second, by its instant, in ms.
    Tick(u64),
    /// A change.
    Update {
        /// Its revision.
        rev: u64,
        /// What has ticked does not any more.
        stops: bool,
    },
    /// A command was carried out and made a revision.
    Ack {
        /// The command's number.
        id: u64,
        /// The revision.
        rev: u64,
    },
    /// A command was refused.
    Error,
    /// Something to be answered at once with this.
    Answer(&'static str),
    /// Nothing that is measured.
    Other,
}

impl Speech {
    /// Returns the path and query of a user's connection.
    pub(crate) fn path(self, user: usize) -> String {
        match self {
            Self::Clockit => format!("/session?userId=load-{user}&dialect=v1"),
            Self::SocketIo => format!("/socket.io/?EIO=4&transport=websocket&userId=load-{user}"),
            Self::Rooms => "/socket.io/?EIO=4&transport=websocket".to_owned(),
        }
    }

    /// Reads a message.
    pub(crate) fn read(self, text: &str) -> Heard<'_> {
        match (self, text.as_bytes()) {
            (Self::Clockit, _) => text.strip_prefix(r#"{"type":""#).map_or(Heard::Other, of_kind),
            (Self::SocketIo | Self::Rooms, [b'0', ..]) => Heard::Answer("40"),
            (Self::SocketIo | Self::Rooms, [b'2', ..]) => Heard::Answer("3"),
            (Self::SocketIo, [b'4', b'2', ..]) => text.strip_prefix(r#"42[""#).map_or(Heard::Other, of_kind),
            (Self::Rooms, [b'4', b'0', ..]) => Heard::LetIn,
            (Self::Rooms, [b'4', b'2', ..]) => text.strip_prefix(r#"42[""#).map_or(Heard::Other, of_event),
            (Self::Rooms, [b'4', b'3', ..]) => answer(&text[2..]),
            (Self::SocketIo | Self::Rooms, _) => Heard::Other,
        }
    }

    /// Writes a command.
    pub(crate) fn command(self, kind: &str, id: u64, payload: &str) -> String {
        match self {
            Self::Clockit => format!(r#"{{"type":"{kind}","id":"{id}","payload":{payload}}}"#),
            Self::SocketIo => format!(r#"42["{kind}",{payload}]"#),
            Self::Rooms => format!(r#"42{id}["{kind}",{payload}]"#),
        }
    }

    /// Writes the command that begins what ticks.
    pub(crate) fn begin(self, nth: usize, id: u64) -> String {
        match self {
            Self::Clockit | Self::SocketIo => {
                self.command("session-start", id, &format!(r#"{{"sessionId":"s{nth}","label":"load"}}"#))
            }
            Self::Rooms => self.command("timer:start", id, r#"{"duration":86400}"#),
        }
    }

    /// Writes the command that pauses what ticks, or lets it go on.
    pub(crate) fn toggle(self, runs: bool, id: u64) -> String {
        let kind = match (self, runs) {
            (Self::Clockit | Self::SocketIo, true) => "session-resume",
            (Self::Clockit | Self::SocketIo, false) => "session-pause",
            (Self::Rooms, true) => "timer:resume",
            (Self::Rooms, false) => "timer:pause",
        };
        let payload = if self == Self::Rooms { "{}" } else { r#"{"sessionId":"s0"}"# };
        self.command(kind, id, payload)
    }

    /// Writes what has a client come into a room, or make one.
    pub(crate) fn enter(room: Option<&str>) -> String {
        match room {
            Some(room) => format!(r#"42["session:join","{room}"]"#),
            None => r#"42["session:create"]"#.to_owned(),
        }
    }
}

fn of_event(text: &str) -> Heard<'_> {
    let Some((name, rest)) = text.split_once('"') else { return Heard::Other };
    match name {
        "timer:tick" => number_behind(rest, r#""serverTime":"#).map_or(Heard::Other, Heard::Tick),
        "timer:state" => update(rest, r#""isRunning":false"#),
        "session:joined" => {
            let room = rest.split_once(r#""sessionId":""#).and_then(|(_, rest)| rest.split_once('"'));
            room.map_or(Heard::Other, |(room, _)| Heard::Joined(room))
        }
        "error" => Heard::Error,
        _ => Heard::Other,
    }
}

fn answer(text: &str) -> Heard<'_> {
    let Some((id, rest)) = text.split_once('[') else { return Heard::Other };
    match (id.parse(), number_behind(rest, r#""rev":"#)) {
        (Ok(id), Some(rev)) => Heard::Ack { id, rev },
        _ => Heard::Other,
    }
}

fn of_kind(text: &str) -> Heard<'_> {
    let Some((kind, rest)) = text.split_once('"') else { return Heard::Other };
    let number = |name: &str| number_behind(rest, name);
    match kind {
        // The last tick of what no longer runs is dated when that ended, which may be the very instant of a second.
        "tick" if rest.contains(r#""running":false"#) => Heard::Other,
        "tick" => number(r#""serverTime":"#).map_or(Heard::Other, Heard::Tick),
        "ready" => Heard::Ready,
        "session-update" => update(rest, r#""running":false"#),
        "ack" => match (number(r#""id":""#), number(r#""rev":"#)) {
            (Some(id), Some(rev)) => Heard::Ack { id, rev },
            _ => Heard::Other,
        },
        "error" => Heard::Error,
        _ => Heard::Other,
    }
}

fn update<'t>(text: &'t str, stopped: &str) -> Heard<'t> {
    let rev = number_behind(text, r#""rev":"#);
    rev.map_or(Heard::Other, |rev| Heard::Update { rev, stops: text.contains(stopped) })
}

/// Reads the number behind the last mark, since it stands near the end.
fn number_behind(text: &str, mark: &str) -> Option<u64> {
    let (_, rest) = text.rsplit_once(mark)?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_by_their_marks() {
        for (text, heard) in [
            (
                r#"{"type":"tick","payload":[{"elapsedMs":5}],"serverTime":1795256127000}"#,
                Heard::Tick(1_795_256_127_000),
            ),
            (r#"{"type":"tick","payload":[{"elapsedMs":5,"running":false}],"serverTime":1795256127000}"#, Heard::Other),
            (r#"{"type":"ready","payload":[],"rev":0}"#, Heard::Ready),
            (
                r#"{"type":"session-update","payload":{"label":"\"rev\":9","running":true},"rev":4}"#,
                Heard::Update { rev: 4, stops: false },
            ),
            (
                r#"{"type":"session-update","payload":{"label":"load","running":false},"rev":4}"#,
                Heard::Update { rev: 4, stops: true },
            ),
            (r#"{"type":"ack","id":"17","rev":4}"#, Heard::Ack { id: 17, rev: 4 }),
            (r#"{"type":"error","payload":{}}"#, Heard::Error),
            (r#"{"type":"session-snapshot","payload":[]}"#, Heard::Other),
            ("nonsense", Heard::Other),
        ] {
            assert_eq!(Speech::Clockit.read(text), heard, "{text}");
        }
        for (text, heard) in [
            (r#"0{"sid":"x"}"#, Heard::Answer("40")),
            ("2", Heard::Answer("3")),
            (r#"42["tick",{"serverTime":7}]"#, Heard::Tick(7)),
            (r#"42["ready",[]]"#, Heard::Ready),
            (r#"40{"sid":"y"}"#, Heard::Other),
        ] {
            assert_eq!(Speech::SocketIo.read(text), heard, "{text}");
        }
        for (text, heard) in [
            (r#"40{"sid":"y"}"#, Heard::LetIn),
            (r#"42["session:joined",{"sessionId":"r","state":{"sessionId":"r","rev":1}}]"#, Heard::Joined("r")),
            (r#"42["timer:tick",{"sessionId":"r","remainingTime":9,"serverTime":7,"endsAt":8}]"#, Heard::Tick(7)),
            (
                r#"42["timer:state",{"sessionId":"r","isRunning":false,"isPaused":true,"rev":12}]"#,
                Heard::Update { rev: 12, stops: true },
            ),
            (r#"4317[{"sessionId":"r","rev":12}]"#, Heard::Ack { id: 17, rev: 12 }),
            (r#"4317[{"error":{"code":"UNAVAILABLE"}}]"#, Heard::Other),
            (r#"42["error",{"code":"UNAVAILABLE"}]"#, Heard::Error),
        ] {
            assert_eq!(Speech::Rooms.read(text), heard, "{text}");
        }
    }
}
