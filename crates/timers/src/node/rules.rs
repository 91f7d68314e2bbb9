//! The rules of leases.

use std::collections::BTreeSet;

use crate::draft::Draft;
use crate::event::Event;
use crate::ids::RoomId;
use crate::item::{Item, ItemKey};
use crate::node::command::Command;
use crate::node::lease::{LEASE, Lease, Presence, Refusal};
use crate::time::Millis;

/// After how long clearing up is tried again, should whoever does it die as well.
const AGAIN: Millis = Millis(5000);

/// Notices that a lease has run out. Only whoever looks for that does so: until then it can be renewed, however
/// late, since nobody has acted on it.
pub(crate) fn settle(draft: &mut Draft<'_>) {
    if lease(draft).is_none_or(|lease| lease.until > draft.now) {
        return;
    }
    let lost = Lease { until: draft.now + AGAIN, lost: true };
    put(draft, lost);
    forget_if_cleared(draft);
}

/// Carries out one command on a draft.
pub(crate) fn apply(draft: &mut Draft<'_>, command: &Command) -> Result<Event, Refusal> {
    match command {
        Command::Begin => {
            if lease(draft).is_none() {
                renew(draft);
            }
            Ok(Event::NodeBegan)
        }
        Command::Renew => {
            living(draft)?;
            renew(draft);
            Ok(Event::NodeRenewed)
        }
        Command::Enter(rooms) => {
            living(draft)?;
            for room in rooms {
                draft.put(ItemKey::presence(room), Item::Presence(Presence { room: room.clone() }));
            }
            Ok(Event::NodeEntered)
        }
        Command::Exit(rooms) => {
            exit(draft, rooms);
            Ok(Event::NodeExited)
        }
    }
}

fn exit(draft: &mut Draft<'_>, rooms: &BTreeSet<RoomId>) {
    for room in rooms {
        draft.remove(&ItemKey::presence(room));
    }
    forget_if_cleared(draft);
}

/// Ends a lost lease once nothing is left to clear up.
fn forget_if_cleared(draft: &mut Draft<'_>) {
    let left = draft.items().any(|(_, item)| item.as_presence().is_some());
    if !left && lease(draft).is_some_and(|lease| lease.lost) {
        draft.remove(&ItemKey::lease());
    }
}

fn living(draft: &Draft<'_>) -> Result<(), Refusal> {
    if lease(draft).is_some_and(|lease| !lease.lost) { Ok(()) } else { Err(Refusal::LeaseLost) }
}

fn renew(draft: &mut Draft<'_>) {
    let until = draft.now + LEASE;
    put(draft, Lease { until, lost: false });
}

fn put(draft: &mut Draft<'_>, lease: Lease) {
    draft.put(ItemKey::lease(), Item::Lease(lease));
}

fn lease<'d>(draft: &'d Draft<'_>) -> Option<&'d Lease> {
    draft.get(&ItemKey::lease())?.as_lease()
}
