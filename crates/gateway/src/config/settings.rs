//! All settings there are, with their defaults. `docs/configuration.md` says the same for people; a test
//! holds the two together.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use timers::{Limits, RoomLimits};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::parse::{address, boolean, count, file, millis, period, prefix, span, words};
use crate::config::{AuthMode, AuthSettings, LimitSettings, PublicSettings, Reader, StoreUrl};
use crate::origin::Origin;

/// More replicas than anybody has: a typing error.
const REPLICAS_MAX: u32 = 16;

/// Most members of a room. What a node's end takes from a room, one commit takes, and a Redis deletes at most so many
/// fields in one.
const MEMBERS_MAX: usize = 1000;

/// What the process is told.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) node_id: String,
    pub(crate) public: PublicSettings,
    pub(crate) internal_listen: SocketAddr,
    pub(crate) store: StoreSettings,
    pub(crate) holdover: Duration,
    pub(crate) auth: AuthSettings,
    /// Bounds on what people keep, of all systems.
    pub(crate) rules: Limits,
    pub(crate) clockit: ClockitSettings,
    pub(crate) rooms: RoomsSettings,
    /// Whether clients of Socket.IO may come without saying who they are.
    pub(crate) socketio_anonymous: bool,
    pub(crate) limits: LimitSettings,
    pub(crate) heartbeat: HeartbeatSettings,
    pub(crate) drain: DrainSettings,
    pub(crate) log: LogSettings,
    pub(crate) traces: TraceSettings,
}

/// Whether this is for development or for the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Development,
    Production,
}

/// One of the systems that are served; evidence may be good for some only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    Clockit,
    Rooms,
}

/// Where timers are kept.
#[derive(Clone, Debug)]
pub(crate) struct StoreSettings {
    pub(crate) url: StoreUrl,
    pub(crate) prefix: String,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) replicas_ack: u32,
}

/// The Clockit system.
#[derive(Clone, Debug)]
pub(crate) struct ClockitSettings {
    pub(crate) enabled: bool,
    pub(crate) ingest_bytes: usize,
}

/// The Rooms system.
#[derive(Clone, Debug)]
pub(crate) struct RoomsSettings {
    pub(crate) enabled: bool,
}

/// How clients are asked for a sign of life.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeartbeatSettings {
    pub(crate) every: Duration,
    pub(crate) within: Duration,
}

/// How the process ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DrainSettings {
    pub(crate) grace: Duration,
    pub(crate) notice: Duration,
}

/// What it says of itself.
#[derive(Clone, Debug)]
pub(crate) struct LogSettings {
    pub(crate) format: LogFormat,
    pub(crate) level: String,
}

/// What is traced; where it is sent and which share of it, the environment says (`OTEL_*`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct TraceSettings {
    /// Whether what is shown to many is more likely to be traced.
    pub(crate) by_audience: bool,
    pub(crate) fan_out: FanOutRelation,
    /// How many messages a second are traced because a client wants it.
    pub(crate) wanted_per_second: usize,
}

/// How the fan-out of a change belongs to the message that asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FanOutRelation {
    /// It is a child of the message's span, in its trace, and linked to it.
    Parent,
    /// It is a trace of its own, linked to the message's span.
    Link,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

words!(Mode { "development" => Development, "production" => Production });
words!(FanOutRelation { "parent" => Parent, "link" => Link });
words!(LogFormat { "text" => Text, "json" => Json });
words!(System { "clockit" => Clockit, "rooms" => Rooms });

impl Settings {
    /// Reads all settings; what is wrong is noted in the reader.
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let mode = reader.value("mode", Mode::Development, str::parse);
        let store = StoreSettings::read(reader);
        let auth = AuthSettings::read(reader, mode, &store);
        let trusted = auth.modes.contains(&AuthMode::Trusted);
        let public = PublicSettings::read(reader, mode, trusted);
        if auth.express_session.is_some() && public.origins.iter().any(Origin::is_anybodys) {
            let reason =
                "must not have * or null with express-session: any page could use the cookie of whoever looks at it";
            reader.mistake("public.origins", reason);
        }
        Self {
            auth,
            public,
            store,
            node_id: reader.value("node.id", random_node_id(), prefix),
            internal_listen: address(reader, "internal.listen", "127.0.0.1:9000"),
            holdover: span(reader, "beat.holdover", engine::Options::HOLDOVER),
            clockit: ClockitSettings {
                enabled: reader.value("clockit.enabled", true, boolean),
                ingest_bytes: count(reader, "clockit.ingest_bytes", 8 * 1024 * 1024),
            },
            rooms: RoomsSettings { enabled: reader.value("rooms.enabled", true, boolean) },
            rules: rules(reader),
            socketio_anonymous: reader.value("socketio.anonymous", true, boolean),
            limits: LimitSettings::read(reader),
            heartbeat: HeartbeatSettings::read(reader),
            drain: DrainSettings {
                grace: span(reader, "drain.grace", Duration::from_secs(25)),
                notice: span(reader, "drain.notice", Duration::from_secs(5)),
            },
            log: LogSettings {
                format: reader.value("log.format", LogFormat::Text, str::parse),
                level: reader.value("log.level", "info".to_owned(), level),
            },
            traces: TraceSettings::read(reader),
        }
    }
}

impl StoreSettings {
    fn read(reader: &mut Reader) -> Self {
        reader.look_into_file("store.url");
        Self {
            url: reader.value("store.url", StoreUrl::Embedded("./data".into()), str::parse),
            prefix: reader.value("store.prefix", "tickcast".to_owned(), prefix),
            ca_file: file(reader, "store.ca_file"),
            replicas_ack: reader.value("store.replicas_ack", 0, replicas),
        }
    }
}

impl Default for TraceSettings {
    fn default() -> Self {
        Self { by_audience: true, fan_out: FanOutRelation::Parent, wanted_per_second: 100 }
    }
}

impl TraceSettings {
    fn read(reader: &mut Reader) -> Self {
        let usual = Self::default();
        Self {
            by_audience: reader.value("traces.by_audience", usual.by_audience, boolean),
            fan_out: reader.value("traces.fan_out", usual.fan_out, str::parse),
            wanted_per_second: reader.value("traces.wanted_per_second", usual.wanted_per_second, |text| {
                text.parse().map_err(|_| "it must be a whole number".to_owned())
            }),
        }
    }
}

impl HeartbeatSettings {
    fn read(reader: &mut Reader) -> Self {
        Self {
            every: period(reader, "heartbeat.every", Duration::from_secs(25)),
            within: period(reader, "heartbeat.within", Duration::from_secs(10)),
        }
    }
}

fn rules(reader: &mut Reader) -> Limits {
    let contract = Limits::default();
    Limits {
        label_chars: count(reader, "clockit.label_chars", contract.label_chars),
        comment_chars: count(reader, "clockit.comment_chars", contract.comment_chars),
        goals: count(reader, "clockit.goals", contract.goals),
        live_sessions: count(reader, "clockit.live_sessions", contract.live_sessions),
        stopped_sessions: count(reader, "clockit.stopped_sessions", contract.stopped_sessions),
        board_bytes: count(reader, "clockit.board_bytes", contract.board_bytes),
        paused_for: millis(span(reader, "clockit.paused_for", Duration::from_millis(contract.paused_for.0))),
        stopped_for: millis(span(reader, "clockit.stopped_for", Duration::from_millis(contract.stopped_for.0))),
        rooms: rules_of_rooms(reader, &contract.rooms),
    }
}

fn rules_of_rooms(reader: &mut Reader, contract: &RoomLimits) -> RoomLimits {
    let rules = RoomLimits {
        members: count(reader, "rooms.members", contract.members),
        name_chars: count(reader, "rooms.name_chars", contract.name_chars),
        empty_for: millis(span(reader, "rooms.empty_for", Duration::from_millis(contract.empty_for.0))),
        lost_for: millis(span(reader, "rooms.lost_for", Duration::from_millis(contract.lost_for.0))),
    };
    if rules.members > MEMBERS_MAX {
        reader.mistake("rooms.members", "must be at most 1000: they may all leave in one commit");
    }
    rules
}

fn replicas(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(count) if count <= REPLICAS_MAX => Ok(count),
        Ok(_) | Err(_) => Err(format!("it must be a whole number from 0 to {REPLICAS_MAX}")),
    }
}

pub(crate) fn level(text: &str) -> Result<String, String> {
    // A lone word that is no level would be taken for the name of a module.
    let levels = text.split(',').map(|directive| directive.rsplit_once('=').map_or(directive, |(_, level)| level));
    let mut levels = levels.map(str::trim);
    let are_levels = levels.all(|level| !level.is_empty() && level.parse::<LevelFilter>().is_ok());
    if are_levels && EnvFilter::try_new(text).is_ok() {
        Ok(text.to_owned())
    } else {
        Err("it must be error, warn, info, debug, trace or off, or a filter such as info,store=debug".to_owned())
    }
}

fn random_node_id() -> String {
    format!("node-{:08x}", fastrand::u32(..))
}
