//! Studio: an organisation's time tracking, by tRPC procedures over HTTP and events over Socket.IO.

mod calls;
mod entry_list;
mod handler;
mod trpc;
mod written;

use std::sync::Arc;

use access::Identity;
use axum::Router;
use engine::store::HistoryQuota;
use timers::studio::StudioLimits;
use timers::{Limits, ScopeKind};
use wire::Dialect;

use crate::node::Node;
use crate::ops::config::Reader;
use crate::ops::config::parse::{boolean, count, count_up_to};
use crate::session::socketio::{EventHandler, Outbox};
use crate::systems::SystemModule;
use crate::systems::studio::handler::StudioHandler;

/// Most entries that an operator can allow to run at once. A board is loaded as a whole, and `studio.board_bytes` bounds
/// it too.
const RUNNING_ENTRIES_MAX: usize = 10_000;

/// Most task types that an operator can allow. A client is sent all of them.
const TASK_TYPES_MAX: usize = 5000;

/// The Studio system.
pub(crate) struct Studio;

/// The settings of Studio.
#[derive(Clone, Debug)]
pub(crate) struct StudioSettings {
    enabled: bool,
    /// Largest body of a call.
    body_bytes: usize,
    /// The bounds of an organisation's history.
    history: HistoryQuota,
}

impl SystemModule for Studio {
    const NAME: &'static str = "studio";
    const DIALECTS: &'static [&'static str] = &[wire::studio::Studio::NAME];
    const SCOPES: &'static [ScopeKind] = &[ScopeKind::Organization];
    const HAS_EVENTS: bool = true;
    type Settings = StudioSettings;

    fn read_settings(reader: &mut Reader, limits: &mut Limits) -> StudioSettings {
        let settings = StudioSettings {
            enabled: reader.value("studio.enabled", true, boolean),
            // The limit of the original.
            body_bytes: count(reader, "studio.body_bytes", 10 * 1024 * 1024),
            history: HistoryQuota {
                rows: count(reader, "studio.history_rows", 1_000_000) as u64,
                bytes: count(reader, "studio.history_bytes", 1 << 30) as u64,
            },
        };
        let default = StudioLimits::default();
        limits.studio = StudioLimits {
            running_entries: count_up_to(
                reader,
                "studio.running_entries",
                default.running_entries,
                RUNNING_ENTRIES_MAX,
            ),
            task_types: count_up_to(reader, "studio.task_types", default.task_types, TASK_TYPES_MAX),
            text_chars: count(reader, "studio.text_chars", default.text_chars),
            board_bytes: count(reader, "studio.board_bytes", default.board_bytes),
        };
        settings
    }

    fn is_enabled(settings: &StudioSettings) -> bool {
        settings.enabled
    }

    fn history_quota(settings: &StudioSettings) -> Option<HistoryQuota> {
        Some(settings.history)
    }

    fn accepts(identity: &Identity) -> bool {
        identity.organization.is_some()
    }

    fn routes() -> Router<Arc<Node>> {
        trpc::routes()
    }

    fn event_handler(_: &Arc<Node>, outbox: &Arc<Outbox>) -> Option<Box<dyn EventHandler>> {
        Some(Box::new(StudioHandler::new(outbox)))
    }
}
