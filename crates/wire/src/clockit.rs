//! The Clockit dialects: stopwatch sessions over a WebSocket, rows of history over HTTP.

mod goal;
mod render;
mod request;
pub mod rows;
#[cfg(feature = "schema")]
pub(crate) mod schema;
mod state;
mod tick;

use timers::{Beat, Board, Timestamp};

use crate::clockit::render::{diff, greet, resync};
use crate::clockit::tick::ticks;
use crate::dialect::{Dialect, Done, Text, TextDialect};
use crate::fault::{Code, Fault};
use crate::json_text;
use crate::message::{ClientMessage, MessageId, Rejected};

/// The dialect of the original server: one `tick` for each running session, with an object as payload; a snapshot after
/// each change.
#[derive(Clone, Copy, Debug)]
pub struct Seed;

/// Version 1: one `tick` a second, with an array as payload; the changed sessions after each change.
#[derive(Clone, Copy, Debug)]
pub struct V1;

/// What the two dialects render differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Seed,
    V1,
}

macro_rules! dialect {
    ($dialect:ident, $name:literal) => {
        impl Dialect for $dialect {
            const NAME: &'static str = $name;
            type Client = ();
            type Incoming<'i> = &'i str;
            type Request = timers::stopwatch::StopwatchCommand;
            type Message<'m> = Text<'m>;
            type Answer = String;

            fn parse(text: &str) -> Result<ClientMessage<Self::Request>, Rejected> {
                request::parse(text)
            }

            fn greet(board: &Board, (): &(), now: Timestamp, send: impl FnMut(Text<'_>)) {
                greet(board, now, send);
            }

            fn diff(old: &Board, new: &Board, now: Timestamp, send: impl FnMut(Text<'_>)) {
                diff(Format::$dialect, old, new, now, send);
            }

            fn resync(old: &Board, new: &Board, now: Timestamp, send: impl FnMut(Text<'_>)) {
                resync(Format::$dialect, old, new, now, send);
            }

            fn ticks(board: &Board, beat: Beat, send: impl FnMut(Text<'_>)) -> bool {
                ticks(Format::$dialect, board, beat, send)
            }

            fn error(id: Option<&MessageId>, fault: &Fault) -> String {
                json_text::error(id, fault, code_name(fault.code))
            }

            fn authenticated(id: Option<&MessageId>, expires_at: Option<Timestamp>) -> String {
                json_text::authenticated(id, expires_at)
            }

            fn code_name(code: Code) -> &'static str {
                code_name(code)
            }
        }

        impl TextDialect for $dialect {
            fn ack(id: &MessageId, done: Done<'_, Self::Request>) -> String {
                render::ack(id, done)
            }
        }
    };
}

dialect!(Seed, "clockit.seed");
dialect!(V1, "clockit.v1");

/// Returns the name of an error code: the general one, but for a code that older clients know by another.
fn code_name(code: Code) -> &'static str {
    if code == Code::NotFound { "unknown_session" } else { code.name() }
}
