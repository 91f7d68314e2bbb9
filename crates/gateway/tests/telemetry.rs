//! Telemetry for operators: spans at a real collector, metrics, log lines.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod telemetry {
    mod collectors;
    mod environment;
    mod log_lines;
    mod metrics;
    mod traces;
}
