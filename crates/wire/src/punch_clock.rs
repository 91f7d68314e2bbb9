//! The Punch clock dialect: a person's working day, as JSON documents over HTTP and a WebSocket that shows it live.

mod document;
mod entries;
mod export;
mod live;
mod logs;
mod request;
#[cfg(feature = "schema")]
pub(crate) mod schema;

use timers::punch_clock::PunchClockCommand;
use timers::{Beat, Board, Timestamp};

use crate::dialect::{Dialect, Done, Text, TextDialect};
use crate::fault::Fault;
use crate::json_text;
use crate::message::{ClientMessage, MessageId, Rejected};

pub use document::{Document, Ignored, Person, document, ignored, saved};
pub use export::{ExportedContent, ExportedDay};
pub use logs::{Pagination, log, log_list, log_saved};
pub use request::{BadRequest, PostedDay, PostedLog, zone_name};

/// The Punch clock dialect of the WebSocket. Clients only read.
#[derive(Clone, Copy, Debug)]
pub struct PunchClock;

impl Dialect for PunchClock {
    const NAME: &'static str = "punch_clock";
    type Client = ();
    type Incoming<'i> = &'i str;
    type Request = PunchClockCommand;
    type Message<'m> = Text<'m>;
    type Answer = String;

    fn parse(text: &str) -> Result<ClientMessage<PunchClockCommand>, Rejected> {
        json_text::parse(text, |kind, _| Err(json_text::unknown_type(kind)))
    }

    fn greet(board: &Board, (): &(), now: Timestamp, mut send: impl FnMut(Text<'_>)) {
        send(Text::new(&live::session(board, now)));
    }

    fn diff(_: &Board, new: &Board, now: Timestamp, mut send: impl FnMut(Text<'_>)) {
        send(Text::new(&live::session(new, now)));
    }

    /// Renders `tick`. Its seconds grow by one, so the next beat's tick is rendered anew.
    fn ticks(board: &Board, beat: Beat, mut send: impl FnMut(Text<'_>)) -> bool {
        live::tick(board, beat).into_iter().for_each(|tick| send(Text::new(&tick)));
        false
    }

    fn error(id: Option<&MessageId>, fault: &Fault) -> String {
        json_text::error(id, fault, fault.code.name())
    }

    fn authenticated(id: Option<&MessageId>, expires_at: Option<Timestamp>) -> String {
        json_text::authenticated(id, expires_at)
    }
}

impl TextDialect for PunchClock {
    /// Renders the acknowledgement of a command. Clients of the WebSocket send none.
    fn ack(id: &MessageId, done: Done<'_, PunchClockCommand>) -> String {
        json_text::ack(id, done.revision)
    }
}
