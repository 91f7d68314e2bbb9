//! The rules of leases.

use std::collections::BTreeSet;

use crate::command::CommandId;
use crate::draft::Draft;
use crate::history::StoredRows;
use crate::node::command::NodeCommand;
use crate::node::lease::{Lease, NodeRefusal};
use crate::node::presence::{RoomPresence, ScopePresence};
use crate::scope::Scope;
use crate::system::System;

/// The rules of leases.
#[derive(Clone, Copy, Debug)]
pub struct NodeRules;

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
        let Some(ended) = lease(draft).filter(|lease| lease.until <= draft.now).cloned() else { return };
        draft.put(ended.into_lost(draft.now));
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
            NodeCommand::Enter(scopes) => {
                check_held(draft)?;
                scopes.iter().for_each(|scope| enter(draft, scope));
            }
            NodeCommand::Exit(scopes) => exit(draft, scopes),
        }
        Ok(())
    }
}

fn enter(draft: &mut Draft<'_>, scope: &Scope) {
    match scope.as_room() {
        Some(room) => draft.put(RoomPresence { room }),
        None => draft.put(ScopePresence { scope: scope.clone() }),
    }
}

fn exit(draft: &mut Draft<'_>, scopes: &BTreeSet<Scope>) {
    for scope in scopes {
        match scope.as_room() {
            Some(room) => draft.remove::<RoomPresence>(&room),
            None => draft.remove::<ScopePresence>(scope),
        }
    }
    remove_lease_if_cleared(draft);
}

/// Removes a lost lease once the node has no scopes left, nor anything that a newer version stored.
fn remove_lease_if_cleared(draft: &mut Draft<'_>) {
    let has_scopes = draft.all::<RoomPresence>().next().is_some() || draft.all::<ScopePresence>().next().is_some();
    let is_cleared = !has_scopes && !draft.has_unknown();
    if is_cleared && lease(draft).is_some_and(|lease| lease.lost) {
        draft.remove::<Lease>(&());
    }
}

fn check_held(draft: &Draft<'_>) -> Result<(), NodeRefusal> {
    if lease(draft).is_some_and(|lease| !lease.lost) { Ok(()) } else { Err(NodeRefusal::LeaseLost) }
}

fn renew(draft: &mut Draft<'_>) {
    draft.put(Lease::renewed(draft.now));
}

fn lease<'d>(draft: &'d Draft<'_>) -> Option<&'d Lease> {
    draft.get::<Lease>(&())
}
