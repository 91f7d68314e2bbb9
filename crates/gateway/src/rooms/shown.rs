//! From what a member is to see to packets: each made once for a view.

use std::sync::Arc;

use engine::View;
use engineioxide::Str;
use timers::{Beat, MemberId, Revision, Timestamp};
use wire::rooms::{Event, Fault};

use crate::socketio;

/// Which kind of packet, in the cache of a view.
const NEWS: u8 = 0;
const TICK: u8 = 1;

/// One packet to members.
pub(super) struct Told {
    pub(super) packet: Str,
    /// The member that it tells the others of.
    about: Option<MemberId>,
    /// The countdown's state, if it is that.
    pub(super) state: Option<State>,
}

/// A state of the countdown as it is told.
#[derive(Clone)]
pub(super) struct State {
    pub(super) revision: Revision,
    pub(super) payload: Str,
}

impl Told {
    pub(super) fn is_for(&self, member: &MemberId) -> bool {
        self.about.as_ref() != Some(member)
    }
}

/// Makes a packet of an event.
pub(super) fn packet(event: &Event) -> Str {
    socketio::event(event.name, &event.payload)
}

/// Makes the answer to what had no effect.
pub(super) fn refusal(ack: i64, fault: &Fault) -> Str {
    socketio::ack(ack, &format!("{{\"error\":{}}}", wire::rooms::error(fault).payload))
}

/// Returns the countdown's state at an instant; `None` if the room is gone.
pub(super) fn state(view: &View, now: Timestamp) -> Option<(Str, State)> {
    let event = wire::rooms::state(&view.board, now)?;
    let packet = packet(&event);
    Some((packet, State { revision: view.board.position.revision, payload: event.payload.into() }))
}

/// Returns what has changed.
pub(super) fn news(old: &View, new: &View, now: impl Fn() -> Timestamp) -> Arc<[Told]> {
    new.frames.get(NEWS, old.board.position.tag.0, || {
        let mut told = Vec::new();
        wire::rooms::news(&old.board, &new.board, now(), |event| {
            let packet = packet(&event);
            let revision = new.board.position.revision;
            let state = event.is_state().then(|| State { revision, payload: event.payload.into() });
            told.push(Told { packet, about: event.about, state });
        });
        told.into()
    })
}

/// Returns the tick of a beat; `None` if there is none.
pub(super) fn tick(view: &View, beat: Beat) -> Option<Str> {
    view.frames.get(TICK, beat.0, || Some(packet(&wire::rooms::tick(&view.board, beat)?)))
}
