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
}

/// What a server said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The first message, with all there is.
    Ready,
    /// A second, by its instant, in ms.
    Tick(u64),
    /// A change, by its revision.
    Update(u64),
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
        }
    }

    /// Reads a message.
    pub(crate) fn read(self, text: &str) -> Heard {
        match self {
            Self::Clockit => text.strip_prefix(r#"{"type":""#).map_or(Heard::Other, of_kind),
            Self::SocketIo => match text.as_bytes() {
                [b'0', ..] => Heard::Answer("40"),
                [b'2', ..] => Heard::Answer("3"),
                [b'4', b'2', ..] => text.strip_prefix(r#"42[""#).map_or(Heard::Other, of_kind),
                _ => Heard::Other,
            },
        }
    }

    /// Writes a command.
    pub(crate) fn command(self, kind: &str, id: u64, payload: &str) -> String {
        match self {
            Self::Clockit => format!(r#"{{"type":"{kind}","id":"{id}","payload":{payload}}}"#),
            Self::SocketIo => format!(r#"42["{kind}",{payload}]"#),
        }
    }
}

fn of_kind(text: &str) -> Heard {
    let Some((kind, rest)) = text.split_once('"') else { return Heard::Other };
    let number = |name: &str| number_behind(rest, name);
    match kind {
        "tick" => number(r#""serverTime":"#).map_or(Heard::Other, Heard::Tick),
        "ready" => Heard::Ready,
        "session-update" => number(r#""rev":"#).map_or(Heard::Other, Heard::Update),
        "ack" => match (number(r#""id":""#), number(r#""rev":"#)) {
            (Some(id), Some(rev)) => Heard::Ack { id, rev },
            _ => Heard::Other,
        },
        "error" => Heard::Error,
        _ => Heard::Other,
    }
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
            (r#"{"type":"ready","payload":[],"rev":0}"#, Heard::Ready),
            (r#"{"type":"session-update","payload":{"label":"\"rev\":9"},"rev":4}"#, Heard::Update(4)),
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
    }
}
