//! The log: output, format and level.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use parking_lot::Mutex;
use tokio::time::sleep;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use crate::ops::config::{LogFormat, LogSettings};
use crate::ops::telemetry::log_format::{JsonFormat, TextFormat};
use crate::ops::telemetry::traces::{TraceFilter, is_log_event};

/// Libraries whose log lines repeat those of Tickcast with less context, or describe every frame.
const SILENCED: &str = "fred=off,h2=off,hyper=off,hyper_util=off,tonic=off,tower=off,opentelemetry=off,opentelemetry_sdk=off,opentelemetry-otlp=off";

type Handle = reload::Handle<EnvFilter, Registry>;

/// The log, whose level can be changed.
#[derive(Clone)]
pub(crate) struct Log(Arc<Mutex<LevelState>>);

struct LevelState {
    handle: Handle,
    configured: String,
    current: String,
    /// The number of changes so far: a temporary change is reverted only if no other followed it.
    changes: u64,
}

impl Log {
    /// Starts to log, and to trace if there is a tracer.
    pub(super) fn start(settings: &LogSettings, tracer: Option<&SdkTracerProvider>) -> anyhow::Result<Self> {
        let (filter, handle) = reload::Layer::new(filter(&settings.level)?);
        let filter = filter.and(filter_fn(is_log_event));
        // A line that cannot be written is lost: an error message on a closed stderr would panic.
        let lines = fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
        let lines = match settings.format {
            LogFormat::Text => {
                lines.event_format(TextFormat::new(std::io::stderr().is_terminal())).with_filter(filter).boxed()
            }
            LogFormat::Json => lines.event_format(JsonFormat).with_filter(filter).boxed(),
        };
        let spans = tracer.map(|tracer| {
            let layer = tracing_opentelemetry::layer().with_tracer(tracer.tracer("tickcast"));
            layer.with_location(false).with_threads(false).with_tracked_inactivity(false).with_filter(TraceFilter)
        });
        tracing_subscriber::registry().with(lines).with(spans).try_init()?;
        log_panics();
        let (configured, current) = (settings.level.clone(), settings.level.clone());
        let level = LevelState { handle, configured, current, changes: 0 };
        Ok(Self(Arc::new(Mutex::new(level))))
    }

    /// Returns the current and the configured level.
    pub(crate) fn level(&self) -> (String, String) {
        let level = self.0.lock();
        (level.current.clone(), level.configured.clone())
    }

    /// Changes the level, for a limited time if `lasts` is given. `None` restores the configured level.
    pub(crate) fn set_level(&self, level: Option<&str>, lasts: Option<Duration>) -> anyhow::Result<()> {
        let mut state = self.0.lock();
        let level = level.unwrap_or(&state.configured).to_owned();
        state.change(level)?;
        tracing::warn!(filter = %state.current, ?lasts, "the log level was changed");
        let (log, change) = (self.clone(), state.changes);
        if let Some(lasts) = lasts {
            tokio::spawn(async move {
                sleep(lasts).await;
                log.revert(change);
            });
        }
        Ok(())
    }

    fn revert(&self, change: u64) {
        let mut state = self.0.lock();
        if state.changes != change {
            return;
        }
        let configured = state.configured.clone();
        match state.change(configured) {
            Ok(()) => tracing::warn!(filter = %state.current, "the configured log level applies again"),
            Err(error) => tracing::error!(%error, "cannot restore the configured log level"),
        }
    }
}

impl LevelState {
    fn change(&mut self, level: String) -> anyhow::Result<()> {
        self.handle.reload(filter(&level)?)?;
        self.current = level;
        self.changes += 1;
        Ok(())
    }
}

/// Logs panics in the format of the log.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("the payload is not text");
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(location, "a task has panicked: {message}");
    }));
}

fn filter(level: &str) -> anyhow::Result<EnvFilter> {
    EnvFilter::try_new(format!("{SILENCED},{level}")).map_err(|error| anyhow::anyhow!("log.level: {error}"))
}
