//! The log: where lines go, how they look, and how much is said.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::time::sleep;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use crate::config::{LogFormat, LogSettings};
use crate::telemetry::line::{Json, Text};
use crate::telemetry::traces::{InTraces, is_for_logs};

/// What others say of themselves repeats what we say better, or speaks of every frame.
const QUIET: &str = "fred=off,h2=off,hyper=off,hyper_util=off,tonic=off,tower=off,opentelemetry=off,opentelemetry_sdk=off,opentelemetry-otlp=off";

type Handle = reload::Handle<EnvFilter, Registry>;

/// How much is said, which can be changed.
#[derive(Clone)]
pub(crate) struct Log(Arc<Mutex<Level>>);

struct Level {
    handle: Handle,
    /// As it was configured.
    usual: String,
    now: String,
    /// Counts the changes: one that lasts puts back only itself.
    changes: u64,
}

impl Log {
    /// Begins to log, and to trace if there is what that is done with.
    pub(super) fn start(settings: &LogSettings, tracer: Option<&SdkTracerProvider>) -> anyhow::Result<Self> {
        let (filter, handle) = reload::Layer::new(filter(&settings.level)?);
        let filter = filter.and(filter_fn(is_for_logs));
        // A line that can't be written is lost: to complain on a closed stderr would be a panic.
        let lines = fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
        let lines = match settings.format {
            LogFormat::Text => {
                lines.event_format(Text::new(std::io::stderr().is_terminal())).with_filter(filter).boxed()
            }
            LogFormat::Json => lines.event_format(Json).with_filter(filter).boxed(),
        };
        let spans = tracer.map(|tracer| {
            let layer = tracing_opentelemetry::layer().with_tracer(tracer.tracer("tickcast"));
            layer.with_location(false).with_threads(false).with_tracked_inactivity(false).with_filter(InTraces)
        });
        tracing_subscriber::registry().with(lines).with(spans).try_init()?;
        log_panics();
        let level = Level { handle, usual: settings.level.clone(), now: settings.level.clone(), changes: 0 };
        Ok(Self(Arc::new(Mutex::new(level))))
    }

    /// Returns how much is said, and how much usually is.
    pub(crate) fn level(&self) -> (String, String) {
        let level = self.lock();
        (level.now.clone(), level.usual.clone())
    }

    /// Changes how much is said, for a while if one is given; nothing given is back to the usual.
    pub(crate) fn set_level(&self, wanted: Option<&str>, lasts: Option<Duration>) -> anyhow::Result<()> {
        let mut level = self.lock();
        let wanted = wanted.unwrap_or(&level.usual).to_owned();
        level.change(wanted)?;
        tracing::warn!(filter = %level.now, ?lasts, "how much is logged was changed");
        let (log, change) = (self.clone(), level.changes);
        if let Some(lasts) = lasts {
            tokio::spawn(async move {
                sleep(lasts).await;
                log.put_back(change);
            });
        }
        Ok(())
    }

    fn put_back(&self, change: u64) {
        let mut level = self.lock();
        if level.changes != change {
            return;
        }
        let usual = level.usual.clone();
        match level.change(usual) {
            Ok(()) => tracing::warn!(filter = %level.now, "as much is logged as usual again"),
            Err(error) => tracing::error!(%error, "how much is logged could not be changed back"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Level> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Level {
    fn change(&mut self, wanted: String) -> anyhow::Result<()> {
        self.handle.reload(filter(&wanted)?)?;
        self.now = wanted;
        self.changes += 1;
        Ok(())
    }
}

/// Has a panic told as a line of the log, like everything else.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let told = panic.payload_as_str().unwrap_or("for a reason that is no text");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a task has panicked: {told}");
    }));
}

fn filter(level: &str) -> anyhow::Result<EnvFilter> {
    EnvFilter::try_new(format!("{QUIET},{level}")).map_err(|error| anyhow::anyhow!("log.level: {error}"))
}
