//! What the process says of itself.

use std::io::IsTerminal;

use anyhow::{Context, Result};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSettings};

/// The driver's own lines repeat what we say better.
const QUIET: &str = "fred=off";

/// Begins to log.
pub(crate) fn start(settings: &LogSettings) -> Result<()> {
    let filter = EnvFilter::try_new(format!("{QUIET},{}", settings.level)).context("log.level")?;
    // A line that can't be written is lost: to complain on a closed stderr would be a panic.
    let lines = tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false);
    let lines = lines.with_writer(std::io::stderr);
    let started = match settings.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!(error))
}
