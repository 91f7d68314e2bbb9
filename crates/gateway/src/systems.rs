//! The systems that this node serves, one line each. Routes, settings, metric labels, `auth.*.systems`, Socket.IO handlers
//! and the admin API follow from this list.

mod archived_rows;
mod clockit;
mod focus;
mod punch_clock;
mod rooms;
mod studio;

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use access::Identity;
use axum::Router;
use engine::store::HistoryQuota;
use timers::{Limits, ScopeKind};

use crate::node::Node;
use crate::ops::config::Reader;
use crate::session::socketio::{EventHandler, Outbox};

/// What a system provides.
pub(crate) trait SystemModule {
    /// The system's name: its section of the configuration, and its name in metrics and in `auth.*.systems`.
    const NAME: &'static str;
    /// The names of its dialects, for metrics.
    const DIALECTS: &'static [&'static str];
    /// The kinds of scopes that its clients subscribe to.
    const SCOPES: &'static [ScopeKind];
    /// Whether it takes part in Socket.IO connections; then it has an [`SystemModule::event_handler`].
    const HAS_EVENTS: bool = false;
    /// Whether a session cookie authorises a request that can change something, or a WebSocket, only with an allowed origin.
    /// A system needs it that reads bodies of types which pages of other sites can send (`text/plain`).
    const REQUIRES_ORIGIN_WITH_COOKIES: bool = false;
    /// Its settings, besides the limits of its rules.
    type Settings: Clone + fmt::Debug;

    /// Reads the settings, and the limits of the rules.
    fn read_settings(reader: &mut Reader, limits: &mut Limits) -> Self::Settings;

    /// Tells whether the system is served. The routes of a disabled system answer 404.
    fn is_enabled(settings: &Self::Settings) -> bool;

    /// Returns the bounds of the histories of the system's scopes, if they have their own.
    fn history_quota(_: &Self::Settings) -> Option<HistoryQuota> {
        None
    }

    /// Tells whether the system has anything for an identity; by default, for every one.
    fn accepts(_: &Identity) -> bool {
        true
    }

    /// Returns the HTTP and WebSocket routes.
    fn routes() -> Router<Arc<Node>> {
        Router::new()
    }

    /// Returns the system's part of a new Socket.IO connection; `None` for a system without events.
    fn event_handler(_: &Arc<Node>, _: &Arc<Outbox>) -> Option<Box<dyn EventHandler>> {
        None
    }
}

/// Each line: the name of the system, its module, and its [`SystemModule`].
macro_rules! systems {
    ($($system:ident: $module:ident::$provider:ident;)+) => {
        /// One of the systems.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum System {
            $($system,)+
        }

        /// The settings of all systems.
        #[derive(Clone, Debug)]
        pub(crate) struct SystemSettings {
            $(pub(crate) $module: <$module::$provider as SystemModule>::Settings,)+
        }

        impl System {
            /// All systems.
            pub(crate) const ALL: &[Self] = &[$(Self::$system),+];

            /// Returns the system's name.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$system => $module::$provider::NAME,)+
                }
            }

            /// Returns the kinds of scopes that the system's clients subscribe to.
            pub(crate) fn scopes(self) -> &'static [ScopeKind] {
                match self {
                    $(Self::$system => $module::$provider::SCOPES,)+
                }
            }

            /// Tells whether cookies authorise a WebSocket of the system only with an allowed origin.
            pub(crate) fn requires_origin_with_cookies(self) -> bool {
                match self {
                    $(Self::$system => $module::$provider::REQUIRES_ORIGIN_WITH_COOKIES,)+
                }
            }

            fn dialects(self) -> &'static [&'static str] {
                match self {
                    $(Self::$system => $module::$provider::DIALECTS,)+
                }
            }

            fn is_enabled(self, settings: &SystemSettings) -> bool {
                match self {
                    $(Self::$system => $module::$provider::is_enabled(&settings.$module),)+
                }
            }

            fn routes(self) -> Router<Arc<Node>> {
                match self {
                    $(Self::$system => $module::$provider::routes(),)+
                }
            }

            fn history_quota(self, settings: &SystemSettings) -> Option<HistoryQuota> {
                match self {
                    $(Self::$system => $module::$provider::history_quota(&settings.$module),)+
                }
            }

            /// Tells whether the system has anything for an identity.
            pub(crate) fn accepts(self, identity: &Identity) -> bool {
                match self {
                    $(Self::$system => $module::$provider::accepts(identity),)+
                }
            }

            fn has_events(self) -> bool {
                match self {
                    $(Self::$system => $module::$provider::HAS_EVENTS,)+
                }
            }

            fn event_handler(self, node: &Arc<Node>, outbox: &Arc<Outbox>) -> Option<Box<dyn EventHandler>> {
                match self {
                    $(Self::$system => $module::$provider::event_handler(node, outbox),)+
                }
            }
        }

        $(const _: () = assert!(
            !($module::$provider::HAS_EVENTS && $module::$provider::REQUIRES_ORIGIN_WITH_COOKIES),
            "Socket.IO connections do not check the origins of cookies"
        );)+

        impl SystemSettings {
            /// Reads the settings of all systems, and the limits of their rules.
            pub(crate) fn read(reader: &mut Reader) -> (Self, Limits) {
                let mut limits = Limits::default();
                let settings = Self { $($module: $module::$provider::read_settings(reader, &mut limits),)+ };
                (settings, limits)
            }
        }
    };
}

systems! {
    Clockit: clockit::Clockit;
    Rooms: rooms::Rooms;
    Studio: studio::Studio;
    PunchClock: punch_clock::PunchClock;
    Focus: focus::Focus;
}

/// The names of all dialects, in the order of the systems.
pub(crate) static DIALECTS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| System::ALL.iter().flat_map(|system| system.dialects()).copied().collect());

/// Returns the routes of the systems that are enabled.
pub(crate) fn routes(settings: &SystemSettings) -> Router<Arc<Node>> {
    enabled(settings).fold(Router::new(), |routes, system| routes.merge(system.routes()))
}

/// Returns the handlers of a new Socket.IO connection; none if no enabled system has events.
pub(crate) fn event_handlers(node: &Arc<Node>, outbox: &Arc<Outbox>) -> Vec<Box<dyn EventHandler>> {
    enabled(&node.settings.systems).filter_map(|system| system.event_handler(node, outbox)).collect()
}

/// Returns the dialect under which the shared Socket.IO namespace is counted: that of the first enabled system with events.
pub(crate) fn event_dialect(settings: &SystemSettings) -> Option<&'static str> {
    enabled(settings).find(|system| system.has_events()).and_then(|system| system.dialects().first().copied())
}

/// Returns the bounds of histories by the kind of their scope, where a system has its own.
pub(crate) fn history_quotas(settings: &SystemSettings) -> Vec<(ScopeKind, HistoryQuota)> {
    let of = |system: &System| Some((system.scopes(), system.history_quota(settings)?));
    let quotas = System::ALL.iter().filter_map(of);
    quotas.flat_map(|(kinds, quota)| kinds.iter().map(move |kind| (kind.clone(), quota))).collect()
}

/// Tells whether clients can subscribe to scopes of a kind.
pub(crate) fn has_clients(kind: &ScopeKind) -> bool {
    System::ALL.iter().any(|system| system.scopes().contains(kind))
}

/// Returns the systems that are enabled.
pub(crate) fn enabled(settings: &SystemSettings) -> impl Iterator<Item = System> {
    System::ALL.iter().copied().filter(|system| system.is_enabled(settings))
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for System {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || System::ALL.iter().map(|system| system.name()).collect::<Vec<_>>().join(", ");
        let system = System::ALL.iter().copied().find(|system| system.name() == text);
        system.ok_or_else(|| format!("it must be one of {}", names()))
    }
}
