//! What those who run it see: spans at a real collector, figures, lines of the log.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod telemetry {
    mod collectors;
    mod figures;
    mod lines;
    mod traces;
}
