//! What has happened lately, so that every client can be told of it once, whatever it has missed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::board::Board;
use crate::fields::stored_object;
use crate::item::ItemId;
use crate::position::Revision;
use crate::raw_json::RawJson;
use crate::studio::counters::StudioCounters;
use crate::studio::time_entry::TimeEntry;
use crate::system::ItemType;
use crate::time::{Millis, Timestamp};

/// Events that a board keeps. A client that missed more receives the latest ones: with an event each second, those of
/// four minutes, and a node that lost its link knows in two seconds after the link is back what it has missed. An event
/// takes about 400 bytes.
pub const EVENTS_KEPT: u64 = 256;

/// One event of an organisation. Its instants are dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudioEvent {
    /// The place that the event has on the board, and that a later one takes from it.
    pub slot: EventSlot,
    /// The number of the event; events are in the order of their numbers, without a gap.
    pub number: u64,
    /// The commit that made the event.
    pub revision: Revision,
    /// What has happened.
    pub kind: EventKind,
    /// The person who did it, as their login names them.
    pub user: String,
    /// When it was done.
    pub at: Timestamp,
    /// The entry as it was then, without its notes.
    pub entry: TimeEntry,
    /// Fields of a newer version, kept byte for byte.
    pub unknown_fields: Vec<(String, RawJson)>,
}

stored_object!(StudioEvent {
    slot: required,
    number: required,
    revision: required,
    kind: required,
    user: required,
    at: required,
    entry: required,
});

/// Names the place of an event on its board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventSlot(u64);

/// What has happened to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// It was started, or its start was moved while it runs.
    Started,
    /// It was stopped.
    Stopped,
    /// It was corrected.
    Adjusted,
}

impl EventSlot {
    /// Returns the place of an event.
    pub(crate) fn of(number: u64) -> Self {
        Self(number % EVENTS_KEPT)
    }
}

impl ItemId for EventSlot {
    fn as_text(&self) -> Cow<'_, str> {
        self.0.to_string().into()
    }
}

impl StudioEvent {
    /// Returns the events of `new` that are not on `old`, in order, and whether earlier ones are lost.
    ///
    /// A store that lost its last commits gives their numbers to other events, which are news too.
    pub fn between<'b>(old: &Board, new: &'b Board) -> (impl Iterator<Item = &'b Self>, bool) {
        let next = |board: &Board| board.get::<StudioCounters>(&()).map_or(1, |counters| counters.next_event);
        let (seen, until) = (next(old), next(new));
        let oldest = until.saturating_sub(EVENTS_KEPT).max(1);
        let mut from = seen.min(until);
        while from > oldest && Self::numbered(old, from - 1) != Self::numbered(new, from - 1) {
            from -= 1;
        }
        let are_some_lost = oldest > from;
        let events = (from.max(oldest)..until).filter_map(|number| Self::numbered(new, number));
        (events, are_some_lost)
    }

    fn numbered(board: &Board, number: u64) -> Option<&Self> {
        board.get::<Self>(&EventSlot::of(number)).filter(|event| event.number == number)
    }

    /// Returns the events that a commit made, if they are still on the board.
    pub fn of_revision(board: &Board, revision: Revision) -> impl Iterator<Item = &Self> {
        board.all::<Self>().filter(move |event| event.revision == revision)
    }
}

impl ItemType for StudioEvent {
    const KIND: &'static str = "studio-event";
    type Id = EventSlot;

    fn id(&self) -> &EventSlot {
        &self.slot
    }

    fn move_back(&mut self, _: Millis) {}
}
