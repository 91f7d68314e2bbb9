//! The rules of sending clients away: it is noted, and forgotten after a while.

use crate::disconnect::command::Command;
use crate::disconnect::{DISCONNECTS_MAX, Disconnect, Refusal};
use crate::draft::Draft;
use crate::event::Event;
use crate::item::{Item, ItemKey};

/// Forgets what is old.
pub(crate) fn settle(draft: &mut Draft<'_>) {
    let old = draft.items().filter(|(_, item)| item.as_disconnect().is_some_and(|past| past.deadline() <= draft.now));
    let old: Vec<ItemKey> = old.map(|(key, _)| key.clone()).collect();
    old.iter().for_each(|key| draft.remove(key));
}

/// Carries out one command on a draft.
pub(crate) fn apply(draft: &mut Draft<'_>, command: &Command) -> Result<Event, Refusal> {
    let Command::SendAway(id, whom) = command;
    if draft.items().filter(|(_, item)| item.as_disconnect().is_some()).count() >= DISCONNECTS_MAX {
        return Err(Refusal::TooMany);
    }
    let disconnect = Disconnect { id: id.clone(), whom: whom.clone(), at: draft.now };
    draft.put(ItemKey::disconnect(id), Item::Disconnect(disconnect));
    Ok(Event::ClientsSentAway)
}
