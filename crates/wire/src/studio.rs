//! The Studio dialect: an organisation's task types and time entries, as tRPC procedures and Socket.IO events.

mod copy;
mod events;
mod input;
mod number;
mod procedure;
mod request;
mod response;
#[cfg(feature = "schema")]
pub(crate) mod schema;
pub mod trpc;

use std::convert::Infallible;

use timers::{Beat, Board, Timestamp};

use crate::dialect::Dialect;
use crate::event::{self, Event};
use crate::fault::{Code, Fault};
use crate::message::{ClientMessage, MessageId, Rejected};

pub use copy::{Cells, CopiedEntry, CopiedRow, CopiedTable, CopiedType, CopyLimits, TableReader};
pub use procedure::{Procedure, ProcedureKind};
pub use request::{Cursor, EntryFilter, EntryList, LIMIT_MAX, StudioRequest};
pub use response::{active, entry, list_end, list_start, listed_entry, task_type, task_types};

/// The Studio dialect of Socket.IO events. Clients send none.
#[derive(Clone, Copy, Debug)]
pub struct Studio;

impl Dialect for Studio {
    const NAME: &'static str = "studio";
    type Client = ();
    type Incoming<'i> = &'i str;
    type Request = Infallible;
    type Message<'m> = Event;
    type Answer = Event;

    fn parse(event: &str) -> Result<ClientMessage<Infallible>, Rejected> {
        let fault = Fault::of_client(Code::UnknownType, format!("there is no event {event:?}"));
        Err(Rejected { id: None, fault })
    }

    /// Sends nothing: clients ask the procedures for what there is.
    fn greet(_: &Board, (): &(), _: Timestamp, _: impl FnMut(Event)) {}

    /// Renders the events that the older board does not have, in order. If some are lost, those of entries that are
    /// running now are made up.
    fn diff(old: &Board, new: &Board, _: Timestamp, send: impl FnMut(Event)) {
        events::diff(old, new, send);
    }

    fn ticks(_: &Board, _: Beat, _: impl FnMut(Event)) -> bool {
        false
    }

    fn error(_: Option<&MessageId>, fault: &Fault) -> Event {
        Event::error(fault)
    }

    fn authenticated(_: Option<&MessageId>, expires_at: Option<Timestamp>) -> Event {
        Event::authenticated(expires_at)
    }

    fn code_name(code: Code) -> &'static str {
        event::code_name(code)
    }
}
