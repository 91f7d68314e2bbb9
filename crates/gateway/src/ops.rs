//! Operating a node: configuration, telemetry, metrics, probes, the admin API, and the process from start to end.

pub(crate) mod admin;
pub(crate) mod cluster;
pub(crate) mod config;
mod critical_tasks;
pub(crate) mod disconnect;
pub(crate) mod drain;
pub(crate) mod engine_setup;
pub(crate) mod engine_telemetry;
mod host_check;
pub(crate) mod internal;
mod key_reload;
mod memory_release;
pub(crate) mod metrics;
mod restore_check;
pub(crate) mod serve;
pub(crate) mod telemetry;
