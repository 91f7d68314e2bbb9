//! Rooms: a countdown that a team shares, and its members, over Socket.IO.

mod delivery;
mod handler;
mod membership;
mod requests;

use std::sync::Arc;
use std::time::Duration;

use timers::room::RoomLimits;
use timers::{Limits, Millis, ScopeKind};
use wire::Dialect;

use crate::node::Node;
use crate::ops::config::Reader;
use crate::ops::config::parse::{boolean, count, count_up_to, millis, span};
use crate::session::socketio::{EventHandler, Outbox};
use crate::systems::SystemModule;
use crate::systems::rooms::handler::RoomHandler;

/// Most members of a room that an operator can allow: all of them can leave in one commit, when their node dies.
const MEMBERS_MAX: usize = timers::REMOVALS_MAX;

/// The Rooms system.
pub(crate) struct Rooms;

/// The settings of Rooms.
#[derive(Clone, Debug)]
pub(crate) struct RoomsSettings {
    enabled: bool,
}

impl SystemModule for Rooms {
    const NAME: &'static str = "rooms";
    const DIALECTS: &'static [&'static str] = &[wire::rooms::Rooms::NAME];
    const SCOPES: &'static [ScopeKind] = &[ScopeKind::Room];
    const HAS_EVENTS: bool = true;
    type Settings = RoomsSettings;

    fn read_settings(reader: &mut Reader, limits: &mut Limits) -> RoomsSettings {
        let settings = RoomsSettings { enabled: reader.value("rooms.enabled", true, boolean) };
        let default = RoomLimits::default();
        let duration = |millis: Millis| Duration::from_millis(millis.0);
        limits.room = RoomLimits {
            members: count_up_to(reader, "rooms.members", default.members, MEMBERS_MAX),
            name_chars: count(reader, "rooms.name_chars", default.name_chars),
            empty_for: millis(span(reader, "rooms.empty_for", duration(default.empty_for))),
            reconnect_within: millis(span(reader, "rooms.reconnect_within", duration(default.reconnect_within))),
        };
        settings
    }

    fn is_enabled(settings: &RoomsSettings) -> bool {
        settings.enabled
    }

    fn event_handler(node: &Arc<Node>, outbox: &Arc<Outbox>) -> Option<Box<dyn EventHandler>> {
        Some(Box::new(RoomHandler::new(node, outbox)))
    }
}
