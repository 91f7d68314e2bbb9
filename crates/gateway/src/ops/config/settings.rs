//! All settings with their defaults. `docs/configuration.md` describes them; a test keeps the two consistent.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use access::{AuthMode, OriginPattern};
use net::websocket::HeartbeatOptions;
use timers::Limits;

use crate::ops::config::files::{ca_file, check_folder};
use crate::ops::config::parse::{address, boolean, host_name, level, period, prefix, span, words};
use crate::ops::config::{AuthConfig, KeyFiles, LimitSettings, PublicSettings, Reader, StoreUrl};
use crate::systems::SystemSettings;

/// More replicas than this are a typing error.
const REPLICAS_MAX: u32 = 16;

/// The settings of the process.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) node_id: String,
    pub(crate) public: PublicSettings,
    pub(crate) internal_listen: SocketAddr,
    /// The host names under which operators use the internal port, besides `localhost` and IP addresses.
    pub(crate) internal_hosts: Vec<String>,
    pub(crate) store: StoreSettings,
    pub(crate) holdover: Duration,
    /// How long the timers of a guest are kept after its last connection.
    pub(crate) guest_lifetime: Duration,
    pub(crate) auth: AuthConfig,
    pub(crate) key_files: KeyFiles,
    /// The limits of the rules, of all systems.
    pub(crate) rules: Limits,
    pub(crate) systems: SystemSettings,
    /// Whether Socket.IO clients may connect as guests.
    pub(crate) socketio_anonymous: bool,
    pub(crate) limits: LimitSettings,
    pub(crate) heartbeat: HeartbeatOptions,
    pub(crate) drain: DrainSettings,
    pub(crate) log: LogSettings,
    pub(crate) traces: TraceSettings,
}

/// The mode of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Development,
    Production,
}

/// The store.
#[derive(Clone, Debug)]
pub(crate) struct StoreSettings {
    pub(crate) url: StoreUrl,
    pub(crate) prefix: String,
    pub(crate) cluster_name: Option<String>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) replicas_ack: u32,
}

/// The shutdown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DrainSettings {
    pub(crate) grace: Duration,
    pub(crate) notice: Duration,
}

/// The log.
#[derive(Clone, Debug)]
pub(crate) struct LogSettings {
    pub(crate) format: LogFormat,
    pub(crate) level: String,
}

/// Traces. The environment (`OTEL_*`) sets where they are exported and the sampling ratio.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TraceSettings {
    /// Whether changes with a large audience are more likely to be sampled.
    pub(crate) by_audience: bool,
    pub(crate) fan_out: FanOutRelation,
    /// Most messages a second that are traced because a client asks for it.
    pub(crate) wanted_per_second: usize,
}

/// The relation of the fan-out span of a change to the span of the message that caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FanOutRelation {
    /// A child of the message's span, in its trace, and linked to it.
    Parent,
    /// A trace of its own, linked to the message's span.
    Link,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

words!(Mode { "development" => Development, "production" => Production });
words!(FanOutRelation { "parent" => Parent, "link" => Link });
words!(LogFormat { "text" => Text, "json" => Json });

impl Settings {
    /// Reads all settings; the reader collects the errors.
    pub(crate) fn read(reader: &mut Reader, key_files: KeyFiles) -> Self {
        let mode = reader.value("mode", Mode::Development, str::parse);
        let store = StoreSettings::read(reader);
        let auth = AuthConfig::read(reader, mode, &store);
        let accepts_any_id = auth.access.modes.contains(&AuthMode::Trusted) || auth.access.test_headers;
        let public = PublicSettings::read(reader, mode, accepts_any_id);
        let cookies = [AuthMode::ExpressSession, AuthMode::NextAuth];
        let cookies = cookies.iter().find(|mode| auth.access.modes.contains(mode));
        if let Some(mode) = cookies.filter(|_| public.origins.iter().any(OriginPattern::matches_any_site)) {
            let reason = format!("must not contain * or null with {mode}: any page could use its visitors' cookies");
            reader.error("public.origins", &reason);
        }
        let (systems, rules) = SystemSettings::read(reader);
        Self {
            auth,
            key_files,
            public,
            store,
            node_id: reader.value("node.id", random_node_id(), prefix),
            internal_listen: address(reader, "internal.listen", "127.0.0.1:9000"),
            internal_hosts: reader.list("internal.hosts", vec![], host_name),
            holdover: span(reader, "beat.holdover", engine::Options::HOLDOVER),
            guest_lifetime: period(
                reader,
                "auth.guest_lifetime",
                Duration::from_millis(engine::Retention::default().guest_lifetime.0),
            ),
            systems,
            rules,
            socketio_anonymous: reader.value("socketio.anonymous", true, boolean),
            limits: LimitSettings::read(reader),
            heartbeat: heartbeat(reader),
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

/// Reads the settings of authentication, and those that they depend on.
pub(super) fn read_auth(reader: &mut Reader) -> AuthConfig {
    let mode = reader.value("mode", Mode::Development, str::parse);
    let store = StoreSettings::read(reader);
    AuthConfig::read(reader, mode, &store)
}

impl StoreSettings {
    fn read(reader: &mut Reader) -> Self {
        reader.read_file_of("store.url");
        let url = reader.value("store.url", StoreUrl::Embedded("./data".into()), str::parse);
        if let StoreUrl::Embedded(folder) = &url
            && let Err(reason) = check_folder(folder)
        {
            reader.error("store.url", &format!("is \"{url}\", but {reason}"));
        }
        Self {
            url,
            prefix: reader.value("store.prefix", "tickcast".to_owned(), prefix),
            cluster_name: cluster_name(reader),
            ca_file: ca_file(reader, "store.ca_file"),
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
        let default = Self::default();
        Self {
            by_audience: reader.value("traces.by_audience", default.by_audience, boolean),
            fan_out: reader.value("traces.fan_out", default.fan_out, str::parse),
            wanted_per_second: reader.value("traces.wanted_per_second", default.wanted_per_second, |text| {
                text.parse().map_err(|_| "it must be a whole number".to_owned())
            }),
        }
    }
}

fn heartbeat(reader: &mut Reader) -> HeartbeatOptions {
    HeartbeatOptions {
        every: period(reader, "heartbeat.every", Duration::from_secs(25)),
        within: period(reader, "heartbeat.within", Duration::from_secs(10)),
    }
}

fn replicas(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(count) if count <= REPLICAS_MAX => Ok(count),
        Ok(_) | Err(_) => Err(format!("it must be a whole number from 0 to {REPLICAS_MAX}")),
    }
}

fn cluster_name(reader: &mut Reader) -> Option<String> {
    let name = |text: &str| if text.is_empty() { Ok(String::new()) } else { prefix(text) };
    Some(reader.value("store.cluster_name", String::new(), name)).filter(|name| !name.is_empty())
}

fn random_node_id() -> String {
    format!("node-{:08x}", fastrand::u32(..))
}
