//! The Rooms dialect: a shared countdown and its members, as events with one JSON value each.

mod render;
mod request;
#[cfg(feature = "schema")]
pub(crate) mod schema;
mod state;

use timers::{Beat, Board, MemberId, Timestamp};

use crate::dialect::Dialect;
use crate::event::{self, Event};
use crate::fault::{Code, Fault};
use crate::message::{ClientMessage, MessageId, Rejected};

pub use render::{completion, joined, left, state};
pub use request::{EVENTS, RoomRequest};

/// Most members that a list names; the whole number stands beside it.
pub const LISTED_MAX: usize = 100;

/// The Rooms dialect.
#[derive(Clone, Copy, Debug)]
pub struct Rooms;

impl Dialect for Rooms {
    const NAME: &'static str = "rooms";
    type Client = MemberId;
    /// The event's name and its payload.
    type Incoming<'i> = (&'i str, Option<&'i str>);
    type Request = RoomRequest;
    type Message<'m> = Event;
    type Answer = Event;

    fn parse((event, payload): (&str, Option<&str>)) -> Result<ClientMessage<RoomRequest>, Rejected> {
        request::parse(event, payload)
    }

    /// Renders `session:joined` and the countdown's state; nothing if the member or the room is gone.
    fn greet(board: &Board, client: &MemberId, now: Timestamp, mut send: impl FnMut(Event)) {
        if let Some((joined, state)) = joined(board, client, now).zip(state(board, now)) {
            send(joined);
            send(state);
        }
    }

    /// Renders, in this order: zero, if the countdown reached it; the members that left and those that joined; the
    /// countdown, if it differs.
    fn diff(old: &Board, new: &Board, now: Timestamp, send: impl FnMut(Event)) {
        render::diff(old, new, now, send);
    }

    /// Renders `timer:tick`. Its time is in seconds and falls, so the next beat's tick is rendered anew.
    fn ticks(board: &Board, beat: Beat, send: impl FnMut(Event)) -> bool {
        render::tick(board, beat).into_iter().for_each(send);
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

/// Tells whether an event carries the countdown's state.
pub fn is_state(event: &Event) -> bool {
    event.name == render::STATE
}
