//! All settings there are, with their defaults. `docs/configuration.md` says the same for people; a test
//! holds the two together.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use timers::{Limits, RoomLimits};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::{Reader, StoreUrl};

/// More replicas than anybody has: a typing error.
const REPLICAS_MAX: u32 = 16;

/// Most members of a room. What a node's end takes from a room, one commit takes, and a Redis deletes at most so many
/// fields in one.
const MEMBERS_MAX: usize = 1000;

/// What the process is told.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) node_id: String,
    pub(crate) public_listen: SocketAddr,
    pub(crate) internal_listen: SocketAddr,
    pub(crate) store_url: StoreUrl,
    pub(crate) store_prefix: String,
    pub(crate) store_ca_file: Option<PathBuf>,
    pub(crate) store_replicas_ack: u32,
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
}

/// Whether this is for development or for the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Development,
    Production,
}

/// Who is believed.
#[derive(Clone, Debug)]
pub(crate) struct AuthSettings {
    pub(crate) modes: Vec<AuthMode>,
    pub(crate) guests: bool,
    pub(crate) tokens: BTreeMap<String, String>,
    pub(crate) jwt_secret: Option<String>,
    pub(crate) jwt_leeway: Duration,
}

/// A way of saying who one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthMode {
    Trusted,
    Jwt,
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

/// Bounds on clients.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LimitSettings {
    pub(crate) connections: usize,
    pub(crate) connections_per_user: usize,
    pub(crate) message_bytes: usize,
    pub(crate) request_within: Duration,
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

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

macro_rules! words {
    ($kind:ident { $($word:literal => $variant:ident),+ $(,)? }) => {
        impl FromStr for $kind {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!("it must be one of {}", [$($word),+].join(", "))),
                }
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $word,)+
                })
            }
        }
    };
}

words!(Mode { "development" => Development, "production" => Production });
words!(AuthMode { "trusted" => Trusted, "jwt" => Jwt });
words!(LogFormat { "text" => Text, "json" => Json });

impl Settings {
    /// Reads all settings; what is wrong is noted in the reader.
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let mode = reader.value("mode", Mode::Development, str::parse);
        let auth = AuthSettings::read(reader, mode);
        let trusted = auth.modes.contains(&AuthMode::Trusted);
        let listen = if trusted { "127.0.0.1:4000" } else { "0.0.0.0:4000" };
        Self {
            auth,
            node_id: reader.value("node.id", random_node_id(), node_id),
            public_listen: address(reader, "public.listen", listen),
            internal_listen: address(reader, "internal.listen", "127.0.0.1:9000"),
            store_url: reader.value("store.url", StoreUrl::Embedded("./data".into()), str::parse),
            store_prefix: reader.value("store.prefix", "tickcast".to_owned(), prefix),
            store_ca_file: file(reader, "store.ca_file"),
            store_replicas_ack: reader.value("store.replicas_ack", 0, replicas),
            holdover: span(reader, "beat.holdover", engine::Options::HOLDOVER),
            clockit: ClockitSettings {
                enabled: reader.value("clockit.enabled", true, boolean),
                ingest_bytes: count(reader, "clockit.ingest_bytes", 8 * 1024 * 1024),
            },
            rooms: RoomsSettings { enabled: reader.value("rooms.enabled", true, boolean) },
            rules: rules(reader),
            socketio_anonymous: reader.value("socketio.anonymous", true, boolean),
            limits: LimitSettings {
                connections: count(reader, "limits.connections", 15_000),
                connections_per_user: count(reader, "limits.connections_per_user", 200),
                message_bytes: count(reader, "limits.message_bytes", 64 * 1024),
                request_within: span(reader, "limits.request_within", Duration::from_secs(30)),
            },
            heartbeat: HeartbeatSettings::read(reader),
            drain: DrainSettings {
                grace: span(reader, "drain.grace", Duration::from_secs(25)),
                notice: span(reader, "drain.notice", Duration::from_secs(5)),
            },
            log: LogSettings {
                format: reader.value("log.format", LogFormat::Text, str::parse),
                level: reader.value("log.level", "info".to_owned(), level),
            },
        }
    }
}

impl HeartbeatSettings {
    fn read(reader: &mut Reader) -> Self {
        let settings = Self {
            every: span(reader, "heartbeat.every", Duration::from_secs(25)),
            within: span(reader, "heartbeat.within", Duration::from_secs(10)),
        };
        for (key, span) in [("heartbeat.every", settings.every), ("heartbeat.within", settings.within)] {
            if span < Duration::from_secs(1) {
                reader.mistake(key, "must be at least 1s");
            }
        }
        settings
    }
}

impl AuthSettings {
    fn read(reader: &mut Reader, mode: Mode) -> Self {
        let modes = reader.list("auth.modes", vec![AuthMode::Trusted], str::parse);
        let settings = Self {
            guests: reader.value("auth.guests", false, boolean),
            tokens: reader.secret_table("auth.tokens"),
            jwt_secret: reader.secret("auth.jwt.secret", |secret| {
                if secret.len() < 16 { Err("must have at least 16 bytes".to_owned()) } else { Ok(()) }
            }),
            jwt_leeway: span(reader, "auth.jwt.leeway", Duration::from_secs(30)),
            modes,
        };
        if settings.modes.is_empty() {
            reader.mistake("auth.modes", "must name at least one mode");
        }
        if settings.modes.contains(&AuthMode::Trusted) && mode == Mode::Production {
            reader.mistake("auth.modes", "must not have trusted in production: anybody could be anyone");
        }
        if settings.modes.contains(&AuthMode::Jwt) && settings.jwt_secret.is_none() {
            reader.mistake("auth.jwt.secret", "is needed for the mode jwt");
        }
        if settings.tokens.values().any(|user| timers::UserId::new(user).is_err()) {
            reader.mistake("auth.tokens", "must give each token a user id");
        }
        settings
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

fn address(reader: &mut Reader, key: &'static str, default: &str) -> SocketAddr {
    let parse =
        |text: &str| text.parse().map_err(|_| "it must be an IP address and a port, such as 127.0.0.1:4000".to_owned());
    reader.value(key, default.parse().expect("the default is an address"), parse)
}

fn count(reader: &mut Reader, key: &'static str, default: usize) -> usize {
    reader.value(key, default, |text| match text.parse() {
        Ok(0) | Err(_) => Err("it must be a whole number above 0".to_owned()),
        Ok(count) => Ok(count),
    })
}

/// A file that may be named or not.
fn file(reader: &mut Reader, key: &'static str) -> Option<PathBuf> {
    let named = reader.value(key, String::new(), |text| {
        if text.is_empty() || Path::new(text).is_file() {
            Ok(text.to_owned())
        } else {
            Err("there is no such file".to_owned())
        }
    });
    (!named.is_empty()).then(|| named.into())
}

fn replicas(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(count) if count <= REPLICAS_MAX => Ok(count),
        Ok(_) | Err(_) => Err(format!("it must be a whole number from 0 to {REPLICAS_MAX}")),
    }
}

fn boolean(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "it must be true or false".to_owned())
}

/// A span as it is written: `25s`, `1m 30s`, `12h`.
struct Span(jiff::SignedDuration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

fn span(reader: &mut Reader, key: &'static str, default: Duration) -> Duration {
    let default = Span(jiff::SignedDuration::try_from(default).expect("defaults are short"));
    let parse = |text: &str| match text.parse::<jiff::SignedDuration>() {
        Ok(span) if !span.is_negative() => Ok(Span(span)),
        Ok(_) | Err(_) => Err("it must be a span of time such as 25s, 500ms or 12h".to_owned()),
    };
    reader.value(key, default, parse).0.unsigned_abs()
}

fn millis(span: Duration) -> timers::Millis {
    timers::Millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// A part of keys, channels and logs.
fn prefix(text: &str) -> Result<String, String> {
    let good = !text.is_empty() && text.len() <= 64;
    let good = good && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_:.".contains(letter));
    if good { Ok(text.to_owned()) } else { Err("it must be 1 to 64 of a-z, A-Z, 0-9, - _ : .".to_owned()) }
}

fn node_id(text: &str) -> Result<String, String> {
    let good = prefix(text)?;
    Ok(good)
}

fn level(text: &str) -> Result<String, String> {
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
