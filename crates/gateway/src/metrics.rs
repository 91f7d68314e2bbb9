//! What is measured, for Prometheus. All of OpenTelemetry is behind this module.

use std::sync::{Arc, Weak};
use std::time::Duration;

use engine::{Engine, ExecuteError, Made, Outcome};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter, MeterProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Encoder, Registry, TextEncoder};

use crate::connections::{Connections, Full};
use crate::ws::Closing;

/// Upper bounds of the command histogram, seconds: from a memory store's microseconds to a command's life.
const COMMAND_SECONDS: [f64; 12] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 2.5, 5.0];

/// The instruments.
pub(crate) struct Metrics {
    registry: Registry,
    /// Keeps the instruments alive.
    provider: SdkMeterProvider,
    messages: Counter<u64>,
    closes: Counter<u64>,
    refusals: Counter<u64>,
    commands: Histogram<f64>,
}

/// Why a client was not let in, or not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The node has as many connections as it takes.
    Connections,
    /// The person has.
    ConnectionsOfUser,
    /// The address has.
    ConnectionsOfAddress,
    /// Too many messages.
    Messages,
    /// A message that is too large.
    MessageBytes,
    /// The head of a request that is too large.
    HeadBytes,
    /// The body of a request that is too large.
    BodyBytes,
    /// Too many large bodies are being read.
    Bodies,
    /// A request, or a client's first words, did not come in time.
    Time,
    /// A page of another origin.
    Origin,
    /// The client is not believed.
    Unauthorized,
    /// It can't be told whether it is.
    Unidentified,
}

impl Refusal {
    /// Returns the limit that a socket was closed for.
    pub(crate) fn of(closing: &Closing) -> Option<Self> {
        match closing {
            Closing::TooLarge(_) => Some(Self::MessageBytes),
            Closing::TooManyMessages => Some(Self::Messages),
            Closing::Unauthorized
            | Closing::TooSlow
            | Closing::TooManyConnections
            | Closing::Forbidden
            | Closing::Restarting(_)
            | Closing::Overloaded(_)
            | Closing::InvalidUtf8
            | Closing::Protocol
            | Closing::Silent
            | Closing::Requested => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ConnectionsOfUser => "connections_of_user",
            Self::ConnectionsOfAddress => "connections_of_address",
            Self::Messages => "messages",
            Self::MessageBytes => "message_bytes",
            Self::HeadBytes => "head_bytes",
            Self::BodyBytes => "body_bytes",
            Self::Bodies => "bodies",
            Self::Time => "time",
            Self::Origin => "origin",
            Self::Unauthorized => "unauthorized",
            Self::Unidentified => "unidentified",
        }
    }
}

impl From<Full> for Refusal {
    fn from(full: Full) -> Self {
        match full {
            Full::Node => Self::Connections,
            Full::User => Self::ConnectionsOfUser,
            Full::Address => Self::ConnectionsOfAddress,
        }
    }
}

impl Metrics {
    /// Makes the instruments.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .with_namespace("tickcast")
            .scope_info_enabled(false)
            .without_target_info()
            .build()?;
        let provider = SdkMeterProvider::builder().with_reader(exporter).build();
        let meter = provider.meter("tickcast");
        Ok(Self {
            messages: meter.u64_counter("messages_received").with_description("Messages of clients").build(),
            closes: meter.u64_counter("sockets_closed").with_description("Sockets closed, by close code").build(),
            refusals: meter
                .u64_counter("refusals")
                .with_description("Connections, requests and messages refused, by reason")
                .build(),
            commands: meter
                .f64_histogram("command_duration")
                .with_unit("s")
                .with_description("From a command's arrival to its outcome")
                .with_boundaries(COMMAND_SECONDS.to_vec())
                .build(),
            registry,
            provider,
        })
    }

    /// Measures what an engine and the connections count themselves.
    pub(crate) fn observe(&self, engine: &Arc<Engine>, connections: &Arc<Connections>) {
        let meter = self.provider.meter("tickcast");
        observe_engine(&meter, &Arc::downgrade(engine));
        let seats = Arc::downgrade(connections);
        meter
            .u64_observable_gauge("connections")
            .with_description("Open connections")
            .with_callback(move |gauge| {
                let open = seats.upgrade().map_or(0, |seats| seats.count());
                gauge.observe(open as u64, &[]);
            })
            .build();
    }

    pub(crate) fn message_received(&self) {
        self.messages.add(1, &[]);
    }

    pub(crate) fn socket_closed(&self, code: u16) {
        self.closes.add(1, &[KeyValue::new("code", i64::from(code))]);
    }

    pub(crate) fn refused(&self, why: Refusal) {
        self.refusals.add(1, &[KeyValue::new("reason", why.name())]);
    }

    pub(crate) fn command_done(&self, took: Duration, outcome: &Result<Outcome, ExecuteError>) {
        self.commands.record(took.as_secs_f64(), &[KeyValue::new("outcome", name(outcome))]);
    }

    /// Returns all figures in the Prometheus text format.
    pub(crate) fn text(&self) -> Result<Vec<u8>, String> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text).map_err(|error| error.to_string())?;
        Ok(text)
    }
}

macro_rules! counters {
    ($meter:expr, $engine:expr, $($name:ident: $what:literal),+ $(,)?) => {
        $({
            let engine: Weak<Engine> = Weak::clone($engine);
            $meter
                .u64_observable_counter(stringify!($name))
                .with_description($what)
                .with_callback(move |counter| {
                    if let Some(engine) = engine.upgrade() {
                        counter.observe(engine.stats().$name.get(), &[]);
                    }
                })
                .build();
        })+
    };
}

fn observe_engine(meter: &Meter, engine: &Weak<Engine>) {
    counters!(meter, engine,
        commits: "Commits done",
        conflicts: "Commits lost to a rival",
        repeated: "Commands recognised as repeated",
        late: "Commits refused as decided too long ago",
        stale: "Commits refused because a second had begun since",
        unknown_outcomes: "Commands whose outcome stayed unknown",
        loads: "Boards loaded",
        updates_applied: "Updates of other nodes applied",
        updates_skipped: "Updates known already",
        gaps: "Updates that did not follow their view",
        links_lost: "Times that the link to the store was lost",
        positions_differed: "Views found wrong by comparing positions",
        beats: "Beats shown",
        beats_filled: "Beats shown by the node's own reckoning",
        beats_refused: "Beats not shown because they came late or twice",
        elections_won: "Times that this node began to lead",
        leader_changes: "Times that another node, or this one, began to lead",
        deadlines_fired: "Deadlines carried out",
        deadlines_failed: "Deadlines that could not be carried out when they were due",
    );
    let of_lag = Weak::clone(engine);
    let lag = move || of_lag.upgrade().map_or(0, |engine| engine.stats().beat_lag_ms.get());
    gauge(meter, "beat_lag_milliseconds", "How late the last beat was shown", lag);
    let of_clock = Weak::clone(engine);
    meter
        .u64_observable_counter("clock_steps")
        .with_description("Times that the store's clock was moved by more than a second")
        .with_callback(move |counter| {
            if let Some(engine) = of_clock.upgrade() {
                counter.observe(engine.clock().steps(), &[]);
            }
        })
        .build();
    let of_scopes = Weak::clone(engine);
    let scopes = move || of_scopes.upgrade().map_or(0, |engine| engine.hub().scopes() as u64);
    gauge(meter, "scopes", "Scopes with a view", scopes);
    let of_rooms = Weak::clone(engine);
    let rooms = move || of_rooms.upgrade().map_or(0, |engine| engine.presence().count().0 as u64);
    gauge(meter, "rooms", "Rooms with members on this node", rooms);
    let of_members = Weak::clone(engine);
    let members = move || of_members.upgrade().map_or(0, |engine| engine.presence().count().1 as u64);
    gauge(meter, "members", "Members of rooms on this node", members);
    let of_leader = Weak::clone(engine);
    let leads = move || of_leader.upgrade().map_or(0, |engine| u64::from(engine.leader() == engine.node()));
    gauge(meter, "leader", "1 while this node leads the beat", leads);
}

fn gauge(meter: &Meter, name: &'static str, what: &'static str, value: impl Fn() -> u64 + Send + Sync + 'static) {
    meter
        .u64_observable_gauge(name)
        .with_description(what)
        .with_callback(move |gauge| gauge.observe(value(), &[]))
        .build();
}

/// Names an outcome.
fn name(outcome: &Result<Outcome, ExecuteError>) -> &'static str {
    match outcome {
        Ok(Outcome { made: Made::Change(_), .. }) => "changed",
        Ok(Outcome { made: Made::Nothing, .. }) => "nothing",
        Ok(Outcome { made: Made::Repeated, .. }) => "repeated",
        Err(ExecuteError::Refused(_)) => "refused",
        Err(ExecuteError::Busy) => "busy",
        Err(ExecuteError::Unavailable(_)) => "unavailable",
        Err(ExecuteError::OutcomeUnknown) => "unknown",
        Err(ExecuteError::Damaged(_)) => "damaged",
    }
}
