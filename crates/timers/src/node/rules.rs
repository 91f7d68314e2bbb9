//! The rules of leases.

use std::collections::BTreeSet;

use crate::command::CommandId;
use crate::draft::Draft;
use crate::history::StoredRows;
use crate::ids::RoomId;
use crate::node::command::NodeCommand;
use crate::node::lease::{LEASE_DURATION, Lease, NodeRefusal, Presence};
use crate::system::System;
use crate::time::Millis;

/// The rules of leases.
#[derive(Clone, Copy, Debug)]
pub struct NodeRules;

/// Delay before the removal of a dead node's members is tried again, in case the node that removes them dies as well.
const REMOVAL_RETRY: Millis = Millis(5000);

impl System for NodeRules {
    type Command = NodeCommand;
    type Refusal = NodeRefusal;
    type Limits = ();

    fn command_name(command: &NodeCommand) -> &'static str {
        command.name()
    }

    /// Marks a lease as lost that has ended. Only the firing of its deadline does so: until then the node can renew the
    /// lease, however late, since no node has acted on its end.
    fn expire(draft: &mut Draft<'_>) {
        if lease(draft).is_none_or(|lease| lease.until > draft.now) {
            return;
        }
        draft.put(Lease { until: draft.now + REMOVAL_RETRY, lost: true });
        remove_lease_if_cleared(draft);
    }

    fn apply(draft: &mut Draft<'_>, _: &StoredRows, command: &NodeCommand, _: CommandId) -> Result<(), NodeRefusal> {
        match command {
            NodeCommand::Begin => {
                if lease(draft).is_none() {
                    renew(draft);
                }
            }
            NodeCommand::Renew => {
                check_held(draft)?;
                renew(draft);
            }
            NodeCommand::Enter(rooms) => {
                check_held(draft)?;
                rooms.iter().for_each(|room| draft.put(Presence { room: room.clone() }));
            }
            NodeCommand::Exit(rooms) => exit(draft, rooms),
        }
        Ok(())
    }
}

fn exit(draft: &mut Draft<'_>, rooms: &BTreeSet<RoomId>) {
    rooms.iter().for_each(|room| draft.remove::<Presence>(room));
    remove_lease_if_cleared(draft);
}

/// Removes a lost lease once the node has no rooms left.
fn remove_lease_if_cleared(draft: &mut Draft<'_>) {
    let is_cleared = draft.all::<Presence>().next().is_none();
    if is_cleared && lease(draft).is_some_and(|lease| lease.lost) {
        draft.remove::<Lease>(&());
    }
}

fn check_held(draft: &Draft<'_>) -> Result<(), NodeRefusal> {
    if lease(draft).is_some_and(|lease| !lease.lost) { Ok(()) } else { Err(NodeRefusal::LeaseLost) }
}

fn renew(draft: &mut Draft<'_>) {
    draft.put(Lease { until: draft.now + LEASE_DURATION, lost: false });
}

fn lease<'d>(draft: &'d Draft<'_>) -> Option<&'d Lease> {
    draft.get::<Lease>(&())
}
